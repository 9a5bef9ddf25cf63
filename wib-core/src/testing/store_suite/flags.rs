//! Flags, ways to sign in, platform administrators.

use super::*;
use crate::{
    flags::{GlobalFlag, OrgFlag},
    kit::text::TextEnum,
    platform::Totals,
    sso::{AuthProvider, Provider, ProviderConfig},
};

fn a_flag(feature: &str) -> OrgFlag {
    OrgFlag {
        id: id(),
        feature: feature.to_owned(),
        enabled: false,
        disabled_reason: Some("dear".to_owned()),
        disabled_at: Some(at(1)),
        disabled_by: Some(id()),
        daily_limit: Some(3),
        monthly_limit: Some(0),
        daily_usage: 2,
        monthly_usage: 5,
        day_ends_at: at(7),
        month_ends_at: at(9),
        created_at: at(2),
        updated_at: at(3),
    }
}
fn a_provider(provider: Provider, seconds: i64) -> AuthProvider {
    let config = json!({"domain": "example.org"}).as_object().cloned().expect("an object");
    AuthProvider {
        id: id(),
        provider,
        enabled: true,
        client_id: Some("client".to_owned()),
        has_secret: true,
        config: ProviderConfig(config),
        created_at: at(seconds),
        updated_at: at(9),
    }
}

/// Every field; one per feature and tenant; found, listed, changed, removed; one tenant's.
pub async fn flags_of_an_organisation_come_back_change_and_go(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let bare = OrgFlag {
        disabled_reason: None,
        disabled_at: None,
        disabled_by: None,
        daily_limit: None,
        monthly_limit: None,
        enabled: true,
        created_at: at(1),
        ..a_flag("b")
    };
    let full = a_flag("a");
    comes_back(store, t.org, &[full.clone(), bare.clone()]).await;
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_flag("a")).await), Kind::Conflict, "one per feature");
    drop(tx);
    let theirs = a_flag("a");
    org!(store, other.org, |tx| {
        assert_eq!(tx.org_flag("b").await.expect("read"), None);
        tx.insert(&theirs).await.expect("another organisation has flags of its own");
        assert_eq!(tx.org_flags(9).await.expect("read"), std::slice::from_ref(&theirs));
        tx.delete_org_flag(full.id).await.expect("nothing of another's");
        assert_eq!(kind_of(tx.update(&full).await), Kind::NotFound);
    });
    let used = OrgFlag { daily_usage: 3, day_ends_at: at(20), ..full.clone() };
    org!(store, t.org, |tx| {
        assert_eq!(tx.org_flags(9).await.expect("read"), [bare.clone(), full.clone()], "oldest first");
        assert_eq!(tx.org_flags(1).await.expect("read"), std::slice::from_ref(&bare));
        tx.update(&used).await.expect("changed");
    });
    org!(store, t.org, |tx| {
        assert_eq!(tx.org_flag("a").await.expect("read"), Some(used));
        tx.delete_org_flag(bare.id).await.expect("removed");
    });
    org!(store, t.org, |tx| assert_eq!(tx.org_flag("b").await.expect("read"), None));
    // Nobody is let past a limit by asking at the same time.
    org!(store, t.org, |tx| tx.insert(&OrgFlag { daily_usage: 0, ..a_flag("raced") }).await.expect("added"));
    join_all((0..6).map(async |_| {
        let mut tx = store.org(t.org).await.expect("a transaction opens");
        let flag = tx.org_flag("raced").await.expect("read").expect("it is there");
        tx.update(&OrgFlag { daily_usage: flag.daily_usage + 1, ..flag }).await.expect("changed");
        tx.commit().await.expect("committed");
    }))
    .await;
    org!(store, t.org, |tx| {
        assert_eq!(tx.org_flag("raced").await.expect("read").map(|flag| flag.daily_usage), Some(6));
    });
}

/// Every field and every provider; one of each per tenant; one tenant's.
pub async fn ways_to_sign_in_come_back_and_change(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let all: Vec<_> = Provider::ALL.iter().zip(0..).map(|(provider, n)| a_provider(*provider, n)).collect();
    comes_back(store, t.org, &all).await;
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_provider(Provider::Saml, 1)).await), Kind::Conflict, "one of each");
    drop(tx);
    org!(store, other.org, |tx| {
        assert_eq!(tx.auth_provider(Provider::Saml).await.expect("read"), None);
        assert_eq!(tx.auth_providers().await.expect("read"), []);
        tx.insert(&a_provider(Provider::Saml, 1)).await.expect("another organisation has its own");
    });
    let first = AuthProvider { enabled: false, client_id: None, has_secret: false, ..all[0].clone() };
    org!(store, t.org, |tx| {
        assert_eq!(tx.auth_providers().await.expect("read"), all);
        tx.update(&first).await.expect("changed");
    });
    org!(store, t.org, |tx| assert_eq!(tx.auth_provider(first.provider).await.expect("read"), Some(first)));
}

/// One per feature; found, listed, switched, removed. A user is marked and unmarked.
pub async fn flags_for_everybody_and_platform_administrators_come_and_go(store: &dyn Store) {
    let flag = |feature: &str, seconds| GlobalFlag {
        id: id(),
        feature: feature.to_owned(),
        enabled: true,
        created_at: at(seconds),
    };
    let (late, early, user) = (flag("late", 2), flag("early", 1), a_user());
    system!(store, |tx| {
        for flag in [&late, &early] {
            tx.insert_global_flag(flag).await.expect("added");
        }
        tx.insert_user(&user).await.expect("added");
        assert_eq!(kind_of(tx.set_platform_admin(id(), true).await), Kind::NotFound);
        tx.set_platform_admin(user.id, true).await.expect("marked");
        assert_eq!(tx.global_flags(9).await.expect("read"), [early.clone(), late.clone()]);
        assert_eq!(tx.global_flags(1).await.expect("read"), std::slice::from_ref(&early));
        assert_eq!(tx.global_flag("late").await.expect("read").as_ref(), Some(&late));
        assert_eq!(tx.global_flag("Late").await.expect("read"), None);
        tx.switch_global_flag(late.id, false).await.expect("switched");
        tx.delete_global_flag(early.id).await.expect("removed");
    });
    let mut tx = store.system().await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert_global_flag(&flag("late", 3)).await), Kind::Conflict, "one per feature");
    drop(tx);
    system!(store, |tx| {
        let switched = GlobalFlag { enabled: false, ..late.clone() };
        assert_eq!(tx.lock_global_flag("late").await.expect("read"), Some(switched));
        assert_eq!(tx.global_flag("early").await.expect("read"), None);
        assert!(tx.user(user.id).await.expect("read").is_some_and(|user| user.platform_admin));
        tx.set_platform_admin(user.id, false).await.expect("unmarked");
        assert!(tx.user(user.id).await.expect("read").is_some_and(|user| !user.platform_admin));
    });
}

/// Everything is counted, what is old or another's left out.
pub async fn the_whole_is_added_up(store: &dyn Store) {
    let none = system!(store, |tx| tx.totals(None, at(0), at(0)).await.expect("read"));
    let zero = Totals {
        now: at(0),
        active_calls: 0,
        organizations: 0,
        users: 0,
        paid_cents: 0,
        sessions: 0,
        recorded_ms: 0,
        recorded_calls: 0,
    };
    assert_eq!(none, zero);
    let (t, other) = (tenant(store).await, tenant(store).await);
    let paid = |event: &str, kind, currency, seconds| BillingNote {
        id: id(),
        vendor: "stripe".to_owned(),
        event_id: event.to_owned(),
        kind,
        subject: "in_1".to_owned(),
        amount_minor: Some(250),
        currency: Some(currency),
        at: at(seconds),
        created_at: at(seconds),
    };
    for of in [t.org, other.org] {
        org!(store, of, |tx| {
            for note in [
                paid("now", BillingNoteKind::PaymentReceived, Currency::USD, 100),
                paid("old", BillingNoteKind::PaymentReceived, Currency::USD, 9),
                paid("declined", BillingNoteKind::PaymentFailed, Currency::USD, 100),
                paid("euros", BillingNoteKind::PaymentReceived, "EUR".parse().expect("a currency"), 100),
            ] {
                tx.insert(&note).await.expect("added");
            }
        });
    }
    let sum = system!(store, |tx| tx.totals(None, at(10), at(100)).await.expect("read"));
    assert_eq!((sum.organizations, sum.users >= 2, sum.paid_cents, sum.active_calls), (2, true, 500, 0));
    let up = system!(store, |tx| tx.totals(Some(t.org), at(10), at(100)).await.expect("read"));
    let calls = org!(store, t.org, |tx| {
        let request = PageRequest { limit: 200, ..PageRequest::default() };
        tx.page_of_calls(crate::store::ACTIVE, &request).await.expect("read").total
    });
    assert_eq!(up.active_calls, calls, "as the list of calls has it");
}
