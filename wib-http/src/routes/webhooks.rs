use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{Wib, engine::ReceiveError, kit::Result, limits::Limit, ports::webhook::Refused};

use crate::{
    table::{Asked, Routes, Wire, signature},
    webhooks::{self, Delivery, Texts},
};

/// A delivery that is kept.
#[derive(Serialize, JsonSchema)]
struct Received {
    received: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

const TELNYX: Texts = Texts { missing: "Missing signature headers", wrong: "Invalid signature" };
const STRIPE: Texts = Texts { missing: "Missing stripe-signature header", wrong: "Invalid webhook signature" };
const RESEND: Texts = Texts { missing: "Missing webhook signature headers", wrong: "Invalid webhook signature" };
const ASSEMBLYAI: Texts = Texts { missing: "Invalid webhook authentication", wrong: "Invalid webhook authentication" };

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("webhooks", "/webhooks")
        .and_at("/api/webhooks")
        .raw(
            Method::POST,
            "/telnyx",
            signature().limit(Limit::ExternalWebhook),
            Wire::json::<Received>().refuses(&[400, 413]),
            |asked| async move { take(&asked, "telnyx", TELNYX).await },
        )
        .raw(
            Method::POST,
            "/assemblyai",
            signature().limit(Limit::ExternalWebhook),
            Wire::json::<Received>().refuses(&[400, 413]),
            |asked| async move { take(&asked, "assemblyai", ASSEMBLYAI).await },
        )
        .raw(
            Method::POST,
            "/stripe",
            signature().limit(Limit::ExternalWebhook),
            Wire::json::<Received>().refuses(&[400, 413]),
            |asked| async move { take(&asked, "stripe", STRIPE).await },
        )
        .raw(
            Method::POST,
            "/resend",
            signature().limit(Limit::ExternalWebhook),
            Wire::json::<Received>().refuses(&[400, 413]),
            |asked| async move { take(&asked, "resend", RESEND).await },
        )
}

async fn take(asked: &Asked<Wib>, vendor: &str, texts: Texts) -> Result<Response> {
    let system = asked.core().system();
    webhooks::receive(asked, texts, async |headers, body| match system.receive(vendor, headers, body).await {
        Ok(receipt) if receipt.duplicate => Ok(Delivery::Repeated),
        Ok(_) => Ok(Delivery::Taken),
        Err(ReceiveError::Refused(refused)) => Ok(Delivery::Refused(refused)),
        Err(ReceiveError::UnknownVendor) => Ok(Delivery::Refused(Refused::NotConfigured)),
        Err(ReceiveError::Failed(error)) => Err(error),
    })
    .await
}
