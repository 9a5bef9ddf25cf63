//! The caps hold whoever asks, however many at once, and whatever breaks off in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection, Row, raw_sql};
use tokio::sync::RwLock;
use wib_core::{
    calls::{Call, StartCall},
    collections::{Account, AccountId, Person},
    compliance::{Explanation, StoredVerdict},
    contacts::{Contact, ContactKind},
    imports::AccountStatus,
    kit::{Clock, Currency, Error, Kind, SeededRandom, SystemClock, Timestamp, VirtualClock, time},
    notices::{CreateNotice, NoticeMethod},
    ports::voice::Direction,
    store::{People, Repo, Store},
};
use wib_storage::{Database, SqlStore, testing::postgres_store};

use crate::stage::{NOON, Stage, at, magic};

/// Who asks at once.
const TASKS: u64 = 64;
/// Whom they ask for: rings out, answers, is busy, has a machine.
const NUMBERS: [u8; 6] = [3, 5, 2, 4, 3, 1];
/// After how many asks half a day passes at once.
const LEAP: u64 = 100;
const WEEK: Duration = Duration::from_secs(168 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// A future that is dropped after so many polls: at a point where it waits.
struct Dropped<'a, T>(Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>, u64);
impl<T> Future for Dropped<'_, T> {
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.1 == 0 {
            self.0 = None;
            return Poll::Ready(None);
        }
        self.1 -= 1;
        match &mut self.0 {
            Some(inner) => inner.as_mut().poll(cx).map(Some),
            None => Poll::Ready(None),
        }
    }
}

/// Small chances of a task's own.
struct Dice(u64);
impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Six persons, each with two accounts of one debt and one of another.
async fn people(stage: &Stage) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for (n, number) in NUMBERS.into_iter().enumerate() {
        let first = stage.account(&magic(number)).await;
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        let mut keyed: Account = Repo::find(&mut *tx, first.id).await.unwrap().unwrap();
        keyed.debt_key = Some(format!("loan-{n}"));
        tx.update(&keyed).await.unwrap();
        let id = || stage.id();
        let more = |debt_key| Account {
            id: id(),
            person_id: first.person_id,
            external_id: None,
            balance_minor: 100,
            currency: Currency::USD,
            status: AccountStatus::Active,
            debt_key,
            first_communication_at: None,
            notes: None,
            created_at: stage.now(),
        };
        let (same, other) = (more(keyed.debt_key.clone()), more(None));
        tx.insert(&same).await.unwrap();
        tx.insert(&other).await.unwrap();
        tx.commit().await.unwrap();
        for account in [first.id, same.id, other.id] {
            // Or nothing would follow the first conversation.
            let notice = CreateNotice { account_id: account, method: NoticeMethod::Mail };
            let notice = stage.org.create_notice(notice).await.unwrap();
            stage.org.notice_sent(notice.id, None).await.unwrap();
            accounts.push(account);
        }
    }
    accounts
}

/// What came of the asking.
#[derive(Debug, Default)]
struct Tally {
    permitted: AtomicU64,
    blocked: AtomicU64,
    dropped: AtomicU64,
    busy: AtomicU64,
}

/// What the tasks share.
struct Field {
    stage: Stage,
    accounts: Vec<AccountId>,
    left: AtomicU64,
    tally: Tally,
    gate: RwLock<()>,
}

async fn ask(field: Arc<Field>, seed: u64) {
    let mut dice = Dice(seed);
    let Field { stage, accounts, left, tally, .. } = &*field;
    while let Ok(n) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
        let account = accounts[usize::try_from(dice.below(accounts.len() as u64)).unwrap()];
        let wish = StartCall { account_id: Some(account), ..StartCall::default() };
        let together = field.gate.read().await;
        // One in three is given up at some point where it waits.
        let patience = if dice.below(3) == 0 { 1 + dice.below(60) } else { u64::MAX };
        match Dropped(Some(Box::pin(stage.org.start_call(wish))), patience).await {
            None => &tally.dropped,
            Some(Ok(_)) => &tally.permitted,
            Some(Err(e)) if e.kind() == Kind::Blocked => &tally.blocked,
            Some(Err(e)) if e.retryable() => &tally.busy,
            Some(Err(e)) => panic!("{e:?}"),
        }
        .fetch_add(1, Ordering::Relaxed);
        if n % LEAP == 0 {
            drop(together);
            // Nobody asks meanwhile, and what was asked for is carried to its end: a clock that runs while sixty-three
            // wait for a connection would make every dial come too late.
            let _alone = field.gate.write().await;
            let until = time::after(stage.now(), Duration::from_secs(600));
            stage.sandbox.play(&stage.wib, &stage.clock, until, async || Ok(false)).await.unwrap();
            stage.clock.advance(Duration::from_secs(3600 * (6 + dice.below(12))));
        } else if dice.below(4) == 0 {
            let patience = if dice.below(3) == 0 { 1 + dice.below(200) } else { u64::MAX };
            let work = async {
                stage.sandbox.deliver(&stage.wib).await;
                // A few at a time, so that the others ask in between.
                for _ in 0..4 {
                    if stage.worker().step().await? == 0 {
                        break;
                    }
                }
                Ok::<_, Error>(())
            };
            if let Some(Err(e)) = Dropped(Some(Box::pin(work)), patience).await {
                assert!(e.retryable(), "{e:?}");
            }
        }
        stage.clock.advance(Duration::from_secs(dice.below(20)));
    }
}

/// Reads as whoever owns the tables.
enum Owner {
    Lite(sqlx::SqliteConnection),
    Pg(sqlx::PgConnection),
}
impl Owner {
    async fn count(&mut self, of: &str) -> i64 {
        let text = format!("SELECT COUNT(*) FROM {of}");
        match self {
            Self::Lite(conn) => sqlx::query(AssertSqlSafe(text)).fetch_one(conn).await.unwrap().get(0),
            Self::Pg(conn) => sqlx::query(AssertSqlSafe(text)).fetch_one(conn).await.unwrap().get(0),
        }
    }
}

fn apart(rows: &[Timestamp], n: usize) -> Duration {
    let spans = rows.windows(n + 1).map(|w| Duration::try_from(w[n].duration_since(w[0])).unwrap());
    spans.min().unwrap_or(Duration::MAX)
}

async fn caps(store: Arc<dyn Store>, clock: Arc<VirtualClock>, mut owner: Owner) {
    let asks: u64 = std::env::var("WIB_CAPS").map_or(3_000, |n| n.parse().expect("WIB_CAPS is a number"));
    let stage = Stage::on(store, clock, 1, |builder, _| builder).await;
    let accounts = people(&stage).await;
    let left = AtomicU64::new(asks);
    let field = Arc::new(Field { stage, accounts, left, tally: Tally::default(), gate: RwLock::new(()) });
    let Field { stage, tally, .. } = &*field;
    let (began, from) = (SystemClock.now(), stage.now());
    let tasks = (0..TASKS).map(|n| tokio::spawn(ask(field.clone(), n)));
    for task in join_all(tasks).await {
        task.expect("no task fails");
    }
    let took = SystemClock.now().duration_since(began);

    let everybody = People { from: uuid::Uuid::nil().into(), to: uuid::Uuid::max().into() };
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let debts: BTreeMap<_, _> =
        tx.accounts(everybody, 1000).await.unwrap().into_iter().map(|a| (a.id, a.particular_debt_id())).collect();
    let rows = tx.ledger(everybody, from, i64::MAX).await.unwrap();
    let persons: Vec<Person> = tx.persons(everybody, 1000).await.unwrap();
    let mut saw = Vec::new();
    for row in rows.iter().filter(|c| c.kind == ContactKind::Attempt) {
        let call: Call = Repo::find(&mut *tx, row.call_id.unwrap()).await.unwrap().unwrap();
        let verdict: StoredVerdict = Repo::find(&mut *tx, call.verdict_id.unwrap()).await.unwrap().unwrap();
        let seen: Explanation = serde_json::from_value(verdict.explanation).unwrap();
        saw.push((row, seen.facts.ledger.into_iter().map(|l| l.at).collect::<BTreeSet<_>>()));
    }
    drop(tx);
    // The dial's own gate mends what two verdicts at once would have let through: so each is asked what it saw.
    for ((a, of_a), (b, of_b)) in
        saw.iter().zip(saw.iter().skip(1)).filter(|((a, _), (b, _))| a.person_id == b.person_id)
    {
        let known = of_b.contains(&a.at) || (a.at == b.at && of_a.contains(&b.at));
        assert!(known || time::after(a.at, 4 * WEEK) < b.at, "at {} the call of {} was not counted", b.at, a.at);
    }
    let chicago = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let counted = |c: &&Contact| c.counts && c.kind == ContactKind::Attempt && c.direction == Direction::Outbound;
    let mut attempts = 0;
    for person in &persons {
        let of: Vec<_> = rows.iter().filter(|c| c.person_id == person.id).collect();
        for debt in debts.values().collect::<BTreeSet<_>>() {
            let about = || of.iter().copied().filter(|c| debts[&c.account_id] == *debt);
            let placed: Vec<_> = about().filter(counted).map(|c| c.at).collect();
            attempts += placed.len();
            assert!(apart(&placed, 7) >= WEEK, "an eighth call within a week: {placed:?}");
            for talk in about().filter(|c| c.kind == ContactKind::Conversation && c.counts) {
                let day = talk.at.to_zoned(chicago.clone()).date();
                let quiet =
                    |at: &&Timestamp| **at > talk.at && (at.to_zoned(chicago.clone()).date() - day).get_days() < 7;
                let broken: Vec<_> = placed.iter().filter(quiet).collect();
                assert!(broken.is_empty(), "called in the quiet week of {}: {broken:?}", talk.at);
            }
        }
        let placed: Vec<_> = of.iter().copied().filter(counted).map(|c| c.at).collect();
        assert!(apart(&placed, 1) >= 2 * HOUR, "a number was called twice within two hours");
        let mut days = BTreeMap::new();
        for at in &placed {
            *days.entry(at.to_zoned(chicago.clone()).date()).or_insert(0) += 1;
        }
        assert!(days.values().all(|n| *n <= 2), "a number was called three times a day: {days:?}");
    }
    let attempt = "SELECT 1 FROM contacts c WHERE c.call_id = v.call_id AND c.kind = 'attempt'";
    let bare = format!("verdicts v WHERE v.outcome = 'permit' AND NOT EXISTS ({attempt})");
    assert_eq!(owner.count(&bare).await, 0, "every permit has its attempt");
    let permit = "SELECT 1 FROM calls k JOIN verdicts v ON v.id = k.verdict_id AND v.call_id = k.id
        WHERE k.id = c.call_id AND v.outcome = 'permit'";
    let bare = format!("contacts c WHERE c.kind = 'attempt' AND NOT EXISTS ({permit})");
    assert_eq!(owner.count(&bare).await, 0, "every attempt has its verdict");
    let dial = "SELECT 1 FROM queue q WHERE q.topic = 'dial' AND q.key = CAST(k.id AS TEXT)";
    if let Owner::Pg(_) = owner {
        assert_eq!(owner.count(&format!("calls k WHERE NOT EXISTS ({dial})")).await, 0, "every call is dialled");
    }
    let (permits, verdicts) = (owner.count("verdicts WHERE outcome = 'permit'").await, owner.count("verdicts").await);
    println!(
        "{asks} asks by {TASKS} tasks over {:.0} days: {tally:?}; {verdicts} verdicts, {permits} permits, {attempts} \
         counted attempts, {} dials, {:.1} s",
        stage.now().duration_since(from).as_secs_f64() / 86_400.0,
        stage.sandbox.numbers().values().sum::<u64>(),
        took.as_secs_f64()
    );
    let told = |n: &AtomicU64| n.load(Ordering::Relaxed);
    assert!(u64::try_from(permits).unwrap() >= told(&tally.permitted) && told(&tally.permitted) > 0);
    assert!(told(&tally.blocked) > 0 && told(&tally.dropped) > 0 && attempts > 20, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cap_is_exceeded_by_sixty_four_who_ask_at_once_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    let store = SqlStore::open(&Database::File(path.clone()), clock.clone()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let owner = Owner::Lite(sqlx::SqliteConnection::connect_with(&options).await.unwrap());
    caps(Arc::new(store), clock, owner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cap_is_exceeded_by_sixty_four_who_ask_at_once_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let test = "no cap is exceeded by sixty four who ask at once on postgresql";
    let Some(store) = postgres_store(test, clock.clone()).await else { return };
    let mut owner = sqlx::PgConnection::connect_with(&store.urls().login("owner")).await.unwrap();
    // Rows of every tenant are seen in a transaction of the platform only; each statement sees what is committed.
    raw_sql("BEGIN; SELECT set_config('app.system', 'on', true)").execute(&mut owner).await.unwrap();
    caps(Arc::new(store), clock, Owner::Pg(owner)).await;
}

#[tokio::test]
async fn a_future_that_is_dropped_gives_nothing() {
    let waits = || Box::pin(async { SeededRandom::new(1) });
    assert!(Dropped(Some(waits()), 0).await.is_none());
    assert!(Dropped(Some(waits()), 1).await.is_some());
}
