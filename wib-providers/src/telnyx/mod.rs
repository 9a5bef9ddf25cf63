//! Telnyx API v2: calls and their events; numbers, trunks and browsers' credentials; text messages.
//!
//! Document: <https://developers.telnyx.com/api-reference> (as of July 2026). Limits: 30 dials a second an account
//! (code 90103), two calls at once on a new account.
//!
//! Quirks this adapter knows:
//! - `call_control_id` holds reserved characters and is percent-encoded in paths.
//! - `client_state` travels in base64; ours is the tag.
//! - A repeat of a command with the same `command_id` is ignored for 60 s, for the same call. A dial has no call yet, so
//!   it is repeated only when it never left; after that [`find`](wib_core::ports::Voice::find) answers.
//! - `call_events` without a leg reach back 24 hours; older doubt is an error, never "no such call".
//! - `call.recording.saved` has no `call_control_id`, sometimes no `recording_id` either, and its URLs expire after
//!   about ten minutes.
//! - A dual recording has "the first leg on channel A, and the rest on channel B" (number voice settings, call
//!   recording). The first leg of our calls is the one we dialled, so channel A is what the person called said.
//! - A paused recording is resumed as one recording ("Recording can be resumed", command Record pause). That its audio
//!   leaves the paused part out rather than holding silence, no document says: unverified. `recording_started_at` and
//!   `recording_ended_at` are instants, so the time between them counts pauses in; `duration_millis` of the list is the
//!   file's.
//! - What Telnyx answers to stop, pause and resume while nothing is recorded is not documented either.
//! - Pause and resume have no events; keys pressed by the far end come as `call.dtmf.received`, one by one.
//! - Costs and call quality are decimal text.
//! - Nothing but call commands has an idempotency key. An order of numbers is found again by its `customer_reference`;
//!   a message whose answer was lost is not (no list of messages), nor is a credential, which ends by itself.
//! - `POST /telephony_credentials/{id}/token` answers 201 with the token as `text/plain`, not JSON.
//! - Connections of credentials repeat their password in clear in every answer; it is not read.
//! - The `status` of an inbound message is that of our own webhook; dates of credentials and of verified numbers may lack
//!   their zone, and are then UTC.
//! - `link_clicked` is the one delivery without an event type and an id.
//!
//! Not here: `GET /connections` and `GET /phone_numbers/voice` (the same rows as other lists), updates of credentials
//! (a new one is made), updates of hosts and addresses (one is added, one removed), detail records, and the reservation
//! of numbers, which the document leaves out.

mod commands;
mod conference;
mod media;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
mod lines;
mod messages;
mod numbers;
mod trunks;
mod voice;
mod webhook;
mod webrtc;
mod wire;
mod wire_lines;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::VerifyingKey;
use secrecy::SecretString;
use wib_core::kit::{Error, Phone};

use crate::{
    http::{Client, Policy, Wires},
    vendor::{Adapters, Given, Port, Setting, Vendor},
};

const VENDOR: &str = "telnyx";

/// Telnyx, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Voice, plug), (Port::Messages, plug_messages)],
    settings: &[
        Setting::key("TELNYX_API_KEY", "an API key (v2)"),
        Setting::needed("TELNYX_CONNECTION_ID", "the Call Control application that calls go through"),
        Setting::verifier("TELNYX_PUBLIC_KEY", "the account's public key")
            .checked(|key| parse_public_key(key).map(drop).map_err(|e| e.message().to_owned())),
        Setting::option("TELNYX_PHONE_NUMBER", "shown when a call names none")
            .checked(|number| number.parse::<Phone>().map(drop).map_err(|_| "expected E.164".to_owned())),
        Setting::option("TELNYX_MESSAGING_PROFILE_ID", "the profile that messages go by; it may choose their number"),
        Setting::address("TELNYX_BASE_URL"),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: Some(sandbox::ENTRY),
};

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let telnyx = Arc::new(given_telnyx(given)?);
    let calls = telnyx.client.probe(Port::Voice, "/connections/{}/active_calls", &telnyx.connection_id);
    adapters.probes.push(calls);
    adapters.webhooks.push(telnyx.clone());
    adapters.media_wires.push(telnyx.clone());
    adapters.numbers.push(telnyx.clone());
    adapters.verified_numbers.push(telnyx.clone());
    adapters.trunks.push(telnyx.clone());
    adapters.webrtcs.push(telnyx.clone());
    adapters.voices.push(telnyx);
    Ok(())
}

fn plug_messages(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let telnyx = Arc::new(given_telnyx(given)?);
    // One door for both ports. Were calls live and messages sandboxed, or the other way round, it would be that of calls.
    if adapters.webhooks.iter().all(|source| source.vendor() != VENDOR) {
        adapters.webhooks.push(telnyx.clone());
    }
    adapters.probes.push(telnyx.client.probe(Port::Messages, "/phone_numbers", ""));
    adapters.messengers.push(telnyx);
    Ok(())
}

fn given_telnyx(given: &Given<'_>) -> Result<Telnyx, (&'static str, String)> {
    // What a sandbox takes when nothing is set.
    let (connection, number) = ("1000000000000000001", "+13125550100");
    let connection = given.text("TELNYX_CONNECTION_ID").unwrap_or(connection);
    let mut builder = Telnyx::builder(given.wires.clone(), given.key("TELNYX_API_KEY"), connection)
        .given(given, "TELNYX_BASE_URL");
    if let Some(key) = given.verifier.as_deref().or_else(|| given.text("TELNYX_PUBLIC_KEY")) {
        builder = builder.public_key(key).map_err(|e| ("TELNYX_PUBLIC_KEY", e.message().to_owned()))?;
    }
    if let Some(number) = given.text("TELNYX_PHONE_NUMBER").or((!given.live).then_some(number)) {
        let number = number.parse::<Phone>().map_err(|e| ("TELNYX_PHONE_NUMBER", e.message().to_owned()))?;
        builder = builder.default_number(number);
    }
    if let Some(profile) = given.text("TELNYX_MESSAGING_PROFILE_ID") {
        builder = builder.messaging_profile(profile);
    }
    Ok(builder.build())
}

/// Telnyx, as [`Voice`](wib_core::ports::Voice) and as [`WebhookSource`](wib_core::ports::WebhookSource); as
/// [`Numbers`](wib_core::ports::Numbers), [`VerifiedNumbers`](wib_core::ports::VerifiedNumbers),
/// [`Trunks`](wib_core::ports::Trunks) and [`Webrtc`](wib_core::ports::Webrtc); and as
/// [`Messenger`](wib_core::ports::Messenger).
#[derive(Debug)]
pub struct Telnyx {
    client: Client,
    connection_id: String,
    default_number: Option<Phone>,
    messaging_profile: Option<String>,
    keys: Vec<VerifyingKey>,
    voice: String,
    live: bool,
}

impl Telnyx {
    /// Telnyx with an API key (v2, `KEY…`) and the id of the Call Control application that calls go through.
    pub fn builder(wires: Wires, api_key: SecretString, connection_id: impl Into<String>) -> TelnyxBuilder {
        TelnyxBuilder {
            wires,
            api_key,
            base_url: "https://api.telnyx.com/v2".to_owned(),
            policy: Policy::default(),
            connection_id: connection_id.into(),
            default_number: None,
            messaging_profile: None,
            keys: Vec::new(),
            voice: "female".to_owned(),
            live: true,
        }
    }
}

/// Puts a [`Telnyx`] together.
#[derive(Debug)]
pub struct TelnyxBuilder {
    wires: Wires,
    api_key: SecretString,
    base_url: String,
    policy: Policy,
    connection_id: String,
    default_number: Option<Phone>,
    messaging_profile: Option<String>,
    keys: Vec<VerifyingKey>,
    voice: String,
    live: bool,
}

impl TelnyxBuilder {
    crate::http::settings!();
    /// The number shown when a call names none.
    #[must_use]
    pub fn default_number(mut self, number: Phone) -> Self {
        self.default_number = Some(number);
        self
    }
    /// The profile that messages go by. It chooses the number of those that name none.
    #[must_use]
    pub fn messaging_profile(mut self, profile: impl Into<String>) -> Self {
        self.messaging_profile = Some(profile.into());
        self
    }
    /// The account's public key, which deliveries are signed with: 32 bytes in base64. While a key is being rotated,
    /// name both. Without any, every delivery is refused.
    ///
    /// # Errors
    /// `Invalid` when it is no such key.
    pub fn public_key(mut self, base64: &str) -> Result<Self, Error> {
        self.keys.push(parse_public_key(base64)?);
        Ok(self)
    }
    /// The voice of spoken texts. Ours: `female`, which speaks every language of the list.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = voice.into();
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Telnyx {
        let client = Client::new(VENDOR, &self.base_url, self.policy, wire::words, self.wires).bearer(&self.api_key);
        let Self { connection_id, default_number, messaging_profile, keys, voice, live, .. } = self;
        Telnyx { client, connection_id, default_number, messaging_profile, keys, voice, live }
    }
}

/// The account's public key from its base64.
///
/// # Errors
/// `Invalid` when it is no such key.
pub fn parse_public_key(base64: &str) -> Result<VerifyingKey, Error> {
    let bytes = BASE64_STANDARD.decode(base64.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| Error::invalid("not a Telnyx public key (32 bytes in base64)"))
}
