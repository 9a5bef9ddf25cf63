//! The inbox, the work queue and the scheduled jobs.
//!
//! A lease is held by its count of tries and the time the message was due: a worker whose lease was taken over by another
//! one can no longer change the message.

use std::time::Duration;

use serde_json::json;
use wib_core::{
    engine::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, QueueDepth, RunOutcome, Topic},
    kit::{
        Error, Id, Result,
        time::{Timestamp, after},
    },
    orgs::OrganizationId,
    ports::webhook::Event,
    store::Value,
};

use crate::{
    db::Row,
    live,
    sql::{SystemSql, system_sql},
    system::{SqlSystem, insert_message},
};

fn message(row: &Row) -> Result<Message> {
    Ok(Message {
        id: row.get("id")?,
        organization_id: row.get("organization_id")?,
        topic: row.get("topic")?,
        key: row.get("key")?,
        payload: row.get("payload")?,
        attempts: row.get("attempts")?,
        started_at: row.get("started_at")?,
        handed_at: row.get("handed_at")?,
        last_error: row.get("last_error")?,
        run_at: row.get("run_at")?,
        created_at: row.get("created_at")?,
    })
}

pub(crate) async fn receive(
    tx: &mut SqlSystem,
    id: Id<InboxEvent>,
    vendor: &str,
    event: &Event,
    body: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let sql = system_sql!(
        receive,
        "INSERT INTO inbox (id, vendor, event_id, event, body, received_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
    );
    let what = serde_json::to_value(event).map_err(|e| Error::internal("event has no JSON form").because(e))?;
    let args = [id.into(), vendor.into(), event.id.as_str().into(), what.into(), body.to_vec().into(), now.into()];
    let new = tx.change(sql, args).await? == 1;
    if new {
        let payload = json!({ "inbox_id": id });
        let apply = NewMessage { topic: Topic::ApplyEvent, key: id.to_string(), payload, run_at: now };
        insert_message(&mut tx.conn, id.cast(), None, &apply, now).await?;
    }
    Ok(new)
}

pub(crate) async fn inbox_event(tx: &mut SqlSystem, id: Id<InboxEvent>) -> Result<Option<InboxEvent>> {
    let row = tx.one(system_sql!(inbox_event, "SELECT * FROM inbox WHERE id = $1"), [id.into()]).await?;
    let read = |row: Row| {
        let event = serde_json::from_value(row.get("event")?);
        Ok(InboxEvent {
            id: row.get("id")?,
            vendor: row.get("vendor")?,
            event: event.map_err(|e| Error::internal("the event is of another version").because(e))?,
            received_at: row.get("received_at")?,
        })
    };
    row.map(read).transpose()
}

pub(crate) async fn lease(tx: &mut SqlSystem, now: Timestamp, lease: Duration, limit: i64) -> Result<Vec<Message>> {
    let sql = system_sql!(
        lease,
        pg: "WITH due AS MATERIALIZED (
                SELECT id FROM queue WHERE status IN ('ready', 'leased') AND due_at <= $1
                ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
            UPDATE queue SET status = 'leased', attempts = attempts + 1, due_at = $2 FROM due WHERE queue.id = due.id
            RETURNING queue.*",
        sqlite: "UPDATE queue SET status = 'leased', attempts = attempts + 1, due_at = $2 WHERE id IN (
                SELECT id FROM queue INDEXED BY queue_due WHERE status IN ('ready', 'leased') AND due_at <= $1 ORDER BY due_at, id LIMIT $3)
            RETURNING *"
    );
    let rows = tx.all(sql, [now.into(), after(now, lease).into(), limit.into()]).await?;
    let mut messages = rows.iter().map(message).collect::<Result<Vec<_>>>()?;
    messages.sort_by_key(|m| (m.run_at, m.id));
    Ok(messages)
}

pub(crate) async fn lease_one(
    tx: &mut SqlSystem,
    organization: OrganizationId,
    topic: Topic,
    key: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Message>> {
    let sql = system_sql!(
        lease_one,
        "UPDATE queue SET status = 'leased', attempts = attempts + 1, due_at = $5
        WHERE organization_id = $1 AND topic = $2 AND key = $3 AND status = 'ready' AND due_at <= $4 RETURNING *"
    );
    let args = [organization.into(), topic.as_str().into(), key.into(), now.into(), until.into()];
    tx.one(sql, args).await?.as_ref().map(message).transpose()
}

/// Changes a message on the lease that its holder knows; whether the lease was still the holder's.
async fn held<const N: usize>(
    tx: &mut SqlSystem,
    sql: SystemSql<N>,
    message: &Message,
    args: [Value; N],
) -> Result<bool> {
    let held = tx.change(sql, args).await? == 1;
    if !held {
        metrics::counter!("wib_leases_lost_total", "topic" => message.topic.as_str()).increment(1);
        tracing::debug!(message = %message.id, topic = %message.topic, "lease lost");
    }
    Ok(held)
}

pub(crate) async fn mark_started(tx: &mut SqlSystem, m: &Message, now: Timestamp) -> Result<bool> {
    let sql = system_sql!(
        mark_started,
        "UPDATE queue SET started_at = $4
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3 AND due_at > $4"
    );
    held(tx, sql, m, [m.id.into(), m.attempts.into(), m.run_at.into(), now.into()]).await
}

pub(crate) async fn acknowledge(tx: &mut SqlSystem, m: &Message, now: Timestamp) -> Result<()> {
    let sql = system_sql!(
        acknowledge,
        "UPDATE queue SET status = 'done', ended_at = $4, started_at = NULL, handed_at = NULL, last_error = NULL
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3"
    );
    held(tx, sql, m, [m.id.into(), m.attempts.into(), m.run_at.into(), now.into()]).await.map(|_| ())
}

pub(crate) async fn retry(
    tx: &mut SqlSystem,
    m: &Message,
    run_at: Timestamp,
    error: &str,
    started: bool,
    counted: bool,
) -> Result<()> {
    let sql = system_sql!(
        retry,
        "UPDATE queue SET status = 'ready', run_at = $4, due_at = $4, last_error = $5, handed_at = NULL,
            started_at = CASE WHEN $6 THEN started_at END, attempts = attempts - $7
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3"
    );
    let back = i64::from(!counted);
    let place = [m.id.into(), m.attempts.into(), m.run_at.into()];
    let [id, attempts, was] = place;
    held(tx, sql, m, [id, attempts, was, run_at.into(), error.into(), started.into(), back.into()]).await.map(|_| ())
}

pub(crate) async fn hand_on(
    tx: &mut SqlSystem,
    m: &Message,
    until: Timestamp,
    error: Option<&str>,
    (started, counted): (bool, bool),
) -> Result<bool> {
    let sql = system_sql!(
        hand_on,
        "UPDATE queue SET status = 'ready', run_at = $4, due_at = $4, handed_at = $8,
            last_error = COALESCE($5, last_error), started_at = CASE WHEN $6 THEN started_at END,
            attempts = attempts - $7
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3"
    );
    let back = i64::from(!counted);
    let error = error.map(str::to_owned);
    let (id, attempts, was, now) = (m.id.into(), m.attempts.into(), m.run_at.into(), tx.now.into());
    held(tx, sql, m, [id, attempts, was, until.into(), error.into(), started.into(), back.into(), now]).await
}

pub(crate) async fn take_handed(
    tx: &mut SqlSystem,
    id: Id<Message>,
    topic: Topic,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Message>> {
    // What has come back by itself is a worker's.
    let sql = system_sql!(
        take_handed,
        "UPDATE queue SET status = 'leased', attempts = attempts + 1, due_at = $4
        WHERE id = $1 AND topic = $2 AND status = 'ready' AND handed_at IS NOT NULL AND due_at > $3 RETURNING *"
    );
    let row = tx.one(sql, [id.into(), topic.as_str().into(), now.into(), until.into()]).await?;
    row.as_ref().map(message).transpose()
}

pub(crate) async fn release(tx: &mut SqlSystem, m: &Message) -> Result<bool> {
    let sql = system_sql!(
        release,
        "UPDATE queue SET status = 'ready', due_at = run_at, attempts = attempts - 1
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3"
    );
    held(tx, sql, m, [m.id.into(), m.attempts.into(), m.run_at.into()]).await
}

pub(crate) async fn bury(tx: &mut SqlSystem, m: &Message, now: Timestamp, error: &str) -> Result<()> {
    let sql = system_sql!(
        bury,
        "UPDATE queue SET status = 'dead', ended_at = $4, last_error = $5, handed_at = NULL
        WHERE id = $1 AND status = 'leased' AND attempts = $2 AND run_at = $3"
    );
    let args = [m.id.into(), m.attempts.into(), m.run_at.into(), now.into(), error.into()];
    held(tx, sql, m, args).await.map(|_| ())
}

pub(crate) async fn dead_letters(tx: &mut SqlSystem, topic: Option<Topic>, limit: i64) -> Result<Vec<Message>> {
    let sql = system_sql!(
        dead_letters,
        "SELECT * FROM queue WHERE status = 'dead' AND ($1 = '' OR topic = $1) ORDER BY run_at, id LIMIT $2"
    );
    let topic = topic.map_or("", Topic::as_str);
    tx.all(sql, [topic.into(), limit.into()]).await?.iter().map(message).collect()
}

pub(crate) async fn find(tx: &mut SqlSystem, id: Id<Message>) -> Result<Option<(Message, MessageStatus)>> {
    let sql = system_sql!(message, "SELECT * FROM queue WHERE id = $1");
    let read = |row: Row| Ok((message(&row)?, row.get("status")?));
    tx.one(sql, [id.into()]).await?.map(read).transpose()
}

pub(crate) async fn drop_letter(tx: &mut SqlSystem, id: Id<Message>, now: Timestamp) -> Result<bool> {
    let sql = system_sql!(
        drop_letter,
        "UPDATE queue SET status = 'done', ended_at = $2, started_at = NULL WHERE id = $1 AND status = 'dead'"
    );
    Ok(tx.change(sql, [id.into(), now.into()]).await? == 1)
}

pub(crate) async fn replay(tx: &mut SqlSystem, id: Id<Message>, now: Timestamp) -> Result<bool> {
    let sql = system_sql!(
        replay,
        "UPDATE queue SET status = 'ready', attempts = 0, run_at = $2, due_at = $2, ended_at = NULL
        WHERE id = $1 AND status = 'dead'"
    );
    Ok(tx.change(sql, [id.into(), now.into()]).await? == 1)
}

pub(crate) async fn depths(tx: &mut SqlSystem) -> Result<Vec<QueueDepth>> {
    let sql = system_sql!(
        queue_depths,
        "SELECT topic, status, COUNT(*) AS n FROM queue GROUP BY topic, status ORDER BY topic, status"
    );
    let read =
        |row: &Row| Ok(QueueDepth { topic: row.get("topic")?, status: row.get("status")?, count: row.get("n")? });
    tx.all(sql, []).await?.iter().map(read).collect()
}

pub(crate) async fn oldest_due(tx: &mut SqlSystem, now: Timestamp) -> Result<Vec<(Topic, Timestamp)>> {
    let sql = system_sql!(
        oldest_due,
        "SELECT topic, MIN(due_at) AS due_at FROM queue
        WHERE status IN ('ready', 'leased') AND due_at <= $1 GROUP BY topic ORDER BY topic"
    );
    tx.all(sql, [now.into()]).await?.iter().map(|row| Ok((row.get("topic")?, row.get("due_at")?))).collect()
}

pub(crate) async fn next_due(tx: &mut SqlSystem) -> Result<Option<Timestamp>> {
    let sql = system_sql!(
        next_due,
        "SELECT due_at FROM queue WHERE status IN ('ready', 'leased') ORDER BY due_at, id LIMIT 1"
    );
    tx.one(sql, []).await?.map(|row| row.get("due_at")).transpose()
}

pub(crate) async fn purge(tx: &mut SqlSystem, before: Timestamp) -> Result<i64> {
    // An event's message bears the event's id. What is not done, dead letters too, keeps its event.
    let events = system_sql!(
        purge_inbox,
        "DELETE FROM inbox WHERE received_at < $1 AND NOT EXISTS
        (SELECT 1 FROM queue WHERE queue.id = inbox.id AND queue.status <> 'done')"
    );
    let messages = system_sql!(purge_queue, "DELETE FROM queue WHERE status = 'done' AND ended_at < $1");
    let gone = tx.change(events, [before.into()]).await?
        + tx.change(messages, [before.into()]).await?
        + live::purge(tx, before).await?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

pub(crate) async fn lease_job(
    tx: &mut SqlSystem,
    job: &str,
    node: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<bool> {
    // A lease that ends later than any could that is made now is of a clock that went ahead.
    let sql = system_sql!(
        lease_job,
        "INSERT INTO job_leases (job, node, held_until) VALUES ($1, $2, $3)
        ON CONFLICT (job) DO UPDATE SET node = excluded.node, held_until = excluded.held_until
        WHERE job_leases.held_until <= $4 OR job_leases.held_until > $5 OR job_leases.node = excluded.node"
    );
    let ahead = after(now, lease.saturating_mul(2));
    let args = [job.into(), node.into(), after(now, lease).into(), now.into(), ahead.into()];
    Ok(tx.change(sql, args).await? == 1)
}

pub(crate) async fn release_job(tx: &mut SqlSystem, job: &str, node: &str) -> Result<()> {
    let sql = system_sql!(release_job, "DELETE FROM job_leases WHERE job = $1 AND node = $2");
    tx.change(sql, [job.into(), node.into()]).await.map(|_| ())
}

pub(crate) async fn break_job(tx: &mut SqlSystem, job: &str) -> Result<()> {
    let sql = system_sql!(break_job, "DELETE FROM job_leases WHERE job = $1");
    tx.change(sql, [job.into()]).await.map(|_| ())
}

pub(crate) async fn break_runs(tx: &mut SqlSystem, job: &str, now: Timestamp) -> Result<i64> {
    let sql = system_sql!(
        break_runs,
        "UPDATE job_runs SET outcome = 'broken', ended_at = $2, error = 'its node went away'
        WHERE job = $1 AND outcome = 'running'"
    );
    Ok(i64::try_from(tx.change(sql, [job.into(), now.into()]).await?).unwrap_or(i64::MAX))
}

fn run(row: &Row) -> Result<JobRun> {
    Ok(JobRun {
        id: row.get("id")?,
        job: row.get("job")?,
        node: row.get("node")?,
        due_at: row.get("due_at")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        outcome: row.get("outcome")?,
        processed: row.get("processed")?,
        errors: row.get("errors")?,
        error: row.get("error")?,
    })
}

pub(crate) async fn last_run(tx: &mut SqlSystem, job: &str) -> Result<Option<JobRun>> {
    let sql = system_sql!(
        last_run,
        "SELECT * FROM job_runs WHERE job = $1
        ORDER BY due_at DESC, started_at DESC, id DESC LIMIT 1"
    );
    tx.one(sql, [job.into()]).await?.as_ref().map(run).transpose()
}

pub(crate) async fn runs_since(tx: &mut SqlSystem, job: &str, since: Timestamp, limit: i64) -> Result<Vec<JobRun>> {
    let sql = system_sql!(
        runs_since,
        "SELECT * FROM job_runs WHERE job = $1 AND due_at >= $2 ORDER BY due_at, started_at, id LIMIT $3"
    );
    tx.all(sql, [job.into(), since.into(), limit.into()]).await?.iter().map(run).collect()
}

pub(crate) async fn history(
    tx: &mut SqlSystem,
    job: Option<&str>,
    outcome: Option<RunOutcome>,
    limit: i64,
) -> Result<Vec<JobRun>> {
    let sql = system_sql!(
        history,
        "SELECT * FROM job_runs WHERE ($1 IS NULL OR job = $1) AND ($2 IS NULL OR outcome = $2)
        ORDER BY started_at DESC, id DESC LIMIT $3"
    );
    let args = [job.map(str::to_owned).into(), outcome.into(), limit.into()];
    tx.all(sql, args).await?.iter().map(run).collect()
}

pub(crate) async fn purge_runs(tx: &mut SqlSystem, before: Timestamp) -> Result<i64> {
    let sql = system_sql!(purge_runs, "DELETE FROM job_runs WHERE ended_at < $1");
    Ok(i64::try_from(tx.change(sql, [before.into()]).await?).unwrap_or(i64::MAX))
}

pub(crate) async fn put_run(tx: &mut SqlSystem, run: &JobRun) -> Result<()> {
    let sql = system_sql!(
        put_run,
        "INSERT INTO job_runs (id, job, node, due_at, started_at, ended_at, outcome, processed, errors, error)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET
            ended_at = excluded.ended_at, outcome = excluded.outcome, processed = excluded.processed,
            errors = excluded.errors, error = excluded.error"
    );
    let args = [
        run.id.into(),
        run.job.as_str().into(),
        run.node.as_str().into(),
        run.due_at.into(),
        run.started_at.into(),
        run.ended_at.into(),
        run.outcome.as_str().into(),
        run.processed.into(),
        run.errors.into(),
        run.error.clone().into(),
    ];
    tx.change(sql, args).await.map(|_| ())
}

pub(crate) async fn remove_letter(tx: &mut SqlSystem, id: Id<Message>) -> Result<bool> {
    let sql = system_sql!(remove_letter, "DELETE FROM queue WHERE id = $1 AND status = 'dead'");
    Ok(tx.change(sql, [id.into()]).await? == 1)
}
