use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use bytes::Bytes;
use wib_core::{
    kit::{SystemClock, VirtualClock},
    limits::{Asker, Limit, Limiter, Rates},
    ports::{Cache, Fault},
    store::Store,
    testing::while_time_passes,
};
use wib_storage::{
    RedisCache, StoreCache,
    testing::{
        memory_store, postgres_store,
        servers::{Program, Server},
    },
};

fn virtual_clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new("2026-02-02T12:00:00Z".parse().unwrap()))
}

mod sqlite {
    use super::*;

    async fn make(_: &'static str) -> Option<(StoreCache, Arc<VirtualClock>)> {
        let clock = virtual_clock();
        Some((StoreCache::new(&memory_store(clock.clone()).await), clock))
    }
    wib_core::cache_suite!(still make);
}

mod postgres {
    use super::*;

    /// The clock stands while the server is asked: the suite's time passes in steps that no connection would outlive.
    async fn on_postgres(test: &str, case: impl AsyncFn(&StoreCache, &VirtualClock)) {
        let clock = virtual_clock();
        if let Some(store) = postgres_store(test, clock.clone()).await {
            case(&StoreCache::new(&store), &clock).await;
        }
    }
    macro_rules! cases {
        ($($case:ident)+) => { $(
            #[tokio::test]
            async fn $case() {
                on_postgres(stringify!($case), async |cache, clock| {
                    wib_core::testing::cache_suite::$case(cache, clock).await;
                }).await;
            }
        )+ };
    }
    cases! {
        a_value_comes_back_as_it_went
        another_value_takes_its_place
        a_deleted_value_is_gone_and_may_be_deleted_again
        a_value_is_gone_when_its_time_is_over
        a_short_time_is_kept_too
        what_does_not_fit_is_refused
        a_counter_counts_within_its_window
        a_lock_has_one_holder
    }
}

static CACHES: AtomicU32 = AtomicU32::new(0);

/// An empty database of a server that ends with the process; `None` where Redis is not installed.
async fn redis(clock: Arc<VirtualClock>) -> Option<RedisCache> {
    static SERVER: std::sync::LazyLock<Option<Server>> =
        std::sync::LazyLock::new(|| Server::start("the cache on Redis", Program::Redis));
    let server = SERVER.as_ref()?;
    let number = CACHES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Some(RedisCache::new(&format!("{}/{number}", server.url("redis")).into(), clock).unwrap())
}

mod on_redis {
    use super::*;

    async fn make(_: &'static str) -> Option<(RedisCache, Arc<VirtualClock>)> {
        let clock = virtual_clock();
        Some((redis(clock.clone()).await?, clock))
    }
    wib_core::cache_suite!(still make);
}

/// Many at once: each is counted, one gets the lock.
async fn is_exact_under_contention(cache: Arc<dyn Cache>) {
    let window = Duration::from_secs(60);
    let work = (0..64u64).map(|n| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let token = Bytes::from(n.to_string());
            let won = cache.swap("lock", None, Some(token), Some(window)).await.unwrap();
            (cache.count("n", 1 + n % 2, window).await.unwrap().count, won)
        })
    });
    let mut seen: Vec<_> = futures_util::future::join_all(work).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(seen.iter().filter(|(_, won)| *won).count(), 1);
    seen.sort_unstable();
    assert_eq!(seen.last().unwrap().0, 96);
    seen.dedup_by_key(|(count, _)| *count);
    assert_eq!(seen.len(), 64, "no two saw the counter alike");
    assert_eq!(
        cache.count("n", u64::MAX, window).await.unwrap().until,
        cache.count("n", 1, window).await.unwrap().until
    );
    assert!(cache.count("n", 1, window).await.unwrap().count >= 1 << 52, "a counter stays where it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_and_locks_are_exact_under_contention() {
    is_exact_under_contention(Arc::new(StoreCache::new(&memory_store(Arc::new(SystemClock)).await))).await;
    if let Some(store) = postgres_store("counters_and_locks", Arc::new(SystemClock)).await {
        is_exact_under_contention(Arc::new(StoreCache::new(&store))).await;
    }
    if let Some(redis) = redis(virtual_clock()).await {
        is_exact_under_contention(Arc::new(redis)).await;
    }
}

#[tokio::test]
async fn the_hourly_job_forgets_what_is_over() {
    let clock = virtual_clock();
    let store = memory_store(clock.clone()).await;
    let cache = StoreCache::new(&store);
    cache.put("short", "v".into(), Some(Duration::from_secs(60))).await.unwrap();
    cache.put("long", "v".into(), None).await.unwrap();
    cache.count("n", 1, Duration::from_secs(60)).await.unwrap();
    let kept = async || {
        let all = wib_storage::testing::dump(&store).await.unwrap();
        let rows = all
            .into_iter()
            .filter(|(table, _)| table == "cache")
            .map(|(_, row)| String::from_utf8_lossy(&row).into_owned());
        rows.collect::<Vec<_>>().join("\n")
    };
    assert!(kept().await.contains("short"));
    clock.advance(Duration::from_secs(61));
    let mut tx = store.system().await.unwrap();
    assert_eq!(tx.delete_expired(wib_core::kit::Clock::now(&*clock)).await.unwrap(), 0, "no session ended");
    tx.commit().await.unwrap();
    let left = kept().await;
    assert!(left.contains("long") && !left.contains("short") && !left.contains("counter"), "{left}");
    assert_eq!(cache.get("long").await.unwrap(), Some("v".into()));
}

#[tokio::test]
async fn what_others_wrote_into_redis_counts_as_absent() {
    let clock = virtual_clock();
    let Some(server) = Server::start("what_others_wrote_into_redis", Program::Redis) else { return };
    let cache = RedisCache::new(&server.url("redis").into(), clock.clone()).unwrap();
    let mut other =
        ::redis::Client::open(server.url("redis")).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut raw = async |words: &[&str]| {
        let mut command = ::redis::cmd(words[0]);
        command.arg(&words[1..]).query_async::<::redis::Value>(&mut other).await.unwrap()
    };
    for poison in
        [&["SET", "wib:v:k", "short"][..], &["SET", "wib:v:k", "not fifteen digits"], &["RPUSH", "wib:v:k", "x"]]
    {
        raw(&["DEL", "wib:v:k"]).await;
        raw(poison).await;
        assert_eq!(cache.get("k").await.unwrap(), None, "{poison:?}");
        assert!(cache.swap("k", None, Some("mine".into()), None).await.unwrap(), "{poison:?}");
        assert_eq!(cache.get("k").await.unwrap(), Some("mine".into()));
    }
    for poison in [&["SET", "wib:c:n", "poison"][..], &["HSET", "wib:c:m", "a", "b"]] {
        raw(poison).await;
    }
    for key in ["n", "m"] {
        assert_eq!(cache.count(key, 2, Duration::from_secs(9)).await.unwrap().count, 2);
    }
}

#[tokio::test]
async fn limits_go_on_while_redis_is_down_and_it_is_asked_again_when_it_is_back() {
    let Some(mut server) = Server::start("limits_go_on_while_redis_is_down", Program::Redis) else { return };
    let clock = virtual_clock();
    let cache = Arc::new(RedisCache::new(&server.url("redis").into(), clock.clone()).unwrap());
    let limiter = Limiter::new(cache.clone(), clock.clone(), Rates::new());
    let client = Asker { client: "192.0.2.7".to_owned(), ..Asker::default() };
    let admitted = async || match limiter.admit(&[Limit::Forgot], &client).await {
        Ok(standing) => Some(standing.unwrap().left),
        Err((_, error)) => {
            assert_eq!((error.http_status(), error.machine_code()), (429, "RATE_LIMIT"));
            None
        }
    };
    assert_eq!((admitted().await, admitted().await), (Some(2), Some(1)));
    server.stop();
    let error = cache.get("k").await.unwrap_err();
    assert!(matches!(error.fault, Fault::Down | Fault::Timeout) && error.message.contains("REDIS_URL"), "{error:?}");
    // By this process alone, from its own beginning, and refused by its own end.
    let local =
        while_time_passes(&clock, async { [admitted().await, admitted().await, admitted().await, admitted().await] });
    assert_eq!(local.await, [Some(2), Some(1), Some(0), None]);
    assert!(server.again());
    // It lost its memory with its process; what is counted there from now on is shared again.
    clock.advance(Duration::from_secs(6));
    let mut shared = None;
    for _ in 0..50 {
        let other = Limiter::new(cache.clone(), clock.clone(), Rates::new());
        if cache.get("k").await.is_ok() {
            shared = Some((admitted().await, other.admit(&[Limit::Forgot], &client).await.unwrap().unwrap().left));
            break;
        }
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(shared, Some((Some(2), 1)));
}
