use bytes::Bytes;
use wib_core::{kit::Kind, ports::Blobs};
use wib_storage::{FolderBlobs, MemoryBlobs};

use crate::clock;

async fn keep(blobs: &dyn Blobs) {
    blobs.ping().await.unwrap();
    assert_eq!(blobs.get("org/call/a.mp3").await.unwrap(), None);
    blobs.put("org/call/a.mp3", Bytes::from_static(b"one")).await.unwrap();
    blobs.put("org/call/a.mp3", Bytes::from_static(b"two")).await.unwrap();
    blobs.put("org/call/b.mp3", Bytes::new()).await.unwrap();
    assert_eq!(blobs.get("org/call/a.mp3").await.unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(blobs.get("org/call/b.mp3").await.unwrap().as_deref(), Some(&b""[..]));
    blobs.delete("org/call/a.mp3").await.unwrap();
    blobs.delete("org/call/a.mp3").await.unwrap();
    assert_eq!(blobs.get("org/call/a.mp3").await.unwrap(), None);
    for key in ["", "/etc/passwd", "..", "a/../../b", "a//b", "a/", ".hidden", "a\\b", "a\0b", "C:a", "é"] {
        assert_eq!(blobs.put(key, Bytes::new()).await.unwrap_err().kind(), Kind::Invalid, "{key:?}");
        assert_eq!(blobs.get(key).await.unwrap_err().kind(), Kind::Invalid, "{key:?}");
        assert_eq!(blobs.delete(key).await.unwrap_err().kind(), Kind::Invalid, "{key:?}");
    }
}

#[tokio::test]
async fn a_folder_keeps_blobs_and_stays_inside() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::new(folder.path().join("made/when/missing"), clock());
    keep(&blobs).await;
    let left: Vec<_> = std::fs::read_dir(folder.path().join("made/when/missing/org/call")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "no draft stays behind: {left:?}");
}

#[tokio::test]
async fn memory_keeps_blobs() {
    keep(&MemoryBlobs::default()).await;
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
