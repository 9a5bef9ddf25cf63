//! How often something may be asked: fixed windows, counted where all processes see it.
//!
//! | the counters | what happens |
//! |---|---|
//! | answer | one window for all processes that share them |
//! | do not answer, or are not consistent | each process counts by itself (`wib_limits_local_total`), and asks them again after a while |
//!
//! Before somebody has signed in, addresses are counted; afterwards the member, or where money and vendors are used, the
//! organisation.

mod limiter;

use std::{collections::BTreeMap, time::Duration};

pub use limiter::{Asker, Limiter, Standing};

/// Who is counted against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// An address.
    Client,
    /// Somebody signed in; without a session an address.
    Member,
    /// All members of an organisation together: money, and vendors who count us as one; without one as before.
    Organization,
}

/// How much of something an installation lets be asked instead of what the contract says.
pub type Rates = BTreeMap<Limit, (u64, Duration)>;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $most:literal in $seconds:literal per $per:ident;)+) => {
        crate::text_enum! {
            /// What is limited, as the contract names it.
            #[non_exhaustive]
            pub enum Limit { $($(#[$doc])* $name = $text),+ }
        }
        impl Limit {
            /// Requests in a window, unless the installation says otherwise.
            #[must_use]
            pub const fn most(self) -> u64 {
                match self { $(Self::$name => $most),+ }
            }
            /// How long a window is, unless the installation says otherwise.
            #[must_use]
            pub const fn window(self) -> Duration {
                Duration::from_secs(match self { $(Self::$name => $seconds),+ })
            }
            /// Who is counted.
            #[must_use]
            pub const fn per(self) -> Per {
                match self { $(Self::$name => Per::$per),+ }
            }
        }
    };
}
limits! {
    /// Signing in.
    Login = "login", 10 in 900 per Client;
    /// Making an account.
    Signup = "signup", 5 in 3600 per Client;
    /// Asking for another password.
    Forgot = "forgot", 3 in 900 per Client;
    /// Money that customers pay us.
    Billing = "billing", 20 in 900 per Organization;
    /// Calls and what is noted of them.
    Call = "call", 30 in 300 per Member;
    /// How calls are placed.
    Voice = "voice", 20 in 300 per Member;
    /// Members and teams.
    Team = "team", 15 in 900 per Member;
    /// Appointments.
    Booking = "booking", 20 in 300 per Member;
    /// Subscriptions of webhooks.
    Webhook = "webhook", 10 in 300 per Member;
    /// Numbers over time.
    Analytics = "analytics", 60 in 300 per Member;
    /// The same as files.
    AnalyticsExport = "analytics_export", 5 in 900 per Member;
    /// Transcripts by order.
    AiTranscription = "ai_transcription", 10 in 300 per Organization;
    /// Language models.
    AiLlm = "ai_llm", 30 in 300 per Organization;
    /// Speech by order.
    AiTts = "ai_tts", 20 in 300 per Organization;
    /// Accounts and what is noted of them.
    Collections = "collections", 30 in 300 per Member;
    /// Files of creditors.
    CollectionsImport = "collections_import", 5 in 900 per Member;
    /// Campaigns.
    Campaigns = "campaigns", 20 in 300 per Member;
    /// Retention and legal holds.
    Retention = "retention", 10 in 900 per Member;
    /// Compliance.
    Compliance = "compliance", 20 in 300 per Member;
    /// What platform administrators do.
    Admin = "admin", 10 in 900 per Member;
    /// Surveys.
    Survey = "survey", 20 in 300 per Member;
    /// Messages.
    Messages = "messages", 50 in 60 per Organization;
    /// The assistant.
    BondAi = "bond_ai", 20 in 300 per Member;
    /// Summaries of calls.
    AiSummary = "ai_summary", 10 in 300 per Organization;
    /// Users.
    User = "user", 10 in 900 per Member;
    /// Organisations.
    Org = "org", 5 in 900 per Member;
    /// Recordings.
    Recording = "recording", 10 in 300 per Member;
    /// Reports.
    Report = "report", 10 in 300 per Member;
    /// Mail.
    Email = "email", 5 in 300 per Organization;
    /// Secret shoppers.
    Shopper = "shopper", 20 in 300 per Member;
    /// Numbers that are shown.
    CallerId = "caller_id", 20 in 300 per Member;
    /// Their codes.
    CallerIdVerify = "caller_id_verify", 5 in 300 per Member;
    /// Uploads of audio.
    Audio = "audio", 20 in 300 per Member;
    /// Scorecards.
    Scorecards = "scorecards", 30 in 300 per Member;
    /// Sentiment.
    Sentiment = "sentiment", 30 in 60 per Member;
    /// Voice menus.
    Ivr = "ivr", 10 in 60 per Member;
    /// Starting and stopping the dialler.
    DialerQueue = "dialer_queue", 5 in 60 per Member;
    /// Switching the machine on a call.
    AiToggle = "ai_toggle", 10 in 60 per Member;
    /// Keys that are pressed.
    Gather = "gather", 20 in 60 per Member;
    /// Roles and permissions.
    Rbac = "rbac", 30 in 300 per Member;
    /// The log.
    Audit = "audit", 100 in 300 per Member;
    /// Asking to be shown the product.
    DemoRequest = "demo_request", 5 in 3600 per Client;
    /// Deliveries of others than our vendors.
    ExternalWebhook = "external_webhook", 100 in 60 per Client;
    /// Speech of one vendor.
    ElevenlabsTts = "elevenlabs_tts", 10 in 300 per Organization;
    /// Calls at the carrier.
    TelnyxVoice = "telnyx_voice", 20 in 300 per Organization;
    /// How models are used.
    AiConfig = "ai_config", 10 in 900 per Member;
    /// First steps.
    Onboarding = "onboarding", 3 in 900 per Member;
    /// How the dialler stands.
    DialerStatus = "dialer_status", 30 in 300 per Member;
    /// Deliveries that failed.
    Reliability = "reliability", 10 in 300 per Member;
    /// Customers' own systems.
    Crm = "crm", 20 in 300 per Member;
    /// Files of anything else.
    Import = "import", 5 in 900 per Member;
}
