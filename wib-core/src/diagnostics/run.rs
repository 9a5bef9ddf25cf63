//! Running checks.

use super::{
    checks::{Check, Group, REGISTRY},
    probes::{self, Trouble},
};
use crate::{
    kit::{Actor, Error, Id, Result, Role, time::Timestamp},
    store::SystemTx,
    wib::Org,
};

/// Rows that are counted at most.
const MOST: i64 = 1000;
/// Milliseconds from which on a check is slow.
const SLOW: i64 = 3000;

/// A category of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// The ids of its checks.
    pub checks: Vec<&'static str>,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// In which run.
    pub run: Id<Suite>,
    /// Its id.
    pub id: &'static str,
    /// Of which category.
    pub category: &'static str,
    /// Whether it is as it should be.
    pub passed: bool,
    /// As it should be, but slow, or nothing to be seen.
    pub warning: bool,
    /// Whether a part was not reached.
    pub service_down: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// A sentence for people.
    pub details: String,
    /// What is wrong.
    pub error: Option<String>,
    /// What should be, and is.
    pub differential: Option<(String, String)>,
}

/// What all checks came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Which run.
    pub run: Id<Suite>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Each check, by category.
    pub results: Vec<CheckResult>,
}

/// What a check that is as it should be says, or what is amiss.
enum Found {
    Fine(String),
    Warn(String),
    Amiss { error: String, expected: String, actual: String },
}

/// As many as should be of something: none.
fn none(count: i64, of: &str) -> Found {
    if count == 0 {
        return Found::Fine(format!("no {of}"));
    }
    Found::Amiss { error: format!("there are {of}"), expected: "0".to_owned(), actual: count.to_string() }
}

impl Org {
    /// What can be tried here.
    ///
    /// # Errors
    /// `Forbidden` below admin; when the database does not answer.
    pub async fn checks(&self) -> Result<Vec<Category>> {
        self.at_least(Role::Admin)?;
        let tables = self.wib.store.system().await?.expected_tables();
        let known = |check: &Check| !matches!(check, Check::Table(table) if !tables.contains_key(*table));
        let category = |(id, name, checks): &Group| Category {
            id,
            name,
            checks: checks.iter().filter(|(_, check)| known(check)).map(|(id, _)| *id).collect(),
        };
        Ok(REGISTRY.iter().map(category).collect())
    }

    /// Tries one thing.
    ///
    /// # Errors
    /// `NotFound` when there is no such check; `Forbidden` below admin.
    pub async fn run_check(&self, category: &str, check: &str) -> Result<CheckResult> {
        let known = self.checks().await?;
        let known = known.iter().find(|known| known.id == category && known.checks.contains(&check));
        let group = REGISTRY.iter().find(|(id, ..)| known.is_some_and(|known| known.id == *id));
        let found = group.and_then(|(category, _, checks)| {
            checks.iter().find(|(id, _)| *id == check).map(|(id, check)| (*category, *id, *check))
        });
        let (category, id, check) = found.ok_or_else(|| Error::not_found("check"))?;
        Ok(self.tried(self.wib.id(), (category, id), check).await)
    }

    /// Tries everything.
    ///
    /// # Errors
    /// `Forbidden` below admin; when the database does not answer.
    pub async fn run_checks(&self) -> Result<Suite> {
        let (run, at, known, mut results) = (self.wib.id(), self.wib.now(), self.checks().await?, vec![]);
        for (category, (_, _, checks)) in known.iter().zip(REGISTRY) {
            for (id, check) in checks.iter().filter(|(id, _)| category.checks.contains(id)) {
                results.push(self.tried(run, (category.id, id), *check).await);
            }
        }
        let duration_ms = (self.wib.now().as_millisecond() - at.as_millisecond()).max(0);
        Ok(Suite { run, at, duration_ms, results })
    }

    async fn tried(&self, run: Id<Suite>, (category, id): (&'static str, &'static str), check: Check) -> CheckResult {
        let began = self.wib.now();
        let found = self.found(check).await;
        let duration_ms = (self.wib.now().as_millisecond() - began.as_millisecond()).max(0);
        let plain = CheckResult {
            run,
            id,
            category,
            passed: true,
            warning: duration_ms > SLOW,
            service_down: false,
            duration_ms,
            details: String::new(),
            error: None,
            differential: None,
        };
        match found {
            Ok(Found::Fine(details)) => CheckResult { details, ..plain },
            Ok(Found::Warn(details)) => CheckResult { details, warning: true, ..plain },
            Ok(Found::Amiss { error, expected, actual }) => CheckResult {
                passed: false,
                details: "not as it should be".to_owned(),
                error: Some(error),
                differential: Some((expected, actual)),
                ..plain
            },
            Err(trouble) => CheckResult {
                passed: false,
                service_down: trouble.down,
                details: if trouble.down { "does not answer" } else { "cannot be used" }.to_owned(),
                error: Some(trouble.why),
                ..plain
            },
        }
    }

    async fn found(&self, check: Check) -> Result<Found, Trouble> {
        let wib = &self.wib;
        let fine = |details: &str| Ok(Found::Fine(details.to_owned()));
        match check {
            Check::Database => probes::ask(wib, "database").await.1.map(|()| Found::Fine("answers".to_owned())),
            Check::Cache => probes::ask(wib, "kv").await.1.map(|()| Found::Fine("keeps what it is given".to_owned())),
            Check::Blobs => probes::ask(wib, "r2").await.1.map(|()| Found::Fine("answers".to_owned())),
            Check::Vendor(vendor) => {
                probes::ask(wib, vendor).await.1.map(|()| Found::Fine("answers, and takes our key".to_owned()))
            }
            Check::Connections => {
                let full = wib.store.connections().into_iter().find(|c| c.size >= c.most && c.idle == 0);
                Ok(full.map_or_else(
                    || Found::Fine("connections are to be had".to_owned()),
                    |full| Found::Warn(format!("all {} connections of {} are in use", full.most, full.login)),
                ))
            }
            Check::Session => match self.actor() {
                Actor::Human(user) => {
                    let members = wib.store.system().await?.memberships(user).await?;
                    let ours = members.iter().any(|member| member.organization_id == self.id());
                    if ours { fine("whoever asks is a member") } else { Ok(none(1, "sessions without a membership")) }
                }
                _ => Ok(Found::Warn("no session asks".to_owned())),
            },
            Check::Schema => {
                let missing = wib.store.missing_steps().await?;
                let tables = wib.system().table_reports().await?.tables;
                let broken: Vec<_> = tables.into_iter().filter(|t| !t.missing.is_empty()).map(|t| t.table).collect();
                if missing == 0 && broken.is_empty() {
                    return fine("every table and column is there");
                }
                let actual = format!("{missing} steps are missing; tables: {}", broken.join(", "));
                let error = "the tables are not those of this version".to_owned();
                Ok(Found::Amiss { error, expected: "every step, every column".to_owned(), actual })
            }
            check => Ok(asked(&mut *wib.store.system().await?, check).await?),
        }
    }
}

/// What the database says.
async fn asked(tx: &mut dyn SystemTx, check: Check) -> Result<Found> {
    Ok(match check {
        Check::Table(table) => match tx.count_rows(table, MOST).await? {
            0 => Found::Warn(format!("{table} is read, and empty")),
            MOST => Found::Fine(format!("{table} is read, {MOST} rows or more")),
            rows => Found::Fine(format!("{table} is read, {rows} rows")),
        },
        Check::Passwords => none(tx.weak_passwords().await?, "passwords in a weak form"),
        Check::References => none(tx.broken_references(MOST).await?, "broken references"),
        Check::OrphanedSessions => none(tx.orphaned_sessions().await?, "sessions of nobody"),
        _ => {
            let bare = tx.unguarded_tables().await?;
            if bare.is_empty() {
                Found::Fine("no table of organisations lacks what the database can hold it to".to_owned())
            } else {
                let (error, expected) = ("tables lack a forced policy".to_owned(), "none".to_owned());
                Found::Amiss { error, expected, actual: bare.join(", ") }
            }
        }
    })
}
