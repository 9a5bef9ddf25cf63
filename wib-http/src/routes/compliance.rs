use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use wib_core::{
    Org, Wib,
    auth::UserId,
    calls::CallId,
    collections::{AccountId, ListSuppressions},
    compliance::{
        Check, CheckContact, Confidence, Definition, Explanation, Finding, ListForecast, Outcome, Rule, RuleId,
        RulePack,
    },
    kit::{Error, Id, List, Phone, Result, Role, Timestamp},
    limits::Limit,
    notices::{Dispute, DisputeKind, ListDisputes},
    orgs::{Author, OrganizationId},
    violations::{
        ListViolations, LogViolation, ResolveViolation, Violation, ViolationCode, ViolationKind, ViolationStatus,
    },
};

use crate::{
    input::{ById, Nothing},
    table::{Routes, role, session},
};

/// A violation of a rule of conduct.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Violation")]
struct ViolationRow {
    id: Id<Violation>,
    call_id: Option<CallId>,
    user_id: Option<UserId>,
    restriction_code: ViolationCode,
    violation_type: ViolationKind,
    violation_context: Json,
    resolution_status: ViolationStatus,
    resolution_notes: Option<String>,
    resolved_by: Option<UserId>,
    resolved_at: Option<Timestamp>,
    created_at: Timestamp,
    user_email: Option<String>,
    user_name: Option<String>,
    resolver_email: Option<String>,
    resolver_name: Option<String>,
}
impl ViolationRow {
    fn of(violation: Violation, authors: &BTreeMap<UserId, Author>) -> Self {
        let told = |id: Option<UserId>| id.and_then(|id| authors.get(&id)).map(|a| (a.email.clone(), a.name.clone()));
        let ((user_email, user_name), (resolver_email, resolver_name)) =
            (told(violation.user_id).unzip(), told(violation.resolved_by).unzip());
        Self {
            id: violation.id,
            call_id: violation.call_id,
            user_id: violation.user_id,
            restriction_code: violation.code,
            violation_type: violation.kind,
            violation_context: violation.context,
            resolution_status: violation.status,
            resolution_notes: violation.notes,
            resolved_by: violation.resolved_by,
            resolved_at: violation.resolved_at,
            created_at: violation.created_at,
            user_email,
            user_name,
            resolver_email,
            resolver_name,
        }
    }
}

async fn violation(org: &Org, violation: Violation) -> Result<ViolationRow> {
    let authors = org.authors(violation.user_id.into_iter().chain(violation.resolved_by)).await?;
    Ok(ViolationRow::of(violation, &authors))
}
async fn violations(org: Org, query: ListViolations) -> Result<List<ViolationRow>> {
    let list = org.list_violations(query).await?;
    let named: Vec<_> = list.items.iter().flat_map(|v| v.user_id.into_iter().chain(v.resolved_by)).collect();
    let authors = org.authors(named).await?;
    Ok(list.map(|violation| ViolationRow::of(violation, &authors)))
}

/// How many rows.
#[derive(Serialize, JsonSchema)]
struct Total {
    total: i64,
}
/// How many violations.
#[derive(Serialize, JsonSchema)]
struct ViolationTotals {
    total: i64,
    open: i64,
}
/// What there is to look into.
#[derive(Serialize, JsonSchema)]
struct ComplianceStatus {
    status: &'static str,
    organization_id: OrganizationId,
    violations: ViolationTotals,
    disputes: Total,
    dnc: Total,
}

async fn status(org: Org) -> Result<ComplianceStatus> {
    let one = |status| ListViolations { status, limit: Some(1), ..ListViolations::default() };
    let dnc = org.list_suppressions(ListSuppressions { limit: Some(1), ..ListSuppressions::default() }).await?;
    Ok(ComplianceStatus {
        status: "ok",
        organization_id: org.id(),
        violations: ViolationTotals {
            total: org.list_violations(one(None)).await?.total,
            open: org.list_violations(one(Some(ViolationStatus::Open))).await?.total,
        },
        disputes: Total { total: org.count_disputes().await? },
        dnc: Total { total: dnc.total },
    })
}

/// A dispute of a debt.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Dispute")]
pub(super) struct DisputeRow {
    id: Id<Dispute>,
    account_id: AccountId,
    call_id: Option<CallId>,
    #[serde(rename = "type")]
    kind: DisputeKind,
    reason: String,
    /// Whether it stops collection until it is answered.
    written: bool,
    /// `open` or `answered`.
    status: &'static str,
    disputed_at: Timestamp,
    /// When an answer is due.
    due_at: Timestamp,
    answered_at: Option<Timestamp>,
    /// The legal hold that lasts until the answer.
    legal_hold_id: Id<wib_core::retention::LegalHold>,
    created_by: Option<UserId>,
    created_at: Timestamp,
}
impl From<Dispute> for DisputeRow {
    fn from(dispute: Dispute) -> Self {
        Self {
            id: dispute.id,
            account_id: dispute.account_id,
            call_id: dispute.call_id,
            kind: dispute.kind,
            written: dispute.written,
            status: if dispute.answered_at.is_some() { "answered" } else { "open" },
            disputed_at: dispute.at,
            due_at: dispute.due_at(),
            answered_at: dispute.answered_at,
            legal_hold_id: dispute.hold_id,
            created_by: dispute.recorded_by,
            created_at: dispute.created_at,
            reason: dispute.reason,
        }
    }
}

/// Asks whether a number may be called now.
#[derive(Deserialize, JsonSchema)]
struct MayCall {
    /// The number.
    phone: Phone,
    /// The debt; found by the number by default.
    account_id: Option<AccountId>,
}

/// What one rule found.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub(super) struct FindingRow {
    rule: RuleId,
    outcome: Outcome,
    citation: String,
    confidence: Confidence,
    explanation: String,
    not_before: Option<Timestamp>,
    needed: Option<String>,
    facts: Json,
}
impl From<Finding> for FindingRow {
    fn from(finding: Finding) -> Self {
        let Finding { rule, outcome, citation, confidence, explanation, not_before, needed, facts, .. } = finding;
        let (explanation, needed) = (explanation.into_owned(), needed.map(Into::into));
        Self { rule, outcome, citation, confidence, explanation, not_before, needed, facts }
    }
}

/// What lists and the person say.
#[derive(Serialize, JsonSchema)]
struct DncCheck {
    blocked: bool,
    reason: Option<String>,
    /// The rule that says so.
    source: Option<RuleId>,
}
/// What the clock says, where the person may be.
#[derive(Serialize, JsonSchema)]
struct TcpaCheck {
    restricted: bool,
    reason: Option<String>,
}
/// What the ledger says.
#[derive(Serialize, JsonSchema)]
struct RegFCheck {
    blocked: bool,
    /// Counted attempts about the debt within seven days.
    contact_count_7day: i64,
    limit: i64,
}
/// The findings, gathered under the names that clients know.
#[derive(Serialize, JsonSchema)]
struct Checks {
    dnc: DncCheck,
    tcpa: TcpaCheck,
    reg_f: RegFCheck,
}
/// Whether a number may be called now, and why not.
#[derive(Serialize, JsonSchema)]
struct PreDial {
    phone: Phone,
    checks: Checks,
    can_call: bool,
    /// The rule that stands in the way.
    blocked_by: Option<RuleId>,
    /// What would have to be done or found out, by the other rules that did not pass.
    warnings: Vec<String>,
    outcome: Outcome,
    /// The next lawful instant, when one is known.
    not_before: Option<Timestamp>,
    /// The version of the rules.
    pack: String,
    /// What every rule in force found.
    findings: Vec<FindingRow>,
}

/// The number of calls about a debt that the federal rule permits within seven days (12 CFR 1006.14(b)(2)(i)(A)).
const CALLS: i64 = 7;

impl PreDial {
    fn of(phone: Phone, explanation: Explanation, pack: &RulePack) -> Self {
        let check = |finding: &Finding| pack.rules.iter().find(|rule| rule.id == finding.rule).map(|rule| &rule.check);
        let stands = |fits: fn(&Check) -> bool| {
            let failing = explanation.findings.iter().filter(|f| f.outcome > Outcome::Permit);
            failing.filter(|f| check(f).is_some_and(fits)).max_by_key(|f| f.outcome)
        };
        let dnc = stands(|c| matches!(c, Check::NotListed { .. } | Check::FreshList { .. } | Check::MediumWanted));
        let hours = stands(|c| matches!(c, Check::Hours { .. } | Check::TimeWanted));
        let often = stands(|c| matches!(c, Check::Count { .. } | Check::Quiet { .. } | Check::Spacing { .. }));
        let counted = explanation.finding("RF-FREQ-COUNT").and_then(|f| f.facts["counted"].as_i64());
        let why = |f: &Finding| f.explanation.clone().into_owned();
        let checks = Checks {
            dnc: DncCheck { blocked: dnc.is_some(), reason: dnc.map(why), source: dnc.map(|f| f.rule.clone()) },
            tcpa: TcpaCheck { restricted: hours.is_some(), reason: hours.map(why) },
            reg_f: RegFCheck { blocked: often.is_some(), contact_count_7day: counted.unwrap_or(0), limit: CALLS },
        };
        let others = explanation.findings.iter().filter(|f| f.outcome > Outcome::Permit);
        let others = others.filter(|f| Some(&f.rule) != explanation.blocked_by.as_ref());
        let warnings = others.map(|f| format!("{}: {}", f.rule, f.explanation)).collect();
        Self {
            phone,
            checks,
            can_call: explanation.outcome == Outcome::Permit,
            blocked_by: explanation.blocked_by,
            warnings,
            outcome: explanation.outcome,
            not_before: explanation.not_before,
            pack: explanation.pack,
            findings: explanation.findings.into_iter().map(FindingRow::from).collect(),
        }
    }
}

async fn pre_dial(org: Org, asked: MayCall) -> Result<PreDial> {
    let pack = org.rules()?;
    let (phone, account_id) = (Some(asked.phone.clone()), asked.account_id);
    let verdict = org.check(CheckContact { phone, account_id, log: true, ..CheckContact::default() }).await;
    match verdict {
        Ok(verdict) => Ok(PreDial::of(asked.phone, verdict.into(), &pack)),
        // Whatever went wrong, the answer is no.
        Err(error) if error.http_status() >= 500 => Err(Error::unavailable("the rules could not be asked")
            .with("can_call", false)
            .with("blocked_by", "system_error")
            .because(error)),
        Err(error) => Err(error),
    }
}

/// The rules in force.
#[derive(Serialize, JsonSchema)]
struct InForce {
    version: String,
    /// `sha256:<hex>` of the pack's canonical text, as verdicts name it.
    hash: String,
    /// What the marks of confidence mean.
    confidence: BTreeMap<Confidence, &'static str>,
    definitions: Vec<Definition>,
    rules: Vec<Rule>,
}

fn in_force(pack: &RulePack) -> Result<InForce> {
    let marks = [
        (Confidence::Primary, "the primary text was read"),
        (Confidence::Summary, "a summary by an agency, a law firm or a trade body was read"),
        (Confidence::Known, "known from the literature and not read again"),
    ];
    Ok(InForce {
        version: pack.version.clone(),
        hash: pack.hash()?,
        confidence: marks.into(),
        definitions: pack.definitions.clone(),
        rules: pack.rules.clone(),
    })
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("compliance", "/api/compliance")
        .get("/status", session(), |org, _: Nothing| async move { status(org).await })
        .about("Counts what there is to look into.")
        .bare()
        .get("/", session(), |org, query: ListViolations| async move { violations(org, query).await })
        .stretch("violations")
        .get("/violations", session(), |org, query: ListViolations| async move { violations(org, query).await })
        .stretch("violations")
        .post("/violations", role(Role::Agent).limit(Limit::Compliance), |org, c: LogViolation| async move {
            let logged = org.log_violation(c).await?;
            violation(&org, logged).await
        })
        .refuses(&[404])
        .created("violation")
        .get("/violations/{id}", session(), |org, c: ById<Violation>| async move {
            let found = org.violation(c.id).await?;
            violation(&org, found).await
        })
        .about("Reads a violation.")
        .item("violation")
        .patch(
            "/violations/{id}",
            role(Role::Compliance).limit(Limit::Compliance),
            |org, c: ResolveViolation| async move {
                let resolved = org.resolve_violation(c).await?;
                violation(&org, resolved).await
            },
        )
        .item("violation")
        .get("/pre-dial", session().limit(Limit::Compliance), |org, asked: MayCall| async move {
            pre_dial(org, asked).await
        })
        .refuses(&[404])
        .flat()
        .get("/disputes", role(Role::Compliance), |org, query: ListDisputes| async move {
            org.list_disputes(query).await.map(|list| list.map(DisputeRow::from))
        })
        .stretch("disputes")
        .get("/forecast", session(), |org, query: ListForecast| async move { org.forecast(query).await })
        .about("Says when open accounts may be called on a day.")
        .refuses(&[404])
        .list("accounts")
        .get("/rules", session(), |org, _: Nothing| async move { in_force(&*org.rules()?) })
        .about("Reads the rules in force, with how far each was checked against its source.")
        .flat()
}
