use serde::{Deserialize, Serialize};

use crate::{
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// Who vouches from outside.
    pub enum StampKind {
        /// A time-stamp authority (RFC 3161).
        Timestamp = "timestamp",
        /// A witness.
        Witness = "witness",
    }
}

/// What somebody outside said of a checkpoint. Written once per checkpoint, kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its id.
    pub id: Id<Stamp>,
    /// Links in the chain under the checkpoint.
    pub checkpoint_size: i64,
    /// What kind of outsider.
    pub kind: StampKind,
    /// Which one.
    pub name: String,
    /// What they gave: a token's DER in base64, or a receipt's canonical JSON.
    pub token: String,
    /// When they saw it, on their clock.
    pub at: Timestamp,
    /// When it was kept.
    pub created_at: Timestamp,
}
impl Record for Stamp {
    const NAME: &'static str = "stamp";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
