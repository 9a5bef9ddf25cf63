use serde::Serialize;

use super::{Artifact, Entry, EntryKind, MANIFEST, Manifest, Masked, Notice, append, append::Place};
use crate::{
    calls::{self, Call, CallEvent, Mask, Spoken, Step},
    compliance::{DutyKind, StoredVerdict},
    kit::{Id, OrNotFound, Result, canonical, time::Timestamp},
    recordings::{Recording, RecordingStatus},
    retention::{MarkStatus, SubjectKind},
    store::{OrgTx, Record, Repo},
    wib::Wib,
};

/// The most versions of a call. What changes after that is in the timeline alone.
pub(crate) const VERSIONS: i64 = 16;

/// The kind of the timeline's lines that tell of a seal. They are about the evidence, not of it.
pub(crate) const SEALED: &str = "call.sealed";

/// A line of the timeline as it is hashed: without our own row ids, so that the same events hash the same.
#[derive(Serialize)]
struct TimelineLine<'a> {
    source: &'a str,
    event_type: &'a str,
    event_data: &'a serde_json::Value,
    at: Timestamp,
}

/// Adds the call to its organisation's chain, as it is now; the version that it got. `None` when the newest version says
/// the same, or the call has as many as it may.
pub(crate) async fn seal(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, complete: bool) -> Result<Option<i64>> {
    let subject_id = call.id.uuid();
    let place = append::place(wib, tx, EntryKind::Call, subject_id).await?;
    let sealed = match &place.newest {
        Some(entry) => Manifest::read(&serde_json::from_str(&entry.manifest).unwrap_or_default())?,
        None => None,
    };
    let manifest = manifest(wib, tx, call, complete, &place).await?;
    if sealed.is_some_and(|sealed| manifest.says_what(&sealed)) {
        return Ok(None);
    }
    if place.version() > VERSIONS {
        metrics::counter!("wib_seals_refused_total").increment(1);
        tracing::warn!(call = %call.id, "a sealed call changed again and has all its versions");
        return Ok(None);
    }
    let entry = Entry { kind: EntryKind::Call, subject_id, call_id: Some(call.id), manifest: &manifest };
    append(wib, tx, entry).await.map(|entry| Some(entry.version))
}

/// The notices as the facts tell them: one for each duty that an utterance does.
fn notices(wib: &Wib, call: &Call, recordings: &[Recording]) -> Vec<Notice> {
    let of = |step: &Step, spoken: &Spoken| {
        let words = spoken.words.clone().unwrap_or_else(|| calls::earlier_words(wib, *step));
        let started_at = spoken.started_at.or(spoken.ended_at)?;
        let offset_ms = recordings.iter().find_map(|r| call.facts.offset_ms(r, started_at));
        let notice = move |kind: &DutyKind| Notice {
            kind: kind.to_string(),
            text_hash: words.text_hash.clone(),
            language: words.language.clone(),
            started_at,
            ended_at: spoken.ended_at,
            offset_ms,
        };
        Some(spoken.duties.iter().map(notice).collect::<Vec<_>>())
    };
    let mut notices: Vec<_> = call.facts.spoken.iter().filter_map(|(step, s)| of(step, s)).flatten().collect();
    notices.sort_by(|a, b| (a.started_at, &a.kind).cmp(&(b.started_at, &b.kind)));
    notices
}

/// What was kept out of the recording.
fn masked(call: &Call) -> Vec<Masked> {
    let of = |m: &Mask| Masked { from: m.paused_at.unwrap_or(m.asked_at), to: m.ends(), cause: m.cause.to_string() };
    call.facts.masks.values().map(of).collect()
}

async fn manifest(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, complete: bool, place: &Place) -> Result<Manifest> {
    Ok(Manifest {
        format: MANIFEST.to_owned(),
        organization_id: call.organization_id,
        call_id: call.id,
        version: place.version(),
        supersedes: place.supersedes(),
        live: call.live,
        direction: call.direction.to_string(),
        status: call.status.to_string(),
        started_at: call.created_at,
        answered_at: call.answered_at,
        ended_at: call.ended_at,
        completeness: if complete { "complete" } else { "partial" }.to_owned(),
        recording_consent: call.facts.recording_consent().map(|c| c.to_string()),
        notices: notices(wib, call, &tx.recordings_of_call(call.id).await?),
        masked: masked(call),
        scrubbed: tx.transcripts_of_call(call.id).await?.iter().map(|t| t.scrubbed).max().filter(|n| *n > 0),
        artifacts: artifacts(tx, call).await?,
        sealed_at: place.at,
    })
}

/// The lines that are of the call, not of its evidence.
fn told(timeline: &[CallEvent]) -> impl Iterator<Item = &CallEvent> {
    timeline.iter().filter(|e| e.event_type != SEALED || !e.source.starts_with("sealed"))
}

/// What a timeline hashes to.
pub(crate) fn timeline_hash(timeline: &[CallEvent]) -> Result<String> {
    let lines: Vec<_> = told(timeline)
        .map(|e| TimelineLine { source: &e.source, event_type: &e.event_type, event_data: &e.event_data, at: e.at })
        .collect();
    canonical::hash(&lines)
}

/// What is to be said of a thing that retention deleted.
async fn purged(tx: &mut dyn OrgTx, kind: SubjectKind, id: uuid::Uuid) -> Result<Option<&'static str>> {
    let mark = tx.retention_mark(kind, id).await?;
    Ok(mark.filter(|m| m.status == MarkStatus::Purged).map(|_| "purged as the retention rules permit"))
}

async fn artifacts(tx: &mut dyn OrgTx, call: &Call) -> Result<Vec<Artifact>> {
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
        let purged = purged(tx, SubjectKind::Recording, recording.id.uuid()).await?;
        let note = match recording.status {
            RecordingStatus::Completed => None,
            RecordingStatus::Pending => Some("not fetched when the call was sealed"),
            RecordingStatus::Failed => Some("could not be fetched"),
            RecordingStatus::Deleted => purged.or(Some("deleted")),
        };
        let by = ["vendor", call.vendor.as_str(), "evidence"];
        add(
            "recording",
            recording.id.to_string(),
            recording.media_hash.clone(),
            by,
            recording.created_at,
            vec![],
            recording.note.as_deref().or(note),
        );
    }
    let timeline = tx.timeline(call.id).await?;
    let last = told(&timeline).map(|e| e.at).max().unwrap_or(call.created_at);
    add(
        "timeline",
        call.id.to_string(),
        Some(timeline_hash(&timeline)?),
        ["system", "wib", "evidence"],
        last,
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
            purged(tx, SubjectKind::Transcript, transcript.id.uuid()).await?,
        );
    }
    for translation in tx.translations_of_call(call.id).await? {
        let copied = translation.is_copy();
        let producer = format!("{} {}", translation.vendor, translation.model);
        let by = [if copied { "system" } else { "model" }, producer.trim_end(), "assistive"];
        add(
            "translation",
            translation.id.to_string(),
            Some(translation.translation_hash),
            by,
            translation.created_at,
            vec![translation.transcript_hash],
            purged(tx, SubjectKind::Transcript, translation.transcript_id.uuid()).await?,
        );
    }
    if let Some(id) = call.verdict_id {
        let verdict: StoredVerdict = Repo::find(tx, id).await?.or_not_found(<StoredVerdict as Record>::NAME)?;
        let by = ["system", verdict.pack.as_str(), "evidence"];
        add("verdict", Id::to_string(&id), Some(verdict.explanation_hash), by, verdict.created_at, vec![], None);
    }
    Ok(artifacts)
}
