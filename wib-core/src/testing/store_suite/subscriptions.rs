//! Addresses that are told what happens.

use super::*;
use crate::{
    kit::text::TextEnum,
    reliability::{FailureStatus, WebhookFailure},
    subscriptions::{Subscription, WebhookDelivery, WebhookEvent, WebhookEvents},
};

fn a_subscription(seconds: i64) -> Subscription {
    Subscription {
        id: id(),
        url: "https://hooks.example.com/in?a=b".to_owned(),
        events: WebhookEvents(WebhookEvent::ALL.to_vec()),
        description: Some("Ours".to_owned()),
        is_active: true,
        created_by: Some(id()),
        created_at: at(seconds),
        updated_at: at(seconds),
    }
}

fn a_delivery(of: &Subscription, seconds: i64) -> WebhookDelivery {
    WebhookDelivery {
        id: id(),
        subscription_id: of.id,
        event_id: id(),
        event: WebhookEvent::CallEnded,
        payload: json!({"event": "call.ended", "data": {"call_id": "x"}}),
        attempt: 3,
        response_status: Some(503),
        response_body: Some("down".to_owned()),
        error: None,
        success: false,
        duration_ms: 17,
        created_at: at(seconds),
    }
}

fn a_failure(of: &Subscription, seconds: i64) -> WebhookFailure {
    WebhookFailure {
        id: id(),
        subscription_id: of.id,
        event_id: id(),
        event: WebhookEvent::CallEnded,
        payload: json!({"event": "call.ended"}),
        endpoint: of.url.clone(),
        attempt_count: 4,
        last_status: None,
        last_error: Some("no connection".to_owned()),
        status: FailureStatus::Failed,
        resolution_notes: None,
        resolved_by: None,
        resolved_at: None,
        created_at: at(seconds),
        updated_at: at(seconds),
    }
}

/// Whole, in order, one tenant's alone; what is taken away takes what it was told with it.
pub async fn subscriptions_come_back_change_and_go_with_what_they_were_told(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (first, second) = (a_subscription(1), a_subscription(2));
    let bare = Subscription { description: None, created_by: None, is_active: false, ..second.clone() };
    org!(store, t.org, |tx| {
        for row in [&second, &first] {
            tx.insert(row).await.expect("added");
        }
        assert_eq!(tx.webhooks(9).await.expect("read"), [first.clone(), second.clone()]);
        assert_eq!(tx.webhooks(1).await.expect("read").len(), 1);
        tx.update(&bare).await.expect("changed");
        assert_eq!(tx.lock_webhook(second.id).await.expect("read"), Some(bare.clone()));
        assert_eq!(tx.active_webhooks(9).await.expect("read"), std::slice::from_ref(&first));
        for row in [a_delivery(&first, 1), a_delivery(&second, 1)] {
            tx.insert(&row).await.expect("added");
        }
        for row in [a_failure(&first, 1), a_failure(&second, 1)] {
            tx.insert(&row).await.expect("added");
        }
    });
    org!(store, other.org, |tx| {
        assert!(tx.webhooks(9).await.expect("read").is_empty());
        assert!(tx.active_webhooks(9).await.expect("read").is_empty());
        assert_eq!(tx.lock_webhook(first.id).await.expect("read"), None);
        tx.remove_webhook(first.id).await.expect("nothing of theirs");
    });
    let theirs = store.org(other.org).await.expect("opened").insert(&a_delivery(&first, 2)).await;
    assert_eq!(kind_of(theirs), Kind::NotFound, "an address of somebody else's");
    org!(store, t.org, |tx| {
        tx.remove_webhook(second.id).await.expect("removed");
        assert_eq!(tx.webhooks(9).await.expect("read"), std::slice::from_ref(&first));
        let told = tx.list_deliveries(None, Stretch { limit: 9, offset: 0 }).await.expect("read");
        assert_eq!((told.total, told.items[0].subscription_id), (1, first.id));
        assert_eq!(tx.list_failures(None, Stretch::NONE).await.expect("read").total, 1);
    });
}

/// The last first, of one subscription or of all, each once.
pub async fn deliveries_and_failures_are_listed(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (one, two) = (a_subscription(1), a_subscription(2));
    let mut told: Vec<_> = [3, 1, 2].map(|seconds| a_delivery(&one, seconds)).into();
    told.push(WebhookDelivery {
        response_status: None,
        response_body: None,
        error: Some("no connection".to_owned()),
        success: true,
        ..a_delivery(&two, 9)
    });
    let failures: Vec<_> = FailureStatus::ALL
        .iter()
        .zip(1..)
        .map(|(status, seconds)| WebhookFailure {
            status: *status,
            last_status: Some(500),
            resolution_notes: Some("Seen".to_owned()),
            resolved_by: Some(id()),
            resolved_at: Some(at(seconds)),
            ..a_failure(&one, seconds)
        })
        .collect();
    org!(store, t.org, |tx| {
        for row in [&one, &two] {
            tx.insert(row).await.expect("added");
        }
        for row in &told {
            tx.insert(row).await.expect("added");
        }
        for row in &failures {
            tx.insert(row).await.expect("added");
        }
    });
    told.sort_by_key(|row| std::cmp::Reverse(row.created_at));
    let part = |limit, offset| Stretch { limit, offset };
    org!(store, t.org, |tx| {
        let all = tx.list_deliveries(None, part(9, 0)).await.expect("read");
        assert_eq!((all.total, &all.items), (4, &told));
        let of_one = tx.list_deliveries(Some(one.id), part(2, 1)).await.expect("read");
        assert_eq!((of_one.total, &of_one.items[..]), (3, &told[2..]));
        let all = tx.list_failures(None, part(9, 0)).await.expect("read");
        assert!(all.total == 4 && all.items.iter().eq(failures.iter().rev()), "{all:?}");
        let some = tx.list_failures(Some(FailureStatus::Discarded), part(9, 0)).await.expect("read");
        assert_eq!((some.total, &some.items[0]), (1, &failures[2]));
        assert_eq!(tx.failure_of(one.id, failures[0].event_id).await.expect("read").as_ref(), Some(&failures[0]));
        assert_eq!(tx.failure_of(two.id, failures[0].event_id).await.expect("read"), None);
        let changed = WebhookFailure { attempt_count: 5, status: FailureStatus::Resolved, ..failures[0].clone() };
        tx.update(&changed).await.expect("changed");
        assert_eq!(tx.lock_failure(changed.id).await.expect("read"), Some(changed));
    });
    let again = WebhookFailure { id: id(), ..failures[0].clone() };
    assert_eq!(kind_of(store.org(t.org).await.expect("opened").insert(&again).await), Kind::Conflict, "one per event");
    org!(store, other.org, |tx| {
        assert_eq!(tx.list_deliveries(None, part(9, 0)).await.expect("read").total, 0);
        assert_eq!(tx.list_deliveries(Some(one.id), part(9, 0)).await.expect("read").total, 0);
        assert_eq!(tx.list_failures(None, part(9, 0)).await.expect("read").total, 0);
        assert_eq!(tx.failure_of(one.id, failures[0].event_id).await.expect("read"), None);
        assert_eq!(tx.lock_failure(failures[0].id).await.expect("read"), None);
    });
}

/// By age, of every tenant.
pub async fn old_deliveries_and_failures_are_purged(store: &dyn Store) {
    for t in [tenant(store).await, tenant(store).await] {
        let one = a_subscription(1);
        org!(store, t.org, |tx| {
            tx.insert(&one).await.expect("added");
            for seconds in [1, 2] {
                tx.insert(&a_delivery(&one, seconds)).await.expect("added");
                tx.insert(&a_failure(&one, seconds)).await.expect("added");
            }
        });
    }
    system!(store, |tx| {
        assert_eq!(tx.purge_deliveries(at(2)).await.expect("purged"), 2);
        assert_eq!(tx.purge_failures(at(2)).await.expect("purged"), 2);
        assert_eq!(tx.purge_deliveries(at(2)).await.expect("purged"), 0);
        assert_eq!(tx.purge_failures(at(3)).await.expect("purged"), 2);
    });
}
