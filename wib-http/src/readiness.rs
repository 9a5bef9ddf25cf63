//! Whether this process can take its part: what it stands on, asked with a limit, told with the setting that is to blame.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;
use wib_core::{
    System, Wib,
    kit::{Error, Kind, Result, Timestamp, time},
};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer is repeated without asking again: probes of several balancers are one question.
const FRESH: Duration = Duration::from_secs(1);
/// A message that has been due for longer than this waits for somebody who does not come.
const OVERDUE: Duration = Duration::from_secs(120);

/// What a process needs, and the settings that say where it is.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Whether it carries what is queued, and so is to blame when nobody does.
    pub works: bool,
    /// The setting of the database.
    pub database: &'static str,
    /// The setting of the blobs.
    pub blobs: &'static str,
}
impl Default for Needs {
    fn default() -> Self {
        Self { works: false, database: "DATABASE_URL", blobs: "WIB_DATA" }
    }
}

/// How one part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Part {
    /// `database`, `migrations`, `blobs`, `queue` or `process`.
    pub part: &'static str,
    /// Whether it does what it should.
    pub ok: bool,
    /// Whether the process is not ready without it.
    pub needed: bool,
    /// What is wrong; no secrets, no vendor's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The setting to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// How long it took to answer, in milliseconds.
    pub ms: i64,
}

/// Whether the process is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// `ready` or `unready`.
    pub status: &'static str,
    /// A line for each part.
    pub checks: Vec<Part>,
}
impl Report {
    /// Whether everything that is needed is there.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.checks.iter().all(|part| part.ok || !part.needed)
    }
}

/// Asks the parts of one process.
#[derive(Debug)]
pub struct Readiness {
    wib: Wib,
    needs: Needs,
    began: Timestamp,
    leaving: AtomicBool,
    last: Mutex<Option<(Timestamp, Report)>>,
}

impl Readiness {
    /// A process that begins now.
    #[must_use]
    pub fn new(wib: &Wib, needs: Needs) -> Arc<Self> {
        let began = wib.clock().now();
        Arc::new(Self { wib: wib.clone(), needs, began, leaving: AtomicBool::new(false), last: Mutex::new(None) })
    }

    /// When the process began.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// The process is about to end: it is not ready from now on, so that balancers go elsewhere.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// How it stands, at most a second old.
    pub async fn report(&self) -> Report {
        if self.leaving.load(Ordering::Relaxed) {
            let leaving = Part {
                part: "process",
                ok: false,
                needed: true,
                cause: Some("is ending".into()),
                setting: None,
                ms: 0,
            };
            return Report { status: "unready", checks: vec![leaving] };
        }
        // Whoever comes meanwhile waits for this answer instead of asking again.
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && self.wib.clock().now() < time::after(*at, FRESH)
        {
            return report.clone();
        }
        let (database, blobs) = (self.needs.database, self.needs.blobs);
        let (ping, tables, bytes) = (self.wib.system(), self.wib.system(), self.wib.system());
        let (queue, works, began) = (self.wib.clone(), self.needs.works, self.began);
        let answers = tokio::join!(
            self.ask("database", Some(database), true, async move { ping.ready().await }),
            self.ask("migrations", Some(database), true, async move { tables_are_there(&tables).await }),
            self.ask("blobs", Some(blobs), true, async move { bytes.blobs_ready().await }),
            self.ask("queue", None, works, async move { queue_is_carried(&queue, works, began).await }),
        );
        let (database, migrations, blobs, queue) = answers;
        let checks = vec![database, migrations, blobs, queue];
        for part in checks.iter().filter(|part| !part.ok) {
            let was = last.as_ref().and_then(|(_, report)| report.checks.iter().find(|was| was.part == part.part));
            if was.is_none_or(|was| was.ok || was.cause != part.cause) {
                tracing::warn!(part = part.part, cause = part.cause, setting = part.setting, "not as it should be");
            }
        }
        let mut report = Report { status: "ready", checks };
        report.status = if report.ready() { "ready" } else { "unready" };
        *last = Some((self.wib.clock().now(), report.clone()));
        report
    }

    async fn ask(
        &self,
        part: &'static str,
        setting: Option<&'static str>,
        needed: bool,
        question: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Part {
        let clock = &**self.wib.clock();
        let began = clock.now();
        // On a task of its own: a question that nobody waits for any longer still ends its transaction in order.
        let answer = time::timeout(clock, PATIENCE, tokio::spawn(question)).await;
        let ms = clock.now().as_millisecond() - began.as_millisecond();
        let cause = match answer {
            Some(Ok(Ok(()))) => None,
            Some(Ok(Err(error))) => Some(said(&error)),
            Some(Err(_)) => Some("failed: the log says why".to_owned()),
            None => Some(format!("did not answer in {} s", PATIENCE.as_secs())),
        };
        let setting = setting.filter(|_| cause.is_some());
        Part { part, ok: cause.is_none(), needed, cause, setting, ms }
    }
}

async fn tables_are_there(system: &System) -> Result<()> {
    match system.missing_steps().await? {
        0 => Ok(()),
        missing => Err(Error::unavailable(format!("{missing} steps are missing: wib migrate up"))),
    }
}

/// A queue that others do not carry is no fault of a process that answers requests: only one that works is unready by it,
/// and only when none of its own lanes goes on.
async fn queue_is_carried(wib: &Wib, works: bool, began: Timestamp) -> Result<()> {
    let Some(oldest) = wib.system().oldest_due().await?.into_iter().min_by_key(|(_, at)| *at) else {
        return Ok(());
    };
    let (now, (topic, due)) = (wib.clock().now(), oldest);
    let late = |at: Timestamp| time::after(at, OVERDUE) < now;
    let goes_on = !late(wib.last_progress().unwrap_or(began));
    if !late(due) || (works && goes_on) {
        return Ok(());
    }
    let waits = now.duration_since(due).as_secs();
    Err(Error::unavailable(format!("a message of {topic} has waited for {waits} s: no worker takes it")))
}

/// An error in the words that outsiders may read.
fn said(error: &Error) -> String {
    if error.kind() == Kind::Internal { "failed: the log says why".to_owned() } else { error.message().to_owned() }
}
