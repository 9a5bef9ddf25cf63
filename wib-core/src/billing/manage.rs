//! What an organisation sees of its subscription, and what it pays with.

use serde_json::json;

use super::{
    BillingAccount, KnownInvoice, KnownMethod, KnownSubscription,
    apply::{self, Heard, MOST},
    customer::live_as,
    reconcile::reconcile,
};
use crate::{
    kit::{Error, List, OrNotFound, Result, Role, Stretch},
    ports::{
        Fault,
        billing::{BillingEvent, BillingEventKind, PaymentMethodChange},
    },
    wib::Org,
};

/// How an organisation's subscription stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The customer that it is, when it is one.
    pub account: Option<BillingAccount>,
    /// The subscription that counts.
    pub subscription: Option<KnownSubscription>,
}

impl Org {
    /// How the organisation's subscription stands, as far as the vendor told.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn billing(&self) -> Result<Billed> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let account = tx.billing_account().await?;
        let subscription = match account.as_ref().and_then(|a| Some((&a.vendor, a.subscription_id.as_ref()?))) {
            Some((vendor, id)) => tx.subscription_of(vendor, id).await?,
            None => None,
        };
        Ok(Billed { account, subscription })
    }

    /// What the organisation pays with, the newest first, each with whether invoices are paid with it; at most 200. Who was
    /// never asked for it is asked now.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn payment_methods(&self) -> Result<Vec<(KnownMethod, bool)>> {
        self.at_least(Role::Viewer)?;
        self.mirrored().await?;
        let mut tx = self.tx().await?;
        let usual = tx.billing_account().await?.and_then(|account| account.default_method);
        let known = tx.known_methods(MOST).await?;
        let whether = |method: KnownMethod| {
            let is_usual = usual.as_deref() == Some(method.vendor_id.as_str());
            (method, is_usual)
        };
        Ok(known.into_iter().map(whether).collect())
    }

    /// Takes something away that the organisation pays with; it can never be used again.
    ///
    /// # Errors
    /// `NotFound` for one that is not the organisation's own customer's, also without a customer; `Unavailable` when nobody
    /// moves money here; the vendor's failure; `Forbidden` below admin.
    pub async fn remove_payment_method(&self, id: &str) -> Result<()> {
        self.at_least(Role::Admin)?;
        self.mirrored().await?;
        let mut tx = self.tx().await?;
        let account = tx.billing_account().await?.or_not_found("payment method")?;
        let known = tx.known_method(&account.vendor, id).await?.filter(|known| known.detached_at.is_none());
        let known = known.or_not_found("payment method")?;
        drop(tx);
        let billing = live_as(&self.wib, self.organization())?;
        // The vendor first: doing it twice is doing it once.
        let gone = match billing.detach_payment_method(&id.into(), &format!("detach:{}", known.id)).await {
            Ok(method) => Some(method),
            Err(error) if error.fault == Fault::Missing => None,
            Err(error) => return Err(error.into()),
        };
        let mut tx = self.tx().await?;
        let mut account = apply::held(&mut *tx).await?;
        match gone {
            Some(method) => {
                let what = BillingEventKind::PaymentMethod(PaymentMethodChange::Detached, method);
                let event = self.answered(billing.live(), what);
                apply::take(&self.wib, &mut *tx, &mut account, &event, Heard::Ordered).await?;
            }
            None => tx.update(&KnownMethod { detached_at: Some(self.wib.now()), ..known.clone() }).await?,
        }
        let about = ("payment_method", Some(known.id.uuid()));
        let was = json!({"kind": known.kind, "vendor": known.vendor});
        self.audit("billing:payment_method_removed", about).was(&was).write(&mut *tx).await;
        tx.commit().await
    }

    /// A stretch of the organisation's invoices, the newest first. Who was never asked for them is asked now.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn list_invoices(&self, page: Option<i64>, limit: Option<i64>) -> Result<List<KnownInvoice>> {
        self.at_least(Role::Viewer)?;
        self.mirrored().await?;
        let of = Stretch::new(limit, None, 20, 100);
        let before = page.unwrap_or(1).clamp(1, 1_000_000) - 1;
        let of = Stretch { offset: u32::try_from(before).unwrap_or(0).saturating_mul(of.limit), ..of };
        self.tx().await?.list_invoices(of).await
    }

    /// Asks the vendor for everything once, when it was never asked. What cannot be had now is had another time.
    async fn mirrored(&self) -> Result<()> {
        let account = self.tx().await?.billing_account().await?;
        if account.is_some_and(|account| account.synced_at.is_none())
            && let Err(error) = reconcile(&self.wib, self.id()).await
        {
            tracing::warn!(organization = %self.id(), error = error.chain(), "the billing vendor could not be asked");
        }
        Ok(())
    }

    /// What the vendor answered to an order, as a word of it.
    pub(super) fn answered(&self, live: bool, what: BillingEventKind) -> BillingEvent {
        BillingEvent { id: format!("ordered:{}", self.wib.id::<BillingEvent>()), at: self.wib.now(), live, what }
    }
}

/// The refusal of an order that there is nothing for.
pub(super) fn nothing(code: &'static str, why: &str) -> Error {
    Error::invalid(why).code(code)
}
