//! What happens in calls: rows in the order in which they became so, told on the bus once they are committed. And what is
//! heard of calls while they are spoken.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use uuid::Uuid;
use wib_core::{
    calls::CallId,
    kit::{Result, time::Timestamp},
    live::{LineId, LineTranslation, LiveEvent, LiveGap, LiveKind, LiveLine, MediaStream, StreamId},
    ports::{Bus, bus::Note},
    store::{Listening, Telling},
};

use crate::{
    db::Row,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::{insert_new, table},
};

table!(MediaStream in "media_streams" {
    id, call_id, number, status, opened_at, heard_until, seen_at, ended_at, why, created_at
} mutable);
table!(LiveLine in "live_lines" {
    id, call_id, line_index, speaker, text, language, started_at, ended_at, confidence_ppm, source, vendor, live,
    created_at
});
table!(LineTranslation in "line_translations" {
    id, call_id, line_id, line_index, speaker, original, text, source_language, target_language, confidence_ppm, vendor,
    model, live, created_at
});
table!(LiveGap in "live_gaps" { id, call_id, started_at, ended_at, why, filled_at, created_at } mutable);

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

#[async_trait]
impl Listening for SqlOrg {
    async fn streams_of_call(&mut self, call: CallId) -> Result<Vec<MediaStream>> {
        let sql = org_sql!(
            streams_of_call,
            "SELECT * FROM media_streams WHERE organization_id = $1 AND call_id = $2 ORDER BY number, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn open_stream(&mut self, id: StreamId, at: Timestamp) -> Result<bool> {
        let sql = org_sql!(
            open_stream,
            "UPDATE media_streams SET status = 'open', opened_at = $3, seen_at = $3
            WHERE organization_id = $1 AND id = $2 AND status = 'ordered'"
        );
        Ok(self.change(sql, [id.into(), at.into()]).await? == 1)
    }
    async fn next_line(&mut self, call: CallId) -> Result<i64> {
        let sql = org_sql!(
            next_line,
            "SELECT COALESCE(MAX(line_index) + 1, 0) AS n FROM live_lines WHERE organization_id = $1 AND call_id = $2"
        );
        self.count(sql, [call.into()]).await
    }
    async fn lines_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<LiveLine>> {
        let sql = org_sql!(
            lines_after,
            "SELECT * FROM live_lines WHERE organization_id = $1 AND call_id = $2 AND line_index > $3
            ORDER BY line_index, id LIMIT $4"
        );
        self.all(sql, [call.into(), after.into(), limit.into()]).await
    }
    async fn blank_line(&mut self, id: LineId, text: &str) -> Result<()> {
        let line = org_sql!(blank_line, "UPDATE live_lines SET text = $3 WHERE organization_id = $1 AND id = $2");
        // What was made of the words may hold the number too.
        let translations = org_sql!(
            blank_line_translations,
            "UPDATE line_translations SET original = $3, text = $3 WHERE organization_id = $1 AND line_id = $2"
        );
        self.change(line, [id.into(), text.into()]).await?;
        self.forget_made_of(id).await?;
        self.change(translations, [id.into(), text.into()]).await.map(drop)
    }
    async fn note_line_translation(&mut self, translation: &LineTranslation) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, translation).await
    }
    async fn line_translations_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<LineTranslation>> {
        let sql = org_sql!(
            line_translations_after,
            "SELECT * FROM line_translations WHERE organization_id = $1 AND call_id = $2 AND line_index > $3
            ORDER BY line_index, id LIMIT $4"
        );
        self.all(sql, [call.into(), after.into(), limit.into()]).await
    }
    async fn gaps_of_call(&mut self, call: CallId) -> Result<Vec<LiveGap>> {
        let sql = org_sql!(
            gaps_of_call,
            "SELECT * FROM live_gaps WHERE organization_id = $1 AND call_id = $2 ORDER BY started_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn forget_lines(&mut self, call: CallId) -> Result<()> {
        let translations = org_sql!(
            forget_line_translations,
            "DELETE FROM line_translations WHERE organization_id = $1 AND call_id = $2"
        );
        let lines = org_sql!(forget_lines, "DELETE FROM live_lines WHERE organization_id = $1 AND call_id = $2");
        // What a machine said that took part answers them.
        let turns = org_sql!(forget_ai_turns, "DELETE FROM ai_turns WHERE organization_id = $1 AND call_id = $2");
        self.change(turns, [call.into()]).await?;
        self.change(translations, [call.into()]).await?;
        self.forget_minds(call).await?;
        self.change(lines, [call.into()]).await.map(drop)
    }
}

/// Removes what was told before then; how many.
pub(crate) async fn purge(tx: &mut SqlSystem, before: Timestamp) -> Result<u64> {
    tx.change(system_sql!(purge_live_events, "DELETE FROM live_events WHERE created_at < $1"), [before.into()]).await
}
