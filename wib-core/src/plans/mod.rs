//! What an organisation's plan lets it do, and how much.
//!
//! | | |
//! |---|---|
//! | [`Feature`] | what can be done on some plans alone |
//! | [`Amounts`] | how much of it, per plan |
//!
//! The plan of an organisation is what [`billing`](crate::billing) last learned that it pays for: a subscription that ends
//! with its period counts to its end. Nothing here is open because a question failed.

mod telephony;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
pub use telephony::{CallCapabilities, FromBrowsers, Inbound, Integrations, Outbound};

use crate::{
    kit::{Error, Kind, Result, Role, text::TextEnum},
    orgs::Plan,
    text_enum,
    wib::Org,
};

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $text:literal from $plan:ident;)+) => {
        text_enum! {
            /// Something that is done on some plans alone, as the contract names it.
            #[non_exhaustive]
            pub enum Feature { $($(#[$doc])* $name = $text),+ }
        }
        impl Feature {
            /// The least plan that has it.
            #[must_use]
            pub const fn least(self) -> Plan {
                match self { $(Self::$name => Plan::$plan),+ }
            }
        }
    };
}
features! {
    /// Transcripts in another language.
    Translation = "translation" from Pro;
    /// Calls translated while they are spoken.
    LiveTranslation = "live_translation" from Business;
    /// The assistant, and models by order.
    BondAi = "bond_ai" from Pro;
    /// Advice to a member in a call.
    CallCopilot = "call_copilot" from Business;
    /// Recordings.
    CallRecording = "call_recording" from Starter;
    /// Transcripts.
    CallTranscription = "call_transcription" from Starter;
    /// Reports.
    Reports = "reports" from Business;
    /// Reports of one's own making.
    CustomReports = "custom_reports" from Business;
    /// Numbers over time.
    AnalyticsDashboard = "analytics_dashboard" from Pro;
    /// Teams.
    Teams = "teams" from Pro;
    /// Departments.
    Departments = "departments" from Business;
    /// Secret shoppers.
    SecretShopper = "secret_shopper" from Business;
    /// Scorecards of one's own making.
    ScorecardTemplates = "scorecard_templates" from Business;
    /// Alerts of quality.
    QaAlerts = "qa_alerts" from Business;
    /// Voices of one's own.
    VoiceCloning = "voice_cloning" from Enterprise;
    /// Integrations of one's own.
    CustomIntegrations = "custom_integrations" from Enterprise;
    /// Signing in by a provider of identities.
    Sso = "sso" from Enterprise;
    /// HubSpot.
    CrmHubspot = "crm_hubspot" from Pro;
    /// Salesforce.
    CrmSalesforce = "crm_salesforce" from Business;
    /// Pipedrive.
    CrmPipedrive = "crm_pipedrive" from Business;
    /// Zoho.
    CrmZoho = "crm_zoho" from Business;
    /// Any other CRM.
    CrmCustom = "crm_custom" from Enterprise;
    /// Zapier.
    ZapierIntegration = "zapier_integration" from Pro;
    /// Slack.
    SlackIntegration = "slack_integration" from Pro;
    /// Microsoft Teams.
    TeamsIntegration = "teams_integration" from Business;
    /// QuickBooks.
    QuickbooksIntegration = "quickbooks_integration" from Business;
    /// Google Workspace.
    GoogleWorkspace = "google_workspace" from Pro;
    /// Zendesk.
    ZendeskIntegration = "zendesk_integration" from Business;
    /// Freshdesk.
    FreshdeskIntegration = "freshdesk_integration" from Business;
    /// Webhooks of one's own.
    Webhooks = "webhooks" from Pro;
    /// Lists as files.
    CsvExport = "csv_export" from Starter;
    /// Everything as files.
    BulkExport = "bulk_export" from Business;
}

/// How much a plan lets be done. `None` is without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Calls that are begun in a calendar month (UTC).
    pub calls: Option<i64>,
    /// Members, those who are invited counted.
    pub members: Option<i64>,
    /// The longest call, in seconds.
    pub call_seconds: i64,
    /// How long things are kept at most, in days.
    pub retention_days: i64,
    /// What recordings and files may take, in GB.
    pub storage_gb: Option<i64>,
    /// Minutes of calls in a calendar month.
    pub minutes: Option<i64>,
    /// Transcripts in a calendar month.
    pub transcripts: Option<i64>,
}

impl Plan {
    /// How much it lets be done.
    #[must_use]
    pub const fn amounts(self) -> Amounts {
        let (calls, members, call_seconds, retention_days, storage_gb, minutes, transcripts) = match self {
            Self::Free => (Some(100), Some(1), 600, 7, Some(1), Some(500), Some(50)),
            Self::Starter => (Some(1_000), Some(5), 1_800, 30, Some(5), Some(2_500), Some(250)),
            Self::Pro => (Some(5_000), Some(20), 3_600, 90, Some(25), Some(10_000), Some(1_000)),
            Self::Business => (Some(20_000), Some(100), 7_200, 365, Some(100), Some(25_000), Some(2_500)),
            Self::Enterprise => (None, None, 14_400, 2_555, None, Some(50_000), Some(5_000)),
        };
        Amounts { calls, members, call_seconds, retention_days, storage_gb, minutes, transcripts }
    }
}

/// Whether a plan has a feature, and from which on it is had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capability {
    /// Whether the organisation has it.
    pub allowed: bool,
    /// What the organisation pays for.
    pub current_plan: Plan,
    /// The least plan that has it, when this one has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_plan: Option<Plan>,
    /// The page where another plan is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_url: Option<String>,
}

/// What is told when as much is used as a plan lets be: `limit`, `used`, `current_plan` and, where a larger plan has `room`,
/// `required_plan` and `upgrade_url`.
pub(crate) fn used_up(what: &str, plan: Plan, limit: i64, used: i64, room: impl Fn(Amounts) -> bool) -> Error {
    let larger = Plan::ALL.iter().copied().find(|larger| *larger > plan && room(larger.amounts()));
    let refusal = Error::new(Kind::QuotaExceeded, "QUOTA_EXCEEDED", format!("the plan's {what} are used up"))
        .with("limit", limit)
        .with("used", used)
        .with("current_plan", plan.as_str());
    match larger {
        Some(larger) => refusal.with("required_plan", larger.as_str()).with("upgrade_url", upgrade_url(larger)),
        None => refusal,
    }
}

/// The page of the site where a plan is chosen.
pub(crate) fn upgrade_url(plan: Plan) -> String {
    format!("/settings?tab=billing&upgrade_to={plan}")
}

impl Org {
    /// Whether the organisation's plan has a feature.
    #[must_use]
    pub fn capability(&self, feature: Feature) -> Capability {
        let (current, least) = (self.organization().plan, feature.least());
        let any_paid = self.wib.settings.any_paid_plan && current != Plan::Free;
        let allowed = any_paid || current >= least;
        let required = (!allowed).then_some(least);
        Capability { allowed, current_plan: current, required_plan: required, upgrade_url: required.map(upgrade_url) }
    }
    /// Whether the organisation's plan has each feature there is.
    ///
    /// # Errors
    /// `Forbidden` below viewer.
    pub fn capabilities(&self) -> Result<BTreeMap<Feature, Capability>> {
        self.at_least(Role::Viewer)?;
        Ok(Feature::ALL.iter().map(|feature| (*feature, self.capability(*feature))).collect())
    }
    /// Whether the organisation's plan has these, by their names. What no plan is needed for is had.
    ///
    /// # Errors
    /// `Invalid` for none, for more than 50, and for a name without or with more than 100 characters; `Forbidden` below
    /// viewer.
    pub fn check_capabilities(&self, names: &[String]) -> Result<BTreeMap<String, Capability>> {
        self.at_least(Role::Viewer)?;
        if !(1..=50).contains(&names.len()) {
            return Err(Error::field("capabilities", "must be 1 to 50"));
        }
        if names.iter().any(|name| !(1..=100).contains(&name.trim().chars().count())) {
            return Err(Error::field("capabilities", "must have 1 to 100 characters each"));
        }
        let current_plan = self.organization().plan;
        let had = Capability { allowed: true, current_plan, required_plan: None, upgrade_url: None };
        let of =
            |name: &String| Feature::from_text(name.trim()).map_or(had.clone(), |feature| self.capability(feature));
        Ok(names.iter().map(|name| (name.clone(), of(name))).collect())
    }
    /// Refuses what the organisation's plan lacks.
    ///
    /// # Errors
    /// `PlanRequired` with `current_plan`, `required_plan` and `upgrade_url`.
    pub fn needs(&self, feature: Feature) -> Result<()> {
        let Capability { allowed, current_plan, .. } = self.capability(feature);
        if allowed { Ok(()) } else { Err(upgrade(current_plan, feature.least())) }
    }
}

/// The refusal of something that a larger plan has.
fn upgrade(current: Plan, required: Plan) -> Error {
    Error::new(Kind::PlanRequired, "PLAN_UPGRADE_REQUIRED", "Upgrade required")
        .with("current_plan", current.as_str())
        .with("required_plan", required.as_str())
        .with("upgrade_url", upgrade_url(required))
}
