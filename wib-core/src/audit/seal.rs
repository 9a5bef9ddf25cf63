//! Sealing the log into the evidence chain, and checking it against the seals.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::AuditEvent;
use crate::{
    evidence::EntryKind,
    kit::{Error, Id, Result, Role, canonical, time, time::Timestamp},
    orgs::OrganizationId,
    retention,
    store::OrgTx,
    text_enum,
    wib::{Org, Wib},
};

/// The most lines of a batch.
pub const BATCH: i64 = 500;
/// Lines younger than this wait: a transaction that was slow to commit may still add an older one.
const QUIET: Duration = Duration::from_secs(60);
/// Batches of one run; the next run goes on.
const BATCHES: usize = 200;
/// Digits of a line's hash that a batch keeps.
const MARK: usize = 16;
/// Faults that a report names.
const FAULTS: usize = 1000;

/// A line as it is hashed: without its seal.
#[derive(Serialize)]
struct Sealed<'a> {
    id: Id<AuditEvent>,
    user_id: Option<Uuid>,
    actor_type: &'a str,
    action: &'a str,
    resource_type: &'a str,
    resource_id: Option<Uuid>,
    old_value: &'a Option<Json>,
    new_value: &'a Option<Json>,
    metadata: &'a Json,
    created_at: Timestamp,
}
impl<'a> From<&'a AuditEvent> for Sealed<'a> {
    fn from(line: &'a AuditEvent) -> Self {
        Self {
            id: line.id,
            user_id: line.user_id.map(Id::uuid),
            actor_type: &line.actor_type,
            action: &line.action,
            resource_type: &line.resource_type,
            resource_id: line.resource_id,
            old_value: &line.old_value,
            new_value: &line.new_value,
            metadata: &line.metadata,
            created_at: line.created_at,
        }
    }
}

/// What the chain keeps of a batch.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Batch {
    /// Date of the first line.
    from: Timestamp,
    /// Date of the last.
    to: Timestamp,
    count: usize,
    /// Of the canonical array of the lines, by date and id.
    hash: String,
    /// `<id>:<first digits of the line's hash>`, in order: what tells which line was touched.
    lines: Vec<String>,
}
impl Batch {
    fn of(lines: &[AuditEvent]) -> Result<Option<Self>> {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(None) };
        let shown: Vec<_> = lines.iter().map(Sealed::from).collect();
        let name = |line: &Sealed<'_>| Ok(format!("{}:{}", line.id, mark(line)?));
        Ok(Some(Self {
            from: first.created_at,
            to: last.created_at,
            count: lines.len(),
            hash: canonical::hash(&shown)?,
            lines: shown.iter().map(name).collect::<Result<_>>()?,
        }))
    }
}

fn mark(line: &Sealed<'_>) -> Result<String> {
    let hash = canonical::hash(line)?;
    let digits = hash.trim_start_matches("sha256:");
    Ok(digits[..MARK.min(digits.len())].to_owned())
}

text_enum! {
    /// What was done to a line behind the seal's back.
    pub enum AuditFault {
        /// It says something else than when it was sealed.
        Edited = "edited",
        /// It was sealed and is gone.
        Deleted = "deleted",
        /// It is dated into a sealed time, or counted to a batch that did not have it.
        Added = "added",
        /// The batch itself cannot be read, or does not fit its lines.
        Broken = "broken",
    }
}

/// A line that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TouchedLine {
    /// Place of the batch in the chain; `None` for a line that is in none.
    pub seq: Option<i64>,
    /// The line's id; `None` when the batch as a whole does not hold.
    pub line: Option<Uuid>,
    /// What was done.
    pub what: AuditFault,
}

/// What a check of the log against its seals found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditReport {
    /// Batches in the chain.
    pub batches: i64,
    /// Lines under a seal, as the batches count them.
    pub sealed: i64,
    /// Lines that no batch has yet.
    pub unsealed: i64,
    /// Lines that do not hold, at most a thousand.
    pub faults: Vec<TouchedLine>,
}
impl AuditReport {
    /// Whether every line is as it was sealed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
    fn fault(&mut self, seq: Option<i64>, line: Option<Uuid>, what: AuditFault) {
        let fault = TouchedLine { seq, line, what };
        if self.faults.len() < FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// Seals what is to be sealed of every organisation; how many lines. A failing organisation stops no other.
pub(crate) async fn seal_all(wib: &Wib) -> Result<i64> {
    let mut round = retention::Round::new(wib);
    while let Some(organization) = round.next().await? {
        round.note(organization, seal(wib, organization).await);
    }
    round.end()
}

/// Seals an organisation's lines that are old enough, by date and id; how many.
async fn seal(wib: &Wib, organization: OrganizationId) -> Result<i64> {
    let mut sealed = 0;
    for _ in 0..BATCHES {
        let mut tx = wib.store.org(organization).await?;
        // The chain first: two that seal at once never take the same lines.
        tx.lock_chain_head().await?;
        let lines = tx.unsealed_audit(time::before(wib.now(), QUIET), BATCH).await?;
        let Some(batch) = Batch::of(&lines)? else { return Ok(sealed) };
        let Some(last) = lines.last() else { return Ok(sealed) };
        let data = serde_json::to_value(&batch).map_err(|e| Error::internal("a batch has no JSON form").because(e))?;
        let subject = last.id.uuid();
        let seq = retention::record(wib, &mut *tx, EntryKind::Audit, subject, None, data).await?;
        let marked = tx.seal_audit((last.created_at, last.id), seq).await?;
        if usize::try_from(marked).ok() != Some(lines.len()) {
            return Err(Error::database("lines were added while the audit log was sealed; the next run goes on"));
        }
        tx.commit().await?;
        sealed += marked;
        metrics::counter!("wib_audit_sealed_total").increment(marked.unsigned_abs());
        if marked < BATCH {
            break;
        }
    }
    Ok(sealed)
}

impl Org {
    /// Seals the lines of the audit log that are at least a minute old; how many.
    ///
    /// # Errors
    /// `Forbidden` below compliance; when the database does not answer.
    pub async fn seal_audit(&self) -> Result<i64> {
        self.at_least(Role::Compliance)?;
        seal(&self.wib, self.id()).await
    }

    /// Computes every sealed batch again and names the lines that were edited, deleted or put in since. Whether the
    /// batches themselves are whole is for [`verify_chain`](Self::verify_chain) to say.
    ///
    /// # Errors
    /// `Forbidden` below compliance; when the database does not answer. A touched log is an answer.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        const STEP: i64 = 200;
        self.at_least(Role::Compliance)?;
        let mut report = AuditReport::default();
        let (mut after, mut known, mut until) = (0, Vec::new(), None::<Timestamp>);
        loop {
            let mut tx = self.tx().await?;
            let links = tx.chain_after(after, STEP).await?;
            let Some(last) = links.last() else { break };
            after = last.seq;
            for link in links.iter().filter(|link| link.kind == EntryKind::Audit) {
                report.batches += 1;
                known.push(link.seq);
                let batch = batch_of(&link.manifest)
                    .filter(|_| canonical::sha256(link.manifest.as_bytes()) == link.manifest_hash);
                let Some(batch) = batch else {
                    report.fault(Some(link.seq), None, AuditFault::Broken);
                    continue;
                };
                report.sealed += i64::try_from(batch.count).unwrap_or(i64::MAX);
                check(&mut *tx, link.seq, &batch, until, &mut report).await?;
                until = until.max(Some(batch.to));
            }
        }
        let mut tx = self.tx().await?;
        let mut after = i64::MIN;
        while report.faults.len() < FAULTS {
            let seals = tx.audit_seals(after, STEP).await?;
            let Some(last) = seals.last() else { break };
            after = *last;
            for seq in seals.into_iter().filter(|seq| known.binary_search(seq).is_err()) {
                for line in tx.audit_of_seal(seq, BATCH).await? {
                    report.fault(Some(seq), Some(line.id.uuid()), AuditFault::Added);
                }
            }
        }
        report.unsealed = tx.count_unsealed_audit().await?;
        if let Some(until) = until {
            for line in tx.unsealed_audit(until, BATCH).await? {
                report.fault(None, Some(line.id.uuid()), AuditFault::Added);
            }
        }
        Ok(report)
    }
}

fn batch_of(manifest: &str) -> Option<Batch> {
    let mut json: Json = serde_json::from_str(manifest).ok()?;
    serde_json::from_value(json.get_mut("data")?.take()).ok()
}

/// One batch against the lines that are counted to it.
async fn check(
    tx: &mut dyn OrgTx,
    seq: i64,
    batch: &Batch,
    until: Option<Timestamp>,
    report: &mut AuditReport,
) -> Result<()> {
    let lines = tx.audit_of_seal(seq, 2 * BATCH).await?;
    let split = |line: &String| line.split_once(':').map(|(id, mark)| (id.to_owned(), mark.to_owned()));
    let mut expected: BTreeMap<String, String> = batch.lines.iter().filter_map(split).collect();
    let before = report.faults.len();
    for line in &lines {
        let id = line.id.uuid();
        let what = match expected.remove(&line.id.to_string()) {
            None => AuditFault::Added,
            Some(known) if known != mark(&Sealed::from(line))? => AuditFault::Edited,
            // Sealed in its turn, and dated before: it was put in behind the batch that should have had it.
            Some(_) if until.is_some_and(|until| line.created_at < until) => AuditFault::Added,
            Some(_) => continue,
        };
        report.fault(Some(seq), Some(id), what);
    }
    for id in expected.into_keys() {
        report.fault(Some(seq), id.parse().ok(), AuditFault::Deleted);
    }
    let whole = Batch::of(&lines)?.is_some_and(|found| found == *batch);
    if !whole && report.faults.len() == before {
        report.fault(Some(seq), None, AuditFault::Broken);
    }
    Ok(())
}
