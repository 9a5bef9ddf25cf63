use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Consent, ConsentEvent, Preference, Source};
use crate::{
    calls::{Call, CallId},
    collections::{AccountId, Person, PersonId, subject},
    compliance::{ConsentScope, Medium, Wish},
    kit::{Error, Id, OrNotFound, Phone, Result, Role, text, time::Timestamp},
    store::{OrgTx, Repo},
    wib::Org,
};

/// Writes an event of the consent ledger down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordConsent {
    /// Whose; the account's person by default.
    #[serde(default)]
    pub person_id: Option<PersonId>,
    /// About which debt; every debt by default.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// For which number; every number by default.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// For which address; every address by default.
    #[serde(default)]
    pub email: Option<String>,
    /// For what.
    pub scope: ConsentScope,
    /// What happened.
    pub event: ConsentEvent,
    /// Whether it was in writing.
    #[serde(default)]
    pub written: bool,
    /// How it reached us.
    #[serde(default)]
    pub source: Source,
    /// What proves it, at most 500 characters.
    #[serde(default)]
    pub evidence: Option<String>,
    /// In which call.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// A member's note, at most 2000 characters.
    #[serde(default)]
    pub note: Option<String>,
    /// When it happened; now by default.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// When it ends by what the person said.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}
impl RecordConsent {
    /// An event about a scope, without more.
    #[must_use]
    pub const fn of(scope: ConsentScope, event: ConsentEvent) -> Self {
        let (person_id, account_id, phone, email) = (None, None, None, None);
        let (written, source, evidence, at, expires_at) = (false, Source::AgentEntry, None, None, None);
        let (call_id, note) = (None, None);
        Self {
            person_id,
            account_id,
            phone,
            email,
            scope,
            event,
            written,
            source,
            evidence,
            call_id,
            note,
            at,
            expires_at,
        }
    }
}

/// Takes consent back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RevokeConsent {
    /// Whose; the account's person by default.
    pub person_id: Option<PersonId>,
    /// About which debt; every debt by default.
    pub account_id: Option<AccountId>,
    /// For which number; every number by default.
    pub phone: Option<Phone>,
    /// For which address; every address by default.
    pub email: Option<String>,
    /// For what; for every way of being reached by default.
    pub scope: Option<ConsentScope>,
    /// Whether it was in writing.
    pub written: bool,
    /// How it reached us.
    pub source: Source,
    /// What proves it, at most 500 characters.
    pub evidence: Option<String>,
    /// In which call.
    pub call_id: Option<CallId>,
    /// Why, at most 2000 characters.
    pub note: Option<String>,
}

/// Writes down what a person asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordPreference {
    /// Whose.
    pub person_id: PersonId,
    /// At which number; every number by default.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// At which address; every address by default.
    #[serde(default)]
    pub email: Option<String>,
    /// By which medium; every one by default.
    #[serde(default)]
    pub medium: Option<Medium>,
    /// What.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub wish: Wish,
}

/// Every way of being reached.
pub(super) const REACH: [ConsentScope; 5] = [
    ConsentScope::Contact,
    ConsentScope::Autodialed,
    ConsentScope::ArtificialVoice,
    ConsentScope::Text,
    ConsentScope::Email,
];
/// The most of a person's that are looked through.
pub(super) const MOST: i64 = 1000;

/// The call, when one is named, is the organisation's.
async fn in_call(tx: &mut dyn OrgTx, id: Option<CallId>) -> Result<()> {
    if let Some(id) = id {
        Repo::<Call>::find(tx, id).await?.or_not_found("call")?;
    }
    Ok(())
}

impl Org {
    /// Adds an event to the consent ledger; it counts from the next verdict on.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn record_consent(&self, command: RecordConsent) -> Result<Consent> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let at = command.at.unwrap_or(now);
        if at > now {
            return Err(Error::field("at", "lies in the future"));
        }
        if command.expires_at.is_some_and(|end| end <= at) {
            return Err(Error::field("expires_at", "must be after the consent was given"));
        }
        let evidence = text::optional("evidence", command.evidence, 500)?;
        let email = text::email("email", command.email)?;
        let note = text::optional("note", command.note, 2000)?;
        let mut tx = self.tx().await?;
        in_call(&mut *tx, command.call_id).await?;
        let (person, _) = subject(&mut *tx, command.person_id, command.account_id).await?;
        let consent = Consent {
            id: self.wib.id(),
            person_id: person.id,
            account_id: command.account_id,
            phone: command.phone,
            email,
            scope: command.scope,
            event: command.event,
            written: command.written || command.event == ConsentEvent::Written,
            source: command.source,
            evidence,
            call_id: command.call_id,
            note,
            at,
            expires_at: command.expires_at,
            recorded_by: self.actor().user(),
            created_at: now,
        };
        tx.insert(&consent).await?;
        let about = ("consent", Some(consent.id.uuid()));
        self.audit_change("consent:recorded", about, None, Some(json!(consent))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(consent)
    }

    /// Takes consent back: from one scope, or from every way of being reached. It counts from the next verdict on, also
    /// for a call that was asked for and is not dialled yet.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn revoke_consent(&self, command: RevokeConsent) -> Result<Vec<Consent>> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let evidence = text::optional("evidence", command.evidence, 500)?;
        let email = text::email("email", command.email)?;
        let note = text::optional("note", command.note, 2000)?;
        let mut tx = self.tx().await?;
        in_call(&mut *tx, command.call_id).await?;
        let (person, _) = subject(&mut *tx, command.person_id, command.account_id).await?;
        let mut revoked = Vec::new();
        for scope in command.scope.map_or(REACH.to_vec(), |one| vec![one]) {
            let consent = Consent {
                id: self.wib.id(),
                person_id: person.id,
                account_id: command.account_id,
                phone: command.phone.clone(),
                email: email.clone(),
                scope,
                event: ConsentEvent::Revoked,
                written: command.written,
                source: command.source,
                evidence: evidence.clone(),
                call_id: command.call_id,
                note: note.clone(),
                at: now,
                expires_at: None,
                recorded_by: self.actor().user(),
                created_at: now,
            };
            tx.insert(&consent).await?;
            revoked.push(consent);
        }
        let about = ("person", Some(person.id.uuid()));
        self.audit_change("consent:revoked", about, None, Some(json!(revoked))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(revoked)
    }

    /// Keeps what a person asked for; it counts from the next verdict on. A wish that holds already is answered as it is.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn record_preference(&self, command: RecordPreference) -> Result<Preference> {
        self.at_least(Role::Agent)?;
        if let Wish::NotDuring { days, .. } = &command.wish
            && days.len() > 7
        {
            return Err(Error::field("wish.days", "has more days than a week"));
        }
        let email = text::email("email", command.email)?;
        let mut tx = self.tx().await?;
        let person = tx.lock_person(command.person_id).await?.or_not_found("person")?;
        let known = tx.preferences(person.id, MOST).await?;
        let same = |p: &Preference| {
            p.ended_at.is_none()
                && (&p.phone, &p.email, p.medium, &p.wish) == (&command.phone, &email, command.medium, &command.wish)
        };
        if let Some(known) = known.into_iter().find(same) {
            return Ok(known);
        }
        let now = self.wib.now();
        let preference = Preference {
            id: self.wib.id(),
            person_id: person.id,
            phone: command.phone,
            email,
            medium: command.medium,
            wish: command.wish,
            since: now,
            ended_at: None,
            recorded_by: self.actor().user(),
            created_at: now,
        };
        tx.insert(&preference).await?;
        let about = ("preference", Some(preference.id.uuid()));
        self.audit_change("consent:preference_recorded", about, None, Some(json!(preference))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(preference)
    }

    /// Keeps that a person took a wish back.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below compliance.
    pub async fn end_preference(&self, id: Id<Preference>) -> Result<Preference> {
        self.at_least(Role::Compliance)?;
        let mut tx = self.tx().await?;
        let found: Preference = Repo::find(&mut *tx, id).await?.or_not_found("preference")?;
        tx.lock_person(found.person_id).await?;
        let mut preference: Preference = Repo::find(&mut *tx, id).await?.or_not_found("preference")?;
        if preference.ended_at.is_some() {
            return Ok(preference);
        }
        let old = json!(preference);
        preference.ended_at = Some(self.wib.now());
        tx.update(&preference).await?;
        let about = ("preference", Some(id.uuid()));
        self.audit_change("consent:preference_ended", about, Some(old), Some(json!(preference))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(preference)
    }

    /// A person's consent ledger, newest first, the last thousand events.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn consents(&self, person: PersonId) -> Result<Vec<Consent>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Person>::find(&mut *tx, person).await?.or_not_found("person")?;
        tx.consents(person, MOST).await
    }

    /// A person's preferences, newest first, those that were taken back among them.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn preferences(&self, person: PersonId) -> Result<Vec<Preference>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Person>::find(&mut *tx, person).await?.or_not_found("person")?;
        tx.preferences(person, MOST).await
    }
}
