//! How parts answer, and how fast.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    kit::{Error, Kind, Result, Role, time, time::Timestamp},
    ports::{Fault, VendorError},
    text_enum,
    wib::{Org, Wib},
};

text_enum! {
    /// How a part answers.
    pub enum ProbeStatus {
        /// In time.
        Healthy = "healthy",
        /// Later than it should.
        Degraded = "degraded",
        /// Not at all.
        Down = "down",
        /// It refuses us, or nobody fills its place.
        Error = "error",
    }
}

/// How one part answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// Which part.
    pub service: &'static str,
    /// How it answered.
    pub status: ProbeStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: i64,
    /// A sentence for people.
    pub details: String,
    /// What is wrong.
    pub error: Option<String>,
    /// Milliseconds from which on it is late.
    pub threshold_ms: i64,
}

/// How all parts answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The worst of them: down, then error, then degraded.
    pub overall: ProbeStatus,
    /// When it was asked.
    pub at: Timestamp,
    /// How long all took together, in milliseconds.
    pub total_latency_ms: i64,
    /// Each part.
    pub results: Vec<ProbeResult>,
}
impl ProbeReport {
    /// How many answered so.
    #[must_use]
    pub fn count(&self, status: ProbeStatus) -> usize {
        self.results.iter().filter(|result| result.status == status).count()
    }
}

/// How long a part may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The parts, and the milliseconds from which on each is late.
const PARTS: [(&str, i64); 8] = [
    ("database", 500),
    ("kv", 100),
    ("r2", 300),
    ("telnyx", 2000),
    ("openai", 3000),
    ("stripe", 2000),
    ("assemblyai", 2000),
    ("api_self", 1000),
];

/// What went wrong with a part: whether it was not reached, and in our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) down: bool,
    pub(super) why: String,
}
impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { down: matches!(error.kind(), Kind::Unavailable | Kind::Timeout), why: error.message().to_owned() }
    }
}
impl From<VendorError> for Trouble {
    fn from(error: VendorError) -> Self {
        let down = matches!(error.fault, Fault::Down | Fault::Timeout);
        let why = match error.fault {
            Fault::Credentials => "our key is refused",
            Fault::Timeout => "no answer in time",
            Fault::Down => "not reached",
            Fault::RateLimited => "it was asked too often",
            _ => "it refuses the question",
        };
        Self { down, why: why.to_owned() }
    }
}

/// Asks one part; how long it took, in milliseconds, and what was wrong.
pub(super) async fn ask(wib: &Wib, part: &str) -> (i64, Result<(), Trouble>) {
    let began = wib.now();
    let asked = async {
        match part {
            "database" => wib.store.ping().await.map_err(Trouble::from),
            "kv" => kept_for_a_moment(wib).await,
            "r2" => wib.blobs.ping().await.map_err(Trouble::from),
            "api_self" => Ok(()),
            vendor => {
                let pulse = wib.pulses.iter().find(|pulse| pulse.vendor() == vendor);
                let none = || Trouble { down: false, why: "no key is set".to_owned() };
                pulse.ok_or_else(none)?.ask().await.map_err(Trouble::from)
            }
        }
    };
    let late = || Err(Trouble { down: true, why: "no answer in time".to_owned() });
    let answer = time::timeout(&*wib.clock, PATIENCE, asked).await.unwrap_or_else(late);
    ((wib.now().as_millisecond() - began.as_millisecond()).max(0), answer)
}

async fn kept_for_a_moment(wib: &Wib) -> Result<(), Trouble> {
    let (key, value) = (format!("diagnostics:{}", wib.id::<()>()), Bytes::from_static(b"1"));
    wib.cache().put(&key, value.clone(), Some(Duration::from_secs(60))).await?;
    let read = wib.cache().get(&key).await?;
    wib.cache().delete(&key).await?;
    if read.is_some_and(|read| read == value) {
        Ok(())
    } else {
        Err(Trouble { down: false, why: "what was kept is not read back".to_owned() })
    }
}

impl Org {
    /// Asks every part how it is.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub async fn probe(&self) -> Result<ProbeReport> {
        self.at_least(Role::Admin)?;
        let at = self.wib.now();
        let asked = PARTS.map(|(service, threshold_ms)| async move {
            let (latency_ms, answer) = ask(&self.wib, service).await;
            let (status, details) = match &answer {
                Ok(()) if latency_ms > threshold_ms => (ProbeStatus::Degraded, "answers late"),
                Ok(()) => (ProbeStatus::Healthy, "answers"),
                Err(trouble) if trouble.down => (ProbeStatus::Down, "does not answer"),
                Err(_) => (ProbeStatus::Error, "cannot be used"),
            };
            let (details, error) = (details.to_owned(), answer.err().map(|trouble| trouble.why));
            ProbeResult { service, status, latency_ms, details, error, threshold_ms }
        });
        let results = futures_util::future::join_all(asked).await;
        let worst = [ProbeStatus::Down, ProbeStatus::Error, ProbeStatus::Degraded];
        let overall = worst.into_iter().find(|status| results.iter().any(|result| result.status == *status));
        let total_latency_ms = (self.wib.now().as_millisecond() - at.as_millisecond()).max(0);
        Ok(ProbeReport { overall: overall.unwrap_or(ProbeStatus::Healthy), at, total_latency_ms, results })
    }
}
