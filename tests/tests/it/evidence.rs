//! Versions instead of changes, links of every kind, chains from before the tree, and what is shown of them over HTTP.

use std::io::Cursor;

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;
use wib_core::{
    auth::{LogIn, SignUp},
    calls::{Call, CallId},
    evidence::{
        CHECKPOINT_1, Checkpoint, EntryKind, EvidenceEntry, GENESIS, LinkFormat, MANIFEST_1, ProveConsistency, Signer,
        merkle, verify, verify_history,
    },
    kit::{ExposeSecret, Id, Kind, Principal, Role, canonical},
    orgs::Member,
    ports::webhook::Headers,
};
use wib_http::{AppConfig, app};

use crate::stage::{KEY, Stage, magic};

async fn history(stage: &Stage) -> Vec<u8> {
    let mut lines = stage.org.export_history().await.unwrap();
    let mut file = vec![];
    while let Some(more) = lines.next().await.unwrap() {
        file.extend(more);
    }
    file
}

async fn whole(stage: &Stage) {
    let report =
        verify_history(Cursor::new(history(stage).await), Some(&stage.wib.evidence_public_key()), &[]).unwrap();
    assert!(report.holds() && report.signer_checked, "{:?}", report.faults);
    let chain = stage.org.verify_chain().await.unwrap();
    assert_eq!((chain.links, &chain.faults, chain.root), (report.entries, &vec![], report.root));
}

async fn links(stage: &Stage) -> Vec<EvidenceEntry> {
    stage.store.org(stage.org.id()).await.unwrap().chain_after(0, 999).await.unwrap()
}

/// Time passes and deliveries come, but those of such a name are held back until the vendor sends them again.
async fn pass_without(stage: &Stage, held: &str, seconds: u64) {
    for _ in 0..seconds {
        stage.pass(1);
        stage.work().await;
        for delivery in stage.sandbox.take_due(stage.now()) {
            let event: Value = serde_json::from_slice(&delivery.body).unwrap();
            let taken = event["data"]["event_type"] != held;
            if taken {
                let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
                stage.wib.system().receive(delivery.vendor, &Headers(&headers), &delivery.body).await.unwrap();
            }
            stage.sandbox.delivered(delivery.id, Some(if taken { 200 } else { 503 }));
        }
    }
}

async fn sealed_call(stage: &Stage) -> Call {
    let call = stage.start(&stage.account(&magic(5)).await).await.unwrap();
    stage.sealed(call.id).await;
    call
}

#[tokio::test]
async fn a_fact_that_comes_after_the_seal_makes_a_second_version_and_the_first_one_stays() {
    let stage = Stage::new().await;
    let call = stage.start(&stage.account(&magic(5)).await).await.unwrap();
    let mut held = 0;
    while !stage.is_sealed(call.id).await {
        pass_without(&stage, "call.cost", 5).await;
        held += 5;
        assert!(held < 600, "sealed without its cost");
    }
    let first = stage.org.evidence(call.id).await.unwrap();
    assert_eq!((first.link.version, first.link.supersedes.as_deref()), (1, None));
    pass_without(&stage, "nothing", 300).await;
    let second = stage.org.evidence(call.id).await.unwrap();
    assert_eq!(second.link.version, 2);
    assert_eq!(second.link.supersedes.as_ref(), Some(&first.link.entry_hash));
    let (was, is) = (first.call().unwrap(), second.call().unwrap());
    assert_eq!((is.version, &is.supersedes), (2, &second.link.supersedes));
    let timeline = |m: &wib_core::evidence::Manifest| {
        m.artifacts.iter().find(|a| a.kind == "timeline").unwrap().hash.clone().unwrap()
    };
    assert_ne!(timeline(&was), timeline(&is));
    let key = stage.wib.evidence_public_key();
    for bundle in [&first, &second, &stage.org.evidence_at(first.link.seq, None).await.unwrap()] {
        let found = verify(&bundle.to_bytes().unwrap(), Some(&key)).unwrap();
        assert!(found.holds(), "{:?}", found.faults);
    }
    // The same again: nothing changed, nothing is added.
    pass_without(&stage, "nothing", 3600).await;
    assert_eq!(links(&stage).await.len(), 2);
    let told: Vec<_> = stage.org.timeline(call.id).await.unwrap();
    let told: Vec<_> = told.iter().filter(|e| e.event_type == "call.sealed").map(|e| e.source.as_str()).collect();
    assert_eq!(told, ["sealed", "sealed:2"]);
    whole(&stage).await;
}

#[tokio::test]
async fn a_recording_that_is_deleted_makes_a_version_that_says_so() {
    let stage = Stage::new().await;
    let call = sealed_call(&stage).await;
    let before = stage.org.evidence(call.id).await.unwrap();
    let recording = stage.export(call.id).await.recordings[0].id;
    for _ in 0..2 {
        stage.org.delete_recording(recording).await.unwrap();
        pass_without(&stage, "nothing", 120).await;
    }
    let after = stage.org.evidence(call.id).await.unwrap();
    assert_eq!((before.link.version, after.link.version), (1, 2));
    let shown = |bundle: &wib_core::evidence::Bundle| {
        let manifest = bundle.call().unwrap();
        let recording = manifest.artifacts.into_iter().find(|a| a.kind == "recording").unwrap();
        (recording.hash, recording.note, manifest.completeness)
    };
    let (hash, note, complete) = shown(&before);
    assert_eq!((note, complete.as_str()), (None, "complete"));
    assert_eq!(shown(&after), (hash, Some("deleted".to_owned()), complete), "its hash stays");
    whole(&stage).await;
}

#[tokio::test]
async fn a_call_manifest_tells_the_notice_by_hash_and_time() {
    let stage = Stage::new().await;
    let call = sealed_call(&stage).await;
    let manifest = stage.org.evidence(call.id).await.unwrap().call().unwrap();
    let facts = stage.org.call(call.id).await.unwrap().facts;
    let [notice] = &manifest.notices[..] else { panic!("{:?}", manifest.notices) };
    assert_eq!((notice.kind.as_str(), notice.language.as_str()), ("recording_notice", "en-US"));
    assert_eq!(notice.text_hash, canonical::sha256(b"This call is recorded."));
    assert_eq!((Some(notice.started_at), notice.ended_at), (facts.notice_started_at, facts.notice_ended_at));
    assert_eq!((manifest.recording_consent.as_deref(), manifest.masked.len()), (Some("implied"), 0));
}

#[tokio::test]
async fn records_of_every_kind_are_chained_in_versions_and_floats_and_large_ones_are_refused() {
    let stage = Stage::new().await;
    let subject = Uuid::from_u128(5);
    for n in 1..=3 {
        let entry = stage.org.append_for_test(EntryKind::Hold, subject, json!({ "n": n })).await.unwrap();
        assert_eq!((entry.seq, entry.version), (n, n));
    }
    let other = stage.org.append_for_test(EntryKind::Pack, subject, json!([])).await.unwrap();
    assert_eq!((other.version, other.supersedes), (1, None));
    let refused = async |data| stage.org.append_for_test(EntryKind::Audit, subject, data).await.unwrap_err().kind();
    assert_eq!(refused(json!(1.5)).await, Kind::Invalid);
    assert_eq!(refused(json!("x".repeat(1 << 19))).await, Kind::TooLarge);
    let key = stage.wib.evidence_public_key();
    for (seq, size) in [(1, None), (2, Some(2)), (2, Some(3)), (4, Some(4))] {
        let bundle = stage.org.evidence_at(seq, size).await.unwrap();
        assert_eq!((bundle.checkpoint.size, bundle.call()), (size.unwrap_or(4), None));
        assert!(verify(&bundle.to_bytes().unwrap(), Some(&key)).unwrap().holds(), "link {seq} under {size:?}");
    }
    assert_eq!(stage.org.evidence_at(3, Some(2)).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(stage.org.evidence_at(5, None).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(stage.org.evidence_at(i64::MIN, None).await.unwrap_err().kind(), Kind::NotFound);
    whole(&stage).await;
}

#[tokio::test]
async fn the_chain_is_proven_to_have_only_grown_between_any_two_sizes() {
    let stage = Stage::new().await;
    for n in 0..21 {
        stage.org.append_for_test(EntryKind::Audit, Uuid::from_u128(n), json!(n as u64)).await.unwrap();
    }
    let raw = |text: &str| -> merkle::Hash { hex::decode(&text[7..]).unwrap().try_into().unwrap() };
    for size in 1..=21 {
        for from in 0..=size {
            let proof = stage.org.prove_consistency(ProveConsistency { size, from }).await.unwrap();
            let steps: Vec<_> = proof.proof.iter().map(|h| raw(h)).collect();
            let (old, new) = (raw(&proof.from_root), raw(proof.checkpoint.root.as_ref().unwrap()));
            let (from, size) = (u64::try_from(from).unwrap(), u64::try_from(size).unwrap());
            assert!(merkle::consistent(from, &old, size, &new, &steps), "{from} to {size}");
        }
    }
    let refused =
        async |size, from| stage.org.prove_consistency(ProveConsistency { size, from }).await.unwrap_err().kind();
    assert_eq!(
        (refused(3, 4).await, refused(3, -1).await, refused(22, 1).await),
        (Kind::Invalid, Kind::Invalid, Kind::NotFound)
    );
}

#[tokio::test]
async fn a_chain_from_before_the_tree_verifies_on_and_grows_one() {
    let stage = Stage::new().await;
    // As the first version sealed: a call, its link, and a checkpoint without a root.
    let signer = ed25519_dalek::SigningKey::from_bytes(&KEY);
    let mut before = GENESIS.to_owned();
    let mut calls = vec![];
    for seq in 1..=7 {
        let call = stage.start(&stage.account(&format!("+131255500{seq:02}")).await).await.unwrap();
        let (organization, at) = (call.organization_id, stage.now());
        let manifest = canonical::to_text(&json!({
            "format": MANIFEST_1, "organization_id": organization, "call_id": call.id, "live": false,
            "direction": "outbound", "status": "completed", "started_at": at, "answered_at": null, "ended_at": null,
            "completeness": "complete", "artifacts": [], "sealed_at": at,
        }))
        .unwrap();
        let manifest_hash = canonical::sha256(manifest.as_bytes());
        let link = json!({
            "organization_id": organization, "seq": seq, "manifest_hash": manifest_hash, "prev_hash": before,
        });
        let entry_hash = canonical::hash(&link).unwrap();
        let entry = EvidenceEntry {
            id: Id::new(at, &*stage.random),
            kind: EntryKind::Call,
            subject_id: call.id.uuid(),
            call_id: Some(call.id),
            version: 1,
            supersedes: None,
            format: LinkFormat::V1,
            seq,
            manifest,
            manifest_hash,
            prev_hash: std::mem::replace(&mut before, entry_hash.clone()),
            entry_hash: entry_hash.clone(),
            created_at: at,
        };
        let signed = json!({
            "format": CHECKPOINT_1, "organization_id": organization, "size": seq, "head": entry_hash, "signed_at": at,
        });
        let signature = ed25519_dalek::Signer::sign(&signer, canonical::to_text(&signed).unwrap().as_bytes());
        let checkpoint = Checkpoint {
            id: Id::new(at, &*stage.random),
            size: seq,
            head: entry_hash,
            root: None,
            signer: Signer::from_seed(KEY).fingerprint(),
            signature: hex::encode(signature.to_bytes()),
            created_at: at,
        };
        let mut tx = stage.store.org(organization).await.unwrap();
        tx.insert(&entry).await.unwrap();
        tx.insert(&checkpoint).await.unwrap();
        tx.commit().await.unwrap();
        stage.pass(if seq == 3 { 86_400 } else { 60 });
        calls.push(call);
    }
    let key = stage.wib.evidence_public_key();
    let old = stage.org.evidence(calls[2].id).await.unwrap();
    assert_eq!((old.link.format, old.checkpoint.size), (LinkFormat::V1, 7), "shown under a tree made now");
    assert!(verify(&old.to_bytes().unwrap(), Some(&key)).unwrap().holds());
    whole(&stage).await;
    // Its own end comes, too: the next version of what was sealed, and links behind it.
    stage.sealed(calls[6].id).await;
    pass_without(&stage, "nothing", 900).await;
    let new = stage.org.evidence(calls[6].id).await.unwrap();
    assert_eq!((new.link.version, new.link.format), (2, LinkFormat::V2));
    assert_eq!(new.link.supersedes, Some(before));
    whole(&stage).await;
}

#[tokio::test]
async fn a_new_key_signs_the_whole_chain_again_and_vouches_for_nothing_by_the_old_one() {
    let stage = Stage::new().await;
    let call = sealed_call(&stage).await;
    let old = stage.org.evidence(call.id).await.unwrap();
    let sandbox = &stage.sandbox;
    let mut settings = wib_core::Settings::default();
    settings.password_cost = wib_core::auth::password::PasswordCost::TEST;
    let builder = wib_core::Wib::builder()
        .store(stage.store.clone())
        .blobs(std::sync::Arc::new(wib_storage::MemoryBlobs::default()))
        .signer(Signer::from_seed([9; 32]))
        .settings(settings);
    let clock: std::sync::Arc<dyn wib_core::kit::Clock> = stage.clock.clone();
    let wib = sandbox.plug(builder, &clock, &stage.random).unwrap().build().unwrap();
    let org = wib.org(Principal::service(stage.org.id())).await.unwrap();
    let new = org.evidence(call.id).await.unwrap();
    assert_eq!((&new.link, &new.checkpoint.root), (&old.link, &old.checkpoint.root));
    assert!(verify(&new.to_bytes().unwrap(), Some(&wib.evidence_public_key())).unwrap().holds());
    let chain = org.verify_chain().await.unwrap();
    assert_eq!((chain.links, chain.faults), (1, vec![]));
}

#[tokio::test]
async fn an_organization_without_calls_has_a_history_that_says_so() {
    let stage = Stage::new().await;
    let file = history(&stage).await;
    let report = verify_history(Cursor::new(&file), Some(&stage.wib.evidence_public_key()), &[]).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.entries, report.checkpoints), (0, 1), "signed: nothing of it can be changed");
    assert_eq!(file, history(&stage).await);
}

async fn token(stage: &Stage, role: Role) -> String {
    let system = stage.wib.system();
    let (email, password) = (format!("{role}@example.test"), || "a long enough password".to_owned().into());
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let account =
        SignUp { email: email.clone(), password: password(), name: None, organization_name: None, csrf_token };
    let user = system.sign_up(account).await.unwrap();
    let id = stage.id();
    let row = Member { id, organization_id: stage.org.id(), user_id: user.id, role, created_at: stage.now() };
    let mut tx = stage.store.system().await.unwrap();
    tx.insert_member(&row).await.unwrap();
    tx.commit().await.unwrap();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let login = LogIn { email, password: password(), csrf_token, fingerprint: None };
    system.log_in(login).await.unwrap().token.expose_secret().to_owned()
}

async fn ask(stage: &Stage, token: &str, method: Method, path: &str, body: &Value) -> (u16, Vec<u8>) {
    let request = Request::builder().method(&method).uri(path).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    let body = if method == Method::POST { body.to_string() } else { String::new() };
    let answer = app(stage.wib.clone(), &AppConfig::default())
        .oneshot(request.body(axum::body::Body::from(body)).unwrap())
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn evidence_is_shown_and_checked_over_http_to_whoever_may() {
    let stage = Stage::new().await;
    let call: CallId = sealed_call(&stage).await.id;
    stage.pass(1);
    stage.org.append_for_test(EntryKind::Hold, Uuid::from_u128(1), json!({})).await.unwrap();
    let compliance = token(&stage, Role::Compliance).await;
    let viewer = token(&stage, Role::Viewer).await;
    let get = async |path: &str| {
        let (denied, _) = ask(&stage, &viewer, Method::GET, path, &json!({})).await;
        assert_eq!(denied, 403, "{path}");
        let (status, body) = ask(&stage, &compliance, Method::GET, path, &json!({})).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        body
    };
    let json_of = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    let key = stage.wib.evidence_public_key();

    let file = get(&format!("/api/calls/{call}/evidence")).await;
    assert_eq!(file, stage.org.evidence(call).await.unwrap().to_bytes().unwrap(), "the very file");
    let text = String::from_utf8(file.clone()).unwrap();
    let check = async |body: Value| {
        let (status, answer) = ask(&stage, &viewer, Method::POST, "/api/evidence/verify", &body).await;
        (status, json_of(&answer))
    };
    for bundle in [json!(text), json_of(&file)] {
        let (status, found) = check(json!({ "bundle": bundle, "public_key": key })).await;
        assert_eq!((status, &found["holds"], &found["signer_checked"]), (200, &json!(true), &json!(true)), "{found}");
    }
    let (_, found) = check(json!({ "bundle": text.replace("\"live\":false", "\"live\":true") })).await;
    assert_eq!((&found["holds"], &found["signer_checked"]), (&json!(false), &json!(false)));
    assert_eq!(
        (&found["faults"][0]["part"], &found["faults"][0]["fault"]),
        (&json!("manifest"), &json!("changed_manifest"))
    );
    assert_eq!(check(json!({ "bundle": text, "public_key": "1" })).await.0, 400);
    assert_eq!(check(json!({ "bundle": 7 })).await.0, 400);

    let listed = json_of(&get("/api/evidence/checkpoints").await);
    assert_eq!((&listed["checkpoints"][0]["size"], &listed["pagination"]["total"]), (&json!(2), &json!(2)), "{listed}");
    let proof = json_of(&get("/api/evidence/checkpoints/2/consistency?from=1").await);
    assert_eq!(
        (&proof["from"], &proof["checkpoint"]["root"]),
        (&json!(1), &listed["checkpoints"][0]["root"]),
        "{proof}"
    );
    assert_eq!(proof["proof"].as_array().unwrap().len(), 1);
    let chain = json_of(&get("/api/evidence/chain").await);
    assert_eq!((&chain["links"], &chain["faults"]), (&json!(2), &json!([])));
    let history = get("/api/evidence/history").await;
    assert!(verify_history(Cursor::new(&history), Some(&key), &[]).unwrap().holds());
    let (status, found) = check(json!({ "bundle": String::from_utf8(history).unwrap(), "public_key": key })).await;
    assert_eq!((status, &found["holds"]), (200, &json!(true)), "{found}");
}
