//! Taking a scheduled payment: claimed, asked for, booked; and what became of one nobody heard of.

use std::time::Duration;

use serde_json::json;

use super::{
    CollectionPayment, PayBy, PaymentAuthorization, PaymentPlan, PlanStatus, ScheduledPayment, ScheduledPaymentId,
    ScheduledStatus, authorize, authorized,
    plan::{follow, lower, told},
};
use crate::{
    audit::Line,
    collections::{Account, subject},
    engine::Owner,
    imports::AccountStatus,
    kit::{Actor, Error, Money, OrNotFound, Result, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Billing, Fault, Sent, VendorError,
        billing::{Decline, Metadata, NewPayment, PaymentFilter, PaymentIntent, PaymentStatus, Slice},
    },
    store::{OrgTx, Repo},
    tasks::{Task, TaskKind},
    wib::Wib,
};

/// How long the vendor may be asked before somebody looks what became of it.
pub(crate) const DOUBT: Duration = Duration::from_secs(3600);
/// Within this time of its day a payment may be presented again (Nacha Operating Rules).
const AGAIN: Duration = Duration::from_secs(180 * 24 * 3600);
/// Pages of a person's payments that are looked through at the vendor, a hundred each.
const PAGES: usize = 20;

/// What came of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    /// It was paid, is under way, or waits for a member.
    Done,
    /// It was not paid, and its row says why.
    Failed,
    /// There was nothing to do.
    Nothing,
}

/// What is to be done with a payment whose day has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// To ask the vendor for that much.
    Ask(i64),
    /// To have a member take it.
    ByHand,
    /// It is not owed any more.
    Cancel(String),
    /// It may not be charged.
    Hold(String),
}

/// Decides on facts alone.
fn next(
    payment: &ScheduledPayment,
    plan: Option<&PaymentPlan>,
    account: &Account,
    said: &[PaymentAuthorization],
    now: Timestamp,
) -> Next {
    let hold = |why: &str| Next::Hold(why.to_owned());
    if let Some(plan) = plan
        && plan.status != PlanStatus::Active
    {
        return Next::Cancel(format!("its plan is {}", plan.status));
    }
    if account.balance_minor <= 0 || matches!(account.status, AccountStatus::Paid | AccountStatus::Archived) {
        return Next::Cancel("nothing is owed".to_owned());
    }
    // 15 U.S.C. 1692h: no payment is applied to a disputed debt.
    if account.status == AccountStatus::Disputed {
        return hold("debt_disputed");
    }
    if account.currency != payment.currency {
        return hold("debt_of_another_currency");
    }
    if payment.pay_by == PayBy::Manual {
        return Next::ByHand;
    }
    let Some(method) = payment.payment_method.as_deref().filter(|_| payment.customer_id.is_some()) else {
        return hold("no_payment_method");
    };
    if payment.attempts >= payment.max_attempts {
        return hold("tried_as_often_as_it_may_be");
    }
    if payment.attempts > 0 && time::after(time::first_of(payment.due_on), AGAIN) < now {
        return hold("too_late_to_present_again");
    }
    let minor = payment.amount_minor.min(account.balance_minor);
    match authorized(said, method, minor, plan.is_some_and(|plan| plan.installments > 1), now) {
        Ok(()) => Next::Ask(minor),
        Err(why) => hold(why.as_str()),
    }
}

/// Takes a payment whose day has come. Safe to run by several at once: one of them gets it.
pub(crate) async fn charge(wib: &Wib, owner: Owner) -> Result<Charged> {
    let (organization, id) = (owner.organization_id, owner.record.into());
    let payment = match claim(wib, organization, id).await? {
        Claim::Ask(payment) => *payment,
        Claim::Over(charged) => return Ok(charged),
    };
    let billing = wib.billing().or_not_found("billing vendor")?;
    let outcome = ask(&**billing, organization, &payment).await;
    settle(wib, organization, &payment, outcome).await
}

enum Claim {
    Ask(Box<ScheduledPayment>),
    Over(Charged),
}

/// Claims a payment in a transaction of its own: who has claimed it asks the vendor, nobody else.
async fn claim(wib: &Wib, organization: OrganizationId, id: ScheduledPaymentId) -> Result<Claim> {
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    let Some(found) = Repo::<ScheduledPayment>::find(&mut *tx, id).await? else {
        return Ok(Claim::Over(Charged::Nothing));
    };
    // The person first, then the payment, then its plan: whoever changes any of them goes this way.
    let (_, account) = subject(&mut *tx, None, Some(found.account_id)).await?;
    let account = account.or_not_found("account")?;
    let mut payment = tx.lock_scheduled(id).await?.or_not_found("scheduled payment")?;
    if payment.status != ScheduledStatus::Pending {
        return Ok(Claim::Over(Charged::Nothing));
    }
    let plan = match payment.plan_id {
        Some(id) => tx.lock_plan(id).await?,
        None => None,
    };
    let said = tx.authorizations(account.id, authorize::MOST).await?;
    payment.updated_at = now;
    let due = time::day_of(now);
    let over = match next(&payment, plan.as_ref(), &account, &said, now) {
        Next::Ask(minor) => {
            let live = tx.organization().await?.live;
            let billing = wib.billing().ok_or_else(|| Error::unavailable("nobody moves money here"))?;
            if billing.live() != live {
                // What a sandbox takes is no money, and a test's debts are nobody's.
                return Err(Error::conflict("the organization and the billing vendor are not both live or both test"));
            }
            payment.status = payment.status.to(ScheduledStatus::Processing)?;
            payment.attempts += 1;
            payment.charge_minor = Some(minor);
            payment.claimed_at = Some(now);
            payment.vendor_payment_id = None;
            tx.update(&payment).await?;
            tx.commit().await?;
            return Ok(Claim::Ask(Box::new(payment)));
        }
        Next::ByHand => {
            payment.status = payment.status.to(ScheduledStatus::AwaitingManual)?;
            let source = format!("payment:{id}:manual");
            let task = Task::automatic(wib, account.id, TaskKind::Payment, "Take a payment that is due", due, source);
            task_once(wib, &mut *tx, &task).await?;
            Charged::Done
        }
        Next::Cancel(why) => {
            payment.status = payment.status.to(ScheduledStatus::Canceled)?;
            payment.last_error = Some(why);
            Charged::Done
        }
        Next::Hold(why) => {
            payment.status = payment.status.to(ScheduledStatus::Failed)?;
            payment.last_error = Some(why);
            let source = format!("payment:{id}:held:{}", payment.attempts);
            let title = "A payment may not be charged: see why";
            let task = Task::automatic(wib, account.id, TaskKind::Payment, title, due, source);
            task_once(wib, &mut *tx, &task).await?;
            Charged::Failed
        }
    };
    tx.update(&payment).await?;
    let action = if over == Charged::Failed { "payment:scheduled_failed" } else { "payment:scheduled_processed" };
    note(wib, &mut *tx, action, &payment).await;
    if let Some(plan) = plan
        && payment.status == ScheduledStatus::Canceled
    {
        follow(&mut *tx, plan, now).await?;
    }
    tx.commit().await?;
    Ok(Claim::Over(over))
}

/// What the vendor made of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The money came.
    Paid { vendor_id: String, minor: i64 },
    /// Banks take days.
    UnderWay { vendor_id: String },
    /// The bank, or the vendor, refused.
    Declined { vendor_id: Option<String>, why: String },
    /// The vendor was not reached, or did not take the request: the attempt does not count.
    Undone { why: String },
    /// Nobody knows.
    Doubt { why: String },
}

fn request(organization: OrganizationId, payment: &ScheduledPayment) -> NewPayment {
    let minor = payment.charge_minor.unwrap_or(payment.amount_minor);
    let metadata = Metadata::default()
        .with("organization_id", organization.to_string())
        .with("account_id", payment.account_id.to_string())
        .with("scheduled_payment", payment.id.to_string())
        .with("attempt", payment.attempts.to_string());
    NewPayment {
        customer: payment.customer_id.as_deref().map(Into::into),
        payment_method: payment.payment_method.as_deref().map(Into::into),
        confirm: true,
        off_session: true,
        metadata,
        ..NewPayment::of(Money { minor, currency: payment.currency })
    }
}

async fn ask(billing: &dyn Billing, organization: OrganizationId, payment: &ScheduledPayment) -> Outcome {
    match billing.create_payment(&request(organization, payment), &payment.key()).await {
        Ok(intent) => read(&intent),
        Err(error) => failed(&error),
    }
}

fn read(intent: &PaymentIntent) -> Outcome {
    let vendor_id = intent.id.as_str().to_owned();
    match &intent.status {
        PaymentStatus::Succeeded => Outcome::Paid { vendor_id, minor: intent.received.minor },
        PaymentStatus::Processing => Outcome::UnderWay { vendor_id },
        other => {
            let decline = intent.failure.as_ref().and_then(|failure| failure.decline.as_ref());
            let why = decline.map_or_else(|| other.as_str().to_owned(), |d| d.as_str().to_owned());
            Outcome::Declined { vendor_id: Some(vendor_id), why }
        }
    }
}

fn failed(error: &VendorError) -> Outcome {
    let why = error.to_string();
    match (error.fault, error.sent) {
        (Fault::Declined, _) => {
            let why = Decline::of(error).map_or(why, |decline| decline.as_str().to_owned());
            Outcome::Declined { vendor_id: None, why }
        }
        // Another request was made under this key: what became of it is to be looked for.
        (Fault::Conflict, _) | (_, Sent::Unknown) => Outcome::Doubt { why },
        (Fault::Request | Fault::Missing, _) => Outcome::Declined { vendor_id: None, why },
        _ => Outcome::Undone { why },
    }
}

/// Books what the vendor did, in one transaction. Only who holds the claim's attempt may.
async fn settle(
    wib: &Wib,
    organization: OrganizationId,
    claimed: &ScheduledPayment,
    outcome: Outcome,
) -> Result<Charged> {
    let now = wib.now();
    if let Outcome::Doubt { why } = &outcome {
        tracing::warn!(payment = %claimed.id, why, "nobody knows whether a payment was charged; it is looked after later");
        metrics::counter!("wib_payments_total", "outcome" => "doubt").increment(1);
        return Ok(Charged::Failed);
    }
    let mut tx = wib.store.org(organization).await?;
    let (_, account) = subject(&mut *tx, None, Some(claimed.account_id)).await?;
    let account = account.or_not_found("account")?;
    let mut payment = tx.lock_scheduled(claimed.id).await?.or_not_found("scheduled payment")?;
    let held = payment.status == ScheduledStatus::Processing && payment.attempts == claimed.attempts;
    if let Outcome::Paid { vendor_id, minor } = outcome {
        return book(wib, tx, account, payment, held, vendor_id, minor).await;
    }
    if !held {
        return Ok(Charged::Nothing);
    }
    payment.updated_at = now;
    let (word, charged) = match outcome {
        Outcome::UnderWay { vendor_id } => {
            payment.vendor_payment_id = Some(vendor_id);
            tx.update(&payment).await?;
            ("under_way", Charged::Done)
        }
        Outcome::Undone { why } => {
            payment.status = payment.status.to(ScheduledStatus::Pending)?;
            payment.attempts -= 1;
            payment.last_error = Some(why);
            tx.update(&payment).await?;
            ("undone", Charged::Failed)
        }
        Outcome::Declined { vendor_id, why } => {
            payment.vendor_payment_id = vendor_id;
            payment.last_error = Some(why);
            let last = payment.attempts >= payment.max_attempts;
            let to = if last { ScheduledStatus::Failed } else { ScheduledStatus::Pending };
            payment.status = payment.status.to(to)?;
            tx.update(&payment).await?;
            note(wib, &mut *tx, "payment:scheduled_failed", &payment).await;
            if last {
                give_up(wib, &mut *tx, &payment, &account).await?;
            }
            ("declined", Charged::Failed)
        }
        Outcome::Paid { .. } | Outcome::Doubt { .. } => ("", Charged::Nothing),
    };
    tx.commit().await?;
    metrics::counter!("wib_payments_total", "outcome" => word).increment(1);
    Ok(charged)
}

/// A payment was declined for the last time: its plan counts it, and a member follows up.
async fn give_up(wib: &Wib, tx: &mut dyn OrgTx, payment: &ScheduledPayment, account: &Account) -> Result<()> {
    let now = wib.now();
    let source = format!("payment:{}:failed", payment.id);
    let title = "A payment failed for good: get in touch";
    let due = time::day_of(now);
    let task = Task::automatic(wib, account.id, TaskKind::Followup, title, due.tomorrow().unwrap_or(due), source);
    task_once(wib, tx, &task).await?;
    let Some(id) = payment.plan_id else { return Ok(()) };
    let Some(mut plan) = tx.lock_plan(id).await? else { return Ok(()) };
    let before = plan.status;
    plan.failed_count += 1;
    let plan = follow(tx, plan, now).await?;
    if before == PlanStatus::Active && plan.status == PlanStatus::Defaulted {
        let about = ("payment_plan", Some(plan.id.uuid()));
        let line = Line::by(wib, Actor::System, "payment:plan_defaulted", about);
        line.changed(&json!({"status": before}), &json!({"status": plan.status, "failed": plan.failed_count}))
            .write(tx)
            .await;
    }
    Ok(())
}

/// Books money that came: once per payment of the vendor, whatever its row says by now.
async fn book(
    wib: &Wib,
    mut tx: Box<dyn OrgTx>,
    account: Account,
    mut payment: ScheduledPayment,
    held: bool,
    vendor_id: String,
    minor: i64,
) -> Result<Charged> {
    let now = wib.now();
    let billing = wib.billing().or_not_found("billing vendor")?;
    let vendor = billing.vendor();
    if tx.collected(vendor, &vendor_id).await? {
        return Ok(Charged::Nothing);
    }
    // Money that came for what is paid, taken back or being asked for again is booked, and a member looks at it.
    let fulfils = held || matches!(payment.status, ScheduledStatus::Pending | ScheduledStatus::Failed);
    let booked = CollectionPayment {
        id: wib.id(),
        account_id: account.id,
        plan_id: payment.plan_id,
        scheduled_payment_id: fulfils.then_some(payment.id),
        amount_minor: minor,
        currency: payment.currency,
        pay_by: PayBy::Saved,
        vendor: Some(vendor.to_owned()),
        vendor_payment_id: Some(vendor_id.clone()),
        reference: None,
        live: billing.live(),
        paid_at: now,
        recorded_by: None,
        created_at: now,
    };
    tx.insert(&booked).await?;
    let changed = lower(&mut *tx, &account, minor).await?;
    if fulfils {
        payment.status = payment.status.to(ScheduledStatus::Completed)?;
        payment.vendor_payment_id = Some(vendor_id);
        (payment.last_error, payment.completed_at, payment.updated_at) = (None, Some(now), now);
        tx.update(&payment).await?;
        note(wib, &mut *tx, "payment:scheduled_processed", &payment).await;
        if let Some(id) = payment.plan_id
            && let Some(plan) = tx.lock_plan(id).await?
        {
            follow(&mut *tx, plan, now).await?;
        }
    } else {
        let source = format!("payment:{vendor}:{}", booked.id);
        let title = "Money came that was not expected: see whether to give it back";
        let task = Task::automatic(wib, account.id, TaskKind::Review, title, time::day_of(now), source);
        task_once(wib, &mut *tx, &task).await?;
    }
    let about = ("payment", Some(booked.id.uuid()));
    Line::by(wib, Actor::System, "collection:payment_created", about)
        .is(&told(&booked, &changed))
        .write(&mut *tx)
        .await;
    tx.commit().await?;
    metrics::counter!("wib_payments_total", "outcome" => "paid").increment(1);
    Ok(Charged::Done)
}

async fn task_once(wib: &Wib, tx: &mut dyn OrgTx, task: &Task) -> Result<()> {
    if tx.note_task(task).await? {
        let told = json!({"kind": task.kind, "account_id": task.account_id, "source": task.source});
        let line = Line::by(wib, Actor::System, "task:auto_created", ("task", Some(task.id.uuid())));
        line.is(&told).write(tx).await;
    }
    Ok(())
}

async fn note(wib: &Wib, tx: &mut dyn OrgTx, action: &str, payment: &ScheduledPayment) {
    let told = json!({
        "account_id": payment.account_id, "status": payment.status, "attempts": payment.attempts,
        "charge_minor": payment.charge_minor, "last_error": payment.last_error,
    });
    let about = ("scheduled_payment", Some(payment.id.uuid()));
    Line::by(wib, Actor::System, action, about).is(&told).write(tx).await;
}

/// Looks what became of a payment that the vendor was asked for and nobody heard of.
///
/// It is looked for among the person's payments by what we wrote on it. When it is not there, the vendor never had it: the
/// payment waits for its turn again, where everything that may stand in the way is asked anew. The attempt does not count,
/// so the next one has the same key; a request that was on its way for all that time is then answered, not done twice.
pub(crate) async fn look_after(wib: &Wib, owner: Owner) -> Result<Charged> {
    let organization = owner.organization_id;
    let mut tx = wib.store.org(organization).await?;
    let found: Option<ScheduledPayment> = Repo::find(&mut *tx, owner.record.into()).await?;
    drop(tx);
    let now = wib.now();
    let Some(payment) = found.filter(|one| one.status == ScheduledStatus::Processing) else {
        return Ok(Charged::Nothing);
    };
    let Some(asked) = payment.claimed_at.filter(|at| *at <= time::before(now, DOUBT)) else {
        return Ok(Charged::Nothing);
    };
    let billing = wib.billing().ok_or_else(|| Error::unavailable("nobody moves money here"))?;
    if let Some(id) = &payment.vendor_payment_id {
        let intent = billing.payment(&id.as_str().into()).await?;
        return match read(&intent) {
            Outcome::UnderWay { .. } => Ok(Charged::Nothing),
            outcome => settle(wib, organization, &payment, outcome).await,
        };
    }
    let customer = payment.customer_id.as_deref().or_not_found("customer of the payment")?;
    let wanted = PaymentFilter { customer: Some(customer.into()), since: Some(time::before(asked, DOUBT)) };
    let (mut found, mut page) = (None, Slice::default());
    for _ in 0..PAGES {
        let listed = billing.payments(&wanted, &page).await?;
        found = choose(found, listed.items, &payment);
        match listed.next {
            Some(next) => page.after = Some(next),
            None => {
                let never = Outcome::Undone { why: "the vendor never had it".to_owned() };
                return settle(wib, organization, &payment, found.as_ref().map_or(never, read)).await;
            }
        }
    }
    match found {
        Some(intent) => settle(wib, organization, &payment, read(&intent)).await,
        None => Err(Error::unavailable("the person has more payments at the vendor than are looked through")),
    }
}

/// The intent of the payment's attempt among others, one that was paid before another.
fn choose(known: Option<PaymentIntent>, more: Vec<PaymentIntent>, payment: &ScheduledPayment) -> Option<PaymentIntent> {
    let (id, attempt) = (payment.id.to_string(), payment.attempts.to_string());
    let ours = more.into_iter().filter(|intent| {
        intent.metadata.get("scheduled_payment") == Some(&id) && intent.metadata.get("attempt") == Some(&attempt)
    });
    known.into_iter().chain(ours).max_by_key(|intent| intent.status == PaymentStatus::Succeeded)
}

/// The vendor told of a payment by itself. Whether it was one of ours.
pub(crate) async fn vendor_told(wib: &Wib, intent: &PaymentIntent) -> Result<bool> {
    let label = |name: &str| intent.metadata.get(name);
    let (Some(organization), Some(id), Some(attempt)) =
        (label("organization_id"), label("scheduled_payment"), label("attempt"))
    else {
        return Ok(false);
    };
    let (Ok(organization), Ok(id), Ok(attempt)) = (organization.parse(), id.parse(), attempt.parse()) else {
        return Ok(false);
    };
    let mut tx = wib.store.org(organization).await?;
    let found: Option<ScheduledPayment> = Repo::find(&mut *tx, id).await?;
    drop(tx);
    let Some(payment) = found else { return Ok(false) };
    let outcome = read(intent);
    // A decline is told by the answer; here it may be the word of an older attempt.
    if matches!(outcome, Outcome::Paid { .. }) {
        settle(wib, organization, &ScheduledPayment { attempts: attempt, ..payment }, outcome).await?;
    }
    Ok(true)
}
