//! Keys that people press: told, and kept nowhere.

use std::sync::Arc;

use wib_core::kit::VirtualClock;
use wib_storage::{Database, SqlStore};

use crate::stage::{NOON, Stage, at, kinds, magic};

#[tokio::test]
async fn which_keys_of_a_card_were_pressed_is_written_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let place = Database::File(folder.path().join("wib.db"));
    let store = Arc::new(SqlStore::open(&place, clock.clone()).await.unwrap());
    let stage = Stage::on(store, clock, 1, |builder, _| builder).await;
    let number = magic(17);
    let account = stage.account(&number).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let card = stage.sandbox.spoken_cards(&number).remove(0);
    let pressed = kinds(&export).into_iter().filter(|kind| *kind == "call.key.pressed").count();
    assert_eq!(pressed, card.number.len() + card.expiry.len() + card.code.len() + 3);
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|found| found == text.as_bytes());
    assert!(holds("call.key.pressed") && holds(r#"{"key":null}"#), "the events themselves are there");
    assert!(!holds(r#""digit":"#) && !holds(r#"{"key":""#));
}
