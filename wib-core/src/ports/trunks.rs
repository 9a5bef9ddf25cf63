//! How calls come in and go out: applications and SIP trunks, their far ends, and what may be dialled at what price.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    VendorError,
    pages::{Place, Portion},
};
use crate::{open_enum, text_enum};

/// A vendor's trunks and outbound profiles.
///
/// Making one is never repeated by itself: after a lost answer look in the list for its name. A change says all that is
/// to hold, so it may be repeated. Deleting what is gone already is a success.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Trunks: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Makes a trunk.
    async fn create_trunk(&self, trunk: &Trunk) -> Result<KeptTrunk, VendorError>;
    /// A trunk as it is now; `None` when there is no such one.
    async fn trunk(&self, id: &TrunkId) -> Result<Option<KeptTrunk>, VendorError>;
    /// The trunk with that id, of whatever kind: numbers name theirs by id alone.
    async fn find_trunk(&self, id: &str) -> Result<Option<TrunkId>, VendorError>;
    /// Trunks of a kind, a page at a time.
    async fn trunks(&self, kind: TrunkKind, place: Option<Place>) -> Result<Portion<KeptTrunk>, VendorError>;
    /// Has a trunk be like that. Its kind stays; a password, a profile and limits that are not named stay too.
    async fn update_trunk(&self, id: &str, trunk: &Trunk) -> Result<KeptTrunk, VendorError>;
    /// Deletes a trunk.
    async fn delete_trunk(&self, id: &TrunkId) -> Result<(), VendorError>;
    /// Adds a far end to a trunk of hosts or of addresses.
    async fn add_peer(&self, trunk: &TrunkId, peer: &Peer) -> Result<KeptPeer, VendorError>;
    /// The far ends of a trunk, a page at a time; none for a trunk of another kind.
    async fn peers(&self, trunk: &TrunkId, place: Option<Place>) -> Result<Portion<KeptPeer>, VendorError>;
    /// Takes a far end away.
    async fn remove_peer(&self, peer: &KeptPeer) -> Result<(), VendorError>;
    /// Makes an outbound profile.
    async fn create_profile(&self, profile: &OutboundProfile) -> Result<KeptProfile, VendorError>;
    /// An outbound profile as it is now; `None` when there is no such one.
    async fn profile(&self, id: &str) -> Result<Option<KeptProfile>, VendorError>;
    /// Outbound profiles, a page at a time.
    async fn profiles(&self, place: Option<Place>) -> Result<Portion<KeptProfile>, VendorError>;
    /// Has an outbound profile be like that.
    async fn update_profile(&self, id: &str, profile: &OutboundProfile) -> Result<KeptProfile, VendorError>;
    /// Deletes an outbound profile.
    async fn delete_profile(&self, id: &str) -> Result<(), VendorError>;
}

text_enum! {
    /// How the far end of a trunk proves who it is.
    pub enum TrunkKind {
        /// There is none: calls are steered by commands.
        Application = "application",
        /// By user name and password.
        Credential = "credential",
        /// By the names of its hosts.
        Fqdn = "fqdn",
        /// By its addresses.
        Ip = "ip",
    }
}

/// The name of a trunk at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkId {
    /// Its kind.
    pub kind: TrunkKind,
    /// The vendor's id of it.
    pub id: String,
}

/// A trunk, as it is to be.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its name, for people.
    pub name: String,
    /// Whether calls pass.
    pub active: bool,
    /// How the far end proves who it is.
    pub access: Access,
    /// The outbound profile that its calls go out by; without one none do.
    pub outbound_profile: Option<String>,
    /// Most calls out at once; `None`: as the vendor has it.
    pub outbound_channels: Option<u32>,
    /// Most calls in at once; `None`: as the vendor has it.
    pub inbound_channels: Option<u32>,
    /// Where the events of its calls go. An application needs it.
    pub webhook_url: Option<String>,
}

/// How the far end of a trunk proves who it is. Hosts and addresses are its [peers](Trunks::add_peer).
#[derive(Clone, Debug)]
pub enum Access {
    /// There is none: calls are steered by commands.
    Application,
    /// By user name and password.
    Credential {
        /// The name.
        user_name: String,
        /// The password: needed to make one; in a change `None` leaves it. Vendors' answers are not asked for it.
        password: Option<SecretString>,
    },
    /// By the names of its hosts.
    Fqdn,
    /// By its addresses.
    Ip,
}
impl Access {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> TrunkKind {
        match self {
            Self::Application => TrunkKind::Application,
            Self::Credential { .. } => TrunkKind::Credential,
            Self::Fqdn => TrunkKind::Fqdn,
            Self::Ip => TrunkKind::Ip,
        }
    }
}

/// A trunk as the vendor keeps it.
#[derive(Clone, Debug)]
pub struct KeptTrunk {
    /// Its name there.
    pub id: TrunkId,
    /// How it is.
    pub trunk: Trunk,
}

open_enum! {
    /// Which record of the DNS tells where a host is.
    pub enum DnsRecord {
        /// Its address.
        A = "a",
        /// Its service, with ports.
        Srv = "srv",
    }
}

/// Where the far end of a trunk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAt {
    /// At a host of that name.
    Host {
        /// The name, fully qualified.
        name: String,
        /// Which record tells where it is.
        record: DnsRecord,
    },
    /// At an address.
    Ip(IpAddr),
}

/// A far end of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub at: PeerAt,
    /// Its port; SIP's own is 5060.
    pub port: u16,
}

/// A far end as the vendor keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPeer {
    /// The vendor's id of it.
    pub id: String,
    /// What it is.
    pub peer: Peer,
}

/// What may be dialled, how much at once and for how much money: the last fence against a runaway dialler or a stolen
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundProfile {
    /// Its name, for people.
    pub name: String,
    /// Whether calls pass.
    pub enabled: bool,
    /// Countries that may be called, ISO 3166-1 alpha-2. None: no call passes.
    pub destinations: Vec<String>,
    /// Most money in a day, in minor units of the account's currency; `None`: no limit.
    pub daily_spend_minor: Option<i64>,
    /// The dearest minute, in millionths of the account's currency; `None`: as the vendor has it, and a change leaves it.
    pub dearest_minute_micros: Option<i64>,
    /// Most calls at once; `None`: no limit.
    pub calls_at_once: Option<u32>,
}

/// An outbound profile as the vendor keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptProfile {
    /// The vendor's id of it.
    pub id: String,
    /// How it is.
    pub profile: OutboundProfile,
}
