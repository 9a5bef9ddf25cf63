//! A witness in a file.

use std::{io::Write, path::Path};

use wib_core::{
    kit::{Id, SeededRandom, Timestamp},
    ports::{
        Fault, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint, Receipt},
    },
};
use wib_storage::FileWitness;

use crate::clock;

fn at() -> Timestamp {
    "2026-06-01T17:30:00Z".parse().unwrap()
}
/// A checkpoint of the organisation with that number.
fn checkpoint(organization: u64, size: i64) -> PublishedCheckpoint {
    PublishedCheckpoint {
        organization_id: Id::new(at(), &SeededRandom::new(organization)),
        size,
        head: format!("sha256:{size:064}"),
        root: format!("sha256:{size:064x}"),
        signed_at: at(),
        public_key: "0".repeat(64),
        signature: "1".repeat(128),
    }
}
fn witness(path: &Path) -> FileWitness {
    FileWitness::new(path, clock())
}
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
fn conflicts(outcome: Result<Receipt, VendorError>) -> String {
    let error = outcome.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Request, Some(CONFLICTING_CHECKPOINT)), "{error}");
    error.message
}

#[tokio::test]
async fn a_checkpoint_is_added_once_and_answers_the_same_receipt_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    let first = witness(&path).publish(&checkpoint(1, 3)).await.unwrap();
    assert_eq!((first.witness.as_str(), first.size, &first.root), ("file", 3, &checkpoint(1, 3).root));
    assert_eq!(witness(&path).publish(&checkpoint(1, 3)).await.unwrap(), first);
    // Signed anew, it is still the same chain.
    let again = PublishedCheckpoint { signature: "2".repeat(128), ..checkpoint(1, 3) };
    assert_eq!(witness(&path).publish(&again).await.unwrap(), first);
    assert_eq!(lines(&path).len(), 1);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"at\":\"") && text.ends_with("}}\n") && !text.contains(": "), "{text}");
}

#[tokio::test]
async fn another_chain_is_refused_here_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    let kept = witness(&path);
    kept.publish(&checkpoint(1, 3)).await.unwrap();
    kept.publish(&checkpoint(2, 9)).await.unwrap();
    kept.publish(&checkpoint(1, 5)).await.unwrap();
    for witness in [kept, witness(&path)] {
        let root = PublishedCheckpoint { root: "sha256:00".to_owned(), ..checkpoint(1, 5) };
        let head = PublishedCheckpoint { head: "sha256:00".to_owned(), ..checkpoint(1, 5) };
        for other in [root, head, checkpoint(1, 4), checkpoint(1, 3)] {
            let told = conflicts(witness.publish(&other).await);
            assert!(told.contains("size 5") && told.contains(&checkpoint(1, 5).root), "{told}");
        }
    }
    assert_eq!(lines(&path).len(), 3);
    assert_eq!(witness(&path).publish(&checkpoint(1, 6)).await.unwrap().size, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_leave_whole_lines_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    // Two processes: each witness reads the file for itself.
    let (one, two) = (witness(&path), witness(&path));
    let writers = (0..40).map(|n| {
        let witness = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move { witness.publish(&checkpoint(n % 4, 1 + n as i64 / 8)).await })
    });
    let mut kept = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(_) => kept += 1,
            Err(late) => assert!(late.message.contains("holds size"), "{late}"),
        }
    }
    let lines = lines(&path);
    assert!(lines.len() <= kept && lines.len() >= 4);
    for n in 0..4 {
        let ours = checkpoint(n, 1).organization_id.to_string();
        let own = lines.iter().map(|line| &line["checkpoint"]).filter(|c| c["organization_id"] == ours.as_str());
        let sizes: Vec<_> = own.map(|c| c["size"].as_i64().unwrap()).collect();
        assert!(sizes.is_sorted_by(|a, b| a < b) && sizes.last() == Some(&5), "{sizes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_chains_at_once_one_is_witnessed() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let path = folder.path().join(format!("{round}.jsonl"));
        // Each with an eye of its own, like as many processes.
        let forks = (0..32).map(|n| {
            let (witness, fork) = (witness(&path), format!("sha256:{n}"));
            tokio::spawn(async move { witness.publish(&PublishedCheckpoint { root: fork, ..checkpoint(1, 1) }).await })
        });
        let mut kept = 0;
        for fork in forks.collect::<Vec<_>>() {
            kept += usize::from(fork.await.unwrap().is_ok());
        }
        assert_eq!((kept, lines(&path).len()), (1, 1));
    }
}

#[tokio::test]
async fn a_line_that_a_crash_cut_is_passed_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    witness(&path).publish(&checkpoint(1, 1)).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    for end in [1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, [&whole[..], &whole[..end]].concat()).unwrap();
        for size in [1, 1, 2, 2] {
            assert_eq!(witness(&path).publish(&checkpoint(1, size)).await.unwrap().size, size);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!((text.lines().count(), text.lines().filter(|l| l.ends_with(" torn")).count()), (3, 1));
    }
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.jsonl");
    let kept = witness(&path);
    kept.publish(&checkpoint(1, 1)).await.unwrap();
    kept.publish(&checkpoint(1, 2)).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refused = async |witness: &FileWitness| {
        let error = witness.publish(&checkpoint(1, 9)).await.unwrap_err();
        assert!(error.fault == Fault::Down && error.message.contains("cut"), "{error}");
    };
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&kept).await;
    let half = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    // A changed line, lines in another order, a line that does not end.
    let mut changed = whole.clone();
    changed[2] = b'#';
    for bytes in [changed, [&whole[half..], &whole[..half]].concat(), vec![b'x'; 5000]] {
        std::fs::write(&path, bytes).unwrap();
        let fresh = witness(&path);
        refused(&fresh).await;
        refused(&fresh).await;
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = witness(&folder.path().join("not/there")).publish(&checkpoint(1, 1)).await.unwrap_err();
    assert_eq!((missing.fault, missing.code.as_deref()), (Fault::Down, Some("entity not found")));
    let folder_itself = witness(folder.path()).publish(&checkpoint(1, 1)).await.unwrap_err();
    assert_eq!(folder_itself.fault, Fault::Down);
    // A folder without the right to write does not stop root; the kernel's own files stop everybody.
    let read_only = folder.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let probe = std::fs::File::create(read_only.join("probe")).and_then(|mut f| f.write_all(b"x"));
    if probe.is_err() {
        let error = witness(&read_only.join("file")).publish(&checkpoint(1, 1)).await.unwrap_err();
        assert_eq!((error.fault, error.message.as_str()), (Fault::Down, "the file may not be written"));
    } else {
        let error = witness(Path::new("/sys/kernel/wib")).publish(&checkpoint(1, 1)).await.unwrap_err();
        assert_eq!(error.fault, Fault::Down, "{error}");
    }
}
