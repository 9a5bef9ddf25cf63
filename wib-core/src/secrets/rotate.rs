//! From older keys to the present one.

use serde_json::json;

use super::TenantSecret;
use crate::{
    audit::Line,
    kit::{Actor, Id, Result},
    orgs::OrganizationId,
    wib::System,
};

/// How many rows are sealed anew in one transaction.
const BATCH: i64 = 100;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Rows that are under the present key now.
    pub renewed: u64,
    /// Rows that no given key opens: they are left as they are.
    pub unreadable: Vec<Unreadable>,
}

/// A row that no given key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Whose.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl System {
    /// Seals every secret of every organisation under the present key. Rows that are under it already are passed over, so
    /// what was interrupted goes on where it stopped; secrets that are put meanwhile are not lost.
    ///
    /// # Errors
    /// `Unavailable` without a [`Vault`](super::Vault), and when the database does not answer.
    pub async fn rotate_secrets(&self) -> Result<Rotated> {
        let mut rotated = Rotated::default();
        self.wib.vault()?;
        let mut after = Id::from(uuid::Uuid::nil());
        loop {
            let mut tx = self.tx().await?;
            let organizations = tx.organizations_after(after, BATCH).await?;
            drop(tx);
            let Some(last) = organizations.last() else { return Ok(rotated) };
            after = *last;
            for organization in organizations {
                self.rotate_of(organization, &mut rotated).await?;
            }
        }
    }
    async fn rotate_of(&self, organization: OrganizationId, rotated: &mut Rotated) -> Result<()> {
        let vault = self.wib.vault()?;
        let mut after = Id::from(uuid::Uuid::nil());
        loop {
            let mut tx = self.wib.store.org(organization).await?;
            let rows = tx.secrets_not_under(vault.key_id(), after, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let mut renewed = 0u64;
            for row in rows {
                match vault.open(organization, &row) {
                    Ok(value) => {
                        let now = self.wib.now();
                        let row = TenantSecret { updated_at: now, ..row };
                        tx.update(&vault.seal(organization, row, &value, &*self.wib.random)?).await?;
                        renewed += 1;
                    }
                    Err(error) => rotated.unreadable.push(Unreadable {
                        organization_id: organization,
                        name: row.name,
                        reason: error.message().to_owned(),
                    }),
                }
            }
            let line =
                Line::by(&self.wib, Actor::System, "secret:rotated", ("organization", Some(organization.uuid())));
            line.with(json!({"key_id": vault.key_id(), "rows": renewed})).write(&mut *tx).await;
            tx.commit().await?;
            rotated.renewed += renewed;
        }
    }
}
