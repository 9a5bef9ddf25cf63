use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    kit::{Id, Role, Timestamp},
    limits::Limit,
    platform::Totals,
    sso::{AuthProvider, Provider, SetAuthProvider},
};

use crate::{
    input::Nothing,
    table::{Routes, platform, role},
};

/// A way to sign in, and what is set for it.
#[derive(Serialize, JsonSchema)]
struct ProviderRow {
    provider: Provider,
    enabled: bool,
    /// Whether it has what it needs.
    configured: bool,
    /// Its last four characters.
    client_id: Option<String>,
    /// When it was last set; null for never.
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}
impl From<(Provider, Option<AuthProvider>)> for ProviderRow {
    fn from((provider, set): (Provider, Option<AuthProvider>)) -> Self {
        let passwords = provider == Provider::Credentials;
        Self {
            provider,
            enabled: set.as_ref().map_or(passwords, |set| set.enabled),
            configured: set.as_ref().map_or(passwords, AuthProvider::configured),
            client_id: set.as_ref().and_then(AuthProvider::masked_client),
            updated_at: set.map(|set| set.updated_at),
        }
    }
}

/// What was set for a way to sign in.
#[derive(Serialize, JsonSchema)]
struct SetRow {
    id: Id<AuthProvider>,
    provider: Provider,
    enabled: bool,
    /// Its last four characters.
    client_id: Option<String>,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl From<AuthProvider> for SetRow {
    fn from(set: AuthProvider) -> Self {
        let client_id = set.masked_client();
        Self { id: set.id, provider: set.provider, enabled: set.enabled, client_id, updated_at: set.updated_at }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("admin", "/api/_admin")
        .get("/auth-providers", role(Role::Admin), |org, _: Nothing| async move {
            Ok(org.auth_providers().await?.into_iter().map(ProviderRow::from).collect::<Vec<_>>())
        })
        .about("Lists every way to sign in and what is set for it.")
        .list("providers")
        .post("/auth-providers", role(Role::Admin).limit(Limit::Admin), |org, c: SetAuthProvider| async move {
            org.set_auth_provider(c).await.map(SetRow::from)
        })
        .item("provider")
}

/// Everything added up; what happens over time, over the last 30 days.
#[derive(Serialize, JsonSchema)]
struct Metrics {
    #[schemars(with = "String")]
    timestamp: Timestamp,
    /// Calls that are up, of the organisation that is asked from.
    active_calls: i64,
    total_orgs: i64,
    total_users: i64,
    /// What organisations paid for the service, in US dollars.
    mrr: f64,
    concurrent_sessions: i64,
    /// How long recordings are together.
    total_hours_30d: f64,
    /// Calls that were recorded.
    total_calls_30d: i64,
}
impl Metrics {
    fn of(totals: Totals) -> Self {
        Self {
            timestamp: totals.now,
            active_calls: totals.active_calls,
            total_orgs: totals.organizations,
            total_users: totals.users,
            mrr: totals.paid_cents as f64 / 100.0,
            concurrent_sessions: totals.sessions,
            // Hundredths of an hour are 36 seconds.
            total_hours_30d: (totals.recorded_ms as f64 / 36_000.0).round() / 100.0,
            total_calls_30d: totals.recorded_calls,
        }
    }
}

pub(super) fn metrics() -> Routes<Wib> {
    Routes::<Wib>::at("admin", "/api/admin")
        .get("/metrics", platform().limit(Limit::Admin), |person, _: Nothing| async move {
            person.platform()?.totals().await.map(Metrics::of)
        })
        .about("Adds up the whole installation.")
        .bare()
}
