//! The law stands between a wish and a dial.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use wib_core::{
    calls::{CallExport, CallStatus, StartCall},
    circumstances::Circumstance,
    collections::ListNumber,
    compliance::{CircumstanceKind, CollectorRole, RulePack, StoredVerdict},
    consent::Source,
    contacts::ContactKind,
    kit::{Error, Id, Kind, Principal, VirtualClock, time},
    notices::{CreateNotice, NoticeMethod},
    orgs::{Organization, Plan},
    store::{Repo, Store},
};
use wib_providers::sandbox::{Fault, FaultKind};
use wib_storage::testing::{memory_store, postgres_store};

use crate::stage::{NOON, Stage, at, magic, phone};

const WEEK: Duration = Duration::from_secs(168 * 3600);

fn detail<'a>(error: &'a Error, key: &str) -> &'a str {
    error.details().get(key).and_then(Value::as_str).unwrap_or_default()
}
/// Blocked by that rule, with that outcome, until then.
#[track_caller]
fn blocked(error: &Error, rule: &str, outcome: &str, not_before: &str) {
    assert_eq!(error.kind(), Kind::Blocked, "{error:?}");
    let told = ["blocked_by", "outcome", "not_before"].map(|key| detail(error, key));
    assert_eq!(told, [rule, outcome, not_before], "{error:?}");
}

#[tokio::test]
async fn a_blocked_call_answers_with_reasons_and_the_next_lawful_instant_and_keeps_its_verdict() {
    let stage = Stage::from("2026-06-02T02:00:00Z", 1).await;
    let account = stage.account(&magic(5)).await;
    let error = stage.refused(&account).await;
    blocked(&error, "RF-TIME", "defer", "2026-06-02T13:00:00Z");
    let reasons = error.details()["reasons"].as_array().unwrap();
    // An agency is bound by the hours of collectors, not by those of creditors.
    assert_eq!(reasons.iter().map(|r| r["rule"].as_str().unwrap()).collect::<Vec<_>>(), ["RF-TIME"]);
    assert!(reasons[0]["citation"].as_str().unwrap().contains("1006.6(b)(1)(i)"), "{reasons:?}");
    assert!(reasons[0]["explanation"].as_str().unwrap().contains("21:00"), "{reasons:?}");

    let id: Id<StoredVerdict> = detail(&error, "verdict_id").parse().unwrap();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let kept: StoredVerdict = Repo::find(&mut *tx, id).await.unwrap().unwrap();
    assert_eq!((kept.outcome.as_str(), kept.not_before), ("defer", Some(at("2026-06-02T13:00:00Z"))));
    assert_eq!((kept.call_id, kept.account_id), (None, Some(account.id)));
    drop(tx);
    stage.work().await;
    assert!(stage.sandbox.numbers().is_empty());

    stage.clock.advance_to(at("2026-06-02T12:59:59.999999Z"));
    blocked(&stage.refused(&account).await, "RF-TIME", "defer", "2026-06-02T13:00:00Z");
    stage.clock.advance_to(at("2026-06-02T13:00:00Z"));
    stage.start(&account).await.expect("at the instant that was told it is lawful");
}

#[tokio::test]
async fn a_number_that_nobody_is_known_by_is_for_a_person_to_review_and_not_dialled() {
    let stage = Stage::new().await;
    stage.account(&magic(5)).await;
    let unknown = StartCall { to: Some(phone(&magic(6))), ..StartCall::default() };
    let error = stage.org.start_call(unknown).await.unwrap_err();
    blocked(&error, "WIB-FACTS", "review", "");
    assert!(!detail(&error, "verdict_id").is_empty());
    stage.pass(3600);
    stage.work().await;
    assert!(stage.sandbox.numbers().is_empty());
}

#[tokio::test]
async fn a_suppressed_number_and_a_ceased_debt_are_not_called() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let number = phone(&magic(5));
    let (row, new) = stage.org.suppress(ListNumber::of(number.clone())).await.unwrap();
    assert!(new && !stage.org.suppress(ListNumber::of(number.clone())).await.unwrap().1);
    blocked(&stage.refused(&account).await, "WIB-DNC", "deny", "");
    stage.org.unsuppress(row.id).await.unwrap();
    let call = stage.start(&account).await.unwrap();
    stage.org.end_call(call.id).await.unwrap();
    stage.org.cease(account.id).await.unwrap();
    blocked(&stage.refused(&account).await, "RF-CEASE", "deny", "");
    stage.sealed(call.id).await;
    assert!(stage.sandbox.numbers().is_empty());
}

#[tokio::test]
async fn a_number_that_is_suppressed_while_its_dial_waits_is_not_dialled() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.org.suppress(ListNumber::of(phone(&magic(5)))).await.unwrap();
    stage.pass(31);
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.numbers().is_empty());
    assert_eq!(export.call.status, CallStatus::Failed);
}

#[tokio::test]
async fn who_waits_for_a_dial_is_told_that_it_was_no_longer_lawful_or_that_somebody_ended_it() {
    let stage = Stage::still("2026-06-02T01:59:50Z", 1, |builder, _, _| builder).await;
    let (late, ended) = (stage.account(&magic(5)).await, stage.account(&magic(1)).await);
    let (late, ended) = (stage.start(&late).await.unwrap(), stage.start(&ended).await.unwrap());
    stage.org.end_call(ended.id).await.unwrap();
    let error = stage.org.dial_now(ended.id).await.unwrap_err();
    assert_eq!((error.kind(), error.machine_code()), (Kind::Conflict, "CALL_ENDED"));
    assert_eq!(detail(&error, "call_id"), ended.id.to_string());
    stage.pass(10);
    let error = stage.org.dial_now(late.id).await.unwrap_err();
    assert_eq!((error.kind(), detail(&error, "blocked_by")), (Kind::Blocked, "RF-TIME"), "{error:?}");
    assert_eq!(detail(&error, "call_id"), late.id.to_string());
    assert!(stage.sandbox.numbers().is_empty());
}

/// Calls that ring out, each sealed before the next, at the pace that is lawful: a number is tried every two hours at
/// most, and twice a day.
async fn rings_out(stage: &Stage, account: &wib_core::collections::Account, times: usize) -> Vec<CallExport> {
    let mut calls = Vec::new();
    while calls.len() < times {
        match stage.start(account).await {
            Ok(call) => calls.push(stage.sealed(call.id).await),
            Err(error) => {
                assert!(["RF-HARASS", "RF-HARASS-DAY", "RF-TIME"].contains(&detail(&error, "blocked_by")), "{error:?}");
                stage.clock.advance_to(at(detail(&error, "not_before")));
            }
        }
    }
    calls
}

#[tokio::test]
async fn the_eighth_attempt_within_a_week_waits_until_the_first_is_a_week_old() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(3)).await;
    let calls = rings_out(&stage, &account, 7).await;
    assert_eq!(stage.dials(&magic(3)), 7);
    let room = time::after(calls[0].contacts[0].at, WEEK);
    blocked(&stage.refused(&account).await, "RF-FREQ-COUNT", "defer", &room.to_string());
    stage.clock.advance_to(time::before(room, Duration::from_micros(1)));
    blocked(&stage.refused(&account).await, "RF-FREQ-COUNT", "defer", &room.to_string());
    stage.clock.advance_to(room);
    stage.start(&account).await.expect("at the instant that was told it is lawful");
}

/// With six counted, of two who ask at once one is let through; time and again.
async fn one_of_two(store: Arc<dyn Store>, clock: Arc<VirtualClock>) {
    const ROUNDS: u64 = 8;
    // Without a pace of our own, so that six are counted at once.
    let stage = Stage::on(store, clock, 1, |builder, _| builder.rules(RulePack::federal())).await;
    // Connections are open and have prepared their statements before the race, or the second caller would come late.
    let others = (stage.account(&magic(1)).await, stage.account(&magic(2)).await);
    for _ in 0..3 {
        let (one, other) = tokio::join!(stage.start(&others.0), stage.start(&others.1));
        one.and(other).unwrap();
    }
    let mut last = None;
    for _ in 0..ROUNDS {
        let account = stage.account(&magic(3)).await;
        for _ in 0..6 {
            stage.start(&account).await.unwrap();
        }
        let (one, other) = tokio::join!(stage.start(&account), stage.start(&account));
        let refused = match (&one, &other) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("exactly one passes: {both:?}"),
        };
        assert_eq!((refused.kind(), detail(refused, "blocked_by")), (Kind::Blocked, "RF-FREQ-COUNT"));
        last = one.or(other).ok();
    }
    stage.sealed(last.unwrap().id).await;
    assert_eq!(stage.dials(&magic(3)), 7 * ROUNDS);
}

#[tokio::test]
async fn of_two_calls_at_once_with_six_counted_exactly_one_passes_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    one_of_two(Arc::new(memory_store(clock.clone()).await), clock).await;
}

#[tokio::test]
async fn of_two_calls_at_once_with_six_counted_exactly_one_passes_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let test = "of two calls at once with six counted exactly one passes on postgresql";
    let Some(store) = postgres_store(test, clock.clone()).await else { return };
    one_of_two(Arc::new(store), clock).await;
}

#[tokio::test]
async fn a_cease_that_is_being_written_stops_the_call_that_waits_for_it_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let test = "a cease that is being written stops the call that waits for it on postgresql";
    let Some(store) = postgres_store(test, clock.clone()).await else { return };
    let stage = Stage::on(Arc::new(store), clock, 1, |builder, _| builder).await;
    let account = stage.account(&magic(5)).await;
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.lock_person(account.person_id).await.unwrap();
    let asked = account.clone();
    let cease = async {
        // Many round trips, so that the call stands before the lock by now, its account read.
        for _ in 0..60 {
            stage.store.ping().await.unwrap();
        }
        let cease = Circumstance {
            id: stage.id(),
            person_id: account.person_id,
            account_id: Some(account.id),
            phone: None,
            kind: CircumstanceKind::Cease,
            since: stage.now(),
            source: Source::WrittenLetter,
            note: None,
            ended_at: None,
            recorded_by: None,
            created_at: stage.now(),
        };
        tx.insert(&cease).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (error, ()) = tokio::join!(stage.refused(&asked), cease);
    assert_eq!(detail(&error, "blocked_by"), "RF-CEASE", "{error:?}");
}

#[tokio::test]
async fn a_dial_that_waited_in_the_queue_past_nine_in_the_evening_is_not_dialled() {
    // In Chicago it closes at 02:00 UTC; ten seconds, and a wait longer than that.
    for waited in [10, 29, 31, 3600] {
        let stage = Stage::from("2026-06-02T01:59:50Z", 1).await;
        let account = stage.account(&magic(5)).await;
        let call = stage.start(&account).await.unwrap();
        stage.pass(waited);
        let export = stage.sealed(call.id).await;
        assert!(stage.sandbox.numbers().is_empty(), "after {waited} s");
        assert_eq!(export.call.status, CallStatus::Failed, "after {waited} s");
        assert!(!export.contacts[0].counts, "after {waited} s");
        let why = export.timeline.iter().find(|e| e.event_type == "call.not_placed").unwrap();
        assert!(why.event_data["reason"].as_str().unwrap().contains("RF-TIME"), "{why:?}");
    }
}

#[tokio::test]
async fn a_dial_whose_outcome_was_in_doubt_past_nine_in_the_evening_is_not_dialled_again() {
    let stage = Stage::from("2026-06-02T01:59:50Z", 1).await;
    let kind = FaultKind::TimeoutBeforeEffect;
    stage.sandbox.inject(Fault { vendor: "telnyx".to_owned(), operation: "dial".to_owned(), times: 1, kind });
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.numbers().is_empty(), "{:?}", stage.sandbox.numbers());
    assert_eq!(export.call.status, CallStatus::Failed);
}

#[tokio::test]
async fn a_conversation_starts_the_quiet_week() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let spoken = export.contacts.iter().find(|c| c.kind == ContactKind::Conversation).unwrap();
    assert_eq!((spoken.counts, Some(spoken.at)), (true, export.call.answered_at));
    // It was the first communication: without the validation notice no lawful instant would follow.
    let notice = CreateNotice { account_id: account.id, method: NoticeMethod::Mail };
    let notice = stage.org.create_notice(notice).await.unwrap();
    stage.org.notice_sent(notice.id, None).await.unwrap();
    // Seven days of which the conversation's is the first, then midnight is over but not the night.
    blocked(&stage.refused(&account).await, "RF-FREQ-CONV", "defer", "2026-06-08T13:00:00Z");
    stage.clock.advance_to(at("2026-06-08T13:00:00Z"));
    stage.start(&account).await.unwrap();
}

#[tokio::test]
async fn an_answering_machine_is_an_attempt_and_no_conversation() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(4)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(export.recordings.is_empty(), "nobody listens to a notice");
    let counted: Vec<_> = export.contacts.iter().filter(|c| c.counts).map(|c| c.kind).collect();
    assert_eq!(counted, [ContactKind::Attempt]);
    stage.pass(2 * 3600);
    stage.start(&account).await.expect("a machine is no conversation");
}

#[tokio::test]
async fn calls_that_find_the_line_busy_or_dead_do_not_count() {
    for number in [2, 9, 10] {
        let stage = Stage::new().await;
        let account = stage.account(&magic(number)).await;
        for call in rings_out(&stage, &account, 9).await {
            assert!(call.contacts.iter().all(|c| !c.counts), "{number}");
        }
        assert_eq!(stage.dials(&magic(number)), 9);
    }
}

#[tokio::test]
async fn a_live_organization_and_a_sandbox_do_not_meet() {
    let stage = Stage::new().await;
    let live = Organization {
        id: stage.id(),
        name: "Live".to_owned(),
        plan: Plan::Free,
        collector_role: CollectorRole::Agency,
        live: true,
        created_at: stage.now(),
    };
    let mut tx = stage.store.system().await.unwrap();
    tx.insert_organization(&live).await.unwrap();
    tx.commit().await.unwrap();
    let org = stage.wib.org(Principal::service(live.id)).await.unwrap();
    let csv = "Name;Balance;Phone;Address\nAlma Reyes;$1;+15005550005;\"412 W Grand Ave, Chicago, IL 60654\"\n";
    let account = org.import_accounts(csv.as_bytes()).await.unwrap().accounts.pop().unwrap().0;
    let wish = StartCall { account_id: Some(account.id), ..StartCall::default() };
    let error = org.start_call(wish).await.unwrap_err();
    assert_eq!((error.kind(), error.machine_code()), (Kind::Conflict, "LIVE_MISMATCH"));
    stage.work().await;
    assert!(stage.sandbox.numbers().is_empty());
}

#[tokio::test]
async fn rules_that_are_swapped_bind_the_next_call_and_a_pack_that_makes_no_sense_changes_nothing() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(5)).await;
    let before = stage.wib.rules();
    let mut stricter = RulePack::standard();
    stricter.version = "us-2026-12".to_owned();
    let hours = stricter.rules.iter_mut().find(|r| r.id.as_str() == "RF-TIME").unwrap();
    hours.check = serde_json::from_str(
        r#"{"kind":"hours","opens":"14:00:00","closes":"21:00:00","not_sundays":false,"not_holidays":false}"#,
    )
    .unwrap();
    let mut senseless = stricter.clone();
    senseless.rules[0].acts.clear();
    assert_eq!(stage.wib.swap_rules(senseless).unwrap_err().machine_code(), "BAD_RULES");
    assert_eq!(stage.wib.rules(), before);
    stage.wib.swap_rules(stricter).unwrap();
    assert_eq!((before.version.as_str(), stage.wib.rules().version.as_str()), ("us-2026-11", "us-2026-12"));
    blocked(&stage.refused(&account).await, "RF-TIME", "defer", "2026-06-01T19:00:00Z");
    stage.wib.swap_rules(RulePack::standard()).unwrap();
    let call = stage.start(&account).await.unwrap();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let kept: StoredVerdict = Repo::find(&mut *tx, call.verdict_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.pack, "us-2026-11");
}
