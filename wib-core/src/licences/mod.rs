//! Licences to collect, by region.

use serde::{Deserialize, Serialize};

use crate::{
    kit::{Error, Id, OrNotFound, Result, Role, time::Timestamp},
    store::{Record, Repo},
    wib::Org,
};

/// A licence to collect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Licence {
    /// Its id.
    pub id: Id<Licence>,
    /// Where (`US-CA`).
    pub region: String,
    /// The authority's number.
    pub number: String,
    /// Its first instant.
    pub from_at: Timestamp,
    /// The first instant after it; none while it has no end.
    pub until_at: Option<Timestamp>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for Licence {
    const NAME: &'static str = "licence";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Writes a licence down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordLicence {
    /// Where (`US-CA`).
    pub region: String,
    /// The authority's number, 1 to 100 characters.
    pub number: String,
    /// Its first instant.
    pub from_at: Timestamp,
    /// The first instant after it.
    #[serde(default)]
    pub until_at: Option<Timestamp>,
}

/// The most licences an organisation may have: the gate reads all of them.
pub(crate) const MOST: i64 = 500;

impl Org {
    /// Writes a licence to collect down; it counts from the next verdict on.
    ///
    /// # Errors
    /// `Invalid` naming the fields; `Conflict` when it is known; `Forbidden` below compliance.
    pub async fn record_licence(&self, command: RecordLicence) -> Result<Licence> {
        self.at_least(Role::Compliance)?;
        let region = command.region.trim().to_uppercase();
        let parts: Vec<_> = region.split('-').collect();
        let fits = |p: &&str| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(fits) {
            return Err(Error::field("region", "is not a region such as US-CA"));
        }
        let number = command.number.trim().to_owned();
        if number.is_empty() || number.chars().count() > 100 {
            return Err(Error::field("number", "must have 1 to 100 characters"));
        }
        if command.until_at.is_some_and(|until| until <= command.from_at) {
            return Err(Error::field("until_at", "must be after from_at"));
        }
        let mut tx = self.tx().await?;
        tx.lock_count_of(Licence::NAME).await?;
        if i64::try_from(tx.licences(MOST).await?.len()).unwrap_or(MOST) >= MOST {
            return Err(Error::conflict(format!("there are {MOST} licences already")));
        }
        let now = self.wib.now();
        let (from_at, until_at) = (command.from_at, command.until_at);
        let licence = Licence { id: self.wib.id(), region, number, from_at, until_at, created_at: now };
        tx.insert(&licence).await?;
        let line = self.audit("compliance:licence_recorded", ("licence", Some(licence.id.uuid())));
        line.is(&licence).write(&mut *tx).await;
        tx.commit().await?;
        Ok(licence)
    }
    /// Ends a licence: from `at` on it is none.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when it would end before it began; `Forbidden` below compliance.
    pub async fn end_licence(&self, id: Id<Licence>, at: Timestamp) -> Result<Licence> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let mut licence: Licence = Repo::find(&mut *tx, id).await?.or_not_found("licence")?;
        if at <= licence.from_at {
            return Err(Error::field("at", "must be after the licence began"));
        }
        let before = licence.clone();
        licence.until_at = Some(at);
        tx.update(&licence).await?;
        let line = self.audit("compliance:licence_ended", ("licence", Some(id.uuid())));
        line.changed(&before, &licence).write(&mut *tx).await;
        tx.commit().await?;
        Ok(licence)
    }
    /// The organisation's licences, by region.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn licences(&self) -> Result<Vec<Licence>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.licences(MOST).await
    }
}
