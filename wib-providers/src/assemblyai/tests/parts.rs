//! What can be asked of a transcript besides its text, and the vendor's document.

use futures_util::{StreamExt, stream};
use wib_core::ports::{
    LiveTranscriber, VendorError,
    live::TokenLife,
    transcriber::{
        AudioFormat, AudioPieces, EntityKind, LanguageDetection, ListTranscripts, ListedStatus, Pii, RedactedAs,
        RedactedAudio, Redaction, Span, Spelling, Subtitles, Tone, listed,
    },
};

use super::*;
use crate::testing::contract::Proof;

fn span(start_ms: i64, end_ms: i64) -> Span {
    Span { start_ms, end_ms }
}
fn pieces(all: &[&'static str]) -> AudioPieces {
    let all: Vec<_> = all.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    Box::pin(stream::iter(all))
}
fn everything() -> TranscriptOrder {
    let options = TranscriptOptions {
        models: vec!["universal-3-pro".into()],
        speakers: 3,
        detection: LanguageDetection {
            expected: vec!["es-MX".into(), "en-US".into()],
            fallback: Some("en-US".into()),
            switching: true,
            threshold_ppm: Some(500_000),
        },
        from_ms: Some(1_000),
        to_ms: Some(9_000),
        content_safety_percent: Some(60),
        redaction: Some(Redaction {
            kinds: vec![Pii::CardNumber, Pii::CardCode, Pii::SocialSecurityNumber],
            written: RedactedAs::Name,
            audio: Some(AudioFormat::Wav),
        }),
        keyterms: vec!["promise to pay".into()],
        prompt: Some("A call about a debt.".into()),
        spelling: vec![Spelling { from: vec!["wib".into()], to: "WIB".into() }],
        disfluencies: true,
        mask_profanity: true,
        punctuate: false,
        format_text: false,
        speech_threshold_ppm: Some(250_000),
        ..TranscriptOptions::default()
    };
    TranscriptOrder { channels: 1, language: None, options, ..order() }
}

#[tokio::test]
async fn every_option_is_told_in_the_vendors_words() {
    let script = Script::new([Reply::json(200, json!({"id": "t1"}))]);
    script.run(assemblyai(&script).submit(&everything())).await.unwrap();
    let body = script.one().json();
    let expected = json!({
        "audio_url": AUDIO, "speech_models": ["universal-3-pro"], "speaker_labels": true, "speakers_expected": 3,
        "language_detection": true, "language_confidence_threshold": 0.5,
        "language_detection_options": {"expected_languages": ["es", "en_us"], "fallback_language": "en_us", "code_switching": true},
        "audio_start_from": 1000, "audio_end_at": 9000, "auto_highlights": true, "sentiment_analysis": true,
        "entity_detection": true, "content_safety": true, "content_safety_confidence": 60, "redact_pii": true,
        "redact_pii_policies": ["credit_card_number", "credit_card_cvv", "us_social_security_number"],
        "redact_pii_sub": "entity_name", "redact_pii_audio": true, "redact_pii_audio_quality": "wav",
        "keyterms_prompt": ["promise to pay"], "prompt": "A call about a debt.",
        "custom_spelling": [{"from": ["wib"], "to": "WIB"}], "disfluencies": true, "filter_profanity": true,
        "punctuate": false, "format_text": false, "speech_threshold": 0.25,
        "webhook_url": "https://wib.test/hooks/assemblyai", "webhook_auth_header_name": "Authorization",
        "webhook_auth_header_value": "s3cret",
    });
    assert_eq!(body, expected);
    conforms("assemblyai", "/v2/transcript", &body);
}

#[test]
fn every_kind_of_thing_is_one_the_vendor_knows() {
    let Some(contract) = crate::testing::contracts::shared("assemblyai.openapi.json") else { return };
    let theirs = contract["components"]["schemas"]["PiiPolicy"]["enum"].as_array().unwrap();
    let ours: Vec<_> = <Pii as wib_core::kit::text::TextEnum>::ALL.iter().map(|kind| json!(kind.as_str())).collect();
    assert_eq!(&ours, theirs);
}

#[tokio::test]
async fn audio_is_sent_piece_by_piece_once_and_never_more_than_was_allowed() {
    let script = Script::new([Reply::json(200, json!({"upload_url": AUDIO})), Reply::status(503)]);
    let assemblyai = assemblyai(&script);
    assert_eq!(script.run(assemblyai.upload_stream(pieces(&["ID3", "abc"]), 6)).await.unwrap(), AUDIO);
    assert_eq!(&script.one().body[..], b"ID3abc");
    let error = script.run(assemblyai.upload_stream(pieces(&["ID3"]), 6)).await.unwrap_err();
    assert_eq!((error.fault, script.seen().len()), (Fault::Down, 1));
    let error = script.run(assemblyai.upload_stream(pieces(&["ID3", "abcd"]), 6)).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}

#[tokio::test]
async fn what_was_made_of_the_words_comes_in_our_own() {
    let raw = done(json!({
        "words": [{"text": "Hi.", "start": 900, "end": 1500, "confidence": 0.5, "speaker": "1", "channel": "1"},
                  {"text": "Hello.", "start": 0, "end": 800, "confidence": 0.9, "speaker": "2", "channel": "2"}],
        "auto_highlights_result": {"status": "success", "results": [
            {"count": 1, "rank": 0.1, "text": "pay", "timestamps": [{"start": 1, "end": 2}]},
            {"count": 2, "rank": 0.9, "text": "Friday", "timestamps": [{"start": 3, "end": 4}, {"start": 5, "end": 6}]}]},
        "sentiment_analysis_results": [
            {"text": "Hi.", "start": 900, "end": 1500, "sentiment": "POSITIVE", "confidence": 0.8, "channel": "1", "speaker": "1"},
            {"text": "So.", "start": 1, "end": 2, "sentiment": "WRY", "confidence": 0.8, "speaker": null}],
        "entities": [{"entity_type": "money_amount", "text": "$5", "start": 1, "end": 2},
                     {"entity_type": "star", "text": "Sirius", "start": 3, "end": 4}],
        "content_safety_labels": {"status": "success", "summary": {}, "severity_score_summary": {}, "results": [
            {"text": "Damn.", "labels": [{"label": "profanity", "confidence": 0.9, "severity": 0.25}],
             "sentences_idx_start": 0, "sentences_idx_end": 0, "timestamp": {"start": 7, "end": 8}}]},
    }))
    .await;
    let words: Vec<_> = raw.words.iter().map(|w| (w.text.as_str(), w.span, w.speaker.as_deref())).collect();
    assert_eq!(words, [("Hello.", span(0, 800), Some("agent")), ("Hi.", span(900, 1500), Some("customer"))]);
    let weight: Vec<_> = raw.highlights.iter().map(|h| (h.text.as_str(), h.rank_ppm, h.spans.len())).collect();
    assert_eq!(weight, [("Friday", 900_000, 2), ("pay", 100_000, 1)]);
    assert_eq!((&raw.sentiments[0].tone, raw.sentiments[0].speaker.as_deref()), (&Tone::Positive, Some("customer")));
    assert_eq!(raw.sentiments[1].tone, Tone::Other("WRY".into()));
    assert_eq!(raw.entities[0].kind, EntityKind::Known(Pii::MoneyAmount));
    assert_eq!(raw.entities[1].kind, EntityKind::Other("star".into()));
    let label = &raw.content_safety[0].labels[0];
    assert_eq!((label.label.as_str(), label.severity_ppm, raw.content_safety[0].span), ("profanity", 250_000, span(7, 8)));
    let shown = format!("{raw:?} {:?} {:?} {:?}", raw.words, raw.entities, raw.sentiments);
    assert!(!shown.contains("Hello") && !shown.contains("$5"), "{shown}");
}

#[tokio::test]
async fn what_was_deleted_is_no_transcript() {
    let gone = fetched(json!({"audio_url": "http://deleted_by_user", "text": "Deleted by user.", "utterances": null})).await;
    assert_eq!(gone, TranscriptState::Deleted);
}

#[tokio::test]
async fn a_transcript_that_nobody_knows_is_missing_though_the_status_is_400() {
    let unknown = json!({"error": "Transcript lookup error, transcript id not found"});
    let script = Script::new([Reply::json(400, unknown.clone()), Reply::json(400, unknown)]);
    let assemblyai = assemblyai(&script);
    assert_eq!(script.run(assemblyai.fetch("t1")).await.unwrap_err().fault, Fault::Missing);
    script.run(assemblyai.delete("t1")).await.unwrap();
}

#[tokio::test]
async fn pages_are_gone_through_until_the_bound() {
    let item = |id: &str, status: &str| json!({"id": id, "status": status, "created": "2026-02-13T10:00:00.5", "audio_url": AUDIO});
    let page = |items: Vec<Value>, prev: Value| {
        Reply::json(200, json!({"page_details": {"prev_url": prev}, "transcripts": items}))
    };
    let script = Script::new([
        page(vec![item("t4", "completed"), item("t3", "error")], json!("https://older")),
        page(vec![item("t2", "stuck"), item("t1", "queued")], json!("https://older")),
    ]);
    let assemblyai = assemblyai(&script);
    let which = ListTranscripts {
        status: Some(ListedStatus::Failed),
        created_on: Some("2026-02-13".parse().unwrap()),
        limit: Some(2),
        ..ListTranscripts::default()
    };
    let all = listed(&assemblyai, which, 3).map(Result::unwrap).collect::<Vec<_>>();
    let all = script.run(all).await;
    let ids: Vec<_> = all.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["t4", "t3", "t2"]);
    assert_eq!((&all[1].status, &all[2].status), (&ListedStatus::Failed, &ListedStatus::Other("stuck".into())));
    assert_eq!(all[0].created, Some("2026-02-13T10:00:00.5Z".parse().unwrap()));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    let first = "/v2/transcript?limit=2&status=error&created_on=2026-02-13";
    assert_eq!(targets, [first.to_owned(), format!("{first}&before_id=t3")]);
}

#[tokio::test]
async fn a_transcript_is_asked_for_in_other_forms() {
    let said = json!({"text": "Hello.", "start": 0, "end": 800, "confidence": 0.9, "speaker": "2", "channel": "2",
        "words": [{"text": "Hello.", "start": 0, "end": 800, "confidence": 0.9, "speaker": "2", "channel": "2"}]});
    let srt = "1\n00:00:00,000 --> 00:00:00,800\nHello.\n\n";
    let script = Script::new([
        Reply::json(200, json!({"id": "t1", "sentences": [said.clone()]})),
        Reply::json(200, json!({"id": "t1", "paragraphs": [said]})),
        Reply::Answer(200, vec![("content-type", "text/plain".into())], srt.into()),
        Reply::json(200, json!({"id": "t1", "total_count": 1, "matches": [
            {"text": "hello", "count": 1, "timestamps": [[0, 800]], "indexes": [0]}]})),
    ]);
    let assemblyai = assemblyai(&script);
    for passages in [script.run(assemblyai.sentences("t1")).await, script.run(assemblyai.paragraphs("t1")).await] {
        let passages = passages.unwrap();
        assert_eq!((passages[0].text.as_str(), passages[0].span), ("Hello.", span(0, 800)));
        assert_eq!((passages[0].speaker.as_deref(), passages[0].words[0].text.as_str()), (Some("agent"), "Hello."));
    }
    assert_eq!(script.run(assemblyai.subtitles("t1", Subtitles::Srt, Some(32))).await.unwrap(), srt);
    let words = ["hello".to_owned(), "you, too".to_owned()];
    let hits = script.run(assemblyai.search("t1", &words)).await.unwrap();
    assert_eq!((hits[0].text.as_str(), &hits[0].spans[..]), ("hello", &[span(0, 800)][..]));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        [
            "/v2/transcript/t1/sentences",
            "/v2/transcript/t1/paragraphs",
            "/v2/transcript/t1/srt?chars_per_caption=32",
            "/v2/transcript/t1/word-search?words=hello%2Cyou%20%20too",
        ]
    );
}

#[tokio::test]
async fn redacted_audio_is_pending_or_ready_and_its_address_is_not_printed() {
    let script = Script::new([
        Reply::json(202, json!({"status": "redacted_audio_processing"})),
        Reply::json(200, json!({"status": "redacted_audio_ready", "redacted_audio_url": "https://r.test/1"})),
        Reply::json(400, json!({"error": "Redacted audio is no longer available"})),
    ]);
    let assemblyai = assemblyai(&script);
    assert_eq!(script.run(assemblyai.redacted_audio("t1")).await.unwrap(), RedactedAudio::Pending);
    let ready = script.run(assemblyai.redacted_audio("t1")).await.unwrap();
    assert_eq!(ready, RedactedAudio::Ready { url: "https://r.test/1".into() });
    assert!(!format!("{ready:?}").contains("r.test"));
    assert_eq!(script.run(assemblyai.redacted_audio("t1")).await.unwrap_err().fault, Fault::Request);
}

#[tokio::test]
async fn contract_every_request_and_answer_is_as_the_document_says() {
    let Some(proof) = Proof::of("assemblyai") else { return };
    let key = SecretString::from("key");
    let assemblyai = AssemblyAi::builder(proof.wires(), key).webhook_secret(SecretString::from("s")).build();
    let it = &assemblyai;
    let (orders, page) = ([order(), everything()], ListTranscripts { limit: Some(5), ..ListTranscripts::default() });
    let (words, life) = (["pay".to_owned(), "on Friday".to_owned()], TokenLife { seconds: 60, session_seconds: Some(600) });
    proof.run("upload", &[], async || it.upload(Bytes::from_static(b"ID3"), "audio/mpeg").await).await;
    proof.run("upload", &[], async || it.upload_stream(pieces(&["ID3"]), 9).await).await;
    for order in &orders {
        proof.run("submit", &[], async || it.submit(order).await).await;
    }
    proof.run("fetch", &[], async || it.fetch("t1").await).await;
    proof.run("list", &[], async || it.list(&page).await).await;
    proof.run("find", &[], async || it.find("https://a.test").await).await;
    proof.run("sentences", &[], async || it.sentences("t1").await).await;
    proof.run("paragraphs", &[], async || it.paragraphs("t1").await).await;
    proof.run("subtitles", &[], async || it.subtitles("t1", Subtitles::Vtt, Some(40)).await).await;
    proof.run("search", &[], async || it.search("t1", &words).await).await;
    proof.run("redacted audio", &[], async || it.redacted_audio("t1").await).await;
    proof.run("delete", &[], async || it.delete("t1").await).await;
    proof.run("token", &[], async || -> Result<_, VendorError> { it.token(&life).await }).await;
    proof.end(&[
        "delete /lemur/v3/{request_id}",
        "get /lemur/v3/{request_id}",
        "post /chat/completions",
        "post /lemur/v3/generate/question-answer",
        "post /lemur/v3/generate/summary",
        "post /lemur/v3/generate/task",
    ]);
}
