//! `Idempotency-Key`: a request that is run once, and told of as often as it is asked.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tracing::Instrument;
use wib_core::{
    idempotency::{Claim, IdempotentRequest, Keyed},
    kit::{Error, Id, Result},
};

use crate::{
    core_api::Core,
    edge,
    input::Merged,
    reply::{self, Place},
    table::{Route, Run},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is asked with a key.
pub(crate) struct Ask<C: Core> {
    pub(crate) key: String,
    pub(crate) row: Arc<Route<C>>,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) merged: Merged,
    pub(crate) place: Place,
}

/// The key, when the row honours one and it was given.
pub(crate) fn key<C: Core>(row: &Route<C>, headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(KEY).iter();
    let Some(first) = given.next().filter(|_| row.idempotent()) else { return Ok(None) };
    if given.next().is_some() {
        return Err(Error::field("Idempotency-Key", "given more than once"));
    }
    first.to_str().map(|key| Some(key.to_owned())).map_err(|_| Error::field("Idempotency-Key", "must be plain ASCII"))
}

/// Runs the request, unless its key is known; then tells what was answered.
///
/// It is in a task of its own from the claim on: a client that hangs up must not leave a key taken, and its request not run
/// or half run.
pub(crate) async fn answer<C: Core>(core: C, org: C::Org, ask: Ask<C>) -> Result<Response> {
    let asked = async move {
        let what = format!("{} {}", ask.row.method, ask.uri.path_and_query().map_or("", |path| path.as_str()));
        let request = Keyed { key: &ask.key, what: &what, said: &ask.body };
        match core.claim(&org, request).await? {
            Claim::Answered { status, body } => {
                let mut response = reply::with_type(status, "application/json", body);
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            Claim::Run(id) => Ok(run(core, org, ask, id).await),
        }
    };
    let running = tokio::spawn(asked.instrument(tracing::Span::current()));
    running.await.map_err(|e| Error::internal("a request's task ended early").because(e))?
}

async fn run<C: Core>(core: C, org: C::Org, ask: Ask<C>, id: Id<IdempotentRequest>) -> Response {
    let Ask { row, merged, place, .. } = ask;
    let (Run::Org(work), Some(told)) = (&*row.run, row.answers.first()) else {
        return reply::failure(&Error::internal("a row without an answer"), row.style, &place);
    };
    let done = AssertUnwindSafe(work(org.clone(), merged)).catch_unwind().await;
    let done = done.unwrap_or_else(|panic| Err(Error::internal("panicked").because(edge::said(&*panic))));
    let (status, body) = match done.and_then(|answer| told.envelope.wrap(answer)) {
        Ok(wrapped) => (told.status, wrapped),
        Err(error) => match reply::failed(&error, row.style, &place) {
            // What is told besides the body (when to come back) belongs to answers that are not kept.
            (status, body) if status >= 500 || status == 429 => {
                settle(&core, &org, id, status, &body.to_string()).await;
                return reply::failure(&error, row.style, &place);
            }
            refused => refused,
        },
    };
    settle(&core, &org, id, status, &body.to_string()).await;
    reply::json(status, &body)
}

/// The answer was given; without its record the key stays taken, so that nothing is run twice.
async fn settle<C: Core>(core: &C, org: &C::Org, id: Id<IdempotentRequest>, status: u16, body: &str) {
    if let Err(error) = core.settle(org, id, status, body).await {
        tracing::error!(error = error.chain(), "an answer could not be kept under its key");
    }
}
