//! What an organisation is shown of its chain: bundles, checkpoints, proofs, the whole of it.

use std::collections::VecDeque;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Bundle, Checkpoint, EntryKind, EvidenceEntry, HistoryReport, Link, PartFault, SignedCheckpoint, StampKind,
    TimestampToken, WitnessedCheckpoint,
    append::{self, STEP, hashes, newest_checkpoint},
    history::{
        CheckpointLine, CheckpointWord, EndLine, EndWord, EntryLine, EntryWord, HISTORY, Header, HeaderLine, Walk, line,
    },
    merkle,
    publish::stamped_text,
    timestamp::{TimestampRoots, verify_token},
};
use crate::{
    calls::CallId,
    kit::{Error, OrNotFound, Page, PageRequest, Result, Role, time::Timestamp},
    store::OrgTx,
    wib::{Org, Wib},
};

/// The most stamps of one checkpoint that a bundle takes along.
const STAMPS: i64 = 8;

/// What a walk along an organisation's chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChainReport {
    /// Links walked.
    pub links: i64,
    /// Hash of the last one.
    pub head: String,
    /// Root of the tree over them.
    pub root: Option<String>,
    /// Places that do not hold.
    pub faults: Vec<PartFault>,
}
impl From<HistoryReport> for ChainReport {
    fn from(report: HistoryReport) -> Self {
        let HistoryReport { entries, head, root, faults, .. } = report;
        Self { links: entries, head, root, faults }
    }
}

/// Asks for a page of checkpoints, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListCheckpoints {
    /// From 1.
    pub page: Option<i64>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
}

/// Asks for a proof that the chain of one size is the beginning of the chain of another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProveConsistency {
    /// The larger size; a checkpoint has it.
    pub size: i64,
    /// The smaller size; 0 by default.
    #[serde(default)]
    pub from: i64,
}

/// That the chain of one size is the beginning of the chain of another (RFC 9162, section 2.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsistencyProof {
    /// The smaller size.
    pub from: i64,
    /// The root of its tree.
    pub from_root: String,
    /// The larger size, its root, and who signed them.
    pub checkpoint: SignedCheckpoint,
    /// The hashes of the proof, `sha256:<hex>`.
    pub proof: Vec<String>,
}

/// The bundle of a link, under the [usual](usual_checkpoint) checkpoint or under that of a size.
pub(crate) async fn bundle(wib: &Wib, tx: &mut dyn OrgTx, entry: &EvidenceEntry, size: Option<i64>) -> Result<Bundle> {
    let checkpoint = match size {
        None => usual_checkpoint(wib, tx, entry.seq).await?,
        Some(size) => checkpoint_of(wib, tx, size).await?,
    };
    let place = |n: i64| u64::try_from(n).map_err(|e| Error::internal("a place below nothing").because(e));
    if entry.seq > checkpoint.size {
        return Err(Error::field("size", "is of a checkpoint before the link"));
    }
    let (timestamps, witnesses) = vouched(tx, &checkpoint).await?;
    let ranges = merkle::inclusion(place(entry.seq - 1)?, place(checkpoint.size)?);
    let signed = SignedCheckpoint::new(&checkpoint, wib.signer.public_key_hex());
    let bundle = Bundle::new(entry, hashes(tx, ranges).await?, signed)?;
    Ok(Bundle { timestamps, witnesses, ..bundle })
}

/// What outsiders say of a checkpoint. Stamps are kept by size: those of another checkpoint of the same size, signed with
/// another key, are left out.
async fn vouched(
    tx: &mut dyn OrgTx,
    checkpoint: &Checkpoint,
) -> Result<(Vec<TimestampToken>, Vec<WitnessedCheckpoint>)> {
    let text = stamped_text(tx.organization_id(), checkpoint)?;
    let digest = Sha256::digest(text).into();
    let (mut timestamps, mut witnesses) = (vec![], vec![]);
    let stamps = tx.stamps_covering(checkpoint.size, STAMPS).await?;
    for stamp in stamps.into_iter().filter(|stamp| stamp.checkpoint_size == checkpoint.size) {
        match stamp.kind {
            StampKind::Timestamp => {
                let token = BASE64_STANDARD.decode(&stamp.token).unwrap_or_default();
                if verify_token(&token, &digest, None, &TimestampRoots::default()).is_ok() {
                    timestamps.push(TimestampToken { authority: stamp.name, token: stamp.token });
                }
            }
            StampKind::Witness => {
                let receipt = serde_json::from_str::<WitnessedCheckpoint>(&stamp.token).ok();
                witnesses.extend(receipt.filter(|r| Some(&r.root) == checkpoint.root.as_ref()));
            }
        }
    }
    Ok((timestamps, witnesses))
}

/// The checkpoint for a link when nobody names one: the nearest that somebody outside has stamped, for it is the oldest
/// proof there is; else the newest.
async fn usual_checkpoint(wib: &Wib, tx: &mut dyn OrgTx, seq: i64) -> Result<Checkpoint> {
    let newest = newest_checkpoint(wib, tx).await?.0;
    for stamp in tx.stamps_covering(seq, 1).await? {
        if let Ok(stamped) = checkpoint_of(wib, tx, stamp.checkpoint_size).await {
            return Ok(stamped);
        }
    }
    Ok(newest)
}

/// The bundle of a call's newest version, once it is sealed.
pub(crate) async fn bundle_of_call(wib: &Wib, tx: &mut dyn OrgTx, call: CallId) -> Result<Option<Bundle>> {
    match tx.newest_entry(EntryKind::Call, call.uuid()).await? {
        Some(entry) => bundle(wib, tx, &entry, None).await.map(Some),
        None => Ok(None),
    }
}

/// The checkpoint of a size that this signer has put over the tree.
async fn checkpoint_of(wib: &Wib, tx: &mut dyn OrgTx, size: i64) -> Result<Checkpoint> {
    let ours = |c: &Checkpoint| c.size == size && c.root.is_some() && c.signer == wib.signer.fingerprint();
    tx.newest_checkpoint(size).await?.filter(ours).or_not_found("checkpoint of this size")
}

impl Org {
    /// The evidence file of a sealed call: its newest version, under the nearest checkpoint that somebody outside has
    /// stamped, else under the newest.
    ///
    /// # Errors
    /// `NotFound` when there is no such call, or it is not sealed yet; `Forbidden` below compliance.
    pub async fn evidence(&self, call: CallId) -> Result<Bundle> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let bundle = bundle_of_call(&self.wib, &mut *tx, call).await?;
        let bundle = bundle.or_not_found("sealed evidence of this call")?;
        tx.commit().await?;
        Ok(bundle)
    }

    /// The evidence file of the link at a place, under the checkpoint of a size; by default as [`evidence`](Self::evidence).
    ///
    /// # Errors
    /// `NotFound` when there is no such link, or no checkpoint of that size with a root by the present signer; `Invalid`
    /// when the checkpoint is before the link; `Forbidden` below compliance.
    pub async fn evidence_at(&self, seq: i64, size: Option<i64>) -> Result<Bundle> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let entry = tx.chain_after(seq.saturating_sub(1), 1).await?.into_iter().find(|entry| entry.seq == seq);
        let bundle = bundle(&self.wib, &mut *tx, &entry.or_not_found("link at this place")?, size).await?;
        tx.commit().await?;
        Ok(bundle)
    }

    /// A page of checkpoints, newest first.
    ///
    /// # Errors
    /// `Forbidden` below compliance.
    pub async fn checkpoints(&self, query: ListCheckpoints) -> Result<Page<Checkpoint>> {
        self.at_least(Role::Compliance)?;
        self.tx().await?.page_of_checkpoints(&PageRequest::numbered(query.page, query.limit, 50)).await
    }

    /// Proves that the chain only grew between two sizes.
    ///
    /// # Errors
    /// `NotFound` without a checkpoint of the larger size with a root by the present signer; `Invalid` when the smaller
    /// size is the larger one; `Forbidden` below compliance.
    pub async fn prove_consistency(&self, asked: ProveConsistency) -> Result<ConsistencyProof> {
        self.at_least(Role::Compliance)?;
        let ProveConsistency { size, from } = asked;
        let mut tx = self.tx().await?;
        let checkpoint = checkpoint_of(&self.wib, &mut *tx, size).await?;
        let outside = |_| Error::field("from", "is 0 or more, and at most the size");
        let (old, new) = (u64::try_from(from).map_err(outside)?, u64::try_from(size).map_err(outside)?);
        if old > new {
            return Err(Error::field("from", "is 0 or more, and at most the size"));
        }
        let from_root = append::root_at(&mut *tx, old).await?;
        let proof = hashes(&mut *tx, merkle::consistency(old, new)).await?;
        let checkpoint = SignedCheckpoint::new(&checkpoint, self.wib.signer.public_key_hex());
        Ok(ConsistencyProof { from, from_root, checkpoint, proof })
    }

    /// Walks the whole chain as a verifier of its history would.
    ///
    /// # Errors
    /// When the database does not answer. A broken chain is an answer.
    pub async fn verify_chain(&self) -> Result<ChainReport> {
        let mut walk = Walk::new(Some(&self.wib.evidence_public_key()), &[])?;
        let mut history = self.history(false).await?;
        while let Some(lines) = history.next().await? {
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                walk.line(line)?;
            }
        }
        Ok(walk.end().into())
    }

    /// The whole chain, as pieces of a file that `FORMAT.md` describes; the access is audited.
    ///
    /// # Errors
    /// `Forbidden` below compliance.
    pub async fn export_history(&self) -> Result<History> {
        self.at_least(Role::Compliance)?;
        self.history(true).await
    }

    async fn history(&self, audited: bool) -> Result<History> {
        let mut tx = self.tx().await?;
        let (newest, made) = newest_checkpoint(&self.wib, &mut *tx).await?;
        if audited {
            self.audit("evidence:exported", ("evidence", None)).write(&mut *tx).await;
        }
        if audited || made {
            tx.commit().await?;
        }
        Ok(History {
            org: self.clone(),
            entries: newest.size,
            stage: Stage::Header,
            after: 0,
            ahead: VecDeque::new(),
            seen: (-1, Timestamp::UNIX_EPOCH, Uuid::nil()),
            checkpoints: 0,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Header,
    Links,
    Over,
}

/// A history on its way out: the chain as it was when it was asked for, read in pages.
#[derive(Debug)]
pub struct History {
    org: Org,
    entries: i64,
    stage: Stage,
    after: i64,
    // Checkpoints that are read and not written. Of a day the last one is, so the one behind must be seen.
    ahead: VecDeque<Checkpoint>,
    seen: (i64, Timestamp, Uuid),
    checkpoints: i64,
}

impl History {
    /// The next lines; `None` behind the last.
    ///
    /// # Errors
    /// When the database does not answer, or rows are missing.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        match self.stage {
            Stage::Over => return Ok(None),
            Stage::Header => {
                out.extend(line(&Header {
                    line: HeaderLine::Word,
                    format: HISTORY.to_owned(),
                    organization_id: self.org.id().uuid(),
                    public_key: self.org.wib.evidence_public_key(),
                    entries: self.entries,
                })?);
                self.stage = Stage::Links;
                let mut tx = self.org.tx().await?;
                self.checkpoints_at(&mut *tx, 0, &mut out).await?;
            }
            Stage::Links if self.after < self.entries => {
                let mut tx = self.org.tx().await?;
                let links = tx.chain_after(self.after, STEP.min(self.entries - self.after)).await?;
                if links.is_empty() {
                    // The verifier names what is missing.
                    self.after = self.entries;
                }
                for entry in links {
                    let manifest = serde_json::from_str(&entry.manifest).unwrap_or_default();
                    out.extend(line(&EntryLine { line: EntryWord::Word, link: Link::from(&entry), manifest })?);
                    self.after = entry.seq;
                    self.checkpoints_at(&mut *tx, entry.seq, &mut out).await?;
                }
            }
            Stage::Links => {
                let (entries, checkpoints) = (self.entries, self.checkpoints);
                out.extend(line(&EndLine { line: EndWord::Word, entries, checkpoints })?);
                self.stage = Stage::Over;
            }
        }
        Ok(Some(out))
    }

    /// The checkpoints over a size that close a day, or the whole.
    async fn checkpoints_at(&mut self, tx: &mut dyn OrgTx, size: i64, out: &mut Vec<u8>) -> Result<()> {
        loop {
            if self.ahead.len() < 2 {
                let signer = self.org.wib.signer.fingerprint();
                let more = tx.checkpoints_after(self.seen, &signer, STEP).await?;
                if let Some(last) = more.last() {
                    self.seen = (last.size, last.created_at, last.id.uuid());
                }
                self.ahead.extend(more);
            }
            let Some(checkpoint) = self.ahead.pop_front_if(|c| c.size <= size) else { return Ok(()) };
            let day = |c: &Checkpoint| c.created_at.as_second().div_euclid(86_400);
            let next = self.ahead.front().filter(|c| c.size <= self.entries);
            if checkpoint.size == size && next.is_none_or(|next| day(next) != day(&checkpoint)) {
                self.checkpoints += 1;
                let SignedCheckpoint { format, size, head, root, signed_at, signature, .. } =
                    SignedCheckpoint::new(&checkpoint, String::new());
                let word = CheckpointWord::Word;
                out.extend(line(&CheckpointLine { line: word, format, size, head, root, signed_at, signature })?);
            }
        }
    }
}
