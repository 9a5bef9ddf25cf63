use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, raw_sql};
use wib_core::{
    engine::{NewMessage, Topic},
    kit::{Clock, Id, OsRandom, SystemClock},
    orgs::Organization,
    store::Store,
    testing::store_suite,
};
use wib_storage::{
    Database, PgUrls, SqlStore, migrate,
    testing::{PgStore, postgres_store},
};

use crate::clock;

mod suite {
    async fn make(name: &'static str) -> Option<super::PgStore> {
        super::postgres_store(name, crate::clock()).await
    }
    wib_core::store_suite!(make);
}

async fn texts(conn: &mut PgConnection, text: &str) -> Vec<String> {
    let rows = raw_sql(AssertSqlSafe(text.to_owned())).fetch_all(conn).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn number(conn: &mut PgConnection, text: &str) -> i64 {
    raw_sql(AssertSqlSafe(text.to_owned())).fetch_one(conn).await.unwrap().get(0)
}

async fn run(conn: &mut PgConnection, text: &str) -> sqlx::Result<()> {
    raw_sql(AssertSqlSafe(text.to_owned())).execute(conn).await.map(|_| ())
}

const TENANT_TABLES: &str = "SELECT c.table_name::text FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND c.column_name = 'organization_id' AND t.table_type = 'BASE TABLE'";

/// A store with rows in every table of a tenant.
async fn filled(test: &str) -> Option<PgStore> {
    let store = postgres_store(test, clock()).await?;
    store_suite::every_record_comes_back_as_it_went(&store).await;
    store_suite::every_record_of_the_law_comes_back_as_it_went(&store).await;
    store_suite::violations_come_back_change_and_are_locked(&store).await;
    store_suite::numbers_caller_ids_and_lines_come_back_and_change(&store).await;
    store_suite::translations_are_kept_once_per_version(&store).await;
    store_suite::secrets_come_back_change_and_go(&store).await;
    store_suite::no_place_is_seen_before_those_before_it(&store).await;
    store_suite::budgets_and_prompts_come_back_and_change(&store).await;
    store_suite::reservations_of_a_month_add_up_and_are_settled(&store).await;
    store_suite::every_record_of_money_comes_back_as_it_went(&store).await;
    store_suite::a_key_is_queued_once_per_organisation(&store).await;
    store_suite::lines_heard_live_come_back_in_order_and_are_forgotten(&store).await;
    store_suite::a_stream_is_opened_once(&store).await;
    store_suite::a_translation_is_spoken_once(&store).await;
    store_suite::sounds_are_kept_by_their_key_and_go_by_their_use(&store).await;
    store_suite::moods_and_advice_come_back_and_are_forgotten_with_their_lines(&store).await;
    store_suite::wishes_scripts_and_turns_come_back_and_change(&store).await;
    store_suite::calls_that_were_judged_are_listed(&store).await;
    store_suite::conversations_of_a_machine_come_back_change_and_are_forgotten(&store).await;
    store_suite::a_key_is_claimed_once_and_keeps_its_answer(&store).await;
    store_suite::what_is_said_of_calls_comes_back_and_changes(&store).await;
    store_suite::how_calls_begin_and_whom_they_go_to_comes_back(&store).await;
    store_suite::audio_that_is_brought_comes_back_with_what_was_heard(&store).await;
    store_suite::every_record_of_the_service_comes_back_and_changes(&store).await;
    store_suite::deliveries_and_failures_are_listed(&store).await;
    store_suite::flags_of_an_organisation_come_back_change_and_go(&store).await;
    store_suite::ways_to_sign_in_come_back_and_change(&store).await;
    store_suite::teams_keys_and_invitations_come_back_and_are_one_tenants(&store).await;
    Some(store)
}

#[tokio::test]
async fn without_its_setting_the_application_sees_no_row_of_any_tenant() {
    let Some(store) = filled("without_its_setting_the_application_sees_no_row_of_any_tenant").await else { return };
    let mut owner = store.urls().login("owner").connect().await.unwrap();
    let mut app = store.urls().login("app").connect().await.unwrap();
    let mut tables = texts(&mut owner, TENANT_TABLES).await;
    tables.push("organizations".to_owned());
    assert!(tables.len() >= 18, "{tables:?}");
    for table in &tables {
        let count = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(number(&mut owner, &count).await, 0, "{table}: policies are forced on the owner too");
        run(&mut owner, "BEGIN; SELECT set_config('app.system', 'on', true)").await.unwrap();
        assert!(number(&mut owner, &count).await > 0, "{table} has rows");
        run(&mut owner, "COMMIT").await.unwrap();
        let stranger = format!(
            "SELECT set_config('app.organization_id', '{}', true)",
            Id::<Organization>::new(SystemClock.now(), &OsRandom)
        );
        for setting in ["SELECT 1", &stranger, "SELECT set_config('app.system', 'on', true)"] {
            run(&mut app, &format!("BEGIN; {setting}")).await.unwrap();
            assert_eq!(number(&mut app, &count).await, 0, "{table} after {setting}");
            run(&mut app, "ROLLBACK").await.unwrap();
            assert_eq!(number(&mut app, &count).await, 0, "{table} after the transaction");
        }
    }
}

#[tokio::test]
async fn no_table_of_tenants_lacks_a_forced_policy() {
    let Some(store) = postgres_store("no_table_of_tenants_lacks_a_forced_policy", clock()).await else { return };
    let mut owner = store.urls().login("owner").connect().await.unwrap();
    let bare = format!("{TENANT_TABLES} AND NOT EXISTS (SELECT 1 FROM pg_class k WHERE k.oid = to_regclass(t.table_name)
        AND k.relrowsecurity AND k.relforcerowsecurity
        AND 2 = (SELECT COUNT(*) FROM pg_policies p WHERE p.tablename = t.table_name AND p.schemaname = t.table_schema))");
    assert_eq!(texts(&mut owner, &bare).await, Vec::<String>::new());
    run(&mut owner, "CREATE TABLE notes (organization_id UUID NOT NULL, id UUID PRIMARY KEY)").await.unwrap();
    assert_eq!(texts(&mut owner, &bare).await, ["notes"]);
    migrate::up(&Database::Postgres(store.urls().clone()), SystemClock.now()).await.unwrap();
    assert_eq!(texts(&mut owner, &bare).await, Vec::<String>::new(), "a table that arrives is covered");
}

#[tokio::test]
async fn the_application_may_not_touch_what_is_the_platforms() {
    let Some(store) = filled("the_application_may_not_touch_what_is_the_platforms").await else { return };
    let mut app = store.urls().login("app").connect().await.unwrap();
    for table in ["users", "sessions", "one_time_tokens", "inbox", "job_runs", "job_leases"] {
        let error = run(&mut app, &format!("SELECT * FROM {table}")).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{table}: {error}");
    }
    for text in [
        "DELETE FROM organizations",
        "CREATE TABLE x (y BIGINT)",
        "ALTER TABLE calls DISABLE ROW LEVEL SECURITY",
        "DELETE FROM wib_migrations",
    ] {
        assert!(run(&mut app, text).await.is_err(), "{text}");
    }
    // The row of another organisation cannot be made either.
    run(
        &mut app,
        &format!(
            "BEGIN; SELECT set_config('app.organization_id', '{}', true)",
            Id::<Organization>::new(SystemClock.now(), &OsRandom)
        ),
    )
    .await
    .unwrap();
    let forged = "INSERT INTO persons VALUES (gen_random_uuid(), gen_random_uuid(), 'x', NULL, false, now())";
    let error = run(&mut app, forged).await.unwrap_err().to_string();
    assert!(error.contains("row-level security"), "{error}");
}

/// Every table, and whether it has an organisation's column.
const TABLES: &str = "SELECT t.table_name::text FROM information_schema.tables t
    WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'";

#[tokio::test]
async fn every_table_is_a_tenants_or_the_platforms_and_no_login_has_more_than_it_needs() {
    const NAME: &str = "every_table_is_a_tenants_or_the_platforms_and_no_login_has_more_than_it_needs";
    let Some(store) = postgres_store(NAME, clock()).await else { return };
    let mut owner = store.urls().login("owner").connect().await.unwrap();
    let tenants = texts(&mut owner, TENANT_TABLES).await;
    let platform: Vec<_> = texts(&mut owner, TABLES).await.into_iter().filter(|t| !tenants.contains(t)).collect();
    assert!(tenants.len() > 30 && platform.len() > 6, "{tenants:?} {platform:?}");
    let mut may = async |login: &str, table: &str| {
        let verbs = "VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')";
        let held = format!(
            "SELECT verb FROM ({verbs}) AS v (verb)
            WHERE has_table_privilege('wib_test_{login}', '\"{table}\"', verb) ORDER BY verb"
        );
        texts(&mut owner, &held).await.join(" ")
    };
    const ROWS: &str = "DELETE INSERT SELECT UPDATE";
    for table in &tenants {
        assert_eq!((may("app", table).await.as_str(), may("jobs", table).await.as_str()), (ROWS, ROWS), "{table}");
    }
    for table in &platform {
        // A table that nobody put anywhere is granted to nobody, and fails here.
        let (app, jobs) = match table.as_str() {
            "wib_migrations" => ("SELECT", "SELECT"),
            "organizations" => ("SELECT", ROWS),
            _ => ("", ROWS),
        };
        assert_eq!((may("app", table).await.as_str(), may("jobs", table).await.as_str()), (app, jobs), "{table}");
    }
    let loose = "SELECT rolname::text FROM pg_roles WHERE rolname IN ('wib_test_app', 'wib_test_jobs')
        AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR pg_has_role(oid, 'wib_test_owner', 'MEMBER')
            OR has_schema_privilege(oid, current_schema(), 'CREATE') OR has_database_privilege(oid, current_database(), 'CREATE'))";
    assert_eq!(texts(&mut owner, loose).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_login_of_the_server_changes_tables_policies_or_triggers() {
    const NAME: &str = "no_login_of_the_server_changes_tables_policies_or_triggers";
    let Some(store) = filled(NAME).await else { return };
    for login in ["app", "jobs"] {
        let mut conn = store.urls().login(login).connect().await.unwrap();
        for text in [
            "CREATE TABLE mine (id BIGINT)",
            "CREATE TABLE mine AS SELECT * FROM wib_migrations",
            "CREATE FUNCTION wib_only_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "CREATE OR REPLACE FUNCTION wib_only_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "CREATE POLICY mine ON calls USING (true)",
            "ALTER POLICY org_isolation ON calls USING (true)",
            "DROP POLICY org_isolation ON calls",
            "ALTER TABLE calls DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE calls NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE evidence DISABLE TRIGGER ALL",
            "DROP TRIGGER evidence_no_update ON evidence",
            "SET session_replication_role = replica",
            "SET ROLE wib_test_owner",
            "SET SESSION AUTHORIZATION wib_test_owner",
            "TRUNCATE evidence CASCADE",
            "DROP TABLE evidence CASCADE",
            "SET row_security = off; SELECT * FROM calls",
            "COPY calls TO PROGRAM 'cat'",
            "INSERT INTO wib_migrations VALUES (900, 'x', 'x', now())",
        ] {
            assert!(run(&mut conn, text).await.is_err(), "{login}: {text}");
        }
    }
}

const EVIDENCE: [&str; 11] = [
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
];

#[tokio::test]
async fn rows_of_evidence_are_only_added() {
    let Some(store) = filled("rows_of_evidence_are_only_added").await else { return };
    // The platform's login, and the one that owns the tables.
    for login in ["jobs", "owner"] {
        let mut conn = store.urls().login(login).connect().await.unwrap();
        for table in EVIDENCE {
            for text in
                [format!("UPDATE {table} SET organization_id = gen_random_uuid()"), format!("DELETE FROM {table}")]
            {
                let begin = "BEGIN; SELECT set_config('app.system', 'on', true)";
                let error = run(&mut conn, &format!("{begin}; {text}")).await.unwrap_err().to_string();
                assert!(error.contains("only added"), "{login}: {text}: {error}");
                run(&mut conn, "ROLLBACK").await.unwrap();
            }
        }
    }
    let mut owner = store.urls().login("owner").connect().await.unwrap();
    for table in EVIDENCE {
        let error = run(&mut owner, &format!("TRUNCATE {table} CASCADE")).await.unwrap_err().to_string();
        assert!(error.contains("only added"), "{table}: {error}");
    }
    for text in ["UPDATE recordings SET media_hash = 'sha256:ff'", "UPDATE recordings SET vendor_id = vendor_id || 'x'"]
    {
        let error = store.raw(text).await.unwrap_err().chain();
        assert!(error.contains("only added"), "{text}: {error}");
    }
}

#[tokio::test]
async fn one_login_may_do_everything() {
    let Some(store) = postgres_store("one_login_may_do_everything", clock()).await else { return };
    let urls = PgUrls { connections: 2, ..PgUrls::one(store.urls().login("owner").to_url_lossy().to_string()) };
    let alone = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    store_suite::every_question_sees_one_tenant_only(&alone).await;
    store_suite::sessions_end(&alone).await;
    alone.close().await;
}

#[tokio::test]
async fn statements_without_names_do_for_a_pooler() {
    let Some(store) = postgres_store("statements_without_names_do_for_a_pooler", clock()).await else { return };
    let urls = PgUrls { pooled: true, ..store.urls().clone() };
    let pooled = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap();
    store_suite::every_record_comes_back_as_it_went(&pooled).await;
    store_suite::no_two_workers_lease_the_same_message(&pooled).await;
    let mut tx = pooled.system().await.unwrap();
    let message = NewMessage {
        topic: Topic::Seal,
        key: "k".to_owned(),
        payload: serde_json::json!({}),
        run_at: SystemClock.now(),
    };
    assert!(tx.enqueue(None, &message).await.unwrap());
    tx.commit().await.unwrap();
    pooled.close().await;
}

#[tokio::test]
async fn without_an_owner_the_version_is_checked_and_nothing_changed() {
    let Some(store) = postgres_store("without_an_owner_the_version_is_checked_and_nothing_changed", clock()).await
    else {
        return;
    };
    let plain = Database::Postgres(PgUrls { owner: None, ..store.urls().clone() });
    let open = async || SqlStore::open(&plain, clock()).await;
    open().await.unwrap().close().await;
    let steps: Vec<_> = migrate::status(&plain).await.unwrap().iter().map(|step| step.version).collect();
    let [.., before, newest] = steps[..] else { panic!("{steps:?}") };
    let mut owner = store.urls().login("owner").connect().await.unwrap();
    run(&mut owner, "INSERT INTO wib_migrations VALUES (900, 'later', 'x', now())").await.unwrap();
    let message = open().await.unwrap_err().message().to_owned();
    assert!(message.contains("900") && message.contains(&newest.to_string()), "{message}");
    assert!(migrate::status(&Database::Postgres(store.urls().clone())).await.is_err());
    run(&mut owner, &format!("DELETE FROM wib_migrations WHERE version IN ({newest}, 900)")).await.unwrap();
    let message = open().await.unwrap_err().message().to_owned();
    assert!(message.contains(&format!("version {before}")) && message.contains("owner"), "{message}");
    owner.close().await.unwrap();
}
