//! Recorded sessions of streaming, played again with us in the place of the client.

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use wib_core::{
    kit::ExposeSecret,
    ports::{
        LiveTranscriber, VendorError,
        live::{Encoding, LiveChange, LiveEvent, LiveOrder, LiveStream, TokenLife, Turns},
    },
};

use super::*;
use crate::testing::contracts::shared_text;

/// A recorded session; none when they are not here.
fn session(name: &str) -> Option<Vec<Value>> {
    let text = shared_text(&format!("realtime/assemblyai-v3-{name}.jsonl"))?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
fn bytes(line: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(line["bytes_b64"].as_str().unwrap()).unwrap()
}
fn message(line: &Value) -> Message {
    match line["kind"].as_str().unwrap() {
        "text" => Message::text(line["json"].to_string()),
        "close" => {
            let code = u16::try_from(line["code"].as_u64().unwrap()).unwrap();
            let reason = line["reason"].as_str().unwrap_or_default().to_owned();
            Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
        }
        other => panic!("{other}"),
    }
}
fn query(url: &str) -> Vec<(String, String)> {
    let pairs = url.split_once('?').unwrap().1.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
fn order() -> LiveOrder {
    LiveOrder { sample_rate: 16_000, encoding: Encoding::S16le, language: Some("en-US".into()), ..LiveOrder::default() }
}

/// What we are, said and heard in a session that is played again.
#[derive(Default)]
struct Played {
    events: Vec<LiveEvent>,
    failed: Option<VendorError>,
    skipped: u64,
}

/// Plays a session: the vendor's lines as they are, ours through the adapter. Gives what we heard, and holds what the vendor
/// received against what the recording says.
async fn play(name: &str, order: &LiveOrder) -> Option<Played> {
    let lines = session(name)?;
    let script = Script::new([]);
    let assemblyai = assemblyai(&script);
    let opened = &lines[1];
    let ours: Vec<Value> = lines[2..].iter().filter(|line| line["from"] == "app").cloned().collect();
    let vendor = async {
        let (request, mut socket) = script.answered().await;
        let asked = query(&request.uri().to_string());
        for pair in query(opened["url"].as_str().unwrap()) {
            assert!(pair.0 == "token" || asked.contains(&pair), "{name}: {pair:?} is not in {asked:?}");
        }
        assert_eq!(request.headers()["authorization"], "key");
        let (mut audio, mut recorded) = (Vec::new(), Vec::new());
        for line in &lines[2..] {
            if line["from"] == "vendor" {
                // What the recording's client had said by then must have come, in its order.
                if socket.send(message(line)).await.is_err() {
                    break;
                }
                continue;
            }
            if line["kind"] == "binary" {
                recorded.extend(bytes(line));
                continue;
            }
            // A word of ours: it comes after all audio before it.
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
            assert_eq!(audio[..recorded.len()], recorded, "{name}: audio");
            audio.clear();
            recorded.clear();
        }
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let client = async {
        let mut played = Played::default();
        let LiveStream { audio: mut mouth, turns: mut ear } = match assemblyai.listen(order).await {
            Ok(stream) => stream,
            Err(error) => return Played { failed: Some(error), ..played },
        };
        let speak = async {
            for line in &ours {
                let said = match (line["kind"].as_str().unwrap(), line["json"]["type"].as_str()) {
                    ("binary", _) => mouth.push(&bytes(line)).await,
                    (_, Some("ForceEndpoint")) => mouth.end_turn().await,
                    (_, Some("Terminate")) => mouth.terminate().await,
                    (_, Some("UpdateConfiguration")) => {
                        let number = |name: &str| line["json"][name].as_u64().map(|n| u32::try_from(n).unwrap());
                        let sure = line["json"]["end_of_turn_confidence_threshold"].as_f64();
                        let terms = line["json"]["keyterms_prompt"].as_array();
                        let change = LiveChange {
                            confidence_ppm: sure.map(|_| 600_000),
                            min_silence_ms: number("min_turn_silence"),
                            max_silence_ms: number("max_turn_silence"),
                            keyterms: terms.map(|all| all.iter().map(|t| t.as_str().unwrap().to_owned()).collect()),
                        };
                        mouth.update(&change).await
                    }
                    // The recording's client says something that we never do.
                    other => panic!("{other:?}"),
                };
                if said.is_err() {
                    break;
                }
            }
        };
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
    let both = async { tokio::join!(client, vendor).0 };
    Some(script.run(both).await)
}

#[tokio::test]
async fn a_session_of_a_phone_call_is_heard_as_it_was_recorded() {
    let order = LiveOrder { encoding: Encoding::Mulaw, sample_rate: 8_000, formatted: true, ..order() };
    let Some(played) = play("universal", &order).await else { return };
    assert_eq!((played.failed.is_none(), played.skipped), (true, 0));
    let LiveEvent::Began { session, expires_at } = &played.events[0] else { panic!("{:?}", played.events[0]) };
    assert_eq!((session.as_str(), expires_at.unwrap().as_second()), ("273e79fd-99e9-4e1d-91da-90f56a132d01", 1_770_987_600));
    assert_eq!(*played.events.last().unwrap(), LiveEvent::Ended { audio_ms: 1_000, session_ms: 2_000 });
    let mut turns = Turns::default();
    let mut seen = Vec::new();
    for event in &played.events {
        if let LiveEvent::Turn(turn) = event {
            seen.push((turn.order, turn.ended, turn.formatted));
            turns.absorb(turn.clone());
        }
    }
    assert_eq!(seen[..4], [(0, false, false), (0, false, false), (0, true, false), (0, true, true)]);
    let texts: Vec<_> = turns.ended().map(|turn| turn.text.as_str()).collect();
    assert_eq!(texts, ["Thanks for calling.", "I need help."]);
    let last = turns.ended().next().unwrap();
    let word = &last.words[2];
    assert_eq!((word.text.as_str(), word.span.start_ms, word.confidence_ppm, word.settled), ("calling.", 390, 970_000, true));
    assert_eq!(last.end_confidence_ppm, 780_000);
}

#[tokio::test]
async fn a_session_of_the_other_model_tells_when_speech_starts_and_who_speaks() {
    let order = LiveOrder { model: Some("u3-rt-pro".into()), speakers: Some(2), ..order() };
    let Some(played) = play("u3-pro", &order).await else { return };
    assert!(played.failed.is_none());
    assert_eq!(played.events[1], LiveEvent::SpeechStarted { at_ms: 64, confidence_ppm: 910_000 });
    let mut turns = played.events.iter().filter_map(|event| if let LiveEvent::Turn(turn) = event { Some(turn) } else { None });
    let last = turns.next_back().unwrap();
    assert_eq!((last.text.as_str(), last.speaker.as_deref(), last.language.as_deref()), ("Hello, this is Dana.", Some("A"), Some("en")));
}

#[tokio::test]
async fn every_code_of_closing_is_a_fault_that_says_whether_to_try_again() {
    for (name, code, fault) in [
        ("close-1008", "1008", Fault::Credentials),
        ("close-3007", "3007", Fault::Request),
        ("close-3008", "3008", Fault::Timeout),
        ("close-3009", "3009", Fault::RateLimited),
    ] {
        let Some(played) = play(name, &order()).await else { return };
        let error = played.failed.unwrap();
        assert_eq!((error.fault, error.code.as_deref()), (fault, Some(code)), "{name}");
        let again = session(name).unwrap()[0]["retry"].as_str().unwrap().starts_with("yes");
        assert_eq!(error.retryable(), again, "{name}");
    }
}

/// Opens a stream whose far end says these things, and gives what comes of it.
async fn told(said: Vec<Message>) -> (Vec<Result<Option<LiveEvent>, VendorError>>, u64) {
    let script = Script::new([]);
    let assemblyai = assemblyai(&script);
    let vendor = async {
        let (_, mut socket) = script.answered().await;
        let begin = json!({"type": "Begin", "id": "s", "expires_at": 1}).to_string();
        for message in [Message::text(begin)].into_iter().chain(said) {
            let _ = socket.send(message).await;
        }
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let client = async {
        let mut stream = assemblyai.listen(&order()).await.unwrap();
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
fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: "for +1 312 555 0100".into() }))
}

#[tokio::test]
async fn what_nobody_knows_is_passed_over_and_counted() {
    let turn = json!({"type": "Turn", "turn_order": 0, "end_of_turn": true, "transcript": "a", "new": [1]}).to_string();
    let said = ["{\"type\":\"Weather\"}", "nonsense", "{\"type\":\"Turn\"}", "[]"].map(Message::text).to_vec();
    let said = [said, vec![Message::binary(vec![1, 2]), Message::text(turn), close(1000)]].concat();
    let (outcomes, skipped) = told(said).await;
    assert!(matches!(&outcomes[1], Ok(Some(LiveEvent::Turn(turn))) if turn.text == "a"), "{outcomes:?}");
    assert!(matches!(outcomes[2], Ok(None)));
    assert_eq!(skipped, 5);
}

#[tokio::test]
async fn a_stream_of_garbage_is_given_up_and_a_failure_is_told() {
    let (outcomes, _) = told(vec![Message::text("{"); 20]).await;
    assert_eq!(outcomes.last().unwrap().as_ref().unwrap_err().fault, Fault::Nonsense);
    let failure = json!({"type": "Error", "error_code": 3005, "error": "Server error for +1 312 555 0100"});
    let (outcomes, _) = told(vec![Message::text(failure.to_string())]).await;
    let error = outcomes.last().unwrap().as_ref().unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Down, Some("3005")));
    assert_eq!(error.message, "Server error for +[number]");
    let (outcomes, _) = told(vec![close(3005)]).await;
    assert!(!outcomes.last().unwrap().as_ref().unwrap_err().to_string().contains("312"));
}

#[tokio::test]
async fn an_order_that_the_vendor_would_refuse_never_leaves() {
    let script = Script::new([]);
    let assemblyai = assemblyai(&script);
    let sure = LiveChange { confidence_ppm: Some(1), ..LiveChange::default() };
    for wrong in [
        LiveOrder { sample_rate: 0, ..order() },
        LiveOrder { model: Some("u3-rt-pro".into()), turns: sure, ..order() },
    ] {
        let error = assemblyai.listen(&wrong).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    }
}

#[tokio::test]
async fn an_order_is_told_in_the_query() {
    let script = Script::new([]);
    let assemblyai = assemblyai(&script);
    let full = LiveOrder {
        language: None,
        keyterms: vec!["promise to pay".into()],
        speakers: Some(30),
        turns: LiveChange {
            confidence_ppm: Some(400_000),
            min_silence_ms: Some(300),
            max_silence_ms: Some(900),
            keyterms: None,
        },
        inactivity_seconds: Some(1),
        ..order()
    };
    let asked = script.run(async {
        tokio::select! {
            biased;
            _ = assemblyai.listen(&full) => panic!("nobody has said that it began"),
            (request, _socket) = script.answered() => request,
        }
    });
    let asked = asked.await.uri().to_string();
    assert_eq!(
        asked,
        "/v3/ws?speech_model=universal-streaming-multilingual&encoding=pcm_s16le&sample_rate=16000&format_turns=false\
         &language_detection=true&keyterms_prompt=%5B%22promise%20to%20pay%22%5D&speaker_labels=true&max_speakers=10\
         &end_of_turn_confidence_threshold=0.4&min_turn_silence=300&max_turn_silence=900&inactivity_timeout=5"
    );
}

#[tokio::test]
async fn a_stream_that_never_begins_is_given_up() {
    let script = Script::new([]);
    let assemblyai = assemblyai(&script);
    let vendor = async {
        let (_, mut socket) = script.answered().await;
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let order = order();
    let outcome = script.run(async { tokio::join!(assemblyai.listen(&order), vendor).0 }).await;
    assert_eq!(outcome.unwrap_err().fault, Fault::Timeout);
}

#[tokio::test]
async fn a_token_comes_from_the_host_of_streams_and_is_never_printed() {
    let script = Script::new([Reply::json(200, json!({"token": "t0ken", "expires_in_seconds": 60}))]);
    let life = TokenLife { seconds: 60, session_seconds: Some(30) };
    let token = script.run(assemblyai(&script).token(&life)).await.unwrap();
    assert_eq!((token.token.expose_secret(), token.seconds), ("t0ken", 60));
    assert!(!format!("{token:?}").contains("t0ken"));
    let seen = script.one();
    assert_eq!(seen.host, "streaming.assemblyai.com");
    assert_eq!(seen.target, "/v3/token?expires_in_seconds=60&max_session_duration_seconds=60");
}

#[tokio::test]
async fn streams_go_to_the_region_or_the_address_of_the_rest() {
    for (base, streaming, host) in [
        ("https://api.eu.assemblyai.com", None, "streaming.eu.assemblyai.com"),
        ("http://127.0.0.1:4010/assemblyai", None, "127.0.0.1"),
        ("https://api.assemblyai.com", Some("https://gateway.test/aai"), "gateway.test"),
    ] {
        let script = Script::new([Reply::json(200, json!({"token": "t", "expires_in_seconds": 1}))]);
        let mut builder = AssemblyAi::builder(script.wires(), SecretString::from("key")).base_url(base);
        if let Some(url) = streaming {
            builder = builder.streaming_url(url);
        }
        script.run(builder.build().token(&TokenLife { seconds: 1, session_seconds: None })).await.unwrap();
        assert_eq!(script.one().host, host);
    }
}
