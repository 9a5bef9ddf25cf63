//! The one way to add a link, and the checkpoints over the chain.

use serde::Serialize;
use uuid::Uuid;

use super::{
    Checkpoint, EntryKind, EvidenceEntry, GENESIS, Link, LinkFormat, SignedCheckpoint,
    format::{self, MANIFEST_LIMIT},
    merkle::{self, Edge, Hash},
};
use crate::{
    calls::CallId,
    kit::{Error, Result, canonical, time::Timestamp},
    store::OrgTx,
    wib::Wib,
};

/// Links that are read at once.
pub(super) const STEP: i64 = 200;

/// What is to be sealed.
pub(crate) struct Entry<'a, M> {
    pub(crate) kind: EntryKind,
    pub(crate) subject_id: Uuid,
    pub(crate) call_id: Option<CallId>,
    /// [`Manifest`](super::Manifest) for calls, [`RecordManifest`](super::RecordManifest) for all else. No floats, at
    /// most 512 KiB.
    pub(crate) manifest: &'a M,
}

/// Where the next link goes, and what it takes the place of. The chain's head is held from here to the end of the
/// transaction.
pub(crate) struct Place {
    pub(crate) seq: i64,
    prev_hash: String,
    /// Not before the link before, whatever this node's clock says.
    pub(crate) at: Timestamp,
    /// The newest version of the subject.
    pub(crate) newest: Option<EvidenceEntry>,
}
impl Place {
    pub(crate) fn version(&self) -> i64 {
        self.newest.as_ref().map_or(1, |entry| entry.version + 1)
    }
    pub(crate) fn supersedes(&self) -> Option<String> {
        self.newest.as_ref().map(|entry| entry.entry_hash.clone())
    }
}

/// Takes the head of the chain for a link about that subject.
pub(crate) async fn place(wib: &Wib, tx: &mut dyn OrgTx, kind: EntryKind, subject_id: Uuid) -> Result<Place> {
    let head = tx.lock_chain_head().await?;
    let newest = tx.newest_entry(kind, subject_id).await?;
    let now = wib.now();
    Ok(match head {
        None => Place { seq: 1, prev_hash: GENESIS.to_owned(), at: now, newest },
        Some(head) => Place { seq: head.seq + 1, prev_hash: head.entry_hash, at: now.max(head.created_at), newest },
    })
}

/// Adds a link to the organisation's chain, as the next version of its subject, with the tree's new nodes and a signed
/// checkpoint over them.
pub(crate) async fn append<M: Serialize + Sync>(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    entry: Entry<'_, M>,
) -> Result<EvidenceEntry> {
    let place = place(wib, tx, entry.kind, entry.subject_id).await?;
    let manifest = canonical::to_text(entry.manifest)?;
    if manifest.len() > MANIFEST_LIMIT {
        return Err(Error::too_large(format!("a manifest has at most {MANIFEST_LIMIT} bytes")));
    }
    let link = Link {
        format: LinkFormat::V2,
        seq: place.seq,
        kind: entry.kind,
        subject_id: entry.subject_id,
        call_id: entry.call_id,
        version: place.version(),
        supersedes: place.supersedes(),
        at: place.at,
        manifest_hash: canonical::sha256(manifest.as_bytes()),
        prev_hash: place.prev_hash,
        entry_hash: String::new(),
    };
    let row = EvidenceEntry {
        id: wib.id(),
        kind: link.kind,
        subject_id: link.subject_id,
        call_id: link.call_id,
        version: link.version,
        supersedes: link.supersedes.clone(),
        format: link.format,
        seq: link.seq,
        entry_hash: link.hash(&format::organization(tx.organization_id()))?,
        manifest,
        manifest_hash: link.manifest_hash,
        prev_hash: link.prev_hash,
        created_at: link.at,
    };
    let mut edge = edge(tx, row.seq - 1).await?;
    tx.insert(&row).await?;
    grow(tx, &mut edge, &row).await?;
    let checkpoint = checkpoint(wib, tx, &row.entry_hash, &edge, row.created_at)?;
    tx.insert(&checkpoint).await?;
    Ok(row)
}

/// The newest checkpoint that this signer has put over the whole chain, with a root; signed now when there is none: the
/// chain is empty, older than the tree, or somebody else signed last.
pub(super) async fn newest_checkpoint(wib: &Wib, tx: &mut dyn OrgTx) -> Result<(Checkpoint, bool)> {
    let ours = |c: &Checkpoint| c.root.is_some() && c.signer == wib.signer.fingerprint();
    // Every link comes with its checkpoint, in one transaction: the newest of both belong together.
    if let Some(newest) = tx.newest_checkpoint(i64::MAX).await?.filter(ours) {
        return Ok((newest, false));
    }
    let head = tx.lock_chain_head().await?;
    if let Some(newest) = tx.newest_checkpoint(i64::MAX).await?.filter(ours) {
        return Ok((newest, false));
    }
    let (size, hash, at) = head
        .map_or((0, GENESIS.to_owned(), wib.now()), |head| (head.seq, head.entry_hash, wib.now().max(head.created_at)));
    let edge = edge(tx, size).await?;
    let made = checkpoint(wib, tx, &hash, &edge, at)?;
    tx.insert(&made).await?;
    Ok((made, true))
}

fn checkpoint(wib: &Wib, tx: &dyn OrgTx, head: &str, edge: &Edge, at: Timestamp) -> Result<Checkpoint> {
    let size = i64::try_from(edge.size()).map_err(|e| Error::internal("a chain without end").because(e))?;
    let root = format::hash_text(&edge.root());
    let mut made = Checkpoint {
        id: wib.id(),
        size,
        head: head.to_owned(),
        root: Some(root),
        signer: wib.signer.fingerprint(),
        signature: String::new(),
        created_at: at,
    };
    let signed = SignedCheckpoint::new(&made, wib.signer.public_key_hex());
    made.signature = wib.signer.sign(signed.statement(&format::organization(tx.organization_id()))?.as_bytes());
    Ok(made)
}

/// The right edge of the tree over the first `size` links. Links from before there was a tree are added to it.
async fn edge(tx: &mut dyn OrgTx, size: i64) -> Result<Edge> {
    let wrong = || Error::internal("the tree does not fit the chain");
    let wanted = u64::try_from(size).map_err(|_| wrong())?;
    if let Some(edge) = Edge::of(wanted, tx.tree_edge(size).await?) {
        return Ok(edge);
    }
    let known = tx.tree_size().await?;
    let mut edge =
        Edge::of(u64::try_from(known).map_err(|_| wrong())?, tx.tree_edge(known).await?).ok_or_else(wrong)?;
    while edge.size() < wanted {
        let after = i64::try_from(edge.size()).map_err(|_| wrong())?;
        let links = tx.chain_after(after, STEP.min(size - after)).await?;
        if links.is_empty() {
            return Err(wrong());
        }
        for link in &links {
            grow(tx, &mut edge, link).await?;
        }
    }
    Ok(edge)
}

async fn grow(tx: &mut dyn OrgTx, edge: &mut Edge, entry: &EvidenceEntry) -> Result<()> {
    let hash = format::hash(&entry.entry_hash).ok_or_else(|| Error::internal("a link's hash is not one"))?;
    tx.add_nodes(&edge.push(&hash)).await
}

/// The hashes over ranges of links, as proofs have them.
pub(super) async fn hashes(tx: &mut dyn OrgTx, ranges: Vec<std::ops::Range<u64>>) -> Result<Vec<String>> {
    let mut proof = Vec::with_capacity(ranges.len());
    for range in ranges {
        proof.push(format::hash_text(&hash_of(tx, range).await?));
    }
    Ok(proof)
}

/// The root of the tree over the first links.
pub(super) async fn root_at(tx: &mut dyn OrgTx, size: u64) -> Result<String> {
    let root = if size == 0 { merkle::empty() } else { hash_of(tx, 0..size).await? };
    Ok(format::hash_text(&root))
}

async fn hash_of(tx: &mut dyn OrgTx, range: std::ops::Range<u64>) -> Result<Hash> {
    let missing = || Error::internal("the tree lacks a node");
    let mut parts = vec![];
    for (level, position) in merkle::subtrees(range) {
        parts.push(tx.tree_node(level, position).await?.ok_or_else(missing)?);
    }
    merkle::of_range(&parts).ok_or_else(missing)
}
