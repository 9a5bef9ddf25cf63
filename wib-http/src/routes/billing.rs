//! What the service costs an organisation, and what it pays with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Person, Wib,
    billing::{Billed, ChangePlan, InvoiceState, KnownInvoice, KnownMethod, KnownSubscription, OpenCheckout},
    kit::{Money, Result, Role, Timestamp},
    limits::Limit,
    orgs::Plan,
};

use crate::{
    input::{Nothing, renamed},
    table::{Routes, person, role, session},
};

/// How the subscription stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BillingRow {
    plan: Plan,
    /// As the vendor says; `cancelling` when it ends with its period, `no_subscription`, `no_organization`.
    status: String,
    #[schemars(with = "Option<String>")]
    next_billing_date: Option<Timestamp>,
    /// What a period costs, in cents; null when it is not known.
    amount: Option<i64>,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<String>,
    #[serde(flatten)]
    subscription: Option<SubscriptionFields>,
}
/// What is told with a subscription alone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SubscriptionFields {
    subscription_id: String,
    plan_id: Option<String>,
    #[schemars(with = "Option<String>")]
    current_period_end: Option<Timestamp>,
    cancel_at_period_end: bool,
    #[schemars(with = "String")]
    plan_started_at: Timestamp,
    #[schemars(with = "Option<String>")]
    plan_ends_at: Option<Timestamp>,
}

impl BillingRow {
    fn bare(plan: Plan, status: &str) -> Self {
        Self {
            plan,
            status: status.to_owned(),
            next_billing_date: None,
            amount: Some(0),
            currency: "USD".to_owned(),
            stripe_customer_id: None,
            subscription: None,
        }
    }
    fn of(plan: Plan, billed: Billed) -> Self {
        let customer = billed.account.as_ref().map(|account| account.customer_id.clone());
        let Some(known) = billed.subscription else {
            return Self { stripe_customer_id: customer, ..Self::bare(plan, "no_subscription") };
        };
        // Unpaid invoices count: the account knows of them, the subscription alone does not.
        let standing = billed.account.and_then(|account| account.subscription_status).unwrap_or(known.status);
        let ends = known.cancel_at_period_end && !known.status.over();
        let KnownSubscription { period_ends, .. } = known;
        Self {
            plan,
            status: if ends && standing.entitles() { "cancelling".to_owned() } else { standing.to_string() },
            next_billing_date: period_ends.filter(|_| !ends && !known.status.over()),
            amount: known.amount_minor,
            currency: known.currency.map_or_else(|| "USD".to_owned(), |currency| currency.code().to_owned()),
            stripe_customer_id: customer,
            subscription: Some(SubscriptionFields {
                plan_id: known.plan.map(|plan| plan.to_string()).or(known.price_id),
                subscription_id: known.vendor_id,
                current_period_end: period_ends,
                cancel_at_period_end: known.cancel_at_period_end,
                plan_started_at: known.began_at,
                plan_ends_at: period_ends.filter(|_| ends || known.status.over()),
            }),
        }
    }
}

async fn billing(person: Person) -> Result<BillingRow> {
    if person.signed_in().principal.is_none() {
        return Ok(BillingRow::bare(Plan::Free, "no_organization"));
    }
    let org = person.org().await?;
    Ok(BillingRow::of(org.organization().plan, org.billing().await?))
}

/// What may be shown of a card.
#[derive(Serialize, JsonSchema)]
struct CardRow {
    brand: String,
    last4: String,
    exp_month: i64,
    exp_year: i64,
}
/// Something that is paid with.
#[derive(Serialize, JsonSchema)]
struct MethodRow {
    id: String,
    /// What it is: `card`, ...
    kind: String,
    /// Null when it is no card.
    card: Option<CardRow>,
    is_default: bool,
}
impl From<(KnownMethod, bool)> for MethodRow {
    fn from((method, is_default): (KnownMethod, bool)) -> Self {
        let KnownMethod { vendor_id, kind, brand, last4, exp_month, exp_year, .. } = method;
        let card = || Some(CardRow { brand: brand?, last4: last4?, exp_month: exp_month?, exp_year: exp_year? });
        Self { id: vendor_id, kind, card: card(), is_default }
    }
}
/// What is paid with.
#[derive(Serialize, JsonSchema)]
struct Methods {
    methods: Vec<MethodRow>,
}

/// Takes something away that is paid with, by the vendor's id.
#[derive(Deserialize, JsonSchema)]
struct RemoveMethod {
    id: String,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
struct BillingDone {
    message: &'static str,
}

/// An invoice.
#[derive(Serialize, JsonSchema)]
struct InvoiceRow {
    id: String,
    number: Option<String>,
    /// In whole units of the currency: dollars.
    amount_paid: f64,
    currency: String,
    status: InvoiceState,
    #[schemars(with = "String")]
    created: Timestamp,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
}
impl From<KnownInvoice> for InvoiceRow {
    fn from(invoice: KnownInvoice) -> Self {
        let paid = Money { minor: invoice.paid_minor, currency: invoice.currency };
        Self {
            id: invoice.vendor_id,
            number: invoice.number,
            amount_paid: paid.decimal().parse().unwrap_or_default(),
            currency: invoice.currency.code().to_lowercase(),
            status: invoice.status,
            created: invoice.billed_at.unwrap_or(invoice.created_at),
            hosted_invoice_url: invoice.url,
            invoice_pdf: invoice.pdf_url,
        }
    }
}
/// Which page of invoices.
#[derive(Deserialize, JsonSchema)]
struct ListInvoices {
    /// From 1.
    page: Option<i64>,
    /// At most 100; 20 by default.
    limit: Option<i64>,
}
/// A page of invoices, the newest first.
#[derive(Serialize, JsonSchema)]
struct Invoices {
    invoices: Vec<InvoiceRow>,
    page: i64,
    limit: u32,
}

/// Opens a page on which somebody subscribes to a plan.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Checkout {
    /// The vendor's price: `price_...`, at most 200 characters.
    #[schemars(length(max = 200))]
    price_id: String,
    /// The plan that it pays for, at most 200 characters.
    #[schemars(length(max = 200))]
    plan_id: Option<String>,
    /// Taken and not read: people come back to the site's settings.
    #[serde(rename = "returnUrl")]
    #[schemars(length(max = 2000))]
    return_url: Option<String>,
}
/// Has the subscription be for another price from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NewPlan {
    /// The vendor's price: `price_...`, at most 200 characters.
    #[schemars(length(max = 200))]
    price_id: String,
    /// The plan that it pays for, at most 200 characters.
    #[schemars(length(max = 200))]
    plan_id: Option<String>,
}
/// The vendor's page to subscribe on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckoutPage {
    url: String,
    session_id: String,
}
/// The vendor's page to manage everything on; good for minutes, and for whoever has it.
#[derive(Serialize, JsonSchema)]
struct PortalPage {
    url: String,
}
/// What was found at the vendor.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Synced {
    total_synced: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

const NAMES: &[(&str, &str)] = &[("price_id", "priceId"), ("plan_id", "planId")];

async fn checkout(org: wib_core::Org, c: Checkout) -> Result<CheckoutPage> {
    if c.return_url.is_some_and(|url| url.chars().count() > 2000) {
        return Err(wib_core::kit::Error::field("returnUrl", "must have at most 2000 characters"));
    }
    let command = OpenCheckout { price_id: c.price_id, plan_id: c.plan_id };
    let session = org.open_checkout(command).await.map_err(|error| renamed(error, NAMES))?;
    let url = session.url.ok_or_else(|| wib_core::kit::Error::vendor("the billing vendor gave no page"))?;
    Ok(CheckoutPage { url, session_id: session.id.as_str().to_owned() })
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("billing", "/api/billing")
        .get("/", person(), |person, _: Nothing| async move { billing(person).await })
        .about("Tells what the organisation pays for, and how its subscription stands.")
        .item("billing")
        .get("/subscription", person(), |person, _: Nothing| async move { billing(person).await })
        .about("Tells what the organisation pays for, and how its subscription stands.")
        .item("billing")
        .get("/payment-methods", session(), |org, _: Nothing| async move {
            let methods = org.payment_methods().await?.into_iter().map(MethodRow::from).collect();
            Ok(Methods { methods })
        })
        .about("Lists what the organisation pays with.")
        .flat()
        .delete("/payment-methods/{id}", role(Role::Admin).limit(Limit::Billing), |org, c: RemoveMethod| async move {
            org.remove_payment_method(&c.id).await?;
            Ok(BillingDone { message: "Payment method removed" })
        })
        .refuses(&[409, 502, 504])
        .flat()
        .get("/invoices", session(), |org, c: ListInvoices| async move {
            let list = org.list_invoices(c.page, c.limit).await?;
            let page = i64::from(list.offset / list.limit.max(1)) + 1;
            Ok(Invoices { page, limit: list.limit, invoices: list.items.into_iter().map(InvoiceRow::from).collect() })
        })
        .about("Lists invoices, the newest first.")
        .flat()
        .post(
            "/checkout",
            role(Role::Admin).limit(Limit::Billing),
            |org, c: Checkout| async move { checkout(org, c).await },
        )
        .idempotent()
        .refuses(&[502, 504])
        .flat()
        .post("/portal", role(Role::Admin).limit(Limit::Billing), |org, _: Nothing| async move {
            Ok(PortalPage { url: org.open_portal().await? })
        })
        .about("Opens the vendor's page on which everything is managed.")
        .idempotent()
        .refuses(&[502, 504])
        .flat()
        .post("/cancel", role(Role::Owner).limit(Limit::Billing), |org, _: Nothing| async move {
            org.cancel_subscription().await?;
            Ok(BillingDone { message: "The subscription ends with its period" })
        })
        .about("Has the subscription end with its period.")
        .idempotent()
        .refuses(&[502, 504])
        .flat()
        .post("/resume", role(Role::Admin).limit(Limit::Billing), |org, _: Nothing| async move {
            org.resume_subscription().await?;
            Ok(BillingDone { message: "The subscription goes on" })
        })
        .about("Takes back that the subscription ends with its period.")
        .idempotent()
        .refuses(&[502, 504])
        .flat()
        .post("/change-plan", role(Role::Admin).limit(Limit::Billing), |org, c: NewPlan| async move {
            let command = ChangePlan { price_id: c.price_id, plan_id: c.plan_id };
            org.change_plan(command).await.map_err(|error| renamed(error, NAMES))?;
            Ok(BillingDone { message: "The plan was changed" })
        })
        .idempotent()
        .refuses(&[502, 504])
        .flat()
        .post("/sync-stripe-data", role(Role::Admin), |org, _: Nothing| async move {
            Ok(match org.sync_billing().await? {
                Some(total_synced) => Synced { total_synced, message: None },
                None => Synced { total_synced: 0, message: Some("There is no billing account yet") },
            })
        })
        .about("Asks the vendor for everything it has of the organisation.")
        .refuses(&[409, 429, 502, 504])
        .flat()
}
