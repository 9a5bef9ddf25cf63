//! Asking the vendor for everything, so that what no delivery told is found.

use serde_json::json;

use super::{
    apply::{self, Heard, MOST},
    customer::live_as,
};
use crate::{
    audit::Line,
    kit::{Actor, Error, Result, Role, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Billing, VendorError,
        billing::{
            BillingEvent, BillingEventKind, CustomerChange, CustomerId, Invoice, InvoiceChange, InvoiceFilter,
            InvoiceStatus, Listed, PaymentMethodChange, Slice, Subscription, SubscriptionChange, SubscriptionFilter,
            SubscriptionStatus,
        },
    },
    store::OrgTx,
    wib::{Org, Wib},
};

/// What was found of an organisation at the vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Things that were looked at.
    pub(crate) seen: i64,
    /// Those that stood otherwise than was known.
    pub(crate) news: i64,
}

/// Everything the vendor has of a customer, no more than is kept of each kind.
struct Everything {
    events: Vec<BillingEvent>,
    methods: Vec<String>,
    methods_whole: bool,
}

async fn page<T>(
    all: &mut Vec<T>,
    asked: impl Future<Output = Result<Listed<T>, VendorError>>,
) -> Result<Option<String>, VendorError> {
    let page = asked.await?;
    let empty = page.items.is_empty();
    all.extend(page.items);
    // A page that brings nothing would be asked for without end.
    Ok(page.next.filter(|_| !empty))
}

/// Goes through a list, page by page, up to [`MOST`]; whether it ended before that.
macro_rules! listed {
    ($page:ident => $ask:expr) => {{
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let $page = Slice { after: after.take(), ..Slice::default() };
            after = page(&mut all, $ask).await?;
            if after.is_none() || all.len() >= usize::try_from(MOST).unwrap_or(usize::MAX) {
                break (all, after.is_none());
            }
        }
    }};
}

async fn ask(billing: &dyn Billing, customer: &CustomerId, at: Timestamp, id: &str) -> Result<Everything, VendorError> {
    let live = billing.live();
    let person = billing.customer(customer).await?;
    let wanted = SubscriptionFilter { customer: Some(customer.clone()), price: None };
    let (subscriptions, _) = listed!(page => billing.subscriptions(&wanted, &page));
    let wanted = InvoiceFilter { customer: Some(customer.clone()), ..InvoiceFilter::default() };
    let (invoices, _) = listed!(page => billing.invoices(&wanted, &page));
    let (methods, methods_whole) = listed!(page => billing.payment_methods(customer, &page));
    let ids = methods.iter().map(|method| method.id.as_str().to_owned()).collect();
    let what = std::iter::once(BillingEventKind::Customer(CustomerChange::Updated, person))
        .chain(methods.into_iter().map(|found| BillingEventKind::PaymentMethod(PaymentMethodChange::Attached, found)))
        .chain(subscriptions.into_iter().map(found_subscription))
        .chain(invoices.into_iter().map(found_invoice));
    let event = |(n, what)| BillingEvent { id: format!("{id}:{n}"), at, live, what };
    Ok(Everything { events: what.enumerate().map(event).collect(), methods: ids, methods_whole })
}

/// The word that a subscription would have been told by.
pub(super) fn found_subscription(found: Subscription) -> BillingEventKind {
    let ended = found.ended_at.is_some() || found.status == SubscriptionStatus::Canceled;
    let change = if ended { SubscriptionChange::Deleted } else { SubscriptionChange::Updated };
    BillingEventKind::Subscription(change, found)
}

/// The word that an invoice would have been told by.
fn found_invoice(found: Invoice) -> BillingEventKind {
    let change = match &found.status {
        Some(InvoiceStatus::Paid) => InvoiceChange::Paid,
        Some(InvoiceStatus::Void) => InvoiceChange::Voided,
        Some(InvoiceStatus::Open) if found.attempts > 0 && found.remaining.minor > 0 => InvoiceChange::PaymentFailed,
        Some(InvoiceStatus::Draft) => InvoiceChange::Created,
        _ => InvoiceChange::Finalized,
    };
    BillingEventKind::Invoice(change, found)
}

/// Asks the vendor for everything it has of an organisation, and takes what it says as if it had been told; none when the
/// organisation is no customer.
///
/// # Errors
/// `Unavailable` when nobody moves money here; `Conflict` when its customer is another vendor's; the vendor's failure.
pub(crate) async fn reconcile(wib: &Wib, organization: OrganizationId) -> Result<Option<Found>> {
    reconcile_by(wib, organization, None).await
}

async fn reconcile_by(wib: &Wib, organization: OrganizationId, asked: Option<&Org>) -> Result<Option<Found>> {
    let mut tx = wib.store.org(organization).await?;
    let Some(account) = tx.billing_account().await? else { return Ok(None) };
    let billing = live_as(wib, &tx.organization().await?)?;
    drop(tx);
    if account.vendor != billing.vendor() {
        return Err(Error::conflict("the customer is another vendor's"));
    }
    // What the vendor tells of this very second goes before what was found.
    let at = Timestamp::from_second(wib.now().as_second()).unwrap_or_else(|_| wib.now());
    let customer = account.customer_id.as_str().into();
    let all = ask(&**billing, &customer, at, &format!("found:{}", wib.id::<BillingEvent>())).await?;
    let mut found = Found::default();
    let mut tx = wib.store.org(organization).await?;
    let mut account = apply::held(&mut *tx).await?;
    for event in &all.events {
        found.seen += 1;
        found.news += i64::from(apply::take(wib, &mut *tx, &mut account, event, Heard::Found).await?);
    }
    if all.methods_whole {
        found.news += lost_methods(wib, &mut *tx, &all.methods, at).await?;
    }
    account.synced_at = Some(wib.now());
    let followed = apply::follow(wib, &mut *tx, account).await?;
    let told = json!({"seen": found.seen, "news": found.news});
    let about = ("billing_account", Some(followed.id.uuid()));
    let line = match asked {
        Some(org) => Some(org.audit("billing:data_sync", about)),
        // Nobody asked: a line where something was found.
        None if found.news > 0 => Some(Line::by(wib, Actor::System, "billing:data_sync", about)),
        None => None,
    };
    if let Some(line) = line {
        line.with(told).write(&mut *tx).await;
    }
    tx.commit().await?;
    metrics::counter!("wib_billing_found_total").increment(found.news.unsigned_abs());
    apply::follow_plan(wib, organization, &followed).await?;
    Ok(Some(found))
}

/// Marks what the vendor does not have any more as taken away.
async fn lost_methods(wib: &Wib, tx: &mut dyn OrgTx, there: &[String], at: Timestamp) -> Result<i64> {
    let mut lost = 0;
    for mut method in tx.known_methods(MOST).await? {
        // One that was told of after we asked is there.
        if there.contains(&method.vendor_id) || method.seen_at > at {
            continue;
        }
        method.detached_at = Some(at);
        tx.update(&method).await?;
        let about = ("payment_method", Some(method.id.uuid()));
        let line = Line::by(wib, Actor::Vendor, "billing:payment_method_removed", about);
        line.is(&json!({"kind": method.kind, "vendor": method.vendor, "at": at})).write(tx).await;
        lost += 1;
    }
    Ok(lost)
}

impl Org {
    /// Asks the billing vendor for everything it has of the organisation; how many things it has, none when the organisation
    /// is no customer.
    ///
    /// # Errors
    /// `Unavailable` when nobody moves money here; `Conflict` when the customer is another vendor's; the vendor's failure;
    /// `Forbidden` below admin.
    pub async fn sync_billing(&self) -> Result<Option<i64>> {
        self.at_least(Role::Admin)?;
        Ok(reconcile_by(&self.wib, self.id(), Some(self)).await?.map(|found| found.seen))
    }
}
