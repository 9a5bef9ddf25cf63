//! Secrets of organisations: what they give us to act for them elsewhere (keys of their CRM, their bank, their trunk), kept
//! so that whoever has the database alone cannot read them.
//!
//! | what | how |
//! |---|---|
//! | sealed | AES-256-GCM under the installation's key, a nonce of its own each time |
//! | bound | to its organisation, its name and its key: a row that is moved does not open |
//! | read | by an admin of the organisation; every reading is told to the audit log, the value never |
//! | renewed | by [`System::rotate_secrets`](crate::System::rotate_secrets), from older keys to the present one |

mod keep;
mod rotate;
mod vault;

pub use keep::SecretNote;
pub use rotate::{Rotated, Unreadable};
pub use vault::Vault;

use std::fmt;

use crate::{
    kit::{Error, Id, Result, time::Timestamp},
    store::Record,
};

/// A secret as it is kept: sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantSecret {
    /// Its id.
    pub id: Id<TenantSecret>,
    /// What it is called; unique for its organisation.
    pub name: String,
    /// Which key sealed it.
    pub key_id: String,
    /// Used once with that key.
    pub nonce: Vec<u8>,
    /// The sealed value, and what proves it.
    pub sealed: Vec<u8>,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When it was last put or sealed anew.
    pub updated_at: Timestamp,
}
impl fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSecret").field("name", &self.name).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
impl Record for TenantSecret {
    const NAME: &'static str = "secret";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Refuses what is no name of a secret.
fn named(name: &str) -> Result<()> {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
    if name.is_empty() || name.len() > 100 || !name.bytes().all(fits) {
        return Err(Error::field("name", "must have 1 to 100 small letters, digits, dots, dashes and underscores"));
    }
    Ok(())
}
