//! What the law asks of the records: kept whole, one tenant's, found by the gate.

use super::*;

pub(super) fn a_consent(person: PersonId) -> Consent {
    Consent {
        id: id(),
        person_id: person,
        account_id: None,
        phone: Some(number(1)),
        email: Some("joe@example.org".to_owned()),
        scope: ConsentScope::Text,
        event: ConsentEvent::Granted,
        written: true,
        source: Source::WebForm,
        evidence: Some("form 7".to_owned()),
        call_id: Some(id()),
        note: Some("in a word".to_owned()),
        at: at(4),
        expires_at: Some(at(99)),
        recorded_by: Some(id()),
        created_at: at(5),
    }
}
fn a_preference(person: PersonId) -> Preference {
    let (from, to) = (jiff::civil::time(22, 30, 0, 0), jiff::civil::time(6, 0, 0, 0));
    Preference {
        id: id(),
        person_id: person,
        phone: Some(number(1)),
        email: None,
        medium: Some(Medium::Call),
        wish: Wish::NotDuring { days: vec![Day::Friday], from, to },
        since: at(4),
        ended_at: None,
        recorded_by: None,
        created_at: at(5),
    }
}
fn a_circumstance(person: PersonId) -> Circumstance {
    Circumstance {
        id: id(),
        person_id: person,
        account_id: None,
        phone: Some(number(1)),
        kind: CircumstanceKind::Attorney,
        since: at(4),
        source: Source::WrittenLetter,
        note: Some("O'Hara & Co".to_owned()),
        ended_at: None,
        recorded_by: Some(id()),
        created_at: at(5),
    }
}
pub(super) fn a_notice(person: PersonId, account: AccountId) -> Notice {
    Notice {
        id: id(),
        person_id: person,
        account_id: account,
        kind: NoticeKind::Validation,
        status: NoticeStatus::Sent,
        method: NoticeMethod::Mail,
        sent_at: Some(at(6)),
        period_ends: Some(at(999)),
        created_by: Some(id()),
        created_at: at(5),
    }
}
pub(super) fn a_hold(account: Option<AccountId>, call: Option<CallId>) -> LegalHold {
    LegalHold {
        id: id(),
        name: "Matter".to_owned(),
        matter_reference: Some("2026-7".to_owned()),
        applies_to_all: false,
        account_id: account,
        call_id: call,
        status: HoldStatus::Active,
        created_by: Some(id()),
        created_at: at(5),
        released_at: None,
    }
}
pub(super) fn a_dispute(person: PersonId, account: AccountId, hold: &LegalHold) -> Dispute {
    Dispute {
        id: id(),
        person_id: person,
        account_id: account,
        call_id: Some(id()),
        kind: DisputeKind::Identity,
        written: true,
        reason: "not mine".to_owned(),
        at: at(7),
        answered_at: None,
        hold_id: hold.id,
        account_status: AccountStatus::Active,
        recorded_by: None,
        created_at: at(7),
    }
}
fn a_disclosure(call: CallId) -> Disclosure {
    Disclosure {
        id: id(),
        call_id: call,
        account_id: None,
        person_id: None,
        kind: DutyKind::RecordingNotice,
        text_hash: "sha256:88".to_owned(),
        language: "en-US".to_owned(),
        started_at: at(5),
        ended_at: Some(at(6)),
        spoken_by: SpokenBy::System,
        created_at: at(6),
    }
}
fn a_licence(region: &str) -> Licence {
    let (from_at, until_at) = (at(0), Some(at(999)));
    Licence { id: id(), region: region.to_owned(), number: "L-1".to_owned(), from_at, until_at, created_at: at(1) }
}
fn a_check(phone: Option<Phone>, listed: bool, seconds: i64) -> ListCheck {
    let (list, source) = (ListKind::National, "registry".to_owned());
    ListCheck { id: id(), list, phone, listed, as_of: at(seconds), source, created_at: at(9) }
}

/// Every field of every record, full and empty.
pub async fn every_record_of_the_law_comes_back_as_it_went(store: &dyn Store) {
    let t = tenant(store).await;
    let bare = Consent {
        account_id: Some(t.account),
        phone: None,
        email: None,
        written: false,
        evidence: None,
        call_id: None,
        note: None,
        expires_at: None,
        recorded_by: None,
        ..a_consent(t.person)
    };
    comes_back(store, t.org, &[a_consent(t.person), bare]).await;
    let wishes = [Wish::NoMedium, Wish::NoPlace { place: Place::Work }];
    let bare = wishes.map(|wish| Preference { phone: None, medium: None, wish, ..a_preference(t.person) });
    comes_back(store, t.org, &bare).await;
    comes_back(store, t.org, &[Preference { ended_at: Some(at(9)), ..a_preference(t.person) }]).await;
    let bare = Circumstance {
        account_id: Some(t.account),
        phone: None,
        note: None,
        ended_at: Some(at(9)),
        recorded_by: None,
        ..a_circumstance(t.person)
    };
    comes_back(store, t.org, &[a_circumstance(t.person), bare]).await;
    let pending = Notice {
        kind: NoticeKind::Verification,
        status: NoticeStatus::Pending,
        sent_at: None,
        period_ends: None,
        created_by: None,
        ..a_notice(t.person, t.account)
    };
    comes_back(store, t.org, &[a_notice(t.person, t.account), pending]).await;
    let hold = a_hold(Some(t.account), None);
    let all =
        LegalHold { applies_to_all: true, matter_reference: None, created_by: None, ..a_hold(None, Some(t.call)) };
    comes_back(store, t.org, &[hold.clone(), all]).await;
    let answered =
        Dispute { answered_at: Some(at(9)), written: false, call_id: None, ..a_dispute(t.person, t.account, &hold) };
    comes_back(store, t.org, &[a_dispute(t.person, t.account, &hold), answered]).await;
    let cut = Disclosure {
        account_id: Some(t.account),
        person_id: Some(t.person),
        spoken_by: SpokenBy::Agent,
        ended_at: None,
        ..a_disclosure(t.call)
    };
    comes_back(store, t.org, &[a_disclosure(t.call), cut]).await;
    comes_back(store, t.org, &[a_licence("US-CA"), Licence { until_at: None, ..a_licence("US-NY-NYC") }]).await;
    comes_back(store, t.org, &[a_check(Some(number(1)), true, 3), a_check(None, false, 3)]).await;
    let address = Contact { medium: Medium::Email, phone: None, ..a_contact(&t, ContactKind::Conversation, 5) };
    let imported = Contact {
        call_id: None,
        technology: Technology::Unknown,
        place: Place::Work,
        source: ContactSource::Import,
        ..a_contact(&t, ContactKind::Attempt, 4)
    };
    comes_back(store, t.org, &[address, imported]).await;
}

/// Rules of the database about enums know every member.
pub async fn every_text_of_the_laws_enums_can_be_kept(store: &dyn Store) {
    use crate::kit::text::TextEnum;
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        for scope in ConsentScope::ALL {
            tx.insert(&Consent { scope: *scope, ..a_consent(t.person) }).await.expect("a scope");
        }
        for event in ConsentEvent::ALL {
            tx.insert(&Consent { event: *event, ..a_consent(t.person) }).await.expect("an event");
        }
        for source in Source::ALL {
            tx.insert(&Consent { source: *source, ..a_consent(t.person) }).await.expect("a source");
            tx.insert(&Circumstance { source: *source, ..a_circumstance(t.person) }).await.expect("a source");
        }
        for medium in Medium::ALL {
            tx.insert(&Preference { medium: Some(*medium), ..a_preference(t.person) }).await.expect("a medium");
        }
        for kind in CircumstanceKind::ALL {
            tx.insert(&Circumstance { kind: *kind, ..a_circumstance(t.person) }).await.expect("a kind");
        }
        for (n, kind) in (0..).zip(NoticeKind::ALL) {
            for status in NoticeStatus::ALL {
                let account = an_account(t.person);
                tx.insert(&account).await.expect("an account");
                let method = NoticeMethod::ALL[n % NoticeMethod::ALL.len()];
                let notice = Notice { kind: *kind, status: *status, method, ..a_notice(t.person, account.id) };
                tx.insert(&notice).await.expect("a notice");
            }
        }
        for method in NoticeMethod::ALL {
            let notice = Notice { kind: NoticeKind::Verification, method: *method, ..a_notice(t.person, t.account) };
            tx.insert(&notice).await.expect("a method");
        }
        for kind in DutyKind::ALL {
            for spoken_by in SpokenBy::ALL {
                let said = Disclosure { kind: *kind, spoken_by: *spoken_by, ..a_disclosure(t.call) };
                assert!(tx.note_disclosure(&said).await.expect("a duty"));
                assert!(!tx.note_disclosure(&Disclosure { id: id(), ..said }).await.expect("known"));
            }
        }
        for list in ListKind::ALL {
            tx.insert(&ListCheck { list: *list, ..a_check(None, false, 1) }).await.expect("a list");
            let listed = Suppression { list: *list, phone: number(60 + *list as u32), ..a_suppression(1) };
            tx.insert(&listed).await.expect("a list");
        }
        for kind in DisputeKind::ALL {
            let hold = a_hold(None, None);
            tx.insert(&hold).await.expect("a hold");
            tx.insert(&Dispute { kind: *kind, ..a_dispute(t.person, t.account, &hold) }).await.expect("a kind");
        }
        for status in HoldStatus::ALL {
            tx.insert(&LegalHold { status: *status, ..a_hold(None, None) }).await.expect("a status");
        }
        for status in AccountStatus::ALL {
            let hold = a_hold(None, None);
            tx.insert(&hold).await.expect("a hold");
            let dispute = Dispute { account_status: *status, ..a_dispute(t.person, t.account, &hold) };
            tx.insert(&dispute).await.expect("a status");
        }
        for holder in Holder::ALL {
            tx.insert(&PersonPhone { holder: *holder, ..a_phone(t.person, 1) }).await.expect("a holder");
        }
        for line in Line::ALL {
            tx.insert(&PersonPhone { line: *line, ..a_phone(t.person, 1) }).await.expect("a line");
        }
        for (n, place) in (0..).zip(Place::ALL) {
            tx.insert(&PersonPhone { place: *place, ..a_phone(t.person, 1) }).await.expect("a place");
            let contact = Contact { place: *place, ..a_contact(&t, ContactKind::Attempt, n) };
            assert!(tx.note_contact(&Contact { call_id: None, ..contact }).await.expect("a place"));
        }
        for (n, medium) in (20..).zip(Medium::ALL) {
            let contact = Contact { medium: *medium, ..a_contact(&t, ContactKind::Attempt, n) };
            assert!(tx.note_contact(&Contact { call_id: None, ..contact }).await.expect("a medium"));
        }
        for (n, technology) in (30..).zip(Technology::ALL) {
            let contact = Contact { technology: *technology, ..a_contact(&t, ContactKind::Attempt, n) };
            assert!(tx.note_contact(&Contact { call_id: None, ..contact }).await.expect("a technology"));
            tx.insert(&Call { technology: *technology, ..a_call(t.org, None, None) }).await.expect("a technology");
        }
        for purpose in Purpose::ALL {
            tx.insert(&Call { purpose: *purpose, ..a_call(t.org, None, None) }).await.expect("a purpose");
        }
    });
    for role in [CollectorRole::Creditor, CollectorRole::Agency] {
        system!(store, |tx| tx.set_collector_role(t.org, role).await.expect("a role"));
        system!(store, |tx| {
            let found = tx.organization(t.org).await.expect("read").expect("it is there");
            assert_eq!(found.collector_role, role);
        });
    }
    for plan in [Plan::Enterprise, Plan::Free] {
        system!(store, |tx| tx.set_plan(t.org, plan).await.expect("a plan"));
        system!(store, |tx| {
            let found = tx.organization(t.org).await.expect("read").expect("it is there");
            assert_eq!(found.plan, plan);
        });
    }
    let mut tx = store.system().await.expect("a transaction opens");
    assert_eq!(kind_of(tx.set_plan(id(), Plan::Free).await), Kind::NotFound);
    assert_eq!(kind_of(tx.set_collector_role(id(), CollectorRole::Agency).await), Kind::NotFound);
}

/// A second one is refused until the first has come back or is over.
pub async fn a_debt_has_one_live_validation_notice(store: &dyn Store) {
    let t = tenant(store).await;
    let notice = a_notice(t.person, t.account);
    org!(store, t.org, |tx| tx.insert(&notice).await.expect("the first"));
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_notice(t.person, t.account)).await), Kind::Conflict);
    drop(tx);
    org!(store, t.org, |tx| {
        tx.update(&Notice { status: NoticeStatus::Returned, ..notice.clone() }).await.expect("it came back");
        tx.insert(&a_notice(t.person, t.account)).await.expect("another one is due");
        let verification = Notice { kind: NoticeKind::Verification, ..a_notice(t.person, t.account) };
        tx.insert(&verification).await.expect("of another kind");
        assert_eq!(tx.notices(t.account, 9).await.expect("read").len(), 3);
        assert_eq!(tx.notices(t.account, 2).await.expect("read").len(), 2);
    });
}

/// By number, by version; an older file changes nothing.
pub async fn a_list_is_brought_up_to_date_and_never_back(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        tx.put_list_check(&a_check(Some(number(1)), true, 5)).await.expect("put");
        tx.put_list_check(&a_check(None, false, 5)).await.expect("put");
        tx.put_list_check(&a_check(Some(number(1)), false, 4)).await.expect("too old");
        tx.put_list_check(&a_check(None, false, 8)).await.expect("put");
        tx.put_list_check(&a_check(Some(number(2)), true, 8)).await.expect("put");
        let mut said = async |n| {
            let rows = tx.listed(None, Some(&number(n)), 9).await.expect("read");
            rows.into_iter().map(|r| (r.phone.is_some(), r.listed, r.as_of)).collect::<Vec<_>>()
        };
        assert_eq!(said(1).await, [(true, true, at(5)), (false, false, at(8))]);
        assert_eq!(said(3).await, [(false, false, at(8))]);
    });
}

/// A span of persons, by person; by the owner and by a stranger.
pub async fn the_gate_reads_a_span_of_persons_of_one_tenant(store: &dyn Store) {
    let (ours, theirs) = (tenant(store).await, tenant(store).await);
    let other = a_person();
    let account = Account { debt_key: Some("loan".to_owned()), ..an_account(other.id) };
    let hold = a_hold(Some(ours.account), None);
    org!(store, ours.org, |tx| {
        tx.insert(&other).await.expect("added");
        tx.insert(&account).await.expect("added");
        for person in [ours.person, other.id] {
            tx.insert(&a_consent(person)).await.expect("added");
            tx.insert(&a_preference(person)).await.expect("added");
            tx.insert(&Preference { ended_at: Some(at(9)), ..a_preference(person) }).await.expect("added");
            tx.insert(&a_circumstance(person)).await.expect("added");
            tx.insert(&Circumstance { ended_at: Some(at(9)), ..a_circumstance(person) }).await.expect("added");
            tx.insert(&a_phone(person, 7)).await.expect("added");
        }
        tx.insert(&a_notice(ours.person, ours.account)).await.expect("added");
        tx.insert(&hold).await.expect("added");
        tx.insert(&a_dispute(ours.person, ours.account, &hold)).await.expect("added");
        tx.insert(&a_licence("US-CA")).await.expect("added");
        tx.insert(&LegalHold { applies_to_all: true, ..a_hold(None, None) }).await.expect("added");
        tx.insert(&LegalHold { status: HoldStatus::Released, ..a_hold(Some(ours.account), None) })
            .await
            .expect("added");
        tx.put_contact(&a_contact(&ours, ContactKind::Attempt, 10)).await.expect("added");
        tx.insert(&Suppression { phone: number(7), ..a_suppression(7) }).await.expect("added");
        tx.insert(&a_check(None, false, 2)).await.expect("added");
        tx.insert(&a_check(Some(number(8)), true, 2)).await.expect("added");
        tx.insert(&a_disclosure(ours.call)).await.expect("added");
    });
    let one = People::from(ours.person);
    let both = People { from: ours.person.min(other.id), to: ours.person.max(other.id) };
    let whats = |rows: &[Known], person: Option<PersonId>| {
        rows.iter().filter(|k| k.person_id == person).map(|k| k.what.as_str()).collect::<BTreeSet<_>>()
    };
    org!(store, ours.org, |tx| {
        assert_eq!(tx.persons(both, 9).await.expect("read").len(), 2);
        assert_eq!(tx.accounts(one, 9).await.expect("read").len(), 1);
        assert_eq!(tx.accounts(both, 9).await.expect("read").len(), 2);
        assert_eq!(tx.ledger(both, at(10), 9).await.expect("read").len(), 1, "that instant is included");
        assert!(tx.ledger(both, at(11), 9).await.expect("read").is_empty());
        assert_eq!(tx.phones(both, 9).await.expect("read").len(), 2);
        assert_eq!(tx.phones(both, 1).await.expect("read").len(), 1);
        assert_eq!(tx.persons_by_phone(&number(7), 9).await.expect("read").len(), 2);
        assert_eq!(tx.account_by_debt_key("loan").await.expect("read").as_ref(), Some(&account));
        let known = tx.known(both, 99).await.expect("read");
        assert!(known.is_sorted_by_key(|k| k.person_id), "the organisation's first, then by person");
        assert_eq!(whats(&known, None), ["organization", "licence", "hold"].into());
        let mine = ["consent", "preference", "circumstance", "notice", "dispute", "hold"].into();
        assert_eq!(whats(&known, Some(ours.person)), mine);
        assert_eq!(whats(&known, Some(other.id)), ["consent", "preference", "circumstance"].into());
        assert_eq!(known.len(), 3 + 6 + 3, "what is over is left out");
        assert_eq!(tx.known(one, 99).await.expect("read").len(), 3 + 6);
        assert_eq!(tx.known(one, 2).await.expect("read"), known[..2]);
        let listed = tx.listed(Some(both), Some(&number(8)), 9).await.expect("read");
        assert_eq!(listed.len(), 3);
        assert_eq!(tx.listed(None, None, 9).await.expect("read").len(), 1, "the version alone");
        assert_eq!(tx.holds_on(Some(ours.account), None).await.expect("read"), 2);
        assert_eq!(tx.holds_on(None, Some(ours.call)).await.expect("read"), 1);
        let nil = (uuid::Uuid::nil().into(), uuid::Uuid::nil().into());
        let open = tx.open_accounts(nil, 9).await.expect("read");
        assert!(open.len() == 2 && open.is_sorted_by_key(|a| (a.person_id, a.id)));
        let first = (open[0].person_id, open[0].id);
        assert_eq!(tx.open_accounts(first, 9).await.expect("read"), open[1..]);
        assert_eq!(tx.consents(ours.person, 9).await.expect("read").len(), 1);
        assert_eq!(tx.preferences(ours.person, 9).await.expect("read").len(), 2);
        assert_eq!(tx.circumstances(ours.person, 1).await.expect("read").len(), 1);
        assert_eq!(tx.disputes(ours.account, 9).await.expect("read").len(), 1);
        assert_eq!(tx.disclosures(ours.call).await.expect("read").len(), 1);
        assert_eq!(tx.licences(9).await.expect("read").len(), 1);
        assert_eq!(tx.list_holds(Stretch::NONE).await.expect("read").total, 3);
    });
    let everybody = People { from: uuid::Uuid::nil().into(), to: uuid::Uuid::max().into() };
    org!(store, theirs.org, |tx| {
        assert_eq!(tx.persons(everybody, 9).await.expect("read").len(), 1, "their own");
        assert_eq!(tx.accounts(everybody, 9).await.expect("read").len(), 1);
        assert!(tx.ledger(everybody, at(0), 9).await.expect("read").is_empty());
        assert!(tx.phones(everybody, 9).await.expect("read").is_empty());
        assert!(tx.persons_by_phone(&number(7), 9).await.expect("read").is_empty());
        assert!(tx.account_by_debt_key("loan").await.expect("read").is_none());
        let known = tx.known(everybody, 99).await.expect("read");
        assert_eq!(known.iter().map(|k| k.what).collect::<Vec<_>>(), [KnownKind::Organization]);
        assert!(tx.listed(Some(everybody), Some(&number(8)), 9).await.expect("read").is_empty());
        assert!(tx.listed(Some(everybody), Some(&number(7)), 9).await.expect("read").is_empty());
        assert_eq!(tx.holds_on(Some(ours.account), Some(ours.call)).await.expect("read"), 0);
        let nil = (uuid::Uuid::nil().into(), uuid::Uuid::nil().into());
        assert_eq!(tx.open_accounts(nil, 9).await.expect("read").len(), 1);
        assert!(tx.consents(ours.person, 9).await.expect("read").is_empty());
        assert!(tx.preferences(ours.person, 9).await.expect("read").is_empty());
        assert!(tx.circumstances(ours.person, 9).await.expect("read").is_empty());
        assert!(tx.notices(ours.account, 9).await.expect("read").is_empty());
        assert!(tx.disputes(ours.account, 9).await.expect("read").is_empty());
        assert!(tx.disclosures(ours.call).await.expect("read").is_empty());
        assert!(tx.licences(9).await.expect("read").is_empty());
        assert_eq!(tx.list_holds(Stretch::NONE).await.expect("read").total, 0);
        assert_eq!(Repo::<LegalHold>::find(&mut *tx, hold.id).await.expect("read"), None);
    });
}

/// A row of history twice is one row.
pub async fn history_is_taken_once(store: &dyn Store) {
    let t = tenant(store).await;
    let row = Contact { call_id: None, source: ContactSource::Import, ..a_contact(&t, ContactKind::Attempt, 4) };
    org!(store, t.org, |tx| {
        assert!(tx.note_contact(&row).await.expect("noted"));
        assert!(!tx.note_contact(&Contact { id: id(), ..row.clone() }).await.expect("known"));
        assert!(tx.note_contact(&Contact { id: id(), at: at(5), ..row.clone() }).await.expect("noted"));
        let talk = Contact { id: id(), kind: ContactKind::Conversation, ..row.clone() };
        assert!(tx.note_contact(&talk).await.expect("noted"));
        assert_eq!(tx.ledger(t.person.into(), at(0), 9).await.expect("read").len(), 3);
    });
}
