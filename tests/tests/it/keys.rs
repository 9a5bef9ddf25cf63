//! Keys that people press, and cards that they write down: told, and kept nowhere.

use std::sync::Arc;

use http::{HeaderMap, Method};
use wib_core::{
    engine::Worker,
    kit::{Clock, VirtualClock},
    ports::{Messenger, messenger::NewMessage},
};
use wib_storage::{Database, SqlStore};

use crate::stage::{NOON, Stage, at, kinds, magic, phone};

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

#[tokio::test]
async fn a_card_in_a_text_message_is_written_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let place = Database::File(folder.path().join("wib.db"));
    let store = Arc::new(SqlStore::open(&place, clock.clone()).await.unwrap());
    let stage = Stage::on(store, clock, 1, |builder, _| builder).await;
    let written = r#"{"from":"+14155550123","to":"+13125550100","text":"Take 4111 1111 1111 1111, please"}"#;
    let path = "/sandbox/telnyx/messages";
    let answer = stage.sandbox.serve(Method::POST, path, HeaderMap::new(), written.into()).await;
    assert_eq!(answer.status(), 200);
    // What we write ourselves comes back in the events of its delivery.
    let message = NewMessage {
        to: phone("+14155550123"),
        from: None,
        text: "You wrote 5555 5555 5555 4444".into(),
        media_urls: vec![],
        webhook_url: None,
        at: None,
    };
    let messenger: &Arc<dyn Messenger> = stage.wib.messenger().expect("the sandbox carries messages");
    messenger.send(&message).await.unwrap();
    let mut taken = 0;
    for _ in 0..20 {
        taken += stage.sandbox.deliver(&stage.wib).await;
        Worker::new(&stage.wib).run_until_idle().await.unwrap();
        stage.clock.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(taken, 3, "received, sent, finalized; none a second time, until {}", stage.clock.now());
    assert!(stage.wib.system().dead_letters(10).await.unwrap().is_empty());
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|found| found == text.as_bytes());
    assert!(holds("Take [CARD_1], please") && holds("You wrote [CARD_1]"), "the events themselves are there");
    assert!(!holds("4111") && !holds("5555 5555"));
}
