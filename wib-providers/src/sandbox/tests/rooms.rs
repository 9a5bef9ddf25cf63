//! Legs that have to do with each other, keys that are asked for, words that are written down.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::StreamExt;
use wib_core::{
    kit::{Phone, SeededRandom},
    ports::{
        Voice, WebhookSource,
        voice::{Destination, Leg, SipUri, VoiceEvent},
        webhook::{EventBody, Headers},
    },
    testing::voice_suite::VoiceRig,
};

use super::{super::cards::Card, *};
use crate::{telnyx::Telnyx, testing::contract::Contract};

const AGENT: &str = "sip:agent@phones.test";

/// The adapter on the sandboxed network.
#[derive(Debug)]
struct Line {
    rig: Rig,
    telnyx: Telnyx,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rig")
    }
}

#[async_trait]
impl VoiceRig for Line {
    fn voice(&self) -> &dyn Voice {
        &self.telnyx
    }
    fn person(&self) -> Phone {
        magic(Behaviour::Talks).parse().unwrap()
    }
    fn softphone(&self) -> Destination {
        AGENT.parse::<SipUri>().unwrap().into()
    }
    async fn ring(&self) -> Leg {
        let ringing = self.rig.post("/sandbox/calls", &json!({"from": self.person().as_str(), "to": "+13125550100"})).1;
        let text = |field: &str| ringing[field].as_str().map(str::to_owned);
        Leg { control_id: text("call_control_id"), leg_id: text("call_leg_id"), session_id: None }
    }
    fn now(&self) -> Timestamp {
        self.rig.clock.now()
    }
    async fn pass(&self, seconds: u64) -> Vec<VoiceEvent> {
        let mut told = Vec::new();
        self.rig
            .pass(seconds, |delivery, _| {
                let headers: Vec<_> =
                    delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                let opened = self.telnyx.open(&Headers(&headers), &delivery.body, self.rig.clock.now()).unwrap();
                told.extend(opened.into_events().into_iter().filter_map(|event| match event.body {
                    EventBody::Voice(event) => Some(event),
                    _ => None,
                }));
                200
            })
            .await;
        told
    }
}

async fn make() -> Box<dyn VoiceRig> {
    let rig = Rig::new(5);
    let telnyx = rig.sandbox.telnyx(rig.sandbox.wires(rig.clock.clone(), Arc::new(SeededRandom::new(1)))).unwrap();
    let exchange = rig.exchange();
    // Whoever streams is listened to.
    tokio::spawn(async move {
        loop {
            let (_, io) = exchange.taken().await;
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(io).await.unwrap();
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
            });
        }
    });
    Box::new(Line { rig, telnyx })
}

wib_core::voice_suite!(make);

fn up(rig: &Rig, to: &str) -> Value {
    let call = rig.dial(to, &json!({"answering_machine_detection": "disabled"}));
    // Enough to answer, too little to lose patience.
    rig.run(8, |_, _| 200);
    call
}
fn id(call: &Value) -> &str {
    call["call_control_id"].as_str().unwrap()
}
fn order(rig: &Rig, call: &Value, command: &str, body: &Value) {
    let (status, answer) = rig.command(call, command, body);
    assert_eq!(status, 200, "{command}: {answer}");
}
fn confer(rig: &Rig, room: &str, action: &str, body: &Value) {
    let (status, answer) = rig.post(&format!("/telnyx/v2/conferences/{room}/actions/{action}"), body);
    assert_eq!(status, 200, "{action}: {answer}");
}
/// What the person on the other leg said.
fn speech(rig: &Rig, number: &str) -> Vec<String> {
    let said = rig.sandbox.said(number).into_iter();
    said.filter(|(side, _)| *side == "customer").map(|(_, text)| text).collect()
}

#[test]
fn who_is_joined_hears_the_other_and_nothing_from_before_or_after() {
    let rig = Rig::new(5);
    let (talks, promises) = (magic(Behaviour::Talks), magic(Behaviour::Promises));
    let (one, other) = (up(&rig, talks), up(&rig, promises));
    assert!(rig.sandbox.heard(id(&one)).is_empty());
    order(&rig, &one, "bridge", &json!({"call_control_id": id(&other)}));
    rig.run(12, |_, _| 200);
    let (heard, back) = (rig.sandbox.heard(id(&one)), rig.sandbox.heard(id(&other)));
    assert!(!heard.is_empty() && heard.iter().all(|line| speech(&rig, promises).contains(line)), "{heard:?}");
    assert!(!back.is_empty() && back.iter().all(|line| speech(&rig, talks).contains(line)), "{back:?}");
    let third = up(&rig, AGENT);
    assert!(rig.sandbox.heard(id(&third)).is_empty());
}

#[test]
fn a_conference_is_heard_by_role_hold_and_mute() {
    let rig = Rig::new(5);
    let customer = magic(Behaviour::Promises);
    let (agent, monitor, held) = (up(&rig, AGENT), up(&rig, AGENT), up(&rig, AGENT));
    let caller = rig.dial(customer, &json!({"answering_machine_detection": "disabled"}));
    rig.run(8, |_, _| 200);
    let opened = rig.post("/telnyx/v2/conferences", &json!({"call_control_id": id(&caller), "name": "room"})).1;
    let room = opened["data"]["id"].as_str().unwrap().to_owned();
    confer(&rig, &room, "join", &json!({"call_control_id": id(&agent)}));
    confer(&rig, &room, "join", &json!({"call_control_id": id(&monitor), "supervisor_role": "monitor"}));
    confer(&rig, &room, "join", &json!({"call_control_id": id(&held), "hold": true}));
    rig.run(12, |_, _| 200);
    let heard = rig.sandbox.heard(id(&agent));
    assert!(!heard.is_empty());
    assert_eq!(rig.sandbox.heard(id(&monitor)), heard);
    assert!(rig.sandbox.heard(id(&held)).is_empty());
    confer(&rig, &room, "mute", &json!({"call_control_ids": [id(&caller)]}));
    rig.run(3, |_, _| 200);
    let muted = rig.sandbox.heard(id(&agent));
    rig.run(12, |_, _| 200);
    assert!(speech(&rig, customer).len() > muted.len(), "{:?}", speech(&rig, customer));
    assert_eq!(rig.sandbox.heard(id(&agent)), muted);
}

#[test]
fn a_whisper_is_heard_by_whom_it_is_meant_for_alone() {
    let rig = Rig::new(5);
    let (agent, caller, coach) = (up(&rig, AGENT), up(&rig, AGENT), up(&rig, magic(Behaviour::Talks)));
    let opened = rig.post("/telnyx/v2/conferences", &json!({"call_control_id": id(&agent), "name": "room"})).1;
    let room = opened["data"]["id"].as_str().unwrap().to_owned();
    confer(&rig, &room, "join", &json!({"call_control_id": id(&caller)}));
    let whisper = json!({"call_control_id": id(&coach), "supervisor_role": "whisper",
        "whisper_call_control_ids": [id(&agent)]});
    confer(&rig, &room, "join", &whisper);
    rig.run(12, |_, _| 200);
    assert!(!rig.sandbox.heard(id(&agent)).is_empty());
    assert!(rig.sandbox.heard(id(&caller)).is_empty());
}

#[test]
fn a_supervisor_of_two_is_heard_as_the_role_says() {
    for (role, by_one, by_other) in [("monitor", false, false), ("whisper", true, false), ("barge", true, true)] {
        let rig = Rig::new(5);
        let (one, other) = (up(&rig, AGENT), up(&rig, AGENT));
        order(&rig, &one, "bridge", &json!({"call_control_id": id(&other)}));
        let more = json!({"answering_machine_detection": "disabled", "supervise_call_control_id": id(&one),
            "supervisor_role": role});
        rig.dial(magic(Behaviour::Talks), &more);
        rig.run(25, |_, _| 200);
        let heard = |call: &Value| !rig.sandbox.heard(id(call)).is_empty();
        assert_eq!((heard(&one), heard(&other)), (by_one, by_other), "{role}");
    }
}

#[test]
fn who_pays_by_keys_gives_the_card_that_is_asked_for() {
    let rig = Rig::new(5);
    let number = magic(Behaviour::PaysByKeys);
    let call = up(&rig, number);
    let ask = json!({"minimum_digits": 12, "maximum_digits": 19, "initial_timeout_millis": 9_000});
    order(&rig, &call, "gather", &ask);
    let mut given = String::new();
    rig.run(10, |_, event| {
        if event["data"]["event_type"] == "call.gather.ended" {
            given = event["data"]["payload"]["digits"].as_str().unwrap().to_owned();
        }
        200
    });
    rig.run(10, |_, _| 200);
    let cards: Vec<Card> = rig.sandbox.spoken_cards(number);
    assert_eq!(given, cards[0].number);
}

#[test]
fn what_is_stopped_is_not_said_to_its_end() {
    let rig = Rig::new(5);
    let call = up(&rig, AGENT);
    order(&rig, &call, "speak", &json!({"payload": NOTICE, "voice": "female"}));
    rig.run(2, |_, _| 200);
    order(&rig, &call, "playback_stop", &json!({"stop": "all"}));
    let mut ends = Vec::new();
    rig.run(10, |_, event| {
        if event["data"]["event_type"] == "call.speak.ended" {
            ends.push(event["data"]["payload"]["status"].clone());
        }
        200
    });
    assert_eq!(ends, ["cancelled"]);
    let said = rig.sandbox.said(AGENT);
    assert!(NOTICE.starts_with(&said[0].1) && said[0].1.len() < NOTICE.len(), "{said:?}");
}

#[test]
fn events_and_answers_of_several_legs_fit_the_vendor_s_document() {
    let Some(contract) = Contract::open("telnyx") else { return };
    let rig = Rig::new(5);
    let (one, other) = (up(&rig, magic(Behaviour::Talks)), up(&rig, AGENT));
    let mut seen = BTreeSet::new();
    let mut check = |seconds| {
        rig.run(seconds, |_, event| {
            let name = event["data"]["event_type"].as_str().unwrap().to_owned();
            let schema = match name.as_str() {
                "call.transcription" => "TranscriptionEvent".to_owned(),
                "call.dequeued" => "CallLeftQueueEvent".to_owned(),
                name if name.starts_with("streaming.") => camel(&format!("call.{name}")),
                name => camel(name),
            };
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            let faults = contract.faults(&schema, &event);
            assert!(faults.is_empty(), "{name}: {faults:#?}\n{event:#}");
            seen.insert(name);
            200
        });
    };
    let sound = json!({"audio_url": "https://a.test/a.mp3"});
    order(&rig, &one, "transcription_start", &json!({"transcription_tracks": "both"}));
    for (command, body) in [
        ("playback_start", sound.clone()),
        ("playback_start", json!({"audio_url": "https://a.test/missing.mp3"})),
        ("gather", json!({"minimum_digits": 2, "maximum_digits": 2})),
        ("streaming_start", json!({"stream_url": "wss://wib.test/a"})),
        ("streaming_start", json!({"stream_url": "wss://wib.test/refused"})),
        ("fork_start", json!({"rx": "udp:192.0.2.1:9000"})),
        ("enqueue", json!({"queue_name": "support"})),
    ] {
        order(&rig, &one, command, &body);
    }
    let answers = [
        ("get /queues/{queue_name}", "/telnyx/v2/queues/support"),
        ("get /queues/{queue_name}/calls", "/telnyx/v2/queues/support/calls"),
    ];
    let fits = |operation: &str, path: &str| {
        let (status, body) = rig.get(path);
        assert_eq!(contract.answer_faults(operation, status, &body), Vec::<String>::new(), "{operation}");
    };
    answers.into_iter().for_each(|(operation, path)| fits(operation, path));
    check(6);
    order(&rig, &one, "bridge", &json!({"call_control_id": id(&other), "park_after_unbridge": "self"}));
    order(&rig, &one, "streaming_stop", &json!({}));
    order(&rig, &one, "fork_stop", &json!({}));
    check(2);
    let opened = rig.post("/telnyx/v2/conferences", &json!({"call_control_id": id(&one), "name": "room"})).1;
    let room = opened["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(contract.answer_faults("post /conferences", 200, &opened), Vec::<String>::new());
    confer(&rig, &room, "join", &json!({"call_control_id": id(&other)}));
    fits("get /conferences", "/telnyx/v2/conferences");
    fits("get /conferences/{id}", &format!("/telnyx/v2/conferences/{room}"));
    fits("get /conferences/{conference_id}/participants", &format!("/telnyx/v2/conferences/{room}/participants"));
    for whom in [json!([]), json!([id(&other)])] {
        confer(&rig, &room, "speak", &json!({"payload": "Hi.", "voice": "female", "call_control_ids": whom}));
        confer(&rig, &room, "play", &json!({"audio_url": "https://a.test/a.mp3", "call_control_ids": whom}));
    }
    check(5);
    confer(&rig, &room, "leave", &json!({"call_control_id": id(&other)}));
    order(&rig, &other, "refer", &json!({"sip_address": "sip:a@b.test"}));
    confer(&rig, &room, "end", &json!({}));
    check(10);
    for name in [
        "call.bridged",
        "call.dequeued",
        "call.enqueued",
        "call.fork.started",
        "call.fork.stopped",
        "call.gather.ended",
        "call.playback.ended",
        "call.playback.started",
        "call.refer.completed",
        "call.refer.started",
        "call.transcription",
        "conference.created",
        "conference.ended",
        "conference.participant.joined",
        "conference.participant.left",
        "conference.participant.playback.ended",
        "conference.participant.playback.started",
        "conference.participant.speak.ended",
        "conference.participant.speak.started",
        "conference.playback.ended",
        "conference.playback.started",
        "conference.speak.ended",
        "conference.speak.started",
        "streaming.failed",
    ] {
        assert!(seen.contains(name), "{name} was not told: {seen:?}");
    }
}

fn camel(name: &str) -> String {
    let words = name.split('.').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + "Event"
}

#[test]
fn several_legs_are_played_the_same_with_the_same_seed() {
    let play = || {
        let rig = Rig::new(9);
        let (one, other) = (up(&rig, magic(Behaviour::Disputes)), up(&rig, AGENT));
        order(&rig, &one, "transcription_start", &json!({}));
        order(&rig, &one, "bridge", &json!({"call_control_id": id(&other)}));
        let mut told = Vec::new();
        rig.run(60, |delivery, _| {
            told.push(delivery.body.clone());
            200
        });
        told
    };
    assert_eq!(play(), play());
}
