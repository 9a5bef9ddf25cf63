//! The genuine deliveries of the shared contracts, through the whole product.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wib_core::{
    Wib,
    calls::CallStatus,
    evidence::verify,
    kit::{Timestamp, canonical},
    ports::voice::{AnsweredBy, HangupCause},
    recordings::RecordingStatus,
};
use wib_http::{AppConfig, app};
use wib_providers::{assemblyai::AssemblyAi, telnyx::Telnyx};

use crate::{
    script::{AUDIO, Names, Script},
    stage::{Stage, contract, kinds},
};

struct Vectors(Vec<Value>);
impl Vectors {
    fn of(test: &str, vendor: &str) -> Option<Self> {
        let mut all = contract(test, &format!("webhooks/{vendor}.json"))?.as_array().unwrap().clone();
        // Clocks do not run back.
        all.sort_by_key(|v| v["now"].as_i64());
        Some(Self(all))
    }
    fn named(&self, id: &str) -> &Value {
        self.0.iter().find(|v| v["id"] == id).unwrap()
    }
    fn genuine(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(|v| v["expect"] == "accept" && v["event_type"].is_string())
    }
    fn rejected(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(|v| v["expect"] == "reject")
    }
}

fn body(vector: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(vector["body_b64"].as_str().unwrap()).unwrap()
}

/// Bytes and headers untouched, by the front door.
async fn deliver(wib: &Wib, vendor: &str, vector: &Value) -> (u16, Value) {
    let mut request = Request::post(format!("/webhooks/{vendor}"));
    for (name, value) in vector["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let request = request.body(axum::body::Body::from(body(vector))).unwrap();
    let answer = app(wib.clone(), &AppConfig::default()).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&text).unwrap())
}

fn instant(vector: &Value) -> Timestamp {
    Timestamp::from_second(vector["now"].as_i64().unwrap()).unwrap()
}

/// The receiver that the vectors are addressed to, a minute before the first of them.
async fn receiver(telnyx: &Vectors, assemblyai: &Vectors, key: &str) -> (Stage, Arc<Script>) {
    let first: Value = serde_json::from_slice(&body(telnyx.named("telnyx-001-event-call-initiated"))).unwrap();
    let completed: Value = serde_json::from_slice(&body(assemblyai.named("assemblyai-001-completed"))).unwrap();
    let field = |name: &str| first["data"]["payload"][name].as_str().unwrap().to_owned();
    let names =
        Names { control: field("call_control_id"), leg: field("call_leg_id"), session: field("call_session_id") };
    let transcript = completed["transcript_id"].as_str().unwrap().to_owned();
    let script = Script::new(move |_| names.clone(), move |n| if n == 0 { transcript.clone() } else { n.to_string() });
    let script = Arc::new(script);
    let secret = assemblyai.named("assemblyai-001-completed");
    let wired = script.clone();
    let stage = Stage::with("2026-02-13T09:59:00Z", 7, |builder, sets| {
        let voice = Telnyx::builder(wired.wires(sets), "KEY".to_owned().into(), "1031815309284914139").live(false);
        let voice = voice.public_key(key).unwrap().default_number("+13125559309".parse().unwrap()).build();
        let ears = AssemblyAi::builder(wired.wires(sets), "key".to_owned().into())
            .webhook_header(secret["header_name"].as_str().unwrap())
            .webhook_secret(secret["secret"].as_str().unwrap().to_owned().into())
            .live(false)
            .build();
        let (voice, ears) = (Arc::new(voice), Arc::new(ears));
        builder.webhook(voice.clone()).voice(voice).webhook(ears.clone()).transcriber(ears)
    })
    .await;
    (stage, script)
}

/// Eight in the evening in Guam, four in the morning in Chicago.
const GUAM: (&str, &str) = ("+16715550126", "120 Chalan Santo Papa, Hagatna, GU 96910");

#[tokio::test]
async fn the_genuine_deliveries_of_the_contracts_bytes_untouched_carry_a_call_from_dial_to_evidence() {
    let test = "the genuine deliveries carry a call from dial to evidence";
    let (Some(telnyx), Some(assemblyai)) = (Vectors::of(test, "telnyx"), Vectors::of(test, "assemblyai")) else {
        return;
    };
    let key = telnyx.named("telnyx-001-event-call-initiated")["public_key"].as_str().unwrap();
    let (stage, script) = receiver(&telnyx, &assemblyai, key).await;
    let account = stage.account_at(GUAM.0, GUAM.1).await;
    let call = stage.start(&account).await.unwrap();
    stage.work().await;
    assert_eq!(script.asked("/v2/calls").len(), 1);

    let mut delivered = 0;
    for vector in telnyx.genuine() {
        stage.clock.advance_to(instant(vector));
        let id = &vector["id"];
        assert_eq!(deliver(&stage.wib, "telnyx", vector).await, (200, json!({"received": true})), "{id}");
        stage.work().await;
        delivered += 1;
    }
    assert_eq!(delivered, 46);
    let depths = stage.wib.system().dead_letters(10).await.unwrap();
    assert!(depths.is_empty(), "{depths:?}");

    // The recording is here, its transcript ordered; the vendor says that it is ready.
    assert_eq!(script.asked("/v2/transcript").len(), 1);
    let done = assemblyai.named("assemblyai-001-completed");
    assert_eq!(deliver(&stage.wib, "assemblyai", done).await, (200, json!({"received": true})));
    stage.work().await;
    let early = stage.export(call.id).await;
    assert_eq!(early.transcripts.len(), 1, "the delivery brings the transcript, before anybody polls");

    let again = telnyx.named("telnyx-073-duplicate-delivery");
    stage.clock.advance_to(instant(again));
    assert_eq!(deliver(&stage.wib, "telnyx", again).await, (200, json!({"received": true, "duplicate": true})));
    let replay = assemblyai.named("assemblyai-015-old-delivery");
    assert_eq!(deliver(&stage.wib, "assemblyai", replay).await, (200, json!({"received": true, "duplicate": true})));

    let export = stage.sealed(call.id).await;
    let told = &export.call;
    assert_eq!((told.status, told.answered_by), (CallStatus::Completed, Some(AnsweredBy::Human)));
    assert_eq!((told.hangup_cause, told.duration_ms()), (Some(HangupCause::Normal), Some(6000)));
    assert_eq!(told.facts.cost_micros(), Some(10_600));
    assert_eq!(export.legs.len(), 1);
    // Events of conferences and messages are no events of the call.
    let vendors = kinds(&export).into_iter().filter(|k| k.starts_with("call.") || k.starts_with("streaming."));
    assert_eq!(vendors.count(), 31 + 2, "31 of the vendor's, and permitted and sealed of ours");

    let [recording] = &export.recordings[..] else { panic!("{:?}", export.recordings) };
    let hash = canonical::sha256(AUDIO);
    assert_eq!((recording.status, recording.media_hash.as_deref()), (RecordingStatus::Completed, Some(&*hash)));
    let [transcript] = &export.transcripts[..] else { panic!("{:?}", export.transcripts) };
    assert_eq!(transcript.utterances.0[0].speaker, "customer");

    let file = export.evidence.as_ref().unwrap().to_bytes().unwrap();
    let found = verify(&file, Some(&stage.wib.evidence_public_key())).unwrap();
    assert!(found.holds(), "{:?}", found.faults);
    let manifest = found.bundle.unwrap().call().unwrap();
    let hashes = |kind: &str| {
        let some = manifest.artifacts.iter().filter(|a| a.kind == kind);
        some.map(|a| a.hash.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(hashes("recording"), [hash]);
    assert_eq!(hashes("transcript"), std::slice::from_ref(&transcript.transcript_hash));
    assert_eq!(hashes("analysis").len(), 1);
    assert_eq!((manifest.completeness.as_str(), manifest.status.as_str()), ("complete", "completed"));
    assert!(stage.org.verify_chain().await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_the_contracts_reject_is_refused_and_changes_nothing() {
    let test = "what the contracts reject is refused and changes nothing";
    let (Some(telnyx), Some(assemblyai)) = (Vectors::of(test, "telnyx"), Vectors::of(test, "assemblyai")) else {
        return;
    };
    let mut stages = std::collections::BTreeMap::new();
    for vector in telnyx.rejected() {
        let key = vector["public_key"].as_str().unwrap();
        if !stages.contains_key(key) {
            let (stage, _) = receiver(&telnyx, &assemblyai, key).await;
            let account = stage.account_at(GUAM.0, GUAM.1).await;
            let call = stage.start(&account).await.unwrap();
            stage.work().await;
            let before = (stage.org.call(call.id).await.unwrap(), stage.wib.system().queue_depths().await.unwrap());
            stages.insert(key, (stage, before));
        }
        let (stage, before) = &stages[key];
        stage.clock.advance_to(instant(vector));
        let (status, answer) = deliver(&stage.wib, "telnyx", vector).await;
        assert_eq!((status, &answer["code"]), (401, &json!("AUTH_REQUIRED")), "{}", vector["id"]);
        let now = (stage.org.call(before.0.id).await.unwrap(), stage.wib.system().queue_depths().await.unwrap());
        assert_eq!(&now, before, "{}", vector["id"]);
    }
    assert_eq!(telnyx.rejected().count(), 19);

    let (stage, _) = stages.values().next().unwrap();
    let before = stage.wib.system().queue_depths().await.unwrap();
    for vector in assemblyai.rejected() {
        let (status, answer) = deliver(&stage.wib, "assemblyai", vector).await;
        assert_eq!((status, &answer["code"]), (401, &json!("AUTH_REQUIRED")), "{}", vector["id"]);
    }
    assert_eq!(stage.wib.system().queue_depths().await.unwrap(), before);
    // Authentic, and no JSON: another answer.
    let telling = telnyx.named("telnyx-069-non-utf8-bytes");
    let key = telling["public_key"].as_str().unwrap();
    let (stage, _) = receiver(&telnyx, &assemblyai, key).await;
    stage.clock.advance_to(instant(telling));
    assert_eq!(deliver(&stage.wib, "telnyx", telling).await.0, 400);
}
