//! Who remembers checkpoints: somebody outside the house, so that a chain rewritten inside contradicts them.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::{kit::time::Timestamp, orgs::OrganizationId};

/// [`VendorError::code`] of a witness that holds another chain: a larger one, or another head or root of the same size.
pub const CONFLICTING_CHECKPOINT: &str = "conflicting_checkpoint";

/// A signed checkpoint, as the world is shown it. Hashes and ids; no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedCheckpoint {
    /// Whose chain.
    pub organization_id: OrganizationId,
    /// Links in the chain.
    pub size: i64,
    /// Hash of the last one.
    pub head: String,
    /// Root of the tree over all of them; empty where there is no tree.
    pub root: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Ed25519 key, hex.
    pub public_key: String,
    /// Over the canonical statement, hex.
    pub signature: String,
}

impl PublishedCheckpoint {
    /// Whether both say the same of the same chain, whoever signed it and when.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        (self.organization_id, self.size, &self.head, &self.root)
            == (other.organization_id, other.size, &other.head, &other.root)
    }
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Who took it.
    pub witness: String,
    /// Links in the chain it took.
    pub size: i64,
    /// The root it took.
    pub root: String,
    /// When it first took it.
    pub at: Timestamp,
}

/// Somebody who takes checkpoints and never takes a contradiction.
#[async_trait]
pub trait Witness: Send + Sync + Debug {
    /// What its receipts are kept under: the same witness, the same name. 1 to 200 characters.
    fn name(&self) -> &str;
    /// Shows a checkpoint; the same one again answers the same receipt. One that contradicts what the witness holds is
    /// refused with the code [`CONFLICTING_CHECKPOINT`].
    async fn publish(&self, checkpoint: &PublishedCheckpoint) -> Result<Receipt, VendorError>;
}
