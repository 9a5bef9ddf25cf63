//! Recorded sessions, played again with us in the place of the client.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use wib_core::kit::{Clock, ExposeSecret, time::after};

use super::*;

fn bytes(line: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(line["bytes_b64"].as_str().unwrap()).unwrap()
}
fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.to_owned().into() }))
}
fn message(line: &Value) -> Message {
    match line["kind"].as_str().unwrap() {
        "text" => Message::text(line["json"].to_string()),
        "close" => close(u16::try_from(line["code"].as_u64().unwrap()).unwrap(), line["reason"].as_str().unwrap_or("")),
        other => panic!("{other}"),
    }
}
fn query(url: &str) -> Vec<(String, String)> {
    let pairs = url.split_once('?').unwrap().1.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What we heard in a session that is played again.
#[derive(Default)]
struct Played {
    events: Vec<LiveEvent>,
    failed: Option<VendorError>,
    skipped: u64,
}

/// Plays a session: the vendor's lines as they are, ours through the adapter at the instants of the recording. Holds what
/// the vendor received against what the recording says.
async fn play(name: &str, order: &LiveOrder) -> Option<Played> {
    let lines = lines(&format!("realtime/deepgram-{name}.jsonl"))?;
    let script = Script::new([]);
    let deepgram = deepgram(&script);
    let vendor = async {
        let (request, mut socket) = script.answered().await;
        let asked = query(&request.uri().to_string());
        for pair in query(lines[1]["url"].as_str().unwrap()) {
            assert!(asked.contains(&pair), "{name}: {pair:?} is not in {asked:?}");
        }
        assert_eq!(request.headers()["authorization"], "Token k3y-of-ours");
        let (mut audio, mut recorded) = (Vec::new(), Vec::new());
        for line in &lines[2..] {
            if line["from"] == "vendor" {
                if socket.send(message(line)).await.is_err() {
                    break;
                }
                continue;
            }
            if line["kind"] == "binary" {
                recorded.extend(bytes(line));
                continue;
            }
            loop {
                match socket.next().await.unwrap().unwrap() {
                    Message::Binary(chunk) => audio.extend(chunk),
                    Message::Text(text) => {
                        let said: Value = serde_json::from_str(text.as_str()).unwrap();
                        assert_eq!(said, line["json"], "{name}");
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(audio, recorded, "{name}: audio");
            audio.clear();
            recorded.clear();
        }
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let client = async {
        let started = script.clock.now();
        let LiveStream { audio: mut mouth, turns: mut ear } = deepgram.listen(order).await.unwrap();
        let speak = async {
            for line in lines[2..].iter().filter(|line| line["from"] == "app") {
                script.clock.sleep_until(after(started, Duration::from_millis(line["t_ms"].as_u64().unwrap()))).await;
                match (line["kind"].as_str().unwrap(), line["json"]["type"].as_str()) {
                    ("binary", _) => mouth.push(&bytes(line)).await.unwrap(),
                    (_, Some("Finalize")) => mouth.end_turn().await.unwrap(),
                    (_, Some("CloseStream")) => mouth.terminate().await.unwrap(),
                    // The adapter says that by itself.
                    (_, Some("KeepAlive")) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        let mut played = Played::default();
        let hear = async {
            loop {
                match ear.next().await {
                    Ok(Some(event)) => played.events.push(event),
                    Ok(None) => break,
                    Err(error) => {
                        played.failed = Some(error);
                        break;
                    }
                }
            }
        };
        tokio::join!(speak, hear);
        played.skipped = ear.skipped();
        played
    };
    Some(script.run(async { tokio::join!(client, vendor).0 }).await)
}

#[tokio::test]
async fn a_session_of_a_phone_call_is_heard_as_it_was_recorded() {
    let turns = LiveChange { max_silence_ms: Some(300), ..LiveChange::default() };
    let order = LiveOrder { formatted: true, turns, ..phone() };
    let Some(played) = play("listen-v1", &order).await else { return };
    assert_eq!((played.failed.is_none(), played.skipped), (true, 0));
    let LiveEvent::Began { session, expires_at: None } = &played.events[0] else { panic!("{:?}", played.events[0]) };
    assert_eq!(session.len(), 32, "the handshake did not name it");
    assert_eq!(played.events[1], LiveEvent::SpeechStarted { at_ms: 80, confidence_ppm: 1_000_000 });
    assert_eq!(*played.events.last().unwrap(), LiveEvent::Ended { audio_ms: 2_400, session_ms: 2_400 });
    let told: Vec<&Turn> = turns_of(&played.events).collect();
    let shown: Vec<_> =
        told.iter().map(|turn| (turn.order, turn.text.as_str(), turn.words.len(), turn.ended, turn.formatted)).collect();
    assert_eq!(
        shown,
        [
            (0, "", 1, false, false),
            (0, "hello there", 2, false, false),
            (0, "hello there how are you", 5, true, false),
            (0, "hello there how are you", 5, true, true),
        ]
    );
    let (first, heard, written) = (&told[0].words[0], &told[2].words[4], &told[3].words[4]);
    assert!(!first.settled && heard.settled);
    assert_eq!((heard.text.as_str(), written.text.as_str()), ("you", "You"));
    assert_eq!((heard.span.start_ms, heard.span.end_ms, heard.confidence_ppm), (1_720, 2_000, 990_000));
}

fn turns_of(events: &[LiveEvent]) -> impl Iterator<Item = &Turn> {
    events.iter().filter_map(|event| if let LiveEvent::Turn(turn) = event { Some(turn) } else { None })
}

#[tokio::test]
async fn a_session_that_was_left_without_a_word_may_be_tried_again() {
    let Some(played) = play("listen-v1-idle-close", &phone()).await else { return };
    let error = played.failed.unwrap();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Timeout, Some("1011")));
    assert!(error.retryable());
}

/// Opens a stream whose far end says these things, and gives what comes of it.
async fn told(said: Vec<Message>) -> (Vec<Result<Option<LiveEvent>, VendorError>>, u64) {
    let script = Script::new([]);
    let deepgram = deepgram(&script);
    let vendor = async {
        let (_, mut socket) = script.answered().await;
        for message in said {
            let _ = socket.send(message).await;
        }
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let client = async {
        let mut stream = deepgram.listen(&phone()).await.unwrap();
        let mut outcomes = Vec::new();
        loop {
            let outcome = stream.turns.next().await;
            let over = !matches!(outcome, Ok(Some(_)));
            outcomes.push(outcome);
            if over {
                return (outcomes, stream.turns.skipped());
            }
        }
    };
    script.run(async { tokio::join!(client, vendor).0 }).await
}
fn results(changes: Value) -> Value {
    let mut results = json!({
        "type": "Results", "channel_index": [0, 1], "start": 0.0, "duration": 1, "is_final": true, "speech_final": true,
        "channel": {"alternatives": [{"transcript": "a", "confidence": 1, "languages": ["es"], "words": [
            {"word": "a", "start": 0.1, "end": 0.25, "confidence": 0.5, "speaker": 1, "new": {}},
        ]}]},
    });
    results.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    results
}
fn said(all: &[Value]) -> Vec<Message> {
    all.iter().map(|one| Message::text(one.to_string())).collect()
}

#[tokio::test]
async fn what_nobody_knows_is_passed_over_and_counted() {
    let odd = ["{\"type\":\"Weather\"}", "nonsense", "{\"type\":\"Results\"}", "[]", "{\"type\":\"UtteranceEnd\"}"];
    let other = said(&[results(json!({"channel_index": [1, 2]})), results(json!({"start": "soon"}))]);
    let odd = odd.map(Message::text).to_vec();
    let all = [odd, other, vec![Message::binary(vec![1, 2])], said(&[results(json!({}))]), vec![close(1000, "")]];
    let (outcomes, skipped) = told(all.concat()).await;
    let Ok(Some(LiveEvent::Turn(turn))) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!((turn.text.as_str(), turn.language.as_deref(), turn.speaker.as_deref()), ("a", Some("es"), Some("1")));
    assert_eq!((turn.words[0].span.end_ms, turn.words[0].confidence_ppm), (250, 500_000));
    assert!(matches!(outcomes[2], Ok(None)), "{outcomes:?}");
    assert_eq!(skipped, 8);
}

#[tokio::test]
async fn the_last_words_are_told_before_the_end_though_nobody_said_that_they_were() {
    let piece = results(json!({"speech_final": false}));
    let end = json!({"type": "Metadata", "duration": 1.5});
    let (outcomes, _) = told([said(&[piece.clone(), end]), vec![close(1000, "")]].concat()).await;
    let Ok(Some(LiveEvent::Turn(turn))) = &outcomes[2] else { panic!("{outcomes:?}") };
    assert!(turn.ended && turn.text == "a");
    assert_eq!(outcomes[3].as_ref().unwrap(), &Some(LiveEvent::Ended { audio_ms: 1_500, session_ms: 1_500 }));
    assert!(matches!(outcomes[4], Ok(None)));
    let (outcomes, _) = told([said(&[piece]), vec![close(1000, "")]].concat()).await;
    assert!(matches!(&outcomes[2], Ok(Some(LiveEvent::Turn(turn))) if turn.ended), "{outcomes:?}");
}

#[tokio::test]
async fn a_stream_of_garbage_is_given_up_and_a_failure_is_told_without_our_key() {
    let (outcomes, _) = told(vec![Message::text("{"); 20]).await;
    assert_eq!(outcomes.last().unwrap().as_ref().unwrap_err().fault, Fault::Nonsense);
    for failure in [
        json!({"type": "Error", "description": "No model for k3y-of-ours at +1 312 555 0100", "variant": "X"}),
        json!({"err_code": "X", "err_msg": "No model for k3y-of-ours at +1 312 555 0100"}),
    ] {
        let (outcomes, _) = told(said(&[failure])).await;
        let error = outcomes.last().unwrap().as_ref().unwrap_err();
        assert_eq!((error.fault, error.message.as_str()), (Fault::Down, "No model for [key] at +[number]"));
    }
    for (code, fault) in [(1008, Fault::Request), (1011, Fault::Timeout), (1012, Fault::Down)] {
        let (outcomes, _) = told(vec![close(code, "for k3y-of-ours")]).await;
        let error = outcomes.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.fault, fault, "{code}");
        assert!(!format!("{error} {error:?}").contains("k3y-of-ours"));
    }
}

#[tokio::test]
async fn an_order_that_the_vendor_would_refuse_never_leaves() {
    let script = Script::new([]);
    let deepgram = deepgram(&script);
    let sure = LiveChange { confidence_ppm: Some(1), ..LiveChange::default() };
    for wrong in [LiveOrder { sample_rate: 0, ..phone() }, LiveOrder { turns: sure, ..phone() }] {
        let error = deepgram.listen(&wrong).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    }
}

/// What is asked of the vendor when a stream is opened.
async fn asked(deepgram: &Deepgram, script: &Arc<Script>, order: &LiveOrder) -> String {
    let asked = async {
        let (_, answered) = tokio::join!(deepgram.listen(order), script.answered());
        answered.0.uri().to_string()
    };
    script.run(asked).await
}

#[tokio::test]
async fn an_order_is_told_in_the_query_in_words_of_the_vendors_own_document() {
    let script = Script::new([]);
    let ours = deepgram(&script);
    let full = LiveOrder {
        encoding: Encoding::S16le,
        sample_rate: 16_000,
        language: None,
        keyterms: vec!["promise to pay".into(), "Dana".into()],
        formatted: true,
        speakers: Some(2),
        turns: LiveChange { min_silence_ms: Some(300), max_silence_ms: Some(1_400), ..LiveChange::default() },
        ..phone()
    };
    let told = asked(&ours, &script, &full).await;
    assert_eq!(
        told,
        "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&channels=1&language=multi&interim_results=true\
         &endpointing=1400&utterance_end_ms=1400&vad_events=true&smart_format=true&mip_opt_out=true&diarize=true\
         &keyterm=promise%20to%20pay&keyterm=Dana"
    );
    let bare = asked(&ours, &script, &phone()).await;
    assert!(bare.contains("&language=en-US&") && bare.contains("&endpointing=1000&utterance_end_ms=1000&"), "{bare}");
    let short = LiveChange { min_silence_ms: Some(200), ..LiveChange::default() };
    let old = Deepgram::builder(script.wires(), SecretString::from("k")).model("nova-2").learns(true).build();
    let old = asked(&old, &script, &LiveOrder { keyterms: vec!["Dana".into()], turns: short, ..phone() }).await;
    assert!(old.contains("model=nova-2&") && old.ends_with("&mip_opt_out=false&keywords=Dana"), "{old}");
    assert!(old.contains("&endpointing=200&utterance_end_ms=1000&"), "{old}");
    let Some(document) = shared("realtime/deepgram.asyncapi.json") else { return };
    let mut schema = document["channels"]["/v1/listen"]["bindings"]["ws"]["query"].clone();
    schema["components"] = document["components"].clone();
    schema["additionalProperties"] = json!(false);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for told in [told, bare, old] {
        let pairs: Value = query(&told).into_iter().map(|(name, value)| (name, json!(value))).collect::<serde_json::Map<_, _>>().into();
        let faults: Vec<_> = validator.iter_errors(&pairs).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?} {told}");
    }
}

#[tokio::test]
async fn languages_have_regions_only_where_the_vendor_tells_them_apart() {
    let script = Script::new([]);
    let deepgram = deepgram(&script);
    for (ours, theirs) in [("en-US", "en-US"), ("en-us", "en-US"), ("es-MX", "es"), ("es-419", "es-419"), ("fr", "fr")] {
        let told = asked(&deepgram, &script, &LiveOrder { language: Some(ours.into()), ..phone() }).await;
        assert!(told.contains(&format!("&language={theirs}&")), "{told}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed_on_the_way_and_no_change_is_none() {
    let script = Script::new([]);
    let deepgram = deepgram(&script);
    let order = phone();
    let (stream, _answered) = script.run(async { tokio::join!(deepgram.listen(&order), script.answered()) }).await;
    let mut stream = stream.unwrap();
    stream.audio.update(&LiveChange::default()).await.unwrap();
    for change in [
        LiveChange { confidence_ppm: Some(1), ..LiveChange::default() },
        LiveChange { max_silence_ms: Some(500), ..LiveChange::default() },
        LiveChange { keyterms: Some(vec![]), ..LiveChange::default() },
    ] {
        let error = stream.audio.update(&change).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    }
}

#[tokio::test]
async fn a_token_is_granted_for_a_while_and_never_printed() {
    let script = Script::new([
        Reply::json(200, json!({"access_token": "t0ken", "expires_in": 29.9})),
        Reply::json(200, json!({"access_token": "t0ken"})),
        Reply::json(403, json!({"err_code": "FORBIDDEN", "err_msg": "k3y-of-ours may not."})),
    ]);
    let deepgram = deepgram(&script);
    for (asked, sent, good) in [(30, 30, 29), (100_000, 3_600, 3_600)] {
        let life = TokenLife { seconds: asked, session_seconds: Some(30) };
        let token = script.run(deepgram.token(&life)).await.unwrap();
        assert_eq!((token.token.expose_secret(), token.seconds), ("t0ken", good));
        assert!(!format!("{token:?}").contains("t0ken"));
        let seen = script.one();
        assert_eq!((seen.target.as_str(), seen.header("authorization")), ("/v1/auth/grant", Some("Token k3y-of-ours")));
        assert_eq!(seen.json(), json!({"ttl_seconds": sent}));
    }
    let error = script.run(deepgram.token(&TokenLife { seconds: 1, session_seconds: None })).await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Credentials, Some("FORBIDDEN")));
    assert_eq!(error.message, "[key] may not. (set DEEPGRAM_API_KEY)");
}

#[tokio::test]
async fn contract_what_is_asked_and_answered_fits_the_document() {
    let Some(proof) = Proof::of("deepgram") else { return };
    let deepgram = Deepgram::builder(proof.wires(), SecretString::from("k")).build();
    let life = TokenLife { seconds: 60, session_seconds: None };
    proof.run("token", &[], async || deepgram.token(&life).await).await;
    let probe = deepgram.client.probe(wib_core::ports::Port::LiveTranscriber, "/v1/projects", "");
    proof.run("probe", &[], async || (probe.ask)().await).await;
    // Recordings, speech and accounts are not this adapter's.
    proof.end(&[
        "get /v1/models",
        "get /v1/models/{model_id}",
        "get /v1/projects/{project_id}/balances",
        "post /v1/listen",
        "post /v1/speak",
    ]);
}
