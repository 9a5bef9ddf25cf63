use serde::{Deserialize, Serialize};

use super::Suppression;
use crate::{
    compliance::ListKind,
    kit::{Id, List, OrNotFound, Phone, Result, Role, Stretch, text},
    store::Repo,
    wib::Org,
};

/// Puts a number on the do-not-call list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListNumber {
    /// The number.
    pub phone_number: Phone,
    /// Why, at most 500 characters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    pub reason: Option<String>,
    /// Who or what put it there, at most 100 characters; `manual` by default.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub source: Option<String>,
}
impl ListNumber {
    /// That number, without more.
    #[must_use]
    pub const fn of(phone_number: Phone) -> Self {
        Self { phone_number, reason: None, source: None }
    }
}

/// Lists numbers that are not called, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListSuppressions {
    /// A part of the number, or of the reason, at most 100 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub search: Option<String>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

impl Org {
    /// Puts a number on the do-not-call list; it counts from the next verdict on. A number that is on it stays as it is.
    /// The row, and whether it is new.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Forbidden` below agent.
    pub async fn suppress(&self, command: ListNumber) -> Result<(Suppression, bool)> {
        self.at_least(Role::Agent)?;
        let reason = text::optional("reason", command.reason, 500)?;
        let source = text::optional("source", command.source, 100)?.unwrap_or_else(|| "manual".to_owned());
        let phone = command.phone_number;
        let mut tx = self.tx().await?;
        if let Some(known) = tx.suppression(&phone).await? {
            return Ok((known, false));
        }
        let row = Suppression {
            id: self.wib.id(),
            phone,
            list: ListKind::Internal,
            source,
            reason,
            added_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        tx.insert(&row).await?;
        self.audit("dnc:created", ("suppression", Some(row.id.uuid()))).is(&row).write(&mut *tx).await;
        tx.commit().await?;
        Ok((row, true))
    }

    /// Takes a number off the do-not-call list. What its owner asked for besides stays.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below compliance.
    pub async fn unsuppress(&self, id: Id<Suppression>) -> Result<Suppression> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let row: Suppression = Repo::find(&mut *tx, id).await?.or_not_found("entry")?;
        tx.unsuppress(&row.phone).await?;
        self.audit("dnc:deleted", ("suppression", Some(id.uuid()))).was(&row).write(&mut *tx).await;
        tx.commit().await?;
        Ok(row)
    }

    /// Numbers that are not called, newest first.
    ///
    /// # Errors
    /// `Invalid` for a search that is too long.
    pub async fn list_suppressions(&self, query: ListSuppressions) -> Result<List<Suppression>> {
        self.at_least(Role::Viewer)?;
        let words = text::optional("search", query.search, 100)?;
        let stretch = Stretch::new(query.limit, query.offset, 50, 200);
        self.tx().await?.list_suppressions(words.as_deref(), stretch).await
    }
}
