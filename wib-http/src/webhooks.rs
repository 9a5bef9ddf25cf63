//! Deliveries from vendors: the raw bytes go to the core, which verifies them before it reads them.

use axum::response::Response;
use serde_json::json;
use wib_core::{
    kit::Result,
    ports::webhook::{Headers, Refused},
};

use crate::{core_api::Core, reply, table::Asked};

/// The most bytes of a delivery: 1 MiB.
const LIMIT: usize = 1 << 20;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Kept.
    Taken,
    /// Kept before.
    Repeated,
    /// Not verified, or not readable.
    Refused(Refused),
}

/// The texts a vendor's contract has for what it is refused for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts {
    pub(crate) missing: &'static str,
    pub(crate) wrong: &'static str,
}

/// Reads the delivery and hands its bytes on; `take` is the core's door.
pub(crate) async fn receive<C: Core>(
    asked: &Asked<C>,
    texts: Texts,
    take: impl AsyncFnOnce(&Headers<'_>, &[u8]) -> Result<Delivery>,
) -> Result<Response> {
    let body = asked.bytes(LIMIT).await?;
    let headers: Vec<_> = asked.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    Ok(match take(&Headers(&headers), &body).await {
        Ok(Delivery::Taken) => reply::json(200, &json!({ "received": true })),
        Ok(Delivery::Repeated) => reply::json(200, &json!({ "received": true, "duplicate": true })),
        Ok(Delivery::Refused(refused)) => refusal(refused, texts),
        // Whatever it was: the vendor is to try again.
        Err(error) => {
            tracing::error!(cause = error.chain(), "delivery was not kept");
            reply::json(500, &json!({ "error": "Webhook processing failed", "code": "INTERNAL_ERROR" }))
        }
    })
}

fn refusal(refused: Refused, texts: Texts) -> Response {
    let (status, error, code) = match refused {
        Refused::EmptyBody => (400, "Empty body not allowed", "VALIDATION_ERROR"),
        Refused::NotConfigured => (500, "Webhook verification not configured", "INTERNAL_ERROR"),
        Refused::MissingHeaders => (401, texts.missing, "AUTH_REQUIRED"),
        Refused::BadSignature => (401, texts.wrong, "AUTH_REQUIRED"),
        Refused::InvalidJson => (400, "Invalid JSON body", "INVALID_JSON"),
        Refused::InvalidStructure => (400, "Invalid webhook body structure", "VALIDATION_ERROR"),
        _ => (401, texts.wrong, "AUTH_REQUIRED"),
    };
    tracing::warn!(?refused, "delivery refused");
    reply::json(status, &json!({ "error": error, "code": code }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_status_of_the_contract() {
        let texts = Texts { missing: "missing", wrong: "wrong" };
        let told = |refused| refusal(refused, texts).status().as_u16();
        let body = [Refused::EmptyBody, Refused::InvalidJson, Refused::InvalidStructure];
        assert_eq!(body.map(told), [400; 3]);
        assert_eq!([Refused::MissingHeaders, Refused::BadSignature].map(told), [401; 2]);
        assert_eq!(told(Refused::NotConfigured), 500);
    }
}
