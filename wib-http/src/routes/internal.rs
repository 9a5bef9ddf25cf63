//! What the installation's own machines ask, and a form for strangers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use wib_core::{
    Wib,
    engine::{Message, Topic},
    internal::{Enquire, Freshness, InboundLetter, JobHealth, JobState},
    kit::{Error, Id, Timestamp},
    limits::Limit,
    orgs::OrganizationId,
};

use crate::{
    input::{ById, Nothing, renamed},
    table::{Anyone, Guard, Routes, internal, public},
};

/// What the last run of a job did.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobMetrics")]
struct Metrics {
    /// Rows.
    processed: i64,
    /// Rows that failed.
    errors: i64,
    duration_ms: Option<i64>,
}
/// How fresh a job is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobFreshness")]
struct Job {
    job_name: String,
    status: JobState,
    #[schemars(with = "Option<String>")]
    last_run: Option<Timestamp>,
    #[schemars(with = "Option<String>")]
    last_success: Option<Timestamp>,
    last_error: Option<String>,
    /// Null for a job that never ran.
    metrics: Option<Metrics>,
    /// Minutes since it last ran well.
    staleness_minutes: Option<i64>,
}
impl From<JobHealth> for Job {
    fn from(health: JobHealth) -> Self {
        let JobHealth { report, state, staleness_minutes } = health;
        let metrics = report.last_run.map(|_| Metrics {
            processed: report.processed,
            errors: report.errors,
            duration_ms: report.duration_ms,
        });
        Self {
            job_name: report.job,
            status: state,
            last_run: report.last_run,
            last_success: report.last_success,
            last_error: report.last_error.map(|(_, why)| why),
            metrics,
            staleness_minutes,
        }
    }
}
/// How fresh all jobs are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobsFreshness")]
struct Jobs {
    /// The worst of them.
    status: JobState,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    jobs: Vec<Job>,
}
impl From<Freshness> for Jobs {
    fn from(all: Freshness) -> Self {
        Self { status: all.state, timestamp: all.at, jobs: all.jobs.into_iter().map(Job::from).collect() }
    }
}

/// Which deliveries that could not be applied.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListInboundLetters")]
struct ListInbound {
    /// Of one vendor: `telnyx`, `stripe`, `assemblyai`.
    #[schemars(length(max = 100))]
    source: Option<String>,
    /// At most 100; 50 by default.
    limit: Option<i64>,
}
/// A vendor's delivery that could not be applied.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InboundLetter")]
struct Inbound {
    id: Id<Message>,
    source: String,
    event_type: String,
    /// What it says, without what is private.
    payload: Json,
    error: Option<String>,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    /// Where it is applied again, from what was kept whole.
    replay_url: String,
}
impl From<InboundLetter> for Inbound {
    fn from(letter: InboundLetter) -> Self {
        Self {
            replay_url: format!("/api/internal/webhook-dlq/{}/replay", letter.id),
            id: letter.id,
            source: letter.source,
            event_type: letter.event_type,
            payload: letter.payload,
            error: letter.error,
            timestamp: letter.received_at,
        }
    }
}
/// Deliveries that could not be applied, oldest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InboundLetters")]
struct InboundList {
    /// Of this answer.
    total: usize,
    /// Of all, at most 1000.
    total_count: usize,
    has_more: bool,
    entries: Vec<Inbound>,
}

/// How a table stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TableHealth")]
struct TableRow {
    /// `valid` or `invalid`.
    status: &'static str,
    missing_columns: Vec<String>,
    column_count: usize,
    actual_columns: Vec<String>,
}
/// How the tables stand beside what this program works with.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TablesHealth")]
struct TableRows {
    /// `valid` or `invalid`.
    status: &'static str,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    tables: BTreeMap<String, TableRow>,
}
const fn valid(so: bool) -> &'static str {
    if so { "valid" } else { "invalid" }
}

/// Which dead letters.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListDeadLetters")]
struct ListDead {
    topic: Option<Topic>,
    /// At most 1000; 50 by default.
    limit: Option<i64>,
}
/// A message that was given up; not what it carries.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
struct Dead {
    id: Id<Message>,
    topic: Topic,
    organization_id: Option<OrganizationId>,
    attempts: i64,
    error: Option<String>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<Message> for Dead {
    fn from(letter: Message) -> Self {
        Self {
            id: letter.id,
            topic: letter.topic,
            organization_id: letter.organization_id,
            attempts: letter.attempts,
            error: letter.last_error,
            created_at: letter.created_at,
        }
    }
}
/// That a message is worked on again.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LetterReplayed")]
struct Replayed {
    replayed: bool,
}

/// Asks to be shown the product.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DemoRequest")]
struct Ask {
    #[schemars(length(min = 1, max = 200))]
    name: String,
    #[schemars(length(max = 254))]
    email: String,
    #[schemars(length(min = 1, max = 200))]
    company: String,
    #[schemars(length(max = 100))]
    team_size: Option<String>,
    #[schemars(length(max = 500))]
    use_case: Option<String>,
    #[schemars(length(max = 5000))]
    message: Option<String>,
}
/// That somebody will answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DemoRequested")]
struct Asked {
    ok: bool,
    message: &'static str,
}

const fn machine() -> Guard<Anyone> {
    internal().limit(Limit::Analytics)
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("internal", "/api/internal")
        .get(
            "/cron-health",
            machine(),
            |system, _: Nothing| async move { system.job_freshness().await.map(Jobs::from) },
        )
        .about("Tells how fresh every scheduled job is.")
        .bare()
        .get("/webhook-dlq", machine(), |system, c: ListInbound| async move {
            let found = system.inbound_letters(c.source.as_deref(), c.limit.unwrap_or(50)).await?;
            let entries: Vec<_> = found.letters.into_iter().map(Inbound::from).collect();
            let (total, total_count) = (entries.len(), found.total);
            Ok::<_, Error>(InboundList { total, total_count, has_more: total_count > total, entries })
        })
        .bare()
        .post("/webhook-dlq/{id}/replay", machine(), |system, c: ById<Message>| async move {
            system.replay_inbound(c.id).await.map(|()| Replayed { replayed: true })
        })
        .about("Has a vendor's delivery applied again.")
        .flat()
        .get("/schema-health", machine(), |system, _: Nothing| async move {
            let (mut tables, reports) = (BTreeMap::new(), system.table_reports().await?);
            for report in reports.tables {
                let row = TableRow {
                    status: valid(report.missing.is_empty()),
                    missing_columns: report.missing,
                    column_count: report.actual.len(),
                    actual_columns: report.actual,
                };
                tables.insert(report.table, row);
            }
            let fine = tables.values().all(|row| row.missing_columns.is_empty());
            Ok::<_, Error>(TableRows { status: valid(fine), timestamp: reports.at, tables })
        })
        .about("Tells whether the database has every table and column that this program works with.")
        .bare()
        .get("/dead-letters", machine(), |system, c: ListDead| async move {
            let letters = system.dead_letters_of(c.topic, c.limit.unwrap_or(50)).await?;
            Ok::<_, Error>(letters.into_iter().map(Dead::from).collect::<Vec<_>>())
        })
        .list("dead_letters")
        .post("/dead-letters/{id}/replay", machine(), |system, c: ById<Message>| async move {
            if system.replay(c.id).await? {
                Ok(Replayed { replayed: true })
            } else {
                Err(Error::not_found("dead letter"))
            }
        })
        .about("Has a message worked on again that was given up.")
        .flat()
        .post("/demo-request", public().limit(Limit::DemoRequest), |system, c: Ask| async move {
            let Ask { name, email, company, team_size, use_case, message } = c;
            let asked = system.enquire(Enquire { name, email, company, team_size, use_case, message }).await;
            let names = [("team_size", "teamSize"), ("use_case", "useCase")];
            asked.map_err(|error| renamed(error, &names))?;
            Ok(Asked { ok: true, message: "Thank you. Somebody will answer." })
        })
        .status(201)
        .bare()
}
