//! What carries requests to vendors: the network, or a sandbox in the same process.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use wib_core::ports::Sent;

/// Any cause of a failed body or connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request's or an answer's body.
pub type Body = BoxBody<Bytes, BoxError>;

/// A body that is known whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub struct SendError {
    /// Whether it may have taken effect.
    pub sent: Sent,
    /// Why.
    #[source]
    pub source: BoxError,
}

/// Carries one request and brings its answer. Deadlines, retries and errors are the client's ([`crate::http`]).
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// The answer, its body still flowing.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError>;
}
