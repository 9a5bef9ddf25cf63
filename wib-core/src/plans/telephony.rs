use serde::Serialize;

use super::Feature;
use crate::{kit::Result, kit::Role, orgs::Plan, wib::Org};

/// What an organisation's plan lets be done with telephones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallCapabilities {
    /// Calls that are placed.
    pub outbound: Outbound,
    /// Calls that come in.
    pub inbound: Inbound,
    /// Calls from browsers.
    pub webrtc: FromBrowsers,
    /// Whose services the plan covers.
    pub integrations: Integrations,
}

/// Calls that are placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Outbound {
    /// Whether there are any.
    pub enabled: bool,
    /// How numbers may be: `e164`, `national`, `international`.
    pub supported_formats: Vec<&'static str>,
    /// The longest call, in seconds.
    pub max_duration: i64,
    /// Whether they may be recorded.
    pub recording_enabled: bool,
}

/// Calls that come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inbound {
    /// Whether there are any.
    pub enabled: bool,
    /// Whether messages may be left.
    pub voicemail_enabled: bool,
    /// Whether they are transcribed.
    pub transcription_enabled: bool,
}

/// Calls from browsers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FromBrowsers {
    /// Whether there is a gateway for them.
    pub enabled: bool,
    /// Which browsers.
    pub browser_support: Vec<&'static str>,
    /// What they may carry: `audio`, `video`, `screen-share`.
    pub features: Vec<&'static str>,
}

/// Whose services a plan covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Integrations {
    /// Telephony.
    pub telnyx: bool,
    /// Telephony.
    pub twilio: bool,
    /// Transcripts.
    pub assemblyai: bool,
    /// Voices.
    pub elevenlabs: bool,
}

/// Those that speak WebRTC.
const BROWSERS: [&str; 4] = ["chrome", "firefox", "safari", "edge"];

impl Org {
    /// What the organisation's plan lets be done with telephones.
    ///
    /// # Errors
    /// `Forbidden` below viewer.
    pub fn call_capabilities(&self) -> Result<CallCapabilities> {
        self.at_least(Role::Viewer)?;
        let plan = self.organization().plan;
        let from = |least: Plan| plan >= least;
        let formats = [("e164", Plan::Free), ("national", Plan::Starter), ("international", Plan::Pro)];
        let features = [("audio", Plan::Free), ("video", Plan::Pro), ("screen-share", Plan::Pro)];
        let had =
            |all: [(&'static str, Plan); 3]| all.into_iter().filter(|(_, least)| from(*least)).map(|(name, _)| name);
        Ok(CallCapabilities {
            outbound: Outbound {
                enabled: true,
                supported_formats: had(formats).collect(),
                max_duration: plan.amounts().call_seconds,
                recording_enabled: self.capability(Feature::CallRecording).allowed,
            },
            inbound: Inbound {
                enabled: from(Plan::Starter),
                voicemail_enabled: from(Plan::Starter),
                transcription_enabled: from(Plan::Pro) && self.capability(Feature::CallTranscription).allowed,
            },
            webrtc: FromBrowsers {
                enabled: self.wib.webrtc().is_some(),
                browser_support: BROWSERS.to_vec(),
                features: had(features).collect(),
            },
            integrations: Integrations {
                telnyx: true,
                twilio: from(Plan::Enterprise),
                assemblyai: from(Plan::Starter),
                elevenlabs: from(Plan::Pro),
            },
        })
    }
}
