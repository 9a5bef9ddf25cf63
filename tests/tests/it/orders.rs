//! A vendor's events in every order, each of them twice: one and the same call comes of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wib_core::{
    calls::{Call, CallExport, CallId, StartCall},
    kit::time,
    orgs::OrganizationId,
    ports::webhook::Headers,
};
use wib_providers::telnyx::Telnyx;

use crate::{
    script::{Names, Script, state},
    stage::{KEY, Stage, at},
};

const START: &str = "2026-06-01T17:30:00Z";

/// An event of the script: its name in Telnyx's words, its second, what is particular of its payload.
#[derive(Clone)]
struct Told {
    name: &'static str,
    second: u32,
    payload: Value,
    notice: bool,
}
fn told(name: &'static str, second: u32, payload: Value) -> Told {
    Told { name, second, payload, notice: false }
}

fn person() -> Vec<Told> {
    let recording = json!({
        "recording_id": "REC", "channels": "dual", "recording_urls": {"mp3": "https://rec.test/REC.mp3"},
        "recording_started_at": "2026-06-01T17:30:14Z", "recording_ended_at": "2026-06-01T17:30:40Z",
    });
    vec![
        told("call.initiated", 1, json!({"direction": "outgoing", "from": "+13125550100", "to": "+15005550001"})),
        told("call.answered", 6, json!({})),
        told("call.machine.premium.detection.ended", 9, json!({"result": "human_residence"})),
        Told { notice: true, ..told("call.speak.ended", 12, json!({"status": "completed"})) },
        told("call.hangup", 40, json!({"hangup_cause": "normal_clearing", "hangup_source": "callee"})),
        told("call.recording.saved", 42, recording),
    ]
}
fn machine() -> Vec<Told> {
    let cost = json!({"status": "success", "total_cost": "0.0106", "cost_parts": [{"currency": "USD"}]});
    vec![
        told("call.initiated", 1, json!({"direction": "outgoing", "from": "+13125550100", "to": "+15005550001"})),
        told("call.answered", 6, json!({})),
        told("call.machine.premium.detection.ended", 9, json!({"result": "machine"})),
        told("call.hangup", 11, json!({"hangup_cause": "normal_clearing", "hangup_source": "caller"})),
        told("call.cost", 12, cost),
    ]
}

/// The text that our commands carry, as the core would make it.
fn tag(organization: OrganizationId, call: CallId, step: &str) -> String {
    let mac = |key: &[u8], text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text);
        mac.finalize().into_bytes()
    };
    let text = format!("wib1.{organization}.{call}.{step}");
    let sealed = mac(&mac(&KEY, b"wib call tag v1"), text.as_bytes());
    format!("{text}.{}", hex::encode(&sealed[..16]))
}

/// The vendor as a signer.
fn vendor() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// Brings one event to the door, signed; whether it was known.
async fn deliver(stage: &Stage, call: &Call, name: &str, what: &Told) -> bool {
    let step = if what.notice { "notice" } else { "dial" };
    let mut payload = json!({
        "call_leg_id": format!("leg-{}", call.id), "call_session_id": format!("session-{}", call.id),
        "client_state": BASE64_STANDARD.encode(tag(call.organization_id, call.id, step)),
    });
    if what.name != "call.recording.saved" {
        payload["call_control_id"] = format!("v3:{}", call.id).into();
    }
    for (key, value) in what.payload.as_object().unwrap() {
        payload[key] = value.to_string().replace("REC", &format!("{name}-rec")).parse::<Value>().unwrap();
    }
    let occurred = time::after(at(START), Duration::from_secs(what.second.into()));
    let body = json!({"data": {
        "record_type": "event", "event_type": what.name, "id": format!("{name}-{}", what.name),
        "occurred_at": occurred.to_string(), "payload": payload,
    }});
    let (body, second) = (body.to_string(), stage.now().as_second().to_string());
    let signature = BASE64_STANDARD.encode(vendor().sign(format!("{second}|{body}").as_bytes()).to_bytes());
    let headers = [("telnyx-signature-ed25519", signature.as_bytes()), ("telnyx-timestamp", second.as_bytes())];
    stage.wib.system().receive("telnyx", &Headers(&headers), body.as_bytes()).await.unwrap().duplicate
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let shorter = permutations(last);
    let with = |order: &Vec<usize>, place: usize| {
        let mut order = order.clone();
        order.insert(place, last);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(move |place| with(order, place))).collect()
}

/// What became of a call, without what is drawn by chance and what only tells when we gave a command.
fn end(name: &str, export: &CallExport) -> Value {
    let mut call = serde_json::to_value(&export.call).unwrap();
    for own in ["id", "updated_at", "verdict_id", "person_id", "account_id", "to_number"] {
        call[own].take();
    }
    call["facts"]["recording_ordered_at"].take();
    let line = |e: &wib_core::calls::CallEvent| match e.source.strip_prefix(name) {
        Some(source) => json!([source, e.event_type, e.event_data, e.at]),
        None => json!([e.event_type]),
    };
    let mut timeline: Vec<_> = export.timeline.iter().map(line).collect();
    timeline.sort_by_key(Value::to_string);
    let contacts: Vec<_> = export.contacts.iter().map(|c| json!([c.kind, c.direction, c.at, c.counts])).collect();
    let kept = |r: &wib_core::recordings::Recording| {
        json!([
            r.vendor_id,
            r.content_type,
            r.channels,
            r.size_bytes,
            r.media_hash,
            r.duration_ms,
            r.status,
            r.created_at
        ])
    };
    let recordings: Vec<_> = export.recordings.iter().map(kept).collect();
    let manifest = &export.evidence.as_ref().unwrap().call().unwrap();
    let artifacts: Vec<_> = manifest.artifacts.iter().map(|a| json!([a.kind, a.standing, a.note])).collect();
    let texts: Vec<_> = export.transcripts.iter().map(wib_core::transcripts::Transcript::text).collect();
    let whole = json!({
        "call": call, "timeline": timeline, "contacts": contacts, "recordings": recordings, "artifacts": artifacts,
        "manifest": [manifest.completeness, manifest.status, manifest.answered_at, manifest.ended_at],
        "legs": export.legs.len(), "transcripts": texts,
    });
    // Each call's own names: events carry the short one, legs and recordings the id.
    whole.to_string().replace(name, "").replace(&export.call.id.to_string(), "").parse().unwrap()
}

/// Plays the script in these orders, a call of its own account for each, all on one store; with `lost`, the events come
/// while nobody knows what became of the dial, and only our tag says whose they are. The answer is what became of
/// the calls: one state, when orders make no difference.
async fn play(script: &[Told], orders: &[Vec<usize>], lost: bool) -> BTreeMap<String, Vec<Vec<usize>>> {
    let named = |key: &str| Names {
        control: format!("v3:{key}"),
        leg: format!("leg-{key}"),
        session: format!("session-{key}"),
    };
    let vendors = Arc::new(Script::new(named, |n| format!("transcript {n}")).loses_dials(lost));
    let wired = vendors.clone();
    let stage = Stage::with(START, 7, |builder, sets| {
        let key = BASE64_STANDARD.encode(vendor().verifying_key().as_bytes());
        let voice = Telnyx::builder(wired.wires(sets), "KEY".to_owned().into(), "1").live(false);
        let voice = voice.public_key(&key).unwrap().default_number("+13125550100".parse().unwrap()).build();
        let ears = wib_providers::assemblyai::AssemblyAi::builder(wired.wires(sets), "key".to_owned().into());
        let voice = Arc::new(voice);
        builder.webhook(voice.clone()).voice(voice).transcriber(Arc::new(ears.live(false).build()))
    })
    .await;
    let mut csv = "Name;Balance;Phone;Address\n".to_owned();
    for n in 0..orders.len() {
        csv += &format!("Alma Reyes;$120.50;+1312555{:04};\"412 W Grand Ave, Chicago, IL 60654\"\n", n + 1000);
    }
    let accounts = stage.org.import_accounts(csv.as_bytes()).await.unwrap().accounts;
    assert_eq!(accounts.len(), orders.len());
    let mut calls = Vec::new();
    for (n, (account, _)) in accounts.iter().enumerate() {
        let wish = StartCall { account_id: Some(account.id), ..StartCall::default() };
        calls.push((format!("c{n:04}"), stage.org.start_call(wish).await.unwrap()));
    }
    stage.work().await;
    for turn in 0..script.len() {
        stage.pass(1);
        for ((name, call), order) in calls.iter().zip(orders) {
            assert!(!deliver(&stage, call, name, &script[order[turn]]).await);
            // Twice in a row, or again after the next.
            let again = if order[0] % 2 == 0 { turn } else { turn.saturating_sub(1) };
            assert!(deliver(&stage, call, name, &script[order[again]]).await, "known by its id");
        }
        stage.work().await;
    }
    let worker = stage.worker();
    loop {
        stage.work().await;
        // What is asked after later finds a call that is over.
        match worker.next_due().await.unwrap() {
            Some(next) => stage.clock.advance_to(next),
            None => break,
        }
    }
    assert!(stage.wib.system().dead_letters(1).await.unwrap().is_empty());
    let spoken = vendors.asked("/speak");
    for body in spoken {
        let text = state(&body);
        let (_, call) = calls.iter().find(|(_, c)| text.contains(&c.id.to_string())).unwrap();
        assert_eq!(text, tag(call.organization_id, call.id, "notice"), "the tag of this test is the core's");
    }
    assert_eq!(vendors.asked("/v2/calls").len(), calls.len(), "no call is dialled twice");
    let mut ends: BTreeMap<String, Vec<Vec<usize>>> = BTreeMap::new();
    for ((name, call), order) in calls.iter().zip(orders) {
        let export = stage.export(call.id).await;
        ends.entry(format!("{:#}", end(name, &export))).or_default().push(order.clone());
    }
    ends
}

/// These orders of the script, a hundred or so at a time, end in one state. It is handed back.
async fn same(script: &[Told], all: &[Vec<usize>], lost: bool) -> Value {
    let mut ends: BTreeMap<String, Vec<Vec<usize>>> = BTreeMap::new();
    for some in all.chunks(120) {
        for (state, orders) in play(script, some, lost).await {
            ends.entry(state).or_default().extend(orders);
        }
    }
    let shown: Vec<_> =
        ends.iter().map(|(state, orders)| format!("{} orders, as {:?}:\n{state}", orders.len(), orders[0])).collect();
    assert_eq!(ends.len(), 1, "{}", shown.join("\n\n"));
    ends.into_keys().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_events_of_a_talk_end_in_one_state_in_all_720_orders() {
    let end = same(&person(), &permutations(6), false).await;
    assert_eq!(permutations(6).len(), 720);
    assert_eq!((&end["call"]["status"], &end["call"]["answered_by"]), (&json!("completed"), &json!("human")));
    let kinds: Vec<_> = end["artifacts"].as_array().unwrap().iter().map(|a| a[0].as_str().unwrap()).collect();
    assert_eq!(kinds, ["analysis", "recording", "timeline", "transcript", "verdict"]);
    assert_eq!((&end["manifest"][0], end["contacts"].as_array().unwrap().len()), (&json!("complete"), 2));
}

#[tokio::test]
async fn the_events_of_a_machine_end_in_one_state_in_all_120_orders() {
    let end = same(&machine(), &permutations(5), false).await;
    assert_eq!((&end["call"]["status"], &end["call"]["answered_by"]), (&json!("completed"), &json!("machine")));
    let kinds: Vec<_> = end["artifacts"].as_array().unwrap().iter().map(|a| a[0].as_str().unwrap()).collect();
    assert_eq!(kinds, ["timeline", "verdict"]);
    let counted = end["contacts"].as_array().unwrap().iter().filter(|c| c[3] == true);
    assert_eq!(counted.map(|c| c[0].as_str().unwrap()).collect::<Vec<_>>(), ["attempt"]);
}

#[tokio::test]
async fn events_that_come_while_the_dial_is_in_doubt_end_in_the_same_state() {
    let all = permutations(5);
    assert_eq!(same(&machine(), &all, true).await, same(&machine(), &all[..1], false).await);
    // One in eleven, so that each event is the first and the last of some.
    let some: Vec<_> = permutations(6).into_iter().step_by(11).collect();
    assert_eq!(same(&person(), &some, true).await, same(&person(), &some[..1], false).await);
}
