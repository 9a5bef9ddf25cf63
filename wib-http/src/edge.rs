//! What every request passes and every answer carries: its id, CORS, headers of caution, a count.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection},
    middleware::Next,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tracing::Instrument;
use wib_core::{
    kit::{Error, Random, Result, SecretString},
    limits::{Asker, Standing},
};

use crate::{
    AppConfig, auth,
    core_api::Core,
    cors::Cors,
    input::{self, BODY_LIMIT},
    limits::{self, Limits},
    metrics, once,
    reply::{self, Correlation, Place},
    table::{Access, Asked, Route, Run, Table},
};

const CAUTION: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=()"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// What every request needs at hand.
#[derive(Clone)]
pub(crate) struct App<C> {
    core: C,
    cors: Cors,
    limits: Arc<Limits>,
    internal_key: Option<SecretString>,
    document: Bytes,
}

/// The route that answered, for the counters.
#[derive(Clone)]
struct Template(Arc<str>);

/// The table as a router, inside the edge.
pub(crate) fn router<C: Core>(core: C, table: Table<C>, config: &AppConfig) -> Router {
    let document = table.openapi(&config.server).to_string().into();
    let app = App {
        core,
        cors: Cors::new(config.cors_origin.as_deref()),
        limits: config.limits.clone().into(),
        internal_key: config.internal_key.clone(),
        document,
    };
    let mut router = Router::new();
    for row in table.0 {
        let (path, filter) = (row.path.clone(), MethodFilter::try_from(row.method.clone()));
        let (row, app) = (Arc::new(row), app.clone());
        let template = Template(row.path.as_str().into());
        let handler = move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            answer(app.clone(), Arc::clone(&row), template.clone(), params, request)
        };
        let filter = filter.expect("rows have methods that can be routed");
        let methods: MethodRouter = on(filter, handler);
        router = router.route(&path, methods);
    }
    let (lost, refused) = (app.clone(), app.clone());
    router
        .fallback(move |request: Request| no_route(lost.clone(), StatusCode::NOT_FOUND, request))
        .method_not_allowed_fallback(move |request: Request| {
            no_route(refused.clone(), StatusCode::METHOD_NOT_ALLOWED, request)
        })
        .layer(axum::middleware::from_fn_with_state(app, edge::<C>))
}

async fn no_route<C: Core>(app: App<C>, status: StatusCode, request: Request) -> Response {
    reply::no_route(status, &place(&app, &request))
}

fn place<C: Core>(app: &App<C>, request: &Request) -> Place {
    Place {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        correlation: request.extensions().get::<Correlation>().map(|c| c.0.clone()).unwrap_or_default(),
        at: app.core.clock().now(),
    }
}

async fn edge<C: Core>(State(app): State<App<C>>, mut request: Request, next: Next) -> Response {
    let (clock, random) = (app.core.clock(), &**app.core.random());
    let began = clock.now();
    let correlation = Correlation::new(began, random);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let trace = continued(request.headers(), random);
    let preflight = Cors::preflight(request.method(), request.headers());
    let method = request.method().clone();
    request.extensions_mut().insert(correlation.clone());
    // The template and the status are known once it is answered; the path itself may name a person.
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        correlation = correlation.0,
        method = method.as_str(),
        route = tracing::field::Empty,
        status = tracing::field::Empty
    );
    #[cfg(feature = "otel")]
    crate::otel::follow(&span, request.headers());
    let mut response = match preflight {
        Some(status) => {
            let mut response = Response::default();
            *response.status_mut() = status;
            response
        }
        None => next.run(request).instrument(span.clone()).await,
    };
    app.cors.write(origin.as_ref(), preflight.is_some(), response.headers_mut());
    let headers = response.headers_mut();
    for (name, value) in CAUTION {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&correlation.0) {
        headers.insert("x-correlation-id", id);
    }
    if let Some(trace) = trace {
        headers.insert("traceparent", trace);
    }
    let template = response.extensions_mut().remove::<Template>();
    let route = template.as_ref().map_or("unmatched", |t| &*t.0);
    span.record("route", route).record("status", response.status().as_u16());
    let took = clock.now().duration_since(began).unsigned_abs();
    metrics::count(&method, route, response.status(), took);
    tracing::info!(parent: &span, route, status = response.status().as_u16(), ms = took.as_millis(), "answered");
    response
}

/// The caller's W3C trace with a new span of ours.
fn continued(headers: &HeaderMap, random: &dyn Random) -> Option<HeaderValue> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else { return None };
    let hex =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if version != "00" || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
        return None;
    }
    HeaderValue::try_from(format!("00-{trace}-{}-{flags}", &random.token()[..16])).ok()
}

async fn answer<C: Core>(
    app: App<C>,
    row: Arc<Route<C>>,
    template: Template,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let place = place(&app, &request);
    let style = row.style;
    let standing = OnceLock::new();
    let served = AssertUnwindSafe(serve(app, row, params, request, &standing, &place)).catch_unwind().await;
    let result = served.unwrap_or_else(|panic| Err(Error::internal("panicked").because(said(&*panic))));
    let mut response = result.unwrap_or_else(|error| reply::failure(&error, style, &place));
    if let Some(standing) = standing.get() {
        limits::tell(standing, response.headers_mut());
    }
    response.extensions_mut().insert(template);
    response
}

/// Counts a request against its row's limits, and notes how whoever asks stands.
async fn count<C: Core>(core: &C, row: &Route<C>, asker: &Asker, standing: &OnceLock<Standing>) -> Result<()> {
    let Some(limiter) = core.limiter().filter(|_| !row.limits().is_empty()) else { return Ok(()) };
    let (stands, refused) = match limiter.admit(row.limits(), asker).await {
        Ok(stands) => (stands, Ok(())),
        Err((stands, error)) => (Some(stands), Err(error)),
    };
    stands.map(|stands| standing.set(stands));
    refused
}

pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}

async fn serve<C: Core>(
    app: App<C>,
    row: Arc<Route<C>>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    standing: &OnceLock<Standing>,
    place: &Place,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let signed_in = auth::admit(&app.core, row.access, &parts, &app.cors, app.internal_key.as_ref()).await?;
    let private = signed_in.is_some();
    let principal = signed_in.as_ref().and_then(|signed_in| signed_in.principal);
    let exempt = principal.is_some_and(|principal| app.limits.exempt.contains(&principal.organization_id));
    let asker = Asker {
        client: app.limits.proxies.client(&parts).to_string(),
        user: signed_in.as_ref().map(|signed_in| signed_in.user.id),
        organization: principal.map(|principal| principal.organization_id),
    };
    // Behind the door: strangers use up nothing of those who come from the same address. A delivery of a vendor is counted
    // when it is refused alone: nobody keeps a vendor's own away by sending others.
    let counted = row.access != Access::Signature && !exempt;
    if counted {
        count(&app.core, &row, &asker, standing).await?;
    }
    let params = params.map_err(|_| Error::field("path", "not readable"))?;
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut response = match &*row.run {
        Run::Raw(run) => {
            let (core, document) = (app.core.clone(), app.document);
            let asked =
                Asked { core, row: Arc::clone(&row), parts, params, signed_in, document, body: Some(body).into() };
            let response = run(asked).await?;
            if row.access == Access::Signature && response.status() == StatusCode::UNAUTHORIZED {
                count(&app.core, &row, &asker, standing).await?;
            }
            response
        }
        Run::System(_) | Run::Person(_) | Run::Org(_) => {
            let body = if row.has_body() {
                Some(input::bytes(&**app.core.clock(), &parts.headers, body, BODY_LIMIT).await?)
            } else {
                None
            };
            let merged = input::merge(&row.shape, body.as_deref(), &parts.uri, &params)?;
            let told = || row.answers.first().ok_or_else(|| Error::internal("a row without an answer"));
            let wrap = |answer| told()?.envelope.wrap(answer);
            let wrapped = match (&*row.run, principal, signed_in) {
                (Run::System(run), ..) => wrap(run(app.core.system(), merged).await?)?,
                (Run::Person(run), _, Some(signed_in)) => wrap(run(app.core.person(signed_in), merged).await?)?,
                (Run::Org(run), Some(principal), _) => {
                    let org = app.core.org(principal).await?;
                    if let Some(feature) = row.plan {
                        app.core.gate(&org, feature)?;
                    }
                    match once::key(&row, &parts.headers)? {
                        None => wrap(run(org, merged).await?)?,
                        Some(key) => {
                            let (row, body, place) = (Arc::clone(&row), body.unwrap_or_default(), place.clone());
                            let ask = once::Ask { key, row, uri: parts.uri, body, merged, place };
                            return once::answer(app.core, org, ask).await;
                        }
                    }
                }
                _ => told()?.envelope.empty(merged.limit()).ok_or_else(auth::no_organization)?,
            };
            reply::json(told()?.status, &wrapped)
        }
    };
    if private {
        let caching = HeaderValue::from_static("private, no-store");
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(caching);
    }
    Ok(response)
}
