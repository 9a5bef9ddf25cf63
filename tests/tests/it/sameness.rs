//! The same seed gives the same bytes.

use std::{path::PathBuf, process::Command};

use wib_core::evidence::verify;

use crate::stage::{NOON, Stage, magic, skipped};

/// The evidence and the export of three calls, as bytes.
async fn played(seed: u64) -> Vec<Vec<u8>> {
    let stage = Stage::from(NOON, seed).await;
    let mut files = Vec::new();
    for number in [5, 4, 6] {
        let account = stage.account(&magic(number)).await;
        let call = stage.start(&account).await.unwrap();
        let export = stage.sealed(call.id).await;
        files.push(export.evidence.as_ref().unwrap().to_bytes().unwrap());
        files.push(serde_json::to_vec(&export).unwrap());
    }
    files
}

#[tokio::test]
async fn the_same_seed_gives_the_same_evidence_and_export_and_another_seed_others() {
    let (one, again, other) = (played(3).await, played(3).await, played(4).await);
    assert!(one == again, "the same seed gives the same bytes");
    assert!(one.iter().zip(&other).all(|(a, b)| a != b), "another seed gives other bytes");
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("WIB_BIN").map(PathBuf::from);
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("wib"));
    named.or_else(beside).filter(|path| path.is_file())
}

/// Standard output, and name and bytes of the one evidence file.
fn demo(program: &PathBuf) -> (Vec<u8>, String, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    let ran = command.args(["demo", "--seed", "3", "--json", "--out"]).arg(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let file = files.remove(0);
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    (ran.stdout, name, std::fs::read(file).unwrap())
}

#[test]
fn the_demonstration_gives_the_same_bytes_twice_and_a_changed_byte_of_its_file_is_found() {
    let Some(program) = program() else {
        return skipped("the demonstration gives the same bytes twice", "there is no program `wib`");
    };
    let (one, again) = (demo(&program), demo(&program));
    assert!(one == again, "the same seed gives the same output and file");
    let file = one.2;
    assert!(verify(&file, None).unwrap().holds());
    let caught = (0..60).filter(|n| {
        let mut changed = file.clone();
        changed[n * file.len() / 60] ^= 1 << (n % 8);
        !verify(&changed, None).unwrap().holds()
    });
    let caught = caught.count();
    println!("{caught} of 60");
    assert_eq!(caught, 60);
}
