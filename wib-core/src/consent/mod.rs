//! What a person agreed to and asked for: the consent ledger, preferences, and the request to stop.
//!
//! Consent is a ledger: a row is added for each event, the latest about a scope decides, and none is changed. Whether a
//! consent to one call is used up is read off the ledger of conversations.

mod opt_out;
mod read;
mod record;
mod words;

pub use opt_out::{OptOut, OptedOut};
pub use read::{ConsentStatus, ListConsents, Standing, standing};
pub use record::{RecordConsent, RecordPreference, RevokeConsent};
use serde::{Deserialize, Serialize};
pub use words::means_stop;

use crate::{
    auth::UserId,
    calls::CallId,
    collections::{AccountId, PersonId},
    compliance::{ConsentScope, Medium, Wish},
    json_column,
    kit::{Id, Phone, time::Timestamp},
    store::Record,
    text_enum,
};

json_column!(Wish);

text_enum! {
    /// What happened to a consent.
    pub enum ConsentEvent {
        /// Given.
        Granted = "granted",
        /// Taken back.
        Revoked = "revoked",
        /// Given again.
        Renewed = "renewed",
        /// Came to its end.
        Expired = "expired",
        /// Given by a spoken yes.
        VerbalYes = "verbal_yes",
        /// Given in writing.
        Written = "written",
        /// Given to a menu by voice.
        IvrConfirm = "ivr_confirm",
        /// Given to a menu by a key.
        DtmfConfirm = "dtmf_confirm",
    }
}
impl ConsentEvent {
    /// Whether it gives consent.
    #[must_use]
    pub const fn grants(self) -> bool {
        !matches!(self, Self::Revoked | Self::Expired)
    }
}

text_enum! {
    /// How something that a person said or wrote reached us.
    #[derive(Default)]
    pub enum Source {
        /// The person called.
        InboundCall = "inbound_call",
        /// We called.
        OutboundCall = "outbound_call",
        /// A form on a site.
        WebForm = "web_form",
        /// A letter.
        WrittenLetter = "written_letter",
        /// A member wrote it down.
        #[default]
        AgentEntry = "agent_entry",
        /// A menu.
        Ivr = "ivr",
        /// Another system.
        Api = "api",
        /// A file.
        Import = "import",
    }
}

/// One event of the consent ledger; only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Its id.
    pub id: Id<Consent>,
    /// Whose.
    pub person_id: PersonId,
    /// About which debt; none is every debt.
    pub account_id: Option<AccountId>,
    /// For which number; none is every number.
    pub phone: Option<Phone>,
    /// For which address; none is every address.
    pub email: Option<String>,
    /// For what.
    pub scope: ConsentScope,
    /// What happened.
    pub event: ConsentEvent,
    /// Whether it was in writing.
    pub written: bool,
    /// How it reached us.
    pub source: Source,
    /// What proves it: a call's id, a document's.
    pub evidence: Option<String>,
    /// In which call.
    pub call_id: Option<CallId>,
    /// A member's note.
    pub note: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// When it ends by what the person said.
    pub expires_at: Option<Timestamp>,
    /// Who wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for Consent {
    const NAME: &'static str = "consent";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Something a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// Its id.
    pub id: Id<Preference>,
    /// Whose.
    pub person_id: PersonId,
    /// At which number; none is every number.
    pub phone: Option<Phone>,
    /// At which address; none is every address.
    pub email: Option<String>,
    /// By which medium; none is every one.
    pub medium: Option<Medium>,
    /// What.
    pub wish: Wish,
    /// Since when.
    pub since: Timestamp,
    /// Until when it held, once it was taken back.
    pub ended_at: Option<Timestamp>,
    /// Who wrote it down.
    pub recorded_by: Option<UserId>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for Preference {
    const NAME: &'static str = "preference";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
