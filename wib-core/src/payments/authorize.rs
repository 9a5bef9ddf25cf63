use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AuthorizationForm, PaymentAuthorization};
use crate::{
    calls::{Call, CallId},
    collections::{Account, AccountId},
    kit::{Error, Id, OrNotFound, Result, Role, text, time::Timestamp},
    store::{OrgTx, Repo},
    wib::Org,
};

/// Keeps a person's word that payments may be taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorizePayments {
    /// Payments of which debt.
    pub account_id: AccountId,
    /// With what, as the billing vendor calls it.
    pub payment_method: String,
    /// How it was said.
    pub form: AuthorizationForm,
    /// Whether more than one payment may be taken.
    #[serde(default)]
    pub recurring: bool,
    /// The most of one payment, in minor units of the debt's currency.
    pub most_minor: i64,
    /// What proves it: a document's or a recording's name, at most 500 characters.
    pub evidence: String,
    /// In which call.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// When it was said; now by default.
    #[serde(default)]
    pub given_at: Option<Timestamp>,
    /// When the person was given a copy.
    #[serde(default)]
    pub copy_sent_at: Option<Timestamp>,
}

/// The most authorisations of a debt that are looked through.
pub(super) const MOST: i64 = 200;

impl Org {
    /// Keeps a person's word that payments may be taken; without one nothing is charged.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` for the account or the call; `Forbidden` below agent.
    pub async fn authorize_payments(&self, command: AuthorizePayments) -> Result<PaymentAuthorization> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        if command.most_minor <= 0 {
            return Err(Error::field("most_minor", "must be more than nothing"));
        }
        let given_at = command.given_at.unwrap_or(now);
        if [Some(given_at), command.copy_sent_at].into_iter().flatten().any(|at| at > now) {
            return Err(Error::field("given_at", "lies in the future"));
        }
        let row = PaymentAuthorization {
            id: self.wib.id(),
            account_id: command.account_id,
            payment_method: text::required("payment_method", &command.payment_method, 255)?,
            form: command.form,
            recurring: command.recurring,
            most_minor: command.most_minor,
            evidence: text::required("evidence", &command.evidence, 500)?,
            call_id: command.call_id,
            given_at,
            copy_sent_at: command.copy_sent_at,
            revoked_at: None,
            recorded_by: self.actor().user(),
            created_at: now,
        };
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, row.account_id).await?.or_not_found("account")?;
        if let Some(call) = row.call_id {
            Repo::<Call>::find(&mut *tx, call).await?.or_not_found("call")?;
        }
        tx.insert(&row).await?;
        self.note_authorization(tx, "payment:authorization_given", row).await
    }

    /// Keeps that the person was given a copy: before that, no payment of several is taken (12 CFR 1005.10(b)).
    ///
    /// # Errors
    /// `Invalid` for a time in the future; `NotFound`; `Forbidden` below agent.
    pub async fn authorization_copy_sent(
        &self,
        id: Id<PaymentAuthorization>,
        at: Option<Timestamp>,
    ) -> Result<PaymentAuthorization> {
        let (tx, mut row) = self.held_authorization(id).await?;
        let at = at.unwrap_or_else(|| self.wib.now());
        if at > self.wib.now() {
            return Err(Error::field("at", "lies in the future"));
        }
        row.copy_sent_at = Some(row.copy_sent_at.unwrap_or(at));
        self.change_authorization(tx, "payment:authorization_copy_sent", row).await
    }

    /// Takes an authorisation back: from now on nothing is charged with it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn revoke_authorization(&self, id: Id<PaymentAuthorization>) -> Result<PaymentAuthorization> {
        let (tx, mut row) = self.held_authorization(id).await?;
        row.revoked_at = Some(row.revoked_at.unwrap_or_else(|| self.wib.now()));
        self.change_authorization(tx, "payment:authorization_revoked", row).await
    }

    /// A debt's authorisations, oldest first.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn authorizations(&self, account: AccountId) -> Result<Vec<PaymentAuthorization>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, account).await?.or_not_found("account")?;
        tx.authorizations(account, MOST).await
    }

    /// The row behind its person's lock: a charge that is being decided on waits, or has seen the row as it was.
    async fn held_authorization(&self, id: Id<PaymentAuthorization>) -> Result<(Box<dyn OrgTx>, PaymentAuthorization)> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let found: PaymentAuthorization = Repo::find(&mut *tx, id).await?.or_not_found("payment authorization")?;
        let account: Account = Repo::find(&mut *tx, found.account_id).await?.or_not_found("account")?;
        tx.lock_person(account.person_id).await?;
        let row = Repo::find(&mut *tx, id).await?.or_not_found("payment authorization")?;
        Ok((tx, row))
    }
    async fn change_authorization(
        &self,
        mut tx: Box<dyn OrgTx>,
        action: &str,
        row: PaymentAuthorization,
    ) -> Result<PaymentAuthorization> {
        tx.update(&row).await?;
        self.note_authorization(tx, action, row).await
    }
    async fn note_authorization(
        &self,
        mut tx: Box<dyn OrgTx>,
        action: &str,
        row: PaymentAuthorization,
    ) -> Result<PaymentAuthorization> {
        let about = ("payment_authorization", Some(row.id.uuid()));
        let told = json!({
            "account_id": row.account_id, "form": row.form, "recurring": row.recurring, "most_minor": row.most_minor,
            "copy_sent_at": row.copy_sent_at, "revoked_at": row.revoked_at,
        });
        self.audit(action, about).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(row)
    }
}
