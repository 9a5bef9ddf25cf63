//! One look at one thing: the engine is asked whether it may be deleted, and if so it is, whole or not at all.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{MarkStatus, RetentionMark, Round, SubjectKind, record};
use crate::{
    audit::Line,
    calls::{Call, CallId, seal_again},
    collections::{Account, AccountId},
    compliance::{
        Act, ActKind, CollectorRole, DebtFacts, Facts, Outcome, RecordClass, RetentionFacts, Verdict, gate, judge,
    },
    engine::{NewMessage, Topic},
    evidence::{EntryKind, timeline_hash},
    kit::{Actor, Error, OrNotFound, Result, canonical, time, time::Timestamp},
    orgs::OrganizationId,
    privacy,
    recordings::{Recording, RecordingStatus},
    store::{OrgTx, Repo},
    transcripts::Transcript,
    wib::Wib,
};

/// What is kept is looked at again at the latest after this: policies and the law change.
const LOOK_AGAIN: Duration = Duration::from_secs(30 * 24 * 3600);
/// And at the earliest after this.
const SOONEST: Duration = Duration::from_secs(3600);
/// Things of a kind that one run looks at, per organisation; the next run goes on with the rest.
const LOOKS: usize = 2000;
/// Candidates that are read at once.
const STEP: i64 = 100;

/// A thing that may be deleted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What kind.
    pub kind: SubjectKind,
    /// Which; for a timeline the call.
    pub id: Uuid,
    /// Of which call.
    pub call_id: CallId,
}

/// What keeps a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The text that asks for it.
    pub(crate) why: String,
    /// Until when, when that is known.
    pub(crate) until: Option<Timestamp>,
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It was deleted now.
    Purged,
    /// It was gone before.
    Gone,
    /// It stays.
    Kept(Kept),
}

/// Why a thing is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The word of the link.
    pub(crate) word: &'static str,
    /// Days that the organisation itself wants it kept.
    pub(crate) wanted_days: u32,
}

/// Runs retention and what is left of erasures for every organisation; how many things were deleted.
pub(crate) async fn apply_all(wib: &Wib) -> Result<i64> {
    let mut round = Round::new(wib);
    while let Some(organization) = round.next().await? {
        round.note(organization, privacy::go_on_where_due(wib, organization).await);
        round.note(organization, apply(wib, organization).await);
    }
    round.end()
}

/// Deletes what the organisation wants deleted and nothing keeps; how many things.
async fn apply(wib: &Wib, organization: OrganizationId) -> Result<i64> {
    let policy = wib.store.org(organization).await?.retention_policy().await?;
    let Some(policy) = policy.filter(|p| p.auto_delete_enabled) else { return Ok(0) };
    let mut purged = 0;
    for (kind, days) in [
        (SubjectKind::Recording, policy.recording_retention_days),
        (SubjectKind::Transcript, policy.transcript_retention_days),
        (SubjectKind::Timeline, policy.call_log_retention_days),
    ] {
        let wanted_days = u32::try_from(days).unwrap_or(u32::MAX);
        let cause = Cause { word: "retention", wanted_days };
        let mut looks = 0;
        while looks < LOOKS {
            let now = wib.now();
            let before = time::before(now, Duration::from_secs(u64::from(wanted_days) * 24 * 3600));
            let due = wib.store.org(organization).await?.purge_candidates(kind, before, now, STEP).await?;
            if due.is_empty() {
                break;
            }
            looks += due.len();
            // One that fails would be the first of the next batch as well: the others of this one go first.
            let mut failed = None;
            for subject in due {
                match look(wib, organization, subject, cause).await {
                    Ok(Look::Purged) => purged += 1,
                    Ok(_) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }
    Ok(purged)
}

/// What of a call may be deleted on its own.
pub(crate) async fn subjects_of_call(tx: &mut dyn OrgTx, call_id: CallId) -> Result<Vec<Subject>> {
    let subject = |kind, id| Subject { kind, id, call_id };
    let mut subjects: Vec<_> = tx
        .recordings_of_call(call_id)
        .await?
        .iter()
        .filter(|r| r.status != RecordingStatus::Deleted)
        .map(|r| subject(SubjectKind::Recording, r.id.uuid()))
        .collect();
    let transcripts = tx.transcripts_of_call(call_id).await?;
    subjects.extend(transcripts.iter().map(|t| subject(SubjectKind::Transcript, t.id.uuid())));
    subjects.push(subject(SubjectKind::Timeline, call_id.uuid()));
    Ok(subjects)
}

/// The code of what is not deleted because of a legal hold.
pub(super) const UNDER_HOLD: &str = "UNDER_HOLD";

/// Refuses when a legal hold covers the records of the call.
pub(crate) async fn refuse_under_hold(tx: &mut dyn OrgTx, account: Option<AccountId>, call: CallId) -> Result<()> {
    // Holds are links of the chain: behind its lock none can come in between.
    tx.lock_chain_head().await?;
    match tx.holds_on(account, Some(call)).await? {
        0 => Ok(()),
        holds => Err(Error::conflict("a legal hold covers it; nothing under a hold is deleted")
            .code(UNDER_HOLD)
            .with("holds", holds)),
    }
}

/// What the engine is asked about deleting something of that class.
pub(crate) fn facts(
    account: Option<&Account>,
    class: RecordClass,
    made_at: Timestamp,
    last_activity_at: Option<Timestamp>,
    holds: i64,
    wanted_days: u32,
    collector: CollectorRole,
) -> Facts {
    Facts {
        collector: Some(collector),
        act: Act { kind: ActKind::Purge, ..Act::default() },
        debt: account.map(|a| DebtFacts { id: a.id.uuid(), first_communication_at: None }),
        retention: Some(RetentionFacts {
            class,
            made_at,
            last_activity_at,
            ended_at: None,
            holds: u32::try_from(holds).unwrap_or(u32::MAX),
            wanted_days,
        }),
        ..Facts::default()
    }
}

/// What stands in the way of a deletion.
pub(crate) fn kept(verdict: &Verdict) -> Kept {
    let explanation = verdict.explanation();
    let blocking = explanation.findings.iter().filter(|f| f.outcome == verdict.outcome());
    let latest = blocking.max_by_key(|f| f.not_before);
    let why = latest.map_or_else(|| "no rule permits it".to_owned(), |f| format!("{}: {}", f.rule, f.citation));
    Kept { why, until: explanation.not_before }
}

/// Looks at a thing and deletes it when every rule permits: the row is marked, a link of kind `purge` appended, the bytes
/// and the vendors' copies queued for deletion, in one transaction.
pub(crate) async fn look(wib: &Wib, organization: OrganizationId, subject: Subject, cause: Cause) -> Result<Look> {
    let mut tx = wib.store.org(organization).await?;
    let call = tx.lock_call(subject.call_id).await?.or_not_found("call")?;
    let known = tx.retention_mark(subject.kind, subject.id).await?;
    if known.as_ref().is_some_and(|mark| mark.status == MarkStatus::Purged) {
        return Ok(Look::Gone);
    }
    let account: Option<Account> = match call.account_id {
        Some(id) => tx.find(id).await?,
        None => None,
    };
    let Some(thing) = Thing::find(&mut *tx, subject).await? else { return Ok(Look::Gone) };
    let made_at = call.ended_at.unwrap_or(call.created_at);
    // A call about no debt that we know is its own last activity.
    let last_activity_at = match call.account_id {
        Some(account) => tx.last_activity(account).await?,
        None => Some(made_at),
    };
    let holds = tx.holds_on(call.account_id, Some(call.id)).await?;
    let collector = tx.organization().await?.collector_role;
    let mut facts =
        facts(account.as_ref(), thing.class(), made_at, last_activity_at, holds, cause.wanted_days, collector);
    let now = wib.now();
    let mut verdict = judge(&facts, &wib.rules(), now);
    if verdict.outcome() == Outcome::Permit {
        // Holds are links of the chain: behind its lock none can come in between.
        tx.lock_chain_head().await?;
        let holds = tx.holds_on(call.account_id, Some(call.id)).await?;
        if let Some(retention) = &mut facts.retention {
            retention.holds = u32::try_from(holds).unwrap_or(u32::MAX);
        }
        verdict = judge(&facts, &wib.rules(), now);
    }
    let mut mark = known.unwrap_or(RetentionMark {
        id: wib.id(),
        kind: subject.kind,
        subject_id: subject.id,
        call_id: call.id,
        status: MarkStatus::Kept,
        next_look_at: None,
        hash: None,
        verdict_id: None,
        seq: None,
        updated_at: now,
    });
    mark.updated_at = now;
    if verdict.outcome() != Outcome::Permit {
        let kept = kept(&verdict);
        let (soonest, latest) = (time::after(now, SOONEST), time::after(now, LOOK_AGAIN));
        mark.next_look_at = Some(kept.until.unwrap_or(latest).clamp(soonest, latest));
        tx.put_retention_mark(&mark).await?;
        tx.commit().await?;
        return Ok(Look::Kept(kept));
    }
    let (verdict, stored) = gate::decide(&mut *tx, wib, &facts, account.as_ref(), Some(call.id)).await?;
    let hash = thing.delete(wib, &mut *tx, &call).await?;
    let rules: Vec<_> = verdict.explanation().findings.iter().map(|f| f.rule.clone()).collect();
    let data = json!({
        "what": subject.kind, "hash": hash, "cause": cause.word, "wanted_days": cause.wanted_days,
        "rules": rules, "pack": stored.pack, "verdict_id": stored.id, "verdict_hash": stored.explanation_hash,
    });
    mark.seq = Some(record(wib, &mut *tx, EntryKind::Purge, subject.id, Some(call.id), data).await?);
    (mark.status, mark.next_look_at) = (MarkStatus::Purged, None);
    (mark.hash, mark.verdict_id) = (Some(hash), Some(stored.id));
    tx.put_retention_mark(&mark).await?;
    let line = Line::by(wib, Actor::System, "retention:purged", (subject.kind.as_str(), Some(subject.id)));
    line.is(&mark).write(&mut *tx).await;
    // Without its timeline a call cannot be sealed again as it was.
    let timeline = tx.retention_mark(SubjectKind::Timeline, call.id.uuid()).await?;
    if timeline.is_none_or(|mark| mark.status == MarkStatus::Kept) {
        seal_again(wib, &mut *tx, call.id, &format!("purged:{}", subject.id)).await?;
    }
    tx.commit().await?;
    wib.wake();
    metrics::counter!("wib_purges_total", "kind" => subject.kind.as_str(), "cause" => cause.word).increment(1);
    Ok(Look::Purged)
}

/// The thing itself.
enum Thing {
    Recording(Recording),
    Transcript(Transcript),
    Timeline(CallId),
}

impl Thing {
    async fn find(tx: &mut dyn OrgTx, subject: Subject) -> Result<Option<Self>> {
        Ok(match subject.kind {
            SubjectKind::Recording => {
                let recording: Option<Recording> = tx.find(subject.id.into()).await?;
                recording.filter(|r| r.status != RecordingStatus::Deleted).map(Self::Recording)
            }
            SubjectKind::Transcript => Repo::<Transcript>::find(tx, subject.id.into()).await?.map(Self::Transcript),
            SubjectKind::Timeline => Some(Self::Timeline(subject.call_id)),
        })
    }
    /// A transcript and a timeline show what was said and done: evidence of compliance.
    const fn class(&self) -> RecordClass {
        match self {
            Self::Recording(_) => RecordClass::Recording,
            Self::Transcript(_) | Self::Timeline(_) => RecordClass::Compliance,
        }
    }
    /// Takes the content away and queues what else has to go; the hash of the content.
    async fn delete(self, wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<String> {
        let now = wib.now();
        let message = |topic, key: String, payload| NewMessage { topic, key, payload, run_at: now };
        match self {
            Self::Recording(mut recording) => {
                recording.status = RecordingStatus::Deleted;
                tx.update(&recording).await?;
                let id = recording.id.to_string();
                if let Some(key) = &recording.blob_key {
                    tx.enqueue(&message(Topic::DeleteBlob, id.clone(), json!({"key": key}))).await?;
                }
                let copy = json!({"vendor": call.vendor, "vendor_id": recording.vendor_id});
                tx.enqueue(&message(Topic::ForgetRecording, id, copy)).await?;
                Ok(recording.media_hash.unwrap_or_else(|| canonical::sha256(b"")))
            }
            Self::Transcript(transcript) => {
                tx.blank_transcript(transcript.id).await?;
                tx.blank_analyses_of(transcript.id).await?;
                tx.blank_translations_of(transcript.id).await?;
                tx.forget_lines(call.id).await?;
                if let Some(job) = tx.transcript_job(transcript.recording_id).await?
                    && let Some(vendor_id) = job.vendor_id
                {
                    let copy = json!({"vendor": job.vendor, "vendor_id": vendor_id});
                    tx.enqueue(&message(Topic::ForgetTranscript, job.id.to_string(), copy)).await?;
                }
                Ok(transcript.transcript_hash)
            }
            Self::Timeline(id) => {
                let hash = timeline_hash(&tx.timeline(id).await?)?;
                tx.forget_timeline(id).await?;
                // What was heard live of a call that has no transcript.
                tx.forget_lines(id).await?;
                Ok(hash)
            }
        }
    }
}
