use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Consent, ConsentEvent, Preference, Source, means_stop,
    record::{MOST, REACH},
};
use crate::{
    collections::{Person, PersonId, Suppression},
    compliance::{ConsentScope, ListKind, Medium, Wish},
    kit::{Error, OrNotFound, Phone, Result, Role, text, time::Timestamp},
    store::OrgTx,
    wib::Org,
};

/// Somebody said or wrote something that may ask us to stop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OptOut {
    /// Who; everybody with the number by default.
    pub person_id: Option<PersonId>,
    /// From which number; without it the person is not reached at any.
    pub phone: Option<Phone>,
    /// The words, at most 20,000 characters; more is not read.
    pub text: String,
    /// How they reached us.
    pub source: Source,
    /// What proves it, at most 500 characters.
    pub evidence: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OptedOut {
    /// Whether the words ask us to stop; nothing was written otherwise.
    pub understood: bool,
    /// Whose consent was taken back.
    pub persons: Vec<PersonId>,
    /// From when on it holds.
    pub at: Timestamp,
}

/// More persons than that do not share a number.
const SHARERS: i64 = 100;

impl Org {
    /// Takes a request to stop, in whatever words: consent is revoked, the number is suppressed or the person marked, and
    /// preferences say so, in one transaction. It holds for the next verdict, also for that of a call that was asked for
    /// and is not dialled yet (47 CFR 64.1200(a)(10) gives ten business days; we take none).
    ///
    /// # Errors
    /// `Invalid` without person and number; `NotFound`; `Conflict` when more than a hundred persons share the number;
    /// `Forbidden` below agent.
    pub async fn opt_out(&self, command: OptOut) -> Result<OptedOut> {
        self.at_least(Role::Agent)?;
        let at = self.wib.now();
        if command.person_id.is_none() && command.phone.is_none() {
            return Err(Error::field("phone", "is required when no person_id is given"));
        }
        let evidence = text::optional("evidence", command.evidence.clone(), 500)?;
        let mut tx = self.tx().await?;
        let persons = match (command.person_id, &command.phone) {
            (Some(id), _) => vec![id],
            (None, Some(phone)) => tx.persons_by_phone(phone, SHARERS + 1).await?,
            (None, None) => vec![],
        };
        if persons.len() > usize::try_from(SHARERS).unwrap_or(usize::MAX) {
            return Err(Error::conflict("more than a hundred persons have this number"));
        }
        if !means_stop(&command.text) {
            return Ok(OptedOut { understood: false, persons: vec![], at });
        }
        self.honour(&mut *tx, &command, &persons, evidence.as_deref()).await?;
        tx.commit().await?;
        metrics::counter!("wib_opt_outs_total").increment(1);
        Ok(OptedOut { understood: true, persons, at })
    }

    /// Writes what follows from a request to stop, inside a transaction.
    pub(crate) async fn honour(
        &self,
        tx: &mut dyn OrgTx,
        command: &OptOut,
        persons: &[PersonId],
        evidence: Option<&str>,
    ) -> Result<()> {
        let at = self.wib.now();
        // In the order of their ids, so that two requests do not wait for each other.
        for id in persons {
            let person = tx.lock_person(*id).await?.or_not_found("person")?;
            self.stop(tx, person, command, evidence).await?;
        }
        let line = self.audit("consent:opted_out", ("person", persons.first().map(|id| id.uuid())));
        let mut told = json!({"source": command.source, "evidence": evidence});
        if let Some(phone) = &command.phone {
            if tx.suppression(phone).await?.is_none() {
                let (phone, source) = (phone.clone(), command.source.to_string());
                let row = Suppression {
                    id: self.wib.id(),
                    phone,
                    list: ListKind::Internal,
                    source,
                    reason: None,
                    added_by: self.actor().user(),
                    created_at: at,
                };
                tx.insert(&row).await?;
                let about = ("suppression", Some(row.id.uuid()));
                self.audit_change("dnc:created", about, None, Some(json!(row))).write(&mut *tx).await;
            }
            told["number"] = json!(phone.masked());
        }
        line.is(&json!({"persons": persons})).with(told).write(tx).await;
        Ok(())
    }

    async fn stop(
        &self,
        tx: &mut dyn OrgTx,
        mut person: Person,
        command: &OptOut,
        evidence: Option<&str>,
    ) -> Result<()> {
        let (now, phone) = (self.wib.now(), &command.phone);
        // A number has no mail.
        for scope in REACH.into_iter().filter(|s| phone.is_none() || *s != ConsentScope::Email) {
            tx.insert(&Consent {
                id: self.wib.id(),
                person_id: person.id,
                account_id: None,
                phone: phone.clone(),
                email: None,
                scope,
                event: ConsentEvent::Revoked,
                written: matches!(command.source, Source::WrittenLetter | Source::WebForm),
                source: command.source,
                evidence: evidence.map(ToOwned::to_owned),
                call_id: None,
                note: None,
                at: now,
                expires_at: None,
                recorded_by: self.actor().user(),
                created_at: now,
            })
            .await?;
        }
        let known = tx.preferences(person.id, MOST).await?;
        let media: &[_] =
            if phone.is_some() { &[Medium::Call, Medium::Text] } else { &[Medium::Call, Medium::Text, Medium::Email] };
        for medium in media.iter().copied().map(Some) {
            let holds = |p: &Preference| {
                p.ended_at.is_none() && p.wish == Wish::NoMedium && (&p.phone, p.medium) == (phone, medium)
            };
            if !known.iter().any(holds) {
                tx.insert(&Preference {
                    id: self.wib.id(),
                    person_id: person.id,
                    phone: phone.clone(),
                    email: None,
                    medium,
                    wish: Wish::NoMedium,
                    since: now,
                    ended_at: None,
                    recorded_by: self.actor().user(),
                    created_at: now,
                })
                .await?;
            }
        }
        if phone.is_none() && !person.do_not_call {
            person.do_not_call = true;
            tx.update(&person).await?;
        }
        Ok(())
    }
}
