//! A queue of bytes in the store: [`Queue`] for whoever embeds and has no other.
//!
//! It works as the engine's own queue does: one statement leases, with SKIP LOCKED on PostgreSQL, and a lease is held by the
//! count of its attempts.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;
use wib_core::{
    kit::{Clock, Error, Id, Kind, Random, Result, time::after},
    ports::{
        Fault, Queue, Sent, VendorError,
        queue::{LeaseToken, Leased, Outgoing, QueueCaps},
    },
    store::Value,
};

use crate::{
    SqlStore,
    db::{Conn, Db},
    sql::{SystemSql, system_sql},
};

const VENDOR: &str = "store";
/// A first try and three more.
const ATTEMPTS: u32 = 4;
const HALF_DAY: Duration = Duration::from_secs(12 * 3600);
const CAPS: QueueCaps = QueueCaps {
    batch: 100,
    message_bytes: 128 << 10,
    batch_bytes: 1 << 20,
    longest_delay: HALF_DAY,
    longest_lease: HALF_DAY,
    attempts: Some(ATTEMPTS),
    dead_letters: true,
    keys: false,
};

/// A named queue in the store's tables.
#[derive(Clone)]
pub struct StoreQueue {
    db: Db,
    name: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}
impl fmt::Debug for StoreQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreQueue({} in {:?})", self.name, self.db)
    }
}

/// What the database did not do, as a port's failure. A transaction that failed left nothing, but for a commit whose answer
/// was lost.
fn down(error: Error, sent: Sent) -> VendorError {
    let fault = if error.kind() == Kind::Timeout { Fault::Timeout } else { Fault::Down };
    VendorError::new(VENDOR, fault, sent, error.chain())
}

/// The row and the attempt that a token proves a lease of.
fn held(token: &LeaseToken) -> Option<(Uuid, i64)> {
    let (id, attempt) = token.0.split_once('/')?;
    Some((id.parse().ok()?, attempt.parse().ok()?))
}

impl StoreQueue {
    /// The queue of that name in a store. Its clock must be the same on every node that uses it, more or less.
    #[must_use]
    pub fn new(store: &SqlStore, name: impl Into<String>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { db: store.jobs.clone(), name: name.into(), clock, random }
    }
    async fn in_one<T>(&self, work: impl AsyncFnOnce(&mut Conn) -> Result<T>) -> Result<T, VendorError> {
        let mut conn = self.db.begin(None).await.map_err(|e| down(e, Sent::No))?;
        let done = work(&mut conn).await.map_err(|e| down(e, Sent::No))?;
        conn.commit().await.map_err(|e| down(e, Sent::Unknown))?;
        Ok(done)
    }
    async fn change<const N: usize>(&self, sql: SystemSql<N>, args: [Value; N]) -> Result<u64, VendorError> {
        self.in_one(async |conn| conn.change(&sql.0, args.into()).await).await
    }
}

#[async_trait]
impl Queue for StoreQueue {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        true
    }
    fn caps(&self) -> QueueCaps {
        CAPS
    }
    async fn enqueue(&self, message: &Outgoing) -> Result<(), VendorError> {
        self.enqueue_batch(std::slice::from_ref(message)).await
    }
    async fn enqueue_batch(&self, messages: &[Outgoing]) -> Result<(), VendorError> {
        CAPS.check(VENDOR, messages)?;
        let sql = system_sql!(
            hand,
            "INSERT INTO handed (id, queue, body, status, attempts, due_at, created_at)
            VALUES ($1, $2, $3, 'ready', 0, $4, $5)"
        );
        let now = self.clock.now();
        self.in_one(async |conn| {
            for message in messages {
                let id: Id<Outgoing> = Id::new(now, &*self.random);
                let (queue, body) = (self.name.as_str().into(), message.body.to_vec().into());
                let args = vec![id.into(), queue, body, after(now, message.delay).into(), now.into()];
                conn.change(&sql.0, args).await?;
            }
            Ok(())
        })
        .await
    }
    async fn lease(&self, most: usize, lease: Duration) -> Result<Vec<Leased>, VendorError> {
        CAPS.check_lease(VENDOR, most, lease)?;
        let spent = system_sql!(
            hand_spent,
            "UPDATE handed SET status = 'dead' WHERE queue = $1 AND status IN ('ready', 'leased') AND due_at <= $2
            AND attempts >= $3"
        );
        let take = system_sql!(
            hand_lease,
            pg: "WITH due AS MATERIALIZED (
                    SELECT id FROM handed WHERE queue = $1 AND status IN ('ready', 'leased') AND due_at <= $2
                    AND attempts < $3 ORDER BY due_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
                UPDATE handed SET status = 'leased', attempts = attempts + 1, due_at = $4 FROM due
                WHERE handed.id = due.id RETURNING handed.*",
            sqlite: "UPDATE handed SET status = 'leased', attempts = attempts + 1, due_at = $4 WHERE id IN (
                    SELECT id FROM handed WHERE queue = $1 AND status IN ('ready', 'leased') AND due_at <= $2
                    AND attempts < $3 ORDER BY due_at, id LIMIT $5)
                RETURNING *"
        );
        let now = self.clock.now();
        let (queue, attempts): (Value, Value) = (self.name.as_str().into(), i64::from(ATTEMPTS).into());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut rows = self
            .in_one(async |conn| {
                conn.change(&spent.0, vec![queue.clone(), now.into(), attempts.clone()]).await?;
                let args = vec![queue, now.into(), attempts, after(now, lease).into(), most.into()];
                let rows = conn.all(&take.0, args).await?;
                rows.iter()
                    .map(|row| {
                        let (id, attempts): (Uuid, i64) = (row.get("id")?, row.get("attempts")?);
                        let body: Vec<u8> = row.get("body")?;
                        let leased = Leased {
                            id: id.to_string(),
                            body: Bytes::from(body),
                            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                            token: LeaseToken(format!("{id}/{attempts}")),
                        };
                        Ok((row.get::<wib_core::kit::Timestamp>("created_at")?, leased))
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .await?;
        rows.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        Ok(rows.into_iter().map(|(_, leased)| leased).collect())
    }
    async fn ack(&self, token: &LeaseToken) -> Result<bool, VendorError> {
        let Some((id, attempt)) = held(token) else { return Ok(false) };
        let sql = system_sql!(
            hand_ack,
            "DELETE FROM handed WHERE id = $1 AND queue = $2 AND status = 'leased' AND attempts = $3"
        );
        Ok(self.change(sql, [id.into(), self.name.as_str().into(), attempt.into()]).await? == 1)
    }
    async fn retry(&self, token: &LeaseToken, delay: Duration) -> Result<bool, VendorError> {
        CAPS.check_delay(VENDOR, delay)?;
        let Some((id, attempt)) = held(token) else { return Ok(false) };
        let sql = system_sql!(
            hand_retry,
            "UPDATE handed SET status = 'ready', due_at = $4
            WHERE id = $1 AND queue = $2 AND status = 'leased' AND attempts = $3"
        );
        let at = after(self.clock.now(), delay);
        Ok(self.change(sql, [id.into(), self.name.as_str().into(), attempt.into(), at.into()]).await? == 1)
    }
    async fn bury(&self, message: &Leased) -> Result<bool, VendorError> {
        let Some((id, attempt)) = held(&message.token) else { return Ok(false) };
        let sql = system_sql!(
            hand_bury,
            "UPDATE handed SET status = 'dead', due_at = $4
            WHERE id = $1 AND queue = $2 AND status = 'leased' AND attempts = $3"
        );
        let now = self.clock.now();
        Ok(self.change(sql, [id.into(), self.name.as_str().into(), attempt.into(), now.into()]).await? == 1)
    }
    async fn replay(&self, most: usize) -> Result<usize, VendorError> {
        let sql = system_sql!(
            hand_replay,
            "UPDATE handed SET status = 'ready', attempts = 0, due_at = $2
            WHERE status = 'dead' AND id IN (
                SELECT id FROM handed WHERE queue = $1 AND status = 'dead' ORDER BY due_at, id LIMIT $3)"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let replayed = self.change(sql, [self.name.as_str().into(), self.clock.now().into(), most.into()]).await?;
        Ok(usize::try_from(replayed).unwrap_or(usize::MAX))
    }
    async fn depth(&self) -> Result<Option<u64>, VendorError> {
        let sql = system_sql!(
            hand_depth,
            "SELECT COUNT(*) AS n FROM handed WHERE queue = $1 AND status IN ('ready', 'leased')"
        );
        let queue = vec![self.name.as_str().into()];
        let counted: Option<i64> =
            self.in_one(async |conn| conn.one(&sql.0, queue).await?.map(|row| row.get("n")).transpose()).await?;
        Ok(Some(u64::try_from(counted.unwrap_or_default()).unwrap_or_default()))
    }
}
