//! Violations, and the lists that members leaf through.

use super::{
    law::{a_consent, a_dispute, a_hold, a_notice},
    *,
};

fn a_violation(call: CallId) -> Violation {
    Violation {
        id: id(),
        call_id: Some(call),
        user_id: Some(id()),
        code: ViolationCode::AiNoNegotiation,
        kind: ViolationKind::Detected,
        context: json!({"said": "half is enough", "n": [1, {"deep": null}]}),
        status: ViolationStatus::Confirmed,
        notes: Some("it did".to_owned()),
        resolved_by: Some(id()),
        resolved_at: Some(at(9)),
        created_at: at(5),
    }
}

/// Every field, every text, changed, locked; a call of another tenant is refused.
pub async fn violations_come_back_change_and_are_locked(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let (t, other) = (tenant(store).await, tenant(store).await);
    let bare = Violation {
        call_id: None,
        user_id: None,
        context: json!({}),
        status: ViolationStatus::Open,
        notes: None,
        resolved_by: None,
        resolved_at: None,
        ..a_violation(t.call)
    };
    comes_back(store, t.org, &[a_violation(t.call), bare.clone()]).await;
    org!(store, t.org, |tx| {
        for code in ViolationCode::ALL {
            tx.insert(&Violation { code: *code, ..a_violation(t.call) }).await.expect("a code");
        }
        for kind in ViolationKind::ALL {
            tx.insert(&Violation { kind: *kind, ..a_violation(t.call) }).await.expect("a kind");
        }
        for status in ViolationStatus::ALL {
            tx.insert(&Violation { status: *status, ..a_violation(t.call) }).await.expect("a status");
        }
        let found = tx.lock_violation(bare.id).await.expect("read");
        assert_eq!(found.as_ref(), Some(&bare));
        tx.update(&Violation { status: ViolationStatus::Dismissed, ..bare.clone() }).await.expect("changed");
    });
    org!(store, t.org, |tx| {
        let found = Repo::<Violation>::find(&mut *tx, bare.id).await.expect("read").expect("it is there");
        assert_eq!(found.status, ViolationStatus::Dismissed);
    });
    org!(store, other.org, |tx| {
        assert_eq!(tx.lock_violation(bare.id).await.expect("read"), None);
        assert_eq!(Repo::<Violation>::find(&mut *tx, bare.id).await.expect("read"), None);
    });
    let mut tx = store.org(other.org).await.expect("a transaction opens");
    assert!(tx.insert(&a_violation(t.call)).await.is_err(), "a call of another organisation");
}

/// Seven rows of each list, in stretches of three.
pub async fn stretches_of_every_list_join_to_the_whole_of_one_tenant(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    for t in [&t, &other] {
        org!(store, t.org, |tx| for n in 0..7 {
            let created_at = at(100 + n / 2);
            tx.insert(&Violation { created_at, ..a_violation(t.call) }).await.expect("added");
            tx.insert(&Suppression { created_at, ..a_suppression(20 + u32::try_from(n).expect("small")) })
                .await
                .expect("added");
            tx.insert(&Consent { at: created_at, ..a_consent(t.person) }).await.expect("added");
            let account = an_account(t.person);
            tx.insert(&account).await.expect("added");
            tx.insert(&Notice { created_at, ..a_notice(t.person, account.id) }).await.expect("added");
            let hold = LegalHold { created_at, ..a_hold(None, None) };
            tx.insert(&hold).await.expect("added");
            tx.insert(&Dispute { created_at, ..a_dispute(t.person, t.account, &hold) }).await.expect("added");
            tx.insert(&an_audit_event(100 + n / 2)).await.expect("added");
        });
    }
    macro_rules! joins {
        ($tx:ident, $at:ident, |$of:ident| $ask:expr) => {{
            let $of = Stretch { limit: 200, offset: 0 };
            let whole = $ask.await.expect("read");
            assert_eq!((whole.items.len(), whole.total, whole.limit, whole.offset), (7, 7, 200, 0));
            assert!(whole.items.is_sorted_by_key(|r| std::cmp::Reverse((r.$at, r.id))), "newest first");
            let mut joined = vec![];
            for offset in [0, 3, 6, 9] {
                let $of = Stretch { limit: 3, offset };
                let part = $ask.await.expect("read");
                assert_eq!(part.total, 7);
                joined.extend(part.items);
            }
            assert_eq!(joined, whole.items);
            let $of = Stretch::NONE;
            let none = $ask.await.expect("read");
            assert_eq!((none.items.len(), none.total), (0, 7));
        }};
    }
    org!(store, t.org, |tx| {
        joins!(tx, created_at, |of| tx.list_violations(None, of));
        joins!(tx, created_at, |of| tx.list_disputes(of));
        joins!(tx, created_at, |of| tx.list_suppressions(None, of));
        joins!(tx, at, |of| tx.list_consents(ConsentFilter::default(), of));
        joins!(tx, created_at, |of| tx.list_notices(NoticeFilter::default(), of));
        joins!(tx, created_at, |of| tx.list_holds(of));
        joins!(tx, created_at, |of| tx.list_audit(None, of));
    });
}

/// Each filter, and none of another tenant.
pub async fn lists_are_filtered(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let second = an_account(t.person);
    let waiting = Notice { status: NoticeStatus::Pending, created_at: at(50), ..a_notice(t.person, second.id) };
    org!(store, t.org, |tx| {
        tx.insert(&second).await.expect("added");
        tx.insert(&Violation { status: ViolationStatus::Open, ..a_violation(t.call) }).await.expect("added");
        tx.insert(&a_violation(t.call)).await.expect("added");
        tx.insert(&Suppression { reason: Some("Asked on 100% of calls".to_owned()), ..a_suppression(21) })
            .await
            .expect("added");
        tx.insert(&Suppression { reason: None, ..a_suppression(22) }).await.expect("added");
        tx.insert(&a_consent(t.person)).await.expect("about every debt");
        for (account, scope, event) in [
            (t.account, ConsentScope::Contact, ConsentEvent::Granted),
            (second.id, ConsentScope::Contact, ConsentEvent::Revoked),
        ] {
            let row = Consent { account_id: Some(account), scope, event, ..a_consent(t.person) };
            tx.insert(&row).await.expect("added");
        }
        tx.insert(&a_notice(t.person, t.account)).await.expect("added");
        tx.insert(&waiting).await.expect("added");
        let verification = Notice { kind: NoticeKind::Verification, ..a_notice(t.person, t.account) };
        tx.insert(&verification).await.expect("added");
        tx.insert(&an_audit_event(10)).await.expect("added");
        tx.insert(&an_audit_event(20)).await.expect("added");
    });
    let of = Stretch { limit: 9, offset: 0 };
    let all = ConsentFilter::default();
    let listed = async |words: &str| {
        org!(store, t.org, |tx| {
            let found = tx.list_suppressions(Some(words), of).await.expect("read");
            (found.total, found.items.len())
        })
    };
    assert_eq!(listed("100% OF").await, (1, 1));
    assert_eq!(listed("0%o").await, (0, 0), "a percent sign is one");
    assert_eq!(listed("_").await, (0, 0), "an underscore is one");
    let ending = number(22).as_str()[6..].to_owned();
    assert_eq!(listed(&ending).await, (1, 1), "a part of a number");
    org!(store, t.org, |tx| {
        assert_eq!(tx.list_violations(Some(ViolationStatus::Open), of).await.expect("read").total, 1);
        assert_eq!(tx.list_violations(Some(ViolationStatus::Dismissed), of).await.expect("read").total, 0);
        let about = |account| ConsentFilter { about: Some((t.person, account)), ..all };
        assert_eq!(tx.list_consents(about(t.account), of).await.expect("read").total, 2, "its own and the person's");
        assert_eq!(tx.list_consents(about(id()), of).await.expect("read").total, 1, "the person's");
        let scope = ConsentFilter { scope: Some(ConsentScope::Contact), ..all };
        assert_eq!(tx.list_consents(scope, of).await.expect("read").total, 2);
        let event = ConsentFilter { event: Some(ConsentEvent::Revoked), ..scope };
        assert_eq!(tx.list_consents(event, of).await.expect("read").total, 1);
        let every = NoticeFilter::default();
        assert_eq!(tx.list_notices(every, of).await.expect("read").total, 2, "verifications are none");
        let account = NoticeFilter { account: Some(second.id), ..every };
        assert_eq!(tx.list_notices(account, of).await.expect("read").items, std::slice::from_ref(&waiting));
        let status = NoticeFilter { status: Some(NoticeStatus::Pending), ..every };
        assert_eq!(tx.list_notices(status, of).await.expect("read").total, 1);
        for (before, total) in [(50, 0), (51, 1)] {
            let before = NoticeFilter { before: Some(at(before)), ..status };
            assert_eq!(tx.list_notices(before, of).await.expect("read").total, total);
        }
        for (since, total) in [(10, 2), (11, 1), (21, 0)] {
            assert_eq!(tx.list_audit(Some(at(since)), of).await.expect("read").total, total);
        }
    });
    org!(store, other.org, |tx| {
        let about = ConsentFilter { about: Some((t.person, t.account)), ..all };
        assert_eq!(tx.list_consents(about, of).await.expect("read").total, 0);
        assert_eq!(tx.list_suppressions(Some("calls"), of).await.expect("read").total, 0);
    });
}
