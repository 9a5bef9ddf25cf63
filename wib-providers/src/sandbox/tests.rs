//! The vendors' models over raw HTTP, without adapters.

mod contracts;
mod people;
mod recordings;
mod rooms;
mod streams;
mod troubles;
mod vendors;

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ed25519_dalek::VerifyingKey;
use http::{HeaderMap, HeaderValue, Method, Request};
use serde_json::{Value, json};
use wib_core::{
    kit::{Clock, Timestamp, VirtualClock},
    ports::webhook::ed25519,
};

use super::{Behaviour, Delivery, Exchange, Fault, FaultKind, MAGIC, Sandbox, Settings};
use crate::transport::full;

const HOOK: &str = "https://wib.test/webhooks/telnyx";
const NOTICE: &str = "This call is recorded. This is an attempt to collect a debt.";

struct Rig {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
}

/// The output of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

impl Rig {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let settings = Settings { server: Some("https://wib.test".to_owned()), costs: true, ..Settings::default() };
        Self { sandbox: Sandbox::new(clock.clone(), seed, settings), clock }
    }
    fn send(&self, method: &str, path: &str, more: &[(&'static str, &str)], body: impl Into<Bytes>) -> (u16, Bytes) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("sandbox.test:4010"));
        let key = if path.starts_with("/assemblyai") { "key" } else { "Bearer key" };
        headers.insert("authorization", HeaderValue::from_static(key));
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = now(self.sandbox.serve(method, path, headers, body.into()));
        (answer.status().as_u16(), answer.into_body())
    }
    fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.send("GET", path, &[], "");
        (status, serde_json::from_slice(&body).unwrap())
    }
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.send("POST", path, &[], body.to_string());
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
    fn dial(&self, to: &str, more: &Value) -> Value {
        let mut body = json!({
            "connection_id": "42", "to": to, "from": "+13125550111", "client_state": "dGFn",
            "answering_machine_detection": "premium",
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("/telnyx/v2/calls", &body);
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }
    fn command(&self, call: &Value, command: &str, body: &Value) -> (u16, Value) {
        let id = call["call_control_id"].as_str().unwrap();
        let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.post(&format!("/telnyx/v2/calls/{id}/actions/{command}"), body)
    }
    /// Lets time pass up to `seconds` from now; every webhook is verified and handed over.
    fn run(&self, seconds: u64, mut hook: impl FnMut(&Delivery, Value) -> u16) {
        let end = wib_core::kit::time::after(self.clock.now(), Duration::from_secs(seconds));
        while let Some(due) = self.sandbox.next_due().filter(|due| *due <= end) {
            self.clock.advance_to(due);
            for delivery in self.sandbox.take_due(self.clock.now()) {
                if delivery.vendor == "telnyx" {
                    self.verify(&delivery);
                }
                let status = hook(&delivery, serde_json::from_slice(&delivery.body).unwrap());
                self.sandbox.delivered(delivery.id, Some(status));
            }
        }
        self.clock.advance_to(end);
    }
    /// The same while sound is streamed: whoever else runs has a turn before each step of time.
    async fn pass(&self, seconds: u64, mut hook: impl FnMut(&Delivery, Value) -> u16) {
        let end = wib_core::kit::time::after(self.clock.now(), Duration::from_secs(seconds));
        loop {
            for _ in 0..32 {
                tokio::task::yield_now().await;
            }
            self.run(0, &mut hook);
            match self.sandbox.next_due().filter(|due| *due <= end) {
                Some(due) => self.clock.advance_to(due),
                None if self.clock.now() < end => self.clock.advance_to(end),
                None => return,
            }
        }
    }
    /// Has streams end in the process.
    fn exchange(&self) -> Arc<Exchange> {
        let exchange = Arc::new(Exchange::default());
        self.sandbox.streams_over(exchange.clone());
        exchange
    }
    fn verify(&self, delivery: &Delivery) {
        let header = |wanted: &str| delivery.headers.iter().find(|(name, _)| name == wanted).unwrap().1.as_str();
        let key = BASE64_STANDARD.decode(self.sandbox.telnyx_public_key()).unwrap();
        let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
        let (timestamp, signature) = (header("telnyx-timestamp"), header("telnyx-signature-ed25519"));
        let window = Duration::from_secs(1);
        ed25519(&key, timestamp, "|", signature, &delivery.body, self.clock.now(), window).unwrap();
    }
    /// A whole call as the product makes it: the notice, then the recording. Gives the events.
    fn play(&self, to: &str) -> Vec<Value> {
        self.act(to, |_| {})
    }
    /// The same, with something done on the call after whatever happens.
    fn act(&self, to: &str, mut then: impl FnMut(&Value)) -> Vec<Value> {
        let call = self.dial(to, &json!({}));
        let mut events = Vec::new();
        let end = wib_core::kit::time::after(self.clock.now(), Duration::from_secs(300));
        while let Some(due) = self.sandbox.next_due().filter(|due| *due <= end) {
            self.clock.advance_to(due);
            events.extend(self.serve(&call));
            then(&call);
        }
        self.clock.advance_to(end);
        events
    }
    /// Takes what is due: answers with the notice, and after it with the recording.
    fn serve(&self, call: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        self.run(0, |delivery, event| {
            assert_eq!(delivery.url.as_deref(), Some(HOOK));
            match event["data"]["event_type"].as_str().unwrap() {
                "call.answered" => {
                    let speak = json!({"payload": NOTICE, "voice": "female", "command_id": "s"});
                    assert_eq!(self.command(call, "speak", &speak).0, 200);
                }
                "call.speak.ended" if event["data"]["payload"]["status"] == "completed" => {
                    let record =
                        json!({"channels": "dual", "format": "wav", "command_id": "r", "client_state": "dGFnMg=="});
                    assert_eq!(self.command(call, "record_start", &record).0, 200);
                }
                _ => {}
            }
            events.push(event);
            200
        });
        events
    }
}

fn magic(wanted: Behaviour) -> &'static str {
    MAGIC.iter().find(|(_, behaviour, _)| *behaviour == wanted).unwrap().0
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["data"]["event_type"].as_str().unwrap()).collect()
}

fn last<'e>(events: &'e [Value], name: &str) -> &'e Value {
    let found = events.iter().rev().find(|event| event["data"]["event_type"] == name);
    &found.unwrap_or_else(|| panic!("no {name} among {:?}", names(events)))["data"]["payload"]
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_call_tells_its_events_in_order_and_signed() {
    let rig = Rig::new(7);
    let events = rig.play(magic(Behaviour::Promises));
    let mut seen = names(&events);
    // The detection ends somewhere within the notice.
    seen.retain(|name| *name != "call.machine.premium.detection.ended");
    let expected = [
        "call.initiated",
        "call.answered",
        "call.speak.started",
        "call.speak.ended",
        "call.hangup",
        "call.recording.saved",
        "call.cost",
    ];
    assert_eq!(seen, expected);
    assert_eq!(last(&events, "call.machine.premium.detection.ended")["result"], "human_residence");
    let mut ids: Vec<_> = events.iter().map(|event| event["data"]["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len());
    let hangup = last(&events, "call.hangup");
    assert_eq!(
        (hangup["hangup_cause"].as_str(), hangup["hangup_source"].as_str()),
        (Some("normal_clearing"), Some("callee"))
    );
    assert_eq!(
        (events[0]["data"]["payload"]["client_state"].as_str(), hangup["client_state"].as_str()),
        (Some("dGFn"), Some("dGFnMg=="))
    );
    assert!(hangup["call_control_id"].as_str().unwrap().contains(':'));
    let saved = last(&events, "call.recording.saved");
    assert!(saved.get("call_control_id").is_none());
    assert!(instant(&saved["recording_started_at"]) < instant(&saved["recording_ended_at"]));
}

#[test]
fn every_magic_number_behaves_as_it_is_documented() {
    for (number, behaviour, text) in MAGIC {
        assert!(include_str!("mod.rs").contains(&format!("//! | `{number}` | {text} |\n")), "{number}");
        let rig = Rig::new(3);
        let events = rig.play(number);
        let answered = names(&events).contains(&"call.answered");
        let hangup = last(&events, "call.hangup");
        let expected = match behaviour {
            Behaviour::Busy => (false, "user_busy"),
            Behaviour::NoAnswer => (false, "timeout"),
            Behaviour::CarrierError => (false, "unspecified"),
            Behaviour::NotInService => (false, "not_found"),
            _ => (true, "normal_clearing"),
        };
        assert_eq!((answered, hangup["hangup_cause"].as_str().unwrap()), expected, "{behaviour:?}");
        if *behaviour == Behaviour::Voicemail {
            assert_eq!(last(&events, "call.machine.premium.detection.ended")["result"], "machine");
            assert_eq!(last(&events, "call.machine.premium.greeting.ended")["result"], "beep_detected");
        }
    }
}

#[test]
fn an_unanswered_call_ends_when_the_ring_time_is_over() {
    for (more, seconds) in [(json!({}), 30), (json!({"timeout_secs": 18}), 18)] {
        let rig = Rig::new(1);
        let start = rig.clock.now();
        rig.dial(magic(Behaviour::NoAnswer), &more);
        let mut ended = None;
        rig.run(60, |_, event| {
            if event["data"]["event_type"] == "call.hangup" {
                ended = Some(rig.clock.now().duration_since(start).as_secs());
            }
            200
        });
        assert_eq!(ended, Some(seconds));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let day = |seed| {
        let rig = Rig::new(seed);
        let mut log = Vec::new();
        for n in 0..30 {
            rig.dial(&format!("+1312555{n:04}"), &json!({}));
        }
        rig.run(3_600, |delivery, _| {
            log.push((rig.clock.now(), delivery.headers.clone(), delivery.body.clone()));
            200
        });
        log
    };
    let first = day(11);
    assert!(first.len() > 75);
    assert_eq!(first, day(11));
    assert_ne!(first, day(12));
}

#[test]
fn the_callee_waits_for_the_notice_and_the_recording() {
    let rig = Rig::new(5);
    let events = rig.play(magic(Behaviour::Talks));
    let saved = last(&events, "call.recording.saved");
    let (status, wav) = fetch(&rig, saved["recording_urls"]["wav"].as_str().unwrap());
    assert_eq!(status, 200);
    let sound = super::sound::Sound::hear(&wav).unwrap();
    assert_eq!(sound.lines[0].start_ms, 600);
    assert!(sound.lines.iter().all(|line| !line.text.contains("attempt to collect")));
}

#[test]
fn a_callee_to_whom_nobody_speaks_talks_after_eight_seconds() {
    let rig = Rig::new(5);
    rig.dial(magic(Behaviour::Talks), &json!({"record": "record-from-answer"}));
    let mut events = Vec::new();
    rig.run(300, |_, event| {
        events.push(event);
        200
    });
    let saved = last(&events, "call.recording.saved");
    let (_, wav) = fetch(&rig, saved["recording_urls"]["wav"].as_str().unwrap());
    assert_eq!(super::sound::Sound::hear(&wav).unwrap().lines[0].start_ms, 8_600);
}

fn fetch(rig: &Rig, url: &str) -> (u16, Bytes) {
    rig.send("GET", url.strip_prefix("http://sandbox.test:4010").unwrap(), &[], "")
}

#[test]
fn a_recording_s_address_works_for_ten_minutes() {
    let rig = Rig::new(5);
    let events = rig.play(magic(Behaviour::Talks));
    let saved = last(&events, "call.recording.saved");
    let url = saved["recording_urls"]["mp3"].as_str().unwrap();
    assert!(super::sound::Sound::hear(&fetch(&rig, url).1).is_ok());
    assert_eq!(fetch(&rig, &url.replace("signature=", "signature=0")).0, 403);
    rig.clock.advance(Duration::from_secs(600));
    assert_eq!(fetch(&rig, url).0, 403);
    let (_, list) =
        rig.get(&format!("/telnyx/v2/recordings?filter[call_leg_id]={}", saved["call_leg_id"].as_str().unwrap()));
    let fresh = list["data"][0]["download_urls"]["wav"].as_str().unwrap();
    assert_eq!(fetch(&rig, fresh).0, 200);
}

#[test]
fn a_webhook_is_tried_again_after_two_four_eight_seconds_until_it_is_taken() {
    let rig = Rig::new(1);
    rig.dial(magic(Behaviour::CarrierError), &json!({}));
    let start = rig.clock.now();
    let mut tries = Vec::new();
    rig.run(3_600, |delivery, event| {
        if event["data"]["event_type"] != "call.initiated" {
            return 200;
        }
        assert_eq!(event["meta"]["attempt"], delivery.attempt);
        tries.push(rig.clock.now().duration_since(start).as_secs());
        if tries.len() < 5 { 503 } else { 204 }
    });
    assert_eq!(tries, [0, 2, 6, 14, 30]);
}

#[test]
fn a_webhook_that_nobody_takes_is_given_up_after_twelve_tries() {
    let rig = Rig::new(1);
    rig.dial(magic(Behaviour::CarrierError), &json!({}));
    let mut tries = 0;
    rig.run(36_000, |_, _| {
        tries += 1;
        500
    });
    assert_eq!(tries, 2 * 12);
    assert_eq!(rig.sandbox.next_due(), None);
}

#[test]
fn a_repeated_dial_is_the_same_call_within_a_minute_and_another_one_after_it() {
    let rig = Rig::new(1);
    let (number, key) = ("+13125550100", json!({"command_id": "k"}));
    let first = rig.dial(number, &key);
    rig.clock.advance(Duration::from_secs(59));
    assert_eq!(rig.dial(number, &key)["call_control_id"], first["call_control_id"]);
    assert_eq!(rig.sandbox.numbers()[number], 1);
    assert_eq!(rig.post("/sandbox/clock", &json!({"advance_seconds": 2})).0, 200);
    assert_ne!(rig.dial(number, &key)["call_control_id"], first["call_control_id"]);
    assert_eq!(rig.get("/sandbox/numbers").1, json!({number: 2}));
}

#[test]
fn a_repeated_command_has_no_second_effect_within_a_minute() {
    let rig = Rig::new(1);
    let call = rig.dial(magic(Behaviour::Talks), &json!({}));
    let speak = json!({"payload": "Hello there", "voice": "female", "command_id": "k"});
    assert_eq!(rig.command(&call, "speak", &speak).1["errors"][0]["code"], "90034");
    let mut started = 0;
    rig.run(60, |_, event| {
        match event["data"]["event_type"].as_str().unwrap() {
            "call.answered" => (0..3).for_each(|_| assert_eq!(rig.command(&call, "speak", &speak).0, 200)),
            "call.speak.started" => started += 1,
            _ => {}
        }
        200
    });
    assert_eq!(started, 1);
    assert_eq!(rig.command(&call, "hangup", &json!({})).1["errors"][0]["code"], "90018");
}

#[test]
fn hanging_up_ends_a_call_before_and_after_the_answer() {
    for (seconds, cause) in [(0, "originator_cancel"), (12, "normal_clearing")] {
        let rig = Rig::new(1);
        let call = rig.dial(magic(Behaviour::Talks), &json!({}));
        rig.run(seconds, |_, _| 200);
        assert_eq!(rig.command(&call, "hangup", &json!({"command_id": "h"})).0, 200);
        assert_eq!(rig.command(&call, "hangup", &json!({"command_id": "h"})).0, 200);
        let mut events = Vec::new();
        rig.run(60, |_, event| {
            events.push(event);
            200
        });
        let hangup = last(&events, "call.hangup");
        assert_eq!((hangup["hangup_cause"].as_str(), hangup["hangup_source"].as_str()), (Some(cause), Some("caller")));
    }
}
