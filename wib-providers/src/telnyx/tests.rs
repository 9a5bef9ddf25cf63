mod contract;
mod events;
mod lines;
mod orders;
mod recordings;
mod sockets;

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::{
    kit::{Phone, Timestamp},
    ports::{
        Fault, Sent, Voice,
        voice::{
            AnsweredBy, Command, Detection, Dial, Direction, HangupCause, Key, Leg, Order, Speak, VendorRecording, VoiceEvent, VoiceEventKind,
        },
        webhook::{Event, EventBody, Headers, Refused, WebhookSource},
    },
};

use super::{Telnyx, webhook::read};
use crate::testing::{
    Reply, Script,
    contracts::{conforms, graft, odd},
    vectors::vectors,
};

const CONTROL: &str = "v3:a/b+c=";
const LEG: &str = "f1e13727-86ba-46b2-a5dc-a60438fdab30";
const TAG: &str = "{\"call\":\"1\"}";
const NOW: &str = "2026-02-13T10:00:00Z";
const STATE: &str = "eyJjYWxsIjoiMSJ9";

fn telnyx(script: &Arc<Script>) -> Telnyx {
    let key = SecretString::from("KEY0123");
    Telnyx::builder(script.wires(), key, "175237942907135762").default_number(phone("+13125550111")).build()
}
fn phone(text: &str) -> Phone {
    text.parse().unwrap()
}
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn leg() -> Leg {
    Leg { control_id: Some(CONTROL.into()), leg_id: Some(LEG.into()), session_id: Some("s1".into()) }
}
fn call() -> Value {
    json!({"call_control_id": CONTROL, "call_leg_id": LEG, "call_session_id": "s1", "is_alive": true, "record_type": "call"})
}
fn dial(detect_machine: bool) -> Dial {
    Dial {
        detection: if detect_machine { Detection::Premium } else { Detection::Off },
        webhook_url: Some("https://wib.test/hooks/telnyx".into()),
        ..Dial::new(phone("+13125550100"), phone("+13125550111"), TAG, "dial-1")
    }
}
fn speak(text: &str, language: &str, key: &str) -> Order {
    let speak = Speak { text: text.into(), language: language.into(), ..Speak::default() };
    Order::new(Command::Speak(speak), key).tagged(TAG)
}
fn ended() -> Reply {
    Reply::json(422, json!({"errors": [{"code": "90018", "title": "Call has already ended", "detail": "x"}]}))
}
fn empty() -> Reply {
    Reply::json(200, json!({"data": [], "meta": {"total_pages": 0}}))
}

#[tokio::test]
async fn a_dial_asks_for_the_call_and_answers_its_leg() {
    let script = Script::new([Reply::json(200, json!({"data": call()}))]);
    let dialled = script.run(telnyx(&script).dial(&dial(true))).await.unwrap();
    assert_eq!(dialled, leg());
    let seen = script.one();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v2/calls"));
    assert_eq!(seen.header("authorization"), Some("Bearer KEY0123"));
    let body = json!({
        "connection_id": "175237942907135762", "to": "+13125550100", "from": "+13125550111", "timeout_secs": 30,
        "command_id": "dial-1", "client_state": STATE, "webhook_url": "https://wib.test/hooks/telnyx",
        "answering_machine_detection": "premium",
        "answering_machine_detection_config": {
            "after_greeting_silence_millis": 800, "greeting_duration_millis": 3500,
            "total_analysis_time_millis": 5000, "initial_silence_millis": 1500,
        },
    });
    assert_eq!(seen.json(), body);
    conforms("telnyx", "/calls", &seen.json());
}

#[tokio::test]
async fn a_dial_without_detection_says_nothing_of_it() {
    let script = Script::new([Reply::json(200, json!({"data": call()}))]);
    let plain = Dial { webhook_url: None, ..dial(false) };
    script.run(telnyx(&script).dial(&plain)).await.unwrap();
    let body = script.one().json();
    assert!(
        body.as_object().unwrap().keys().all(|key| !key.starts_with("answering") && key != "webhook_url"),
        "{body}"
    );
    conforms("telnyx", "/calls", &body);
}

#[tokio::test]
async fn a_dial_in_doubt_is_never_repeated() {
    for reply in [Reply::Silence, Reply::status(500), Reply::status(503), Reply::Fails(Sent::Unknown)] {
        let script = Script::new([reply]);
        let error = script.run(telnyx(&script).dial(&dial(true))).await.unwrap_err();
        assert_eq!((error.sent, script.seen().len()), (Sent::Unknown, 1));
    }
    let script = Script::new([Reply::Fails(Sent::No), Reply::json(200, json!({"data": call()}))]);
    script.run(telnyx(&script).dial(&dial(true))).await.unwrap();
}

#[tokio::test]
async fn a_refused_dial_keeps_the_vendors_code_and_no_number() {
    let detail = "The 'to' number +13125550100 must be in E164 format.";
    let errors =
        json!({"errors": [{"code": "10016", "title": "Phone number must be in +E164 format", "detail": detail}]});
    let script = Script::new([Reply::json(422, errors)]);
    let error = script.run(telnyx(&script).dial(&dial(true))).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.code.as_deref()), (Fault::Request, Sent::Refused, Some("10016")));
    assert!(!error.to_string().contains("3125550100"), "{error}");
    let script = Script::new([Reply::json(403, json!({"errors": [{"code": "90103", "title": "Dial limit"}]}))]);
    assert_eq!(script.run(telnyx(&script).dial(&dial(true))).await.unwrap_err().fault, Fault::RateLimited);
}

#[tokio::test]
async fn commands_name_the_leg_encoded_and_repeat_under_their_key() {
    let script = Script::new((0..8).map(|i| Reply::status(if i == 0 { 500 } else { 200 })));
    let telnyx = telnyx(&script);
    script.run(telnyx.steer(&leg(), &speak("This call is recorded.", "en", "k2"))).await.unwrap();
    script.run(telnyx.start_recording(&leg(), "k3")).await.unwrap();
    script.run(telnyx.hang_up(&leg(), "k4")).await.unwrap();
    script.run(telnyx.stop_recording(&leg(), "k5")).await.unwrap();
    script.run(telnyx.pause_recording(&leg(), "k6")).await.unwrap();
    script.run(telnyx.resume_recording(&leg(), "k7")).await.unwrap();
    script.run(telnyx.send_keys(&leg(), "1w#", "k8")).await.unwrap();
    let seen = script.seen();
    let wanted = [
        (
            "speak",
            json!({"payload": "This call is recorded.", "voice": "female", "language": "en-US", "client_state": STATE, "command_id": "k2"}),
        ),
        ("speak", seen[0].json()),
        ("record_start", json!({"format": "wav", "channels": "dual", "command_id": "k3"})),
        ("hangup", json!({"command_id": "k4"})),
        ("record_stop", json!({"command_id": "k5"})),
        ("record_pause", json!({"command_id": "k6"})),
        ("record_resume", json!({"command_id": "k7"})),
        ("send_dtmf", json!({"digits": "1w#", "command_id": "k8"})),
    ];
    for (seen, (action, body)) in seen.iter().zip(&wanted) {
        assert_eq!(seen.target, format!("/v2/calls/v3%3Aa%2Fb%2Bc%3D/actions/{action}"));
        assert_eq!(&seen.json(), body);
        conforms("telnyx", &format!("/calls/{{call_control_id}}/actions/{action}"), &seen.json());
    }
    assert_eq!(seen.len(), wanted.len());
}

#[tokio::test]
async fn hanging_up_what_is_gone_is_a_success_and_speaking_to_it_is_not() {
    for gone in [ended(), Reply::status(404)] {
        let script = Script::new([gone]);
        script.run(telnyx(&script).hang_up(&leg(), "k")).await.unwrap();
    }
    let script = Script::new([ended()]);
    let error = script.run(telnyx(&script).start_recording(&leg(), "k")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Missing);
    let script = Script::new([Reply::status(401)]);
    assert_eq!(script.run(telnyx(&script).hang_up(&leg(), "k")).await.unwrap_err().fault, Fault::Credentials);
}

#[tokio::test]
async fn a_recording_s_command_is_repeated_under_its_key_and_misses_a_leg_that_is_gone() {
    for lost in [Reply::Silence, Reply::status(503), Reply::Fails(Sent::Unknown)] {
        let script = Script::new([lost, Reply::status(200)]);
        script.run(telnyx(&script).pause_recording(&leg(), "k")).await.unwrap();
        let keys: Vec<_> = script.seen().iter().map(|seen| seen.json()["command_id"].clone()).collect();
        assert_eq!(keys, ["k", "k"]);
    }
    let gone = || [ended(), Reply::status(404), ended(), ended()];
    let script = Script::new(gone());
    let telnyx = telnyx(&script);
    let leg = leg();
    for refused in [
        script.run(telnyx.stop_recording(&leg, "k")).await,
        script.run(telnyx.pause_recording(&leg, "k")).await,
        script.run(telnyx.resume_recording(&leg, "k")).await,
        script.run(telnyx.send_keys(&leg, "1", "k")).await,
    ] {
        assert_eq!(refused.unwrap_err().fault, Fault::Missing);
    }
}

#[tokio::test]
async fn what_cannot_be_commanded_never_leaves() {
    let script = Script::new([]);
    let telnyx = telnyx(&script);
    let error = script.run(telnyx.hang_up(&Leg { control_id: None, ..leg() }, "k")).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    assert_eq!(script.run(telnyx.steer(&leg(), &speak("ok", "tlh", "k"))).await.unwrap_err().sent, Sent::No);
    for keys in ["", "1 2", "12e", "\u{0661}"] {
        assert_eq!(script.run(telnyx.send_keys(&leg(), keys, "k")).await.unwrap_err().sent, Sent::No, "{keys}");
    }
}

#[test]
fn languages_map_to_the_nearest_that_telnyx_speaks() {
    for (asked, spoken) in [
        ("en", Some("en-US")),
        ("en-GB", Some("en-GB")),
        ("EN-gb", Some("en-GB")),
        ("es", Some("es-US")),
        ("es-AR", Some("es-US")),
        ("pt-PT", Some("pt-PT")),
        ("zh-CN", Some("cmn-CN")),
        ("ar-EG", Some("arb")),
        ("no", Some("nb-NO")),
        ("tlh", None),
        ("", None),
    ] {
        assert_eq!(super::wire::language(asked), spoken, "{asked}");
    }
}

#[tokio::test]
async fn a_lost_dial_is_found_among_active_calls_page_by_page() {
    let other = json!({"call_control_id": "v3:x", "call_leg_id": "l", "call_session_id": "s", "client_state": "bm8="});
    let mut ours = call();
    ours["client_state"] = STATE.into();
    let first = json!({"data": [other], "meta": {"cursors": {"after": "c/1"}, "next": "/v2/connections/1/active_calls?page[after]=c"}});
    let script = Script::new([Reply::json(200, first), Reply::json(200, json!({"data": [ours], "meta": {}}))]);
    let found =
        script.run(telnyx(&script).find(TAG, &phone("+13125550100").into(), at("2026-02-13T09:59:00Z"))).await.unwrap();
    assert_eq!(found, Some(leg()));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    let list = "/v2/connections/175237942907135762/active_calls?page%5Blimit%5D=250";
    assert_eq!(targets, [list.to_owned(), format!("{list}&page%5Bafter%5D=c%2F1")]);
}

#[tokio::test]
async fn a_lost_dial_that_has_ended_is_found_among_events() {
    let event = |metadata: Value| {
        json!({"record_type": "call_event", "call_leg_id": LEG, "call_session_id": "s1", "type": "webhook",
               "event_timestamp": "2026-02-13T09:59:10.127783Z", "name": "call.hangup", "metadata": metadata})
    };
    for metadata in [
        json!({"client_state": STATE, "call_control_id": CONTROL}),
        json!({"payload": {"client_state": STATE, "call_control_id": CONTROL}}),
        json!({"data": {"payload": {"client_state": STATE, "call_control_id": CONTROL}}}),
    ] {
        let events = json!({"data": [event(json!({})), event(metadata)], "meta": {"total_pages": 1}});
        let script = Script::new([empty(), Reply::json(200, events)]);
        let found =
            script.run(telnyx(&script).find(TAG, &phone("+13125550100").into(), at("2026-02-13T09:59:00Z"))).await.unwrap();
        assert_eq!(found, Some(leg()));
        let target = &script.seen()[1].target;
        let filters =
            "/v2/call_events?filter%5Bto%5D=%2B13125550100&filter%5Boccurred_at%5D%5Bgte%5D=2026-02-13T09%3A57%3A00Z";
        assert!(target.starts_with(filters), "{target}");
    }
}

#[tokio::test]
async fn no_trace_of_a_dial_is_an_answer_today_and_an_error_after_a_day() {
    let to = phone("+13125550100").into();
    let script = Script::new([empty(), empty(), empty(), empty()]);
    let telnyx = telnyx(&script);
    assert_eq!(script.run(telnyx.find(TAG, &to, at("2026-02-13T09:00:00Z"))).await.unwrap(), None);
    let error = script.run(telnyx.find(TAG, &to, at("2026-02-12T09:00:00Z"))).await.unwrap_err();
    assert_eq!(error.fault, Fault::Request);
}

#[tokio::test]
async fn an_inspection_tells_state_events_and_recordings() {
    let event = |name: &str, second: u32, metadata: Value| {
        json!({"record_type": "call_event", "call_leg_id": LEG, "call_session_id": "s1", "type": "webhook",
               "event_timestamp": format!("2026-02-13T09:59:{second:02}Z"), "name": name, "metadata": metadata})
    };
    let events = json!({"data": [
        event("call.initiated", 1, json!({})),
        event("call.answered", 5, json!({"client_state": STATE})),
        event("call.machine.premium.detection.ended", 6, json!({})),
        event("call.machine.premium.detection.ended", 7, json!({"result": "human_business"})),
        event("call.cost", 20, json!({"total_cost": "0.01"})),
        event("call.dtmf.received", 8, json!({"digit": "4"})),
        event("call.recording.saved", 20, json!({})),
        event("call.hangup", 19, json!({"hangup_cause": "user_busy"})),
    ], "meta": {"total_pages": 1}});
    let recordings = json!({"data": [{"id": "rec-1", "channels": "dual", "download_urls": {"wav": "https://s3.test/a.wav"},
        "recording_started_at": "2026-02-13T09:59:05Z", "recording_ended_at": "2026-02-13T09:59:19Z"}], "meta": {"total_pages": 1}});
    let mut gone = call();
    gone["is_alive"] = false.into();
    let script =
        Script::new([Reply::json(200, json!({"data": gone})), Reply::json(200, events), Reply::json(200, recordings)]);
    let told = script.run(telnyx(&script).inspect(&leg())).await.unwrap();
    assert!(!told.alive);
    let names: Vec<_> = told.events.iter().map(|e| e.what.name()).collect();
    assert_eq!(names, ["call.initiated", "call.answered", "call.answered_by", "call.hangup", "call.recording.saved"]);
    assert_eq!(told.events[1].tag.as_deref(), Some(TAG));
    assert_eq!(told.events[2].what, VoiceEventKind::AnsweredBy(AnsweredBy::Human));
    assert!(told.events.iter().all(|e| e.leg == leg()));
    let VoiceEventKind::RecordingSaved(recording) = &told.events[4].what else { panic!("a recording") };
    assert_eq!((recording.id.as_str(), recording.channels, recording.content_type.as_str()), ("rec-1", 2, "audio/wav"));
    assert_eq!(told.events[4].at, at("2026-02-13T09:59:19Z"));
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets[0], "/v2/calls/v3%3Aa%2Fb%2Bc%3D");
    assert!(targets[1].starts_with(&format!("/v2/call_events?filter%5Bleg_id%5D={LEG}&filter%5Btype%5D=webhook")));
    assert!(targets[2].starts_with(&format!("/v2/recordings?filter%5Bcall_leg_id%5D={LEG}")));
}

#[tokio::test]
async fn a_call_that_telnyx_forgot_is_not_alive() {
    let script = Script::new([ended(), empty(), empty()]);
    let told = script.run(telnyx(&script).inspect(&leg())).await.unwrap();
    assert!(!told.alive && told.events.is_empty());
    let mut gone = call();
    gone["is_alive"] = false.into();
    gone["end_time"] = "2026-02-13T09:59:30Z".into();
    let script = Script::new([Reply::json(200, json!({"data": gone})), empty(), empty()]);
    let told = script.run(telnyx(&script).inspect(&leg())).await.unwrap();
    let [hangup] = told.events.as_slice() else { panic!("one event") };
    assert_eq!((hangup.at, hangup.what.name()), (at("2026-02-13T09:59:30Z"), "call.hangup"));
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let page = |pages| Reply::json(200, json!({"data": [], "meta": {"total_pages": pages}}));
    let script = Script::new([Reply::json(200, json!({"data": call()})), page(2), page(2), empty()]);
    script.run(telnyx(&script).inspect(&leg())).await.unwrap();
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert!(targets[1].contains("page%5Bnumber%5D=1&") && targets[2].contains("page%5Bnumber%5D=2&"), "{targets:?}");
}

fn recording(id: &str, url: &str) -> VendorRecording {
    VendorRecording {
        id: id.into(),
        url: url.into(),
        content_type: "audio/mpeg".into(),
        channels: 2,
        started_at: Some(at("2026-02-13T09:59:00Z")),
        ended_at: None,
    }
}
fn audio() -> Reply {
    Reply::Answer(200, vec![], Bytes::from_static(b"audio"))
}
fn kept(url: &str) -> Value {
    json!({"id": "rec-1", "download_urls": {"mp3": url}, "recording_started_at": "2026-02-13T09:59:00Z"})
}

fn delivery(name: &str, payload: Value) -> Value {
    let mut all =
        json!({"call_control_id": CONTROL, "call_leg_id": LEG, "call_session_id": "s1", "client_state": STATE});
    all.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
    json!({"data": {"record_type": "event", "event_type": name, "id": "ev-1",
                    "occurred_at": "2026-02-13T09:59:03.000042Z", "payload": all}, "meta": {"attempt": 1}})
}
fn voice(name: &str, payload: Value) -> VoiceEvent {
    let Event { body: EventBody::Voice(event), .. } = read(delivery(name, payload).to_string().as_bytes(), at(NOW)).unwrap()
    else {
        panic!("{name} is about a call")
    };
    event
}

#[test]
fn every_kind_of_event_is_told_in_the_cores_words() {
    let initiated = |direction| VoiceEventKind::Initiated { direction, from: "+1".into(), to: "+2".into() };
    let cost = |micros| VoiceEventKind::Cost { micros, currency: "USD".into() };
    let other = |name: &str| VoiceEventKind::Other(name.into());
    for (name, payload, what) in [
        ("call.initiated", json!({"direction": "outgoing", "from": "+1", "to": "+2"}), initiated(Direction::Outbound)),
        ("call.initiated", json!({"direction": "incoming", "from": "+1", "to": "+2"}), initiated(Direction::Inbound)),
        ("call.ringing", json!({}), VoiceEventKind::Ringing),
        ("call.answered", json!({}), VoiceEventKind::Answered),
        ("call.bridged", json!({}), VoiceEventKind::Bridged),
        ("call.speak.started", json!({}), VoiceEventKind::SpeakStarted),
        ("call.speak.ended", json!({"status": "completed"}), VoiceEventKind::SpeakEnded),
        ("call.recording.error", json!({"reason": "disk"}), VoiceEventKind::RecordingFailed { reason: "disk".into() }),
        (
            "call.cost",
            json!({"total_cost": "0.0106", "cost_parts": [{"currency": "USD"}], "status": "success"}),
            cost(10_600),
        ),
        ("call.cost", json!({"total_cost": 0.0106}), cost(10_600)),
        ("call.cost", json!({"total_cost": "0.00000001"}), cost(1)),
        ("call.cost", json!({"total_cost": null, "status": "error"}), other("call.cost")),
        ("call.dtmf.received", json!({"digit": "5"}), VoiceEventKind::KeyPressed { key: Key::try_from('5').ok() }),
        ("call.dtmf.received", json!({"digit": "55"}), VoiceEventKind::KeyPressed { key: None }),
        ("call.dtmf.received", json!({}), VoiceEventKind::KeyPressed { key: None }),
        (
            "call.machine.premium.greeting.ended",
            json!({"result": "beep_detected"}),
            VoiceEventKind::GreetingEnded { beep: true },
        ),
        (
            "call.machine.premium.greeting.ended",
            json!({"result": "no_beep_detected"}),
            VoiceEventKind::GreetingEnded { beep: false },
        ),
        ("call.machine.greeting.ended", json!({"result": "ended"}), VoiceEventKind::GreetingEnded { beep: false }),
        ("call.something.new", json!({"result": {"odd": []}}), other("call.something.new")),
        ("conference.something.new", json!({}), other("conference.something.new")),
    ] {
        assert_eq!(voice(name, payload).what, what, "{name}");
    }
}

#[test]
fn an_event_keeps_its_leg_time_and_tag() {
    let event = voice("call.answered", json!({}));
    assert_eq!((event.id.as_str(), event.leg, event.at), ("ev-1", leg(), at("2026-02-13T09:59:03.000042Z")));
    assert_eq!(event.tag.as_deref(), Some(TAG));
    for undecodable in [json!("not base64!"), json!("/w=="), json!(null)] {
        assert_eq!(voice("call.answered", json!({"client_state": undecodable})).tag, None);
    }
}

#[test]
fn both_detectors_words_tell_who_answered() {
    for (word, who) in [
        ("human", AnsweredBy::Human),
        ("human_residence", AnsweredBy::Human),
        ("human_business", AnsweredBy::Human),
        ("machine", AnsweredBy::Machine),
        ("silence", AnsweredBy::Silence),
        ("fax_detected", AnsweredBy::Fax),
        ("not_sure", AnsweredBy::NotSure),
        ("robot", AnsweredBy::NotSure),
    ] {
        for name in ["call.machine.detection.ended", "call.machine.premium.detection.ended"] {
            assert_eq!(voice(name, json!({"result": word})).what, VoiceEventKind::AnsweredBy(who), "{word}");
        }
    }
}

#[test]
fn causes_of_hangup_are_told_from_the_word_and_else_from_sip() {
    for (word, sip, want) in [
        ("normal_clearing", "200", HangupCause::Normal),
        ("user_busy", "486", HangupCause::Busy),
        ("timeout", "487", HangupCause::NoAnswer),
        ("no_answer", "480", HangupCause::NoAnswer),
        ("call_rejected", "603", HangupCause::Rejected),
        ("unallocated_number", "404", HangupCause::NotInService),
        ("not_found", "404", HangupCause::NotInService),
        ("originator_cancel", "487", HangupCause::Canceled),
        ("time_limit", "200", HangupCause::TimeLimit),
        ("unspecified", "503", HangupCause::CarrierError),
        ("unspecified", "486", HangupCause::Busy),
        ("unspecified", "200", HangupCause::Other),
        ("meteor", "5", HangupCause::Other),
    ] {
        let what = voice("call.hangup", json!({"hangup_cause": word, "sip_hangup_cause": sip})).what;
        assert_eq!(what, VoiceEventKind::Hangup { cause: want, vendor_cause: word.into() });
    }
}

#[test]
fn a_saved_recording_needs_neither_handle_nor_id() {
    let payload = json!({"call_control_id": null, "channels": "dual", "recording_urls": {"mp3": "https://s3.test/a.mp3"},
        "recording_started_at": "2026-02-13T09:59:00Z", "recording_ended_at": "2026-02-13T10:00:00Z"});
    let event = voice("call.recording.saved", payload);
    assert_eq!(event.leg, Leg { control_id: None, ..leg() });
    let VoiceEventKind::RecordingSaved(saved) = event.what else { panic!("a recording") };
    let ended_at = Some(at("2026-02-13T10:00:00Z"));
    let start = at("2026-02-13T09:59:00Z").as_microsecond();
    assert_eq!(
        saved,
        VendorRecording { ended_at, ..recording(&format!("leg:{LEG}@{start}"), "https://s3.test/a.mp3") }
    );
    let mut listed = kept("https://s3.test/a.mp3");
    listed["call_leg_id"] = LEG.into();
    let listed: super::wire::Recording = serde_json::from_value(listed).unwrap();
    assert_eq!(listed.into_ours().id, saved.id, "told by the event and by the list, it is one recording");
    let named = json!({"recording_id": "rec-1", "recording_urls": {"mp3": null}, "public_recording_urls": {"wav": "https://s3.test/a.wav"}});
    let VoiceEventKind::RecordingSaved(saved) = voice("call.recording.saved", named).what else {
        panic!("a recording")
    };
    assert_eq!((saved.id.as_str(), saved.url.as_str(), saved.channels), ("rec-1", "https://s3.test/a.wav", 1));
    assert_eq!(saved.content_type, "audio/wav");
}

#[test]
fn deliveries_of_other_products_are_kept_by_name() {
    let fax = json!({"data": {"event_type": "fax.received", "id": "f1", "payload": {"to": [{}], "from": {}}}});
    let event = read(fax.to_string().as_bytes(), at(NOW)).unwrap();
    assert_eq!(event, Event { id: "f1".into(), body: EventBody::Other("fax.received".into()) });
}

#[test]
fn a_body_of_another_shape_is_refused_by_what_is_wrong() {
    let shapeless = [
        json!([]),
        json!({"data": {}}),
        json!({"data": {"id": "", "event_type": "call.answered"}}),
        json!({"data": {"id": "1", "event_type": "call.answered", "payload": {}}}),
        json!({"data": {"id": "1", "event_type": "call.answered", "occurred_at": "2026-02-13T09:59:03Z"}}),
        delivery("call.initiated", json!({"from": 5})),
    ];
    for body in shapeless {
        assert_eq!(read(body.to_string().as_bytes(), at(NOW)).unwrap_err(), Refused::InvalidStructure, "{body}");
    }
    assert_eq!(read(b"{", at(NOW)).unwrap_err(), Refused::InvalidJson);
}

fn keyed(keys: &[&str]) -> Telnyx {
    let builder = Telnyx::builder(Script::new([]).wires(), SecretString::from("k"), "1");
    keys.iter().fold(builder, |builder, key| builder.public_key(key).unwrap()).build()
}

#[test]
fn a_delivery_is_refused_for_the_first_thing_that_is_wrong() {
    const KEY: &str = "07HLYs11pwNlqFa9ANnf93xi0Jf/vzXqfYyNYcmLmC8=";
    let open = |telnyx: &Telnyx, headers: &[(&str, &[u8])], body: &[u8]| {
        telnyx.open(&Headers(headers), body, at("2026-02-13T10:00:00Z")).unwrap_err()
    };
    let signed: [(&str, &[u8]); 2] = [("webhook-signature", b"AA=="), ("Webhook-Timestamp", b"1770976800")];
    assert_eq!(open(&keyed(&[]), &[], b""), Refused::EmptyBody);
    assert_eq!(open(&keyed(&[]), &signed, b"{}"), Refused::NotConfigured);
    assert_eq!(open(&keyed(&[KEY]), &signed[..1], b"{}"), Refused::MissingHeaders);
    assert_eq!(open(&keyed(&[KEY]), &signed, b"{"), Refused::BadSignature);
    let builder = || Telnyx::builder(Script::new([]).wires(), SecretString::from("k"), "1");
    assert!(builder().public_key("AAAA").is_err() && builder().public_key("?").is_err());
}

#[test]
fn every_shared_vector_is_judged_as_it_expects() {
    for vector in vectors("telnyx") {
        let key = vector.text("public_key");
        vector.holds(&keyed(&[key]));
        // The same while a key is being rotated.
        vector.holds(&keyed(&["07HLYs11pwNlqFa9ANnf93xi0Jf/vzXqfYyNYcmLmC8=", key][usize::from(!vector.accepted())..]));
        if vector.accepted() && !vector.text("event_type").is_empty() {
            let [Event { body, .. }] = &vector.passes(&keyed(&[key])).unwrap()[..] else { panic!("one event") };
            let kind = vector.text("event_type");
            let ours = ["call.", "streaming.", "conference."].iter().any(|start| kind.starts_with(start));
            assert_eq!(matches!(body, EventBody::Voice(_)), ours, "{kind}");
            if let EventBody::Voice(event) = body {
                assert!(!matches!(event.what, VoiceEventKind::Other(_)), "{kind} is not understood");
                assert!(!event.leg.is_unknown(), "{kind} names nobody");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let ours = [("call.hangup", json!({"hangup_cause": "timeout"})), ("call.cost", json!({"total_cost": "1", "cost_parts": [{"currency": "USD"}]}))];
        let ours = ours.into_iter().map(|(name, payload)| delivery(name, payload));
        let theirs = vectors("telnyx").into_iter().filter(|v| v.accepted() && !v.text("event_type").is_empty());
        for mut body in ours.chain(theirs.map(|v| serde_json::from_slice(&v.body).unwrap())) {
            let plain = read(body.to_string().as_bytes(), at(NOW)).unwrap();
            graft(&mut body, &name, &odd);
            prop_assert_eq!(read(body.to_string().as_bytes(), at(NOW)).unwrap(), plain);
        }
    }
}
