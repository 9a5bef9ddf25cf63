//! What members are to do after a call: see whether a promise is kept, get in touch again. Made with the analysis, or when
//! there will be none.

use std::{sync::LazyLock, time::Duration};

use jiff::{
    Span as Stretch,
    civil::Date,
    tz::{Offset, TimeZone},
};
use regex::Regex;
use serde_json::json;

use super::{ClaimedFinding, FindingKind, Span, when};
use crate::{
    audit::Line,
    calls::Call,
    collections::{AccountId, PersonId},
    compliance::zones::zones_of_state,
    kit::{Actor, Result, time, time::Timestamp},
    store::OrgTx,
    tasks::{Task, TaskKind, TaskStatus},
    transcripts::Transcript,
    wib::Wib,
};

/// Days until a promise is looked at, when no day was said.
const PROMISE_DAYS: i64 = 7;
/// Days until somebody is to get in touch again.
const FOLLOWUP_DAYS: i64 = 2;
/// No second task of the kind within this time.
const APART: Duration = Duration::from_secs(24 * 3600);
/// Places of a person that are looked at.
const PLACES: i64 = 200;

static FOLLOWUP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:call (?:me |you |him |her |them )?back|callback|follow[- ]?up|next (?:week|month|time)|schedul\w+|appointment|ll[aá]m\w+ (?:despu[eé]s|m[aá]s tarde))\b")
        .expect("a literal pattern compiles")
});

/// Makes the tasks that a call leaves, in the transaction that keeps what they stand on.
pub(super) async fn make(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    transcript: &Transcript,
    findings: &[ClaimedFinding],
) -> Result<()> {
    let Some(account) = call.account_id else { return Ok(()) };
    let zone = zone(tx, call.person_id).await?;
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    // Days are meant as they were said: while the call went on.
    let said_on = day(call.answered_at.unwrap_or(call.created_at));
    let text = transcript.text();
    let in_days = |days: i64| day(wib.now()).checked_add(Stretch::new().days(days)).unwrap_or(Date::MAX);
    if let Some(promise) = findings.iter().find(|finding| finding.kind == FindingKind::Promise) {
        let named = promise.when.as_deref().and_then(|when| when::day(when, said_on));
        let due = named.unwrap_or_else(|| in_days(PROMISE_DAYS));
        let title = "See whether the promise to pay is kept";
        let wanted =
            Wanted { account, kind: TaskKind::Promise, title, due, span: promise.span, named: named.is_some() };
        add(wib, tx, transcript, &zone, &wanted).await?;
    }
    let asked = findings.iter().find(|finding| finding.kind == FindingKind::Callback).map(|finding| finding.span);
    let heard = || {
        let found = FOLLOWUP.find(&text)?;
        Some(Span { start: i64::try_from(found.start()).ok()?, end: i64::try_from(found.end()).ok()? })
    };
    if let Some(span) = asked.or_else(heard) {
        let due = in_days(FOLLOWUP_DAYS);
        let title = "Get in touch again, as was said on the call";
        let wanted = Wanted { account, kind: TaskKind::Followup, title, due, span, named: false };
        add(wib, tx, transcript, &zone, &wanted).await?;
    }
    Ok(())
}

struct Wanted {
    account: AccountId,
    kind: TaskKind,
    title: &'static str,
    due: Date,
    span: Span,
    named: bool,
}

async fn add(wib: &Wib, tx: &mut dyn OrgTx, transcript: &Transcript, zone: &TimeZone, wanted: &Wanted) -> Result<()> {
    let now = wib.now();
    let Wanted { account, kind, span, .. } = *wanted;
    if tx.has_open_task(account, kind, time::before(now, APART)).await? {
        return Ok(());
    }
    let end = wanted.due.tomorrow().ok().and_then(|day| day.to_zoned(zone.clone()).ok()).map(|end| end.timestamp());
    let task = Task {
        id: wib.id(),
        account_id: account,
        kind,
        title: wanted.title.to_owned(),
        // Where it was said, not what: words can be taken away from the transcript alone.
        notes: Some(format!("Transcript {}, bytes {} to {}. Found by a machine.", transcript.id, span.start, span.end)),
        due_at: end,
        status: TaskStatus::Pending,
        assigned_to: None,
        source: Some(format!("transcript:{}:{kind}", transcript.id)),
        created_by: None,
        completed_at: None,
        created_at: now,
        updated_at: now,
    };
    if tx.note_task(&task).await? {
        let told = json!({
            "kind": kind, "account_id": account, "call_id": transcript.call_id, "transcript_id": transcript.id,
            "span": span, "due_at": task.due_at, "day_named": wanted.named,
        });
        Line::by(wib, Actor::System, "task:auto_created", ("task", Some(task.id.uuid()))).is(&told).write(tx).await;
        metrics::counter!("wib_auto_tasks_total", "kind" => kind.as_str()).increment(1);
    }
    Ok(())
}

/// The zone in which a person's days are counted: the last to begin of those in which they may be, so that nothing is asked
/// of them before its day.
async fn zone(tx: &mut dyn OrgTx, person: Option<PersonId>) -> Result<TimeZone> {
    let Some(person) = person else { return Ok(TimeZone::UTC) };
    let places = tx.locations(person.into(), PLACES).await?;
    let named = places.iter().filter_map(|place| place.zone.as_deref());
    let states = places.iter().filter_map(|place| place.state.as_deref()).flat_map(|state| zones_of_state(state));
    let zones = named.chain(states.copied()).filter_map(|zone| TimeZone::get(zone).ok());
    let offset = |zone: &TimeZone| zone.to_offset(Timestamp::UNIX_EPOCH);
    Ok(zones.min_by_key(offset).unwrap_or(TimeZone::fixed(Offset::UTC)))
}
