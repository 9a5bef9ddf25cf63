//! Models by order, and what the service costs.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json, json};
use wib_core::{
    kit::Currency,
    orgs::Plan,
    ports::billing::{
        Interval, Metadata, NewItem, NewPrice, NewProduct, NewRecurring, NewSubscription, PriceId, UnitAmount,
    },
    transcripts::OrderTranscript,
};

use crate::server::Server;

/// A price of the sandbox's; every house of this process has it by the same id.
static PRICE: OnceLock<String> = OnceLock::new();

/// A monthly price of the vendor's that pays for a plan.
pub(crate) async fn price(server: &Server, plan: Plan, minor: i64) -> PriceId {
    let billing = server.wib.billing().unwrap();
    let product = NewProduct { name: plan.to_string(), ..NewProduct::default() };
    let product = billing.create_product(&product, &format!("product-{plan}-{minor}")).await.unwrap();
    let new = NewPrice {
        product: product.id,
        currency: Currency::USD,
        amount: UnitAmount::Minor(minor),
        recurring: Some(NewRecurring { interval: Interval::Month, count: 1, meter: None }),
        lookup_key: None,
        metadata: Metadata::default().with("plan", plan.as_str()),
    };
    billing.create_price(&new, &format!("price-{plan}-{minor}")).await.unwrap().id
}

/// Makes the organisation a customer with a card and a subscription to that price; the card's id.
pub(crate) async fn subscribe(server: &Server, price: &PriceId) -> String {
    let (org, billing) = (server.org().await, server.wib.billing().unwrap());
    let account = org.ensure_customer(None).await.unwrap();
    let customer = account.customer_id.as_str().into();
    let card = billing.attach_payment_method(&"pm_card_visa".into(), &customer, "card").await.unwrap().id;
    let new = NewSubscription {
        default_payment_method: Some(card.clone()),
        ..NewSubscription::of(customer.clone(), vec![NewItem::of(price.clone())])
    };
    billing.create_subscription(&new, "subscription").await.unwrap();
    billing.set_default_payment_method(&customer, &card, "usual").await.unwrap();
    org.sync_billing().await.unwrap();
    card.as_str().to_owned()
}

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    let price = price(server, Plan::Enterprise, 99_900).await;
    assert_eq!(PRICE.get_or_init(|| price.as_str().to_owned()), price.as_str());
    let card = subscribe(server, &price).await;
    ids.insert("/api/billing/payment-methods".to_owned(), json!(card));
    let audio_url = "https://sounds.example.com/call.mp3".to_owned();
    let order = OrderTranscript { audio_url, ..OrderTranscript::default() };
    let ordered = server.org().await.order_transcript(order).await.unwrap();
    ids.insert("/api/ai/transcribe".to_owned(), json!(ordered.vendor_id));
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    match (method, path) {
        ("POST", "/api/billing/checkout" | "/api/billing/change-plan") => {
            body.insert("priceId".to_owned(), json!(PRICE.get()));
        }
        ("POST", "/api/capabilities/check") => _ = body.insert("capabilities".to_owned(), json!(["teams"])),
        ("POST", "/api/ai/llm/chat" | "/api/ai/router/chat") => {
            body.insert("messages".to_owned(), json!([{ "role": "user", "content": "Good day." }]));
        }
        ("POST", "/api/ai/llm/summarize" | "/api/ai/llm/analyze") => {
            body.insert("text".to_owned(), json!("agent: Good day.\ncustomer: I can pay $50 on Friday."));
        }
        ("POST", "/api/ai/transcribe" | "/api/ai/transcribe/transcribe") => {
            body.insert("audio_url".to_owned(), json!("https://sounds.example.com/other.mp3"));
        }
        _ => {}
    }
}
