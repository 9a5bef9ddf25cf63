use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    kit::{Result, Timestamp},
};

use crate::{
    AppConfig,
    input::Nothing,
    reply,
    table::{Asked, Routes, Wire, platform, public},
};

/// How one part stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Part {
    service: &'static str,
    /// `healthy`, `degraded`, `critical` or `unknown`.
    status: &'static str,
    message: String,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<i64>,
}

/// How everything stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    status: &'static str,
    timestamp: String,
    /// Milliseconds.
    response_time: i64,
    checks: Vec<Part>,
    environment: Environment,
}

/// Where it runs.
#[derive(Serialize, JsonSchema)]
struct Environment {
    runtime: &'static str,
    region: &'static str,
}

/// Whether requests can be taken.
#[derive(Serialize, JsonSchema)]
struct Ready {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    timestamp: String,
    latency_ms: i64,
}

/// Whether what a feature stands on answers.
#[derive(Serialize, JsonSchema)]
struct Feature {
    status: &'static str,
    feature: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    latency_ms: i64,
    last_check: String,
}

/// The ways to sign in.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Providers {
    providers: [Provider; 3],
    default_provider: &'static str,
}

/// One way to sign in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInProvider")]
struct Provider {
    id: &'static str,
    name: &'static str,
    enabled: bool,
}

/// Whether anything is written down elsewhere of what happens here.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogSink")]
struct Sink {
    ok: bool,
    /// Whether traces are sent to a collector.
    dataset_configured: bool,
    /// Not asked: a collector takes what it is sent and says nothing of what it keeps.
    datasets_accessible: Option<bool>,
    /// Where logs go.
    logs: &'static str,
}

pub(super) fn routes(config: &AppConfig) -> Routes<Wib> {
    let traces = config.traces;
    Routes::<Wib>::at("health", "/health")
        .and_at("/api/health")
        .raw(Method::GET, "/", public(), Wire::json::<Report>().also(503), |asked| async move { report(&asked).await })
        .raw(
            Method::GET,
            "/ready",
            public(),
            Wire::json::<Ready>().also(503),
            |asked| async move { ready(&asked).await },
        )
        .raw(Method::GET, "/ping", public(), Wire::bytes("text/plain"), |_| async move {
            Ok(reply::with_type(200, "text/plain", "pong"))
        })
        .raw(Method::GET, "/auth-providers", public(), Wire::json::<Providers>(), |_| async move {
            let provider = |id, name, enabled| Provider { id, name, enabled };
            let known =
                [("credentials", "Credentials", true), ("google", "Google", false), ("github", "GitHub", false)];
            let providers = known.map(|(id, name, enabled)| provider(id, name, enabled));
            reply::view(&Providers { providers, default_provider: "credentials" })
        })
        .raw(Method::GET, "/analytics", public(), Wire::json::<Feature>().also(503), |asked| async move {
            feature(&asked, "analytics").await
        })
        .raw(Method::GET, "/webhooks", public(), Wire::json::<Feature>().also(503), |asked| async move {
            feature(&asked, "webhooks").await
        })
        .get("/axiom", platform(), move |person, _: Nothing| async move {
            person.platform()?;
            Ok(Sink { ok: true, dataset_configured: traces, datasets_accessible: None, logs: "stdout" })
        })
        .about("Tells where traces and logs go.")
        .bare()
}

fn since(asked: &Asked<Wib>, began: Timestamp) -> i64 {
    asked.now().as_millisecond() - began.as_millisecond()
}

async fn report(asked: &Asked<Wib>) -> Result<Response> {
    let began = asked.now();
    let health = asked.core().system().health().await;
    // The contract's names for our parts. Short-lived keys are rows of the database here. Without the database nothing can
    // be done; without the blobs recordings wait.
    let named = [("database", "database"), ("kv", "database"), ("r2", "blobs"), ("telnyx", "voice")];
    let checks = named.map(|(service, part)| match health.checks.iter().find(|check| check.service == part) {
        Some(check) => Part {
            service,
            status: match (check.healthy, service) {
                (true, _) => "healthy",
                (false, "database" | "telnyx") => "critical",
                (false, _) => "degraded",
            },
            message: check.message.clone(),
            response_time: Some(check.response_ms),
        },
        None => Part { service, status: "unknown", message: "not asked".to_owned(), response_time: None },
    });
    let worst =
        ["critical", "degraded"].into_iter().find(|s| checks.iter().any(|c| c.status == *s)).unwrap_or("healthy");
    let report = Report {
        status: worst,
        timestamp: began.to_string(),
        response_time: since(asked, began),
        checks: checks.into(),
        environment: Environment { runtime: "wib", region: "local" },
    };
    reply::view_as(if worst == "critical" { 503 } else { 200 }, &report)
}

async fn ready(asked: &Asked<Wib>) -> Result<Response> {
    let began = asked.now();
    let up =
        asked.core().system().ready().await.inspect_err(|e| tracing::warn!(cause = e.chain(), "not ready")).is_ok();
    let ready = Ready {
        status: if up { "ok" } else { "error" },
        version: up.then_some(env!("CARGO_PKG_VERSION")),
        error: (!up).then_some("database does not answer"),
        code: (!up).then_some("DATABASE_ERROR"),
        timestamp: began.to_string(),
        latency_ms: since(asked, began),
    };
    reply::view_as(if up { 200 } else { 503 }, &ready)
}

async fn feature(asked: &Asked<Wib>, feature: &'static str) -> Result<Response> {
    let began = asked.now();
    let up = asked.core().system().ready().await.is_ok();
    let answer = Feature {
        status: if up { "healthy" } else { "unhealthy" },
        feature,
        error: (!up).then_some("database does not answer"),
        code: (!up).then_some("DATABASE_ERROR"),
        latency_ms: since(asked, began),
        last_check: began.to_string(),
    };
    reply::view_as(if up { 200 } else { 503 }, &answer)
}
