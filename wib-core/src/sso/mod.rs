//! How members of an organisation are to sign in: what its admins set for each provider of identities.
//!
//! Settings alone: signing in by password goes on whatever they say, and nobody is sent to a provider yet. A client's secret
//! is among the organisation's [`secrets`](crate::secrets), sealed; no answer shows it.

mod set;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
pub use set::SetAuthProvider;

use crate::{
    json_column,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

text_enum! {
    /// A way to sign in.
    pub enum Provider {
        /// Address and password.
        Credentials = "credentials",
        /// Google.
        Google = "google",
        /// GitHub.
        Github = "github",
        /// Microsoft.
        Microsoft = "microsoft",
        /// SAML.
        Saml = "saml",
    }
}

/// What else a provider needs; a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderConfig(pub Map<String, Json>);
json_column!(ProviderConfig);

/// What is set for a way to sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthProvider {
    /// Its id.
    pub id: Id<AuthProvider>,
    /// Which; unique for the organisation.
    pub provider: Provider,
    /// Whether members may use it.
    pub enabled: bool,
    /// What the provider calls us.
    pub client_id: Option<String>,
    /// Whether a client's secret is kept.
    pub has_secret: bool,
    /// What else it needs.
    pub config: ProviderConfig,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}
impl Record for AuthProvider {
    const NAME: &'static str = "sign-in provider";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl AuthProvider {
    /// Whether it has what it needs: passwords need nothing, the others both halves of a client.
    #[must_use]
    pub fn configured(&self) -> bool {
        self.provider == Provider::Credentials || (self.client_id.is_some() && self.has_secret)
    }
    /// The end of what the provider calls us; of a short one nothing.
    #[must_use]
    pub fn masked_client(&self) -> Option<String> {
        let mask = |id: &String| {
            let long = id.chars().count();
            format!("***{}", if long > 4 { id.chars().skip(long - 4).collect() } else { String::new() })
        };
        self.client_id.as_ref().map(mask)
    }
}
