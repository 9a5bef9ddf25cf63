use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Circumstance, CircumstanceId};
use crate::{
    collections::{Account, AccountId, PersonId, subject},
    compliance::CircumstanceKind,
    consent::Source,
    kit::{Error, OrNotFound, Phone, Result, Role, text, time::Timestamp},
    store::Repo,
    wib::Org,
};

/// Writes a circumstance down: of a person, or of one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordCircumstance {
    /// Whose.
    #[serde(default)]
    pub person_id: Option<PersonId>,
    /// Of which debt; every debt of the person by default.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// Of which number; every number by default. Required for a wrong number.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// What.
    pub kind: CircumstanceKind,
    /// Since when; now by default.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// How it reached us.
    #[serde(default)]
    pub source: Source,
    /// A note of at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
}
impl RecordCircumstance {
    /// A circumstance of that kind, without more.
    #[must_use]
    pub const fn of(kind: CircumstanceKind) -> Self {
        let (person_id, account_id, phone) = (None, None, None);
        Self { person_id, account_id, phone, kind, since: None, source: Source::AgentEntry, note: None }
    }
}

/// The most of a person's that are looked through.
const MOST: i64 = 1000;

impl Org {
    /// Keeps that a circumstance holds; it counts from the next verdict on. One that holds already is answered as it is.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn record_circumstance(&self, command: RecordCircumstance) -> Result<Circumstance> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let since = command.since.unwrap_or(now);
        if since > now {
            return Err(Error::field("since", "lies in the future"));
        }
        if command.kind == CircumstanceKind::WrongNumber && command.phone.is_none() {
            return Err(Error::field("phone", "is required for a wrong number"));
        }
        let note = text::optional("note", command.note, 2000)?;
        let mut tx = self.tx().await?;
        let (person, _) = subject(&mut *tx, command.person_id, command.account_id).await?;
        let known = tx.circumstances(person.id, MOST).await?;
        let same = |c: &Circumstance| {
            (c.kind, c.account_id, &c.phone) == (command.kind, command.account_id, &command.phone)
                && c.ended_at.is_none()
        };
        if let Some(known) = known.into_iter().find(same) {
            return Ok(known);
        }
        let circumstance = Circumstance {
            id: self.wib.id(),
            person_id: person.id,
            account_id: command.account_id,
            phone: command.phone,
            kind: command.kind,
            since,
            source: command.source,
            note,
            ended_at: None,
            recorded_by: self.actor().user(),
            created_at: now,
        };
        tx.insert(&circumstance).await?;
        let about = ("circumstance", Some(circumstance.id.uuid()));
        self.audit_change("compliance:circumstance_recorded", about, None, Some(json!(circumstance)))
            .write(&mut *tx)
            .await;
        tx.commit().await?;
        Ok(circumstance)
    }

    /// Keeps that a circumstance is over: the person took a request back, a stay was lifted. Over is over: a second time
    /// changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below compliance.
    pub async fn end_circumstance(&self, id: CircumstanceId) -> Result<Circumstance> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let found: Circumstance = Repo::find(&mut *tx, id).await?.or_not_found("circumstance")?;
        tx.lock_person(found.person_id).await?;
        let mut circumstance: Circumstance = Repo::find(&mut *tx, id).await?.or_not_found("circumstance")?;
        if circumstance.ended_at.is_some() {
            return Ok(circumstance);
        }
        let old = json!(circumstance);
        circumstance.ended_at = Some(self.wib.now());
        tx.update(&circumstance).await?;
        let about = ("circumstance", Some(id.uuid()));
        let new = Some(json!(circumstance));
        self.audit_change("compliance:circumstance_ended", about, Some(old), new).write(&mut *tx).await;
        tx.commit().await?;
        Ok(circumstance)
    }

    /// Keeps that a person wants no more communication about a debt (12 CFR 1006.6(c)).
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn cease(&self, id: AccountId) -> Result<Account> {
        let kind = CircumstanceKind::Cease;
        self.record_circumstance(RecordCircumstance { account_id: Some(id), ..RecordCircumstance::of(kind) }).await?;
        Repo::find(&mut *self.tx().await?, id).await?.or_not_found("account")
    }

    /// A person's circumstances, newest first, those that are over among them.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn circumstances(&self, person: PersonId) -> Result<Vec<Circumstance>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<crate::collections::Person>::find(&mut *tx, person).await?.or_not_found("person")?;
        tx.circumstances(person, MOST).await
    }
}
