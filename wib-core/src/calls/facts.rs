use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    CallLeg, CallStatus, Mask, Party,
    legs::LegFacts,
    speech::Spoken,
    tag::{Step, Tag},
    transfer::Handover,
};
use crate::{
    caller_ids::InboundRoute,
    compliance::DutyKind,
    json_column,
    kit::{Id, time::Timestamp},
    ports::voice::{AnsweredBy, HangupCause, Leg, VoiceEvent, VoiceEventKind},
};

/// A fact with the event that told it. Of two tellings the earlier one holds, by time and then by event id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// When it became so.
    pub at: Timestamp,
    /// The event.
    pub event: String,
    /// What is so.
    pub value: T,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HangupFact {
    /// Why.
    pub cause: HangupCause,
    /// The vendor's word.
    pub vendor_cause: String,
}

/// Everything a vendor has said about a call, merged so that order and repeats do not matter.
///
/// `absorb` commutes and may be repeated; [`status`](Self::status) is pure. So a late `answered` still
/// gives a finished call its talk time, and nothing reopens it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFacts {
    /// The vendor's names of the first leg, as far as they are known.
    #[serde(skip_serializing_if = "Leg::is_unknown")]
    pub leg: Leg,
    /// Asked without machine detection: whoever answers is taken for a person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undetected: bool,
    /// Somebody asked for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_asked_at: Option<Timestamp>,
    /// An order to record was let go: from then on the call may be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_asked_at: Option<Timestamp>,
    /// The vendor took our order to record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_ordered_at: Option<Timestamp>,
    /// The vendor refused our order to record, and surely does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_declined_at: Option<Timestamp>,
    /// The vendor took our order to end the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_stopped_at: Option<Timestamp>,
    /// The person refused to be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_refused_at: Option<Timestamp>,
    /// The person agreed to be recorded in words of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_agreed_at: Option<Timestamp>,
    /// What was spoken, by the step that spoke it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spoken: BTreeMap<Step, Spoken>,
    /// What a member said they had disclosed, and when.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<DutyKind, Timestamp>,
    /// Who was found to speak; the latest finding holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party: Option<Party>,
    /// Whether a message on a machine was lawful, once that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_judged: Option<bool>,
    /// A machine's greeting ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greeting_ended_at: Option<Timestamp>,
    /// Stretches that were kept out of the recording, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: BTreeMap<String, Mask>,
    /// First seen by the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiated_at: Option<Timestamp>,
    /// Rang.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// Picked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Joined with another leg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridged_at: Option<Timestamp>,
    /// Who picked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<Fact<AnsweredBy>>,
    /// The notice began to be spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_started_at: Option<Timestamp>,
    /// The notice was spoken to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_ended_at: Option<Timestamp>,
    /// It ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hangup: Option<Fact<HangupFact>>,
    /// It was never placed: the vendor refused, or knows nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_placed: Option<Fact<String>>,
    /// The vendor could not keep the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_failed_at: Option<Timestamp>,
    /// Recordings the vendor keeps, by its ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub recordings: BTreeSet<String>,
    /// Charges by event, in millionths of a dollar.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, i64>,
    /// What became of the other legs: those to members, to whom the call is handed, to supervisors.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub legs: BTreeMap<Id<CallLeg>, LegFacts>,
    /// What was set up for the number when it was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<InboundRoute>,
    /// Somebody was looked for who takes the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed_at: Option<Timestamp>,
    /// Nobody takes the call: the person is told so, and it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended_at: Option<Timestamp>,
    /// Attempts to hand the call to somebody else, by the leg to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub handovers: BTreeMap<Id<CallLeg>, Handover>,
}
json_column!(CallFacts);

pub(super) fn earliest(slot: &mut Option<Timestamp>, at: Timestamp) {
    *slot = Some(slot.map_or(at, |known| known.min(at)));
}

pub(super) fn first<T>(slot: &mut Option<Fact<T>>, at: Timestamp, event: &str, value: T) {
    if slot.as_ref().is_none_or(|known| (at, event) < (known.at, known.event.as_str())) {
        *slot = Some(Fact { at, event: event.to_owned(), value });
    }
}

impl CallFacts {
    /// Takes in what an event says. `tag` is the authenticated tag that the event echoes: of which utterance it tells.
    pub(crate) fn absorb(&mut self, event: &VoiceEvent, tag: Option<&Tag>) {
        let notice = tag.is_some_and(|t| t.duties.contains(&DutyKind::RecordingNotice));
        // What a machine says that takes part has rows of its own.
        if let Some(tag) = tag.filter(|t| !matches!(t.step, Step::Dial | Step::Reply)) {
            let slot: Option<fn(&mut Spoken) -> &mut Option<Timestamp>> = match &event.what {
                VoiceEventKind::SpeakStarted => Some(|s| &mut s.started_at),
                VoiceEventKind::SpeakEnded => Some(|s| &mut s.ended_at),
                VoiceEventKind::SpeakCut => Some(|s| &mut s.cut_at),
                // Later events echo the tag of the last command.
                _ => None,
            };
            if let Some(slot) = slot {
                earliest(slot(self.spoken.entry(tag.step).or_default().also(&tag.duties)), event.at);
            }
        }
        match &event.what {
            VoiceEventKind::Initiated { .. } => earliest(&mut self.initiated_at, event.at),
            VoiceEventKind::Ringing => earliest(&mut self.ringing_at, event.at),
            VoiceEventKind::Answered => earliest(&mut self.answered_at, event.at),
            VoiceEventKind::Bridged => earliest(&mut self.bridged_at, event.at),
            VoiceEventKind::AnsweredBy(who) => first(&mut self.answered_by, event.at, &event.id, *who),
            VoiceEventKind::SpeakStarted if notice => earliest(&mut self.notice_started_at, event.at),
            VoiceEventKind::SpeakEnded if notice => earliest(&mut self.notice_ended_at, event.at),
            VoiceEventKind::GreetingEnded { .. } => earliest(&mut self.greeting_ended_at, event.at),
            VoiceEventKind::RecordingSaved(recording) => {
                self.recordings.insert(recording.id.clone());
            }
            VoiceEventKind::RecordingFailed { .. } => earliest(&mut self.recording_failed_at, event.at),
            VoiceEventKind::Hangup { cause, vendor_cause } => {
                let value = HangupFact { cause: *cause, vendor_cause: vendor_cause.clone() };
                first(&mut self.hangup, event.at, &event.id, value);
            }
            VoiceEventKind::Cost { micros, currency } if currency == "USD" => {
                self.costs.insert(event.id.clone(), *micros);
            }
            _ => {}
        }
    }
    /// Takes in that the call was never placed.
    pub fn absorb_not_placed(&mut self, at: Timestamp, reason: &str) {
        first(&mut self.not_placed, at, "wib", reason.to_owned());
    }
    /// Takes in that somebody asked for the end.
    pub fn absorb_end_asked(&mut self, at: Timestamp) {
        earliest(&mut self.end_asked_at, at);
    }
    /// Takes in that the vendor took our order to record.
    pub fn absorb_recording_ordered(&mut self, at: Timestamp) {
        earliest(&mut self.recording_ordered_at, at);
    }
    /// Takes in that the person refused to be recorded.
    pub fn absorb_recording_refused(&mut self, at: Timestamp) {
        earliest(&mut self.recording_refused_at, at);
    }
    /// Takes in that a member disclosed something in their own voice.
    pub fn absorb_given(&mut self, duty: DutyKind, at: Timestamp) {
        let mut slot = self.given.get(&duty).copied();
        earliest(&mut slot, at);
        self.given.extend(slot.map(|at| (duty, at)));
    }
    /// Takes in who was found to speak.
    pub fn absorb_party(&mut self, party: Party) {
        if self.party.as_ref().is_none_or(|known| (known.at, known.holder) < (party.at, party.holder)) {
            self.party = Some(party);
        }
    }
    /// The duties that are done on this call: what was spoken to its end, and what a member said they disclosed.
    #[must_use]
    pub fn done(&self) -> BTreeSet<DutyKind> {
        let spoken = self.spoken.values().filter(|s| s.ended_at.is_some()).flat_map(|s| s.duties.iter().copied());
        let mut done: BTreeSet<_> = spoken.chain(self.given.keys().copied()).collect();
        if self.party.as_ref().is_some_and(|p| p.holder.is_consumer()) {
            done.insert(DutyKind::VerifyParty);
        }
        done
    }
    /// Whether the person should be spoken to: answered, not over, and no machine as far as was asked.
    #[must_use]
    pub fn person_listens(&self) -> bool {
        let heard = self.answered_by.as_ref().map(|f| f.value);
        let person = match heard {
            Some(AnsweredBy::Machine | AnsweredBy::Fax) => false,
            Some(_) => true,
            None => self.undetected,
        };
        person && self.answered_at.is_some() && self.hangup.is_none()
    }
    /// Whether a machine answered a call that is not over.
    #[must_use]
    pub fn machine_listens(&self) -> bool {
        let machine = matches!(&self.answered_by, Some(f) if matches!(f.value, AnsweredBy::Machine | AnsweredBy::Fax));
        machine && self.hangup.is_none()
    }
    /// Whether the vendor has ever had the call.
    #[must_use]
    pub fn placed(&self) -> bool {
        self.initiated_at.is_some() || self.ringing_at.is_some() || self.answered_at.is_some() || self.hangup.is_some()
    }
    /// Whether something must have happened to a call that is over that nobody has told.
    #[must_use]
    pub fn gap(&self) -> bool {
        let Some(hangup) = &self.hangup else { return false };
        let talked = matches!(hangup.value.cause, HangupCause::Normal | HangupCause::TimeLimit);
        self.initiated_at.is_none()
            || (talked && self.answered_at.is_none())
            || (self.notice_ended_at.is_some() && self.recording_refused_at.is_none() && self.recordings.is_empty())
    }
    /// How the call stands.
    #[must_use]
    pub fn status(&self) -> CallStatus {
        match &self.hangup {
            Some(_) if self.answered_at.is_some() && self.handed_over() => CallStatus::Transferred,
            Some(_) if self.answered_at.is_some() => CallStatus::Completed,
            Some(fact) => match fact.value.cause {
                HangupCause::NoAnswer => CallStatus::Missed,
                HangupCause::Canceled => CallStatus::Canceled,
                _ => CallStatus::Failed,
            },
            None if self.answered_at.is_some() && self.open_handover().is_some() => CallStatus::Transferring,
            None if self.bridged_at.is_some() => CallStatus::Bridged,
            None if self.answered_at.is_some() => CallStatus::InProgress,
            None if self.ringing_at.is_some() => CallStatus::Ringing,
            None if self.initiated_at.is_some() => CallStatus::Initiated,
            None if self.not_placed.is_some() => CallStatus::Failed,
            // The member's telephone rings first.
            None if self.legs.values().any(LegFacts::placed) => CallStatus::Initiated,
            // The vendor has taken it; its events say the rest.
            None if self.leg.control_id.is_some() => CallStatus::Initiated,
            None => CallStatus::Pending,
        }
    }
    /// Whether a recording that was ordered is neither here nor known to be lost.
    #[must_use]
    pub fn recording_expected(&self) -> bool {
        self.recording_ordered_at.is_some() && self.recording_failed_at.is_none() && self.recordings.is_empty()
    }
    /// When it ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        let unplaced = || self.not_placed.as_ref().filter(|_| !self.placed()).map(|f| f.at);
        self.hangup.as_ref().map(|f| f.at).or_else(unplaced)
    }
    /// Whether a person picked up, as far as anybody can tell. Doubt counts as a person: the quiet period starts.
    #[must_use]
    pub fn conversation_at(&self) -> Option<Timestamp> {
        let machine = matches!(&self.answered_by, Some(f) if matches!(f.value, AnsweredBy::Machine | AnsweredBy::Fax));
        self.answered_at.filter(|_| !machine)
    }
    /// Whether the attempt counts: it did, unless it is known never to have reached the number.
    ///
    /// Busy and out of service did not connect to the dialled number (12 CFR 1006.14(b)(3)(ii) and comment).
    #[must_use]
    pub fn attempt_counts(&self) -> bool {
        if !self.placed() {
            return self.not_placed.is_none();
        }
        let unreached =
            |cause| matches!(cause, HangupCause::Busy | HangupCause::NotInService | HangupCause::CarrierError);
        self.answered_at.is_some() || self.hangup.as_ref().is_none_or(|f| !unreached(f.value.cause))
    }
    /// What the vendor charged, in millionths of a dollar; `None` when it has not said.
    #[must_use]
    pub fn cost_micros(&self) -> Option<i64> {
        (!self.costs.is_empty()).then(|| self.costs.values().fold(0i64, |sum, c| sum.saturating_add(*c)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ports::voice::{Direction, VendorRecording};

    fn event(id: u8, second: i64, what: VoiceEventKind) -> (VoiceEvent, Option<Tag>) {
        let at = Timestamp::from_second(1_780_000_000 + second).unwrap();
        let steps = [Step::Dial, Step::Notice, Step::Opening, Step::Message];
        let (organization, call) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        let mut tag = Tag::of(organization, call, steps[usize::try_from(second).unwrap() % steps.len()]);
        if tag.step == Step::Opening {
            tag.duties.extend([DutyKind::Identify, DutyKind::RecordingNotice]);
        }
        (VoiceEvent { id: format!("e{id}"), leg: Leg::default(), at, tag: None, what }, Some(tag))
    }

    fn any_kind() -> impl Strategy<Value = VoiceEventKind> {
        let saved = |id: u8| VendorRecording {
            id: id.to_string(),
            url: String::new(),
            content_type: "audio/wav".to_owned(),
            channels: 2,
            started_at: None,
            ended_at: None,
        };
        let hangup = |cause| VoiceEventKind::Hangup { cause, vendor_cause: "x".to_owned() };
        prop_oneof![
            Just(VoiceEventKind::Initiated { direction: Direction::Outbound, from: String::new(), to: String::new() }),
            Just(VoiceEventKind::Ringing),
            Just(VoiceEventKind::Answered),
            Just(VoiceEventKind::Bridged),
            Just(VoiceEventKind::AnsweredBy(AnsweredBy::Human)),
            Just(VoiceEventKind::AnsweredBy(AnsweredBy::Machine)),
            Just(VoiceEventKind::SpeakStarted),
            Just(VoiceEventKind::SpeakEnded),
            Just(VoiceEventKind::SpeakCut),
            Just(VoiceEventKind::GreetingEnded { beep: true }),
            (0u8..3).prop_map(move |id| VoiceEventKind::RecordingSaved(saved(id))),
            Just(hangup(HangupCause::Normal)),
            Just(hangup(HangupCause::Busy)),
            Just(hangup(HangupCause::NoAnswer)),
            (0i64..9).prop_map(|micros| VoiceEventKind::Cost { micros, currency: "USD".to_owned() }),
            Just(VoiceEventKind::Other("call.unheard_of".to_owned())),
        ]
    }

    proptest! {
        #[test]
        fn facts_do_not_depend_on_order_or_repeats(kinds in prop::collection::vec((any_kind(), 0i64..60), 0..12), order in any::<u64>()) {
            let events: Vec<_> = kinds.into_iter().enumerate().map(|(i, (what, at))| event(i as u8, at, what)).collect();
            let mut straight = CallFacts::default();
            for (e, notice) in &events {
                straight.absorb(e, notice.as_ref());
            }
            let mut shuffled: Vec<_> = events.iter().chain(&events).collect();
            shuffled.sort_by_key(|(e, _)| e.id.bytes().fold(order, |h, b| (h ^ u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            let mut crooked = CallFacts::default();
            for (e, notice) in shuffled {
                crooked.absorb(e, notice.as_ref());
            }
            prop_assert_eq!(&straight, &crooked);
            prop_assert_eq!(straight.status(), crooked.status());
            prop_assert_eq!(straight.recording_state(), crooked.recording_state());
        }

        #[test]
        fn nothing_reopens_a_finished_call(kinds in prop::collection::vec((any_kind(), 0i64..60), 0..12)) {
            let mut facts = CallFacts::default();
            let mut over = false;
            for (i, (what, at)) in kinds.into_iter().enumerate() {
                let (e, notice) = event(i as u8, at, what);
                facts.absorb(&e, notice.as_ref());
                prop_assert!(!over || facts.status().terminal());
                over = facts.status().terminal();
            }
        }
    }

    #[test]
    fn a_late_answer_gives_a_finished_call_its_talk_time() {
        let mut facts = CallFacts::default();
        let hangup = VoiceEventKind::Hangup { cause: HangupCause::Normal, vendor_cause: "normal_clearing".to_owned() };
        facts.absorb(&event(1, 60, hangup).0, None);
        assert_eq!(facts.status(), CallStatus::Failed);
        facts.absorb(&event(2, 10, VoiceEventKind::Answered).0, None);
        assert_eq!(facts.status(), CallStatus::Completed);
        assert_eq!(facts.ended_at().unwrap().as_second() - facts.answered_at.unwrap().as_second(), 50);
    }

    #[test]
    fn busy_and_out_of_service_do_not_count_and_ringing_out_does() {
        for (cause, counts) in [
            (HangupCause::Busy, false),
            (HangupCause::NotInService, false),
            (HangupCause::CarrierError, false),
            (HangupCause::NoAnswer, true),
            (HangupCause::Rejected, true),
            (HangupCause::Other, true),
        ] {
            let mut facts = CallFacts::default();
            assert!(facts.attempt_counts(), "until it is known");
            facts.absorb(&event(1, 9, VoiceEventKind::Hangup { cause, vendor_cause: String::new() }).0, None);
            assert_eq!(facts.attempt_counts(), counts, "{cause}");
        }
    }

    #[test]
    fn a_machine_is_no_conversation_and_doubt_is_one() {
        for (who, spoken) in [
            (AnsweredBy::Machine, false),
            (AnsweredBy::Fax, false),
            (AnsweredBy::NotSure, true),
            (AnsweredBy::Human, true),
        ] {
            let mut facts = CallFacts::default();
            facts.absorb(&event(1, 5, VoiceEventKind::Answered).0, None);
            assert!(facts.conversation_at().is_some(), "until it is known");
            facts.absorb(&event(2, 7, VoiceEventKind::AnsweredBy(who)).0, None);
            assert_eq!(facts.conversation_at().is_some(), spoken, "{who}");
        }
    }
}
