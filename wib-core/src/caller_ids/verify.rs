//! Proving that a number is the organisation's: a code that is given to whoever answers it.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::{
    auth::UserId,
    kit::{Error, Id, OrNotFound, Phone, Result, Role, SecretString, canonical, text, time, time::Timestamp},
    store::{Record, Repo},
    text_enum,
    wib::Org,
};

/// How long a code is good.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// How often a code may be guessed.
const GUESSES: i64 = 5;
/// The most caller ids that are listed.
const MOST: i64 = 1000;

text_enum! {
    /// How the proof of a number stands.
    pub enum CallerIdStatus {
        /// A code is on its way.
        Pending = "pending",
        /// The code came back: calls may show the number.
        Verified = "verified",
    }
}

/// A number of the organisation that is not at the voice vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallerId {
    /// Its id.
    pub id: Id<CallerId>,
    /// The number; once per organisation.
    pub phone: Phone,
    /// What people call it.
    pub label: Option<String>,
    /// How its proof stands.
    pub status: CallerIdStatus,
    /// What the code hashes to, while it is pending.
    #[serde(skip)]
    pub code_hash: Option<String>,
    /// Wrong guesses.
    pub attempts: i64,
    /// Until when the code is good.
    pub expires_at: Option<Timestamp>,
    /// Since when it is proven.
    pub verified_at: Option<Timestamp>,
    /// Who asked.
    pub created_by: Option<UserId>,
    /// When it was first asked for.
    pub created_at: Timestamp,
}
impl Record for CallerId {
    const NAME: &'static str = "caller id";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Asks for the proof of a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartCallerId {
    /// The number.
    pub phone: Phone,
    /// What people call it.
    #[serde(default)]
    pub label: Option<String>,
}

/// A proof that is under way.
#[derive(Clone, Debug)]
pub struct PendingCallerId {
    /// The number.
    pub caller_id: CallerId,
    /// For whoever sends it to the number; never for who asked.
    pub code: SecretString,
}

/// Gives a code back.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfirmCallerId {
    /// The number.
    pub phone: Phone,
    /// The six digits.
    pub code: String,
}

fn hash(id: Id<CallerId>, code: &str) -> String {
    canonical::sha256(format!("{id}:{}", code.trim()).as_bytes())
}

impl Org {
    /// Begins to prove that a number is the organisation's: a code of six digits, good for ten minutes and five guesses.
    /// Asked again, another code takes its place.
    ///
    /// # Errors
    /// `Conflict` when it is proven; `Invalid` naming the field; `Forbidden` below agent.
    pub async fn start_caller_id(&self, command: StartCallerId) -> Result<PendingCallerId> {
        self.at_least(Role::Agent)?;
        let label = text::optional("label", command.label, 100)?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let known = tx.caller_id(&command.phone).await?;
        if known.as_ref().is_some_and(|c| c.status == CallerIdStatus::Verified) {
            return Err(Error::conflict("the number is verified already"));
        }
        let id = known.as_ref().map_or_else(|| self.wib.id(), |c| c.id);
        let code = SecretString::from(format!("{:06}", self.wib.random().below(1_000_000)));
        let caller_id = CallerId {
            id,
            phone: command.phone,
            label: label.or_else(|| known.as_ref().and_then(|c| c.label.clone())),
            status: CallerIdStatus::Pending,
            code_hash: Some(hash(id, code.expose_secret())),
            attempts: 0,
            expires_at: Some(time::after(now, GOOD_FOR)),
            verified_at: None,
            created_by: self.actor().user(),
            created_at: known.as_ref().map_or(now, |c| c.created_at),
        };
        match known {
            Some(_) => tx.update(&caller_id).await?,
            None => tx.insert(&caller_id).await?,
        }
        let line = self.audit("caller_id:verification_initiated", ("caller_id", Some(id.uuid())));
        line.is(&caller_id).write(&mut *tx).await;
        tx.commit().await?;
        Ok(PendingCallerId { caller_id, code })
    }

    /// Takes the code that was sent to the number: from then on calls may show it. A wrong one counts.
    ///
    /// # Errors
    /// `NotFound` when no proof of it is under way; `Invalid` for a wrong code; `Gone` with the code `CODE_EXPIRED` when it
    /// came too late or too many were wrong; `Forbidden` below agent.
    pub async fn confirm_caller_id(&self, command: ConfirmCallerId) -> Result<CallerId> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let known = tx.caller_id(&command.phone).await?.filter(|c| c.status == CallerIdStatus::Pending);
        let mut caller_id = known.or_not_found("caller id under way")?;
        let wanted = caller_id.code_hash.clone().unwrap_or_default();
        if caller_id.attempts >= GUESSES || caller_id.expires_at.is_none_or(|end| now >= end) {
            return Err(Error::new(
                crate::kit::Kind::Gone,
                "CODE_EXPIRED",
                "the code is no longer good: ask for another one",
            ));
        }
        let given = hash(caller_id.id, &command.code);
        if !bool::from(wanted.as_bytes().ct_eq(given.as_bytes())) {
            caller_id.attempts += 1;
            tx.update(&caller_id).await?;
            tx.commit().await?;
            return Err(Error::field("code", "is not the one that was sent"));
        }
        let before = caller_id.clone();
        caller_id.status = CallerIdStatus::Verified;
        caller_id.verified_at = Some(now);
        (caller_id.code_hash, caller_id.expires_at) = (None, None);
        tx.update(&caller_id).await?;
        let line = self.audit("caller_id:verified", ("caller_id", Some(caller_id.id.uuid())));
        line.changed(&before, &caller_id).write(&mut *tx).await;
        tx.commit().await?;
        Ok(caller_id)
    }

    /// Numbers that were proven or are being, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn caller_ids(&self) -> Result<Vec<CallerId>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.caller_ids(MOST).await
    }

    /// Forgets a number: no call may show it any more.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below operator.
    pub async fn delete_caller_id(&self, id: Id<CallerId>) -> Result<()> {
        self.at_least(Role::Operator)?;
        let mut tx = self.tx().await?;
        let caller_id: CallerId = Repo::find(&mut *tx, id).await?.or_not_found("caller id")?;
        tx.delete_caller_id(id).await?;
        let line = self.audit("caller_id:deleted", ("caller_id", Some(id.uuid())));
        line.was(&caller_id).write(&mut *tx).await;
        tx.commit().await
    }
}
