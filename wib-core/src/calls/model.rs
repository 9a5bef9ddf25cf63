use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::CallFacts;
use crate::{
    auth::UserId,
    collections::{AccountId, PersonId},
    compliance::{Purpose, StoredVerdict, Technology},
    kit::{Id, Phone, time::Timestamp},
    live::Listen,
    orgs::OrganizationId,
    ports::voice::{AnsweredBy, Direction, HangupCause, Leg},
    store::Record,
    text_enum,
    translation::Language,
};

/// The id of a call.
pub type CallId = Id<Call>;

text_enum! {
    /// How a call stands; see the table of the slice.
    pub enum CallStatus {
        /// Asked and lawful; not yet with the vendor.
        Pending = "pending",
        /// With the vendor.
        Initiated = "initiated",
        /// Rings.
        Ringing = "ringing",
        /// Answered.
        InProgress = "in_progress",
        /// Joined with another leg.
        Bridged = "bridged",
        /// Being handed to somebody else.
        Transferring = "transferring",
        /// Handed to somebody else, and over.
        Transferred = "transferred",
        /// Answered and over.
        Completed = "completed",
        /// Not answered.
        Missed = "missed",
        /// Given up before an answer.
        Canceled = "canceled",
        /// Never reached anybody.
        Failed = "failed",
    }
}
impl CallStatus {
    /// Whether nothing can happen any more.
    #[must_use]
    pub const fn terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Transferred | Self::Missed | Self::Canceled | Self::Failed)
    }
}

text_enum! {
    /// How a call is carried.
    pub enum FlowType {
        /// One leg, to the person.
        Direct = "direct",
        /// A member's leg first, then one to the person; both joined.
        Bridge = "bridge",
        /// The person called us.
        Inbound = "inbound",
        /// One leg, to the person, that a member asked for from a browser.
        Webrtc = "webrtc",
    }
}

text_enum! {
    /// What a leg is for.
    pub enum LegRole {
        /// To the person.
        Callee = "callee",
        /// From the person.
        Caller = "caller",
        /// To the member who talks.
        Agent = "agent",
        /// To whom the call is handed.
        Target = "target",
        /// To who listens for the organisation.
        Supervisor = "supervisor",
    }
}

impl LegRole {
    /// Whether it is the leg of the person: the one that the call is about.
    #[must_use]
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Callee | Self::Caller)
    }
}

/// A call. Its status and times are read off [`CallFacts`] and kept beside them for queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// With whom, when known.
    pub person_id: Option<PersonId>,
    /// About which debt, when known.
    pub account_id: Option<AccountId>,
    /// Who called.
    pub direction: Direction,
    /// The number shown.
    pub from_number: Phone,
    /// The number called.
    pub to_number: Phone,
    /// How it is carried.
    pub flow_type: FlowType,
    /// How it is dialled and spoken.
    pub technology: Technology,
    /// Why it is placed.
    pub purpose: Purpose,
    /// How it stands.
    pub status: CallStatus,
    /// The voice vendor.
    pub vendor: String,
    /// False when a sandbox carried it.
    pub live: bool,
    /// What the vendor said, merged.
    pub facts: CallFacts,
    /// The verdict that let it be dialled.
    pub verdict_id: Option<Id<StoredVerdict>>,
    /// Whether it is to be recorded.
    pub record: bool,
    /// Whether the recording is to be transcribed.
    pub transcribe: bool,
    /// Into which language the transcript is to be translated.
    pub translate_to: Option<Language>,
    /// What is to be done with its words while they are spoken; none: nobody listens.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who answered.
    pub answered_by: Option<AnsweredBy>,
    /// Why it ended.
    pub hangup_cause: Option<HangupCause>,
    /// Who asked for it.
    pub created_by: Option<UserId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Call {
    /// Talk time in milliseconds, once answered and over.
    #[must_use]
    pub fn duration_ms(&self) -> Option<i64> {
        let (answered, ended) = (self.answered_at?, self.ended_at?);
        Some((ended.as_millisecond() - answered.as_millisecond()).max(0))
    }
    /// Copies onto the row what follows from its facts.
    pub fn settle(&mut self, now: Timestamp) {
        self.status = self.facts.status();
        self.answered_at = self.facts.answered_at;
        self.ended_at = self.facts.ended_at();
        self.answered_by = self.facts.answered_by.as_ref().map(|f| f.value);
        self.hangup_cause = self.facts.hangup.as_ref().map(|f| f.value.cause);
        self.updated_at = now;
    }
}
impl Record for Call {
    const NAME: &'static str = "call";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// One leg of a call at a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLeg {
    /// Its id.
    pub id: Id<CallLeg>,
    /// Of which call.
    pub call_id: CallId,
    /// At which vendor.
    pub vendor: String,
    /// What it is for.
    pub role: LegRole,
    /// The vendor's handle for commands.
    pub control_id: Option<String>,
    /// The vendor's id of the leg.
    pub leg_id: Option<String>,
    /// The vendor's id of the session.
    pub session_id: Option<String>,
    /// When we learned of it.
    pub created_at: Timestamp,
}
impl CallLeg {
    /// The vendor's names of it.
    #[must_use]
    pub fn names(&self) -> Leg {
        Leg { control_id: self.control_id.clone(), leg_id: self.leg_id.clone(), session_id: self.session_id.clone() }
    }
}
impl Record for CallLeg {
    const NAME: &'static str = "leg";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// One line of a call's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Its id.
    pub id: Id<CallEvent>,
    /// Of which call.
    pub call_id: CallId,
    /// What makes it one: the vendor's event id, or our own word. Unique per call.
    pub source: String,
    /// What happened, such as `call.answered`.
    pub event_type: String,
    /// Details; no phone numbers.
    pub event_data: Json,
    /// When it happened.
    pub at: Timestamp,
}
impl Record for CallEvent {
    const NAME: &'static str = "event";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
