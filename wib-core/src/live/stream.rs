//! Streams of a call's sound, and where nobody heard it.

use serde::{Deserialize, Serialize};

use crate::{
    calls::CallId,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// The id of a stream.
pub type StreamId = Id<MediaStream>;

text_enum! {
    /// How a stream stands.
    pub enum StreamStatus {
        /// The vendor was asked for it and has not connected.
        Ordered = "ordered",
        /// The vendor is connected: nobody else may be, by the same address.
        Open = "open",
        /// It ended with the call, or because it was to end.
        Ended = "ended",
        /// It broke off; another was ordered, as long as the call is up.
        Lost = "lost",
        /// The vendor could not connect.
        Failed = "failed",
    }
}

/// A stream of a call's sound that the vendor was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaStream {
    /// Its id; its address is made of it.
    pub id: StreamId,
    /// Of which call.
    pub call_id: CallId,
    /// Which of the call's streams, from 1.
    pub number: i64,
    /// How it stands.
    pub status: StreamStatus,
    /// When its sound began.
    pub opened_at: Option<Timestamp>,
    /// Up to where everything that was said is kept.
    pub heard_until: Option<Timestamp>,
    /// When the process that hears it was last known to.
    pub seen_at: Option<Timestamp>,
    /// When it ended; of an open one, when the vendor said so.
    pub ended_at: Option<Timestamp>,
    /// Why it ended otherwise than it should.
    pub why: Option<String>,
    /// When it was ordered.
    pub created_at: Timestamp,
}
impl Record for MediaStream {
    const NAME: &'static str = "stream";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A stretch of a call in which nobody heard what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveGap {
    /// Its id.
    pub id: Id<LiveGap>,
    /// Of which call.
    pub call_id: CallId,
    /// Up to where everything was heard.
    pub started_at: Timestamp,
    /// From where on it is heard again; none: until the end of the call.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// When it was filled from the recording.
    pub filled_at: Option<Timestamp>,
    /// When it was noticed.
    pub created_at: Timestamp,
}
impl Record for LiveGap {
    const NAME: &'static str = "gap";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
