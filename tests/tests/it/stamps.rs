//! Checkpoints shown outside: a time-stamp authority and witnesses, right, wrong, absent and late.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use wib_core::{
    engine::{JobRun, Scheduler},
    evidence::{
        Bundle, Checkpoint, EntryKind, Signer, Stamp, StampKind, stamped_text,
        timestamp::{Stamped, TimestampRoots, verify_token},
        verify, verify_witnessed,
    },
    kit::{Clock, Id, VirtualClock},
    orgs::OrganizationId,
    ports::{
        Fault, Sent, TimestampAuthority, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint, Receipt},
    },
    store::Store,
    testing::authority::{TestAuthority, Wrong},
};
use wib_storage::{FileWitness, testing::memory_store};

use crate::stage::{KEY, NOON, Stage, at, magic};

type Does = dyn Fn(&PublishedCheckpoint) -> Option<VendorError> + Send + Sync;

/// A witness by script: fails as it is told, else takes everything.
struct Scripted {
    name: &'static str,
    does: Box<Does>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    receipt_size: i64,
    keeps: bool,
}
impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
#[async_trait]
impl Witness for Scripted {
    fn name(&self) -> &str {
        self.name
    }
    async fn publish(&self, checkpoint: &PublishedCheckpoint) -> Result<Receipt, VendorError> {
        // There is one connection: whoever held a transaction across this call would wait for itself.
        drop(self.store.system().await.unwrap());
        if let Some(error) = (self.does)(checkpoint) {
            return Err(error);
        }
        let (witness, now) = (self.name.to_owned(), self.clock.now());
        if self.keeps {
            let mut tx = self.store.org(checkpoint.organization_id).await.unwrap();
            assert!(tx.note_stamp(&a_stamp(checkpoint.size, self.name, now)).await.unwrap());
            tx.commit().await.unwrap();
        }
        Ok(Receipt { witness, size: checkpoint.size + self.receipt_size, root: checkpoint.root.clone(), at: now })
    }
}

/// An authority that counts, and can be away.
#[derive(Debug)]
struct Counting {
    authority: TestAuthority,
    asked: AtomicUsize,
    away: AtomicUsize,
}
#[async_trait]
impl TimestampAuthority for Counting {
    fn name(&self) -> &str {
        "counting"
    }
    async fn stamp(&self, request_der: &[u8]) -> Result<Bytes, VendorError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) > 0 {
            return Err(VendorError::new("counting", Fault::Down, Sent::Unknown, "away"));
        }
        self.authority.stamp(request_der).await
    }
}

fn a_stamp(size: i64, name: &str, now: wib_core::kit::Timestamp) -> Stamp {
    let id = Id::new(now, &wib_core::kit::OsRandom);
    let (name, token) = (name.to_owned(), "{}".to_owned());
    Stamp { id, checkpoint_size: size, kind: StampKind::Witness, name, token, at: now, created_at: now }
}

struct House {
    stage: Stage,
    authority: Arc<Counting>,
    roots: TimestampRoots,
}

/// A stage with that authority, and the witnesses that are made for its store.
async fn house(
    wrong: Wrong,
    witnesses: impl FnOnce(&Arc<dyn Clock>, &Arc<dyn Store>) -> Vec<Arc<dyn Witness>>,
) -> House {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let store: Arc<dyn Store> = Arc::new(memory_store(clock.clone()).await);
    let ticking: Arc<dyn Clock> = clock.clone();
    let authority = TestAuthority::wrong(ticking.clone(), wrong);
    let roots = TimestampRoots::from_der([authority.root()]).unwrap();
    let authority = Arc::new(Counting { authority, asked: AtomicUsize::new(0), away: AtomicUsize::new(0) });
    let outside: Arc<dyn TimestampAuthority> = authority.clone();
    let mut settings = wib_core::Settings::default();
    settings.public_url = Some("http://sandbox.wib".to_owned());
    settings.timestamp_roots = roots.clone();
    let witnesses = witnesses(&ticking, &store);
    let stage = Stage::on(store, clock, 1, |builder, _| {
        let builder = builder.settings(settings).timestamp_authority(outside);
        witnesses.into_iter().fold(builder, |builder, witness| builder.witness(witness))
    })
    .await;
    House { stage, authority, roots }
}

impl House {
    async fn publish(&self) -> JobRun {
        Scheduler::new(&self.stage.wib).run_by_name("publish_checkpoints").await.unwrap().unwrap()
    }
    /// A checkpoint as the chain makes it, without the chain.
    async fn checkpoint(&self, organization: OrganizationId, size: i64, signer: &Signer) -> Checkpoint {
        let now = self.stage.now();
        let checkpoint = Checkpoint {
            id: Id::new(now, &*self.stage.random),
            size,
            head: format!("sha256:{size:064}"),
            root: None,
            signer: signer.fingerprint(),
            signature: "77".repeat(64),
            created_at: now,
        };
        let mut tx = self.stage.store.org(organization).await.unwrap();
        tx.insert(&checkpoint).await.unwrap();
        tx.commit().await.unwrap();
        checkpoint
    }
    async fn organization(&self) -> OrganizationId {
        self.stage.wib.system().create_organization("Another").await.unwrap().id
    }
    async fn stamps(&self, organization: OrganizationId) -> Vec<Stamp> {
        self.stage.store.org(organization).await.unwrap().stamps_covering(1, 99).await.unwrap()
    }
    /// What a stamp proves of the checkpoint.
    fn proven(&self, organization: OrganizationId, checkpoint: &Checkpoint, stamp: &Stamp) -> Stamped {
        let digest = Sha256::digest(stamped_text(organization, checkpoint).unwrap()).into();
        verify_token(&STANDARD.decode(&stamp.token).unwrap(), &digest, None, &self.roots).unwrap()
    }
    fn asked(&self) -> usize {
        self.authority.asked.swap(0, Ordering::Relaxed)
    }
}

fn ours() -> Signer {
    Signer::from_seed(KEY)
}
fn scripted(
    (clock, store): (&Arc<dyn Clock>, &Arc<dyn Store>),
    name: &'static str,
    does: impl Fn(&PublishedCheckpoint) -> Option<VendorError> + Send + Sync + 'static,
) -> Scripted {
    let (clock, store) = (clock.clone(), store.clone());
    Scripted { name, does: Box::new(does), clock, store, receipt_size: 0, keeps: false }
}

#[tokio::test]
async fn a_sealed_call_is_stamped_and_witnessed_once_and_a_stranger_can_check_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    let house = house(Wrong::Nothing, |clock, _| vec![Arc::new(FileWitness::new(&path, clock.clone()))]).await;
    let stage = &house.stage;
    assert_eq!(house.publish().await.processed, 0, "nothing is sealed yet");
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.sealed(call.id).await;
    stage.pass(1);
    let run = house.publish().await;
    assert_eq!((run.processed, run.error), (2, None));
    let org = stage.org.id();
    let checkpoint = stage.store.org(org).await.unwrap().newest_checkpoint(i64::MAX).await.unwrap().unwrap();
    let stamps = house.stamps(org).await;
    let kinds: Vec<_> = stamps.iter().map(|s| (s.kind, s.name.as_str(), s.checkpoint_size)).collect();
    assert_eq!(kinds, [(StampKind::Timestamp, "counting", 1), (StampKind::Witness, "file", 1)]);
    let stamped = house.proven(org, &checkpoint, &stamps[0]);
    assert_eq!((stamped.at, stamped.authority_checked), (stamps[0].at, true));
    assert_eq!(stamped.at.as_second(), stage.now().as_second());
    let receipt: Receipt = serde_json::from_str(&stamps[1].token).unwrap();
    assert_eq!((receipt.size, receipt.at), (1, stamps[1].at));
    let told = std::fs::read_to_string(&path).unwrap();
    assert!(told.contains(&checkpoint.head) && told.contains(&checkpoint.signature), "{told}");
    assert_eq!((house.publish().await.processed, house.asked()), (0, 1), "a repeat asks nobody");
    assert_eq!(house.stamps(org).await, stamps);
}

#[tokio::test]
async fn a_bundle_carries_what_outsiders_say_of_the_nearest_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    let house = house(Wrong::Nothing, |clock, _| vec![Arc::new(FileWitness::new(&path, clock.clone()))]).await;
    let stage = &house.stage;
    let call = stage.start(&stage.account(&magic(5)).await).await.unwrap();
    stage.sealed(call.id).await;
    house.publish().await;
    // Another link, whose checkpoint nobody has seen.
    let other = uuid::Uuid::from_u128(1);
    stage.org.append_for_test(EntryKind::Hold, other, serde_json::json!({})).await.unwrap();
    let bundle = stage.org.evidence(call.id).await.unwrap();
    assert_eq!((bundle.checkpoint.size, bundle.timestamps.len(), bundle.witnesses.len()), (1, 1, 1));
    let key = stage.wib.evidence_public_key();
    let found = verify(&bundle.to_bytes().unwrap(), Some(&key)).unwrap();
    assert!(found.holds(), "{:?}", found.faults);
    assert_eq!(found.unchecked, ["timestamps.0", "witnesses.0"], "whole, by whom is for others to say");
    let seen = verify_witnessed(&bundle.to_bytes().unwrap(), Some(&key), &bundle.witnesses).unwrap();
    assert!(seen.holds());
    let newest = stage.org.evidence_at(2, None).await.unwrap();
    assert_eq!((newest.checkpoint.size, newest.timestamps.len()), (2, 0));
    // A token of this checkpoint on another one.
    let moved = Bundle { timestamps: bundle.timestamps, ..newest };
    let found = verify(&moved.to_bytes().unwrap(), None).unwrap();
    let named: Vec<_> = found.faults.iter().map(|f| (f.part.as_str(), f.fault)).collect();
    assert_eq!(named, [("timestamps.0", wib_core::evidence::Fault::BadTimestamp)]);
}

#[tokio::test]
async fn the_last_checkpoint_stands_for_those_before_it() {
    let house = house(Wrong::Nothing, |_, _| vec![]).await;
    let org = house.stage.org.id();
    for size in 1..=3 {
        house.checkpoint(org, size, &ours()).await;
    }
    let run =
        Scheduler::new(&house.stage.wib).tick().await.unwrap().into_iter().find(|r| r.job == "publish_checkpoints");
    assert_eq!((run.unwrap().processed, house.asked()), (1, 1));
    let newest = house.checkpoint(org, 4, &ours()).await;
    assert_eq!((house.publish().await.processed, house.asked()), (1, 1));
    let stamps = house.stamps(org).await;
    assert_eq!(stamps.iter().map(|s| s.checkpoint_size).collect::<Vec<_>>(), [3, 4]);
    house.proven(org, &newest, &stamps[1]);
}

#[tokio::test]
async fn one_outsider_that_fails_stops_no_other_and_is_asked_again() {
    let fails = Arc::new(AtomicUsize::new(1));
    let still = fails.clone();
    let house = house(Wrong::Nothing, |clock, store| {
        let down = move |_: &PublishedCheckpoint| {
            let down = still.load(Ordering::Relaxed) > 0;
            down.then(|| VendorError::new("witness", Fault::Down, Sent::Unknown, "away"))
        };
        let (a, b) = (scripted((clock, store), "a", down), scripted((clock, store), "b", |_| None));
        vec![Arc::new(a), Arc::new(b)]
    })
    .await;
    let org = house.stage.org.id();
    house.checkpoint(org, 1, &ours()).await;
    let run = house.publish().await;
    let why = run.error.unwrap();
    assert!(why.contains("1 checkpoints were not stamped or witnessed, 2 were") && why.contains("away"), "{why}");
    let names = async || house.stamps(org).await.into_iter().map(|s| s.name).collect::<Vec<_>>();
    assert_eq!(names().await, ["counting", "b"]);
    house.asked();
    fails.store(0, Ordering::Relaxed);
    house.stage.pass(300);
    assert_eq!((house.publish().await.processed, house.asked()), (1, 0));
    assert_eq!(names().await, ["counting", "b", "a"]);
    house.authority.away.store(1, Ordering::Relaxed);
    house.checkpoint(org, 2, &ours()).await;
    assert!(house.publish().await.error.is_some(), "now the authority is away");
    assert_eq!(names().await.len(), 5);
}

#[tokio::test]
async fn an_authority_that_is_away_is_asked_once_and_a_conflict_goes_on_to_the_next() {
    let house = house(Wrong::Nothing, |clock, store| {
        let conflict = |shown: &PublishedCheckpoint| {
            let code = Some(CONFLICTING_CHECKPOINT.to_owned());
            let error = VendorError::new("witness", Fault::Request, Sent::Refused, "holds size 9");
            (shown.size == 7).then_some(VendorError { code, ..error })
        };
        vec![Arc::new(scripted((clock, store), "w", conflict))]
    })
    .await;
    let mut all = vec![house.stage.org.id()];
    for _ in 0..4 {
        all.push(house.organization().await);
    }
    for (n, org) in all.iter().enumerate() {
        house.checkpoint(*org, if n == 0 { 7 } else { 1 }, &ours()).await;
    }
    house.authority.away.store(1, Ordering::Relaxed);
    let why = house.publish().await.error.unwrap();
    assert!(why.contains("2 checkpoints were not stamped or witnessed, 4 were"), "{why}");
    assert_eq!(house.asked(), 1);
    house.authority.away.store(0, Ordering::Relaxed);
    let why = house.publish().await.error.unwrap();
    assert!(
        why.contains("1 checkpoints were not stamped or witnessed, 5 were") && why.contains("holds size 9"),
        "{why}"
    );
    assert_eq!(house.stamps(all[0]).await.len(), 1);
}

#[tokio::test]
async fn every_organisation_has_its_turn_beyond_a_page() {
    let house = house(Wrong::Nothing, |clock, store| vec![Arc::new(scripted((clock, store), "w", |_| None))]).await;
    for _ in 0..205 {
        let org = house.organization().await;
        house.checkpoint(org, 1, &ours()).await;
    }
    let run = house.publish().await;
    assert_eq!((run.processed, run.error), (410, None));
    assert_eq!((house.publish().await.processed, house.asked()), (0, 205));
}

#[tokio::test]
async fn a_stamp_that_does_not_hold_is_not_kept() {
    for wrong in
        [Wrong::OtherDigest, Wrong::OtherNonce, Wrong::OtherKey, Wrong::Expired, Wrong::Rejects, Wrong::Modified]
    {
        let house = house(wrong, |_, _| vec![]).await;
        let org = house.stage.org.id();
        house.checkpoint(org, 1, &ours()).await;
        let why = house.publish().await.error.unwrap();
        assert!(why.contains("the time stamp was not taken"), "{wrong:?}: {why}");
        assert!(house.stamps(org).await.is_empty(), "{wrong:?}");
    }
    let wrong = |clock: &_, store: &_| Scripted { receipt_size: 1, ..scripted((clock, store), "w", |_| None) };
    let house = house(Wrong::Nothing, |clock, store| vec![Arc::new(wrong(clock, store))]).await;
    let org = house.stage.org.id();
    house.checkpoint(org, 1, &ours()).await;
    assert!(house.publish().await.error.unwrap().contains("the receipt is for another checkpoint"));
    assert_eq!(house.stamps(org).await.len(), 1, "the authority's alone");
}

#[tokio::test]
async fn a_stamp_that_another_node_kept_meanwhile_is_left_as_it_is() {
    let quick = |clock: &_, store: &_| Scripted { keeps: true, ..scripted((clock, store), "w", |_| None) };
    let house = house(Wrong::Nothing, |clock, store| vec![Arc::new(quick(clock, store))]).await;
    let org = house.stage.org.id();
    house.checkpoint(org, 1, &ours()).await;
    let run = house.publish().await;
    assert_eq!((run.processed, run.error), (1, None));
    let stamps = house.stamps(org).await;
    assert_eq!(
        stamps.iter().filter(|s| s.kind == StampKind::Witness).map(|s| s.token.as_str()).collect::<Vec<_>>(),
        ["{}"]
    );
}

#[tokio::test]
async fn a_checkpoint_of_a_former_key_is_stamped_and_not_shown_under_the_present_one() {
    let house = house(Wrong::Nothing, |clock, store| vec![Arc::new(scripted((clock, store), "w", |_| None))]).await;
    let org = house.stage.org.id();
    house.checkpoint(org, 1, &Signer::from_seed([6; 32])).await;
    let run = house.publish().await;
    assert_eq!((run.processed, run.error), (1, None));
    assert_eq!(house.stamps(org).await.iter().map(|s| s.kind).collect::<Vec<_>>(), [StampKind::Timestamp]);
}
