//! Trying the parts of an installation by hand. Not there in production.

use std::collections::BTreeMap;

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    diagnostics::{CheckResult, ProbeReport, ProbeResult, ProbeStatus, Suite},
    kit::{Error, Id, Result, Role, Timestamp},
};

use crate::{
    input::Nothing,
    reply,
    table::{Routes, Wire, role},
};

/// A check of the catalogue.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestEntry")]
struct Entry {
    id: &'static str,
    category: &'static str,
}
/// A category of the catalogue.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestCategory")]
struct Group {
    id: &'static str,
    name: &'static str,
    tests: Vec<Entry>,
}
/// What can be tried here.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestCatalog")]
struct Catalog {
    catalog: Vec<Group>,
    total_tests: usize,
}

/// Tries one thing.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RunTest")]
struct Run {
    #[schemars(length(max = 100))]
    category_id: String,
    #[schemars(length(max = 100))]
    test_id: String,
}
/// What should be, and is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestDifference")]
struct Difference {
    expected: String,
    actual: String,
}
/// What a check came to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestResult")]
struct Outcome {
    test_id: &'static str,
    test_name: String,
    category: &'static str,
    passed: bool,
    /// As it should be, but slow, or with nothing to be seen.
    warning: bool,
    service_down: bool,
    duration_ms: i64,
    details: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    output: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differential: Option<Difference>,
    /// The run.
    correlation_id: Id<Suite>,
}
impl From<CheckResult> for Outcome {
    fn from(result: CheckResult) -> Self {
        let mut name = result.id.replace('-', " ");
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            test_id: result.id,
            test_name: name,
            category: result.category,
            passed: result.passed,
            warning: result.warning,
            service_down: result.service_down,
            duration_ms: result.duration_ms,
            output: std::iter::once(&result.details).chain(&result.error).cloned().collect(),
            details: result.details,
            error: result.error,
            differential: result.differential.map(|(expected, actual)| Difference { expected, actual }),
            correlation_id: result.run,
        }
    }
}

/// What all checks came to together.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestSummary")]
struct Summary {
    total: usize,
    passed: usize,
    warnings: usize,
    failed: usize,
    services_down: usize,
    suite_duration_ms: i64,
}
/// What the checks of a category came to.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "TestCategoryResult")]
struct OfGroup {
    passed: usize,
    failed: usize,
    warnings: usize,
    down: usize,
    tests: Vec<&'static str>,
}
/// What all checks came to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TestSuite")]
struct All {
    correlation_id: Id<Suite>,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    summary: Summary,
    categories: BTreeMap<&'static str, OfGroup>,
    results: Vec<Outcome>,
}
impl From<Suite> for All {
    fn from(suite: Suite) -> Self {
        let count = |of: &dyn Fn(&CheckResult) -> bool| suite.results.iter().filter(|result| of(result)).count();
        let summary = Summary {
            total: suite.results.len(),
            passed: count(&|result| result.passed),
            warnings: count(&|result| result.warning),
            failed: count(&|result| !result.passed),
            services_down: count(&|result| result.service_down),
            suite_duration_ms: suite.duration_ms,
        };
        let mut categories = BTreeMap::<_, OfGroup>::new();
        for result in &suite.results {
            let of = categories.entry(result.category).or_default();
            of.passed += usize::from(result.passed);
            of.failed += usize::from(!result.passed);
            of.warnings += usize::from(result.warning);
            of.down += usize::from(result.service_down);
            of.tests.push(result.id);
        }
        let results = suite.results.into_iter().map(Outcome::from).collect();
        Self { correlation_id: suite.run, timestamp: suite.at, summary, categories, results }
    }
}

/// Milliseconds from which on a part is late.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProbeMetadata")]
struct Metadata {
    threshold_ms: i64,
}
/// How one part answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProbeResult")]
struct Probed {
    service: &'static str,
    status: ProbeStatus,
    latency_ms: i64,
    details: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    metadata: Metadata,
}
impl From<ProbeResult> for Probed {
    fn from(result: ProbeResult) -> Self {
        let ProbeResult { service, status, latency_ms, details, error, threshold_ms } = result;
        Self { service, status, latency_ms, details, error, metadata: Metadata { threshold_ms } }
    }
}
/// How many parts answered how.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProbeSummary")]
struct Counts {
    healthy: usize,
    degraded: usize,
    down: usize,
    error: usize,
}
/// How all parts answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProbeReport")]
struct Probes {
    /// The worst of them: down, then error, then degraded.
    overall: ProbeStatus,
    #[schemars(with = "String")]
    timestamp: Timestamp,
    total_latency_ms: i64,
    results: Vec<Probed>,
    summary: Counts,
}
impl From<ProbeReport> for Probes {
    fn from(report: ProbeReport) -> Self {
        let summary = Counts {
            healthy: report.count(ProbeStatus::Healthy),
            degraded: report.count(ProbeStatus::Degraded),
            down: report.count(ProbeStatus::Down),
            error: report.count(ProbeStatus::Error),
        };
        Self {
            overall: report.overall,
            timestamp: report.at,
            total_latency_ms: report.total_latency_ms,
            results: report.results.into_iter().map(Probed::from).collect(),
            summary,
        }
    }
}

fn named(field: &'static str, id: &str) -> Result<()> {
    if (1..=100).contains(&id.chars().count()) {
        Ok(())
    } else {
        Err(Error::field(field, "must have 1 to 100 characters"))
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("test", "/api/test")
        .get("/catalog", role(Role::Admin), |org, _: Nothing| async move {
            let group = |category: wib_core::diagnostics::Category| Group {
                tests: category.checks.iter().map(|id| Entry { id, category: category.id }).collect(),
                id: category.id,
                name: category.name,
            };
            let catalog: Vec<_> = org.checks().await?.into_iter().map(group).collect();
            Ok::<_, Error>(Catalog { total_tests: catalog.iter().map(|group| group.tests.len()).sum(), catalog })
        })
        .about("Lists what can be tried here.")
        .flat()
        .post("/run", role(Role::Admin), |org, c: Run| async move {
            named("categoryId", &c.category_id)?;
            named("testId", &c.test_id)?;
            let outcome = org.run_check(&c.category_id, &c.test_id).await;
            outcome.map(Outcome::from).map_err(|error| error.with("passed", false))
        })
        .refuses(&[404])
        .bare()
        .post("/run-all", role(Role::Admin), |org, _: Nothing| async move { org.run_checks().await.map(All::from) })
        .about("Tries everything.")
        .flat()
        .raw(Method::GET, "/health", role(Role::Admin), Wire::json::<Probes>().also(503), |asked| async move {
            let report = asked.org().await?.probe().await?;
            let status = if report.overall == ProbeStatus::Down { 503 } else { 200 };
            reply::view_as(status, &Probes::from(report))
        })
}
