//! A call is handed to somebody else, or the person is brought back.

use wib_core::{
    calls::{Call, CallStatus, HandoverState, OnFailure, StartCall, TransferCall, TransferKind},
    kit::{Kind, Principal, Role},
    ports::voice::{Command, ConferenceCommand, HangupCause, Leg, Record, VoiceEventKind},
};

use crate::{
    desk::{House, MEMBER, OTHER, PERSON, refusal, silence},
    stage::phone,
};

/// A member talks to a person, recorded.
struct Talk {
    house: House,
    call: Call,
    member: Leg,
    person: Leg,
}
impl std::ops::Deref for Talk {
    type Target = House;
    fn deref(&self) -> &House {
        &self.house
    }
}

async fn talk() -> Talk {
    let house = House::new().await;
    let account = house.account(PERSON).await;
    let wish = StartCall { account_id: Some(account.id), agent: Some(phone(MEMBER)), ..StartCall::default() };
    let call = house.org.start_call(wish).await.unwrap();
    house.work().await;
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    let person = house.desk.leg(PERSON);
    house.answers(&person).await;
    house.hears(&person).await;
    house.tell(&person, VoiceEventKind::Bridged).await;
    assert_eq!(house.desk.words(&person), ["speak", "record"]);
    Talk { house, call, member, person }
}

impl Talk {
    async fn hand(&self, kind: TransferKind, on_failure: OnFailure) -> Call {
        let wish = TransferCall { to: phone(OTHER), kind, on_failure };
        let call = self.org.transfer_call(self.call.id, wish).await.unwrap();
        self.wait(2).await;
        call
    }
    async fn now(&self) -> Call {
        self.call_now(self.call.id).await
    }
    async fn state(&self) -> HandoverState {
        self.now().await.facts.handovers.values().last().unwrap().state()
    }
    /// The leg that the vendor made for whom the call is handed to, told by its tag.
    async fn target(&self) -> Leg {
        let handed = self.desk.orders(&self.person).into_iter().find_map(|c| match c {
            Command::Transfer(handing) => handing.target_tag,
            _ => None,
        });
        self.desk.made("t1", &handed.expect("the vendor was told to hand it on"))
    }
    /// The kinds of what was told to the conference.
    fn conferred(&self) -> Vec<&'static str> {
        let word = |c: &ConferenceCommand| match c {
            ConferenceCommand::Speak(..) => "speak",
            ConferenceCommand::Hold { .. } => "hold",
            ConferenceCommand::Join(leg, _) if *leg == self.member => "join member",
            ConferenceCommand::Join(..) => "join other",
            ConferenceCommand::Resume(_) => "resume",
            _ => "other",
        };
        self.desk.conferred().iter().map(word).collect()
    }
    /// What whom the call is handed to was told: nothing.
    fn nothing_was_said_to(&self, leg: &Leg) {
        assert_eq!(self.desk.spoken(leg), Vec::<String>::new(), "nothing of a debt is told to a stranger");
    }
}

#[tokio::test]
async fn a_blind_transfer_hands_the_person_on_and_lets_the_member_go() {
    let talk = talk().await;
    assert_eq!(talk.hand(TransferKind::Blind, OnFailure::Return).await.status, CallStatus::Transferring);
    let orders = talk.desk.orders(&talk.person);
    assert_eq!(talk.desk.words(&talk.person), ["speak", "record", "record", "transfer"]);
    assert_eq!(orders[2], Command::Record(Record::Stop), "whom it is handed to was not told of a recording");
    let Some(Command::Transfer(handing)) = orders.last() else { panic!("{orders:?}") };
    assert!(handing.to.as_str() == OTHER && handing.park);
    let target = talk.target().await;
    talk.answers(&target).await;
    talk.tell(&target, VoiceEventKind::Bridged).await;
    talk.wait(3).await;
    assert_eq!(talk.desk.words(&talk.member).last(), Some(&"hang_up"));
    talk.ends(&talk.member, HangupCause::Normal).await;
    talk.wait(5).await;
    assert!(!talk.now().await.status.terminal(), "they still talk");
    assert!(!talk.desk.words(&talk.person).contains(&"hang_up"));
    talk.ends(&target, HangupCause::Normal).await;
    talk.wait(3).await;
    assert_eq!(talk.desk.words(&talk.person).last(), Some(&"hang_up"));
    talk.ends(&talk.person, HangupCause::Normal).await;
    assert_eq!(talk.now().await.status, CallStatus::Transferred);
    assert!(talk.audited("call:transferred").await);
    talk.nothing_was_said_to(&target);
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_blind_transfer_that_nobody_takes_brings_the_person_back_to_the_member() {
    for told in [true, false] {
        let talk = talk().await;
        if !told {
            talk.desk.fail("transfer", refusal());
        }
        talk.hand(TransferKind::Blind, OnFailure::Return).await;
        if told {
            talk.ends(&talk.target().await, HangupCause::NoAnswer).await;
        }
        talk.wait(3).await;
        assert_eq!(talk.state().await, HandoverState::Returned);
        assert_eq!(talk.desk.words(&talk.member), ["bridge", "bridge"], "joined again");
        assert!(!talk.desk.words(&talk.person).contains(&"hang_up"));
        assert_eq!(talk.now().await.status, CallStatus::Bridged);
        // And so once more.
        if told {
            talk.hand(TransferKind::Blind, OnFailure::Return).await;
            let mut busy = talk.desk.orders(&talk.person).into_iter().filter_map(|c| match c {
                Command::Transfer(handing) => handing.target_tag,
                _ => None,
            });
            let second = talk.desk.made("t2", &busy.next_back().unwrap());
            talk.ends(&second, HangupCause::Busy).await;
            talk.wait(3).await;
            assert_eq!(talk.desk.words(&talk.member), ["bridge", "bridge", "bridge"]);
        }
        talk.ends(&talk.member, HangupCause::Normal).await;
        talk.wait(3).await;
        let words = talk.desk.words(&talk.person);
        assert!(words.contains(&"hang_up") || talk.desk.spoken(&talk.person).len() > 1, "{words:?}");
        talk.nothing_is_dead().await;
    }
}

#[tokio::test]
async fn a_blind_transfer_that_fails_ends_the_call_where_that_is_wanted() {
    let talk = talk().await;
    talk.hand(TransferKind::Blind, OnFailure::End).await;
    talk.ends(&talk.target().await, HangupCause::Busy).await;
    talk.wait(3).await;
    assert_eq!(talk.desk.words(&talk.person).last(), Some(&"hang_up"));
    talk.ends(&talk.person, HangupCause::Normal).await;
    talk.wait(3).await;
    assert_eq!(talk.now().await.status, CallStatus::Completed, "it was handed to nobody");
    assert_eq!(talk.desk.words(&talk.member).last(), Some(&"hang_up"));
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_warm_transfer_holds_the_person_and_joins_them_when_the_member_says_so() {
    let talk = talk().await;
    talk.hand(TransferKind::Warm, OnFailure::Return).await;
    assert_eq!(talk.conferred(), ["speak", "hold"]);
    assert_eq!(talk.desk.dialled().last().map(String::as_str), Some(OTHER));
    let other = talk.desk.leg(OTHER);
    let early = talk.org.complete_transfer(talk.call.id).await.unwrap_err();
    assert_eq!(early.kind(), Kind::Conflict);
    talk.answers(&other).await;
    talk.wait(1).await;
    assert_eq!(talk.state().await, HandoverState::Consulting);
    let Some(Command::Bridge(joined)) = talk.desk.orders(&talk.member).pop() else { panic!("they talk") };
    assert_eq!(joined.with, other);
    assert_eq!(talk.now().await.status, CallStatus::Transferring);
    talk.org.complete_transfer(talk.call.id).await.unwrap();
    talk.wait(8).await;
    assert_eq!(talk.conferred(), ["speak", "hold", "join other", "resume"]);
    assert!(talk.desk.orders(&talk.person).contains(&Command::Record(Record::Stop)));
    assert_eq!(talk.state().await, HandoverState::Completed);
    assert_eq!(talk.desk.words(&talk.member).last(), Some(&"hang_up"));
    talk.ends(&talk.member, HangupCause::Normal).await;
    talk.wait(2).await;
    assert!(!talk.desk.words(&talk.person).contains(&"hang_up"));
    talk.ends(&talk.person, HangupCause::Normal).await;
    talk.wait(2).await;
    assert_eq!(talk.desk.words(&other), ["hang_up"]);
    assert_eq!(talk.now().await.status, CallStatus::Transferred);
    talk.nothing_was_said_to(&other);
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_warm_transfer_is_taken_back() {
    let talk = talk().await;
    talk.hand(TransferKind::Warm, OnFailure::Return).await;
    let other = talk.desk.leg(OTHER);
    talk.answers(&other).await;
    talk.wait(1).await;
    talk.org.cancel_transfer(talk.call.id).await.unwrap();
    talk.wait(2).await;
    assert_eq!(talk.conferred(), ["speak", "hold", "join member", "resume"]);
    assert_eq!(talk.desk.words(&other), ["hang_up"]);
    talk.ends(&other, HangupCause::Normal).await;
    talk.wait(2).await;
    assert_eq!((talk.state().await, talk.now().await.status), (HandoverState::Returned, CallStatus::Bridged));
    assert_eq!(talk.org.cancel_transfer(talk.call.id).await.unwrap_err().kind(), Kind::Conflict);
    assert!(!talk.desk.words(&talk.person).contains(&"hang_up"));
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_warm_transfer_that_nobody_answers_brings_the_person_back() {
    let talk = talk().await;
    talk.hand(TransferKind::Warm, OnFailure::Return).await;
    talk.ends(&talk.desk.leg(OTHER), HangupCause::NoAnswer).await;
    talk.wait(2).await;
    assert_eq!(talk.conferred(), ["speak", "hold", "join member", "resume"]);
    assert_eq!((talk.state().await, talk.now().await.status), (HandoverState::Returned, CallStatus::Bridged));
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_person_who_hangs_up_on_hold_ends_it_for_all() {
    for answered in [false, true] {
        let talk = talk().await;
        talk.hand(TransferKind::Warm, OnFailure::Return).await;
        let other = talk.desk.leg(OTHER);
        if answered {
            talk.answers(&other).await;
            talk.wait(1).await;
        }
        talk.ends(&talk.person, HangupCause::Normal).await;
        talk.wait(3).await;
        assert_eq!(talk.desk.words(&other).last(), Some(&"hang_up"));
        assert_eq!(talk.desk.words(&talk.member).last(), Some(&"hang_up"));
        assert_eq!(talk.now().await.status, CallStatus::Completed);
        talk.nothing_is_dead().await;
    }
}

#[tokio::test]
async fn a_member_who_hangs_up_while_they_consult_hands_the_call_on_and_before_leaves_nobody() {
    let talk1 = talk().await;
    talk1.hand(TransferKind::Warm, OnFailure::Return).await;
    let other = talk1.desk.leg(OTHER);
    talk1.answers(&other).await;
    talk1.wait(1).await;
    talk1.ends(&talk1.member, HangupCause::Normal).await;
    talk1.wait(8).await;
    assert_eq!(talk1.state().await, HandoverState::Completed);
    assert_eq!(talk1.conferred(), ["speak", "hold", "join other", "resume"]);
    talk1.nothing_is_dead().await;

    let talk2 = talk().await;
    talk2.hand(TransferKind::Warm, OnFailure::Return).await;
    talk2.ends(&talk2.member, HangupCause::Normal).await;
    talk2.wait(3).await;
    assert_eq!(talk2.conferred(), ["speak", "hold", "resume"], "the person is not left on hold");
    assert_eq!(talk2.desk.words(&talk2.desk.leg(OTHER)), ["hang_up"]);
    assert!(talk2.desk.spoken(&talk2.person).last().unwrap().starts_with("Nobody can take your call"));
    talk2.wait(25).await;
    assert_eq!(talk2.desk.words(&talk2.person).last(), Some(&"hang_up"));
    talk2.nothing_is_dead().await;
}

#[tokio::test]
async fn an_opening_of_a_conference_whose_answer_was_lost_is_looked_for() {
    let talk = talk().await;
    talk.desk.fail("conference_answer", silence());
    talk.hand(TransferKind::Warm, OnFailure::Return).await;
    talk.wait(5).await;
    assert_eq!(talk.conferred(), ["speak", "hold"]);
    talk.nothing_is_dead().await;
}

#[tokio::test]
async fn a_person_who_cannot_be_held_stays_with_the_member() {
    let talk = talk().await;
    for _ in 0..10 {
        talk.desk.fail("conference", silence());
    }
    talk.hand(TransferKind::Warm, OnFailure::Return).await;
    talk.wait(40).await;
    assert_eq!((talk.state().await, talk.now().await.status), (HandoverState::Returned, CallStatus::Bridged));
    assert_eq!(talk.desk.words(&talk.desk.leg(OTHER)), ["hang_up"]);
    assert!(!talk.desk.words(&talk.person).contains(&"hang_up"));
}

#[tokio::test]
async fn a_call_is_handed_on_once_at_a_time_by_who_may() {
    let talk = talk().await;
    let viewer = Principal { role: Role::Viewer, ..Principal::service(talk.org.id()) };
    let viewer = talk.wib.org(viewer).await.unwrap();
    let wish = TransferCall { to: phone(OTHER), kind: TransferKind::Blind, on_failure: OnFailure::Return };
    assert_eq!(viewer.transfer_call(talk.call.id, wish.clone()).await.unwrap_err().kind(), Kind::Forbidden);
    let own = TransferCall { to: phone(PERSON), ..wish.clone() };
    assert_eq!(talk.org.transfer_call(talk.call.id, own).await.unwrap_err().kind(), Kind::Invalid);
    talk.hand(TransferKind::Blind, OnFailure::Return).await;
    assert_eq!(talk.org.transfer_call(talk.call.id, wish.clone()).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(talk.org.complete_transfer(talk.call.id).await.unwrap_err().kind(), Kind::Conflict);
    talk.ends(&talk.person, HangupCause::Normal).await;
    assert_eq!(talk.org.transfer_call(talk.call.id, wish).await.unwrap_err().kind(), Kind::Conflict);
    // Whom the vendor never called is not waited for for ever.
    talk.wait(120).await;
    let facts = talk.now().await.facts;
    assert!(facts.handovers.keys().all(|leg| facts.legs[leg].over()));
}
