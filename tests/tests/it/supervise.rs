//! Supervisors listen, talk to the member alone, or to all.

use wib_core::{
    calls::{Call, StartCall, Supervise, SuperviseMode},
    kit::{Kind, Principal, Role as Rank},
    ports::voice::{Command, HangupCause, Leg, Role, VoiceEventKind},
};

use crate::{
    desk::{House, MEMBER, OTHER, PERSON},
    stage::phone,
};

async fn talk(agent: Option<&str>) -> (House, Call, Leg) {
    let house = House::new().await;
    let account = house.account(PERSON).await;
    let agent = agent.map(phone);
    let detect_machine = Some(false);
    let wish = StartCall { account_id: Some(account.id), agent, detect_machine, ..StartCall::default() };
    let call = house.org.start_call(wish).await.unwrap();
    house.work().await;
    if call.facts.agent().is_some() {
        house.answers(&house.desk.leg(MEMBER)).await;
    }
    let person = house.desk.leg(PERSON);
    house.answers(&person).await;
    house.hears(&person).await;
    house.tell(&person, VoiceEventKind::Bridged).await;
    (house, call, person)
}
fn mode(mode: SuperviseMode) -> Supervise {
    Supervise { mode, phone: Some(phone(OTHER)) }
}

#[tokio::test]
async fn a_supervisor_listens_whispers_to_the_member_alone_and_talks_to_all() {
    let (house, call, person) = talk(Some(MEMBER)).await;
    let member = house.desk.leg(MEMBER);
    let leg = house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap();
    house.work().await;
    let dial = house.desk.dial_to(OTHER);
    let beside = dial.supervise.expect("they are dialled to listen");
    assert_eq!((&beside.leg, &beside.role), (&member, &Role::Monitor));
    let supervisor = house.desk.leg(OTHER);
    house.answers(&supervisor).await;
    assert!(house.desk.words(&supervisor).is_empty());
    house.org.switch_supervision(call.id, leg, SuperviseMode::Whisper).await.unwrap();
    house.wait(1).await;
    house.org.switch_supervision(call.id, leg, SuperviseMode::Whisper).await.unwrap();
    house.wait(1).await;
    house.org.switch_supervision(call.id, leg, SuperviseMode::Barge).await.unwrap();
    house.wait(1).await;
    let whisper = Role::Whisper(vec![member.clone()]);
    let roles = [Command::SwitchRole(whisper), Command::SwitchRole(Role::Barge)];
    assert_eq!(house.desk.orders(&supervisor), roles, "the person's leg is in no whisper");
    house.org.leave_supervision(call.id, leg).await.unwrap();
    house.wait(1).await;
    assert_eq!(house.desk.words(&supervisor).last(), Some(&"hang_up"));
    house.ends(&supervisor, HangupCause::Normal).await;
    house.wait(2).await;
    assert!(!house.desk.words(&person).contains(&"hang_up") && !house.desk.words(&member).contains(&"hang_up"));
    assert_eq!(house.org.leave_supervision(call.id, leg).await.unwrap_err().kind(), Kind::Conflict);
    let again = house.org.supervise_call(call.id, mode(SuperviseMode::Whisper)).await.unwrap();
    assert_ne!(again, leg);
    let lines = house.lines(call.id).await;
    let count = |kind: &str| lines.iter().filter(|e| e.event_type == kind).count();
    assert_eq!((count("call.supervised"), count("call.supervision.switched")), (2, 2));
    for action in ["call:supervised", "call:supervision_switched", "call:supervision_left"] {
        assert!(house.audited(action).await, "{action}");
    }
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn a_supervisor_is_once_on_a_call_and_leaves_with_it() {
    let (house, call, person) = talk(Some(MEMBER)).await;
    house.org.supervise_call(call.id, mode(SuperviseMode::Barge)).await.unwrap();
    let twice = house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap_err();
    assert_eq!(twice.kind(), Kind::Conflict);
    house.work().await;
    let supervisor = house.desk.leg(OTHER);
    house.answers(&supervisor).await;
    house.ends(&person, HangupCause::Normal).await;
    house.wait(3).await;
    assert_eq!(house.desk.words(&supervisor), ["hang_up"]);
    let late = house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Conflict);
    house.nothing_is_dead().await;
}

#[tokio::test]
async fn only_a_manager_listens_and_nobody_is_whispered_to_who_is_not_there() {
    let (house, call, person) = talk(None).await;
    for role in [Rank::Viewer, Rank::Agent] {
        let low = house.wib.org(Principal { role, ..Principal::service(house.org.id()) }).await.unwrap();
        let refused = low.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Forbidden);
    }
    let alone = house.org.supervise_call(call.id, mode(SuperviseMode::Whisper)).await.unwrap_err();
    assert_eq!(alone.kind(), Kind::Conflict);
    let own = Supervise { phone: Some(phone(PERSON)), ..Supervise::default() };
    assert_eq!(house.org.supervise_call(call.id, own).await.unwrap_err().kind(), Kind::Invalid);
    let nowhere = house.org.supervise_call(call.id, Supervise::default()).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::Invalid, "a service has no telephone of its own");
    let leg = house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap();
    house.work().await;
    assert_eq!(house.desk.dial_to(OTHER).supervise.unwrap().leg, person);
    let refused = house.org.switch_supervision(call.id, leg, SuperviseMode::Whisper).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_supervisor_who_does_not_answer_disturbs_nobody() {
    let (house, call, person) = talk(Some(MEMBER)).await;
    house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap();
    house.work().await;
    house.ends(&house.desk.leg(OTHER), HangupCause::NoAnswer).await;
    house.wait(3).await;
    assert!(!house.desk.words(&person).contains(&"hang_up"));
    house.org.supervise_call(call.id, mode(SuperviseMode::Monitor)).await.unwrap();
    house.nothing_is_dead().await;
}
