//! Calls from a browser: credentials at the vendor's gateway, and the tokens that a page signs in with.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    VendorError,
    pages::{Place, Portion},
};
use crate::kit::time::Timestamp;

/// A vendor's gateway between browsers and the telephone network.
///
/// Whoever holds a credential or a token of it may call on our account: both are secrets, and both are short-lived.
/// [`BrowserCredentials`](crate::calls::BrowserCredentials) keeps one for each session.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Webrtc: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Makes a credential. Never repeated: one whose answer was lost ends by itself.
    async fn create_credential(&self, order: &NewCredential) -> Result<Credential, VendorError>;
    /// A credential as it is now; `None` when there is no such one.
    async fn credential(&self, id: &str) -> Result<Option<Credential>, VendorError>;
    /// Credentials, a page at a time.
    async fn credentials(
        &self,
        filter: &CredentialFilter,
        place: Option<Place>,
    ) -> Result<Portion<Credential>, VendorError>;
    /// Ends a credential and every token of it. One that is gone already is a success.
    async fn delete_credential(&self, id: &str) -> Result<(), VendorError>;
    /// A token to sign in with, for a credential that has not expired.
    async fn token(&self, credential: &str) -> Result<SessionToken, VendorError>;
}

/// A credential to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// The trunk whose users it is one of.
    pub trunk_id: String,
    /// Its name, for people.
    pub name: String,
    /// When it ends by itself; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// Which credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialFilter {
    /// Of that trunk.
    pub trunk_id: Option<String>,
    /// Of that name.
    pub name: Option<String>,
}

/// A credential of one user of a trunk.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The vendor's id of it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The trunk that it belongs to, when told.
    pub trunk_id: Option<String>,
    /// Its name on the network.
    pub sip_username: String,
    /// Its password on the network, for who registers without a token.
    pub sip_password: Option<SecretString>,
    /// When it ends by itself; `None`: never, or not told.
    pub expires_at: Option<Timestamp>,
    /// Whether it has ended.
    pub expired: bool,
}

/// What a page signs in with.
#[derive(Clone, Debug)]
pub struct SessionToken {
    /// A JWT, for the vendor's own library in the browser.
    pub token: SecretString,
    /// Until when it is good, as it says itself.
    pub expires_at: Timestamp,
}
