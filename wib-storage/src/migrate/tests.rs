//! An installation of an older version moves on.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;

use wib_core::kit::{Clock, SystemClock};

use super::*;

/// The tables as they were at a version, a debt whose person wants no more communication about it, and a sealed call.
const CEASED: &str = "
    INSERT INTO organizations (id, name, plan, live, created_at) VALUES (ID1, 'Old', 'free', FALSE, T1);
    INSERT INTO persons (organization_id, id, name, do_not_call, created_at) VALUES (ID1, ID2, 'P', FALSE, T1);
    INSERT INTO accounts (organization_id, id, person_id, balance_minor, currency, status, ceased_at, created_at)
        VALUES (ID1, ID3, ID2, 1, 'USD', 'active', T2, T1), (ID1, ID4, ID2, 1, 'USD', 'active', NULL, T1);
    INSERT INTO calls (organization_id, id, person_id, account_id, direction, from_number, to_number, flow_type, status,
        vendor, live, facts, record, transcribe, created_at, updated_at) VALUES (ID1, ID5, ID2, ID4, 'outbound',
        '+13125550100', '+13125550101', 'direct', 'completed', 'v', FALSE, '{}', TRUE, TRUE, T1, T1);
    INSERT INTO contacts (organization_id, id, person_id, account_id, call_id, kind, direction, at, counts)
        VALUES (ID1, ID6, ID2, ID4, ID5, 'attempt', 'outbound', T2, TRUE);
    INSERT INTO evidence (organization_id, id, call_id, seq, manifest, manifest_hash, prev_hash, entry_hash, created_at)
        VALUES (ID1, ID6, ID5, 1, '{}', 'mh', 'ph', 'eh', T2);
    INSERT INTO checkpoints (organization_id, id, size, head, signer, signature, created_at)
        VALUES (ID1, ID6, 1, 'eh', 's', 'sig', T2)";

async fn moves_on(work: &mut Work, rules: &Rules, id: impl Fn(u8) -> String, time: impl Fn(i64) -> String) {
    let now = SystemClock.now();
    let table = "CREATE TABLE wib_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
        applied_at TIMESTAMPTZ NOT NULL\n);";
    work.run(&work.spoken(table)).await.unwrap();
    for m in ALL.iter().filter(|m| m.version() <= 6) {
        work.run(&work.spoken(m.text)).await.unwrap();
        work.note(m.version(), m.name(), &m.checksum(), now).await.unwrap();
    }
    let mut text = CEASED.replace("T1", &time(1)).replace("T2", &time(2));
    for n in 1..=6 {
        text = text.replace(&format!("ID{n}"), &id(n));
    }
    work.run(&text).await.unwrap();
    #[cfg(feature = "postgres")]
    if let Work::Pg(_) = work {
        // As an installation has them: the owner too sees rows in a transaction of the platform only.
        for table in ["organizations", "persons", "accounts", "calls", "contacts", "evidence", "checkpoints"] {
            let forced = format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; \
                 CREATE POLICY system_work ON {table} USING (current_setting('app.system', true) = 'on')"
            );
            work.run(&forced).await.unwrap();
        }
    }
    work.steps(rules, now, false).await.unwrap();
    #[cfg(feature = "postgres")]
    if let Work::Pg(_) = work {
        work.run("BEGIN; SELECT set_config('app.system', 'on', true)").await.unwrap();
    }
    let cease = format!(
        "SELECT kind || ' ' || source FROM circumstances WHERE id = {0} AND account_id = {0} AND person_id = {1}
        AND organization_id = {2} AND since = {3} AND ended_at IS NULL",
        id(3),
        id(2),
        id(1),
        time(2)
    );
    assert_eq!(work.texts(&cease).await.unwrap(), ["cease agent_entry"]);
    assert_eq!(work.texts("SELECT CAST(COUNT(*) AS TEXT) FROM circumstances").await.unwrap(), ["1"]);
    let ledger = "SELECT kind || ' ' || phone || ' ' || medium || ' ' || technology || ' ' || source FROM contacts";
    assert_eq!(work.texts(ledger).await.unwrap(), ["attempt +13125550101 call manual call"]);
    // A link keeps its words and becomes the first version of its call.
    let link = format!(
        "SELECT kind || ' ' || format || ' ' || manifest || ' ' || manifest_hash || ' ' || prev_hash || ' ' || entry_hash
        FROM evidence WHERE id = {} AND subject_id = {1} AND call_id = {1} AND version = 1 AND supersedes IS NULL
        AND seq = 1 AND created_at = {2} AND organization_id = {3}",
        id(6),
        id(5),
        time(2),
        id(1)
    );
    assert_eq!(work.texts(&link).await.unwrap(), ["call wib-link/1 {} mh ph eh"]);
    assert_eq!(work.texts("SELECT head FROM checkpoints WHERE root IS NULL AND size = 1").await.unwrap(), ["eh"]);
    work.run("SAVEPOINT before").await.unwrap();
    let refused = work.run("DELETE FROM evidence").await.unwrap_err();
    assert!(refused.chain().contains("only added"), "the table made anew has its triggers: {}", refused.chain());
    work.run("ROLLBACK TO before").await.unwrap();
    assert!(work.texts("SELECT ceased_at FROM accounts").await.is_err(), "the column is gone");
}

#[tokio::test]
async fn a_cease_of_an_older_version_becomes_a_circumstance_on_sqlite() {
    let crate::db::Db::Lite(pool) = Database::Memory.connect().await.unwrap().0 else { panic!("SQLite") };
    let mut work = Work::Lite(pool.acquire().await.unwrap());
    let id = |n| format!("X'{}'", format!("{n:02x}").repeat(16));
    moves_on(&mut work, &Rules::Lite, id, |n| (1_780_000_000_000_000 + n).to_string()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_cease_of_an_older_version_becomes_a_circumstance_on_postgresql() {
    let name = "a_cease_of_an_older_version_becomes_a_circumstance_on_postgresql";
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Some(store) = crate::testing::postgres_store(name, clock).await else { return };
    let mut work = Work::open(&Database::Postgres(store.urls().clone())).await.unwrap();
    work.run("CREATE SCHEMA old; SET search_path TO old").await.unwrap();
    let rules = Rules::of(&Database::Postgres(store.urls().clone())).unwrap();
    let id = |n| format!("'{}'::uuid", format!("{n:02x}").repeat(16));
    moves_on(&mut work, &rules, id, |n| format!("'2026-06-0{n}T00:00:00Z'::timestamptz")).await;
}
