//! Who signs in: users, passwords, sessions; and the keys of machines.

mod keys;
pub mod password;
mod refresh;
mod reset;
mod sign_in;

pub use keys::{ApiKey, ApiKeyId, CreateApiKey, KnownKey, NewApiKey, Permissions};
pub use refresh::{ROTATION, Refreshed};
pub use reset::{PasswordReset, RESET_LIFE};
pub(crate) use reset::{Queued, mail};
use serde::{Deserialize, Serialize};
pub(crate) use sign_in::sha256;
pub use sign_in::{CSRF_LIFE, LogIn, LoggedIn, SESSION_LIFE, SignUp, SignedIn};

use crate::{
    kit::{Id, time::Timestamp},
    orgs::OrganizationId,
};

/// The id of a user.
pub type UserId = Id<User>;

/// A person who can sign in. Belongs to organisations through memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Lower-case address; unique.
    pub email: String,
    /// Shown name.
    pub name: String,
    /// A hash in one of the forms of [`password`].
    pub password_hash: String,
    /// Whether the person may do platform work across organisations.
    pub platform_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A signed-in browser or client. Only the SHA-256 of its token is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: Id<Session>,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// Who.
    pub user_id: UserId,
    /// The chosen organisation.
    pub organization_id: Option<OrganizationId>,
    /// SHA-256 of the client's fingerprint at login, hex.
    pub fingerprint: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, 7 days later.
    pub expires_at: Timestamp,
}
