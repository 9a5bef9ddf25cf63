//! A member is rung first, and joined with the person.

use futures_util::future::join_all;
use wib_core::{
    calls::{Call, CallStatus, FlowType, LegRole, StartCall},
    circumstances::RecordCircumstance,
    compliance::CircumstanceKind,
    contacts::ContactKind,
    ports::voice::{Command, Detection, HangupCause, VoiceEvent, VoiceEventKind},
};

use crate::{
    desk::{House, MEMBER, OTHER, PERSON, hangup, refusal, silence},
    stage::phone,
};

async fn bridge(house: &House) -> Call {
    let account = house.account(PERSON).await;
    let wish = StartCall { account_id: Some(account.id), agent: Some(phone(MEMBER)), ..StartCall::default() };
    let call = house.org.start_call(wish).await.unwrap();
    house.work().await;
    call
}

#[tokio::test]
async fn the_member_is_rung_first_and_joined_once_the_person_has_heard_the_notice() {
    let house = House::new().await;
    let call = bridge(&house).await;
    assert_eq!((call.flow_type, call.status), (FlowType::Bridge, CallStatus::Pending));
    assert_eq!(house.desk.dialled(), [MEMBER], "the person is not called before somebody is there to talk");
    assert_eq!(house.desk.dial_to(MEMBER).detection, Detection::Off);
    let member = house.desk.leg(MEMBER);
    house.tell(&member, VoiceEventKind::Ringing).await;
    assert_eq!(house.call_now(call.id).await.status, CallStatus::Initiated);
    house.answers(&member).await;
    assert_eq!(house.desk.dialled(), [MEMBER, PERSON]);
    let (person, dial) = (house.desk.leg(PERSON), house.desk.dial_to(PERSON));
    assert_eq!((dial.detection, dial.ring_seconds), (Detection::Off, 30));
    house.answers(&person).await;
    house.wait(1).await;
    assert_eq!(house.desk.words(&person), ["speak"]);
    assert!(house.desk.words(&member).is_empty(), "nobody talks into the notice");
    house.hears(&person).await;
    assert_eq!(house.desk.words(&person), ["speak", "record"]);
    let [Command::Bridge(joined)] = &house.desk.orders(&member)[..] else { panic!("joined once") };
    assert!(joined.with == person && joined.park, "the member stays when the person is taken away");
    house.tell(&person, VoiceEventKind::Bridged).await;
    house.tell(&member, VoiceEventKind::Bridged).await;
    assert_eq!(house.call_now(call.id).await.status, CallStatus::Bridged);
    house.wait(30).await;
    house.ends(&person, HangupCause::Normal).await;
    house.wait(3).await;
    assert_eq!(house.desk.words(&member), ["bridge", "hang_up"], "who talked is told nothing");
    house.ends(&member, HangupCause::Normal).await;
    let export = house.export(call.id).await;
    assert_eq!(export.call.status, CallStatus::Completed);
    let roles: Vec<_> = export.legs.iter().map(|l| l.role).collect();
    assert_eq!(roles, [LegRole::Agent, LegRole::Callee], "both legs are of one call");
    assert!(export.timeline.iter().any(|e| e.event_type == "call.answered" && e.event_data["leg_id"].is_string()));
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn a_member_who_does_not_answer_never_has_the_person_called() {
    for cause in [HangupCause::NoAnswer, HangupCause::Busy, HangupCause::Rejected] {
        let house = House::new().await;
        let call = bridge(&house).await;
        house.ends(&house.desk.leg(MEMBER), cause).await;
        house.wait(10).await;
        let export = house.export(call.id).await;
        assert_eq!((export.call.status, house.desk.dialled()), (CallStatus::Failed, vec![MEMBER.to_owned()]));
        let attempt = export.contacts.iter().find(|c| c.kind == ContactKind::Attempt).unwrap();
        assert!(!attempt.counts, "nobody tried to reach the person");
        house.nothing_is_dead().await;
    }
}

#[tokio::test]
async fn a_member_whose_telephone_cannot_be_dialled_ends_the_call() {
    let house = House::new().await;
    house.desk.fail("dial", refusal());
    let call = bridge(&house).await;
    house.wait(5).await;
    assert_eq!((house.call_now(call.id).await.status, house.desk.dialled().len()), (CallStatus::Failed, 0));
    // A dial whose answer was lost is looked for, not repeated.
    let house = House::new().await;
    house.desk.fail("dial_answer", silence());
    let call = bridge(&house).await;
    house.wait(5).await;
    assert_eq!(house.desk.dialled(), [MEMBER]);
    house.answers(&house.desk.leg(MEMBER)).await;
    assert_eq!(house.desk.dialled(), [MEMBER, PERSON]);
    assert_eq!(house.call_now(call.id).await.facts.legs.len(), 1);
}

#[tokio::test]
async fn a_person_who_cannot_be_reached_ends_the_call_and_the_member_hears_so() {
    for (cause, status) in [(HangupCause::Busy, CallStatus::Failed), (HangupCause::NoAnswer, CallStatus::Missed)] {
        let house = House::new().await;
        let call = bridge(&house).await;
        let member = house.desk.leg(MEMBER);
        house.answers(&member).await;
        house.ends(&house.desk.leg(PERSON), cause).await;
        house.wait(1).await;
        assert_eq!(house.desk.spoken(&member), ["The person could not be reached."]);
        assert_eq!(house.desk.words(&member), ["speak"]);
        house.hears(&member).await;
        assert_eq!(house.desk.words(&member), ["speak", "hang_up"]);
        assert_eq!(house.call_now(call.id).await.status, status);
        house.nothing_is_dead().await;
    }
}

#[tokio::test]
async fn a_member_who_hears_nothing_is_let_go_all_the_same() {
    let house = House::new().await;
    bridge(&house).await;
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    house.ends(&house.desk.leg(PERSON), HangupCause::Busy).await;
    house.wait(20).await;
    assert_eq!(house.desk.words(&member), ["speak", "hang_up"]);
}

#[tokio::test]
async fn a_member_who_leaves_before_the_person_answers_takes_the_call_with_them() {
    let house = House::new().await;
    let call = bridge(&house).await;
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    let person = house.desk.leg(PERSON);
    house.tell(&person, VoiceEventKind::Ringing).await;
    house.ends(&member, HangupCause::Normal).await;
    house.wait(3).await;
    assert_eq!(house.desk.words(&person), ["hang_up"]);
    house.ends(&person, HangupCause::Canceled).await;
    assert_eq!(house.call_now(call.id).await.status, CallStatus::Canceled);
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn a_person_who_asked_for_peace_while_the_member_was_rung_is_not_called() {
    let house = House::new().await;
    let call = bridge(&house).await;
    let cease = RecordCircumstance { account_id: call.account_id, ..RecordCircumstance::of(CircumstanceKind::Cease) };
    house.org.record_circumstance(cease).await.unwrap();
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    house.wait(2).await;
    assert_eq!(house.desk.dialled(), [MEMBER]);
    assert_eq!(house.call_now(call.id).await.status, CallStatus::Failed);
    assert_eq!(house.desk.spoken(&member), ["The person could not be reached."]);
}

#[tokio::test]
async fn a_call_that_is_called_off_while_the_member_is_rung_ends_there() {
    let house = House::new().await;
    let call = bridge(&house).await;
    let member = house.desk.leg(MEMBER);
    house.tell(&member, VoiceEventKind::Ringing).await;
    house.org.end_call(call.id).await.unwrap();
    house.wait(2).await;
    assert_eq!(house.desk.words(&member), ["hang_up"]);
    house.ends(&member, HangupCause::Canceled).await;
    house.wait(5).await;
    assert_eq!((house.call_now(call.id).await.status, house.desk.dialled().len()), (CallStatus::Failed, 1));
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn two_who_cannot_be_joined_are_not_left_waiting() {
    let house = House::new().await;
    let call = bridge(&house).await;
    let member = house.desk.leg(MEMBER);
    for _ in 0..10 {
        house.desk.fail("bridge", silence());
    }
    house.answers(&member).await;
    let person = house.desk.leg(PERSON);
    house.answers(&person).await;
    house.hears(&person).await;
    house.wait(40).await;
    assert!(house.desk.words(&person).contains(&"hang_up") && house.desk.words(&member).contains(&"hang_up"));
    let lines = house.lines(call.id).await;
    assert!(lines.iter().any(|e| e.event_type == "call.leg.not_joined"));
}

#[tokio::test]
async fn a_number_of_the_person_is_no_members() {
    let house = House::new().await;
    let account = house.account(PERSON).await;
    let wish = StartCall { account_id: Some(account.id), agent: Some(phone(PERSON)), ..StartCall::default() };
    assert!(house.org.start_call(wish).await.is_err());
    assert!(house.desk.dialled().is_empty());
    assert_ne!(OTHER, PERSON);
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![vec![]] };
    let with = |order: &Vec<usize>, place: usize| {
        let mut order = order.clone();
        order.insert(place, last);
        order
    };
    permutations(last).iter().flat_map(|order| (0..n).map(move |place| with(order, place))).collect()
}

/// A call of which everything happened, and nothing was told.
async fn untold() -> (House, Call, Vec<VoiceEvent>) {
    let house = House::new().await;
    let call = bridge(&house).await;
    let member = house.desk.leg(MEMBER);
    let mut events = vec![house.event(&member, VoiceEventKind::Answered)];
    // The person's leg is made by what the member's answer leads to.
    house.deliver(&events[0]).await;
    let person = house.desk.leg(PERSON);
    for (leg, what) in [
        (&person, VoiceEventKind::Answered),
        (&person, VoiceEventKind::Bridged),
        (&person, hangup(HangupCause::Normal)),
        (&member, hangup(HangupCause::Normal)),
    ] {
        house.pass(3);
        events.push(house.event(leg, what));
    }
    (house, call, events)
}

#[tokio::test]
async fn every_order_of_the_events_leads_to_the_same_end() {
    let ends = join_all(permutations(4).into_iter().map(async |order| {
        let (house, call, events) = untold().await;
        for at in order.iter().chain(&order) {
            house.deliver(&events[at + 1]).await;
        }
        house.wait(20).await;
        house.nothing_is_dead().await;
        let export = house.export(call.id).await;
        let facts = &export.call.facts;
        assert_eq!(house.desk.dialled(), [MEMBER, PERSON]);
        let contacts: Vec<_> = export.contacts.iter().map(|c| (c.kind, c.at, c.counts)).collect();
        (
            export.call.status,
            facts.answered_at,
            facts.bridged_at,
            facts.ended_at(),
            facts.legs.values().map(|l| (l.answered_at, l.ended_at())).collect::<Vec<_>>(),
            contacts,
        )
    }))
    .await;
    assert_eq!(ends[0].0, CallStatus::Completed);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}
