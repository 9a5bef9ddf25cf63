//! Transcripts in other languages: whole or not at all, assistive, named in the manifest by hash.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use wib_core::{
    ai::Guarded,
    calls::{CallExport, StartCall},
    engine::Topic,
    kit::{Kind, canonical},
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{Completion, Prompt},
    },
    translation::Language,
};

use crate::stage::{Stage, magic, phone};

/// A model that puts a word in front of every line; it analyses nothing.
#[derive(Debug, Default)]
struct Model {
    asked: Mutex<Vec<String>>,
    failures: AtomicUsize,
    nonsense: AtomicUsize,
}
impl Model {
    fn failing(times: usize) -> Arc<Self> {
        Arc::new(Self { failures: times.into(), ..Self::default() })
    }
}
fn spent(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
}
#[async_trait]
impl Llm for Model {
    fn vendor(&self) -> &'static str {
        "model"
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        let text = if prompt.instructions.contains("translate") {
            if spent(&self.failures) {
                return Err(VendorError::new("model", Fault::Down, Sent::Unknown, "down"));
            }
            let asked: String = prompt.guarded().map(Guarded::text).collect();
            self.asked.lock().unwrap().push(asked.clone());
            let mut lines: Vec<Value> = asked
                .lines()
                .filter_map(|line| line.split_once("| "))
                .map(|(n, text)| json!({"n": n.parse::<i64>().unwrap(), "text": format!("<{text}>")}))
                .collect();
            if spent(&self.nonsense) {
                lines.pop();
            }
            json!({"lines": lines}).to_string()
        } else {
            json!({"summary": "A call.", "sentiment": "neutral", "findings": []}).to_string()
        };
        Ok(Completion {
            vendor: "model".to_owned(),
            model: "m1".to_owned(),
            text,
            input_tokens: 10,
            output_tokens: 20,
            cost_micros: Some(3),
            price_book: Some("p".to_owned()),
            ..Completion::default()
        })
    }
}

async fn stage(model: &Arc<Model>) -> Stage {
    let model = model.clone();
    Stage::with(crate::stage::NOON, 1, |builder, _| builder.llm(model)).await
}
async fn sealed(stage: &Stage, number: u8, translate_to: Option<Language>) -> CallExport {
    let account = stage.account(&magic(number)).await;
    let wish = StartCall { account_id: Some(account.id), translate_to, ..StartCall::default() };
    let call = stage.org.start_call(wish).await.unwrap();
    stage.sealed(call.id).await
}
fn artifacts(export: &CallExport) -> Vec<wib_core::evidence::Artifact> {
    let manifest = export.evidence.as_ref().unwrap().call().unwrap();
    manifest.artifacts.iter().filter(|a| a.kind == "translation").cloned().collect()
}

#[tokio::test]
async fn a_call_that_wants_it_is_sealed_with_its_transcript_in_the_other_language() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, Some(Language::Fr)).await;
    let ([transcript], [translation]) = (&export.transcripts[..], &export.translations[..]) else { panic!("one each") };
    assert_eq!((translation.transcript_id, &translation.transcript_hash), (transcript.id, &transcript.transcript_hash));
    assert_eq!((translation.version, translation.target_language), (1, Language::Fr));
    assert_eq!(translation.utterances.0.len(), transcript.utterances.0.len());
    for (said, translated) in transcript.utterances.0.iter().zip(&translation.utterances.0) {
        assert_eq!(translated.text, format!("<{}>", said.text), "private data is back in its place");
        assert_eq!((&translated.speaker, translated.start_ms), (&said.speaker, said.start_ms));
    }
    let [artifact] = &artifacts(&export)[..] else { panic!("it is named in the manifest") };
    assert_eq!(artifact.hash, Some(canonical::hash(&translation.utterances).unwrap()));
    assert_eq!(artifact.inputs, std::slice::from_ref(&transcript.transcript_hash));
    assert_eq!((artifact.standing.as_str(), artifact.produced_by.as_str()), ("assistive", "model"));
    let used = export.usage.iter().filter(|u| u.source.starts_with("translation:")).count();
    assert_eq!(used, 2, "tokens in and out");
}

#[tokio::test]
async fn the_same_language_is_copied_and_asks_nobody() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, Some(Language::En)).await;
    let translation = &export.translations[0];
    assert!(translation.is_copy() && translation.utterances == export.transcripts[0].utterances);
    assert!(model.asked.lock().unwrap().is_empty());
    assert_eq!(artifacts(&export)[0].produced_by, "system");
}

#[tokio::test]
async fn a_call_that_wants_none_has_none() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, None).await;
    assert!(export.translations.is_empty() && artifacts(&export).is_empty());
}

#[tokio::test]
async fn a_vendor_that_fails_a_while_or_answers_nonsense_is_asked_again() {
    let model = Arc::new(Model { failures: 1.into(), nonsense: 1.into(), ..Model::default() });
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, Some(Language::De)).await;
    assert_eq!(export.translations.len(), 1);
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_vendor_that_goes_on_failing_leaves_no_row_a_dead_letter_and_a_line_and_may_be_asked_later() {
    let model = Model::failing(4);
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, Some(Language::Ko)).await;
    assert!(export.translations.is_empty());
    assert!(export.timeline.iter().any(|e| e.event_type == "translation.unavailable"));
    let dead = stage.wib.system().dead_letters(10).await.unwrap();
    let [letter] = &dead[..] else { panic!("one: {dead:?}") };
    assert!(letter.topic == Topic::Translate && letter.last_error.as_ref().is_some_and(|e| e.contains("model")));
    assert!(stage.wib.system().replay(letter.id).await.unwrap());
    stage.work().await;
    stage.pass(60);
    stage.work().await;
    let export = stage.export(export.call.id).await;
    assert_eq!(export.translations.len(), 1);
    assert_eq!(artifacts(&export).len(), 1, "the call is sealed again, with it");
    assert_eq!(export.evidence.unwrap().call().unwrap().version, 2);
}

#[tokio::test]
async fn a_member_asks_for_more_languages_and_for_another_try() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, None).await;
    let id = export.call.id;
    for (language, version) in [(Language::Ja, 1), (Language::Ja, 2), (Language::Ar, 1)] {
        assert_eq!(stage.org.translate_call(id, language).await.unwrap(), 1);
        assert_eq!(stage.org.translate_call(id, language).await.unwrap(), 1, "while it is on its way it is the same");
        stage.work().await;
        stage.pass(1);
        let newest = stage.org.translations(id).await.unwrap().pop().unwrap();
        assert_eq!((newest.target_language, newest.version), (language, version));
    }
    stage.pass(60);
    stage.work().await;
    assert_eq!(artifacts(&stage.export(id).await).len(), 3);
    let busy = stage.start(&stage.account(&magic(2)).await).await.unwrap();
    assert_eq!(stage.org.translate_call(busy.id, Language::Ja).await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_card_is_in_no_prompt_and_in_no_translation() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 15, Some(Language::Es)).await;
    let cards = stage.sandbox.spoken_cards(&magic(15));
    assert!(!cards.is_empty() && !export.translations.is_empty());
    let all = format!("{:?} {:?}", model.asked.lock().unwrap(), export.translations);
    let digits: String = all.chars().filter(char::is_ascii_digit).collect();
    for card in cards {
        assert!(!digits.contains(&card.number), "a card's number");
    }
    assert!(phone(&magic(15)).as_str().starts_with('+'));
}

#[tokio::test]
async fn what_retention_takes_from_a_transcript_goes_from_its_translations() {
    let model = Arc::new(Model::default());
    let stage = stage(&model).await;
    let export = sealed(&stage, 5, Some(Language::Pt)).await;
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.blank_transcript(export.transcripts[0].id).await.unwrap();
    tx.commit().await.unwrap();
    stage.org.translate_call(export.call.id, Language::It).await.unwrap();
    stage.work().await;
    let after = stage.org.translations(export.call.id).await.unwrap();
    assert!(after.iter().all(|t| t.target_language != Language::It), "nothing is made of what is gone");
}
