//! What is done about an invoice that is not paid.

use std::time::Duration;

use serde_json::json;

use super::{DunningAction, DunningLevel, DunningStep, KnownInvoice};
use crate::{
    audit::Line,
    engine::{NewMessage, Topic},
    kit::{Actor, Error, Id, Money, OrNotFound, Result, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Fault,
        billing::EditSubscription,
        mailer::{Mail, Mailbox},
    },
    wib::Wib,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The level that is due now, by the steps that were taken.
pub(super) fn due(steps: &[DunningStep], now: Timestamp) -> Option<DunningLevel> {
    let last = steps.iter().max_by_key(|step| step.level);
    let waits = last.is_some_and(|step| step.next_action_at.is_some_and(|at| at > now));
    if waits { None } else { DunningLevel::behind(last.map(|step| step.level)) }
}

/// Takes the next step of every overdue invoice of an organisation whose time has come; how many steps, and how many
/// failed.
pub(crate) async fn escalate(wib: &Wib, organization: OrganizationId, since: Timestamp) -> Result<(i64, i64)> {
    let invoices = wib.store.org(organization).await?.overdue_invoices(since, super::apply::MOST).await?;
    let (mut taken, mut failed) = (0, 0);
    for invoice in invoices {
        match step(wib, organization, &invoice).await {
            Ok(done) => taken += i64::from(done),
            Err(error) => {
                tracing::error!(%organization, invoice = %invoice.id, error = error.chain(), "a dunning step failed");
                failed += 1;
            }
        }
    }
    Ok((taken, failed))
}

async fn step(wib: &Wib, organization: OrganizationId, invoice: &KnownInvoice) -> Result<bool> {
    let steps = wib.store.org(organization).await?.dunning_of(invoice.id).await?;
    let Some(level) = due(&steps, wib.now()) else { return Ok(false) };
    // The vendor first: doing it twice is doing it once, and a step that is written down was taken.
    if level == DunningLevel::Suspension {
        suspend(wib, organization, invoice).await?;
    }
    let mut tx = wib.store.org(organization).await?;
    let account = tx.lock_billing_account().await?.or_not_found("billing account")?;
    let invoice: KnownInvoice = tx.find(invoice.id).await?.or_not_found("invoice")?;
    let now = wib.now();
    if !invoice.overdue() || due(&tx.dunning_of(invoice.id).await?, now) != Some(level) {
        return Ok(false);
    }
    let row = DunningStep {
        id: wib.id(),
        invoice_id: invoice.id,
        attempt_number: invoice.attempts,
        level,
        action: match level {
            DunningLevel::Suspension => DunningAction::CancelsAtPeriodEnd,
            _ => DunningAction::Mailed,
        },
        next_action_at: level.days().map(|days| time::after(now, DAY * days)),
        resolved_at: None,
        created_at: now,
    };
    tx.insert(&row).await?;
    let to = match account.email {
        Some(email) => vec![email],
        None => wib.store.system().await?.owners_addresses(organization, 10).await?,
    };
    let to: Vec<Mailbox> = to.iter().filter_map(|address| address.parse().ok()).collect();
    if to.is_empty() {
        tracing::warn!(%organization, "nobody can be mailed about an invoice");
    } else {
        let mail = mail(to, &invoice, level);
        let payload =
            serde_json::to_value(&mail).map_err(|e| Error::internal("a mail cannot be written").because(e))?;
        let key = format!("dunning:{}:{level}", invoice.id);
        tx.enqueue(&NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await?;
    }
    let told = json!({
        "invoice": invoice.vendor_id, "attempt_number": row.attempt_number, "escalation_level": row.level,
        "action_taken": row.action, "next_action_at": row.next_action_at,
    });
    let line = Line::by(wib, Actor::System, "dunning:escalated", ("invoice", Some(invoice.id.uuid())));
    line.is(&told).write(&mut *tx).await;
    tx.commit().await?;
    metrics::counter!("wib_dunning_steps_total", "level" => level.as_str()).increment(1);
    wib.wake();
    Ok(true)
}

/// Has the subscription end with its period.
async fn suspend(wib: &Wib, organization: OrganizationId, invoice: &KnownInvoice) -> Result<()> {
    let account = wib.store.org(organization).await?.billing_account().await?.or_not_found("billing account")?;
    let subscription = invoice.subscription_id.clone().or(account.subscription_id);
    let Some(subscription) = subscription else { return Ok(()) };
    let billing = wib.billing().ok_or_else(|| Error::unavailable("nobody moves money here"))?;
    let edit = EditSubscription { cancel_at_period_end: Some(true), ..EditSubscription::default() };
    match billing.update_subscription(&subscription.as_str().into(), &edit, &key(invoice.id)).await {
        Ok(_) => Ok(()),
        // It has ended.
        Err(error) if error.fault == Fault::Missing => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn key(invoice: Id<KnownInvoice>) -> String {
    format!("dunning:{invoice}:suspension")
}

fn mail(to: Vec<Mailbox>, invoice: &KnownInvoice, level: DunningLevel) -> Mail {
    let name = invoice.number.as_deref().unwrap_or(&invoice.vendor_id);
    let left = invoice.due_minor.saturating_sub(invoice.paid_minor).max(0);
    let amount = Money { minor: left, currency: invoice.currency };
    let (subject, what) = match level {
        DunningLevel::Reminder => (
            format!("Payment of invoice {name} did not go through"),
            "The payment did not go through. It will be tried again; please see that the payment method is valid.",
        ),
        DunningLevel::Warning => (
            format!("Invoice {name} is still unpaid"),
            "Several days have passed and the invoice is still unpaid. Please pay it, or change the payment method.",
        ),
        DunningLevel::FinalNotice => (
            format!("Final notice: invoice {name}"),
            "This is the last notice. Unless the invoice is paid within seven days, the subscription will end with its \
             current period.",
        ),
        DunningLevel::Suspension => (
            format!("Your subscription will end: invoice {name}"),
            "The invoice was not paid. The subscription ends with its current period. Paying the invoice keeps it.",
        ),
    };
    let link = invoice.url.as_ref().map(|url| format!("\n\nSee and pay it here: {url}")).unwrap_or_default();
    let text = format!("Invoice {name}, {amount}.\n\n{what}{link}\n");
    Mail { to, subject, text: Some(text), ..Mail::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_each_other_by_their_order_and_not_before_their_time() {
        let at = |day: i64| Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap();
        let mut steps: Vec<DunningStep> = vec![];
        let mut taken = vec![];
        // A year of daily runs.
        for day in 0..365 {
            while let Some(level) = due(&steps, at(day)) {
                taken.push((day, level));
                let next = level.days().map(|days| time::after(at(day), DAY * days));
                steps.insert(
                    0,
                    DunningStep {
                        id: Id::from(uuid::Uuid::from_u128(u128::try_from(day).unwrap())),
                        invoice_id: Id::from(uuid::Uuid::nil()),
                        attempt_number: 1,
                        level,
                        action: DunningAction::Mailed,
                        next_action_at: next,
                        resolved_at: None,
                        created_at: at(day),
                    },
                );
            }
        }
        use DunningLevel::{FinalNotice, Reminder, Suspension, Warning};
        assert_eq!(taken, [(0, Reminder), (3, Warning), (7, FinalNotice), (14, Suspension)]);
        assert!(Reminder < Warning && Warning < FinalNotice && FinalNotice < Suspension);
    }
}
