//! Bringing a database's tables up to date.
//!
//! One text serves both databases: it is written in PostgreSQL's words and put into SQLite's. A released text is never
//! changed; its checksum is kept with the database. What follows from the tables (policies, grants, triggers) is computed
//! from them and renewed when it differs.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
#[cfg(feature = "postgres")]
use sqlx::PgConnection;
use sqlx::{AssertSqlSafe, Row as _, raw_sql};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqlitePool, pool::PoolConnection};
use wib_core::{
    kit::{Error, Result, time::Timestamp},
    store::Tables,
};

#[cfg(feature = "postgres")]
use crate::place::{PgLogin, PgUrls, Who};
use crate::{db::fault, place::Database};

/// One step of the tables' history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place, from 1.
    pub version: i64,
    /// What it makes.
    pub name: &'static str,
    /// SHA-256 of its text, hex.
    pub checksum: String,
    /// Whether the database has it.
    pub applied: bool,
}

struct Migration {
    file: &'static str,
    text: &'static str,
}
impl Migration {
    fn version(&self) -> i64 {
        self.file[..4].parse().expect("a file begins with its version")
    }
    fn name(&self) -> &'static str {
        &self.file[5..]
    }
    fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.text))
    }
}

macro_rules! migrations {
    ($($file:literal),+ $(,)?) => {
        const ALL: &[Migration] =
            &[$(Migration { file: $file, text: include_str!(concat!("../migrations/", $file, ".sql")) }),+];
    };
}
migrations![
    "0001_organizations",
    "0002_collections",
    "0003_calls",
    "0004_recordings",
    "0005_evidence",
    "0006_engine",
    "0007_evidence",
    "0008_stamps",
    "0009_rule_packs",
    "0010_facts",
    "0011_keep",
    "0012_flow",
    "0013_violations",
    "0014_numbers",
    "0015_secrets",
    "0016_cache",
    "0017_bus",
    "0018_money",
    "0019_jobs",
    "0020_ai",
    "0021_live",
    "0022_speech",
    "0023_minds",
    "0024_agent",
    "0025_people",
    "0026_voice",
    "0027_service",
    "0028_subscriptions",
    "0029_idempotency",
    "0030_flags",
];

/// The version of the tables that this program works with.
fn newest() -> i64 {
    ALL.last().map_or(0, Migration::version)
}

/// Rows that are added and read; nothing else is done to them but what [`ONCE`] says.
const APPEND_ONLY: &[&str] = &[
    "recordings",
    "verdicts",
    "transcripts",
    "translations",
    "evidence",
    "evidence_nodes",
    "checkpoints",
    "stamps",
    "audit_events",
    "consents",
    "disclosures",
    "rule_packs",
    "collection_payments",
    "billing_events",
];

/// What may change in such a table nevertheless, once: the columns that may not, and what the change must be.
const ONCE: &[(&str, &[&str], &str)] = &[
    (
        // It is fetched, once; its bytes go; payment data in it is silenced, which ends a withholding and says so.
        "recordings",
        &[
            "organization_id",
            "id",
            "call_id",
            "vendor_id",
            "content_type",
            "channels",
            "duration_ms",
            "started_at",
            "live",
            "created_at",
        ],
        "OLD.media_hash IS NULL OR (NEW.media_hash IS NOT DISTINCT FROM OLD.media_hash \
            AND NEW.size_bytes IS NOT DISTINCT FROM OLD.size_bytes \
            AND (NEW.blob_key IS NULL OR NEW.blob_key IS NOT DISTINCT FROM OLD.blob_key)) \
            OR (OLD.withheld AND NOT NEW.withheld AND NEW.note IS NOT NULL)",
    ),
    (
        // A line comes under its seal.
        "audit_events",
        &[
            "organization_id",
            "id",
            "user_id",
            "actor_type",
            "action",
            "resource_type",
            "resource_id",
            "old_value",
            "new_value",
            "metadata",
            "created_at",
        ],
        "OLD.sealed_seq IS NULL AND NEW.sealed_seq IS NOT NULL",
    ),
    (
        // Its words go, its hash stays.
        "transcripts",
        &[
            "organization_id",
            "id",
            "call_id",
            "recording_id",
            "version",
            "vendor",
            "model",
            "language",
            "transcript_hash",
            "live",
            "created_at",
        ],
        "NEW.utterances = '[]'",
    ),
    (
        // So do those of what was made of it.
        "translations",
        &[
            "organization_id",
            "id",
            "call_id",
            "transcript_id",
            "transcript_version",
            "transcript_hash",
            "version",
            "source_language",
            "target_language",
            "vendor",
            "model",
            "translation_hash",
            "live",
            "created_at",
        ],
        "NEW.utterances = '[]'",
    ),
    (
        // The address and the words of an erased person go.
        "consents",
        &[
            "organization_id",
            "id",
            "person_id",
            "account_id",
            "phone",
            "scope",
            "event",
            "written",
            "source",
            "call_id",
            "at",
            "expires_at",
            "recorded_by",
            "created_at",
        ],
        "NEW.email IS NULL AND NEW.evidence IS NULL AND NEW.note IS NULL",
    ),
];

/// The condition under which a change of a row is refused.
fn refused(table: &str) -> Option<String> {
    let (_, frozen, change) = ONCE.iter().find(|(name, ..)| *name == table)?;
    let moved: Vec<_> = frozen.iter().map(|c| format!("NEW.{c} IS DISTINCT FROM OLD.{c}")).collect();
    Some(format!("NOT ({change}) OR {}", moved.join(" OR ")))
}

/// Tables without an owner: the platform's alone.
#[cfg(feature = "postgres")]
const PLATFORM: &[&str] = &[
    "organizations",
    "users",
    "sessions",
    "one_time_tokens",
    "password_resets",
    "inbox",
    "job_leases",
    "job_runs",
    "rule_packs",
    "cache",
    "handed",
    "demo_requests",
    "global_feature_flags",
];

/// The row of the history that stands for policies, grants and triggers.
const RULES: i64 = 0;

/// Every step, and whether the database has it.
///
/// # Errors
/// `Unavailable` when the database cannot be reached; `Internal` when it is of a newer version, or a step's text is not
/// the one it was made with.
pub async fn status(database: &Database) -> Result<Vec<Step>> {
    let history = Work::open(database).await?.history().await?;
    verify(&history)?;
    let applied = |m: &Migration| history.iter().any(|h| h.version == m.version());
    let step =
        |m: &Migration| Step { version: m.version(), name: m.name(), checksum: m.checksum(), applied: applied(m) };
    Ok(ALL.iter().map(step).collect())
}

/// The steps that the database lacks.
///
/// # Errors
/// As [`status`].
pub async fn plan(database: &Database) -> Result<Vec<Step>> {
    Ok(status(database).await?.into_iter().filter(|step| !step.applied).collect())
}

/// Takes the steps that the database lacks, all or none, and renews its rules; how many steps. On PostgreSQL it needs the
/// owner's login, or an application login that owns the schema.
///
/// # Errors
/// As [`status`], and when the login may not change tables.
pub async fn up(database: &Database, now: Timestamp) -> Result<usize> {
    let rules = Rules::of(database)?;
    Work::open(database).await?.up(&rules, now, true).await
}

/// How many steps are not among those taken.
pub(crate) fn missing(taken: &[i64]) -> usize {
    ALL.iter().filter(|step| !taken.contains(&step.version())).count()
}

/// The tables and columns that all steps together make, read off their texts.
pub(crate) fn tables() -> Tables {
    let mut tables = Tables::new();
    for step in ALL {
        let lines = step.text.lines().map(|line| line.split("--").next().unwrap_or_default());
        for statement in lines.collect::<Vec<_>>().join("\n").split(";") {
            apply(&mut tables, statement);
        }
    }
    let own = ["version", "name", "checksum", "applied_at"];
    tables.insert("wib_migrations".to_owned(), own.map(str::to_owned).into());
    tables
}

/// What one statement does to tables and columns.
fn apply(tables: &mut Tables, statement: &str) {
    const RULES: [&str; 5] = ["UNIQUE", "PRIMARY", "FOREIGN", "CHECK", "CONSTRAINT"];
    let words: Vec<_> = statement.split_whitespace().map(|word| word.trim_end_matches(['(', ','])).collect();
    match words[..] {
        ["CREATE", "TABLE", name, ..] => {
            let inside = statement.split_once('(').map_or("", |(_, inside)| inside);
            let (mut depth, mut begins, mut columns) = (0, true, BTreeSet::new());
            for word in inside.split_inclusive(['(', ')', ',', ' ', '\n']) {
                let name = word.trim_end_matches(['(', ')', ',', ' ', '\n']);
                if begins && depth == 0 && !name.is_empty() {
                    if !RULES.contains(&name) {
                        columns.insert(name.to_owned());
                    }
                    begins = false;
                }
                match word.chars().last() {
                    Some('(') => depth += 1,
                    Some(')') => depth -= 1,
                    Some(',') if depth == 0 => begins = true,
                    _ => {}
                }
            }
            tables.insert(name.to_owned(), columns);
        }
        ["DROP", "TABLE", name, ..] => _ = tables.remove(name),
        ["ALTER", "TABLE", name, "RENAME", "TO", new] => {
            if let Some(columns) = tables.remove(name) {
                tables.insert(new.to_owned(), columns);
            }
        }
        ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] => {
            tables.entry(name.to_owned()).or_default().insert(column.to_owned());
        }
        ["ALTER", "TABLE", name, "DROP", "COLUMN", column, ..] => {
            tables.entry(name.to_owned()).or_default().remove(column);
        }
        ["ALTER", "TABLE", name, "RENAME", "COLUMN", old, "TO", new] => {
            let columns = tables.entry(name.to_owned()).or_default();
            columns.remove(old);
            columns.insert(new.to_owned());
        }
        _ => {}
    }
}

/// Brings SQLite up to date on a connection of the pool.
#[cfg(feature = "sqlite")]
pub(crate) async fn in_place(pool: &SqlitePool, now: Timestamp) -> Result<()> {
    let work = Work::Lite(pool.acquire().await.map_err(fault)?);
    work.up(&Rules::Lite, now, false).await.map(|_| ())
}

/// Brings PostgreSQL up to date when a login may, or checks that it is.
#[cfg(feature = "postgres")]
pub(crate) async fn on_start(urls: &PgUrls, now: Timestamp) -> Result<()> {
    let database = Database::Postgres(urls.clone());
    let mut work = Work::open(&database).await?;
    if urls.owner.is_some() || work.may_change().await? {
        return work.up(&Rules::of(&database)?, now, false).await.map(|_| ());
    }
    let history = work.history().await?;
    verify(&history)?;
    let known = history.iter().map(|h| h.version).max().unwrap_or(RULES);
    if known < newest() {
        return Err(Error::internal(format!(
            "the database's tables are at version {known}, this program needs {}, and its login may not change them: \
             migrate with the owner's login first",
            newest()
        )));
    }
    Ok(())
}

/// What the database says was done.
struct Done {
    version: i64,
    checksum: String,
}

fn verify(history: &[Done]) -> Result<()> {
    for done in history.iter().filter(|h| h.version != RULES) {
        match ALL.iter().find(|m| m.version() == done.version) {
            None => {
                return Err(Error::internal(format!(
                    "the database's tables are at version {}, this program knows {} at most: use a newer program",
                    history.iter().map(|h| h.version).max().unwrap_or(RULES),
                    newest()
                )));
            }
            Some(m) if m.checksum() != done.checksum => {
                return Err(Error::internal(format!(
                    "migration {} ({}) is not the one that the database was made with",
                    m.version(),
                    m.name()
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is computed from the tables.
enum Rules {
    #[cfg(feature = "sqlite")]
    Lite,
    #[cfg(feature = "postgres")]
    Pg { app: String, jobs: String },
}
impl Rules {
    fn of(database: &Database) -> Result<Self> {
        Ok(match database {
            #[cfg(feature = "sqlite")]
            Database::Memory | Database::File(_) => Self::Lite,
            #[cfg(feature = "postgres")]
            Database::Postgres(urls) => {
                let name = |who| Ok::<_, Error>(urls.options(who)?.0.get_username().to_owned());
                Self::Pg { app: name(Who::App)?, jobs: name(Who::Jobs)? }
            }
        })
    }
}

/// A connection that changes tables.
enum Work {
    #[cfg(feature = "sqlite")]
    Lite(PoolConnection<Sqlite>),
    // With the way that it goes.
    #[cfg(feature = "postgres")]
    Pg(Box<(PgConnection, PgLogin)>),
}

impl Work {
    async fn open(database: &Database) -> Result<Self> {
        match database {
            #[cfg(feature = "sqlite")]
            Database::Memory | Database::File(_) => match database.connect().await?.0 {
                crate::db::Db::Lite(pool) => Ok(Self::Lite(pool.acquire().await.map_err(fault)?)),
                #[cfg(feature = "postgres")]
                crate::db::Db::Pg { .. } => Err(Error::internal("a file is not PostgreSQL")),
            },
            #[cfg(feature = "postgres")]
            Database::Postgres(urls) => {
                let login = urls.login_of(Who::Owner)?;
                Ok(Self::Pg(Box::new((login.connect().await?, login))))
            }
        }
    }
    async fn run(&mut self, text: &str) -> Result<()> {
        // Ours from beginning to end: migrations, names of tables and logins in quotes.
        let text = raw_sql(AssertSqlSafe(text.to_owned()));
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(conn) => text.execute(&mut **conn).await.map(|_| ()),
            #[cfg(feature = "postgres")]
            Self::Pg(conn) => text.execute(&mut conn.0).await.map(|_| ()),
        }
        .map_err(fault)
    }
    /// The first column of every row, as text.
    async fn texts(&mut self, text: &str) -> Result<Vec<String>> {
        let text = raw_sql(AssertSqlSafe(text.to_owned()));
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(conn) => {
                let rows = text.fetch_all(&mut **conn).await.map_err(fault)?;
                rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()
            }
            #[cfg(feature = "postgres")]
            Self::Pg(conn) => {
                let rows = text.fetch_all(&mut conn.0).await.map_err(fault)?;
                rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()
            }
        }
        .map_err(fault)
    }
    async fn history(&mut self) -> Result<Vec<Done>> {
        let there = match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'wib_migrations'",
            #[cfg(feature = "postgres")]
            Self::Pg(_) => "SELECT 'yes' WHERE to_regclass('wib_migrations') IS NOT NULL",
        };
        if self.texts(there).await?.is_empty() {
            return Ok(vec![]);
        }
        let lines =
            self.texts("SELECT CAST(version AS TEXT) || ' ' || checksum FROM wib_migrations ORDER BY version").await?;
        let read = |line: String| {
            let (version, checksum) = line.split_once(' ')?;
            Some(Done { version: version.parse().ok()?, checksum: checksum.to_owned() })
        };
        lines
            .into_iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or_else(|| Error::internal("the history of tables cannot be read"))
    }
    async fn up(mut self, rules: &Rules, now: Timestamp, renew: bool) -> Result<usize> {
        let taken = self.steps(rules, now, renew).await;
        if taken.is_err() {
            // A connection of a pool must not go back inside a transaction.
            let _ = self.run("ROLLBACK").await;
        }
        taken
    }
    async fn steps(&mut self, rules: &Rules, now: Timestamp, renew: bool) -> Result<usize> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => self.run("BEGIN IMMEDIATE").await?,
            #[cfg(feature = "postgres")]
            Self::Pg(_) => {
                let begin = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('wib migrations', 0)); \
                    SELECT set_config('app.system', 'on', true)";
                self.run(begin).await?;
            }
        }
        let history = self.history().await?;
        verify(&history)?;
        if history.is_empty() {
            let table = "CREATE TABLE wib_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
                applied_at TIMESTAMPTZ NOT NULL\n);";
            self.run(&self.spoken(table)).await?;
        }
        let missing: Vec<_> = ALL.iter().filter(|m| history.iter().all(|h| h.version != m.version())).collect();
        for m in &missing {
            self.run(&self.spoken(m.text)).await?;
            self.note(m.version(), m.name(), &m.checksum(), now).await?;
            tracing::info!(version = m.version(), name = m.name(), "tables migrated");
        }
        let text = self.rules(rules).await?;
        let checksum = hex::encode(Sha256::digest(&text));
        // A step may have made a table anew, without what was computed from it.
        if renew || !missing.is_empty() || history.iter().all(|h| h.version != RULES || h.checksum != checksum) {
            self.run(&text).await?;
            self.run(&format!("DELETE FROM wib_migrations WHERE version = {RULES}")).await?;
            self.note(RULES, "rules", &checksum, now).await?;
        }
        self.run("COMMIT").await?;
        Ok(missing.len())
    }
    async fn note(&mut self, version: i64, name: &str, checksum: &str, now: Timestamp) -> Result<()> {
        let at = match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => now.as_microsecond().to_string(),
            #[cfg(feature = "postgres")]
            Self::Pg(_) => format!("'{now}'"),
        };
        let insert = "INSERT INTO wib_migrations (version, name, checksum, applied_at) VALUES";
        self.run(&format!("{insert} ({version}, '{name}', '{checksum}', {at})")).await
    }
    /// A migration in the words of this database.
    fn spoken(&self, text: &str) -> String {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => to_sqlite(text),
            #[cfg(feature = "postgres")]
            Self::Pg(_) => text.to_owned(),
        }
    }
    /// Policies, grants and triggers, as one text.
    async fn rules(&mut self, rules: &Rules) -> Result<String> {
        match rules {
            #[cfg(feature = "sqlite")]
            Rules::Lite => Ok(triggers()),
            #[cfg(feature = "postgres")]
            Rules::Pg { app, jobs } => {
                let owned = "SELECT c.table_name::text FROM information_schema.columns c
                    JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
                    WHERE c.table_schema = current_schema() AND c.column_name = 'organization_id'
                    AND t.table_type = 'BASE TABLE' ORDER BY 1";
                let owned = self.texts(owned).await?;
                let me = self.texts("SELECT current_user::text").await?.concat();
                let schema = self.texts("SELECT current_schema()::text").await?.concat();
                if !self.texts("SELECT rolname::text FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)").await?.is_empty()
                    && me == *app
                {
                    tracing::warn!("the application's login passes by row-level security: give it one that is neither \
                        superuser nor BYPASSRLS");
                }
                Ok(policies(&schema, &owned, app, jobs, &me))
            }
        }
    }
    /// Whether this login owns the tables, or may make them.
    #[cfg(feature = "postgres")]
    async fn may_change(&mut self) -> Result<bool> {
        let text = "SELECT 'yes' WHERE CASE WHEN to_regclass('wib_migrations') IS NULL
            THEN has_schema_privilege(current_schema(), 'CREATE')
            ELSE (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('wib_migrations')) END";
        Ok(!self.texts(text).await?.is_empty())
    }
}

/// Type words put into SQLite's, outside of quotes and comments; strict tables.
#[cfg(feature = "sqlite")]
fn to_sqlite(text: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("UUID", "BLOB"),
        ("TIMESTAMPTZ", "INTEGER"),
        ("JSONB", "TEXT"),
        ("BYTEA", "BLOB"),
        ("BIGINT", "INTEGER"),
        ("BOOLEAN", "INTEGER"),
        ("DOUBLE PRECISION", "REAL"),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        if !quoted && rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let begins = !out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let ends = |after: &str| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let word =
            |(theirs, ours): &(&str, &'static str)| rest.strip_prefix(*theirs).filter(|r| ends(r)).map(|r| (*ours, r));
        if !quoted
            && begins
            && let Some((ours, after)) = WORDS.iter().find_map(word)
        {
            out.push_str(ours);
            rest = after;
            continue;
        }
        quoted ^= c == '\'';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out.replace("\n);", "\n) STRICT;")
}

#[cfg(feature = "sqlite")]
fn triggers() -> String {
    let mut text = String::new();
    for table in APPEND_ONLY {
        for verb in ["UPDATE", "DELETE"] {
            let name = format!("{table}_no_{}", verb.to_lowercase());
            let when = if verb == "UPDATE" { refused(table) } else { None };
            let when = when.map(|when| format!("WHEN {when} ")).unwrap_or_default();
            text.push_str(&format!(
                "DROP TRIGGER IF EXISTS {name};\nCREATE TRIGGER {name} BEFORE {verb} ON {table} {when}\
                 BEGIN SELECT RAISE(ABORT, '{table} are only added'); END;\n"
            ));
        }
    }
    text
}

/// Every table with an `organization_id` shows an organisation its own rows, and all of them to a transaction of the
/// platform. The rest is the platform's.
#[cfg(feature = "postgres")]
fn policies(schema: &str, owned: &[String], app: &str, jobs: &str, owner: &str) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (schema, app, jobs, owner) = (quote(schema), quote(app), quote(jobs), quote(owner));
    let mut text =
        format!("GRANT USAGE ON SCHEMA {schema} TO {app}, {jobs};\nGRANT SELECT ON wib_migrations TO {app}, {jobs};\n");
    // Who owns a table is above its policies: nobody makes one but the owner. Before PostgreSQL 15 everybody could.
    text.push_str(&format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;\n"));
    let mut add = |line: String| {
        text.push_str(&line);
        text.push_str(";\n");
    };
    for table in PLATFORM.iter().copied().chain(owned.iter().map(String::as_str)) {
        let name = quote(table);
        add(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {jobs}"));
        let column = match table {
            "organizations" => "id",
            table if PLATFORM.contains(&table) => continue,
            _ => "organization_id",
        };
        let own = format!("{column} = NULLIF(current_setting('app.organization_id', true), '')::uuid");
        let on = "current_setting('app.system', true) = 'on'";
        let verbs = if column == "id" { "SELECT" } else { "SELECT, INSERT, UPDATE, DELETE" };
        let (reach, check) =
            if column == "id" { ("SELECT", String::new()) } else { ("ALL", format!(" WITH CHECK ({own})")) };
        add(format!("GRANT {verbs} ON {name} TO {app}"));
        add(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
        add(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
        add(format!("DROP POLICY IF EXISTS org_isolation ON {name}"));
        add(format!("CREATE POLICY org_isolation ON {name} FOR {reach} TO {app} USING ({own}){check}"));
        add(format!("DROP POLICY IF EXISTS system_work ON {name}"));
        add(format!("CREATE POLICY system_work ON {name} TO {jobs}, {owner} USING ({on}) WITH CHECK ({on})"));
    }
    add("CREATE OR REPLACE FUNCTION wib_only_added() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION '% are only added', TG_TABLE_NAME; END $$"
        .to_owned());
    for table in APPEND_ONLY {
        add(format!("DROP TRIGGER IF EXISTS {table}_only_added ON {table}"));
        add(format!(
            "CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION wib_only_added()"
        ));
        for verb in ["UPDATE", "DELETE"] {
            let when = if verb == "UPDATE" { refused(table) } else { None };
            let when = when.map(|when| format!("WHEN ({when}) ")).unwrap_or_default();
            add(format!(
                "CREATE OR REPLACE TRIGGER {table}_no_{} BEFORE {verb} ON {table} \
                 FOR EACH ROW {when}EXECUTE FUNCTION wib_only_added()",
                verb.to_lowercase()
            ));
        }
    }
    text
}

#[cfg(all(test, feature = "sqlite", feature = "testing"))]
mod tests;
