//! Numbers: those that an organisation has at its voice vendor, those it proved to be its own, and where its members are
//! reached.
//!
//! A call shows a number that the organisation owns or proved (47 CFR 64.1604); the gate asks for it at every dial. Whoever
//! names none shows the pool's number that was shown longest ago:
//!
//! | in the pool | shown next |
//! |---|---|
//! | active, for `outbound` or `both` | never shown, then longest ago, then by `pool_order` |
//! | none such | the installation's default number |
//!
//! A number of the pool is held from its choice to the end of the transaction that dials: two dials at once take two
//! numbers, and a dial that is refused uses none up.

mod lines;
mod numbers;
mod send;
mod verify;

pub(crate) use lines::reached;
pub use lines::{AgentLine, SetAgentLine};
pub(crate) use numbers::shown;
pub use numbers::{AddNumber, UpdateNumber};
use std::time::Duration;

use serde::{Deserialize, Serialize};
pub use verify::{CallerId, CallerIdStatus, ConfirmCallerId, PendingCallerId, StartCallerId};

use crate::{
    auth::UserId,
    json_column,
    kit::{Id, Phone, time, time::Timestamp},
    store::Record,
    text_enum,
};

/// When something counts as used that is taken in turn: later than before, so that turns of one instant are turns.
pub(crate) fn used(now: Timestamp, before: Option<Timestamp>) -> Timestamp {
    before.map_or(now, |before| now.max(time::after(before, Duration::from_micros(1))))
}

/// The id of a number.
pub type NumberId = Id<OwnNumber>;

text_enum! {
    /// What a number is for.
    #[derive(Default)]
    pub enum NumberPurpose {
        /// Shown when we call.
        Outbound = "outbound",
        /// Called by others.
        Inbound = "inbound",
        /// Either.
        #[default]
        Both = "both",
    }
}

/// Who is rung when a number is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RouteTarget {
    /// This number.
    Number {
        /// Which.
        phone: Phone,
    },
    /// This member's [line](AgentLine).
    User {
        /// Whose.
        user_id: UserId,
    },
    /// Of the lines of this queue the one that was rung longest ago.
    Queue {
        /// Its name.
        name: String,
    },
}

/// What becomes of a call to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct InboundRoute {
    /// Who is rung; nobody: the caller hears that nobody is there.
    pub target: Option<RouteTarget>,
    /// The notice that the call is recorded; the installation's by default. A fixed text.
    pub notice: Option<String>,
    /// What is said behind the notice. It must not tell of debts: whoever calls is not verified yet.
    pub greeting: Option<String>,
    /// Whether to record, after the notice.
    pub record: bool,
    /// Whether to transcribe the recording.
    pub transcribe: bool,
}
impl Default for InboundRoute {
    fn default() -> Self {
        Self { target: None, notice: None, greeting: None, record: true, transcribe: true }
    }
}
json_column!(InboundRoute);

/// A number that an organisation has at a voice vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnNumber {
    /// Its id.
    pub id: NumberId,
    /// The number. Active at one organisation only.
    pub phone: Phone,
    /// At which vendor.
    pub vendor: String,
    /// The vendor's id of it.
    pub vendor_id: Option<String>,
    /// What it is for.
    pub purpose: NumberPurpose,
    /// Whether it is in use. A retired one stays, for the calls that showed it.
    pub active: bool,
    /// Its place in the pool among numbers that were shown equally long ago.
    pub pool_order: i64,
    /// When a call last showed it.
    pub last_used_at: Option<Timestamp>,
    /// The name shown with it, at most 15 characters.
    pub caller_name: Option<String>,
    /// What becomes of a call to it.
    pub route: InboundRoute,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for OwnNumber {
    const NAME: &'static str = "number";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
