//! Calls, their legs and their timeline.

use async_trait::async_trait;
use wib_core::{
    calls::{Call, CallEvent, CallId, CallLeg, CallStatus},
    kit::{Page, PageRequest, Result, text::TextEnum},
    store::{Calls, Value},
};

use crate::{
    sql::org_sql,
    store::{SqlOrg, edge, page},
    table::{insert_new, table},
};

table!(Call of organization_id in "calls" {
    id, person_id, account_id, direction, from_number, to_number, flow_type, technology, purpose, status, vendor, live, facts, verdict_id,
    record, transcribe, translate_to, listen, answered_at, ended_at, answered_by, hangup_cause, created_by, created_at, updated_at
} mutable);
table!(CallLeg in "call_legs" { id, call_id, vendor, role, control_id, leg_id, session_id, created_at } mutable);
table!(CallEvent in "call_events" { id, call_id, source, event_type, event_data, at });

/// One place in the text for each status there is.
const STATUSES: usize = 11;
const _: () = assert!(<CallStatus as TextEnum>::ALL.len() == STATUSES);

/// The named statuses, each once, the first repeated in the places that are left.
fn places(statuses: &[CallStatus]) -> [Value; STATUSES] {
    let named = CallStatus::ALL.iter().filter(|s| statuses.contains(s)).chain(statuses.iter().cycle());
    let mut named = named.map(|s| s.as_str().into());
    std::array::from_fn(|_| named.next().unwrap_or(Value::Text(None)))
}

#[async_trait]
impl Calls for SqlOrg {
    async fn lock_call(&mut self, id: CallId) -> Result<Option<Call>> {
        let sql = org_sql!(
            lock_call,
            pg: "SELECT * FROM calls WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM calls WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn page_of_calls(&mut self, statuses: &[CallStatus], request: &PageRequest) -> Result<Page<Call>> {
        let [at, id, limit, skip] = edge(request)?;
        let (rows, total) = if statuses.is_empty() {
            let sql = org_sql!(
                page_of_calls,
                "SELECT * FROM calls WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
                ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
            );
            let total = org_sql!(count_calls, "SELECT COUNT(*) AS n FROM calls WHERE organization_id = $1");
            (self.rows(sql, [at, id, limit, skip]).await?, self.count(total, []).await?)
        } else {
            let sql = org_sql!(
                page_of_calls_by_status,
                "SELECT * FROM calls
                WHERE organization_id = $1 AND status IN ($6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
            );
            let total = org_sql!(
                count_calls_by_status,
                "SELECT COUNT(*) AS n FROM calls
                WHERE organization_id = $1 AND status IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
            );
            let [a, b, c, d, e, f, g, h, i, j, k] = places(statuses);
            let rows = self.rows(sql, [at, id, limit, skip, a, b, c, d, e, f, g, h, i, j, k]).await?;
            (rows, self.count(total, places(statuses)).await?)
        };
        page(&rows, total, request, "created_at")
    }
    async fn legs(&mut self, call: CallId) -> Result<Vec<CallLeg>> {
        let sql = org_sql!(
            legs,
            "SELECT * FROM call_legs WHERE organization_id = $1 AND call_id = $2 ORDER BY created_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn timeline(&mut self, call: CallId) -> Result<Vec<CallEvent>> {
        let sql = org_sql!(
            timeline,
            "SELECT * FROM call_events WHERE organization_id = $1 AND call_id = $2 ORDER BY at, source, id"
        );
        let mut lines: Vec<CallEvent> = self.all(sql, [call.into()]).await?;
        // The order of texts is the database's own affair.
        lines.sort_by(|a, b| (a.at, &a.source).cmp(&(b.at, &b.source)));
        Ok(lines)
    }
    async fn note_event(&mut self, event: &CallEvent) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, event).await
    }
}
