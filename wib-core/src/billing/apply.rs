//! What the billing vendor tells of an organisation.

use serde_json::json;

use super::{
    BillingAccount, BillingNote, BillingNoteKind, InvoiceState, KnownInvoice, KnownMethod, KnownSubscription,
    SubscriptionState, customer::link,
};
use crate::{
    audit::Line,
    kit::{Actor, Error, Money, Result, text::TextEnum, time::Timestamp},
    orgs::{OrganizationId, Plan},
    payments,
    ports::billing::{
        BillingEvent, BillingEventKind, CheckoutChange, CheckoutMode, CheckoutSession, CustomerChange, Invoice,
        InvoiceChange, Labels, PaymentChange, PaymentMethod, PaymentMethodChange, Subscription, SubscriptionChange,
    },
    store::OrgTx,
    wib::Wib,
};

/// Subscriptions and invoices of an organisation that are looked through.
pub(super) const MOST: i64 = 200;

/// How a word about money reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The vendor told it.
    Told,
    /// We asked: what is news is written down as if it had been told.
    Found,
    /// It answers an order of ours, which has a line of its own.
    Ordered,
}

/// Applies an event. One of nobody's is counted and left.
pub(crate) async fn apply(wib: &Wib, vendor: &str, event: &BillingEvent) -> Result<()> {
    let customer = match &event.what {
        BillingEventKind::Payment(PaymentChange::Succeeded, intent) => {
            if !payments::vendor_told(wib, intent).await? {
                unknown(vendor);
            }
            return Ok(());
        }
        BillingEventKind::Checkout(CheckoutChange::Completed, session)
            if session.mode == CheckoutMode::Subscription =>
        {
            session.customer.as_ref()
        }
        BillingEventKind::Subscription(_, subscription) => Some(&subscription.customer),
        BillingEventKind::Invoice(_, invoice) => invoice.customer.as_ref(),
        BillingEventKind::PaymentMethod(_, method) => method.customer.as_ref(),
        BillingEventKind::Customer(CustomerChange::Updated, customer) => Some(&customer.id),
        // Nothing asks for these yet.
        _ => return Ok(()),
    };
    let owner = match (customer, &event.what) {
        (Some(customer), _) => wib.store.system().await?.organization_of_customer(vendor, customer.as_str()).await?,
        // What was taken away is nobody's any more: whose it was, we know.
        (None, BillingEventKind::PaymentMethod(_, method)) => {
            wib.store.system().await?.organization_of_method(vendor, method.id.as_str()).await?
        }
        (None, _) => None,
    };
    let named = match (&event.what, customer) {
        (BillingEventKind::Checkout(_, session), Some(_)) => organization_in(&session.metadata),
        _ => None,
    };
    let organization = match (owner, named) {
        // What we wrote on it must match whose customer it is.
        (Some(owner), Some(named)) if owner != named => {
            tracing::warn!(event = event.id, "a checkout names another organization than its customer's");
            unknown(vendor);
            return Ok(());
        }
        (Some(owner), _) => owner,
        (None, Some(named)) if wib.store.system().await?.organization(named).await?.is_some() => named,
        (None, _) => {
            unknown(vendor);
            return Ok(());
        }
    };
    let mut tx = wib.store.org(organization).await?;
    let live = tx.organization().await?.live;
    if live != event.live {
        tracing::warn!(event = event.id, "a billing event and its organization are not both live or both test");
        unknown(vendor);
        return Ok(());
    }
    let email = match &event.what {
        BillingEventKind::Checkout(_, session) => session.email.clone(),
        _ => None,
    };
    if let Some(customer) = customer {
        link(wib, &mut *tx, vendor, customer.as_str(), email).await?;
    }
    // Held from here on: what follows from all events is computed by one at a time.
    let mut account = held(&mut *tx).await?;
    if customer.is_some_and(|customer| customer.as_str() != account.customer_id) {
        unknown(vendor);
        return Ok(());
    }
    take(wib, &mut *tx, &mut account, event, Heard::Told).await?;
    let followed = follow(wib, &mut *tx, account).await?;
    tx.commit().await?;
    follow_plan(wib, organization, &followed).await
}

/// The organisation's account, held against other writers.
pub(super) async fn held(tx: &mut dyn OrgTx) -> Result<BillingAccount> {
    tx.lock_billing_account().await?.ok_or_else(|| Error::internal("the account is gone"))
}

/// Takes a word about what is the account's, which is held; whether it was news.
pub(super) async fn take(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    account: &mut BillingAccount,
    event: &BillingEvent,
    heard: Heard,
) -> Result<bool> {
    let vendor = account.vendor.clone();
    match &event.what {
        BillingEventKind::Checkout(_, session) => checkout(wib, tx, &vendor, event, session).await.map(|()| true),
        BillingEventKind::Subscription(change, found) => {
            subscription(wib, tx, &vendor, event, *change, found, heard).await
        }
        BillingEventKind::Invoice(change, found) => invoice(wib, tx, &vendor, event, *change, found, heard).await,
        BillingEventKind::PaymentMethod(change, found) => method(wib, tx, &vendor, event, *change, found, heard).await,
        BillingEventKind::Customer(_, found) => {
            let method = found.default_payment_method.as_ref().map(|id| id.as_str().to_owned());
            let (known, told) = ((account.default_at, &account.default_method), (Some(event.at), &method));
            if told <= known {
                return Ok(false);
            }
            let news = account.default_method != method;
            (account.default_at, account.default_method) = (Some(event.at), method);
            tx.update(&*account).await?;
            Ok(news)
        }
        _ => Ok(false),
    }
}

/// Has the organisation's plan be what its account says.
pub(super) async fn follow_plan(wib: &Wib, organization: OrganizationId, followed: &BillingAccount) -> Result<()> {
    if followed.plan.is_some() {
        // The organisation's own row is the platform's. Whoever comes last reads what was committed last.
        let mut tx = wib.store.system().await?;
        tx.follow_plan(organization).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn unknown(vendor: &str) {
    metrics::counter!("wib_events_unknown_total", "vendor" => vendor.to_owned()).increment(1);
}

fn organization_in(labels: &Labels) -> Option<OrganizationId> {
    labels.get("organization_id").and_then(|id| id.parse().ok())
}

/// When a word was said: time, place within a second, and the event's id, so that any order of arrival ends alike.
type Said<'a> = (Timestamp, i64, &'a str);

fn note(
    wib: &Wib,
    vendor: &str,
    event: &BillingEvent,
    kind: BillingNoteKind,
    subject: &str,
    of: Option<Money>,
) -> BillingNote {
    BillingNote {
        id: wib.id(),
        vendor: vendor.to_owned(),
        event_id: event.id.clone(),
        kind,
        subject: subject.to_owned(),
        amount_minor: of.map(|money| money.minor),
        currency: of.map(|money| money.currency),
        at: event.at,
        created_at: wib.now(),
    }
}

/// Writes the line, and tells the audit log when it is new.
async fn write(wib: &Wib, tx: &mut dyn OrgTx, line: BillingNote, action: &str, kind: &str) -> Result<()> {
    if tx.note_billing(&line).await? {
        let told = json!({
            "kind": line.kind, "subject": line.subject, "amount_minor": line.amount_minor, "currency": line.currency,
            "at": line.at,
        });
        Line::by(wib, Actor::Vendor, action, (kind, None)).is(&told).write(tx).await;
    }
    Ok(())
}

async fn checkout(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    vendor: &str,
    event: &BillingEvent,
    session: &CheckoutSession,
) -> Result<()> {
    let line = note(wib, vendor, event, BillingNoteKind::CheckoutCompleted, session.id.as_str(), session.total);
    write(wib, tx, line, "billing:subscription_updated", "checkout").await?;
    let Some(id) = &session.subscription else { return Ok(()) };
    // The subscription's own events say more; until they come it is as good as paid.
    let plan = session.metadata.get("plan_id").and_then(|plan| Plan::from_text(plan));
    let row = KnownSubscription {
        id: wib.id(),
        vendor: vendor.to_owned(),
        vendor_id: id.as_str().to_owned(),
        status: SubscriptionState::Active,
        plan,
        plan_at: plan.map(|_| event.at),
        price_id: None,
        amount_minor: None,
        currency: None,
        cancel_at_period_end: false,
        period_ends: None,
        began_at: event.at,
        seen_at: event.at,
        seen_rank: -1,
        seen_event: event.id.clone(),
        created_at: wib.now(),
    };
    let known = tx.subscription_of(vendor, &row.vendor_id).await?;
    keep(tx, known, row).await
}

async fn subscription(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    vendor: &str,
    event: &BillingEvent,
    change: SubscriptionChange,
    found: &Subscription,
    heard: Heard,
) -> Result<bool> {
    let (kind, action, rank) = match change {
        SubscriptionChange::Created => (BillingNoteKind::SubscriptionCreated, "billing:subscription_updated", 0),
        SubscriptionChange::Deleted => (BillingNoteKind::SubscriptionCanceled, "billing:subscription_cancelled", 9),
        _ => (BillingNoteKind::SubscriptionUpdated, "billing:subscription_updated", 1),
    };
    let plan = plan_of(found);
    let prices = || found.items.iter().filter_map(|item| Some((item.price.amount?.minor, item.quantity?)));
    let amount = prices().try_fold(0_i64, |sum, (one, so_many)| sum.checked_add(one.checked_mul(so_many)?));
    let row = KnownSubscription {
        id: wib.id(),
        vendor: vendor.to_owned(),
        vendor_id: found.id.as_str().to_owned(),
        status: match change {
            SubscriptionChange::Deleted => SubscriptionState::Canceled,
            _ => SubscriptionState::from(&found.status),
        },
        plan,
        plan_at: plan.map(|_| event.at),
        price_id: found.items.first().map(|item| item.price.id.as_str().to_owned()),
        amount_minor: amount.filter(|_| prices().next().is_some()),
        currency: Some(found.currency),
        cancel_at_period_end: found.cancel_at_period_end,
        period_ends: found.period().map(|period| period.end),
        began_at: found.created_at,
        seen_at: event.at,
        seen_rank: if heard == Heard::Told { rank } else { -1 },
        seen_event: event.id.clone(),
        created_at: wib.now(),
    };
    let known = tx.subscription_of(vendor, &row.vendor_id).await?;
    let stands = |s: &KnownSubscription| {
        (s.status, s.plan, s.price_id.clone(), s.amount_minor, s.cancel_at_period_end, s.period_ends)
    };
    let news = known.as_ref().is_none_or(|known| stands(known) != stands(&row));
    if heard == Heard::Told || (heard == Heard::Found && news) {
        let line = note(wib, vendor, event, kind, found.id.as_str(), None);
        write(wib, tx, line, action, "subscription").await?;
    }
    keep(tx, known, row).await?;
    Ok(news)
}

/// Keeps what was said of a subscription, unless a later word is known.
async fn keep(tx: &mut dyn OrgTx, known: Option<KnownSubscription>, row: KnownSubscription) -> Result<()> {
    fn said(row: &KnownSubscription) -> Said<'_> {
        (row.seen_at, row.seen_rank, &row.seen_event)
    }
    let Some(known) = known else { return tx.insert(&row).await };
    let (id, created_at, began_at) = (known.id, known.created_at, row.began_at.min(known.began_at));
    // The latest word that names a plan says what is paid for; not every one does.
    let (plan_at, plan) = (known.plan_at, known.plan).max((row.plan_at, row.plan));
    let last = if said(&row) > said(&known) { row } else { known };
    tx.update(&KnownSubscription { id, created_at, began_at, plan_at, plan, ..last }).await
}

/// What a subscription pays for: the largest plan that one of its prices names, or what we wrote on the subscription.
fn plan_of(subscription: &Subscription) -> Option<Plan> {
    let named = |labels: &Labels, name: &str| labels.get(name).and_then(|plan| Plan::from_text(plan));
    let of_prices = subscription.items.iter().filter_map(|item| {
        let key = item.price.lookup_key.as_deref().and_then(Plan::from_text);
        named(&item.price.metadata, "plan").or(key)
    });
    of_prices.max().or_else(|| named(&subscription.metadata, "plan_id"))
}

async fn invoice(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    vendor: &str,
    event: &BillingEvent,
    change: InvoiceChange,
    found: &Invoice,
    heard: Heard,
) -> Result<bool> {
    let (told, rank) = match change {
        InvoiceChange::Paid => (Some((BillingNoteKind::PaymentReceived, "billing:payment_received", found.paid)), 9),
        InvoiceChange::PaymentFailed => {
            (Some((BillingNoteKind::PaymentFailed, "billing:payment_failed", found.remaining)), 3)
        }
        InvoiceChange::Created => (None, 0),
        InvoiceChange::Finalized => (None, 1),
        InvoiceChange::Voided => (None, 8),
        _ => (None, 2),
    };
    let status = match change {
        InvoiceChange::Paid => InvoiceState::Paid,
        InvoiceChange::Voided => InvoiceState::Void,
        _ => found.status.as_ref().map_or(InvoiceState::Other, InvoiceState::from),
    };
    let row = KnownInvoice {
        id: wib.id(),
        vendor: vendor.to_owned(),
        vendor_id: found.id.as_str().to_owned(),
        subscription_id: found.subscription.as_ref().map(|id| id.as_str().to_owned()),
        number: found.number.clone(),
        status,
        due_minor: found.due.minor,
        paid_minor: found.paid.minor,
        currency: found.due.currency,
        attempts: found.attempts,
        next_attempt_at: found.next_attempt_at,
        failed_at: (change == InvoiceChange::PaymentFailed).then_some(event.at),
        url: found.url.clone(),
        pdf_url: found.pdf_url.clone(),
        billed_at: Some(found.created_at),
        seen_at: event.at,
        seen_rank: if heard == Heard::Told { rank } else { -1 },
        seen_event: event.id.clone(),
        created_at: wib.now(),
    };
    let known = tx.invoice_of(vendor, &row.vendor_id).await?;
    // Found once more to be as it was: a charge that was declined is not declined anew.
    let stands = |i: &KnownInvoice| (i.status, i.due_minor, i.paid_minor, i.attempts, i.overdue());
    let news = known.as_ref().is_none_or(|known| stands(known) != stands(&row));
    let row = match &known {
        Some(known) if heard != Heard::Told && known.failed_at.is_some() => {
            KnownInvoice { failed_at: known.failed_at, ..row }
        }
        _ => row,
    };
    if let Some((kind, action, money)) = told
        && (heard == Heard::Told || (heard == Heard::Found && news))
    {
        let line = note(wib, vendor, event, kind, found.id.as_str(), Some(money));
        write(wib, tx, line, action, "invoice").await?;
    }
    let row = match known {
        None => {
            tx.insert(&row).await?;
            row
        }
        Some(known) => {
            let merged = merge(known, row);
            tx.update(&merged).await?;
            merged
        }
    };
    if row.status.settled() {
        tx.resolve_dunning(row.id, wib.now()).await?;
    }
    Ok(news)
}

async fn method(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    vendor: &str,
    event: &BillingEvent,
    change: PaymentMethodChange,
    found: &PaymentMethod,
    heard: Heard,
) -> Result<bool> {
    let gone = change == PaymentMethodChange::Detached;
    let card = found.card.as_ref();
    let bank = found.bank.as_ref();
    let row = KnownMethod {
        id: wib.id(),
        vendor: vendor.to_owned(),
        vendor_id: found.id.as_str().to_owned(),
        kind: found.kind.as_str().to_owned(),
        brand: card.map(|card| card.brand.clone()),
        last4: card.map(|card| card.last4.clone()).or_else(|| bank.and_then(|bank| bank.last4.clone())),
        exp_month: card.map(|card| card.exp_month),
        exp_year: card.map(|card| card.exp_year),
        added_at: found.created_at,
        seen_at: event.at,
        detached_at: gone.then_some(event.at),
        created_at: wib.now(),
    };
    let (row, news) = match tx.known_method(vendor, &row.vendor_id).await? {
        None => {
            tx.insert(&row).await?;
            (row, true)
        }
        Some(known) => {
            let news = gone && known.detached_at.is_none();
            let (id, created_at) = (known.id, known.created_at);
            let detached_at = known.detached_at.into_iter().chain(row.detached_at).min();
            let last = if row.seen_at > known.seen_at { row } else { known };
            let merged = KnownMethod { id, created_at, detached_at, ..last };
            tx.update(&merged).await?;
            (merged, news)
        }
    };
    if news && heard != Heard::Ordered {
        let action = if gone { "billing:payment_method_removed" } else { "billing:payment_method_added" };
        let told = json!({"kind": row.kind, "vendor": row.vendor, "at": event.at});
        Line::by(wib, Actor::Vendor, action, ("payment_method", Some(row.id.uuid()))).is(&told).write(tx).await;
    }
    Ok(news)
}

/// Two words about an invoice as one: it does not matter which came first.
fn merge(known: KnownInvoice, new: KnownInvoice) -> KnownInvoice {
    fn said(row: &KnownInvoice) -> (bool, Said<'_>) {
        (row.status.settled(), (row.seen_at, row.seen_rank, &row.seen_event))
    }
    let (id, created_at) = (known.id, known.created_at);
    let failed_at = known.failed_at.max(new.failed_at);
    let (attempts, paid_minor) = (known.attempts.max(new.attempts), known.paid_minor.max(new.paid_minor));
    // What is settled stays so, whatever was said of it before or after.
    let last = if said(&new) > said(&known) { new } else { known };
    KnownInvoice { id, created_at, failed_at, attempts, paid_minor, ..last }
}

/// What all subscriptions and invoices come to.
pub(super) async fn follow(wib: &Wib, tx: &mut dyn OrgTx, mut account: BillingAccount) -> Result<BillingAccount> {
    let subscriptions = tx.subscriptions(MOST).await?;
    let old = account.clone();
    if let Some(counts) = counts(&subscriptions) {
        let overdue = tx.known_invoices(MOST).await?.iter().any(|invoice| {
            invoice.overdue() && invoice.subscription_id.as_deref().is_none_or(|id| id == counts.vendor_id)
        });
        let status = match counts.status {
            SubscriptionState::Active if overdue => SubscriptionState::PastDue,
            status => status,
        };
        account.subscription_id = Some(counts.vendor_id.clone());
        account.subscription_status = Some(status);
        // A price that names no plan changes none, nor does what is neither paid nor over.
        account.plan = match status {
            _ if status.entitles() => counts.plan,
            SubscriptionState::Other | SubscriptionState::Incomplete => None,
            _ => Some(Plan::Free),
        };
    }
    if account != old {
        account.updated_at = wib.now();
        tx.update(&account).await?;
    }
    Ok(account)
}

/// The subscription that counts: one that is not over before one that is, then the one that began last.
fn counts(all: &[KnownSubscription]) -> Option<&KnownSubscription> {
    all.iter().max_by_key(|one| (!one.status.over(), one.began_at, &one.vendor_id))
}
