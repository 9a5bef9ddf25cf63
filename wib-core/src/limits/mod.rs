//! How often something may be asked: fixed windows, counted where all processes see it.
//!
//! | the counters | what happens |
//! |---|---|
//! | answer | one window for all processes that share them |
//! | do not answer, or are not consistent | each process counts by itself (`wib_limits_local_total`), and asks them again after a while |

mod limiter;

use std::time::Duration;

pub use limiter::{Limiter, Standing};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $most:literal in $seconds:literal;)+) => {
        crate::text_enum! {
            /// What is limited, as the contract names it.
            #[non_exhaustive]
            pub enum Limit { $($(#[$doc])* $name = $text),+ }
        }
        impl Limit {
            /// Requests in a window.
            #[must_use]
            pub const fn most(self) -> u64 {
                match self { $(Self::$name => $most),+ }
            }
            /// How long a window is.
            #[must_use]
            pub const fn window(self) -> Duration {
                Duration::from_secs(match self { $(Self::$name => $seconds),+ })
            }
        }
    };
}
limits! {
    /// Signing in.
    Login = "login", 10 in 900;
    /// Making an account.
    Signup = "signup", 5 in 3600;
    /// Asking for another password.
    Forgot = "forgot", 3 in 900;
    /// Money that customers pay us.
    Billing = "billing", 20 in 900;
    /// Calls and what is noted of them.
    Call = "call", 30 in 300;
    /// How calls are placed.
    Voice = "voice", 20 in 300;
    /// Members and teams.
    Team = "team", 15 in 900;
    /// Appointments.
    Booking = "booking", 20 in 300;
    /// Subscriptions of webhooks.
    Webhook = "webhook", 10 in 300;
    /// Numbers over time.
    Analytics = "analytics", 60 in 300;
    /// The same as files.
    AnalyticsExport = "analytics_export", 5 in 900;
    /// Transcripts by order.
    AiTranscription = "ai_transcription", 10 in 300;
    /// Language models.
    AiLlm = "ai_llm", 30 in 300;
    /// Speech by order.
    AiTts = "ai_tts", 20 in 300;
    /// Accounts and what is noted of them.
    Collections = "collections", 30 in 300;
    /// Files of creditors.
    CollectionsImport = "collections_import", 5 in 900;
    /// Campaigns.
    Campaigns = "campaigns", 20 in 300;
    /// Retention and legal holds.
    Retention = "retention", 10 in 900;
    /// Compliance.
    Compliance = "compliance", 20 in 300;
    /// What platform administrators do.
    Admin = "admin", 10 in 900;
    /// Surveys.
    Survey = "survey", 20 in 300;
    /// Messages.
    Messages = "messages", 50 in 60;
    /// The assistant.
    BondAi = "bond_ai", 20 in 300;
    /// Summaries of calls.
    AiSummary = "ai_summary", 10 in 300;
    /// Users.
    User = "user", 10 in 900;
    /// Organisations.
    Org = "org", 5 in 900;
    /// Recordings.
    Recording = "recording", 10 in 300;
    /// Reports.
    Report = "report", 10 in 300;
    /// Mail.
    Email = "email", 5 in 300;
    /// Secret shoppers.
    Shopper = "shopper", 20 in 300;
    /// Numbers that are shown.
    CallerId = "caller_id", 20 in 300;
    /// Their codes.
    CallerIdVerify = "caller_id_verify", 5 in 300;
    /// Uploads of audio.
    Audio = "audio", 20 in 300;
    /// Scorecards.
    Scorecards = "scorecards", 30 in 300;
    /// Sentiment.
    Sentiment = "sentiment", 30 in 60;
    /// Voice menus.
    Ivr = "ivr", 10 in 60;
    /// Starting and stopping the dialler.
    DialerQueue = "dialer_queue", 5 in 60;
    /// Switching the machine on a call.
    AiToggle = "ai_toggle", 10 in 60;
    /// Keys that are pressed.
    Gather = "gather", 20 in 60;
    /// Roles and permissions.
    Rbac = "rbac", 30 in 300;
    /// The log.
    Audit = "audit", 100 in 300;
    /// Asking to be shown the product.
    DemoRequest = "demo_request", 5 in 3600;
    /// Deliveries of others than our vendors.
    ExternalWebhook = "external_webhook", 100 in 60;
    /// Speech of one vendor.
    ElevenlabsTts = "elevenlabs_tts", 10 in 300;
    /// Calls at the carrier.
    TelnyxVoice = "telnyx_voice", 20 in 300;
    /// How models are used.
    AiConfig = "ai_config", 10 in 900;
    /// First steps.
    Onboarding = "onboarding", 3 in 900;
    /// How the dialler stands.
    DialerStatus = "dialer_status", 30 in 300;
    /// Deliveries that failed.
    Reliability = "reliability", 10 in 300;
    /// Customers' own systems.
    Crm = "crm", 20 in 300;
    /// Files of anything else.
    Import = "import", 5 in 900;
}
