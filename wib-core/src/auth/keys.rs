//! Keys of machines: told once, kept as a hash.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{UserId, sign_in::sha256};
use crate::{
    audit::Line,
    json_column,
    kit::{Actor, Error, Id, OrNotFound, Result, Role, text, time::Timestamp},
    orgs::OrganizationId,
    store::{Record, Repo},
    wib::{Org, System},
};

/// Most keys of an organisation that are good at a time.
const MOST: i64 = 50;
/// Most keys that are listed, those that are no longer good among them.
const LISTED: i64 = 200;
/// Most permissions of a key.
const PERMISSIONS: usize = 50;

/// The id of a key.
pub type ApiKeyId = Id<ApiKey>;

/// What a key may, each as `resource:action`, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(pub Vec<String>);
json_column!(Permissions);

/// A key of a machine. Only its SHA-256 is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// How it begins, to tell it from others.
    pub prefix: String,
    /// SHA-256 of the key, hex.
    pub key_hash: String,
    /// What it may.
    pub permissions: Permissions,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last good for something.
    pub last_used_at: Option<Timestamp>,
}
impl Record for ApiKey {
    const NAME: &'static str = "API key";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Makes a key.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateApiKey {
    /// What it is for, 1 to 100 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub name: String,
    /// What it may, each as `resource:action`; at most 50.
    #[cfg_attr(feature = "schema", schemars(length(max = 50), inner(length(min = 3, max = 101))))]
    pub permissions: Vec<String>,
    /// When it ends; never by default.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Debug)]
pub struct NewApiKey {
    /// Its row.
    pub row: ApiKey,
    /// The key itself, told once.
    pub key: SecretString,
}

/// Whose a good key is, and what it may.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// What the key may.
    pub permissions: Vec<String>,
}

fn is_permission(text: &str) -> bool {
    let word = |word: &str| {
        (1..=50).contains(&word.len()) && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split_once(':').is_some_and(|(resource, action)| word(resource) && word(action))
}

impl Org {
    /// Makes a key for machines. It is told once.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` when 50 are good already; `Forbidden` below admin.
    pub async fn create_api_key(&self, command: CreateApiKey) -> Result<NewApiKey> {
        self.at_least(Role::Admin)?;
        let now = self.wib.now();
        let name = text::required("name", &command.name, 100)?;
        if command.permissions.len() > PERMISSIONS || !command.permissions.iter().all(|p| is_permission(p)) {
            return Err(Error::field("permissions", format!("must be {PERMISSIONS} at most, each `resource:action`")));
        }
        if command.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::field("expires_at", "must be in the future"));
        }
        let key = format!("wib_{}", self.wib.random().token());
        let row = ApiKey {
            id: self.wib.id(),
            name,
            prefix: key[..12].to_owned(),
            key_hash: sha256(&key),
            permissions: Permissions(command.permissions),
            created_by: self.actor().user(),
            created_at: now,
            expires_at: command.expires_at.map(crate::kit::time::microseconds),
            revoked_at: None,
            last_used_at: None,
        };
        let mut tx = self.tx().await?;
        // Whoever counts holds the owners.
        tx.lock_owners().await?;
        if tx.count_api_keys(now).await? >= MOST {
            return Err(Error::conflict(format!("there are {MOST} keys already")));
        }
        tx.insert(&row).await?;
        let told = json!({ "permissions": row.permissions, "expires_at": row.expires_at });
        self.audit("auth:api_key_created", ("api_key", Some(row.id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(NewApiKey { row, key: key.into() })
    }
    /// The organisation's keys, the newest first, those that are no longer good among them; at most 200.
    ///
    /// # Errors
    /// `Forbidden` below admin; when the database does not answer.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.at_least(Role::Admin)?;
        self.tx().await?.api_keys(LISTED).await
    }
    /// Takes a key back. One that was taken back stays so.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below admin.
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let row: ApiKey = Repo::<ApiKey>::find(&mut *tx, id).await?.or_not_found("API key")?;
        if row.revoked_at.is_some() {
            return Ok(());
        }
        tx.update(&ApiKey { revoked_at: Some(self.wib.now()), ..row }).await?;
        self.audit("auth:api_key_revoked", ("api_key", Some(id.uuid()))).write(&mut *tx).await;
        tx.commit().await
    }
}

impl System {
    /// Whose a key is, when it is good.
    ///
    /// # Errors
    /// `Invalid` for a text that is none; when the database does not answer.
    pub async fn validate_api_key(&self, key: &str) -> Result<Option<KnownKey>> {
        if !(1..=10_000).contains(&key.chars().count()) {
            return Err(Error::field("apiKey", "must have 1 to 10000 characters"));
        }
        let now = self.wib.now();
        let Some((organization, row)) = self.tx().await?.api_key_by_hash(&sha256(key)).await? else { return Ok(None) };
        let mut tx = self.wib.store.org(organization).await?;
        // Read again: it may have been taken back since.
        let Some(row) = Repo::<ApiKey>::find(&mut *tx, row.id).await? else { return Ok(None) };
        if row.revoked_at.is_some() || row.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        let known = KnownKey {
            organization_id: organization,
            organization_name: tx.organization().await?.name,
            permissions: row.permissions.0.clone(),
        };
        let about = ("api_key", Some(row.id.uuid()));
        tx.update(&ApiKey { last_used_at: Some(now), ..row }).await?;
        Line::by(&self.wib, Actor::Automation, "auth:api_key_validated", about).write(&mut *tx).await;
        tx.commit().await?;
        Ok(Some(known))
    }
}
