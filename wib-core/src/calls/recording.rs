//! Whether a call is recorded, read off its facts; and the commands that record, pause and stop.

use std::time::Duration;

use serde_json::json;

use super::{
    Call, CallFacts, CallLeg, Mask,
    carry::{follow_up, load, main_leg, note},
    judged,
};
use crate::{
    compliance::{ActKind, Outcome},
    engine::{Done, Message},
    kit::{OrNotFound, Result, time, time::Timestamp},
    ports::{Fault, Sent},
    recordings::Recording,
    store::OrgTx,
    text_enum,
    wib::Wib,
};

/// How soon a command that has to wait for another one looks again.
const LOOK: Duration = Duration::from_millis(500);
/// How long an order to record may stay without an answer before an order to pause or stop goes out all the same.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

text_enum! {
    /// How the recording of a call stands.
    pub enum RecordingState {
        /// Nothing is recorded, and nothing was agreed yet.
        NotRecording = "not_recording",
        /// The notice is being spoken; nothing is recorded.
        AnnouncementPlaying = "announcement_playing",
        /// The person heard the notice to its end and stayed, or agreed in words; nothing is recorded yet.
        Consented = "consented",
        /// Both sides are recorded.
        Recording = "recording",
        /// The recording goes on behind a mask: neither side is in it.
        Masked = "masked",
        /// It was recorded, and is no longer.
        Stopped = "stopped",
        /// The person refused: never recorded again on this call.
        Refused = "refused",
    }
}

text_enum! {
    /// How a person agreed to be recorded.
    pub enum RecordingConsent {
        /// Heard the notice to its end and stayed on the line.
        Implied = "implied",
        /// Said so.
        Express = "express",
        /// Refused; what was recorded between the notice and the refusal rests on the notice.
        Refused = "refused",
    }
}

impl CallFacts {
    /// How the recording stands; see the table of the slice.
    #[must_use]
    pub fn recording_state(&self) -> RecordingState {
        use RecordingState as S;
        let (over, ordered) = (self.hangup.is_some(), self.recording_ordered_at.is_some());
        let stopped = self.recording_stopped_at.is_some();
        match () {
            () if self.recording_refused_at.is_some() && (!ordered || stopped || over) => S::Refused,
            () if ordered && (over || stopped) => S::Stopped,
            () if ordered && self.masks.values().any(|m| m.paused_at.is_some() && m.resumed_at.is_none()) => S::Masked,
            () if ordered => S::Recording,
            () if over => S::NotRecording,
            () if self.recording_consent().is_some() => S::Consented,
            () if self.notice_started_at.is_some() => S::AnnouncementPlaying,
            () => S::NotRecording,
        }
    }
    /// How the person agreed to be recorded; `None` before the notice was spoken to its end.
    #[must_use]
    pub fn recording_consent(&self) -> Option<RecordingConsent> {
        match () {
            () if self.recording_refused_at.is_some() => Some(RecordingConsent::Refused),
            () if self.notice_ended_at.is_none() => None,
            () if self.recording_agreed_at.is_some() => Some(RecordingConsent::Express),
            () => Some(RecordingConsent::Implied),
        }
    }
    /// Whether anything may be recorded now. An order whose answer nobody saw counts as a recording.
    #[must_use]
    pub fn may_be_recording(&self) -> bool {
        self.recording_asked_at.is_some()
            && self.recording_declined_at.is_none()
            && self.recording_stopped_at.is_none()
            && self.hangup.is_none()
    }
    /// Where an instant lies in a recording, in milliseconds from its start: pauses are not in it.
    #[must_use]
    pub fn offset_ms(&self, recording: &Recording, at: Timestamp) -> Option<i64> {
        let start = recording.started_at.or(self.recording_ordered_at)?;
        let ms = |from: Timestamp, to: Timestamp| (to.as_millisecond() - from.as_millisecond()).max(0);
        let pauses = self.masks.values().filter_map(|m| Some((m.paused_at?, m.resumed_at.unwrap_or(at))));
        let out: i64 = pauses.filter(|(from, _)| *from < at).map(|(from, to)| ms(from.max(start), to.min(at))).sum();
        (at >= start).then(|| (ms(start, at) - out).max(0))
    }
    /// Whether an order to record is under way.
    fn order_in_doubt(&self) -> bool {
        self.recording_asked_at.is_some() && self.recording_ordered_at.is_none() && self.recording_declined_at.is_none()
    }
    /// Whether recording has to end: the person refused, a mask could not be put on, or somebody comes who was not told.
    pub(super) fn wants_stop(&self) -> bool {
        self.recording_refused_at.is_some()
            || self.masks.values().any(|m| m.failed_at.is_some())
            || self.stranger_listens()
    }
}

/// The leg of a call that is up.
async fn live_leg(tx: &mut dyn OrgTx, call: &Call) -> Result<Option<CallLeg>> {
    Ok(main_leg(tx, call.id).await?.filter(|_| !call.status.terminal()))
}

/// Starts recording, after the notice: judged at the instant the order leaves, and only on a permit.
pub(crate) async fn start_recording(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, mut call) = load(wib, message).await?;
    let Some(leg) = live_leg(&mut *tx, &call).await? else { return Ok(Done::Ack) };
    let facts = &call.facts;
    if facts.wants_stop() || facts.recording_ordered_at.is_some() || facts.recording_declined_at.is_some() {
        return Ok(Done::Ack);
    }
    let now = wib.now();
    if facts.open_mask().is_some() {
        return Ok(Done::wait(time::after(now, LOOK), "payment data is being given"));
    }
    if facts.recording_asked_at.is_none() {
        let verdict = judged::judge(wib, &mut *tx, &call, ActKind::Record).await?;
        let stored = judged::keep(wib, &mut *tx, &call, &verdict).await?;
        if verdict.outcome() != Outcome::Permit {
            let data = json!({"verdict_id": stored.id, "blocked_by": stored.blocked_by});
            note(wib, &mut *tx, call.id, "not_recorded", "call.recording.blocked", data, now).await?;
            tx.commit().await?;
            return Ok(Done::Ack);
        }
        call.facts.recording_asked_at = Some(now);
        tx.update(&call).await?;
        tx.commit().await?;
    } else {
        drop(tx);
    }
    let taken = match wib.voice.start_recording(&leg.names(), &format!("{}-record", call.id)).await {
        Ok(()) => true,
        Err(e) if e.fault == Fault::Missing => false,
        Err(e) if e.sent != Sent::Refused || e.retryable() => return Err(e.into()),
        Err(e) => {
            tracing::warn!(call = %call.id, vendor = e.vendor, error = %e, "the vendor refused to record");
            false
        }
    };
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    let now = wib.now();
    if taken {
        call.facts.absorb_recording_ordered(now);
    } else {
        call.facts.recording_declined_at.get_or_insert(now);
    }
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Ends the recording: refused, or a mask could not be put on.
pub(crate) async fn stop_recording(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    let Some(leg) = live_leg(&mut *tx, &call).await? else { return Ok(Done::Ack) };
    if !call.facts.may_be_recording() {
        return Ok(Done::Ack);
    }
    if let Some(wait) = after_order(wib, &call) {
        return Ok(wait);
    }
    drop(tx);
    match wib.voice.stop_recording(&leg.names(), &format!("{}-stop", call.id)).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        stopped => stopped?,
    }
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    let now = wib.now();
    call.facts.recording_stopped_at.get_or_insert(now);
    note(wib, &mut *tx, call.id, "stopped", "call.recording.stopped", json!({}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// An order to record that is under way is answered first: what comes before it would have no effect.
fn after_order(wib: &Wib, call: &Call) -> Option<Done> {
    let (now, asked) = (wib.now(), call.facts.recording_asked_at?);
    let waits = call.facts.order_in_doubt() && now < time::after(asked, ANSWERED_WITHIN);
    waits.then(|| Done::wait(time::after(now, LOOK), "the order to record is not answered"))
}

/// So is an order to go on behind an earlier mask: it must not undo this one.
fn after_resume(wib: &Wib, call: &Call) -> Option<Done> {
    let now = wib.now();
    let ending = |m: &&Mask| m.paused_at.is_some() && m.resumed_at.is_none();
    let asked = call.facts.masks.values().filter(ending).filter_map(|m| m.end_asked_at).max()?;
    let waits = now < time::after(asked, ANSWERED_WITHIN);
    waits.then(|| Done::wait(time::after(now, LOOK), "the order to go on is not answered"))
}

/// Pauses the recording for a mask.
pub(crate) async fn pause_recording(wib: &Wib, message: &Message) -> Result<Done> {
    let id: String = message.payload_field("mask")?;
    let (organization, mut tx, call) = load(wib, message).await?;
    let Some(leg) = live_leg(&mut *tx, &call).await? else { return Ok(Done::Ack) };
    let open = call.facts.masks.get(&id).is_some_and(|m| m.paused_at.is_none() && m.failed_at.is_none());
    if !open || !call.facts.may_be_recording() {
        return Ok(Done::Ack);
    }
    if let Some(wait) = after_order(wib, &call).or_else(|| after_resume(wib, &call)) {
        return Ok(wait);
    }
    drop(tx);
    match wib.voice.pause_recording(&leg.names(), &format!("{}-pause-{id}", call.id)).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        paused => paused?,
    }
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    let now = wib.now();
    if let Some(mask) = call.facts.masks.get_mut(&id) {
        mask.paused_at.get_or_insert(now);
    }
    note(wib, &mut *tx, call.id, &format!("masked:{id}"), "call.masked", json!({"mask": id}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// A pause that cannot be had: the recording is ended instead.
pub(crate) async fn pause_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let id: String = message.payload_field("mask")?;
    let (_, mut tx, mut call) = load(wib, message).await?;
    let now = wib.now();
    let Some(mask) = call.facts.masks.get_mut(&id).filter(|m| m.paused_at.is_none()) else { return Ok(()) };
    mask.failed_at.get_or_insert(now);
    note(wib, &mut *tx, call.id, &format!("mask_failed:{id}"), "call.mask.failed", json!({"mask": id}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await
}

/// A stop that cannot be had: nobody may think that nothing is recorded.
pub(crate) async fn stop_given_up(wib: &Wib, message: &Message) -> Result<()> {
    let (_, mut tx, call) = load(wib, message).await?;
    if call.status.terminal() || call.facts.recording_stopped_at.is_some() {
        return Ok(());
    }
    note(wib, &mut *tx, call.id, "stop_failed", "call.recording.not_stopped", json!({}), wib.now()).await?;
    tx.commit().await
}

/// Goes on with the recording behind a mask.
pub(crate) async fn resume_recording(wib: &Wib, message: &Message) -> Result<Done> {
    let id: String = message.payload_field("mask")?;
    let (organization, mut tx, call) = load(wib, message).await?;
    let Some(leg) = live_leg(&mut *tx, &call).await? else { return Ok(Done::Ack) };
    let mask = call.facts.masks.get(&id);
    let due = mask.is_some_and(|m| m.end_asked_at.is_some() && m.paused_at.is_some() && m.resumed_at.is_none());
    // Another mask may have been put on meanwhile: its end resumes.
    let other = call.facts.masks.iter().any(|(n, m)| *n != id && m.is_open());
    if !due || other || !call.facts.may_be_recording() {
        return Ok(Done::Ack);
    }
    drop(tx);
    match wib.voice.resume_recording(&leg.names(), &format!("{}-resume-{id}", call.id)).await {
        Err(gone) if gone.fault == Fault::Missing => return Ok(Done::Ack),
        resumed => resumed?,
    }
    let mut tx = wib.store.org(organization).await?;
    let mut call = tx.lock_call(call.id).await?.or_not_found("call")?;
    let now = wib.now();
    for mask in call.facts.masks.values_mut().filter(|m| m.end_asked_at.is_some()) {
        mask.resumed_at.get_or_insert(now);
    }
    note(wib, &mut *tx, call.id, &format!("unmasked:{id}"), "call.unmasked", json!({"mask": id}), now).await?;
    follow_up(wib, &mut *tx, &mut call).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}
