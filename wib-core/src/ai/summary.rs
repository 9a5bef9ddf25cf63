use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// What was ordered.
    pub enum SummaryKind {
        /// A summary of a text.
        Summary = "summary",
        /// A transcript of a sound.
        Transcript = "transcript",
    }
}
text_enum! {
    /// How an order stands.
    pub enum SummaryStatus {
        /// The vendor has it.
        Queued = "queued",
        /// The vendor is at it.
        Processing = "processing",
        /// It is there.
        Completed = "completed",
        /// It will not be.
        Error = "error",
    }
}

/// Something that was made by order: a summary of a call, or a transcript, whose words are the vendor's to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedText {
    /// Its id.
    pub id: Id<OrderedText>,
    /// The call that it is about.
    pub call_id: Option<CallId>,
    /// What it is.
    pub kind: SummaryKind,
    /// Who made it.
    pub vendor: String,
    /// The vendor's id of it.
    pub vendor_id: Option<String>,
    /// How it stands.
    pub status: SummaryStatus,
    /// The summary, with private values taken out; goes with the call's words.
    pub text: Option<String>,
    /// False when a sandbox made it.
    pub live: bool,
    /// Who ordered it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for OrderedText {
    const NAME: &'static str = "summary";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
