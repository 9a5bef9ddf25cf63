//! Putting, reading, deleting.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{TenantSecret, Vault, named};
use crate::{
    kit::{Error, ExposeSecret, OrNotFound, Result, Role, SecretString, time::Timestamp},
    store::{OrgTx, Record},
    wib::{Org, Wib},
};

/// The most bytes of a value.
const LONGEST: usize = 16 << 10;
/// The most secrets of an organisation.
const MOST: i64 = 1000;

/// That there is a secret; never what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretNote {
    /// What it is called.
    pub name: String,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When it was last put or sealed anew.
    pub updated_at: Timestamp,
}
impl From<&TenantSecret> for SecretNote {
    fn from(row: &TenantSecret) -> Self {
        Self { name: row.name.clone(), created_at: row.created_at, updated_at: row.updated_at }
    }
}

impl Wib {
    pub(crate) fn vault(&self) -> Result<&Vault> {
        self.vault.as_ref().ok_or_else(|| Error::unavailable("no key for secrets is given"))
    }
}

impl Org {
    /// Keeps a secret under a name, in place of the one that was there.
    ///
    /// # Errors
    /// `Forbidden` below admin; `Invalid` when the name is none, or the value is empty or longer than 16 KiB;
    /// `QuotaExceeded` from 1000 on; `Unavailable` without a [`Vault`].
    pub async fn put_secret(&self, name: &str, value: SecretString) -> Result<SecretNote> {
        self.at_least(Role::Admin)?;
        named(name)?;
        if !(1..=LONGEST).contains(&value.expose_secret().len()) {
            return Err(Error::field("value", "must have 1 to 16384 bytes"));
        }
        let mut tx = self.tx().await?;
        tx.lock_count_of(TenantSecret::NAME).await?;
        let (row, replaced) = self.seal_in(&mut *tx, name, &value).await?;
        if !replaced && i64::try_from(tx.secrets(MOST + 1).await?.len()).is_ok_and(|count| count > MOST) {
            return Err(Error::new(crate::kit::Kind::QuotaExceeded, "QUOTA_EXCEEDED", "too many secrets"));
        }
        let line = self.audit("secret:put", ("secret", Some(row.id.uuid())));
        line.with(json!({"called": name, "replaced": replaced})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(SecretNote::from(&row))
    }
    /// Keeps a secret with a transaction, whatever their number; whether there was one of that name.
    pub(crate) async fn seal_in(
        &self,
        tx: &mut dyn OrgTx,
        name: &str,
        value: &SecretString,
    ) -> Result<(TenantSecret, bool)> {
        let vault = self.wib.vault()?;
        let known = tx.secret_by_name(name).await?;
        let now = self.wib.now();
        let row = known.clone().unwrap_or_else(|| TenantSecret {
            id: self.wib.id(),
            name: name.to_owned(),
            key_id: String::new(),
            nonce: vec![],
            sealed: vec![],
            created_at: now,
            updated_at: now,
        });
        let row = vault.seal(self.id(), TenantSecret { updated_at: now, ..row }, value, &*self.wib.random)?;
        if known.is_some() {
            tx.update(&row).await?;
        } else {
            tx.insert(&row).await?;
        }
        Ok((row, known.is_some()))
    }
    /// The value of a secret.
    ///
    /// # Errors
    /// `Forbidden` below admin; `NotFound`; `Internal` when its row was changed or moved, or its key is not given;
    /// `Unavailable` without a [`Vault`].
    pub async fn secret(&self, name: &str) -> Result<SecretString> {
        self.at_least(Role::Admin)?;
        let vault = self.wib.vault()?;
        let mut tx = self.tx().await?;
        let row = tx.secret_by_name(name).await?.or_not_found("secret")?;
        let value = vault.open(self.id(), &row);
        let line = self.audit("secret:read", ("secret", Some(row.id.uuid())));
        line.with(json!({"called": row.name, "opened": value.is_ok()})).write(&mut *tx).await;
        tx.commit().await?;
        value
    }
    /// Forgets a secret.
    ///
    /// # Errors
    /// `Forbidden` below admin; `NotFound`.
    pub async fn delete_secret(&self, name: &str) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let row = tx.secret_by_name(name).await?.or_not_found("secret")?;
        tx.delete_secret(row.id).await?;
        let line = self.audit("secret:deleted", ("secret", Some(row.id.uuid())));
        line.with(json!({"called": row.name})).write(&mut *tx).await;
        tx.commit().await
    }
    /// What secrets there are, by name.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub async fn list_secrets(&self) -> Result<Vec<SecretNote>> {
        self.at_least(Role::Admin)?;
        Ok(self.tx().await?.secrets(MOST).await?.iter().map(SecretNote::from).collect())
    }
}
