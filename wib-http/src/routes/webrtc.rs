//! Calls from a browser.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    calls::{CallId, CallStatus},
    kit::{ExposeSecret, Phone, Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::{self, Nothing},
    table::{Routes, role, session},
};

/// Where a browser learns its own address.
const STUN: [&str; 2] = ["stun:stun.telnyx.com:3478", "stun:stun.l.google.com:19302"];

/// Places a call that a member asks for from a browser, when the law permits it now.
#[derive(Deserialize, JsonSchema)]
struct BrowserDial {
    phone_number: Phone,
}

/// Servers of one kind.
#[derive(Serialize, JsonSchema)]
struct IceServer {
    urls: &'static str,
}

/// What a browser's connection is made from.
#[derive(Serialize, JsonSchema)]
struct RtcConfig {
    #[serde(rename = "iceServers")]
    ice_servers: Vec<IceServer>,
}

/// What a page signs in with. Whoever has it is this member: it is told to nobody else.
#[derive(Serialize, JsonSchema)]
struct BrowserToken {
    token: String,
    username: String,
    credential_id: String,
    /// The number that calls show.
    caller_id: Option<Phone>,
    #[schemars(with = "String")]
    expires: Timestamp,
    #[serde(rename = "rtcConfig")]
    rtc_config: RtcConfig,
}

/// What is set up.
#[derive(Serialize, JsonSchema)]
struct SoftphoneConfig {
    has_api_key: bool,
    has_connection_id: bool,
    /// Its last four characters.
    connection_id_preview: Option<String>,
    has_number: bool,
}

/// How calls from browsers stand.
#[derive(Serialize, JsonSchema)]
struct SoftphoneStatus {
    config: SoftphoneConfig,
    /// `ready`, `no_connection`, `unreachable` or `not_configured`.
    connection_status: &'static str,
    /// How many there are to choose from.
    available_connections: usize,
    instructions: &'static str,
}

/// A call that will be dialled.
#[derive(Serialize, JsonSchema)]
struct BrowserCall {
    call_id: CallId,
    /// The same: the vendor's names are told to nobody.
    call_sid: CallId,
    status: CallStatus,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("webrtc", "/api/webrtc")
        .get("/debug", role(Role::Admin).limit(Limit::TelnyxVoice), |org, _: Nothing| async move {
            let check = org.check_softphone().await?;
            let (connection_status, instructions) = match () {
                () if !check.wired => ("not_configured", "Wire a vendor whose gateway browsers call by."),
                () if !check.reachable => {
                    ("unreachable", "The vendor does not answer: look at its key and its status.")
                }
                () if check.trunk_ends_with.is_none() => {
                    ("no_connection", "Make a connection of credentials at the vendor, without an outbound profile.")
                }
                () => ("ready", "Ask for a token, and sign the page in with it."),
            };
            Ok(SoftphoneStatus {
                config: SoftphoneConfig {
                    has_api_key: check.wired,
                    has_connection_id: check.trunk_ends_with.is_some(),
                    connection_id_preview: check.trunk_ends_with.map(|end| format!("...{end}")),
                    has_number: check.has_number,
                },
                connection_status,
                available_connections: check.trunks,
                instructions,
            })
        })
        .about("Tells how calls from browsers stand.")
        .bare()
        .get("/token", session().limit(Limit::TelnyxVoice), |org, _: Nothing| async move {
            let (made, caller_id) = org.browser_credential().await?;
            Ok(BrowserToken {
                token: made.token.expose_secret().to_owned(),
                username: made.sip_username,
                credential_id: made.credential_id,
                caller_id,
                expires: made.expires_at,
                rtc_config: RtcConfig { ice_servers: STUN.map(|urls| IceServer { urls }).into() },
            })
        })
        .about("Gives what a page signs in with, the same until five minutes before its end.")
        .refuses(&[409, 502, 504])
        .flat()
        .post("/dial", role(Role::Agent).limit(Limit::TelnyxVoice), |org, c: BrowserDial| async move {
            let placed = org.dial_from_browser(c.phone_number).await;
            let call = placed.map_err(|error| input::renamed(error, &[("to", "phone_number")]))?;
            let call = org.dial_now(call.id).await?;
            Ok(BrowserCall { call_id: call.id, call_sid: call.id, status: call.status })
        })
        .refuses(&[409, 502])
        .flat()
}
