//! What an organisation's plan lets it do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    kit::Result,
    limits::Limit,
    orgs::Plan,
    plans::{CallCapabilities, Capability, Feature},
};

use crate::{
    input::Nothing,
    table::{Routes, session},
};

/// Features by their names.
#[derive(Serialize, JsonSchema)]
struct Capabilities {
    capabilities: BTreeMap<String, Capability>,
}

/// Asks whether the plan has some features; a name that no plan knows needs none.
#[derive(Deserialize, JsonSchema)]
struct CheckCapabilities {
    /// 1 to 50 names of at most 100 characters.
    #[schemars(length(min = 1, max = 50), inner(length(max = 100)))]
    capabilities: Vec<String>,
}

/// How much the plan lets be done; -1 is without limit.
#[derive(Serialize, JsonSchema)]
struct PlanLimits {
    max_calls_per_month: i64,
    max_users: i64,
    max_call_duration_seconds: i64,
    retention_days: i64,
    max_storage_gb: i64,
}
/// A feature of a larger plan.
#[derive(Serialize, JsonSchema)]
struct LackedFeature {
    feature: Feature,
    required_plan: Plan,
}
/// The plan, what it has, and what it has not.
#[derive(Serialize, JsonSchema)]
struct PlanDetails {
    current_plan: Plan,
    limits: PlanLimits,
    enabled_features: Vec<Feature>,
    disabled_features: Vec<LackedFeature>,
}

fn plan(org: &Org) -> Result<PlanDetails> {
    let current_plan = org.organization().plan;
    let (amounts, limit) = (current_plan.amounts(), |most: Option<i64>| most.unwrap_or(-1));
    let (has, lacks): (Vec<_>, Vec<_>) =
        org.capabilities()?.into_iter().partition(|(_, capability)| capability.allowed);
    let lacked = |(feature, _): (Feature, Capability)| LackedFeature { feature, required_plan: feature.least() };
    Ok(PlanDetails {
        current_plan,
        limits: PlanLimits {
            max_calls_per_month: limit(amounts.calls),
            max_users: limit(amounts.members),
            max_call_duration_seconds: amounts.call_seconds,
            retention_days: amounts.retention_days,
            max_storage_gb: limit(amounts.storage_gb),
        },
        enabled_features: has.into_iter().map(|(feature, _)| feature).collect(),
        disabled_features: lacks.into_iter().map(lacked).collect(),
    })
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("capabilities", "/api/capabilities")
        .get("/", session().limit(Limit::Analytics), |org, _: Nothing| async move {
            let all = org.capabilities()?.into_iter().map(|(feature, had)| (feature.to_string(), had));
            Ok(Capabilities { capabilities: all.collect() })
        })
        .about("Tells of each feature whether the plan has it.")
        .flat()
        .post("/check", session().limit(Limit::Analytics), |org, c: CheckCapabilities| async move {
            Ok(Capabilities { capabilities: org.check_capabilities(&c.capabilities)? })
        })
        .flat()
        .get("/plan", session().limit(Limit::Analytics), |org, _: Nothing| async move { plan(&org) })
        .about("Tells what the plan has, how much of it, and what it has not.")
        .flat()
}

/// What the plan lets be done with telephones.
#[derive(Serialize, JsonSchema)]
struct Telephony {
    plan: Plan,
    capabilities: CallCapabilities,
}

pub(super) fn of_calls() -> Routes<Wib> {
    Routes::<Wib>::at("call_capabilities", "/api/call-capabilities")
        .get("/", session(), |org, _: Nothing| async move {
            Ok(Telephony { plan: org.organization().plan, capabilities: org.call_capabilities()? })
        })
        .about("Tells what the plan lets be done with telephones.")
        .flat()
}
