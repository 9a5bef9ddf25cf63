//! Requests that are run once.

use super::*;
use crate::idempotency::IdempotentRequest;

fn a_request(key: &str) -> IdempotentRequest {
    IdempotentRequest {
        id: id(),
        key_hash: key.to_owned(),
        request_hash: "said".to_owned(),
        status: None,
        body: None,
        created_at: at(0),
        expires_at: at(100),
    }
}

/// Once per key and tenant until its time is over; what was answered; freed; forgotten; purged.
pub async fn a_key_is_claimed_once_and_keeps_its_answer(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (one, two) = (a_request("k"), a_request("k"));
    org!(store, t.org, |tx| assert!(tx.claim_request(&one, at(1)).await.expect("asked")));
    org!(store, other.org, |tx| {
        assert_eq!(tx.request_of_key("k").await.expect("read"), None);
        assert!(tx.claim_request(&two, at(1)).await.expect("another tenant's key is another"));
        tx.free_request(one.id).await.expect("nothing of another's");
        tx.settle_request(one.id, 201, Some("{}")).await.expect("nothing of another's");
        tx.forget_answers().await.expect("nothing of another's");
    });
    org!(store, t.org, |tx| {
        assert!(!tx.claim_request(&a_request("k"), at(99)).await.expect("asked"), "taken");
        assert_eq!(tx.request_of_key("k").await.expect("read").as_ref(), Some(&one));
        tx.settle_request(one.id, 201, Some("{}")).await.expect("settled");
    });
    org!(store, t.org, |tx| {
        let answered = IdempotentRequest { status: Some(201), body: Some("{}".to_owned()), ..one.clone() };
        assert_eq!(tx.request_of_key("k").await.expect("read"), Some(answered));
        tx.forget_answers().await.expect("forgotten");
    });
    org!(store, t.org, |tx| {
        let forgotten = tx.request_of_key("k").await.expect("read").expect("it is taken still");
        assert_eq!((forgotten.status, forgotten.body), (Some(201), None));
        let later = IdempotentRequest { created_at: at(100), expires_at: at(200), ..a_request("k") };
        assert!(tx.claim_request(&later, at(100)).await.expect("asked"), "its time is over");
        tx.free_request(later.id).await.expect("freed");
        assert!(tx.claim_request(&a_request("k"), at(100)).await.expect("asked"), "freed");
    });
    let raced = join_all((0..6).map(async |n| {
        let mut tx = store.org(t.org).await.expect("a transaction opens");
        let won = tx.claim_request(&IdempotentRequest { id: id(), ..a_request("r") }, at(n)).await.expect("asked");
        tx.commit().await.expect("committed");
        won
    }))
    .await;
    assert_eq!(raced.iter().filter(|won| **won).count(), 1);
    system!(store, |tx| _ = tx.delete_expired(at(100)).await.expect("purged"));
    org!(store, t.org, |tx| {
        assert_eq!(tx.request_of_key("k").await.expect("read"), None);
        assert_eq!(tx.request_of_key("r").await.expect("read"), None);
        assert!(tx.claim_request(&a_request("kept"), at(1)).await.expect("asked"));
    });
}
