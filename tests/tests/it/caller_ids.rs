//! The number that a call shows: the pool in turn, ours or proven, never anybody else's.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use wib_core::{
    caller_ids::{
        AddNumber, CallerIdStatus, ConfirmCallerId, InboundRoute, NumberPurpose, StartCallerId, UpdateNumber,
    },
    calls::StartCall,
    collections::Account,
    kit::{ExposeSecret, Kind, Principal, Role, VirtualClock},
    store::Store,
};
use wib_storage::testing::{memory_store, postgres_store};

use crate::stage::{NOON, Stage, at, magic, phone};

pub(crate) fn add(number: &str, purpose: NumberPurpose) -> AddNumber {
    AddNumber {
        phone: phone(number),
        vendor_id: None,
        purpose,
        pool_order: None,
        caller_name: None,
        route: InboundRoute::default(),
    }
}
async fn pool(stage: &Stage, n: usize) -> Vec<String> {
    let mut numbers = vec![];
    for n in 0..n {
        let number = format!("+131255502{n:02}");
        stage.org.add_number(add(&number, NumberPurpose::Both)).await.unwrap();
        numbers.push(number);
    }
    numbers
}
/// Accounts of as many persons.
async fn accounts(stage: &Stage, n: usize) -> Vec<Account> {
    let mut accounts = vec![];
    for n in 0..n {
        let csv = format!(
            "Name;Balance;Phone;Address\nP {n};$1.50;+131255540{n:02};\"412 W Grand Ave, Chicago, IL 60654\"\n"
        );
        let mut report = stage.org.import_accounts(csv.as_bytes()).await.unwrap();
        assert!(report.file.faults.is_empty(), "{:?}", report.file.faults);
        accounts.push(report.accounts.pop().unwrap().0);
    }
    accounts
}

#[tokio::test]
async fn calls_that_name_no_number_show_the_pool_in_turn() {
    let stage = Stage::new().await;
    let default = stage.start(&stage.account(&magic(1)).await).await.unwrap().from_number;
    let numbers = pool(&stage, 3).await;
    stage.org.add_number(add("+13125550290", NumberPurpose::Inbound)).await.unwrap();
    let accounts = accounts(&stage, 8).await;
    let mut shown = vec![];
    for account in &accounts[..7] {
        stage.pass(1);
        shown.push(stage.start(account).await.unwrap().from_number.as_str().to_owned());
    }
    let turns: Vec<_> = numbers.iter().cycle().take(7).cloned().collect();
    assert_eq!(shown, turns);
    assert!(!shown.contains(&default.as_str().to_owned()), "the default is for who has none");
    // What is retired is shown no more.
    let second = stage.org.numbers().await.unwrap()[1].clone();
    assert_eq!(second.phone.as_str(), numbers[1]);
    stage.org.retire_number(second.id).await.unwrap();
    assert_eq!(stage.start(&accounts[7]).await.unwrap().from_number.as_str(), numbers[2]);
    assert_eq!(stage.org.retire_number(second.id).await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_call_that_is_refused_uses_no_number_up() {
    let stage = Stage::new().await;
    let numbers = pool(&stage, 2).await;
    let account = &accounts(&stage, 1).await[0];
    stage.start(account).await.unwrap();
    for _ in 0..3 {
        stage.pass(1);
        assert_eq!(stage.refused(account).await.kind(), Kind::Blocked, "twice within two hours");
    }
    let used: Vec<_> = stage.org.numbers().await.unwrap().iter().map(|n| n.last_used_at.is_some()).collect();
    assert_eq!((used, numbers.len()), (vec![true, false], 2));
}

#[tokio::test]
async fn only_what_is_ours_or_proven_may_be_shown() {
    let stage = Stage::new().await;
    let accounts = accounts(&stage, 4).await;
    let from = "+13125550277";
    let show = async |account: &Account| {
        let wish = StartCall { account_id: Some(account.id), from: Some(phone(from)), ..StartCall::default() };
        stage.org.start_call(wish).await
    };
    let refused = show(&accounts[0]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Blocked, "47 CFR 64.1604");
    let pending = stage.org.start_caller_id(StartCallerId { phone: phone(from), label: None }).await.unwrap();
    assert_eq!(show(&accounts[0]).await.unwrap_err().kind(), Kind::Blocked, "a code on its way proves nothing");
    let confirm = async |code: &str| {
        stage.org.confirm_caller_id(ConfirmCallerId { phone: phone(from), code: code.to_owned() }).await
    };
    let code = pending.code.expose_secret().to_owned();
    assert!(code.len() == 6 && !format!("{pending:?}").contains(&code), "a code is not shown");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(confirm(wrong).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(confirm(&code).await.unwrap().status, CallerIdStatus::Verified);
    assert_eq!(show(&accounts[0]).await.unwrap().from_number.as_str(), from);
    let again = stage.org.start_caller_id(StartCallerId { phone: phone(from), label: None }).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
    let id = stage.org.caller_ids().await.unwrap()[0].id;
    stage.org.delete_caller_id(id).await.unwrap();
    assert_eq!(show(&accounts[1]).await.unwrap_err().kind(), Kind::Blocked);
    stage.org.add_number(add(from, NumberPurpose::Inbound)).await.unwrap();
    assert_eq!(show(&accounts[1]).await.unwrap().from_number.as_str(), from);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_five_guesses() {
    let stage = Stage::new().await;
    let ask = || StartCallerId { phone: phone("+13125550278"), label: Some("desk".to_owned()) };
    let confirm = async |code: &str| {
        stage.org.confirm_caller_id(ConfirmCallerId { phone: ask().phone, code: code.to_owned() }).await
    };
    assert_eq!(confirm("123456").await.unwrap_err().kind(), Kind::NotFound);
    let late = stage.org.start_caller_id(ask()).await.unwrap();
    stage.pass(600);
    assert_eq!(confirm(late.code.expose_secret()).await.unwrap_err().kind(), Kind::Gone);
    let guessed = stage.org.start_caller_id(ask()).await.unwrap();
    let code = guessed.code.expose_secret().to_owned();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(confirm(wrong).await.unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(confirm(&code).await.unwrap_err().kind(), Kind::Gone);
    let fresh = stage.org.start_caller_id(ask()).await.unwrap();
    let shown = serde_json::to_string(&fresh.caller_id).unwrap();
    assert!(!shown.contains("code_hash") && !shown.contains("sha256"), "{shown}");
    assert_eq!(confirm(fresh.code.expose_secret()).await.unwrap().label.as_deref(), Some("desk"));
}

#[tokio::test]
async fn numbers_are_changed_by_admins_and_belong_to_one() {
    let stage = Stage::new().await;
    pool(&stage, 1).await;
    let number = stage.org.numbers().await.unwrap().pop().unwrap();
    assert_eq!(number.caller_name.as_deref(), Some("LAKESIDE RECOVE"));
    let low = Principal { role: Role::Manager, ..Principal::service(stage.org.id()) };
    let low = stage.wib.org(low).await.unwrap();
    let change = UpdateNumber { purpose: Some(NumberPurpose::Inbound), ..UpdateNumber::default() };
    assert_eq!(low.update_number(number.id, change.clone()).await.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(low.retire_number(number.id).await.unwrap_err().kind(), Kind::Forbidden);
    let changed = stage.org.update_number(number.id, change).await.unwrap();
    assert_eq!((changed.purpose, changed.caller_name), (NumberPurpose::Inbound, number.caller_name));
    let organization = stage.wib.system().create_organization("Other").await.unwrap();
    let other = stage.wib.org(Principal::service(organization.id)).await.unwrap();
    let taken = other.add_number(add(number.phone.as_str(), NumberPurpose::Both)).await.unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict);
    stage.org.retire_number(number.id).await.unwrap();
    other.add_number(add(number.phone.as_str(), NumberPurpose::Both)).await.unwrap();
}

/// Many dial at once: each number is shown about as often as the others, and each call shows one of the pool.
async fn fair(store: Arc<dyn Store>, clock: Arc<VirtualClock>) {
    let stage = Arc::new(Stage::on(store, clock, 1, |builder, _| builder).await);
    let numbers = pool(&stage, 4).await;
    let accounts = accounts(&stage, 32).await;
    let tasks = accounts.into_iter().map(|account| {
        let stage = stage.clone();
        tokio::spawn(async move {
            loop {
                match stage.start(&account).await {
                    Ok(call) => return call.from_number.as_str().to_owned(),
                    Err(e) if e.retryable() => tokio::task::yield_now().await,
                    Err(e) => panic!("{e:?}"),
                }
            }
        })
    });
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for task in join_all(tasks).await {
        *shown.entry(task.unwrap()).or_default() += 1;
    }
    assert_eq!(shown.keys().cloned().collect::<Vec<_>>(), numbers, "the default is for who has none");
    assert!(shown.values().all(|n| (4..=16).contains(n)), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_show_every_number_of_the_pool_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    fair(Arc::new(memory_store(clock.clone()).await), clock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_show_every_number_of_the_pool_on_postgresql() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let test = "many at once show every number of the pool on postgresql";
    let Some(store) = postgres_store(test, clock.clone()).await else { return };
    fair(Arc::new(store), clock).await;
}
