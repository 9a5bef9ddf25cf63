//! What becomes of mails.

use std::time::Duration;

use wib_core::{
    compliance::{ConsentScope, Medium, Wish},
    kit::time,
    ports::mailer::Mail,
};

use crate::{billing::House, stage::magic};

async fn mail(house: &House, to: &str, key: &str) {
    let mail = Mail::plain(to.parse().unwrap(), "Hello", "A word.", key);
    house.org.send_mail(&mail).await.unwrap();
    house.work().await;
    let end = time::after(house.now(), Duration::from_secs(120));
    house.sandbox.play(&house.wib, &house.clock, end, async || Ok(false)).await.unwrap();
}

#[tokio::test]
async fn an_address_that_mail_comes_back_from_is_not_written_to_again() {
    let house = House::open().await;
    mail(&house, "fine@lakeside.test", "1").await;
    mail(&house, "bounced@resend.dev", "2").await;
    let sent = house.sandbox.outbox().len();
    assert_eq!((sent, house.lines("email:bounced").await), (2, 1));
    mail(&house, "Bounced@Resend.dev", "3").await;
    assert_eq!(house.sandbox.outbox().len(), sent, "whatever its letters");
    mail(&house, "fine@lakeside.test", "4").await;
    assert_eq!(house.sandbox.outbox().len(), sent + 1);
    // Another organisation knows nothing of it; of several recipients the others are written to.
    let two = Mail {
        to: vec!["bounced@resend.dev".parse().unwrap(), "other@lakeside.test".parse().unwrap()],
        ..Mail::plain("fine@lakeside.test".parse().unwrap(), "Hello", "A word.", "5")
    };
    house.org.send_mail(&two).await.unwrap();
    house.work().await;
    let last = house.sandbox.outbox().pop().unwrap();
    assert!(last["to"].to_string().contains("other@") && !last["to"].to_string().contains("bounced@"), "{last}");
    assert!(house.lines("email:complained").await == 0);
}

#[tokio::test]
async fn a_complaint_is_an_opt_out() {
    let house = House::open().await;
    let account = house.account(&magic(1)).await;
    let mut tx = house.store.org(house.org.id()).await.unwrap();
    let mut person = tx.lock_person(account.person_id).await.unwrap().unwrap();
    person.email = Some("Complained@resend.dev".to_owned());
    tx.update(&person).await.unwrap();
    tx.commit().await.unwrap();
    mail(&house, "complained@resend.dev", "1").await;
    let consents = house.org.consents(account.person_id).await.unwrap();
    assert_eq!(
        consents.iter().map(|c| (c.scope, c.email.as_deref())).collect::<Vec<_>>(),
        [(ConsentScope::Email, Some("complained@resend.dev"))]
    );
    let wishes = house.org.preferences(account.person_id).await.unwrap();
    assert_eq!(
        wishes.iter().map(|p| (p.medium, p.wish.clone())).collect::<Vec<_>>(),
        [(Some(Medium::Email), Wish::NoMedium)]
    );
    assert_eq!((house.lines("email:complained").await, house.lines("consent:opted_out").await), (1, 1));
    let sent = house.sandbox.outbox().len();
    mail(&house, "complained@resend.dev", "2").await;
    assert_eq!(house.sandbox.outbox().len(), sent);
}

#[tokio::test]
async fn what_is_told_of_a_mail_that_nobody_sent_is_left() {
    let house = House::open().await;
    // Not by the queue: nobody's row knows it.
    let stray = Mail::plain("bounced@resend.dev".parse().unwrap(), "Hello", "A word.", "stray");
    let sets = house.sandbox.wires(house.wib.clock().clone(), house.random.clone());
    let mailer = house.sandbox.adapters(&sets).unwrap().mailers.remove(0);
    mailer.send(&stray).await.unwrap();
    let end = time::after(house.now(), Duration::from_secs(120));
    house.sandbox.play(&house.wib, &house.clock, end, async || Ok(false)).await.unwrap();
    assert!(house.store.system().await.unwrap().dead_letters(None, 9).await.unwrap().is_empty());
    assert_eq!(house.lines("email:bounced").await, 0);
}
