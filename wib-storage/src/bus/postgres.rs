//! A bus by LISTEN and NOTIFY.
//!
//! Each process listens on one connection and tells on another, both of their own: a pooler that hands out connections by
//! transaction forgets who listens. Notes are told after the commit that made them so, many in one statement: a NOTIFY
//! inside the transaction would make all commits of the database wait for each other.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::task::JoinHandle;
use wib_core::{
    kit::{Clock, Error, OsRandom, Random, Result, time},
    ports::{
        Bus, VendorError,
        bus::{Channel, Heard, Hearing, Hub, Note},
    },
};

use super::{Leaving, Outbox, outbox, read, written};
use crate::{
    db::{fault, named},
    place::{PgLogin, PgUrls},
};

const VENDOR: &str = "postgres";
const CHANNEL: &str = "wib";
/// How long nothing may be heard before the connection is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first and the longest wait before another connection is tried.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A bus on PostgreSQL.
pub struct PgBus {
    hub: Hub,
    outbox: Outbox,
    tasks: [JoinHandle<()>; 2],
    // Keeps open what the connections go through.
    _login: PgLogin,
}
impl fmt::Debug for PgBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PgBus")
    }
}
impl Drop for PgBus {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What the connections are called at the server.
const HEARS: &str = "wib bus hears";
const TELLS: &str = "wib bus tells";

impl PgBus {
    /// A bus on the database of these logins, which is listened to already.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached.
    pub async fn open(urls: &PgUrls, clock: Arc<dyn Clock>) -> Result<Self> {
        let login = urls.direct()?;
        let named_as = |name| login.options().clone().application_name(name);
        let (options, speaks) = (named_as(HEARS), named_as(TELLS));
        let first = listen(&options).await.map_err(|error| named(login.setting(), error))?;
        let hub = Hub::new(VENDOR);
        let (outbox, leaving) = outbox(VENDOR);
        let ears = Listening { options, hub: hub.clone(), clock: clock.clone() };
        let tasks = [tokio::spawn(ears.run(first)), tokio::spawn(speak(speaks, leaving, clock))];
        Ok(Self { hub, outbox, tasks, _login: login })
    }
    /// Its listeners in this process.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl Bus for PgBus {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn shared(&self) -> bool {
        true
    }
    fn publish(&self, note: &Note) -> Result<(), VendorError> {
        self.outbox.put(note)
    }
    fn subscribe(&self, channel: Channel) -> Result<Hearing, VendorError> {
        self.hub.subscribe(channel)
    }
}

async fn pause(clock: &dyn Clock, tries: u32) {
    let random: &dyn Random = &OsRandom;
    clock.sleep_until(time::after(clock.now(), random.backoff(tries, WAITS.0, WAITS.1))).await;
}

async fn listen(options: &PgConnectOptions) -> sqlx::Result<PgListener> {
    // A pool of one, which the listener takes its connection from and ends with.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

struct Listening {
    options: PgConnectOptions,
    hub: Hub,
    clock: Arc<dyn Clock>,
}
impl Listening {
    async fn run(self, mut listener: PgListener) {
        loop {
            self.hear(&mut listener).await;
            drop(listener);
            metrics::counter!("wib_bus_gaps_total", "bus" => VENDOR, "why" => "disconnected").increment(1);
            tracing::warn!("the connection that hears of other nodes is lost; another one is made");
            let mut tries = 0;
            listener = loop {
                match listen(&self.options).await {
                    Ok(listener) => break listener,
                    Err(error) => {
                        tries += 1;
                        tracing::debug!(%error, tries, "nothing can be heard of other nodes");
                        pause(&*self.clock, tries).await;
                    }
                }
            };
            // Now that whatever comes is heard, what was told meanwhile is to be read.
            self.hub.hear(Heard::Gap);
        }
    }
    /// Hears until the connection ends.
    async fn hear(&self, listener: &mut PgListener) {
        loop {
            match time::timeout(&*self.clock, SILENCE, listener.try_recv()).await {
                Some(Ok(Some(note))) => self.hub.hear(read(note.payload().as_bytes())),
                Some(Ok(None) | Err(_)) => return,
                // Silence may be a connection that nobody holds any more.
                None => {
                    let asked = sqlx::query("SELECT 1").execute(&mut *listener);
                    if !matches!(time::timeout(&*self.clock, PATIENCE, asked).await, Some(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }
}

/// Tells what waits, for as long as somebody puts notes in.
async fn speak(options: PgConnectOptions, mut leaving: Leaving, clock: Arc<dyn Clock>) {
    let mut conn = None;
    while let Some(mut notes) = leaving.next().await {
        let mut tries = 0;
        while let Err(error) = tell(&options, &mut conn, &notes, &*clock).await {
            tries += 1;
            tracing::debug!(error = error.chain(), tries, "other nodes cannot be told");
            conn = None;
            // Nobody knows whether it left. It is not kept: the rows are there, and everybody will be sent to read them.
            notes = vec![Heard::Gap];
            pause(&*clock, tries).await;
        }
    }
}

async fn tell(
    options: &PgConnectOptions,
    conn: &mut Option<PgConnection>,
    notes: &[Heard],
    clock: &dyn Clock,
) -> Result<()> {
    let work = async {
        let conn = match conn {
            Some(conn) => conn,
            None => conn.insert(options.connect().await.map_err(fault)?),
        };
        // One statement is one transaction: the notes are told together, in this order. The text is bound, not built in;
        // it is outside a transaction of a pooler because this connection goes past it.
        let texts: Vec<String> = notes.iter().filter_map(written).collect();
        let sql =
            "SELECT pg_notify($1, note) FROM unnest($2::text[]) WITH ORDINALITY AS notes (note, place) ORDER BY place";
        sqlx::query(sql).bind(CHANNEL).bind(texts).execute(&mut *conn).await.map_err(fault)?;
        Ok(())
    };
    let told = time::timeout(clock, PATIENCE, work).await;
    told.unwrap_or_else(|| Err(Error::timeout("the database took too long")))
}

#[cfg(feature = "testing")]
impl PgBus {
    /// Ends the connections of every bus on the database, as a server that is lost would.
    ///
    /// # Errors
    /// What the database refuses.
    pub async fn cut(urls: &PgUrls) -> Result<()> {
        Self::end(urls, &[HEARS, TELLS]).await
    }
    /// Ends only those on which others are heard: nobody who tells notices.
    ///
    /// # Errors
    /// What the database refuses.
    pub async fn deafen(urls: &PgUrls) -> Result<()> {
        Self::end(urls, &[HEARS]).await
    }
    async fn end(urls: &PgUrls, names: &[&str]) -> Result<()> {
        use sqlx::Connection;
        let login = urls.direct()?;
        let mut conn = login.connect().await?;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = ANY ($1) AND datname = current_database()";
        sqlx::query(sql).bind(names).execute(&mut conn).await.map_err(fault)?;
        conn.close().await.map_err(fault)
    }
}
