//! Setting and listing ways to sign in.

use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{AuthProvider, Provider, ProviderConfig};
use crate::{
    kit::{Error, ExposeSecret, Result, Role, SecretString, text, text::TextEnum},
    store::OrgTx,
    wib::Org,
};

/// The longest half of a client, in characters.
const LONGEST: usize = 500;
/// The most bytes of what else a provider needs, as JSON.
const LONGEST_CONFIG: usize = 16 << 10;

/// Sets a way to sign in; what is absent stays, and null takes a client's id or secret away.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetAuthProvider {
    /// Which.
    pub provider: Provider,
    /// Whether members may use it.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "bool"))]
    pub enabled: Option<bool>,
    /// What the provider calls us, at most 500 characters.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = 500)))]
    pub client_id: Option<Option<String>>,
    /// What proves us to the provider, at most 500 characters. Never shown again.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = 500)))]
    pub client_secret: Option<Option<SecretString>>,
    /// What else it needs, in place of what was there; at most 16 KiB. Secrets do not belong here.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Map<String, Json>"))]
    pub config: Option<Map<String, Json>>,
}

/// What the log is told.
fn told(row: &AuthProvider) -> Json {
    json!({
        "provider": row.provider, "enabled": row.enabled, "has_client": row.client_id.is_some(),
        "sealed": row.has_secret, "settings": row.config.0.len(),
    })
}

impl Org {
    /// Every way to sign in and what is set for it; passwords are on unless somebody said otherwise.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub async fn auth_providers(&self) -> Result<Vec<(Provider, Option<AuthProvider>)>> {
        self.at_least(Role::Admin)?;
        let mut rows = self.tx().await?.auth_providers().await?;
        let of = |provider: &Provider| {
            let at = rows.iter().position(|row| row.provider == *provider);
            (*provider, at.map(|at| rows.swap_remove(at)))
        };
        Ok(Provider::ALL.iter().map(of).collect())
    }
    /// Sets a way to sign in.
    ///
    /// # Errors
    /// `Forbidden` below admin; `Invalid` naming the field; `Unavailable` when a secret is given and nothing seals it here.
    pub async fn set_auth_provider(&self, command: SetAuthProvider) -> Result<AuthProvider> {
        self.at_least(Role::Admin)?;
        self.put(|tx| self.put_auth_provider(tx, command.clone()).boxed()).await
    }

    async fn put_auth_provider(&self, mut tx: Box<dyn OrgTx>, command: SetAuthProvider) -> Result<AuthProvider> {
        let client_id = command.client_id.map(|id| text::optional("client_id", id, LONGEST)).transpose()?;
        let secret = command.client_secret.map(|secret| secret.filter(|secret| !secret.expose_secret().is_empty()));
        if secret.iter().flatten().any(|secret| secret.expose_secret().chars().count() > LONGEST) {
            return Err(Error::field("client_secret", format!("must have at most {LONGEST} characters")));
        }
        if command.config.as_ref().is_some_and(|config| json!(config).to_string().len() > LONGEST_CONFIG) {
            return Err(Error::field("config", format!("must have at most {LONGEST_CONFIG} bytes")));
        }
        let now = self.wib.now();
        let known = tx.auth_provider(command.provider).await?;
        let mut row = known.clone().unwrap_or_else(|| AuthProvider {
            id: self.wib.id(),
            provider: command.provider,
            enabled: command.provider == Provider::Credentials,
            client_id: None,
            has_secret: false,
            config: ProviderConfig::default(),
            created_at: now,
            updated_at: now,
        });
        row.enabled = command.enabled.unwrap_or(row.enabled);
        row.client_id = client_id.unwrap_or(row.client_id);
        row.config = command.config.map_or(row.config, ProviderConfig);
        row.updated_at = now;
        let name = format!("auth_provider.{}", row.provider);
        match &secret {
            Some(Some(secret)) => {
                self.seal_in(&mut *tx, &name, secret).await?;
                row.has_secret = true;
            }
            Some(None) => {
                if let Some(kept) = tx.secret_by_name(&name).await? {
                    tx.delete_secret(kept.id).await?;
                }
                row.has_secret = false;
            }
            None => {}
        }
        match &known {
            Some(_) => tx.update(&row).await?,
            None => tx.insert(&row).await?,
        }
        let line = self.audit("admin:auth_provider_updated", ("auth_provider", Some(row.id.uuid())));
        match &known {
            Some(known) => line.changed(&told(known), &told(&row)),
            None => line.is(&told(&row)),
        }
        .with(json!({"provider": row.provider, "secret_given": secret.is_some()}))
        .write(&mut *tx)
        .await;
        tx.commit().await?;
        Ok(row)
    }
}
