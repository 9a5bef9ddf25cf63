//! The port's suite over the sandbox; whatever goes over the wire meanwhile is held against the vendor's document.

use std::sync::LazyLock;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use wib_core::{
    kit::{SeededRandom, VirtualClock},
    testing::billing_suite::BillingBench,
};

use super::*;
use crate::{
    http::Wires,
    sandbox::{Sandbox, Settings},
    testing::{Seen, contract::Contract},
    transport::{Body, SendError, Transport, full},
};

static CONTRACT: LazyLock<Option<Contract>> = LazyLock::new(|| Contract::open("stripe"));

/// The sandbox, with every request and answer held against the document.
#[derive(Debug)]
struct Checked {
    sandbox: Arc<dyn Transport>,
}

#[async_trait]
impl Transport for Checked {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (head, body) = request.into_parts();
        let body: Bytes = body.collect().await.unwrap().to_bytes();
        let seen = Seen {
            method: head.method.to_string(),
            host: String::new(),
            target: head.uri.path_and_query().unwrap().to_string(),
            headers: head.headers.clone(),
            body: body.clone(),
            at: Timestamp::UNIX_EPOCH,
        };
        let (answer, bytes) = self.sandbox.send(Request::from_parts(head, full(body))).await?.into_parts();
        let bytes = bytes.collect().await.unwrap().to_bytes();
        if let Some(contract) = &*CONTRACT {
            let (operation, faults) = contract.check(&seen);
            assert!(faults.is_empty(), "{} {}: {faults:#?}", seen.method, seen.target);
            // Half an answer is a fault that was ordered.
            if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&bytes) {
                let faults = contract.answer_faults(&operation.unwrap().name, answer.status.as_u16(), &json);
                assert!(faults.is_empty(), "{} {}: {faults:#?}\n{json:#}", seen.method, seen.target);
            }
        }
        Ok(Response::from_parts(answer, full(bytes)))
    }
}

pub(super) fn checked(sandbox: &Sandbox, clock: &Arc<VirtualClock>) -> Wires {
    let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
    Wires { transport: Arc::new(Checked { sandbox: wires.transport.clone() }), ..wires }
}

async fn make(_name: &'static str) -> Option<BillingBench> {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 7, Settings::default());
    let stripe = Stripe::builder(checked(&sandbox, &clock), "sk_test_1".to_owned().into()).build();
    Some(BillingBench::new(Arc::new(stripe), clock))
}

wib_core::billing_suite!(make);
