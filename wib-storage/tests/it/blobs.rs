use std::sync::{LazyLock, atomic::AtomicU32};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wib_core::{kit::Kind, ports::Blobs};
use wib_storage::{
    FolderBlobs, MemoryBlobs, S3Blobs, S3Settings,
    testing::servers::{Program, Server},
};

use crate::clock;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
});

async fn fetch(url: String) -> (u16, Bytes) {
    let answer = CLIENT.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap())
}

mod memory {
    use super::*;

    async fn make(_: &'static str) -> MemoryBlobs {
        MemoryBlobs::default()
    }
    wib_core::blobs_suite!(make, fetch);
}

mod folder {
    use super::*;

    async fn make(_: &'static str) -> FolderBlobs {
        let folder = tempfile::tempdir().unwrap().keep();
        FolderBlobs::new(folder.join("made/when/missing"), clock())
    }
    wib_core::blobs_suite!(make, fetch);
}

fn settings(server: &Server, bucket: &str) -> S3Settings {
    // The provider first: the client is made with it.
    LazyLock::force(&CLIENT);
    S3Settings {
        bucket: bucket.to_owned(),
        endpoint: Some(server.url("http")),
        region: "auto".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: SECRET.to_owned().into(),
    }
}
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

async fn bucket(server: &Server, name: &str) {
    let made = CLIENT.put(format!("{}/{name}", server.url("http"))).send().await.unwrap();
    assert_eq!(made.status(), 200, "{}", made.text().await.unwrap());
}

mod s3 {
    use super::*;

    /// One server for the suite; it ends with the process.
    static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| Server::start("the suite of blobs on S3", Program::S3));
    static BUCKETS: AtomicU32 = AtomicU32::new(0);

    async fn make(_: &'static str) -> S3Blobs {
        let server = SERVER.as_ref().expect("moto is installed: the suite has no test without it");
        let name = format!("wib-{}", BUCKETS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        bucket(server, &name).await;
        S3Blobs::new(&settings(server, &name)).unwrap()
    }
    wib_core::blobs_suite!(make, fetch);

    #[tokio::test]
    async fn an_upload_that_fails_leaves_no_parts_behind() {
        let Some(server) = SERVER.as_ref() else { return };
        bucket(server, "parts").await;
        let blobs = S3Blobs::new(&settings(server, "parts")).unwrap();
        let broken = stream::iter((0..13).map(|n| match n {
            12 => Err(wib_core::kit::Error::vendor("the line broke")),
            _ => Ok(Bytes::from(vec![n; 1 << 20])),
        }));
        assert!(blobs.put_stream("org/a", broken.boxed(), u64::MAX).await.is_err());
        let (status, listed) = fetch(format!("{}/parts?uploads", server.url("http"))).await;
        let text = String::from_utf8_lossy(&listed).into_owned();
        assert!(status == 200 && text.contains("ListMultipartUploadsResult"), "{text}");
        assert!(!text.contains("<UploadId>"), "{text}");
    }

    /// What S3 computes over an address before it gives anything out: AWS Signature Version 4, in the query. Whether the
    /// address is as it was signed.
    fn fits(url: &str, secret: &str) -> bool {
        let (address, query) = url.split_once('?').unwrap();
        let (host, path) = address.split_once("://").unwrap().1.split_once('/').unwrap();
        let mut parts: Vec<_> = query.split('&').filter(|part| !part.starts_with("X-Amz-Signature=")).collect();
        parts.sort_unstable();
        let of = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap();
        let asked = format!("GET\n/{path}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", parts.join("&"));
        let credential = of("X-Amz-Credential=").replace("%2F", "/");
        let scope = credential.split_once('/').unwrap().1;
        let hash = hex::encode(Sha256::digest(asked));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", of("X-Amz-Date="));
        let mac = |key: &[u8], text: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
        of("X-Amz-Signature=") == hex::encode(mac(&key, &text))
    }

    // The test's server gives out whatever the signature says, so what S3 does with one is done here, after AWS's own
    // example (Authenticating Requests: Using Query Parameters).
    #[tokio::test]
    async fn an_address_counts_as_long_as_was_asked_and_for_nothing_else() {
        let example = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&\
            X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&\
            X-Amz-Expires=86400&X-Amz-SignedHeaders=host&\
            X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(fits(example, SECRET));
        let blobs = make("signed").await;
        let url = blobs.signed_url("org/recordings/a.mp3", "audio/mpeg", std::time::Duration::from_secs(90)).await;
        let url = url.unwrap().unwrap();
        assert!(url.contains("X-Amz-Expires=90&") && url.contains("X-Amz-SignedHeaders=host"), "{url}");
        assert!(url.contains("response-content-type=audio%2Fmpeg"), "{url}");
        assert!(fits(&url, SECRET), "{url}");
        for (part, forged) in [("=90&", "=9000&"), ("a.mp3", "b.mp3"), ("%2Fmpeg", "%2Fhtml"), ("/auto/", "/else/")] {
            let changed = url
                .replace(part, forged)
                .replace("%2Fauto%2F", if forged == "/else/" { "%2Felse%2F" } else { "%2Fauto%2F" });
            assert!(changed != url && !fits(&changed, SECRET), "{forged}");
        }
        let longest = blobs.signed_url("org/a", "audio/mpeg", std::time::Duration::MAX).await.unwrap().unwrap();
        assert!(longest.contains("X-Amz-Expires=604800&"), "S3 takes a week at most: {longest}");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_place_names_its_setting_and_passes() {
        let Some(mut server) = Server::start("what_is_wrong_with_the_place", Program::S3) else { return };
        let blobs = S3Blobs::new(&settings(&server, "wib")).unwrap();
        let every = async |setting: &str| {
            let failed = [
                blobs.ping().await,
                blobs.put("org/a", "x".into()).await,
                blobs.get("org/a").await.map(drop),
                blobs.get_range("org/a", 0..1).await.map(drop),
                blobs.head("org/a").await.map(drop),
                blobs.list("org", None, 1).await.map(drop),
                blobs.delete("org/a").await,
                blobs.put_stream("org/b", stream::iter([Ok(vec![0; 6 << 20].into())]).boxed(), 1 << 30).await.map(drop),
            ];
            for (n, outcome) in failed.into_iter().enumerate() {
                let error = outcome.expect_err(&format!("{setting} {n}"));
                assert_eq!(error.kind(), Kind::Unavailable);
                assert!(error.message().contains(setting), "{n}: {error:?}");
                assert!(!error.chain().contains(SECRET));
            }
        };
        every("S3_BUCKET").await;
        bucket(&server, "wib").await;
        blobs.put("org/a", "there".into()).await.unwrap();
        assert_eq!(blobs.get("org/a").await.unwrap(), Some("there".into()));
        server.stop();
        every("S3_ENDPOINT").await;
        // What it kept was in its memory.
        assert!(server.again());
        bucket(&server, "wib").await;
        blobs.put("org/a", "again".into()).await.unwrap();
        assert_eq!(blobs.get("org/a").await.unwrap(), Some("again".into()));
        // From now on it knows keys, and ours is none of them.
        let strict = CLIENT.post(format!("{}/moto-api/reset-auth", server.url("http"))).body("0").send().await.unwrap();
        assert_eq!(strict.status(), 200);
        every("S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY").await;
    }
}

#[tokio::test]
async fn a_folder_leaves_no_draft_behind() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::new(folder.path(), clock());
    blobs.put("org/a", "whole".into()).await.unwrap();
    let broken = || stream::iter([Ok(vec![0; 3 << 20].into()), Err(wib_core::kit::Error::vendor("broke"))]).boxed();
    assert!(blobs.put_stream("org/a", broken(), u64::MAX).await.is_err());
    // Dropped half way, as a stopped worker is.
    let never = stream::iter([Ok(Bytes::from(vec![0; 3 << 20]))]).chain(stream::pending()).boxed();
    let writing = blobs.put_stream("org/a", never, u64::MAX);
    futures_util::pin_mut!(writing);
    for _ in 0..1000 {
        assert!(futures_util::poll!(writing.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    #[expect(clippy::drop_non_drop, reason = "the draft is removed by dropping")]
    drop(writing);
    let left =
        || std::fs::read_dir(folder.path().join("org")).unwrap().flatten().map(|e| e.file_name()).collect::<Vec<_>>();
    assert!(left().contains(&"a".into()), "{:?}", left());
    assert_eq!(blobs.get("org/a").await.unwrap(), Some("whole".into()));
}

#[tokio::test]
async fn what_a_crash_left_is_neither_read_nor_listed() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::new(folder.path(), clock());
    blobs.put("org/a", "whole".into()).await.unwrap();
    std::fs::write(folder.path().join("org/.1-0.draft"), b"half").unwrap();
    assert!(blobs.get("org/.1-0.draft").await.is_err());
    let listed = blobs.list("", None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|blob| blob.key.as_str()).collect::<Vec<_>>(), ["org/a"]);
}

#[tokio::test]
async fn writers_of_one_blob_never_mix() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::new(folder.path(), clock());
    let writers = (0..16u8).map(|n| {
        let blobs = blobs.clone();
        async move { blobs.put("org/a", Bytes::from(vec![n; 100_000])).await.unwrap() }
    });
    futures_util::future::join_all(writers).await;
    let kept = blobs.get("org/a").await.unwrap().unwrap();
    assert!(kept.len() == 100_000 && kept.iter().all(|b| *b == kept[0]));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"not a folder").unwrap();
    let blobs = FolderBlobs::new(&file, clock());
    let error = blobs.ping().await.unwrap_err();
    assert!(error.kind() == Kind::Unavailable && error.chain().contains("folder of the blobs"), "{error:?}");
    assert!(blobs.put("a", Bytes::new()).await.is_err());
}
