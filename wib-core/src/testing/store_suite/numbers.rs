//! Numbers, caller ids, lines and translations.

use super::*;

fn a_number(n: u32) -> OwnNumber {
    let route = InboundRoute {
        target: Some(RouteTarget::Queue { name: "first".to_owned() }),
        notice: Some("This call is recorded.".to_owned()),
        greeting: Some("Good day — ¡hola!".to_owned()),
        record: false,
        transcribe: false,
    };
    OwnNumber {
        id: id(),
        phone: number(n),
        vendor: "sandbox".to_owned(),
        vendor_id: Some("pn-1".to_owned()),
        purpose: NumberPurpose::Both,
        active: true,
        pool_order: i64::from(n),
        last_used_at: Some(at(5)),
        caller_name: Some("ÆRØ".to_owned()),
        route,
        created_at: at(1),
        updated_at: at(2),
    }
}
fn a_caller_id(n: u32) -> CallerId {
    CallerId {
        id: id(),
        phone: number(n),
        label: Some("front desk".to_owned()),
        status: CallerIdStatus::Pending,
        code_hash: Some("sha256:00".to_owned()),
        attempts: 2,
        expires_at: Some(at(600)),
        verified_at: None,
        created_by: Some(id()),
        created_at: at(i64::from(n)),
    }
}
fn a_line(n: u32) -> AgentLine {
    AgentLine {
        id: id(),
        user_id: id(),
        phone: number(n),
        queue: Some("first".to_owned()),
        active: true,
        last_rung_at: None,
        created_at: at(i64::from(n)),
    }
}
fn a_translation(t: &Tenant, version: i64) -> Translation {
    Translation {
        id: id(),
        call_id: t.call,
        transcript_id: t.transcript,
        transcript_version: 1,
        transcript_hash: "sha256:22".to_owned(),
        version,
        source_language: "en".to_owned(),
        target_language: Language::Ja,
        vendor: "sandbox".to_owned(),
        model: "m".to_owned(),
        utterances: a_transcript(t.call, t.recording, 1).utterances,
        translation_hash: "sha256:23".to_owned(),
        live: true,
        created_at: at(10 + version),
    }
}

/// Every field, full and empty; changed; listed in order; one tenant's.
pub async fn numbers_caller_ids_and_lines_come_back_and_change(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let (t, other) = (tenant(store).await, tenant(store).await);
    let bare = OwnNumber {
        vendor_id: None,
        active: false,
        last_used_at: None,
        caller_name: None,
        route: InboundRoute::default(),
        ..a_number(1)
    };
    let numbers = [bare, a_number(2), OwnNumber { pool_order: 1, purpose: NumberPurpose::Outbound, ..a_number(3) }];
    comes_back(store, t.org, &numbers).await;
    let verified = CallerId {
        label: None,
        status: CallerIdStatus::Verified,
        code_hash: None,
        expires_at: None,
        verified_at: Some(at(9)),
        created_by: None,
        ..a_caller_id(5)
    };
    let caller_ids = [a_caller_id(4), verified];
    comes_back(store, t.org, &caller_ids).await;
    let lines = [a_line(6), AgentLine { queue: None, active: false, last_rung_at: Some(at(7)), ..a_line(7) }];
    comes_back(store, t.org, &lines).await;
    org!(store, t.org, |tx| {
        let mut by_order = numbers.clone();
        by_order.sort_by_key(|n| (n.pool_order, n.id));
        assert_eq!(tx.numbers(9).await.expect("read"), by_order);
        assert_eq!(tx.caller_ids(9).await.expect("read"), caller_ids);
        assert_eq!(tx.caller_id(&number(4)).await.expect("read").as_ref(), caller_ids.first());
        assert_eq!(tx.lines(9).await.expect("read"), lines);
        assert_eq!(tx.line_of_user(lines[1].user_id).await.expect("read").as_ref(), lines.get(1));
        for (n, shown) in [(1, false), (2, true), (3, true), (4, false), (5, true), (6, false)] {
            assert_eq!(tx.may_show(&number(n)).await.expect("read"), shown, "{n}");
        }
        for purpose in NumberPurpose::ALL {
            let row = OwnNumber { id: numbers[1].id, purpose: *purpose, updated_at: at(99), ..a_number(2) };
            tx.update(&row).await.expect("a purpose");
        }
        tx.delete_caller_id(caller_ids[1].id).await.expect("removed");
        assert!(!tx.may_show(&number(5)).await.expect("read"));
    });
    org!(store, other.org, |tx| {
        assert!(tx.numbers(9).await.expect("read").is_empty() && tx.lines(9).await.expect("read").is_empty());
        assert!(tx.caller_ids(9).await.expect("read").is_empty());
        assert_eq!(tx.caller_id(&number(4)).await.expect("read"), None);
        assert_eq!(tx.line_of_user(lines[0].user_id).await.expect("read"), None);
        assert_eq!(tx.next_of_pool("sandbox").await.expect("read"), None);
        assert_eq!(tx.next_of_queue("first").await.expect("read"), None);
        assert!(!tx.may_show(&number(2)).await.expect("read"));
        tx.delete_caller_id(caller_ids[0].id).await.expect("nothing of theirs");
        tx.insert(&OwnNumber { active: false, ..a_number(2) }).await.expect("a retired one rings nowhere");
        tx.insert(&a_caller_id(4)).await.expect("a caller id of their own");
    });
    let mut tx = store.org(other.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_number(3)).await), Kind::Conflict, "a number rings at one organisation");
    drop(tx);
    org!(store, t.org, |tx| assert!(tx.caller_id(&number(4)).await.expect("read").is_some(), "not theirs to remove"));
}

/// Never shown first, then longest ago, then by order; nothing that is retired, inbound or another vendor's.
pub async fn the_pool_gives_what_was_shown_longest_ago(store: &dyn Store) {
    let t = tenant(store).await;
    let used = |n, last_used_at| OwnNumber { last_used_at, ..a_number(n) };
    org!(store, t.org, |tx| {
        assert_eq!(tx.next_of_pool("sandbox").await.expect("read"), None);
        for row in [
            OwnNumber { active: false, ..used(1, None) },
            OwnNumber { purpose: NumberPurpose::Inbound, ..used(2, None) },
            OwnNumber { vendor: "other".to_owned(), ..used(3, None) },
            used(4, Some(at(20))),
            used(5, Some(at(10))),
            OwnNumber { pool_order: 9, ..used(6, None) },
            OwnNumber { pool_order: 8, purpose: NumberPurpose::Outbound, ..used(7, None) },
        ] {
            tx.insert(&row).await.expect("added");
        }
        for (n, seconds) in [(7, 30), (6, 30), (5, 31), (4, 32), (7, 33), (6, 34)] {
            let next = tx.next_of_pool("sandbox").await.expect("read").expect("there is one");
            assert_eq!(next.phone, number(n));
            tx.lock_number(next.id).await.expect("held");
            tx.update(&OwnNumber { last_used_at: Some(at(seconds)), ..next }).await.expect("used");
        }
        for line in
            [a_line(1), a_line(2), AgentLine { active: false, ..a_line(3) }, AgentLine { queue: None, ..a_line(4) }]
        {
            tx.insert(&line).await.expect("added");
        }
        for (n, seconds) in [(1, 1), (2, 2), (1, 3)] {
            let next = tx.next_of_queue("first").await.expect("read").expect("there is one");
            assert_eq!(next.phone, number(n));
            tx.update(&AgentLine { last_rung_at: Some(at(seconds)), ..next }).await.expect("rung");
        }
        assert_eq!(tx.next_of_queue("second").await.expect("read"), None);
    });
}

/// As many at once as there are numbers take one each, and twice as many take each twice.
pub async fn a_number_of_the_pool_is_given_to_one_at_a_time(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| for n in 1..=4 {
        tx.insert(&OwnNumber { last_used_at: None, ..a_number(n) }).await.expect("added");
    });
    for round in 1..=3 {
        let taken = join_all((0..8).map(async |n| {
            org!(store, t.org, |tx| {
                let next = tx.next_of_pool("sandbox").await.expect("read").expect("there is one");
                let last_used_at = Some(at(round * 100 + n));
                tx.update(&OwnNumber { last_used_at, ..next.clone() }).await.expect("used");
                next.phone
            })
        }))
        .await;
        for n in 1..=4 {
            let times = taken.iter().filter(|phone| **phone == number(n)).count();
            assert!((1..=4).contains(&times), "{n} was given {times} times of 8 in round {round}");
        }
    }
}

/// By number in use, and by the number of a person who owes.
pub async fn a_call_that_comes_in_leads_to_its_organisation(store: &dyn Store) {
    let (a, b) = (tenant(store).await, tenant(store).await);
    let outbound = OwnNumber { purpose: NumberPurpose::Outbound, ..a_number(51) };
    let ours = OwnNumber { purpose: NumberPurpose::Inbound, ..a_number(52) };
    org!(store, a.org, |tx| {
        for row in [&outbound, &ours, &OwnNumber { active: false, ..a_number(53) }] {
            tx.insert(row).await.expect("added");
        }
        tx.insert(&a_phone(a.person, 61)).await.expect("added");
        tx.insert(&a_phone(a.person, 62)).await.expect("added");
    });
    org!(store, b.org, |tx| {
        tx.insert(&a_phone(b.person, 62)).await.expect("added");
        let debtless = a_person();
        tx.insert(&debtless).await.expect("added");
        tx.insert(&a_phone(debtless.id, 61)).await.expect("added");
    });
    system!(store, |tx| {
        let mut owner = async |vendor: &str, n| {
            let owner = tx.owner_of_number(vendor, &number(n)).await.expect("read");
            owner.map(|o| (o.organization_id, o.record))
        };
        assert_eq!(owner("sandbox", 52).await, Some((a.org, ours.id.uuid())));
        for (vendor, n) in [("other", 52), ("sandbox", 51), ("sandbox", 53), ("sandbox", 54)] {
            assert_eq!(owner(vendor, n).await, None, "{vendor} {n}");
        }
        let mut both = vec![a.org, b.org];
        both.sort_by_key(|org| org.uuid());
        assert_eq!(tx.organizations_of_phone(&number(61), 9).await.expect("read"), [a.org]);
        assert_eq!(tx.organizations_of_phone(&number(62), 9).await.expect("read"), both);
        assert_eq!(tx.organizations_of_phone(&number(62), 1).await.expect("read"), both[..1]);
        assert!(tx.organizations_of_phone(&number(63), 9).await.expect("read").is_empty());
    });
}

/// One of a version, in order; their words go, their hashes stay.
pub async fn translations_are_kept_once_per_version(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (second, first) = (a_translation(&t, 2), a_translation(&t, 1));
    comes_back(store, t.org, &[second.clone(), first.clone()]).await;
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_translation(&t, 2)).await), Kind::Conflict);
    drop(tx);
    let mut tx = store.org(other.org).await.expect("a transaction opens");
    assert!(tx.insert(&a_translation(&t, 3)).await.is_err(), "of another tenant's call");
    drop(tx);
    org!(store, other.org, |tx| assert!(tx.translations_of_call(t.call).await.expect("read").is_empty()));
    org!(store, t.org, |tx| {
        assert_eq!(tx.translations_of_call(t.call).await.expect("read"), [first.clone(), second.clone()]);
        tx.blank_translations_of(t.transcript).await.expect("blanked");
        let blank = |t: Translation| Translation { utterances: Utterances::default(), ..t };
        assert_eq!(tx.translations_of_call(t.call).await.expect("read"), [blank(first), blank(second)]);
        for language in Language::ALL {
            let row = Translation { target_language: *language, ..a_translation(&t, 9) };
            tx.insert(&row).await.expect("a language");
        }
        let forgotten = tx.forget_person(t.person).await.expect("forgotten");
        assert!(forgotten.iter().any(|c| c.what == "translations" && c.count == 12));
        tx.insert(&a_translation(&t, 10)).await.expect("the next version");
    });
}
