//! What holds across both engines.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};
use wib_core::{
    auth::User,
    calls::{CallLeg, LegRole},
    compliance::{CollectorRole, Holder, Line, Place},
    kit::{Clock, Id, Kind, OsRandom, SystemClock},
    orgs::{Organization, Plan},
    ports::webhook::{Event, EventBody},
    store::Store,
    testing::store_suite,
};
use wib_storage::{
    Database, SqlStore,
    testing::{dump, memory_store, postgres_store, raw, tables_with},
};

use crate::clock;

fn id<T>() -> Id<T> {
    Id::new(SystemClock.now(), &OsRandom)
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let Some(pg) = postgres_store("both_engines_have_the_same_tables_and_columns", clock()).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    SqlStore::open(&Database::File(path.clone()), clock()).await.unwrap().close().await;
    let mut lite = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let columns =
        "SELECT m.name, c.name, c.\"notnull\" > 0 OR c.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'";
    let ours: BTreeSet<(String, String, bool)> = sqlx::query(columns)
        .fetch_all(&mut lite)
        .await
        .unwrap()
        .iter()
        .map(|r| (r.get(0), r.get(1), r.get(2)))
        .collect();
    let mut owner = pg.urls().login("owner").connect().await.unwrap();
    let columns = "SELECT table_name::text, column_name::text, is_nullable = 'NO' FROM information_schema.columns
        WHERE table_schema = current_schema()";
    let theirs: BTreeSet<(String, String, bool)> = sqlx::query(columns)
        .fetch_all(&mut owner)
        .await
        .unwrap()
        .iter()
        .map(|r| (r.get(0), r.get(1), r.get(2)))
        .collect();
    assert_eq!(ours, theirs);
    let tables: BTreeMap<_, usize> = ours.iter().fold(BTreeMap::new(), |mut n, (t, ..)| {
        *n.entry(t.as_str()).or_default() += 1;
        n
    });
    assert!(tables.len() > 20, "{tables:?}");
    let strict: i64 = sqlx::query(
        "SELECT COUNT(*) FROM pragma_table_list WHERE strict = 0 AND type = 'table' AND name NOT LIKE 'sqlite%'",
    )
    .fetch_one(&mut lite)
    .await
    .unwrap()
    .get(0);
    assert_eq!(strict, 0, "every table is strict");
}

async fn foreign_rows_cannot_be_referred_to(store: &dyn Store) {
    let now = SystemClock.now();
    let organization = |name: &str| Organization {
        id: id(),
        name: name.to_owned(),
        plan: Plan::Free,
        collector_role: CollectorRole::Agency,
        live: false,
        created_at: now,
    };
    let (ours, theirs) = (organization("ours"), organization("theirs"));
    let mut tx = store.system().await.unwrap();
    tx.insert_organization(&ours).await.unwrap();
    tx.insert_organization(&theirs).await.unwrap();
    tx.commit().await.unwrap();
    store_suite::open_debts_are_found_by_number(store).await;
    let person = wib_core::collections::Person {
        id: id(),
        name: "P".to_owned(),
        email: None,
        do_not_call: false,
        language: None,
        created_at: now,
    };
    let mut tx = store.org(ours.id).await.unwrap();
    tx.insert(&person).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.org(theirs.id).await.unwrap();
    let phone = wib_core::collections::PersonPhone {
        id: id(),
        person_id: person.id,
        phone: "+13125550100".parse().unwrap(),
        holder: Holder::Consumer,
        line: Line::Unknown,
        place: Place::Unknown,
        created_at: now,
    };
    assert_eq!(
        tx.insert(&phone).await.unwrap_err().kind(),
        Kind::NotFound,
        "a person of another organisation is absent"
    );
    drop(tx);
    let leg = CallLeg {
        id: id(),
        call_id: id(),
        vendor: "v".to_owned(),
        role: LegRole::Callee,
        control_id: None,
        leg_id: None,
        session_id: None,
        created_at: now,
    };
    let mut tx = store.org(ours.id).await.unwrap();
    assert_eq!(tx.insert(&leg).await.unwrap_err().kind(), Kind::NotFound, "and so is a call that nobody has");
    drop(tx);
    // An organisation that nobody has made has no rows.
    let mut tx = store.org(id()).await.unwrap();
    assert_eq!(tx.insert(&person).await.map_err(|e| matches!(e.kind(), Kind::NotFound | Kind::Conflict)), Err(true));
    drop(tx);
    let mut tx = store.system().await.unwrap();
    assert_eq!(tx.user(id::<User>()).await.unwrap(), None);
}

#[tokio::test]
async fn rows_of_another_organisation_cannot_be_referred_to() {
    foreign_rows_cannot_be_referred_to(&memory_store(clock()).await).await;
    if let Some(store) = postgres_store("rows_of_another_organisation_cannot_be_referred_to", clock()).await {
        foreign_rows_cannot_be_referred_to(&store).await;
    }
}

#[test]
fn an_address_is_read() {
    assert!(matches!("sqlite::memory:".parse(), Ok(Database::Memory)));
    assert!(matches!("sqlite:data/wib.db".parse(), Ok(Database::File(p)) if p.to_str() == Some("data/wib.db")));
    assert!(matches!("sqlite:///var/wib.db".parse(), Ok(Database::File(p)) if p.to_str() == Some("/var/wib.db")));
    assert!(matches!("postgres://app:secret@db/wib".parse(), Ok(Database::Postgres(_))));
    let shown = format!("{:?}", "postgres://app:secret@db/wib".parse::<Database>().unwrap());
    assert!(!shown.contains("secret@"), "{shown}");
    for text in ["", "sqlite:", "sqlite://", "mysql://x", "wib.db"] {
        assert_eq!(text.parse::<Database>().unwrap_err().kind(), Kind::Invalid, "{text}");
    }
}

/// A text in a column of texts, one inside JSON and one inside bytes.
async fn canaries(store: &SqlStore) {
    let now = SystemClock.now();
    let org = Organization {
        id: id(),
        name: "Canary One".to_owned(),
        plan: Plan::Free,
        live: false,
        collector_role: CollectorRole::Agency,
        created_at: now,
    };
    let mut tx = store.system().await.unwrap();
    tx.insert_organization(&org).await.unwrap();
    let body = EventBody::Other("canary two".to_owned());
    tx.receive(id(), "house", &Event { id: "e".to_owned(), body }, b"\x00canary three\xff", now).await.unwrap();
    tx.commit().await.unwrap();
}

fn found(dump: &[(String, Vec<u8>)]) -> [Vec<String>; 4] {
    ["Canary One", "canary two", "canary three", "canary four"].map(|text| tables_with(dump, text))
}

#[tokio::test]
async fn a_dump_shows_every_byte_of_both_engines() {
    let expected = [vec!["organizations"], vec!["inbox"], vec!["inbox"], vec![]];
    let lite = memory_store(clock()).await;
    canaries(&lite).await;
    assert_eq!(found(&dump(&lite).await.unwrap()), expected);
    let Some(pg) = postgres_store("a_dump_shows_every_byte_of_both_engines", clock()).await else { return };
    canaries(&pg).await;
    assert_eq!(found(&dump(&pg).await.unwrap()), expected);
    raw(&lite, "UPDATE organizations SET name = 'canary four'").await.unwrap();
    pg.raw("UPDATE organizations SET name = 'canary four'").await.unwrap();
    let moved = [vec![], vec!["inbox"], vec!["inbox"], vec!["organizations"]];
    assert_eq!(found(&dump(&lite).await.unwrap()), moved);
    assert_eq!(found(&dump(&pg).await.unwrap()), moved);
}
