//! The conformance suite of [`Blobs`]: a function per promise, each on an empty place.
//!
//! ```text
//! async fn make(name: &'static str) -> impl Blobs { .. }
//! async fn fetch(url: String) -> (u16, Bytes) { .. }                 // any client of HTTP
//! wib_core::blobs_suite!(make, fetch);                               // one named test per case
//! ```

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};

use crate::{
    kit::{Error, Kind, canonical},
    ports::{
        Blobs,
        blobs::{Chunks, Listed},
    },
};

/// Fetches an address as anybody would: the status and the body.
pub type Fetch = fn(String) -> BoxFuture<'static, (u16, Bytes)>;

/// Makes one test per case. `make` is an `async fn(&'static str) -> impl Blobs`: an empty place for the case of that name;
/// `fetch` an `async fn(String) -> (u16, Bytes)`.
#[macro_export]
macro_rules! blobs_suite {
    ($make:path, $fetch:path) => {
        $crate::blobs_suite! { @cases $make, $fetch:
            bytes_come_back_as_they_went_and_are_replaced_whole
            a_range_is_cut_at_the_end_and_refused_beyond_it
            a_stream_of_several_parts_is_whole_and_hashed
            more_than_is_taken_leaves_what_was_there
            a_broken_stream_leaves_what_was_there
            odd_keys_are_refused
            a_list_goes_on_behind_its_last_key
            an_address_of_its_own_gives_anybody_the_bytes
        }
    };
    (@cases $make:path, $fetch:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            let blobs = $make(stringify!($case)).await;
            $crate::testing::blobs_suite::$case(&blobs, |url| Box::pin($fetch(url))).await;
        })+
    };
}

const KEY: &str = "org/recordings/a.mp3";
/// The least part of an upload in parts.
const PART: usize = 5 << 20;

fn sound(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect()
}

/// The bytes in pieces of an odd length, a failure behind them if asked.
fn pieces(bytes: &[u8], breaks: bool) -> Chunks {
    let mut all: Vec<_> = bytes.chunks(700_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    // An empty piece is no end.
    all.insert(all.len() / 2, Ok(Bytes::new()));
    if breaks {
        all.push(Err(Error::vendor("the line broke")));
    }
    stream::iter(all).boxed()
}

/// The second bytes take the place of the first; none may be none; what was deleted is gone, and may be deleted again.
pub async fn bytes_come_back_as_they_went_and_are_replaced_whole(blobs: &dyn Blobs, _: Fetch) {
    blobs.ping().await.unwrap();
    assert_eq!((blobs.get(KEY).await.unwrap(), blobs.head(KEY).await.unwrap()), (None, None));
    blobs.put(KEY, Bytes::from_static(b"longer at first")).await.unwrap();
    blobs.put(KEY, Bytes::from_static(b"two")).await.unwrap();
    blobs.put("org/recordings/b.mp3", Bytes::new()).await.unwrap();
    assert_eq!((blobs.get(KEY).await.unwrap(), blobs.head(KEY).await.unwrap()), (Some("two".into()), Some(3)));
    assert_eq!(blobs.get("org/recordings/b.mp3").await.unwrap(), Some(Bytes::new()));
    assert_eq!(blobs.head("org/recordings/b.mp3").await.unwrap(), Some(0));
    // Neither a folder nor what would lie below a blob is one.
    for nothing in ["org", "org/recordings", "org/recordings/a.mp3/x"] {
        assert_eq!(blobs.get(nothing).await.unwrap(), None, "{nothing}");
        blobs.delete("org/nothing").await.unwrap();
    }
    for _ in 0..2 {
        blobs.delete(KEY).await.unwrap();
        assert_eq!(blobs.get(KEY).await.unwrap(), None);
    }
}

/// As HTTP has them, with the end outside.
pub async fn a_range_is_cut_at_the_end_and_refused_beyond_it(blobs: &dyn Blobs, _: Fetch) {
    blobs.put(KEY, Bytes::from_static(b"0123456789")).await.unwrap();
    for (range, found) in
        [(0..10, "0123456789"), (2..5, "234"), (9..10, "9"), (8..99, "89"), (0..u64::MAX, "0123456789")]
    {
        assert_eq!(blobs.get_range(KEY, range.clone()).await.unwrap(), Some(found.into()), "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [10..11, 10..10, 11..20, 3..3, 5..2] {
        let error = blobs.get_range(KEY, range.clone()).await.unwrap_err();
        assert_eq!(error.machine_code(), "RANGE_NOT_SATISFIABLE", "{range:?}: {error:?}");
    }
    blobs.put("org/empty", Bytes::new()).await.unwrap();
    let error = blobs.get_range("org/empty", 0..1).await.unwrap_err();
    assert_eq!(error.machine_code(), "RANGE_NOT_SATISFIABLE", "{error:?}");
    assert_eq!(blobs.get_range("org/none", 0..1).await.unwrap(), None);
}

/// Whatever the parts: none full, exactly full, more than one.
pub async fn a_stream_of_several_parts_is_whole_and_hashed(blobs: &dyn Blobs, _: Fetch) {
    for length in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1_234_567] {
        let bytes = sound(length);
        let kept = blobs.put_stream(KEY, pieces(&bytes, false), length as u64).await.unwrap();
        assert_eq!((kept.size, kept.hash), (length as u64, canonical::sha256(&bytes)), "{length}");
        assert_eq!(blobs.head(KEY).await.unwrap(), Some(length as u64));
        assert!(blobs.get(KEY).await.unwrap().unwrap() == bytes, "{length}");
        if length > PART + 10 {
            let over = blobs.get_range(KEY, PART as u64 - 10..PART as u64 + 10).await.unwrap().unwrap();
            assert_eq!(over, bytes[PART - 10..PART + 10]);
        }
    }
}

async fn stays_as_it_was(blobs: &dyn Blobs, breaks: bool, most: u64, kind: Kind) {
    blobs.put(KEY, Bytes::from_static(b"old")).await.unwrap();
    for length in [usize::try_from(most).unwrap() + 1, 2 * PART + 1] {
        for key in [KEY, "org/recordings/new.mp3"] {
            let most = if breaks { u64::MAX } else { most };
            let error = blobs.put_stream(key, pieces(&sound(length), breaks), most).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error:?}");
        }
    }
    assert_eq!(blobs.get(KEY).await.unwrap(), Some("old".into()));
    let there = blobs.list("", None, 9).await.unwrap();
    assert_eq!(there, [Listed { key: KEY.to_owned(), size: 3 }]);
}

/// A byte too many, before a part is full and after.
pub async fn more_than_is_taken_leaves_what_was_there(blobs: &dyn Blobs, _: Fetch) {
    stays_as_it_was(blobs, false, 100, Kind::TooLarge).await;
    stays_as_it_was(blobs, false, PART as u64 + 5, Kind::TooLarge).await;
}

/// The failure is the stream's own.
pub async fn a_broken_stream_leaves_what_was_there(blobs: &dyn Blobs, _: Fetch) {
    stays_as_it_was(blobs, true, 100, Kind::Vendor).await;
}

/// By every question, before anything is asked.
pub async fn odd_keys_are_refused(blobs: &dyn Blobs, _: Fetch) {
    let long = "k/".repeat(600) + "k";
    for key in ["", "/etc/passwd", "..", "a/../../b", "a//b", "a/", ".hidden", "a\\b", "a\0b", "C:a", "é", "a b", &long]
    {
        let second = Duration::from_secs(1);
        let refused = [
            blobs.put(key, Bytes::new()).await,
            blobs.get(key).await.map(drop),
            blobs.get_range(key, 0..1).await.map(drop),
            blobs.head(key).await.map(drop),
            blobs.delete(key).await,
            blobs.signed_url(key, "audio/mpeg", second).await.map(drop),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.kind(), Kind::Invalid, "{key:?}");
        }
        if !key.is_empty() {
            assert_eq!(blobs.list(key, None, 1).await.unwrap_err().kind(), Kind::Invalid, "{key:?}");
        }
    }
}

/// In the order of the keys' bytes, whatever of them are folders.
pub async fn a_list_goes_on_behind_its_last_key(blobs: &dyn Blobs, _: Fetch) {
    let mut keys = ["a/b/1", "a/b-2", "a/b.3", "a/b/c/4", "a/b0", "ab/5", "a/z", "b"];
    for key in keys {
        blobs.put(key, Bytes::copy_from_slice(key.as_bytes())).await.unwrap();
    }
    keys.sort_unstable();
    let all = async |folder: &'static str, limit| {
        let (mut found, mut after) = (vec![], None);
        loop {
            let page = blobs.list(folder, after, limit).await.unwrap();
            assert!(page.len() <= limit && page.iter().all(|blob| blob.size == blob.key.len() as u64), "{page:?}");
            let Some(last) = page.last() else { return found };
            after = Some(last.key.clone());
            found.extend(page.into_iter().map(|blob| blob.key));
        }
    };
    for limit in [1, 2, 3, 100] {
        assert_eq!(all("", limit).await, keys);
        assert_eq!(all("a", limit).await, keys.iter().filter(|k| k.starts_with("a/")).copied().collect::<Vec<_>>());
        assert_eq!(all("a/b", limit).await, ["a/b/1", "a/b/c/4"]);
    }
    assert_eq!(all("nothing/here", 9).await, Vec::<String>::new());
}

/// Where it has addresses.
pub async fn an_address_of_its_own_gives_anybody_the_bytes(blobs: &dyn Blobs, fetch: Fetch) {
    blobs.put(KEY, Bytes::from_static(b"sound")).await.unwrap();
    let Some(url) = blobs.signed_url(KEY, "audio/mpeg", Duration::from_secs(60)).await.unwrap() else {
        println!("skipped: {blobs:?} has no addresses; the house signs its own");
        return;
    };
    assert_eq!(fetch(url).await, (200, "sound".into()));
}
