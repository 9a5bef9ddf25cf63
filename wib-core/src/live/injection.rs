//! Translations that are spoken on the call.

use serde::{Deserialize, Serialize};

use super::{LineTranslation, Speaker};
use crate::{
    calls::{CallId, LegId},
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
    translation::Language,
};

/// The id of a translation that is spoken.
pub type InjectionId = Id<Injection>;

text_enum! {
    /// How a translation that is to be spoken stands.
    pub enum InjectionStatus {
        /// It is being made.
        Queued = "queued",
        /// The vendor is asked to play it.
        Playing = "playing",
        /// It was heard to its end.
        Completed = "completed",
        /// It could not be made, or not be played to its end.
        Failed = "failed",
        /// It is not spoken: too many were waiting, it came too late, a mask is on, the call is over.
        Dropped = "dropped",
    }
}
impl InjectionStatus {
    /// Whether it waits or is heard.
    #[must_use]
    pub const fn open(self) -> bool {
        matches!(self, Self::Queued | Self::Playing)
    }
}

/// A line's translation that is spoken to the other side. It holds no words, and its sound is deleted once it was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Injection {
    /// Its id.
    pub id: InjectionId,
    /// On which call.
    pub call_id: CallId,
    /// Which translation; one each.
    pub translation_id: Id<LineTranslation>,
    /// The line's place.
    pub line_index: i64,
    /// Whose words they are.
    pub speaker: Speaker,
    /// In which language it is spoken.
    pub language: Language,
    /// To which leg; none until it is played.
    pub leg_id: Option<LegId>,
    /// How it stands.
    pub status: InjectionStatus,
    /// Why it failed or was dropped.
    pub why: Option<String>,
    /// Where its sound is, until it is deleted.
    pub blob_key: Option<String>,
    /// Who spoke it.
    pub vendor: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the vendor was asked to play it.
    pub played_at: Option<Timestamp>,
    /// When that ended.
    pub ended_at: Option<Timestamp>,
}
impl Record for Injection {
    const NAME: &'static str = "injection";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
