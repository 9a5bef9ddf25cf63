//! Telnyx's JSON of credentials, trunks, numbers and messages. Only what we read or send; everything else is ignored.

use std::collections::BTreeMap;

use jiff::{civil, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use wib_core::{
    kit::time::{Timestamp, microseconds},
    ports::{
        messenger::{self, Cost, Message, MessageEvent, MessageFault, Recipient},
        numbers::{
            AvailableNumber, Forwarding, Line, NumberFacts, OrderState, OwnedNumber, PlacedOrder, Screening,
            VoiceSettings,
        },
        trunks::{Access, KeptPeer, KeptProfile, KeptTrunk, OutboundProfile, Peer, PeerAt, Trunk, TrunkId, TrunkKind},
        verified_numbers::VerifiedNumber,
        voice::Direction,
        webrtc::Credential,
    },
};

use crate::decimal::millionths_rounded_up;

/// An instant that may lack its zone (`2020-06-18T21:32:38`), which is then UTC. Anything else is none.
fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Value::String(text) = Value::deserialize(from)? else { return Ok(None) };
    let zoneless = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    Ok(text.parse().ok().or_else(zoneless).map(microseconds))
}

fn secret<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

/// The vendor's word in the form of ours: `fixed line`, `port-pending` and `fixed_line` are one way to write.
fn word<T: From<String>>(text: &str) -> T {
    T::from(text.to_ascii_lowercase().replace([' ', '-'], "_"))
}

/// Text that says something.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

#[derive(Serialize)]
pub(super) struct CredentialRequest<'a> {
    pub connection_id: &'a str,
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct KeptCredential {
    id: String,
    #[serde(default)]
    name: Option<String>,
    /// `connection:<id>`.
    resource_id: Option<String>,
    sip_username: String,
    sip_password: Option<SecretString>,
    #[serde(default, deserialize_with = "lenient")]
    expires_at: Option<Timestamp>,
    expired: Option<bool>,
}
impl KeptCredential {
    pub(super) fn into_ours(self) -> Credential {
        let trunk = self.resource_id.as_deref().and_then(|id| id.strip_prefix("connection:"));
        Credential {
            trunk_id: trunk.map(str::to_owned),
            id: self.id,
            name: self.name.unwrap_or_default(),
            sip_username: self.sip_username,
            sip_password: self.sip_password,
            expires_at: self.expires_at,
            expired: self.expired.unwrap_or(false),
        }
    }
}

/// What a token says of itself.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub exp: i64,
}

/// A trunk of any kind: an application is named by another field.
#[derive(Serialize)]
pub(super) struct TrunkRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    application_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_name: Option<&'a str>,
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_secret")]
    password: Option<&'a SecretString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_event_url: Option<&'a str>,
    webhook_api_version: &'static str,
    #[serde(skip_serializing_if = "Way::is_empty")]
    inbound: Way<'a>,
    #[serde(skip_serializing_if = "Way::is_empty")]
    outbound: Way<'a>,
}
fn optional_secret<S: Serializer>(password: &Option<&SecretString>, to: S) -> Result<S::Ok, S::Error> {
    match password {
        Some(password) => secret(password, to),
        None => to.serialize_none(),
    }
}

#[derive(Serialize)]
struct Way<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outbound_voice_profile_id: Option<&'a str>,
}
impl Way<'_> {
    fn is_empty(&self) -> bool {
        self.channel_limit.is_none() && self.outbound_voice_profile_id.is_none()
    }
}

impl<'a> TrunkRequest<'a> {
    pub(super) fn of(trunk: &'a Trunk) -> Self {
        let application = matches!(trunk.access, Access::Application);
        let name = Some(trunk.name.as_str());
        let (user_name, password) = match &trunk.access {
            Access::Credential { user_name, password } => (Some(user_name.as_str()), password.as_ref()),
            _ => (None, None),
        };
        Self {
            application_name: name.filter(|_| application),
            connection_name: name.filter(|_| !application),
            active: trunk.active,
            user_name,
            password,
            webhook_event_url: trunk.webhook_url.as_deref(),
            webhook_api_version: "2",
            inbound: Way { channel_limit: trunk.inbound_channels, outbound_voice_profile_id: None },
            outbound: Way {
                channel_limit: trunk.outbound_channels,
                outbound_voice_profile_id: trunk.outbound_profile.as_deref(),
            },
        }
    }
}

/// A trunk of any kind. Its password, which Telnyx repeats in clear, is not read.
#[derive(Deserialize)]
pub(super) struct TrunkAnswer {
    id: String,
    record_type: Option<String>,
    #[serde(alias = "application_name")]
    connection_name: Option<String>,
    active: Option<bool>,
    user_name: Option<String>,
    webhook_event_url: Option<String>,
    inbound: Option<Channels>,
    outbound: Option<Channels>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Channels {
    channel_limit: Option<u32>,
    outbound_voice_profile_id: Option<String>,
}
impl TrunkAnswer {
    pub(super) fn name(&self) -> Option<TrunkId> {
        let kind = match self.record_type.as_deref()? {
            "call_control_application" => TrunkKind::Application,
            "credential_connection" => TrunkKind::Credential,
            "fqdn_connection" => TrunkKind::Fqdn,
            "ip_connection" => TrunkKind::Ip,
            _ => return None,
        };
        Some(TrunkId { kind, id: self.id.clone() })
    }
    pub(super) fn into_ours(self, kind: TrunkKind) -> KeptTrunk {
        let (inbound, outbound) = (self.inbound.unwrap_or_default(), self.outbound.unwrap_or_default());
        let access = match kind {
            TrunkKind::Application => Access::Application,
            TrunkKind::Credential => {
                Access::Credential { user_name: self.user_name.unwrap_or_default(), password: None }
            }
            TrunkKind::Fqdn => Access::Fqdn,
            TrunkKind::Ip => Access::Ip,
        };
        let trunk = Trunk {
            name: self.connection_name.unwrap_or_default(),
            active: self.active.unwrap_or(true),
            access,
            outbound_profile: told(outbound.outbound_voice_profile_id),
            outbound_channels: outbound.channel_limit,
            inbound_channels: inbound.channel_limit,
            webhook_url: told(self.webhook_event_url),
        };
        KeptTrunk { id: TrunkId { kind, id: self.id }, trunk }
    }
}

#[derive(Serialize)]
pub(super) struct HostRequest<'a> {
    pub connection_id: &'a str,
    pub fqdn: &'a str,
    pub dns_record_type: &'a str,
    pub port: u16,
}

#[derive(Serialize)]
pub(super) struct AddressRequest<'a> {
    pub connection_id: &'a str,
    pub ip_address: String,
    pub port: u16,
}

/// A far end: a host or an address.
#[derive(Deserialize)]
pub(super) struct PeerAnswer {
    id: String,
    fqdn: Option<String>,
    dns_record_type: Option<String>,
    ip_address: Option<String>,
    port: Option<u16>,
}
impl PeerAnswer {
    /// `None` when it says nowhere where it is.
    pub(super) fn into_ours(self) -> Option<KeptPeer> {
        let at = match (self.fqdn, self.ip_address) {
            (Some(name), _) => PeerAt::Host { name, record: word(self.dns_record_type.as_deref().unwrap_or("a")) },
            (None, address) => PeerAt::Ip(address?.parse().ok()?),
        };
        Some(KeptPeer { id: self.id, peer: Peer { at, port: self.port.unwrap_or(5060) } })
    }
}

#[derive(Serialize)]
pub(super) struct ProfileRequest<'a> {
    name: &'a str,
    enabled: bool,
    whitelisted_destinations: &'a [String],
    daily_spend_limit_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_spend_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_destination_rate: Option<Number>,
    concurrent_call_limit: Option<u32>,
}
impl<'a> ProfileRequest<'a> {
    pub(super) fn of(profile: &'a OutboundProfile) -> Self {
        let limit = profile.daily_spend_minor;
        Self {
            name: &profile.name,
            enabled: profile.enabled,
            whitelisted_destinations: &profile.destinations,
            daily_spend_limit_enabled: limit.is_some(),
            daily_spend_limit: limit.map(|minor| format!("{}.{:02}", minor / 100, minor % 100)),
            max_destination_rate: profile
                .dearest_minute_micros
                .and_then(|micros| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000).parse().ok()),
            concurrent_call_limit: profile.calls_at_once,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ProfileAnswer {
    id: String,
    name: String,
    enabled: Option<bool>,
    whitelisted_destinations: Option<Vec<String>>,
    daily_spend_limit_enabled: Option<bool>,
    daily_spend_limit: Option<String>,
    max_destination_rate: Option<Number>,
    concurrent_call_limit: Option<u32>,
}
impl ProfileAnswer {
    pub(super) fn into_ours(self) -> KeptProfile {
        let limit = self.daily_spend_limit.filter(|_| self.daily_spend_limit_enabled == Some(true));
        let profile = OutboundProfile {
            name: self.name,
            enabled: self.enabled.unwrap_or(true),
            destinations: self.whitelisted_destinations.unwrap_or_default(),
            daily_spend_minor: limit.and_then(|text| millionths_rounded_up(&text)).map(|micros| micros / 10_000),
            dearest_minute_micros: self.max_destination_rate.and_then(|rate| millionths_rounded_up(&rate.to_string())),
            calls_at_once: self.concurrent_call_limit,
        };
        KeptProfile { id: self.id, profile }
    }
}

#[derive(Deserialize)]
pub(super) struct Available {
    phone_number: String,
    features: Option<Vec<Named>>,
    cost_information: Option<Price>,
    region_information: Option<Vec<Region>>,
}
#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Price {
    currency: Option<String>,
    monthly_cost: Option<String>,
    upfront_cost: Option<String>,
}
#[derive(Deserialize)]
struct Region {
    region_type: Option<String>,
    region_name: Option<String>,
}
fn named(features: Vec<Named>) -> impl Iterator<Item = wib_core::ports::numbers::Feature> {
    features.into_iter().filter_map(|feature| feature.name).map(|name| word(&name))
}
impl Available {
    pub(super) fn into_ours(self) -> AvailableNumber {
        let price = self.cost_information.unwrap_or_default();
        let micros = |text: Option<String>| millionths_rounded_up(&text?);
        let mut regions: BTreeMap<_, _> = self
            .region_information
            .unwrap_or_default()
            .into_iter()
            .filter_map(|region| Some((region.region_type?, region.region_name?)))
            .collect();
        AvailableNumber {
            number: self.phone_number.into(),
            features: named(self.features.unwrap_or_default()).collect(),
            monthly_micros: micros(price.monthly_cost),
            upfront_micros: micros(price.upfront_cost),
            currency: price.currency,
            region: regions.remove("state"),
            town: regions.remove("location").or_else(|| regions.remove("rate_center")),
        }
    }
}

#[derive(Serialize)]
pub(super) struct OrderRequest<'a> {
    pub customer_reference: &'a str,
    pub phone_numbers: Vec<Ordered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messaging_profile_id: Option<&'a str>,
}
#[derive(Serialize)]
pub(super) struct Ordered<'a> {
    pub phone_number: &'a str,
}

#[derive(Deserialize)]
pub(super) struct OrderAnswer {
    id: String,
    customer_reference: Option<String>,
    status: Option<String>,
    phone_numbers: Option<Vec<OrderedAnswer>>,
    requirements_met: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<Timestamp>,
}
#[derive(Deserialize)]
struct OrderedAnswer {
    phone_number: Option<String>,
    status: Option<String>,
}
impl OrderAnswer {
    pub(super) fn reference(&self) -> Option<&str> {
        self.customer_reference.as_deref()
    }
    pub(super) fn into_ours(self) -> PlacedOrder {
        let state = |status: Option<&str>| status.map_or(OrderState::Pending, word);
        let whole = self.status.as_deref();
        let number = |one: OrderedAnswer| {
            let stands = state(one.status.as_deref().or(whole));
            Some((Line::from(one.phone_number?), stands))
        };
        PlacedOrder {
            state: state(whole),
            numbers: self.phone_numbers.unwrap_or_default().into_iter().filter_map(number).collect(),
            id: self.id,
            reference: told(self.customer_reference),
            requirements_met: self.requirements_met.unwrap_or(true),
        }
    }
}

#[derive(Serialize)]
pub(super) struct NumberRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a [String]>,
}

#[derive(Deserialize)]
pub(super) struct NumberAnswer {
    id: String,
    phone_number: String,
    status: Option<String>,
    phone_number_type: Option<String>,
    connection_id: Option<String>,
    messaging_profile_id: Option<String>,
    customer_reference: Option<String>,
    tags: Option<Vec<String>>,
    cnam_listing_enabled: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    purchased_at: Option<Timestamp>,
}
impl NumberAnswer {
    pub(super) fn into_ours(self) -> OwnedNumber {
        let kind = told(self.phone_number_type).map(|kind| match kind.as_str() {
            "tollfree" => word("toll_free"),
            other => word(other),
        });
        OwnedNumber {
            id: self.id,
            number: self.phone_number.into(),
            status: word(self.status.as_deref().unwrap_or("unknown")),
            kind,
            trunk_id: told(self.connection_id),
            messaging_profile: told(self.messaging_profile_id),
            reference: told(self.customer_reference),
            tags: self.tags.unwrap_or_default(),
            cnam_listed: self.cnam_listing_enabled.unwrap_or(false),
            since: self.purchased_at,
        }
    }
}

#[derive(Deserialize, Serialize)]
pub(super) struct VoiceBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_id_name_enabled: Option<bool>,
    cnam_listing: Option<Cnam>,
    call_forwarding: Option<Forward>,
    call_recording: Option<Recording>,
    inbound_call_screening: Option<String>,
}
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Cnam {
    cnam_listing_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnam_listing_details: Option<String>,
}
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Forward {
    call_forwarding_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwards_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarding_type: Option<String>,
}
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Recording {
    inbound_call_recording_enabled: Option<bool>,
}
impl VoiceBody {
    pub(super) fn of(settings: &VoiceSettings) -> Self {
        let forwarding = settings.forwarding.as_ref();
        let kind = |on_failure| if on_failure { "on-failure" } else { "always" }.to_owned();
        Self {
            caller_id_name_enabled: settings.look_up_caller,
            cnam_listing: Some(Cnam {
                cnam_listing_enabled: Some(settings.cnam.is_some()),
                cnam_listing_details: settings.cnam.clone(),
            }),
            call_forwarding: Some(Forward {
                call_forwarding_enabled: Some(forwarding.is_some()),
                forwards_to: forwarding.map(|to| to.to.as_str().to_owned()),
                forwarding_type: forwarding.map(|to| kind(to.on_failure)),
            }),
            call_recording: Some(Recording { inbound_call_recording_enabled: Some(settings.record_inbound) }),
            inbound_call_screening: Some(settings.screening.as_str().to_owned()),
        }
    }
    pub(super) fn into_ours(self) -> VoiceSettings {
        let cnam = self.cnam_listing.unwrap_or_default();
        let forward = self.call_forwarding.unwrap_or_default();
        let on_failure = forward.forwarding_type.as_deref() == Some("on-failure");
        // Enabled by default, and without a number nothing is sent on.
        let to = told(forward.forwards_to).filter(|_| forward.call_forwarding_enabled != Some(false));
        VoiceSettings {
            cnam: told(cnam.cnam_listing_details).filter(|_| cnam.cnam_listing_enabled == Some(true)),
            look_up_caller: self.caller_id_name_enabled,
            forwarding: to.map(|to| Forwarding { to: to.into(), on_failure }),
            record_inbound: self.call_recording.and_then(|kept| kept.inbound_call_recording_enabled).unwrap_or(false),
            screening: self.inbound_call_screening.map_or(Screening::Disabled, Screening::from),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Lookup {
    phone_number: String,
    country_code: Option<String>,
    carrier: Option<Carrier>,
    caller_name: Option<CallerName>,
    portability: Option<Portability>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Carrier {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct CallerName {
    caller_name: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Portability {
    line_type: Option<String>,
    ported_status: Option<String>,
    city: Option<String>,
    state: Option<String>,
}
impl Lookup {
    pub(super) fn into_ours(self) -> NumberFacts {
        let (carrier, ported) = (self.carrier.unwrap_or_default(), self.portability.unwrap_or_default());
        let line_type = told(carrier.kind).or_else(|| told(ported.line_type));
        NumberFacts {
            number: self.phone_number.into(),
            country: told(self.country_code),
            line_type: line_type.map(|kind| word(&kind)),
            carrier: told(carrier.name),
            caller_name: self.caller_name.and_then(|name| told(name.caller_name)),
            ported: match ported.ported_status.as_deref() {
                Some("Y") => Some(true),
                Some("N") => Some(false),
                _ => None,
            },
            town: told(ported.city),
            region: told(ported.state),
        }
    }
}

#[derive(Serialize)]
pub(super) struct CodeRequest<'a> {
    pub phone_number: &'a str,
    pub verification_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct CodeAnswer<'a> {
    pub verification_code: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Verified {
    phone_number: String,
    #[serde(default, deserialize_with = "lenient")]
    verified_at: Option<Timestamp>,
}
impl Verified {
    pub(super) fn into_ours(self) -> VerifiedNumber {
        VerifiedNumber { number: self.phone_number.into(), verified_at: self.verified_at }
    }
}

#[derive(Serialize)]
pub(super) struct MessageRequest<'a> {
    pub to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messaging_profile_id: Option<&'a str>,
    pub text: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub media_urls: &'a [String],
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_at: Option<String>,
}

/// A message, in answers and in the payloads of events.
#[derive(Deserialize)]
pub(super) struct MessageAnswer {
    id: String,
    direction: Option<String>,
    from: Option<Party>,
    to: Option<Vec<Party>>,
    text: Option<String>,
    media: Option<Vec<Media>>,
    parts: Option<u32>,
    cost: Option<Amount>,
    cost_breakdown: Option<Breakdown>,
    errors: Option<Vec<Fault>>,
    #[serde(default, deserialize_with = "lenient")]
    sent_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient")]
    completed_at: Option<Timestamp>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Party {
    phone_number: Option<String>,
    status: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Media {
    url: Option<String>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Amount {
    amount: Option<String>,
    currency: Option<String>,
}
impl Amount {
    fn into_ours(self) -> Option<Cost> {
        Some(Cost { micros: millionths_rounded_up(&self.amount?)?, currency: self.currency? })
    }
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Breakdown {
    carrier_fee: Option<Amount>,
}
#[derive(Deserialize)]
struct Fault {
    code: Value,
    title: Option<String>,
}
impl MessageAnswer {
    pub(super) fn into_ours(self) -> Message {
        let inbound = self.direction.as_deref() == Some("inbound");
        let recipient = |party: Party| Recipient {
            line: party.phone_number.unwrap_or_default().into(),
            // An inbound message's status is the state of our own webhook, not of a phone.
            state: match party.status {
                _ if inbound => Some(messenger::DeliveryState::Received),
                status => status.as_deref().map(word),
            },
        };
        Message {
            id: self.id,
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            from: self.from.and_then(|party| told(party.phone_number)).map(Line::from),
            to: self.to.unwrap_or_default().into_iter().map(recipient).collect(),
            text: self.text.unwrap_or_default().into(),
            media_urls: self.media.unwrap_or_default().into_iter().filter_map(|media| told(media.url)).collect(),
            parts: self.parts,
            cost: self.cost.and_then(Amount::into_ours),
            carrier_fee: self.cost_breakdown.and_then(|parts| parts.carrier_fee).and_then(Amount::into_ours),
            faults: self
                .errors
                .unwrap_or_default()
                .into_iter()
                .map(|fault| MessageFault {
                    code: fault.code.as_str().map_or_else(|| fault.code.to_string(), str::to_owned),
                    title: crate::http::mask(&fault.title.unwrap_or_default(), 200),
                })
                .collect(),
            sent_at: self.sent_at,
            completed_at: self.completed_at,
        }
    }
}

/// The event of a message.
pub(super) fn message_event(
    id: &str,
    event_type: &str,
    at: Timestamp,
    payload: &Value,
) -> Result<MessageEvent, serde_json::Error> {
    let message = MessageAnswer::deserialize(payload)?.into_ours();
    let what = event_type.strip_prefix("message.").unwrap_or(event_type);
    Ok(MessageEvent { id: id.to_owned(), at: microseconds(at), what: what.to_owned().into(), message })
}

/// A click on a link that Telnyx shortened: the one delivery without a name and an id.
#[derive(Deserialize)]
pub(super) struct Clicked {
    pub message_id: String,
    pub time_clicked: String,
}
