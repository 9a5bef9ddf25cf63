use std::collections::BTreeSet;

use serde_json::json;

use super::{Language, OURS, Translation, prompt::Texts};
use crate::{
    ai::{
        self,
        payment::{self, Turn},
    },
    calls::{CallEvent, CallId, seal_again},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Result, canonical, time::Timestamp},
    live::LiveKind,
    orgs::OrganizationId,
    ports::{llm::Completion, transcriber::Utterance},
    store::{OrgTx, Repo},
    transcripts::{Transcript, TranscriptId, Utterances},
    usage::{Usage, UsageKind},
    wib::Wib,
};

/// Most utterances that a model is given at once.
const LINES: usize = 20;
/// Characters after which a batch is full.
const FULL: usize = 3000;

/// What the timeline's line of a translation is known by.
pub(crate) fn source(transcript: TranscriptId, language: Language, version: i64) -> String {
    format!("translation:{transcript}:{language}:{version}")
}

/// What the timeline's line is known by when there will be none.
pub(crate) fn unavailable(transcript: TranscriptId, language: Language, version: i64) -> String {
    format!("no_{}", source(transcript, language, version))
}

/// Asks for a translation, once per version.
pub(crate) async fn ask(
    tx: &mut dyn OrgTx,
    transcript: &Transcript,
    language: Language,
    version: i64,
    run_at: Timestamp,
) -> Result<()> {
    let payload = json!({
        "call_id": transcript.call_id, "transcript_id": transcript.id, "language": language, "version": version,
    });
    let key = format!("{}:{language}:{version}", transcript.id);
    tx.enqueue(&NewMessage { topic: Topic::Translate, key, payload, run_at }).await.map(drop)
}

/// What a message asks for.
struct Wish {
    organization: OrganizationId,
    transcript: TranscriptId,
    language: Language,
    version: i64,
}
impl Wish {
    fn of(message: &Message) -> Result<Self> {
        Ok(Self {
            organization: message
                .organization_id
                .ok_or_else(|| Error::internal("a translation has no organization"))?,
            transcript: message.payload_field("transcript_id")?,
            language: message.payload_field("language")?,
            version: message.payload_field("version")?,
        })
    }
    async fn made(&self, tx: &mut dyn OrgTx, transcript: &Transcript) -> Result<bool> {
        let made = tx.translations_of_call(transcript.call_id).await?;
        let same = |t: &Translation| {
            t.transcript_id == self.transcript && t.target_language == self.language && t.version == self.version
        };
        Ok(made.iter().any(same))
    }
    fn event(&self, wib: &Wib, transcript: &Transcript, translation: Option<&Translation>) -> CallEvent {
        let (source, event_type) = match translation {
            Some(_) => (source(self.transcript, self.language, self.version), "translation.completed"),
            None => (unavailable(self.transcript, self.language, self.version), "translation.unavailable"),
        };
        let event_data = json!({
            "transcript_id": self.transcript, "language": self.language, "version": self.version,
            "translation_id": translation.map(|t| t.id), "vendor": translation.map(|t| &t.vendor),
        });
        CallEvent {
            id: wib.id(),
            call_id: transcript.call_id,
            source,
            event_type: event_type.to_owned(),
            event_data,
            at: wib.now(),
        }
    }
}

/// What came of the model.
struct Made {
    utterances: Utterances,
    answers: Vec<Completion>,
}

/// Translates a transcript and keeps the translation, whole or not at all.
pub(crate) async fn translate(wib: &Wib, message: &Message) -> Result<Done> {
    let wish = Wish::of(message)?;
    let mut tx = wib.store.org(wish.organization).await?;
    let transcript: Transcript = tx.find(wish.transcript).await?.or_not_found("transcript")?;
    if wish.made(&mut *tx, &transcript).await? {
        return Ok(Done::Ack);
    }
    if canonical::hash(&transcript.utterances)? != transcript.transcript_hash {
        // Its words were taken away meanwhile.
        tx.note_event(&wish.event(wib, &transcript, None)).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    }
    drop(tx);
    let made = if wish.language.speaks(&transcript.language) {
        Made { utterances: transcript.utterances.clone(), answers: vec![] }
    } else {
        by_model(wib, &wish, &transcript).await?
    };
    let mut tx = wib.store.org(wish.organization).await?;
    let call = tx.lock_call(transcript.call_id).await?.or_not_found("call")?;
    // Held: two workers write one, and words that were taken away since stay away.
    let now_there: Transcript = Repo::find(&mut *tx, transcript.id).await?.or_not_found("transcript")?;
    if wish.made(&mut *tx, &transcript).await? {
        return Ok(Done::Ack);
    }
    if now_there.utterances != transcript.utterances {
        tx.note_event(&wish.event(wib, &transcript, None)).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    }
    let translation = Translation {
        id: wib.id(),
        call_id: call.id,
        transcript_id: transcript.id,
        transcript_version: transcript.version,
        transcript_hash: transcript.transcript_hash.clone(),
        version: wish.version,
        source_language: transcript.language.clone(),
        target_language: wish.language,
        vendor: named(&made.answers, |c| &c.vendor, OURS),
        model: named(&made.answers, |c| &c.model, "copy"),
        translation_hash: canonical::hash(&made.utterances)?,
        utterances: made.utterances,
        live: if made.answers.is_empty() { transcript.live } else { made.answers.iter().all(|c| c.live) },
        created_at: wib.now(),
    };
    tx.insert(&translation).await?;
    tx.tell(LiveKind::Translation, translation.call_id, translation.id.uuid());
    let source = source(translation.transcript_id, translation.target_language, translation.version);
    for usage in usages(wib, call.id, &source, &made.answers) {
        tx.note_usage(&usage).await?;
    }
    tx.note_event(&wish.event(wib, &transcript, Some(&translation))).await?;
    seal_again(wib, &mut *tx, call.id, &format!("translation:{}", translation.id)).await?;
    tx.commit().await?;
    wib.wake();
    Ok(Done::Ack)
}

/// The product goes on without the translation, and the timeline says so; the dead letter can be replayed.
pub(crate) async fn give_up(wib: &Wib, message: &Message) -> Result<()> {
    let wish = Wish::of(message)?;
    let mut tx = wib.store.org(wish.organization).await?;
    let transcript: Transcript = tx.find(wish.transcript).await?.or_not_found("transcript")?;
    tx.note_event(&wish.event(wib, &transcript, None)).await?;
    tx.commit().await
}

async fn by_model(wib: &Wib, wish: &Wish, transcript: &Transcript) -> Result<Made> {
    let said = &transcript.utterances.0[..];
    let (mut utterances, mut answers) = (Vec::with_capacity(said.len()), vec![]);
    for batch in batches(said) {
        let said: Vec<&str> = batch.iter().map(|utterance| utterance.text.as_str()).collect();
        let asked = Texts::new(&said);
        let answer = ai::ask(wib, wish.organization, Some(transcript.call_id), &asked.prompt(wish.language)).await?;
        let texts = asked.read(&answer.text)?.texts;
        let text = |(u, text): (&Utterance, String)| Utterance { text, ..u.clone() };
        utterances.extend(batch.iter().zip(texts).map(text));
        answers.push(answer);
    }
    // What is masked stays masked, whatever a model writes.
    let turn = |u: &Utterance| (u.speaker.clone(), u.text.clone());
    let lines: Vec<_> = utterances.iter().map(turn).collect();
    let turns: Vec<_> = lines.iter().map(|(speaker, text)| Turn { speaker, text, masked: false }).collect();
    for (utterance, text) in utterances.iter_mut().zip(payment::scrub(&turns).texts) {
        utterance.text = text;
    }
    Ok(Made { utterances: Utterances(utterances), answers })
}

/// Utterances in groups that a model can take at once.
fn batches(said: &[Utterance]) -> Vec<&[Utterance]> {
    let (mut out, mut start, mut size) = (vec![], 0, 0);
    for (at, utterance) in said.iter().enumerate() {
        let more = utterance.text.chars().count();
        if at > start && (at - start >= LINES || size + more > FULL) {
            out.push(&said[start..at]);
            (start, size) = (at, 0);
        }
        size += more;
    }
    if start < said.len() {
        out.push(&said[start..]);
    }
    out
}

/// What the answers of models cost, for the call.
pub(crate) fn usages(wib: &Wib, call_id: CallId, source: &str, answers: &[Completion]) -> Vec<Usage> {
    let Some(first) = answers.first() else { return vec![] };
    let total = |of: fn(&Completion) -> i64| answers.iter().map(of).fold(0i64, i64::saturating_add);
    // One price that is unknown makes the sum unknown.
    let cost = answers.iter().map(|c| c.cost_micros).sum::<Option<i64>>();
    let row = |kind, quantity, cost_micros| Usage {
        id: wib.id(),
        call_id,
        source: source.to_owned(),
        kind,
        quantity,
        vendor: named(answers, |c| &c.vendor, OURS),
        cost_micros,
        price_book: first.price_book.clone(),
        live: answers.iter().all(|c| c.live),
        at: wib.now(),
    };
    vec![
        row(UsageKind::InputTokens, total(|c| c.input_tokens), cost.map(|_| 0)),
        row(UsageKind::OutputTokens, total(|c| c.output_tokens), cost),
    ]
}

/// The names that answers go by; ours when there are none.
fn named(answers: &[Completion], of: fn(&Completion) -> &str, ours: &str) -> String {
    let names: BTreeSet<_> = answers.iter().map(of).collect();
    if names.is_empty() { ours.to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Utterance {
        Utterance { speaker: "customer".to_owned(), start_ms: 0, end_ms: 1, text: text.to_owned(), confidence_ppm: 1 }
    }

    #[test]
    fn every_utterance_is_in_one_batch_and_in_order() {
        let many: Vec<_> = (0..95).map(|n| said(&"x".repeat(n * 20))).collect();
        let batches = batches(&many);
        assert!(batches.len() > 95 / LINES && batches.iter().all(|b| !b.is_empty() && b.len() <= LINES));
        assert_eq!(batches.concat(), many);
        for batch in &batches[..batches.len() - 1] {
            assert!(batch.len() == 1 || batch.iter().map(|u| u.text.len()).sum::<usize>() <= FULL);
        }
        assert!(super::batches(&[]).is_empty());
    }
}
