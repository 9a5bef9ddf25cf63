//! The conformance suite of [`Cache`]: a function per promise, each on an empty cache whose time is a virtual clock.
//!
//! ```text
//! async fn make(name: &'static str) -> (impl Cache, Arc<VirtualClock>) { .. }
//! wib_core::cache_suite!(make);                                    // one named test per case
//! wib_core::cache_suite!(still make);            // time stands but where a case moves it: for real I/O; `make` may skip
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use bytes::Bytes;

use crate::{
    kit::VirtualClock,
    ports::{Cache, Fault, Sent},
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> (impl Cache, Arc<VirtualClock>)`: an empty cache for
/// the case of that name.
#[macro_export]
macro_rules! cache_suite {
    ($make:path) => { $crate::cache_suite!(@cases passing $make); };
    (still $make:path) => { $crate::cache_suite!(@cases still $make); };
    (@cases $what:ident $make:path) => {
        $crate::cache_suite! { @each $what $make:
            a_value_comes_back_as_it_went
            another_value_takes_its_place
            a_deleted_value_is_gone_and_may_be_deleted_again
            a_value_is_gone_when_its_time_is_over
            a_short_time_is_kept_too
            what_does_not_fit_is_refused
            a_counter_counts_within_its_window
            a_lock_has_one_holder
        }
    };
    (@one passing $make:path, $case:ident) => {
        let (cache, clock) = $make(stringify!($case)).await;
        $crate::testing::while_time_passes(&clock, $crate::testing::cache_suite::$case(&cache, &clock)).await;
    };
    (@one still $make:path, $case:ident) => {
        if let Some((cache, clock)) = $make(stringify!($case)).await {
            $crate::testing::cache_suite::$case(&cache, &clock).await;
        }
    };
    (@each $what:ident $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            $crate::cache_suite!(@one $what $make, $case);
        })+
    };
}

/// Lets a write be seen everywhere.
fn settle(cache: &dyn Cache, clock: &VirtualClock) {
    if !cache.caps().consistent {
        clock.advance(Duration::from_secs(61));
    }
}

/// Whatever the bytes and whatever the key, an empty value and a key with reserved characters among them.
pub async fn a_value_comes_back_as_it_went(cache: &dyn Cache, clock: &VirtualClock) {
    let values = [Bytes::from_static(b"plain"), Bytes::new(), Bytes::from((0..=255).collect::<Vec<u8>>())];
    for (key, value) in ["plain", "a/b c?d=e#f%2F..:ü", "a/../b"].into_iter().zip(values) {
        assert_eq!(cache.get(key).await.unwrap(), None);
        settle(cache, clock);
        cache.put(key, value.clone(), None).await.unwrap();
        settle(cache, clock);
        assert_eq!(cache.get(key).await.unwrap(), Some(value), "{key}");
    }
}

/// A second put replaces value and time.
pub async fn another_value_takes_its_place(cache: &dyn Cache, clock: &VirtualClock) {
    cache.put("k", "one".into(), Some(Duration::from_secs(300))).await.unwrap();
    cache.put("k", "two".into(), None).await.unwrap();
    settle(cache, clock);
    clock.advance(Duration::from_secs(600));
    assert_eq!(cache.get("k").await.unwrap(), Some("two".into()));
    assert_eq!(cache.get("K").await.unwrap(), None);
}

/// Deleting what is not there is no failure.
pub async fn a_deleted_value_is_gone_and_may_be_deleted_again(cache: &dyn Cache, clock: &VirtualClock) {
    cache.put("k", "v".into(), None).await.unwrap();
    settle(cache, clock);
    for _ in 0..2 {
        cache.delete("k").await.unwrap();
        settle(cache, clock);
        assert_eq!(cache.get("k").await.unwrap(), None);
    }
}

/// Not before, and not after.
pub async fn a_value_is_gone_when_its_time_is_over(cache: &dyn Cache, clock: &VirtualClock) {
    cache.put("k", "v".into(), Some(Duration::from_secs(300))).await.unwrap();
    settle(cache, clock);
    clock.advance(Duration::from_secs(200));
    assert_eq!(cache.get("k").await.unwrap(), Some("v".into()));
    clock.advance(Duration::from_secs(101));
    assert_eq!(cache.get("k").await.unwrap(), None);
}

/// Seconds are kept as they are said, whatever the vendor's shortest time is.
pub async fn a_short_time_is_kept_too(cache: &dyn Cache, clock: &VirtualClock) {
    cache.put("k", "v".into(), Some(Duration::from_secs(5))).await.unwrap();
    if cache.caps().consistent {
        assert_eq!(cache.get("k").await.unwrap(), Some("v".into()));
    }
    clock.advance(Duration::from_secs(6));
    assert_eq!(cache.get("k").await.unwrap(), None);
}

/// Keys and values beyond the caps never leave.
pub async fn what_does_not_fit_is_refused(cache: &dyn Cache, _clock: &VirtualClock) {
    let caps = cache.caps();
    let longest = "k".repeat(caps.key_bytes);
    cache.put(&longest, "v".into(), None).await.unwrap();
    for key in [format!("{longest}k"), String::new(), "..".to_owned(), "a\r\nb".to_owned()] {
        let refused =
            [cache.get(&key).await.map(drop), cache.put(&key, "v".into(), None).await, cache.delete(&key).await];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{key:?}");
        }
    }
    let big = Bytes::from(vec![0; caps.value_bytes + 1]);
    let error = cache.put("big", big, None).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}

/// From the first count on; refused where nobody can promise it.
pub async fn a_counter_counts_within_its_window(cache: &dyn Cache, clock: &VirtualClock) {
    let window = Duration::from_secs(60);
    if !cache.caps().consistent {
        println!("skipped: {} is eventually consistent and has no counters", cache.vendor());
        let error = cache.count("k", 1, window).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
        return;
    }
    let first = cache.count("k", 1, window).await.unwrap();
    clock.advance(Duration::from_secs(30));
    let second = cache.count("k", 2, window).await.unwrap();
    assert_eq!((first.count, second.count, second.until), (1, 3, first.until));
    assert_eq!(cache.count("other", 1, window).await.unwrap().count, 1);
    clock.advance(Duration::from_secs(31));
    assert_eq!(cache.count("k", 1, window).await.unwrap().count, 1);
}

/// Taken once, given back by its holder only, and free again when its time is over.
pub async fn a_lock_has_one_holder(cache: &dyn Cache, clock: &VirtualClock) {
    let (mine, yours) = (Some(Bytes::from("mine")), Some(Bytes::from("yours")));
    let ttl = Some(Duration::from_secs(60));
    if !cache.caps().consistent {
        println!("skipped: {} is eventually consistent and has no locks", cache.vendor());
        let error = cache.swap("k", None, mine, ttl).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
        return;
    }
    assert!(cache.swap("k", None, mine.clone(), ttl).await.unwrap());
    assert!(!cache.swap("k", None, yours.clone(), ttl).await.unwrap());
    assert!(!cache.swap("k", yours.clone(), None, None).await.unwrap());
    assert!(cache.swap("k", mine.clone(), None, None).await.unwrap());
    assert!(cache.swap("k", None, yours, ttl).await.unwrap());
    clock.advance(Duration::from_secs(61));
    assert!(cache.swap("k", None, mine, ttl).await.unwrap());
}
