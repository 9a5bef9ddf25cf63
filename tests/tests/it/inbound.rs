//! Somebody calls: whose call it is, who takes it, and what is never done on it.

use wib_core::{
    caller_ids::{AddNumber, InboundRoute, NumberPurpose, RouteTarget, SetAgentLine},
    calls::{CallStatus, FlowType, LegRole, RecordingState, VerifyParty},
    compliance::{DutyKind, Holder},
    contacts::ContactKind,
    kit::{Kind, Principal, Role},
    orgs::Member,
    ports::voice::{Command, Direction, HangupCause, Record, VoiceEventKind},
};

use crate::{
    desk::{House, MEMBER, OTHER, PERSON, hangup, refusal},
    stage::phone,
};

/// A number of the house.
const OURS: &str = "+13125550101";

async fn number(house: &House, route: InboundRoute) {
    let add = AddNumber {
        phone: phone(OURS),
        vendor_id: None,
        purpose: NumberPurpose::Inbound,
        pool_order: None,
        caller_name: None,
        route,
    };
    house.org.add_number(add).await.unwrap();
}
fn to_member() -> InboundRoute {
    InboundRoute {
        target: Some(RouteTarget::Number { phone: phone(MEMBER) }),
        greeting: Some("You have reached Lakeside.".to_owned()),
        ..InboundRoute::default()
    }
}

#[tokio::test]
async fn a_call_to_our_number_is_taken_told_recorded_and_joined_with_a_member() {
    let house = House::new().await;
    number(&house, to_member()).await;
    let account = house.account(PERSON).await;
    let person = house.rings(PERSON, OURS).await;
    let call = house.only_call().await;
    assert_eq!(
        (call.direction, call.flow_type, call.status),
        (Direction::Inbound, FlowType::Inbound, CallStatus::Initiated)
    );
    assert_eq!((call.account_id, call.verdict_id), (Some(account.id), None), "no cap on our dials binds who calls us");
    assert_eq!(house.desk.words(&person), ["answer"]);
    house.tell(&person, VoiceEventKind::Answered).await;
    house.wait(1).await;
    assert_eq!(house.desk.spoken(&person), ["This call is recorded. You have reached Lakeside."]);
    assert!(
        house.desk.dialled().is_empty() && house.desk.words(&person) == ["answer", "speak"],
        "nothing before the notice"
    );
    house.hears(&person).await;
    assert_eq!(house.desk.words(&person), ["answer", "speak", "record"]);
    assert_eq!(house.desk.dialled(), [MEMBER]);
    assert_eq!(house.desk.dial_to(MEMBER).from, phone(OURS), "the member sees our number");
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    house.wait(1).await;
    let [Command::Bridge(joined)] = &house.desk.orders(&member)[..] else { panic!("joined once") };
    assert_eq!(joined.with, person);
    house.tell(&person, VoiceEventKind::Bridged).await;
    let call = house.only_call().await;
    assert_eq!((call.status, call.facts.recording_state()), (CallStatus::Bridged, RecordingState::Recording));
    house.ends(&person, HangupCause::Normal).await;
    house.wait(2).await;
    assert_eq!(house.desk.words(&member), ["bridge", "hang_up"]);
    house.ends(&member, HangupCause::Normal).await;
    let export = house.export(call.id).await;
    assert_eq!(export.call.status, CallStatus::Completed);
    let roles: Vec<_> = export.legs.iter().map(|l| l.role).collect();
    assert_eq!(roles, [LegRole::Caller, LegRole::Agent]);
    let kinds: Vec<_> = export.contacts.iter().map(|c| (c.kind, c.direction, c.counts)).collect();
    assert_eq!(kinds, [(ContactKind::Conversation, Direction::Inbound, true)], "a talk, and no attempt of ours");
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn the_debt_is_named_to_nobody_who_is_not_verified_on_a_call_that_came_in() {
    let house = House::new().await;
    number(&house, to_member()).await;
    house.account(PERSON).await;
    let person = house.rings(PERSON, OURS).await;
    house.tell(&person, VoiceEventKind::Answered).await;
    house.hears(&person).await;
    let call = house.only_call().await;
    let before = house.org.conversation(call.id).await.unwrap();
    assert!(!before.may_name_debt && before.owed.contains(&DutyKind::VerifyParty), "{before:?}");
    let refused = house.org.speak_disclosure(call.id, DutyKind::MiniMiranda).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    let party = VerifyParty { holder: Holder::Consumer, ..VerifyParty::default() };
    let found = house.org.verify_party(call.id, party).await.unwrap();
    assert!(found.owed.contains(&DutyKind::MiniMiranda), "{found:?}");
    house.org.speak_disclosure(call.id, DutyKind::MiniMiranda).await.unwrap();
    house.work().await;
    assert!(house.desk.spoken(&person).last().unwrap().contains("attempt to collect a debt"));
}

#[tokio::test]
async fn a_person_who_refuses_is_not_recorded_and_is_heard_all_the_same() {
    let house = House::new().await;
    number(&house, to_member()).await;
    house.account(PERSON).await;
    let person = house.rings(PERSON, OURS).await;
    house.tell(&person, VoiceEventKind::Answered).await;
    house.wait(1).await;
    let call = house.only_call().await;
    house.org.refuse_recording(call.id).await.unwrap();
    house.hears(&person).await;
    house.answers(&house.desk.leg(MEMBER)).await;
    house.wait(2).await;
    let recorded = house.desk.orders(&person).contains(&Command::Record(Record::Start));
    assert!(!recorded && house.desk.words(&house.desk.leg(MEMBER)) == ["bridge"]);
}

#[tokio::test]
async fn a_number_that_is_not_recorded_gives_no_notice_and_records_nothing() {
    let house = House::new().await;
    number(&house, InboundRoute { record: false, greeting: None, ..to_member() }).await;
    let person = house.rings(PERSON, OURS).await;
    house.tell(&person, VoiceEventKind::Answered).await;
    house.wait(1).await;
    assert_eq!(house.desk.words(&person), ["answer"]);
    assert_eq!(house.desk.dialled(), [MEMBER], "nothing is to be heard first");
}

#[tokio::test]
async fn a_person_whom_nobody_takes_hears_so_and_nothing_of_a_debt() {
    let none = InboundRoute { target: None, ..to_member() };
    for (route, reason) in
        [(none, None), (to_member(), Some(HangupCause::NoAnswer)), (to_member(), Some(HangupCause::Busy))]
    {
        let house = House::new().await;
        number(&house, route).await;
        house.account(PERSON).await;
        let person = house.rings(PERSON, OURS).await;
        house.tell(&person, VoiceEventKind::Answered).await;
        house.hears(&person).await;
        if let Some(reason) = reason {
            house.ends(&house.desk.leg(MEMBER), reason).await;
        }
        house.wait(2).await;
        let said = house.desk.spoken(&person);
        assert_eq!(said.last().unwrap(), "Nobody can take your call at the moment. Please call again later. Goodbye.");
        assert!(!house.desk.words(&person).contains(&"hang_up"), "not before it was said");
        house.hears(&person).await;
        assert_eq!(house.desk.words(&person).last(), Some(&"hang_up"));
        house.ends(&person, HangupCause::Normal).await;
        assert_eq!(house.only_call().await.status, CallStatus::Completed);
        house.nothing_is_dead().await;
    }
}

#[tokio::test]
async fn a_member_who_cannot_be_dialled_is_as_one_who_does_not_answer() {
    let house = House::new().await;
    number(&house, to_member()).await;
    house.desk.fail("dial", refusal());
    let person = house.rings(PERSON, OURS).await;
    house.tell(&person, VoiceEventKind::Answered).await;
    house.hears(&person).await;
    house.wait(2).await;
    assert!(house.desk.spoken(&person).last().unwrap().starts_with("Nobody can take your call"));
}

#[tokio::test]
async fn a_caller_who_gives_up_is_no_failure_and_nobody_goes_on_ringing() {
    let house = House::new().await;
    number(&house, to_member()).await;
    let person = house.rings(PERSON, OURS).await;
    house.ends(&person, HangupCause::Canceled).await;
    house.wait(3).await;
    assert_eq!(house.only_call().await.status, CallStatus::Canceled);
    house.nothing_is_dead().await;

    let house = House::new().await;
    number(&house, to_member()).await;
    let person = house.rings(PERSON, OURS).await;
    house.tell(&person, VoiceEventKind::Answered).await;
    house.hears(&person).await;
    let member = house.desk.leg(MEMBER);
    house.tell(&member, VoiceEventKind::Ringing).await;
    house.ends(&person, HangupCause::Normal).await;
    house.wait(3).await;
    assert_eq!(house.desk.words(&member), ["hang_up"]);
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn a_call_to_a_number_of_nobody_is_whose_account_the_caller_has_and_nobodys_otherwise() {
    let house = House::new().await;
    let account = house.account(PERSON).await;
    house.rings(PERSON, OTHER).await;
    assert_eq!(house.only_call().await.account_id, Some(account.id));
    house.rings(MEMBER, OTHER).await;
    house.rings("anonymous", OTHER).await;
    house.rings("+266696687", OTHER).await;
    house.wait(30).await;
    house.only_call().await;
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn who_shows_no_number_is_taken_at_our_number_and_known_to_nobody() {
    let house = House::new().await;
    number(&house, to_member()).await;
    house.account(PERSON).await;
    house.rings("anonymous", OURS).await;
    let call = house.only_call().await;
    assert_eq!((call.account_id, call.person_id), (None, None));
}

#[tokio::test]
async fn a_retired_number_is_nobodys() {
    let house = House::new().await;
    number(&house, to_member()).await;
    let id = house.org.numbers().await.unwrap()[0].id;
    house.org.retire_number(id).await.unwrap();
    house.rings(MEMBER, OURS).await;
    house.wait(30).await;
    assert_eq!(house.org.list_calls(wib_core::calls::ListCalls::default()).await.unwrap().total, 0);
}

#[tokio::test]
async fn lines_of_a_queue_are_rung_in_turn() {
    let house = House::new().await;
    let queue = RouteTarget::Queue { name: "first".to_owned() };
    number(&house, InboundRoute { target: Some(queue), ..to_member() }).await;
    for (n, line) in ["+13125550131", "+13125550132"].into_iter().enumerate() {
        let user = wib_core::auth::User {
            id: uuid::Uuid::from_u128(n as u128 + 1).into(),
            email: format!("{n}@example.org"),
            name: "M".to_owned(),
            password_hash: "x".to_owned(),
            platform_admin: false,
            created_at: house.now(),
        };
        let member = Member {
            id: uuid::Uuid::from_u128(n as u128 + 10).into(),
            organization_id: house.org.id(),
            user_id: user.id,
            role: Role::Agent,
            created_at: house.now(),
        };
        let mut tx = house.store.system().await.unwrap();
        tx.insert_user(&user).await.unwrap();
        tx.insert_member(&member).await.unwrap();
        tx.commit().await.unwrap();
        let principal = Principal {
            organization_id: house.org.id(),
            actor: wib_core::kit::Actor::Human(user.id),
            role: Role::Agent,
        };
        let own = house.wib.org(principal).await.unwrap();
        let set = SetAgentLine { user_id: user.id, phone: phone(line), queue: Some("first".to_owned()), active: true };
        own.set_agent_line(set.clone()).await.unwrap();
        house.pass(1);
        let other = SetAgentLine { user_id: uuid::Uuid::from_u128(99).into(), ..set };
        assert_eq!(own.set_agent_line(other).await.unwrap_err().kind(), Kind::Forbidden);
    }
    for caller in ["+13125550141", "+13125550142", "+13125550143"] {
        let person = house.rings(caller, OURS).await;
        house.tell(&person, VoiceEventKind::Answered).await;
        house.hears(&person).await;
    }
    assert_eq!(house.desk.dialled(), ["+13125550131", "+13125550132", "+13125550131"]);
}

#[tokio::test]
async fn every_order_of_the_events_leads_to_one_call_and_the_same_end() {
    let orders = [[0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [0, 3, 1, 2]];
    let mut ends = vec![];
    for order in orders {
        let house = House::new().await;
        number(&house, to_member()).await;
        house.account(PERSON).await;
        let leg = wib_core::ports::voice::Leg {
            control_id: Some("c9".to_owned()),
            leg_id: Some("l9".to_owned()),
            session_id: Some("s9".to_owned()),
        };
        let (direction, from, to) = (Direction::Inbound, PERSON.to_owned(), OURS.to_owned());
        let mut events = vec![];
        for what in [
            VoiceEventKind::Initiated { direction, from, to },
            VoiceEventKind::Ringing,
            VoiceEventKind::Answered,
            hangup(HangupCause::Normal),
        ] {
            house.pass(1);
            events.push(house.event(&leg, what));
        }
        for at in order.into_iter().chain(order) {
            house.deliver(&events[at]).await;
        }
        house.wait(30).await;
        house.nothing_is_dead().await;
        let call = house.only_call().await;
        let contacts: Vec<_> = house.export(call.id).await.contacts.iter().map(|c| (c.kind, c.at, c.counts)).collect();
        ends.push((call.id, call.status, call.answered_at, call.ended_at, contacts));
    }
    assert_eq!(ends[0].1, CallStatus::Completed);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[tokio::test]
async fn a_greeting_that_tells_of_debts_is_refused() {
    let house = House::new().await;
    let route = InboundRoute { greeting: Some("Lakeside debt collectors.".to_owned()), ..to_member() };
    let add = AddNumber {
        phone: phone(OURS),
        vendor_id: None,
        purpose: NumberPurpose::Both,
        pool_order: None,
        caller_name: None,
        route,
    };
    assert_eq!(house.org.add_number(add).await.unwrap_err().kind(), Kind::Invalid);
}
