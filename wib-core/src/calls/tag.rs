//! The tag that a vendor echoes in every event: which call, in which organisation, at which step. Authenticated by us.

use std::{collections::BTreeSet, fmt};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{CallId, CallLeg};
use crate::{compliance::DutyKind, kit::Id, orgs::OrganizationId, text_enum};

text_enum! {
    /// Which of our commands set a tag; every utterance of a call has its own.
    pub enum Step {
        /// The dial.
        Dial = "dial",
        /// The recording notice alone, as earlier versions spoke it.
        Notice = "notice",
        /// What a person hears first: who calls, what speaks, that the call is recorded.
        Opening = "opening",
        /// The disclosure of a first communication.
        MiniMiranda = "mini_miranda",
        /// The disclosure of later communications.
        CollectorNotice = "collector_notice",
        /// That the debt is too old to be sued for.
        TimeBarredNotice = "time_barred_notice",
        /// The message left on a machine.
        Message = "message",
        /// The dial of a further leg.
        Leg = "leg",
        /// What a person hears when nobody takes the call.
        Unattended = "unattended",
        /// What a person hears who is put on hold.
        Hold = "hold",
        /// What a member hears when the person could not be reached.
        Unreached = "unreached",
        /// That an artificial voice speaks, where the opening did not say so.
        ArtificialVoice = "artificial_voice",
        /// What a machine says that takes part; the tag has its number.
        Reply = "reply",
    }
}
impl Step {
    /// The duty that an utterance of this step does whatever its tag says.
    pub(crate) const fn duty(self) -> Option<DutyKind> {
        match self {
            Self::Dial | Self::Opening | Self::Leg | Self::Unattended | Self::Hold | Self::Unreached | Self::Reply => {
                None
            }
            Self::ArtificialVoice => Some(DutyKind::AiDisclosure),
            Self::Notice => Some(DutyKind::RecordingNotice),
            Self::MiniMiranda => Some(DutyKind::MiniMiranda),
            Self::CollectorNotice => Some(DutyKind::CollectorNotice),
            Self::TimeBarredNotice => Some(DutyKind::TimeBarredNotice),
            Self::Message => Some(DutyKind::LimitedContent),
        }
    }
}

/// What a tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The call.
    pub call_id: CallId,
    /// The command.
    pub step: Step,
    /// The duties that the utterance does, when it was spoken to its end.
    pub duties: BTreeSet<DutyKind>,
    /// The leg, when it is not the one to the person.
    pub leg: Option<Id<CallLeg>>,
    /// The number of a [`Step::Reply`].
    pub turn: Option<i64>,
}
impl Tag {
    /// The tag of a command that speaks nothing, or nothing but the step's own duty.
    pub(crate) fn of(organization_id: OrganizationId, call_id: CallId, step: Step) -> Self {
        Self { organization_id, call_id, step, duties: step.duty().into_iter().collect(), leg: None, turn: None }
    }
    /// The tag of a command to a further leg.
    pub(crate) fn on(self, leg: Id<CallLeg>) -> Self {
        Self { leg: Some(leg), ..self }
    }
}

/// The key that tags are authenticated with.
#[derive(Clone)]
pub(crate) struct TagKey([u8; 32]);
impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey([redacted])")
    }
}
impl TagKey {
    /// A key from secret bytes.
    #[must_use]
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    fn mac(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        hex::encode(&mac.finalize().into_bytes()[..16])
    }
    /// The text to give to the vendor.
    #[must_use]
    pub(crate) fn seal(&self, tag: &Tag) -> String {
        let mut text = format!("wib1.{}.{}.{}", tag.organization_id, tag.call_id, tag.step);
        let own = tag.step.duty();
        for duty in tag.duties.iter().filter(|d| Some(**d) != own) {
            text.push('+');
            text.push_str(duty.as_str());
        }
        if let Some(leg) = tag.leg {
            text.push('@');
            text.push_str(&leg.to_string());
        }
        if let Some(turn) = tag.turn {
            text.push('#');
            text.push_str(&turn.to_string());
        }
        format!("{text}.{}", self.mac(&text))
    }
    /// What an echoed text says; `None` when it is not ours.
    #[must_use]
    pub(crate) fn open(&self, text: &str) -> Option<Tag> {
        let (body, mac) = text.rsplit_once('.')?;
        if !bool::from(self.mac(body).as_bytes().ct_eq(mac.as_bytes())) {
            return None;
        }
        let mut parts = body.strip_prefix("wib1.")?.split('.');
        let (organization_id, call_id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let part = parts.next()?;
        let (part, turn) = match part.split_once('#') {
            Some((part, turn)) => (part, Some(turn.parse().ok()?)),
            None => (part, None),
        };
        let (words, leg) = match part.split_once('@') {
            Some((words, leg)) => (words, Some(leg.parse().ok()?)),
            None => (part, None),
        };
        let mut words = words.split('+');
        let mut tag = Tag { leg, turn, ..Tag::of(organization_id, call_id, words.next()?.parse().ok()?) };
        for duty in words {
            tag.duties.insert(duty.parse().ok()?);
        }
        parts.next().is_none().then_some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of_a_leg() -> Tag {
        let tag = Tag::of(uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into(), Step::Leg);
        tag.on(uuid::Uuid::from_u128(3).into())
    }

    #[test]
    fn a_tag_says_which_duties_its_utterance_does_and_cannot_be_changed() {
        let key = TagKey::new([1; 32]);
        let mut tag = Tag::of(uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into(), Step::Opening);
        tag.duties.extend([DutyKind::Identify, DutyKind::RecordingNotice]);
        let text = key.seal(&tag);
        assert!(text.contains(".opening+identify+recording_notice."), "{text}");
        assert_eq!(key.open(&text), Some(tag));
        assert_eq!(key.open(&text.replace("identify", "mini_miranda")), None);
        let leg = tag_of_a_leg();
        assert_eq!(key.open(&key.seal(&leg)), Some(leg.clone()));
        assert_eq!(key.open(&key.seal(&leg).replace("@00000000", "@00000001")), None);
        let reply = Tag { turn: Some(12), ..Tag::of(leg.organization_id, leg.call_id, Step::Reply) };
        assert_eq!(key.open(&key.seal(&reply)), Some(reply.clone()));
        assert_eq!(key.open(&key.seal(&reply).replace("#12", "#13")), None);
        let old = Tag::of(uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into(), Step::Notice);
        assert_eq!(key.open(&key.seal(&old)).unwrap().duties, BTreeSet::from([DutyKind::RecordingNotice]));
    }
}
