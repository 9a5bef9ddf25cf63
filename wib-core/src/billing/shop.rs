//! Subscribing, and changing a subscription.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    BillingAccount, KnownSubscription,
    apply::{self, Heard},
    customer::live_as,
    manage::nothing,
    reconcile::found_subscription,
};
use crate::{
    kit::{Error, FieldFault, OrNotFound, Result, Role, text, time},
    ports::billing::{
        CheckoutLine, CheckoutMode, CheckoutSession, EditItem, EditSubscription, ItemChange, Metadata, NewCheckout,
        NewPortal, PriceUsage, Proration, Subscription, SubscriptionItem,
    },
    wib::Org,
};

/// Opens a page on which somebody subscribes the organisation to a plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OpenCheckout {
    /// The vendor's price: `price_...`, at most 200 characters.
    pub price_id: String,
    /// The plan that it pays for, as it is written on the subscription; at most 200 characters.
    pub plan_id: Option<String>,
}

/// Has the subscription be for another price from now on; the difference is on the next invoice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangePlan {
    /// The vendor's price: `price_...`, at most 200 characters.
    pub price_id: String,
    /// The plan that it pays for, as it is written on the subscription; at most 200 characters.
    pub plan_id: Option<String>,
}

/// The page of the site that people come back to.
const BACK: &str = "/settings";

fn priced(price: &str, plan: Option<String>) -> Result<(String, Option<String>)> {
    let mut faults = vec![];
    let mut keep = |error: Error| faults.extend(error.fields().iter().cloned());
    let price = price.trim();
    let fits = price.starts_with("price_") && price.len() <= 200 && price.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        let message = "must begin with price_ and have at most 200 characters".to_owned();
        keep(Error::fields_invalid(vec![FieldFault { field: "price_id".to_owned(), message }]));
    }
    let plan = text::optional("plan_id", plan, 200).map_err(&mut keep).unwrap_or_default();
    if faults.is_empty() { Ok((price.to_owned(), plan)) } else { Err(Error::fields_invalid(faults)) }
}

impl Org {
    /// Opens a page on which somebody subscribes the organisation to a plan. Its customer is made when there is none.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Unavailable` when nobody moves money here; `Conflict` when the organisation and the
    /// vendor are not both live or both test; the vendor's failure; `Forbidden` below admin.
    pub async fn open_checkout(&self, command: OpenCheckout) -> Result<CheckoutSession> {
        self.at_least(Role::Admin)?;
        let (price, plan) = priced(&command.price_id, command.plan_id)?;
        let billing = live_as(&self.wib, self.organization())?;
        let account = self.ensure_customer(None).await?;
        let back = |how: &str| format!("{}{BACK}?billing={how}", self.site());
        let mut metadata = Metadata::default().with("organization_id", self.id().to_string());
        if let Some(plan) = &plan {
            metadata = metadata.with("plan_id", plan.clone());
        }
        let page = NewCheckout {
            lines: vec![CheckoutLine { price: price.as_str().into(), quantity: Some(1) }],
            customer: Some(account.customer_id.as_str().into()),
            cancel_url: Some(back("cancelled")),
            metadata,
            ..NewCheckout::of(CheckoutMode::Subscription, back("success"))
        };
        let session = billing.create_checkout(&page, &self.key("checkout")).await?;
        let mut tx = self.tx().await?;
        let told = json!({"price_id": price, "plan_id": plan, "checkout": session.id});
        let about = ("billing_account", Some(account.id.uuid()));
        self.audit("billing:checkout_created", about).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(session)
    }

    /// Opens the vendor's page on which the organisation manages its subscription; its address, good for minutes and for
    /// whoever has it.
    ///
    /// # Errors
    /// `Invalid` with the code `NO_CUSTOMER` without one; `Unavailable` when nobody moves money here; the vendor's failure;
    /// `Forbidden` below admin.
    pub async fn open_portal(&self) -> Result<String> {
        self.at_least(Role::Admin)?;
        let billing = live_as(&self.wib, self.organization())?;
        let account = self.tx().await?.billing_account().await?;
        let account = account.ok_or_else(|| nothing("NO_CUSTOMER", "there is no billing account yet"))?;
        let return_url = Some(format!("{}{BACK}?tab=billing", self.site()));
        let page = NewPortal { customer: account.customer_id.as_str().into(), return_url };
        let session = billing.create_portal(&page, &self.key("portal")).await?;
        let mut tx = self.tx().await?;
        self.audit("billing:portal_opened", ("billing_account", Some(account.id.uuid()))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(session.url)
    }

    /// Has the subscription end with its period. The plan holds until then.
    ///
    /// # Errors
    /// `Invalid` with the code `NO_SUBSCRIPTION` without one that goes on; `Unavailable` when nobody moves money here; the
    /// vendor's failure; `Forbidden` below owner.
    pub async fn cancel_subscription(&self) -> Result<KnownSubscription> {
        self.at_least(Role::Owner)?;
        let (_, known) = self.subscribed().await?;
        let edit = EditSubscription { cancel_at_period_end: Some(true), ..EditSubscription::default() };
        self.edit(&known, &edit, "cancel", "billing:subscription_cancelled").await
    }

    /// Takes back that the subscription ends with its period.
    ///
    /// # Errors
    /// `Invalid` with the code `NO_SUBSCRIPTION` without one that goes on, or `NOT_CANCELLED`; `Unavailable` when nobody
    /// moves money here; the vendor's failure; `Forbidden` below admin.
    pub async fn resume_subscription(&self) -> Result<KnownSubscription> {
        self.at_least(Role::Admin)?;
        let (_, known) = self.subscribed().await?;
        if !known.cancel_at_period_end {
            return Err(nothing("NOT_CANCELLED", "the subscription goes on"));
        }
        let edit = EditSubscription { cancel_at_period_end: Some(false), ..EditSubscription::default() };
        self.edit(&known, &edit, "resume", "billing:subscription_updated").await
    }

    /// Has the subscription be for another price from now on; the difference is on the next invoice.
    ///
    /// # Errors
    /// `Invalid` naming the field, or with the code `NO_SUBSCRIPTION` without one that goes on; `Unavailable` when nobody
    /// moves money here; the vendor's failure; `Forbidden` below admin.
    pub async fn change_plan(&self, command: ChangePlan) -> Result<KnownSubscription> {
        self.at_least(Role::Admin)?;
        let (price, plan) = priced(&command.price_id, command.plan_id)?;
        let (_, known) = self.subscribed().await?;
        let billing = live_as(&self.wib, self.organization())?;
        let now = billing.subscription(&known.vendor_id.as_str().into()).await?;
        let item = base_item(&now).ok_or_else(|| Error::conflict("the subscription has nothing to change"))?;
        let edit = EditItem { price: Some(price.as_str().into()), ..EditItem::default() };
        let edit = EditSubscription {
            items: vec![ItemChange::Edit(item.id.clone(), edit)],
            proration: Proration::NextInvoice,
            metadata: plan.into_iter().map(|plan| ("plan_id", plan)).collect(),
            ..EditSubscription::default()
        };
        self.edit(&known, &edit, "change", "billing:subscription_updated").await
    }

    /// The customer, and the subscription that counts and goes on.
    async fn subscribed(&self) -> Result<(BillingAccount, KnownSubscription)> {
        let billed = self.billing().await?;
        let none = || nothing("NO_SUBSCRIPTION", "there is no subscription that goes on");
        let account = billed.account.ok_or_else(none)?;
        Ok((account, billed.subscription.filter(|known| !known.status.over()).ok_or_else(none)?))
    }

    /// Orders a change, and takes the answer as the word on how the subscription stands.
    async fn edit(
        &self,
        known: &KnownSubscription,
        edit: &EditSubscription,
        verb: &str,
        action: &str,
    ) -> Result<KnownSubscription> {
        let billing = live_as(&self.wib, self.organization())?;
        let after = billing.update_subscription(&known.vendor_id.as_str().into(), edit, &self.key(verb)).await?;
        let mut event = self.answered(billing.live(), found_subscription(after));
        // The answer is the latest word, whatever the vendor's clock says.
        event.at = event.at.max(time::after(known.seen_at, Duration::from_micros(1)));
        let mut tx = self.tx().await?;
        let mut account = apply::held(&mut *tx).await?;
        apply::take(&self.wib, &mut *tx, &mut account, &event, Heard::Ordered).await?;
        let new = tx.subscription_of(&known.vendor, &known.vendor_id).await?.or_not_found("subscription")?;
        let followed = apply::follow(&self.wib, &mut *tx, account).await?;
        self.audit(action, ("subscription", Some(known.id.uuid()))).changed(known, &new).write(&mut *tx).await;
        tx.commit().await?;
        apply::follow_plan(&self.wib, self.id(), &followed).await?;
        Ok(new)
    }

    /// What makes an order one at the vendor, however often its request is sent.
    fn key(&self, verb: &str) -> String {
        format!("{verb}:{}", self.wib.id::<BillingAccount>())
    }

    /// Where people come back to: the site, or where we are reached.
    fn site(&self) -> &str {
        let settings = &self.wib.settings;
        let known = settings.app_url.as_deref().or(settings.public_url.as_deref()).unwrap_or("https://wordis-bond.com");
        known.trim_end_matches('/')
    }
}

/// What is paid whatever is used.
fn base_item(of: &Subscription) -> Option<&SubscriptionItem> {
    let metered = |item: &&SubscriptionItem| {
        item.price.recurring.as_ref().is_some_and(|recurring| recurring.usage == PriceUsage::Metered)
    };
    of.items.iter().find(|item| !metered(item)).or_else(|| of.items.first())
}
