//! What happens in calls: rows in the order in which they became so, told on the bus once they are committed.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use uuid::Uuid;
use wib_core::{
    calls::CallId,
    kit::{Result, time::Timestamp},
    live::{LiveEvent, LiveKind},
    ports::{Bus, bus::Note},
    store::Telling,
};

use crate::{
    db::Row,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
};

/// The buses that are told of commits. Whoever holds them keeps them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buses(Arc<Mutex<Vec<Weak<dyn Bus>>>>);
impl Buses {
    pub(crate) fn add(&self, bus: &Arc<dyn Bus>) {
        let mut buses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buses.retain(|known| known.strong_count() > 0 && !std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(bus)));
        buses.push(Arc::downgrade(bus));
    }
    pub(crate) fn tell(&self, events: Vec<LiveEvent>) {
        if events.is_empty() {
            return;
        }
        let buses = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for bus in buses.iter().filter_map(Weak::upgrade) {
            for event in &events {
                if bus.publish(&Note::Live(*event)).is_err() {
                    // Every listener will be told of a gap, and the rows are there.
                    metrics::counter!("wib_bus_refused_total", "bus" => bus.vendor()).increment(1);
                }
            }
        }
    }
}

/// What a transaction has told of, and is not written yet.
pub(crate) type Untold = Vec<(LiveKind, CallId, Uuid)>;

fn event(tx: &SqlOrg, row: &Row) -> Result<LiveEvent> {
    Ok(LiveEvent {
        organization_id: tx.organization,
        seq: row.get("seq")?,
        kind: row.get("kind")?,
        call_id: row.get("call_id")?,
        subject_id: row.get("subject_id")?,
        created_at: row.get("created_at")?,
    })
}

/// Writes what a transaction told of, as its last work.
///
/// The head's row is locked from here to the commit and nothing else is asked for meanwhile: so whoever waits for it waits
/// for a commit alone, nobody waits in a circle, and a place that can be seen has all places before it in sight.
pub(crate) async fn write(tx: &mut SqlOrg) -> Result<Vec<LiveEvent>> {
    let untold = std::mem::take(&mut tx.untold);
    if untold.is_empty() {
        return Ok(vec![]);
    }
    let many = i64::try_from(untold.len()).unwrap_or(i64::MAX);
    let take = org_sql!(
        take_places,
        "INSERT INTO live_heads (organization_id, seq) VALUES ($1, $2)
        ON CONFLICT (organization_id) DO UPDATE SET seq = live_heads.seq + excluded.seq RETURNING seq"
    );
    let last: i64 = tx.rows(take, [many.into()]).await?.first().map_or(Ok(many), |row| row.get("seq"))?;
    let add = org_sql!(
        add_live_event,
        "INSERT INTO live_events (organization_id, seq, kind, call_id, subject_id, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)"
    );
    let mut events = Vec::with_capacity(untold.len());
    for (seq, (kind, call_id, subject_id)) in (last - many + 1..=last).zip(untold) {
        let event = LiveEvent { organization_id: tx.organization, seq, kind, call_id, subject_id, created_at: tx.now };
        tx.change(add, [seq.into(), kind.as_str().into(), call_id.into(), subject_id.into(), tx.now.into()]).await?;
        events.push(event);
    }
    Ok(events)
}

#[async_trait]
impl Telling for SqlOrg {
    fn tell(&mut self, kind: LiveKind, call: CallId, subject: Uuid) {
        let what = (kind, call, subject);
        // The same thing twice in one commit is one piece of news.
        if !self.untold.contains(&what) {
            self.untold.push(what);
        }
    }
    async fn told_after(&mut self, after: i64, limit: i64) -> Result<Vec<LiveEvent>> {
        let sql = org_sql!(
            told_after,
            "SELECT * FROM live_events WHERE organization_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        );
        let rows = self.rows(sql, [after.into(), limit.into()]).await?;
        rows.iter().map(|row| event(self, row)).collect()
    }
    async fn newest_told(&mut self) -> Result<i64> {
        let sql = org_sql!(newest_told, "SELECT seq FROM live_heads WHERE organization_id = $1");
        self.rows(sql, []).await?.first().map_or(Ok(0), |row| row.get("seq"))
    }
}

/// Removes what was told before then; how many.
pub(crate) async fn purge(tx: &mut SqlSystem, before: Timestamp) -> Result<u64> {
    tx.change(system_sql!(purge_live_events, "DELETE FROM live_events WHERE created_at < $1"), [before.into()]).await
}
