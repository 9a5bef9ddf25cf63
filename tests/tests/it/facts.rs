//! What persons said and what is known of them, and what the gate makes of it.

use std::{collections::BTreeSet, time::Duration};

use wib_core::{
    Org,
    calls::{CallStatus, StartCall},
    circumstances::RecordCircumstance,
    collections::{Account, PersonId},
    compliance::{
        CheckContact, CircumstanceKind, ConsentScope, Flag, ListForecast, ListKind, Outcome, Place, Technology, Wish,
    },
    consent::{ConsentEvent, OptOut, RecordConsent, RecordPreference, RevokeConsent},
    contacts::ContactKind,
    imports::AccountStatus,
    kit::{Actor, Id, Kind, PageRequest, Principal, Result, Role, time},
    licences::RecordLicence,
    lists::ImportList,
    notices::{CreateNotice, FileDispute, NoticeMethod, NoticeStatus},
    retention::{CreateHold, HoldStatus, ListHolds},
    store::Repo,
};

use crate::stage::{Stage, at, magic, phone};

const CHICAGO: &str = "412 W Grand Ave, Chicago, IL 60654";

fn rule(error: &wib_core::kit::Error) -> &str {
    assert_eq!(error.kind(), Kind::Blocked, "{error:?}");
    error.details()["blocked_by"].as_str().unwrap()
}
async fn found(stage: &Stage, account: &Account) -> Account {
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    Repo::find(&mut *tx, account.id).await.unwrap().unwrap()
}
fn about(account: &Account) -> CheckContact {
    CheckContact { account_id: Some(account.id), ..CheckContact::default() }
}
/// Attempts on the days before, one a day, that rang out.
async fn rang(stage: &Stage, number: &str, external: &str, days: impl IntoIterator<Item = u64>) {
    let mut csv = "phone,account,at,kind,connected\n".to_owned();
    for day in days {
        let then = time::before(stage.now(), Duration::from_secs(day * 24 * 3600 - 3600));
        csv.push_str(&format!("{number},{external},{then},attempt,yes\n"));
    }
    let report = stage.org.import_history(csv.as_bytes()).await.unwrap();
    assert_eq!((report.left_out, report.known), (0, 0), "{report:?}");
}
async fn debts(stage: &Stage, rows: &str) -> Vec<Account> {
    let csv = format!("Name;Balance;Phone;Address;Account ID;Debt key\n{rows}");
    let report = stage.org.import_accounts(csv.as_bytes()).await.unwrap();
    assert!(report.file.faults.is_empty(), "{:?}", report.file.faults);
    report.accounts.into_iter().map(|(account, _)| account).collect()
}

#[tokio::test]
async fn words_that_ask_to_stop_while_a_call_waits_or_rings_end_all_further_dials() {
    for (waits, whole) in [(true, false), (false, false), (false, true)] {
        let stage = Stage::new().await;
        let account = stage.account(&magic(3)).await;
        let call = stage.start(&account).await.unwrap();
        if !waits {
            stage.work().await;
            assert_eq!(stage.dials(&magic(3)), 1, "it rings");
        }
        let said = OptOut { phone: Some(phone(&magic(3))), text: "who is this?".to_owned(), ..OptOut::default() };
        assert!(!stage.org.opt_out(said.clone()).await.unwrap().understood);
        let person_id = whole.then_some(account.person_id);
        let phone = said.phone.filter(|_| !whole);
        let said = OptOut { person_id, phone, text: "Please, don't call me again!".to_owned(), ..OptOut::default() };
        let done = stage.org.opt_out(said.clone()).await.unwrap();
        assert_eq!((done.understood, done.persons), (true, vec![account.person_id]));
        let export = stage.sealed(call.id).await;
        assert_eq!(stage.dials(&magic(3)), u64::from(!waits), "no second dial");
        assert_eq!(export.call.status, if waits { CallStatus::Failed } else { CallStatus::Missed });
        stage.pass(30 * 24 * 3600);
        let refused = stage.refused(&account).await;
        assert_eq!(rule(&refused), "WIB-DNC");
        // What was said is in the ledger that the dialler reads, once more changes nothing but the ledger.
        let consents = stage.org.consents(account.person_id).await.unwrap();
        assert!(consents.len() >= 4 && consents.iter().all(|c| c.event == ConsentEvent::Revoked));
        let wishes = stage.org.preferences(account.person_id).await.unwrap().len();
        stage.org.opt_out(said).await.unwrap();
        assert_eq!(stage.org.preferences(account.person_id).await.unwrap().len(), wishes);
        assert_eq!(stage.dials(&magic(3)), u64::from(!waits));
    }
}

#[tokio::test]
async fn call_me_on_thursday_lets_an_eighth_call_through_once() {
    let stage = Stage::new().await;
    let account = debts(&stage, &format!("Alma Reyes;$5;{};\"{CHICAGO}\";A-1;\n", magic(5))).await.remove(0);
    rang(&stage, &magic(5), "A-1", 1..=7).await;
    assert_eq!(rule(&stage.refused(&account).await), "RF-FREQ-COUNT");
    let consent = RecordConsent {
        account_id: Some(account.id),
        evidence: Some("call of Monday".to_owned()),
        ..RecordConsent::of(ConsentScope::Contact, ConsentEvent::VerbalYes)
    };
    let consent = stage.org.record_consent(consent).await.unwrap();
    stage.pass(60);
    let call = stage.start(&account).await.expect("the eighth, with consent");
    let export = stage.sealed(call.id).await;
    assert!(export.contacts.iter().any(|c| c.kind == ContactKind::Conversation && c.counts));
    stage.pass(3 * 24 * 3600);
    let verdict = stage.org.check(about(&account)).await.unwrap();
    let used = verdict.explanation().facts.consents.iter().find(|c| c.at == consent.at).unwrap().used_at;
    assert_eq!(used, export.call.answered_at, "by the first conversation after it");
    assert_eq!(rule(&stage.refused(&account).await), "RF-FREQ-CONV", "used up");
}

#[tokio::test]
async fn accounts_of_one_debt_key_count_together_and_others_do_not() {
    for (key, together) in [("S-9", true), ("", false)] {
        let stage = Stage::new().await;
        let row = |external| format!("Alma Reyes;$5;{};\"{CHICAGO}\";{external};{key}\n", magic(3));
        let accounts = debts(&stage, &(row("A-1") + &row("A-2"))).await;
        assert_eq!(accounts[0].person_id == accounts[1].person_id, together);
        assert_eq!(accounts[0].particular_debt_id() == accounts[1].particular_debt_id(), together);
        rang(&stage, &magic(3), "A-1", 1..=4).await;
        rang(&stage, &magic(3), "A-2", 5..=7).await;
        let outcome = stage.start(&accounts[0]).await;
        match outcome {
            Err(refused) => assert!(together && rule(&refused) == "RF-FREQ-COUNT", "{refused:?}"),
            Ok(_) => assert!(!together),
        }
    }
}

#[tokio::test]
async fn a_written_dispute_stops_collection_and_keeps_the_records_until_it_is_answered() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let create = CreateNotice { account_id: account.id, method: NoticeMethod::Mail };
    let notice = stage.org.create_notice(create.clone()).await.unwrap();
    assert_eq!(stage.org.create_notice(create).await.unwrap_err().kind(), Kind::Conflict);
    let notice = stage.org.notice_sent(notice.id, None).await.unwrap();
    // Monday 1 June: received Monday 8 June, the period ends with 8 July in Chicago.
    assert_eq!(notice.period_ends, Some(at("2026-07-09T05:00:00Z")));
    assert_eq!(stage.org.notice_sent(notice.id, None).await.unwrap_err().kind(), Kind::Conflict);
    stage.pass(12 * 24 * 3600);
    let call = stage.start(&account).await.expect("before the dispute");
    let file = FileDispute {
        account_id: account.id,
        written: true,
        reason: "not mine".to_owned(),
        at: None,
        call_id: None,
        kind: Default::default(),
    };
    let dispute = stage.org.file_dispute(file.clone()).await.unwrap();
    stage.sealed(call.id).await;
    assert_eq!(stage.dials(&magic(3)), 0, "not even the call that waited");
    assert_eq!(found(&stage, &account).await.status, AccountStatus::Disputed);
    assert_eq!(stage.org.notices(account.id).await.unwrap()[0].status, NoticeStatus::Disputed);
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    assert_eq!(tx.holds_on(Some(account.id), None).await.unwrap(), 1);
    drop(tx);
    stage.pass(24 * 3600);
    assert_eq!(rule(&stage.refused(&account).await), "RF-DISPUTE");
    // A file that calls the account active does not undo it.
    let second = stage.org.file_dispute(FileDispute { written: false, ..file }).await.unwrap();
    stage.org.answer_dispute(dispute.id, NoticeMethod::Mail, None).await.unwrap();
    assert_eq!(found(&stage, &account).await.status, AccountStatus::Disputed, "another one is open");
    let answered = stage.org.answer_dispute(second.id, NoticeMethod::Mail, None).await.unwrap();
    assert_eq!(stage.org.answer_dispute(second.id, NoticeMethod::Email, None).await.unwrap(), answered);
    assert_eq!(found(&stage, &account).await.status, AccountStatus::Active, "as before");
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    assert_eq!(tx.holds_on(Some(account.id), None).await.unwrap(), 0);
    drop(tx);
    stage.start(&account).await.expect("answered");
}

#[tokio::test]
async fn a_hold_is_told_to_the_rules_until_it_is_released() {
    let stage = Stage::new().await;
    let (account, other) = (stage.account(&magic(3)).await, stage.account(&magic(5)).await);
    let held = async |account: &Account| {
        let verdict = stage.org.check(about(account)).await.unwrap();
        verdict.explanation().facts.flags[&Flag::LegalHold]
    };
    let hold = CreateHold { name: "Reyes v. Us".to_owned(), account_id: Some(account.id), ..CreateHold::default() };
    let hold = stage.org.create_hold(hold).await.unwrap();
    assert_eq!((held(&account).await, held(&other).await), (true, false));
    let released = stage.org.release_hold(hold.id).await.unwrap();
    assert_eq!((released.status, stage.org.release_hold(hold.id).await.unwrap()), (HoldStatus::Released, released));
    assert!(!held(&account).await);
    let all = CreateHold { name: "All".to_owned(), applies_to_all: true, ..CreateHold::default() };
    stage.org.create_hold(all).await.unwrap();
    assert!(held(&account).await && held(&other).await);
    assert_eq!(stage.org.list_holds(ListHolds::default()).await.unwrap().total, 2, "a released one stays");
    let nameless = CreateHold { name: "  ".to_owned(), ..CreateHold::default() };
    assert_eq!(stage.org.create_hold(nameless).await.unwrap_err().fields()[0].field, "name");
}

#[tokio::test]
async fn what_is_known_of_a_person_or_a_number_stands_in_the_way_until_it_is_over() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let other = stage.account(&magic(5)).await;
    for (kind, rule_id) in [
        (CircumstanceKind::Cease, "RF-CEASE"),
        (CircumstanceKind::Attorney, "RF-ATTY"),
        (CircumstanceKind::Bankruptcy, "BK-STAY"),
        (CircumstanceKind::Deceased, "DECEASED"),
    ] {
        let command = RecordCircumstance { account_id: Some(account.id), ..RecordCircumstance::of(kind) };
        let known = stage.org.record_circumstance(command.clone()).await.unwrap();
        assert_eq!(stage.org.record_circumstance(command).await.unwrap(), known, "once");
        assert_eq!(rule(&stage.refused(&account).await), rule_id);
        assert!(stage.org.check(about(&other)).await.unwrap().permits(), "{kind}");
        stage.org.end_circumstance(known.id).await.unwrap();
        assert!(stage.org.check(about(&account)).await.unwrap().permits(), "{kind} is over");
    }
    let bad = RecordCircumstance {
        person_id: Some(account.person_id),
        ..RecordCircumstance::of(CircumstanceKind::WrongNumber)
    };
    assert_eq!(stage.org.record_circumstance(bad.clone()).await.unwrap_err().fields()[0].field, "phone");
    let elsewhere = RecordCircumstance { phone: Some(phone("+13125550100")), ..bad.clone() };
    stage.org.record_circumstance(elsewhere).await.unwrap();
    let facts = async || stage.org.check(about(&account)).await.unwrap().explanation().facts.circumstances.len();
    assert_eq!(facts().await, 0, "of another number");
    let here = RecordCircumstance { phone: Some(phone(&magic(3))), ..bad };
    stage.org.record_circumstance(here).await.unwrap();
    assert_eq!(facts().await, 1);
    let night =
        Wish::NotDuring { days: vec![], from: jiff::civil::time(9, 0, 0, 0), to: jiff::civil::time(15, 0, 0, 0) };
    let wish = RecordPreference { person_id: other.person_id, phone: None, email: None, medium: None, wish: night };
    let wish = stage.org.record_preference(wish).await.unwrap();
    assert_eq!(rule(&stage.refused(&other).await), "RF-TIME-PREF");
    stage.org.end_preference(wish.id).await.unwrap();
    assert!(stage.org.check(about(&other)).await.unwrap().permits());
}

#[tokio::test]
async fn lists_tell_of_a_number_until_a_newer_version_does_not_name_it() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let said = async |list: ListKind| {
        let verdict = stage.org.check(about(&account)).await.unwrap();
        let lists = &verdict.explanation().facts.lists;
        lists.iter().find(|l| l.list == list).map(|l| (l.listed, l.as_of))
    };
    let (old, new) = (at("2026-05-01T00:00:00Z"), at("2026-05-20T00:00:00Z"));
    let import = async |list, as_of, csv: &str| {
        let list = ImportList { list, source: "keeper", as_of, csv: csv.as_bytes() };
        stage.org.import_list(list).await
    };
    assert_eq!(said(ListKind::National).await, None);
    let csv = format!("number\n{}\nnonsense\n+13125550142\n", magic(3));
    let report = import(ListKind::National, old, &csv).await.unwrap();
    assert_eq!((report.numbers, report.left_out, report.lines), (2, 1, vec![3]));
    assert_eq!(said(ListKind::National).await, Some((true, old)));
    import(ListKind::National, new, "+13125550142\n").await.unwrap();
    assert_eq!(said(ListKind::National).await, Some((false, new)));
    import(ListKind::National, old, &csv).await.unwrap();
    assert_eq!(said(ListKind::National).await, Some((false, new)), "an old file changes nothing");
    // Who was not asked about is not told about.
    import(ListKind::Reassigned, new, "+13125550142,no\n").await.unwrap();
    assert_eq!(said(ListKind::Reassigned).await, None);
    import(ListKind::Reassigned, new, &format!("{},no\n", magic(3))).await.unwrap();
    assert_eq!(said(ListKind::Reassigned).await, Some((false, new)));
    import(ListKind::Litigator, new, &format!("{}\n", magic(3))).await.unwrap();
    assert_eq!(rule(&stage.refused(&account).await), "WIB-LITIGATOR");
    for (list, as_of) in [(ListKind::Internal, new), (ListKind::State, at("2027-01-01T00:00:00Z"))] {
        assert_eq!(import(list, as_of, "").await.unwrap_err().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn a_check_stores_nothing_but_the_line_that_was_asked_for() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let lines = async || {
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        tx.page_of_audit(&PageRequest::default()).await.unwrap()
    };
    let before = lines().await.total;
    let verdict = stage.org.check(about(&account)).await.unwrap();
    assert!(verdict.permits(), "{:?}", verdict.explanation().blocked_by);
    assert_eq!(lines().await.total, before);
    let _ = stage.org.check(CheckContact { log: true, ..about(&account) }).await.unwrap();
    let log = lines().await;
    assert_eq!((log.total, log.items[0].action.as_str()), (before + 1, "compliance:predial_passed"));
    assert_eq!(log.items[0].metadata["number"], "********0003");
    assert!(stage.work().await == 0 && stage.dials(&magic(3)) == 0);
    // An artificial voice needs a consent that a person's hand does not.
    let artificial = CheckContact { technology: Some(Technology::ArtificialVoice), ..about(&account) };
    assert_eq!(stage.org.check(artificial).await.unwrap().outcome(), Outcome::Deny);
    let unknown = CheckContact { phone: Some(phone("+13125550199")), ..CheckContact::default() };
    assert_eq!(stage.org.check(unknown).await.unwrap().outcome(), Outcome::Review);
    // A number that is not ours to show is not shown.
    let spoofed = StartCall { account_id: Some(account.id), from: Some(phone("+13125550111")), ..StartCall::default() };
    assert_eq!(rule(&stage.org.start_call(spoofed).await.unwrap_err()), "TC-CALLERID");
}

#[tokio::test]
async fn a_conversation_is_the_first_communication_and_a_machine_is_none() {
    let stage = Stage::new().await;
    let (machine, person) = (stage.account(&magic(4)).await, stage.account(&magic(5)).await);
    for account in [&machine, &person] {
        let call = stage.start(account).await.unwrap();
        let export = stage.sealed(call.id).await;
        let first = found(&stage, account).await.first_communication_at;
        let spoken = export.contacts.iter().find(|c| c.kind == ContactKind::Conversation && c.counts);
        assert_eq!(first, spoken.map(|c| c.at));
        let said = {
            let mut tx = stage.store.org(stage.org.id()).await.unwrap();
            tx.disclosures(call.id).await.unwrap()
        };
        assert_eq!(said.len(), usize::from(first.is_some()), "the recording notice");
    }
}

#[tokio::test]
async fn tomorrow_is_told_for_every_open_account_page_by_page() {
    let stage = Stage::new().await;
    let (open, ceased) = (stage.account(&magic(3)).await, stage.account(&magic(5)).await);
    let west = stage.account_at(&magic(1), "1 Main St, Los Angeles, CA 90012").await;
    stage.org.cease(ceased.id).await.unwrap();
    let licence = |region: &str| RecordLicence {
        region: region.to_owned(),
        number: "L-1".to_owned(),
        from_at: at("2020-01-01T00:00:00Z"),
        until_at: None,
    };
    stage.org.record_licence(licence("us-ca")).await.unwrap();
    let page = stage.org.forecast(ListForecast::default()).await.unwrap();
    assert_eq!(page.len(), 3);
    let of = |account: &Account| page.iter().find(|a| a.account_id == account.id).unwrap();
    let spans = |account: &Account| of(account).callable.iter().map(|c| (c.from, c.until)).collect::<Vec<_>>();
    assert_eq!(spans(&open), [(at("2026-06-02T13:00:00Z"), at("2026-06-03T02:00:00Z"))]);
    assert_eq!(spans(&west), [(at("2026-06-02T15:00:00Z"), at("2026-06-03T04:00:00Z"))]);
    assert_eq!((spans(&ceased).len(), of(&ceased).blocked_by.as_ref().map(|r| r.as_str())), (0, Some("RF-CEASE")));
    let mut joined = Vec::new();
    let mut after = None;
    loop {
        let next = stage.org.forecast(ListForecast { after, limit: Some(1), day: None }).await.unwrap();
        let Some(last) = next.last() else { break };
        after = Some(last.account_id);
        joined.extend(next);
    }
    assert_eq!(joined, page);
    let facts = stage.org.forecast_facts(&ListForecast::default()).await.unwrap();
    for (id, facts) in facts {
        let checked = stage.org.check(CheckContact { account_id: Some(id), ..CheckContact::default() }).await.unwrap();
        assert_eq!(checked.explanation().facts, facts, "a page gathers what a single question does");
    }
}

#[tokio::test]
async fn history_of_another_dialler_counts_and_is_taken_once() {
    let stage = Stage::new().await;
    let account = debts(&stage, &format!("Alma Reyes;$5;{};\"{CHICAGO}\";A-1;\n", magic(3))).await.remove(0);
    let number = magic(3);
    let csv = format!(
        "phone,account,at,kind,connected\n{number},A-1,2026-05-30T15:00:00Z,attempt,no\n\
        {number},,2026-05-31T15:00:00Z,conversation,yes\n{number},B-9,2026-05-31T15:00:00Z,attempt,yes\n\
        {number},A-1,2027-05-31T15:00:00Z,attempt,yes\n{number},A-1,yesterday,attempt,yes\n"
    );
    let report = stage.org.import_history(csv.as_bytes()).await.unwrap();
    assert_eq!((report.added, report.known, report.left_out), (2, 0, 3), "{report:?}");
    assert_eq!(report.faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 6]);
    let report = stage.org.import_history(csv.as_bytes()).await.unwrap();
    assert_eq!((report.added, report.known), (0, 2));
    assert_eq!(found(&stage, &account).await.first_communication_at, Some(at("2026-05-31T15:00:00Z")));
    assert_eq!(rule(&stage.refused(&account).await), "RF-FREQ-CONV");
}

#[tokio::test]
async fn a_file_tells_of_zones_states_ceases_and_attorneys() {
    let stage = Stage::new().await;
    let csv = format!(
        "Name;Balance;Phone;State code;Time zone;Cease;Attorney\nAlma;$5;{};TX;America/Denver;no;\n\
         Ben;$5;{};IL;;yes;\nCora;$5;{};IL;;;2026-01-05\nDan;$5;{};IL;;perhaps;\n",
        magic(1),
        magic(2),
        magic(3),
        magic(4)
    );
    let report = stage.org.import_accounts(csv.as_bytes()).await.unwrap();
    assert_eq!((report.accounts.len(), report.file.summary.invalid), (3, 1), "in doubt the row is left out");
    let accounts: Vec<_> = report.accounts.into_iter().map(|(account, _)| account).collect();
    let verdict = stage.org.check(about(&accounts[0])).await.unwrap();
    let places = &verdict.explanation().facts.locations;
    assert!(places.iter().any(|l| l.regions == ["US-TX"]) && places.iter().any(|l| l.zones == ["America/Denver"]));
    assert_eq!(rule(&stage.refused(&accounts[1]).await), "RF-CEASE");
    assert_eq!(rule(&stage.refused(&accounts[2]).await), "RF-ATTY");
    stage.org.import_accounts(csv.as_bytes()).await.unwrap();
}

/// Every change of a record, by whoever `org` is: name and outcome.
async fn every_change(stage: &Stage, org: &Org, account: &Account) -> Vec<(&'static str, Result<()>)> {
    let (ours, person, now) = (&stage.org, account.person_id, stage.now());
    let circumstance =
        RecordCircumstance { account_id: Some(account.id), ..RecordCircumstance::of(CircumstanceKind::Minor) };
    let of_person =
        RecordCircumstance { person_id: Some(person), ..RecordCircumstance::of(CircumstanceKind::ActiveDuty) };
    let known = ours.record_circumstance(of_person).await.unwrap();
    let wish = |place| RecordPreference {
        person_id: person,
        phone: None,
        email: None,
        medium: None,
        wish: Wish::NoPlace { place },
    };
    let held = ours.record_preference(wish(Place::Inconvenient)).await.unwrap();
    let consent = RecordConsent {
        account_id: Some(account.id),
        ..RecordConsent::of(ConsentScope::Recording, ConsentEvent::Granted)
    };
    let notice =
        ours.create_notice(CreateNotice { account_id: account.id, method: NoticeMethod::Email }).await.unwrap();
    let dispute = FileDispute {
        account_id: account.id,
        written: false,
        reason: "paid".to_owned(),
        at: None,
        call_id: None,
        kind: Default::default(),
    };
    let filed = ours.file_dispute(dispute.clone()).await.unwrap();
    let hold = CreateHold { name: "Matter".to_owned(), account_id: Some(account.id), ..CreateHold::default() };
    let made = ours.create_hold(hold.clone()).await.unwrap();
    let licence = |region: &str| RecordLicence {
        region: region.to_owned(),
        number: "1".to_owned(),
        from_at: now,
        until_at: None,
    };
    let licensed = ours.record_licence(licence("US-TX")).await.unwrap();
    let later = time::after(now, Duration::from_secs(9));
    let stop = OptOut { person_id: Some(person), text: "STOP".to_owned(), ..OptOut::default() };
    let revoke =
        RevokeConsent { account_id: Some(account.id), scope: Some(ConsentScope::Text), ..RevokeConsent::default() };
    let list = ImportList { list: ListKind::State, source: "US-FL", as_of: now, csv: b"+13125550100\n" };
    vec![
        ("compliance:circumstance_recorded", org.record_circumstance(circumstance).await.map(drop)),
        ("compliance:circumstance_ended", org.end_circumstance(known.id).await.map(drop)),
        ("consent:preference_recorded", org.record_preference(wish(Place::Work)).await.map(drop)),
        ("consent:preference_ended", org.end_preference(held.id).await.map(drop)),
        ("consent:recorded", org.record_consent(consent).await.map(drop)),
        ("consent:revoked", org.revoke_consent(revoke).await.map(drop)),
        ("consent:opted_out", org.opt_out(stop).await.map(drop)),
        ("compliance:validation_notice_sent", org.notice_sent(notice.id, None).await.map(drop)),
        ("compliance:validation_notice_delivered", org.notice_delivered(notice.id, now).await.map(drop)),
        ("compliance:validation_notice_returned", org.notice_returned(notice.id).await.map(drop)),
        (
            "compliance:validation_notice_created",
            org.create_notice(CreateNotice { account_id: account.id, method: NoticeMethod::Mail }).await.map(drop),
        ),
        ("collection:dispute_answered", org.answer_dispute(filed.id, NoticeMethod::Mail, None).await.map(drop)),
        ("collection:dispute_filed", org.file_dispute(dispute).await.map(drop)),
        ("retention:legal_hold_created", org.create_hold(hold).await.map(drop)),
        ("retention:legal_hold_released", org.release_hold(made.id).await.map(drop)),
        ("compliance:licence_ended", org.end_licence(licensed.id, later).await.map(drop)),
        ("compliance:licence_recorded", org.record_licence(licence("US-WA")).await.map(drop)),
        ("compliance:list_imported", org.import_list(list).await.map(drop)),
    ]
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_with_what_was_and_what_is() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let names: Vec<_> = every_change(&stage, &stage.org, &account)
        .await
        .into_iter()
        .map(|(name, outcome)| {
            outcome.unwrap_or_else(|e| panic!("{name}: {e:?}"));
            name
        })
        .collect();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let log = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap().items;
    for name in names {
        let line = log.iter().find(|l| l.action == name).unwrap_or_else(|| panic!("{name} is not in the log"));
        assert!(line.new_value.is_some(), "{name}");
        let changed =
            ["ended", "sent", "delivered", "returned", "answered", "released"].iter().any(|w| name.ends_with(w));
        assert_eq!(line.old_value.is_some(), changed || name.ends_with("dispute_filed"), "{name}");
        let shown = format!("{:?}{:?}{:?}", line.old_value, line.new_value, line.metadata);
        assert!(!shown.contains(&magic(3)) && !shown.contains("+13125550100"), "{name} shows a number: {shown}");
    }
}

#[tokio::test]
async fn another_organisation_finds_none_of_it_and_a_viewer_changes_nothing() {
    let stage = Stage::new().await;
    let theirs = stage.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let stranger = stage.wib.org(Principal::service(theirs)).await.unwrap();
    let viewer = Principal { role: Role::Viewer, actor: Actor::System, ..Principal::service(stage.org.id()) };
    let viewer = stage.wib.org(viewer).await.unwrap();
    // What names nothing of anybody's is the stranger's own affair.
    let own: BTreeSet<_> = ["compliance:licence_recorded", "compliance:list_imported"].into();
    for (org, kind) in [(&stranger, Kind::NotFound), (&viewer, Kind::Forbidden)] {
        let account = stage.account(&magic(3)).await;
        for (name, outcome) in every_change(&stage, org, &account).await {
            if kind == Kind::NotFound && own.contains(name) {
                outcome.unwrap();
            } else {
                assert_eq!(outcome.map_err(|e| e.kind()), Err(kind), "{name}");
            }
        }
        for licence in stage.org.licences().await.unwrap() {
            // Free for the next round.
            let mut tx = stage.store.org(stage.org.id()).await.unwrap();
            tx.update(&wib_core::licences::Licence { number: licence.id.to_string(), ..licence }).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    let account = stage.account(&magic(5)).await;
    let gone = |kind: std::result::Result<(), Kind>| assert_eq!(kind, Err(Kind::NotFound));
    let person: PersonId = account.person_id;
    gone(stranger.check(about(&account)).await.map(drop).map_err(|e| e.kind()));
    gone(stranger.consents(person).await.map(drop).map_err(|e| e.kind()));
    gone(stranger.preferences(person).await.map(drop).map_err(|e| e.kind()));
    gone(stranger.circumstances(person).await.map(drop).map_err(|e| e.kind()));
    gone(stranger.notices(account.id).await.map(drop).map_err(|e| e.kind()));
    gone(stranger.disputes(account.id).await.map(drop).map_err(|e| e.kind()));
    let after = ListForecast { after: Some(account.id), ..ListForecast::default() };
    gone(stranger.forecast(after).await.map(drop).map_err(|e| e.kind()));
    assert!(stranger.forecast(ListForecast::default()).await.unwrap().is_empty());
    let missing = Id::from(uuid::Uuid::nil());
    gone(stage.org.release_hold(missing).await.map(drop).map_err(|e| e.kind()));
}
