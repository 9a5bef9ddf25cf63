use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::{
    kit::Timestamp,
    ports::{
        Fault, Sent, Transcriber,
        transcriber::{TranscriptOptions, TranscriptOrder, TranscriptState, Utterance},
        webhook::{Event, EventBody, Headers, Refused, WebhookSource},
    },
};

use super::{AssemblyAi, webhook::read};
use crate::testing::{
    Reply, Script,
    contracts::{conforms, graft, odd},
    vectors::vectors,
};

mod live;
mod parts;
#[cfg(feature = "sandbox")]
mod sandboxed;

const AUDIO: &str = "https://cdn.assemblyai.test/upload/1";

fn assemblyai(script: &Arc<Script>) -> AssemblyAi {
    AssemblyAi::builder(script.wires(), SecretString::from("key")).webhook_secret(SecretString::from("s3cret")).build()
}
fn order() -> TranscriptOrder {
    let webhook_url = Some("https://wib.test/hooks/assemblyai".into());
    let language = Some("en-US".into());
    TranscriptOrder { audio_url: AUDIO.into(), channels: 2, language, webhook_url, options: TranscriptOptions::default() }
}
fn transcript(changes: Value) -> Value {
    let mut all = json!({"id": "t1", "status": "completed", "audio_url": AUDIO, "language_code": "en_us",
    "speech_model_used": "universal-3-pro", "audio_duration": 12, "multichannel": true, "text": "Hello. Hi.",
    "confidence": 0.9, "utterances": [
        {"start": 900, "end": 1500, "text": "Hi.", "confidence": 0.25, "channel": "1", "speaker": "1", "words": []},
        {"start": 0, "end": 800, "text": "Hello.", "confidence": 0.9359033333333334, "channel": "2", "speaker": "2", "words": []},
    ]});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}
async fn fetched(changes: Value) -> TranscriptState {
    let script = Script::new([Reply::json(200, transcript(changes))]);
    script.run(assemblyai(&script).fetch("t1")).await.unwrap()
}
async fn done(changes: Value) -> wib_core::ports::transcriber::RawTranscript {
    let TranscriptState::Done(raw) = fetched(changes).await else { panic!("it is done") };
    *raw
}

#[tokio::test]
async fn audio_is_uploaded_as_it_is_and_again_after_a_failure() {
    let script = Script::new([Reply::status(500), Reply::json(200, json!({"upload_url": AUDIO}))]);
    let url = script.run(assemblyai(&script).upload(Bytes::from_static(b"ID3"), "audio/mpeg")).await.unwrap();
    assert_eq!(url, AUDIO);
    let seen = script.seen();
    assert_eq!((seen[1].target.as_str(), &seen[1].body[..]), ("/v2/upload", &b"ID3"[..]));
    assert_eq!(seen[1].header("authorization"), Some("key"));
    assert_eq!(seen[1].header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn an_order_of_two_channels_asks_for_channels_and_of_one_for_labels() {
    let script =
        Script::new([Reply::json(200, json!({"id": "t1", "status": "queued"})), Reply::json(200, json!({"id": "t2"}))]);
    let assemblyai = assemblyai(&script);
    assert_eq!(script.run(assemblyai.submit(&order())).await.unwrap(), "t1");
    let mono = TranscriptOrder { channels: 1, language: None, webhook_url: None, ..order() };
    assert_eq!(script.run(assemblyai.submit(&mono)).await.unwrap(), "t2");
    let bodies: Vec<_> = script.seen().iter().map(crate::testing::Seen::json).collect();
    let both = json!({"audio_url": AUDIO, "speech_models": ["universal-3-pro", "universal-2"], "auto_highlights": true,
        "sentiment_analysis": true, "entity_detection": true, "content_safety": true});
    let with = |more: Value| {
        let mut body = both.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(
        bodies[0],
        with(json!({"multichannel": true, "language_code": "en_us",
        "webhook_url": "https://wib.test/hooks/assemblyai", "webhook_auth_header_name": "Authorization",
        "webhook_auth_header_value": "s3cret"}))
    );
    assert_eq!(bodies[1], with(json!({"speaker_labels": true, "speakers_expected": 2, "language_detection": true})));
    bodies.iter().for_each(|body| conforms("assemblyai", "/v2/transcript", body));
}

#[tokio::test]
async fn an_order_in_doubt_is_not_repeated_but_found() {
    let script = Script::new([Reply::Silence]);
    let error = script.run(assemblyai(&script).submit(&order())).await.unwrap_err();
    assert_eq!((error.sent, script.seen().len()), (Sent::Unknown, 1));
    let item = |id: &str, url: &str| json!({"id": id, "audio_url": url, "status": "queued", "error": null});
    let page =
        |items: Value, prev: Value| Reply::json(200, json!({"page_details": {"prev_url": prev}, "transcripts": items}));
    let script = Script::new([
        page(json!([item("t9", "http://deleted_by_user")]), json!("https://older")),
        page(json!([item("t8", AUDIO), item("t7", AUDIO)]), json!(null)),
        page(json!([]), json!(null)),
    ]);
    let assemblyai = assemblyai(&script);
    assert_eq!(script.run(assemblyai.find(AUDIO)).await.unwrap().as_deref(), Some("t8"));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/v2/transcript?limit=200", "/v2/transcript?limit=200&before_id=t9"]);
    assert_eq!(script.run(assemblyai.find(AUDIO)).await.unwrap(), None);
}

#[tokio::test]
async fn channels_become_customer_and_agent_in_order_of_speech() {
    let raw = done(json!({})).await;
    let say = |speaker: &str, start_ms, end_ms, text: &str, confidence_ppm| Utterance {
        speaker: speaker.into(),
        start_ms,
        end_ms,
        text: text.into(),
        confidence_ppm,
    };
    assert_eq!(raw.utterances, [say("agent", 0, 800, "Hello.", 935_904), say("customer", 900, 1500, "Hi.", 250_000)]);
    assert_eq!((raw.model.as_str(), raw.language.as_str(), raw.audio_ms), ("universal-3-pro", "en-US", 12_000));
}

#[tokio::test]
async fn labels_stay_and_absent_parts_leave_something_sensible() {
    let said = |channel: Value, speaker: Value| json!({"multichannel": channel == json!("x"), "utterances": [{"start": 0, "end": 1, "text": "a", "confidence": "0.5", "channel": null, "speaker": speaker}]});
    let labelled = done(said(json!(null), json!("B"))).await;
    assert_eq!((labelled.utterances[0].speaker.as_str(), labelled.utterances[0].confidence_ppm), ("B", 500_000));
    assert_eq!(done(said(json!("x"), json!("1"))).await.utterances[0].speaker, "customer");
    let whole =
        done(json!({"utterances": null, "speech_model_used": null, "language_code": "pt", "audio_duration": 1.5}))
            .await;
    assert_eq!((whole.utterances.len(), whole.utterances[0].text.as_str()), (1, "Hello. Hi."));
    assert_eq!((whole.model.as_str(), whole.language.as_str(), whole.audio_ms), ("unknown", "pt", 1500));
    let silent = done(json!({"utterances": [], "text": "", "audio_duration": null, "language_code": null})).await;
    assert_eq!((silent.utterances.len(), silent.audio_ms, silent.language.as_str()), (0, 0, "und"));
}

#[tokio::test]
async fn a_transcript_is_done_failed_or_pending() {
    for status in ["queued", "processing", "pondering"] {
        assert_eq!(fetched(json!({"status": status})).await, TranscriptState::Pending);
    }
    let failed = fetched(json!({"status": "error", "error": "Download of 13125550100 failed"})).await;
    assert_eq!(failed, TranscriptState::Failed("Download of [number] failed".into()));
}

#[tokio::test]
async fn deleting_what_is_gone_is_a_success() {
    let script = Script::new([
        Reply::status(200),
        Reply::json(404, json!({"error": "not found"})),
        Reply::json(401, json!({"error": "Invalid API key"})),
    ]);
    let assemblyai = assemblyai(&script);
    script.run(assemblyai.delete("t/1")).await.unwrap();
    script.run(assemblyai.delete("t1")).await.unwrap();
    let error = script.run(assemblyai.delete("t1")).await.unwrap_err();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Credentials, "Invalid API key (set ASSEMBLYAI_API_KEY)"));
    let seen = script.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("DELETE", "/v2/transcript/t%2F1"));
}

#[test]
fn languages_travel_both_ways() {
    for (ours, theirs) in
        [("en-US", "en_us"), ("en-GB", "en_uk"), ("es-MX", "es"), ("pt", "pt"), ("en", "en"), ("EN-nz", "en")]
    {
        assert_eq!(super::wire::language_code(ours), theirs);
    }
}

fn open(header: Option<&str>, secrets: &[&str], headers: &[(&str, &str)]) -> Result<Vec<Event>, Refused> {
    let builder = AssemblyAi::builder(Script::new([]).wires(), SecretString::from("key"));
    let builder = header.into_iter().fold(builder, |builder, name| builder.webhook_header(name));
    let source =
        secrets.iter().fold(builder, |builder, secret| builder.webhook_secret(SecretString::from(*secret))).build();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    source
        .open(&Headers(&headers), br#"{"transcript_id":"t1","status":"completed"}"#, Timestamp::UNIX_EPOCH)
        .map(|o| o.into_events())
}

#[test]
fn the_secret_is_taken_from_the_right_header_only() {
    let own = "x-wib";
    assert!(open(None, &["s"], &[("authorization", "s")]).is_ok());
    assert!(open(None, &["s"], &[("Authorization", "Bearer s")]).is_ok());
    assert!(open(None, &["s"], &[("X-AssemblyAI-Webhook-Secret", "s")]).is_ok());
    assert!(open(Some(own), &["new", "old"], &[("X-Wib", "old")]).is_ok());
    assert_eq!(open(Some(own), &["s"], &[("x-wib", "Bearer s")]).unwrap_err(), Refused::BadSignature);
    assert_eq!(open(Some(own), &["s"], &[("authorization", "s")]).unwrap_err(), Refused::MissingHeaders);
    assert_eq!(open(None, &["s"], &[("authorization", "bearer s")]).unwrap_err(), Refused::BadSignature);
    assert_eq!(open(None, &["s"], &[("authorization", "Bearer ")]).unwrap_err(), Refused::BadSignature);
    assert_eq!(open(None, &[], &[("authorization", "")]).unwrap_err(), Refused::NotConfigured);
    assert_eq!(open(None, &[""], &[("authorization", "")]).unwrap_err(), Refused::NotConfigured);
}

#[test]
fn a_delivery_names_the_transcript_and_its_word() {
    for status in ["completed", "error", "queued"] {
        let body = json!({"transcript_id": "t1", "status": status});
        let event = read(body.to_string().as_bytes()).unwrap();
        let what = EventBody::Transcript { transcript_id: "t1".into(), status: status.into() };
        assert_eq!(event, Event { id: format!("t1:{status}"), body: what });
    }
}

#[test]
fn other_deliveries_are_known_by_their_bytes() {
    let redacted = read(br#"{"status":"redacted_audio_ready","redacted_audio_url":"https://r.test/1"}"#).unwrap();
    let again = read(br#"{"status":"redacted_audio_ready","redacted_audio_url":"https://r.test/2"}"#).unwrap();
    assert_eq!(redacted.body, EventBody::RedactedAudio { url: "https://r.test/1".into() });
    assert_ne!(redacted.id, again.id);
    let lost = read(br#"{"status":"redacted_audio_error"}"#).unwrap();
    assert_eq!(lost.body, EventBody::Other("redacted_audio_error".into()));
    let mut session = read(br#"{"session_id":"s","messages":[]}"#).unwrap();
    assert_eq!(session.body, EventBody::LiveSession { session_id: "s".into() });
    assert!(session.body.forget_secrets(), "its bytes hold what was said");
    for shapeless in [
        &b"[]"[..],
        b"{}",
        br#"{"transcript_id":"","status":"completed"}"#,
        br#"{"transcript_id":"t1"}"#,
        br#"{"status":"completed"}"#,
    ] {
        assert_eq!(read(shapeless).unwrap_err(), Refused::InvalidStructure);
    }
    assert_eq!(read(b"nope").unwrap_err(), Refused::InvalidJson);
}

#[test]
fn every_shared_vector_is_judged_as_it_expects() {
    for vector in vectors("assemblyai") {
        let builder = AssemblyAi::builder(Script::new([]).wires(), SecretString::from("key"));
        let secret = SecretString::from(vector.text("secret"));
        let source = builder.webhook_header(vector.text("header_name")).webhook_secret(secret).build();
        vector.holds(&source);
        let passed = vector.passes(&source);
        assert_eq!(passed.is_ok(), vector.accepted());
        let Ok(events) = passed else { continue };
        let kinds: Vec<_> = events.iter().map(|event| match &event.body {
            EventBody::Transcript { status, .. } => format!("transcript.{status}"),
            EventBody::RedactedAudio { .. } => "redacted_audio".to_owned(),
            EventBody::LiveSession { .. } => "streaming.session".to_owned(),
            other => format!("{other:?}"),
        }).collect();
        let told = vector.text("event_type");
        assert!(told.is_empty() || kinds == [told], "{told}: {kinds:?}");
    }
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let read_transcript = |body: Value| serde_json::from_value::<super::wire::Transcript>(body).unwrap().into_ours();
        let mut body = transcript(json!({}));
        graft(&mut body, &name, &odd);
        prop_assert_eq!(read_transcript(body), read_transcript(transcript(json!({}))));
        for plain in [json!({"transcript_id": "t1", "status": "completed"}), json!({"session_id": "s", "messages": [{}]})] {
            let mut body = plain.clone();
            graft(&mut body, &name, &odd);
            let (grafted, plain) = (read(body.to_string().as_bytes()).unwrap(), read(plain.to_string().as_bytes()).unwrap());
            prop_assert_eq!(grafted.body, plain.body);
        }
    }
}
