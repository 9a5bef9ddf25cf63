use serde::Serialize;

use super::{
    Artifact, Bundle, Checkpoint, EvidenceEntry, GENESIS, MANIFEST, Manifest,
    bundle::{link_hash, statement},
};
use crate::{
    calls::{Call, CallId},
    compliance::StoredVerdict,
    kit::{Id, OrNotFound, Result, Role, canonical, time::Timestamp},
    orgs::OrganizationId,
    recordings::RecordingStatus,
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// What a walk along an organisation's chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChainReport {
    /// Links walked.
    pub links: i64,
    /// Hash of the last one.
    pub head: String,
    /// Places whose link does not hold, with the reason.
    pub faults: Vec<String>,
}

/// A line of the timeline as it is hashed: without our own row ids, so that the same events hash the same.
#[derive(Serialize)]
struct TimelineLine<'a> {
    source: &'a str,
    event_type: &'a str,
    event_data: &'a serde_json::Value,
    at: Timestamp,
}

impl Org {
    /// The evidence file of a sealed call.
    ///
    /// # Errors
    /// `NotFound` when there is no such call, or it is not sealed yet.
    pub async fn evidence(&self, call: CallId) -> Result<Bundle> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let entry = tx.entry_of_call(call).await?.or_not_found("sealed evidence of this call")?;
        let checkpoint = tx.checkpoint_covering(entry.seq).await?.or_not_found("checkpoint")?;
        Bundle::new(&entry, &checkpoint, &self.wib.signer)
    }

    /// Walks the whole chain and recomputes every hash.
    ///
    /// # Errors
    /// When the database does not answer. A broken chain is an answer.
    pub async fn verify_chain(&self) -> Result<ChainReport> {
        const STEP: i64 = 500;
        let mut report = ChainReport { links: 0, head: GENESIS.to_owned(), faults: vec![] };
        loop {
            let links = self.tx().await?.chain_after(report.links, STEP).await?;
            let Some(last) = links.last().map(|l| l.seq) else { return Ok(report) };
            for link in &links {
                report.links += 1;
                let seq = link.seq;
                let mut fault = |what: &str| report.faults.push(format!("link {seq}: {what}"));
                if seq != report.links {
                    fault("is out of place");
                }
                if link.prev_hash != report.head {
                    fault("does not name the link before");
                }
                if canonical::sha256(link.manifest.as_bytes()) != link.manifest_hash {
                    fault("its manifest was changed");
                }
                if link_hash(self.id(), seq, &link.manifest_hash, &link.prev_hash)? != link.entry_hash {
                    fault("its hash does not fit");
                }
                report.head.clone_from(&link.entry_hash);
            }
            report.links = last;
        }
    }
}

/// Adds the call to its organisation's chain, with a signed checkpoint over the new link. Once per call: a second time
/// answers `false`.
pub(crate) async fn seal(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, complete: bool) -> Result<bool> {
    let head = tx.lock_chain_head().await?;
    if tx.entry_of_call(call.id).await?.is_some() {
        return Ok(false);
    }
    let now = wib.now();
    let manifest = canonical::to_text(&manifest(tx, call, complete, now).await?)?;
    let (seq, prev_hash) = head.map_or_else(|| (1, GENESIS.to_owned()), |h| (h.seq + 1, h.entry_hash));
    let manifest_hash = canonical::sha256(manifest.as_bytes());
    let entry_hash = link_hash(call.organization_id, seq, &manifest_hash, &prev_hash)?;
    let entry = EvidenceEntry {
        id: wib.id(),
        call_id: call.id,
        seq,
        manifest,
        manifest_hash,
        prev_hash,
        entry_hash,
        created_at: now,
    };
    tx.insert(&entry).await?;
    tx.insert(&checkpoint(wib, call.organization_id, &entry, now)?).await?;
    Ok(true)
}

fn checkpoint(wib: &Wib, organization: OrganizationId, entry: &EvidenceEntry, now: Timestamp) -> Result<Checkpoint> {
    let signed = statement(organization, entry.seq, &entry.entry_hash, now)?;
    Ok(Checkpoint {
        id: wib.id(),
        size: entry.seq,
        head: entry.entry_hash.clone(),
        signer: wib.signer.fingerprint(),
        signature: wib.signer.sign(signed.as_bytes()),
        created_at: now,
    })
}

async fn manifest(tx: &mut dyn OrgTx, call: &Call, complete: bool, now: Timestamp) -> Result<Manifest> {
    let mut artifacts = Vec::new();
    let mut add = |kind: &str, id: String, hash: Option<String>, by: [&str; 3], at, inputs, note: Option<&str>| {
        artifacts.push(Artifact {
            kind: kind.to_owned(),
            id,
            hash,
            produced_by: by[0].to_owned(),
            producer: by[1].to_owned(),
            produced_at: at,
            inputs,
            standing: by[2].to_owned(),
            note: note.map(ToOwned::to_owned),
        });
    };
    for analysis in tx.analyses_of_call(call.id).await? {
        let of = tx.find(analysis.transcript_id).await?.map(|t| t.transcript_hash);
        let producer = format!("{} {}", analysis.vendor, analysis.model);
        let by = ["model", producer.as_str(), "assistive"];
        add(
            "analysis",
            analysis.id.to_string(),
            Some(analysis.insight_hash),
            by,
            analysis.created_at,
            of.into_iter().collect(),
            None,
        );
    }
    let recordings = tx.recordings_of_call(call.id).await?;
    for recording in &recordings {
        let note = match recording.status {
            RecordingStatus::Completed => None,
            RecordingStatus::Pending => Some("not fetched when the call was sealed"),
            RecordingStatus::Failed => Some("could not be fetched"),
            RecordingStatus::Deleted => Some("deleted"),
        };
        let by = ["vendor", call.vendor.as_str(), "evidence"];
        add(
            "recording",
            recording.id.to_string(),
            recording.media_hash.clone(),
            by,
            recording.created_at,
            vec![],
            note,
        );
    }
    let timeline = tx.timeline(call.id).await?;
    let lines: Vec<_> = timeline
        .iter()
        .map(|e| TimelineLine { source: &e.source, event_type: &e.event_type, event_data: &e.event_data, at: e.at })
        .collect();
    add(
        "timeline",
        call.id.to_string(),
        Some(canonical::hash(&lines)?),
        ["system", "wib", "evidence"],
        now,
        vec![],
        None,
    );
    for transcript in tx.transcripts_of_call(call.id).await? {
        let audio = recordings.iter().find(|r| r.id == transcript.recording_id).and_then(|r| r.media_hash.clone());
        let producer = format!("{} {}", transcript.vendor, transcript.model);
        let by = ["model", producer.as_str(), "evidence"];
        let inputs = audio.into_iter().collect();
        add(
            "transcript",
            transcript.id.to_string(),
            Some(transcript.transcript_hash),
            by,
            transcript.created_at,
            inputs,
            None,
        );
    }
    if let Some(id) = call.verdict_id {
        let verdict: StoredVerdict =
            Repo::find(tx, id).await?.or_not_found(<StoredVerdict as crate::store::Record>::NAME)?;
        let by = ["system", verdict.pack.as_str(), "evidence"];
        add("verdict", Id::to_string(&id), Some(verdict.explanation_hash), by, verdict.created_at, vec![], None);
    }
    Ok(Manifest {
        format: MANIFEST.to_owned(),
        organization_id: call.organization_id,
        call_id: call.id,
        live: call.live,
        direction: call.direction.to_string(),
        status: call.status.to_string(),
        started_at: call.created_at,
        answered_at: call.answered_at,
        ended_at: call.ended_at,
        completeness: if complete { "complete" } else { "partial" }.to_owned(),
        artifacts,
        sealed_at: now,
    })
}
