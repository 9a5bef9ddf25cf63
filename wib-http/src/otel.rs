//! Traces for whoever collects them over OTLP: the spans of requests, messages, jobs and vendors' tries, with the words of
//! their fields and nothing that was logged in them. No field holds a number, a name or a text.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use tokio::runtime::{Builder, Runtime};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};
use wib_core::kit::{Error, Result, SystemClock, time};
use wib_providers::transport::{Network, Transport, full};

/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer of a collector that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// What gathers spans and sends them on, in batches, from a thread of its own.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to a collector, such as `http://collector:4318`.
    ///
    /// # Errors
    /// `Invalid` when the address is none; `Internal` when no client can be made.
    pub fn to(endpoint: &str) -> Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Carrier::new()?)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|e| Error::invalid("the collector's address is not valid").because(e))?;
        let resource = Resource::builder_empty()
            .with_service_name("wib")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build());
        Ok(Self(provider.build()))
    }

    /// What hears the spans of this program: ours alone, and no events, which may quote what went wrong.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let tracer: Tracer = self.0.tracer("wib");
        let layer = OpenTelemetryLayer::new(tracer).with_location(false).with_threads(false).with_target(false);
        layer.with_filter(filter_fn(|about| about.is_span() && about.target().starts_with("wib")))
    }

    /// Sends what is gathered still. It waits for the collector, a few seconds at most.
    pub fn end(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The house's own client, so that there is one TLS stack. The batches' thread has no runtime: it brings one.
#[derive(Debug)]
struct Carrier {
    network: Network,
    runtime: Mutex<Runtime>,
}

impl Carrier {
    fn new() -> Result<Self> {
        let client = |e: &dyn std::fmt::Display| Error::internal("no client for traces").because(e.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| client(&e))?;
        Ok(Self { network: Network::new().map_err(|e| client(&e))?, runtime: Mutex::new(runtime) })
    }
}

#[async_trait]
impl HttpClient for Carrier {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let sent = async {
            let answer = self.network.send(request.map(full)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LIMIT).collect().await?.to_bytes();
            Ok::<_, HttpError>(http::Response::from_parts(head, body))
        };
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = runtime.block_on(time::timeout(&SystemClock, PATIENCE, sent));
        answer.unwrap_or_else(|| Err("the collector does not answer in time".into()))
    }
}

/// Makes a request's span a child of the caller's, where `traceparent` names one.
pub(crate) fn follow(span: &tracing::Span, headers: &http::HeaderMap) {
    use opentelemetry::propagation::{Extractor, TextMapPropagator};
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    struct Head<'h>(&'h http::HeaderMap);
    impl Extractor for Head<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }
        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
    if headers.contains_key("traceparent") {
        let parent = opentelemetry_sdk::propagation::TraceContextPropagator::new().extract(&Head(headers));
        // Refused where nobody hears spans.
        let _ = span.set_parent(parent);
    }
}
