//! Numbers of ours: finding, ordering, wiring and giving back; and what is known of anybody's number.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    Sent, VendorError,
    pages::{Place, Portion},
};
use crate::{
    kit::{Phone, time::Timestamp},
    open_enum,
};

/// A vendor that numbers are had from.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Numbers: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Numbers that can be had, at most as many as were asked for.
    async fn search(&self, search: &NumberSearch) -> Result<Vec<AvailableNumber>, VendorError>;
    /// Orders numbers, and so buys them. Never repeated by itself: [`order_once`] is how to.
    async fn order(&self, order: &NumberOrder) -> Result<PlacedOrder, VendorError>;
    /// Looks for the order with that reference: what became of one nobody saw the answer of. Of several, the first.
    async fn find_order(&self, reference: &str) -> Result<Option<PlacedOrder>, VendorError>;
    /// How an order stands; `None` when there is no such one.
    async fn order_state(&self, id: &str) -> Result<Option<PlacedOrder>, VendorError>;
    /// Numbers of ours, a page at a time.
    async fn owned(&self, filter: &OwnedFilter, place: Option<Place>) -> Result<Portion<OwnedNumber>, VendorError>;
    /// A number of ours as it is now; `None` when there is no such one.
    async fn number(&self, id: &str) -> Result<Option<OwnedNumber>, VendorError>;
    /// Wires a number.
    async fn assign(&self, id: &str, assignment: &Assignment) -> Result<OwnedNumber, VendorError>;
    /// How calls to and from a number are treated.
    async fn voice_settings(&self, id: &str) -> Result<VoiceSettings, VendorError>;
    /// Has calls to and from a number be treated like that.
    async fn set_voice(&self, id: &str, settings: &VoiceSettings) -> Result<VoiceSettings, VendorError>;
    /// Gives a number back: somebody else will have it. One that is gone already is a success.
    async fn release(&self, id: &str) -> Result<(), VendorError>;
    /// What is known of a number, ours or not. Each question may cost.
    async fn look_up(&self, number: &Phone, caller_name: bool) -> Result<NumberFacts, VendorError>;
}

/// Orders numbers, once: an order with that reference that is there already is the answer, and one whose answer was lost
/// is looked for.
///
/// # Errors
/// What the vendor says. [`Sent::Unknown`] when it cannot be said whether there is such an order: ask again later.
pub async fn order_once(numbers: &dyn Numbers, order: &NumberOrder) -> Result<PlacedOrder, VendorError> {
    if let Some(placed) = numbers.find_order(&order.reference).await? {
        return Ok(placed);
    }
    match numbers.order(order).await {
        Err(lost) if lost.sent == Sent::Unknown => match numbers.find_order(&order.reference).await {
            Ok(Some(placed)) => Ok(placed),
            _ => Err(lost),
        },
        answer => answer,
    }
}

/// What the network calls somebody by: a number, a short code, or a sender's name, as the vendor wrote it.
///
/// `Debug` shows the last four characters only, so that logs do not carry numbers.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line(String);
impl Line {
    /// What the vendor wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The same as a number, when it is one.
    #[must_use]
    pub fn phone(&self) -> Option<Phone> {
        self.0.parse().ok()
    }
}
impl From<String> for Line {
    fn from(text: String) -> Self {
        Self(text)
    }
}
impl From<&Phone> for Line {
    fn from(number: &Phone) -> Self {
        Self(number.as_str().to_owned())
    }
}
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.chars().count().saturating_sub(4);
        self.0.chars().enumerate().try_for_each(|(at, c)| write!(f, "{}", if at < shown { '*' } else { c }))
    }
}

open_enum! {
    /// What kind of number it is.
    pub enum NumberKind {
        /// Of a place.
        Local = "local",
        /// Free for who calls it.
        TollFree = "toll_free",
        /// Of a mobile network.
        Mobile = "mobile",
        /// Of a country and no place.
        National = "national",
        /// Both sides pay.
        SharedCost = "shared_cost",
    }
}

open_enum! {
    /// What a number can do.
    pub enum Feature {
        /// Calls.
        Voice = "voice",
        /// Text messages.
        Sms = "sms",
        /// Messages with media.
        Mms = "mms",
        /// Fax.
        Fax = "fax",
        /// Calls to emergency services.
        Emergency = "emergency",
    }
}

/// Which numbers are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberSearch {
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Area code, such as `312`.
    pub area_code: Option<String>,
    /// Town.
    pub town: Option<String>,
    /// State or province, such as `IL`.
    pub region: Option<String>,
    /// Kind of number.
    pub kind: Option<NumberKind>,
    /// What it must be able to do.
    pub features: Vec<Feature>,
    /// Most numbers in the answer.
    pub limit: u32,
}
impl Default for NumberSearch {
    fn default() -> Self {
        let (area_code, town, region, kind, features) = (None, None, None, None, vec![]);
        Self { country: "US".to_owned(), area_code, town, region, kind, features, limit: 20 }
    }
}

/// A number that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailableNumber {
    /// The number.
    pub number: Line,
    /// What it can do.
    pub features: Vec<Feature>,
    /// Price of a month, in millionths of the currency's unit.
    pub monthly_micros: Option<i64>,
    /// Price of having it, once, in millionths of the currency's unit.
    pub upfront_micros: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Where its calls are rated.
    pub town: Option<String>,
}

/// An order of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberOrder {
    /// Ours, and of this order only: it is found by it.
    pub reference: String,
    /// Which numbers.
    pub numbers: Vec<Phone>,
    /// The trunk they are wired to.
    pub trunk_id: Option<String>,
    /// The profile their messages go by.
    pub messaging_profile: Option<String>,
}

open_enum! {
    /// How an order, or one number of it, stands.
    pub enum OrderState {
        /// Not yet.
        Pending = "pending",
        /// They are ours.
        Success = "success",
        /// They are not ours, and will not be.
        Failure = "failure",
    }
}

/// An order as the vendor keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The vendor's id of it.
    pub id: String,
    /// Our reference.
    pub reference: Option<String>,
    /// How it stands.
    pub state: OrderState,
    /// Its numbers, with how each stands.
    pub numbers: Vec<(Line, OrderState)>,
    /// Whether whatever the law of the number's country asks for was given.
    pub requirements_met: bool,
}

open_enum! {
    /// How a number of ours stands.
    pub enum NumberStatus {
        /// In service.
        Active = "active",
        /// Ordered.
        PurchasePending = "purchase_pending",
        /// Not had.
        PurchaseFailed = "purchase_failed",
        /// On its way from another carrier.
        PortPending = "port_pending",
        /// On its way to another carrier.
        PortOutPending = "port_out_pending",
        /// With another carrier.
        PortedOut = "ported_out",
        /// Given back.
        Deleted = "deleted",
    }
}

/// Which numbers of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedFilter {
    /// That number.
    pub number: Option<Phone>,
    /// Wired to that trunk.
    pub trunk_id: Option<String>,
    /// With that reference.
    pub reference: Option<String>,
    /// With that tag.
    pub tag: Option<String>,
}

/// A number of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedNumber {
    /// The vendor's id of it.
    pub id: String,
    /// The number.
    pub number: Line,
    /// How it stands.
    pub status: NumberStatus,
    /// What kind it is.
    pub kind: Option<NumberKind>,
    /// The trunk that it is wired to.
    pub trunk_id: Option<String>,
    /// The profile that its messages go by.
    pub messaging_profile: Option<String>,
    /// Our reference.
    pub reference: Option<String>,
    /// Our tags.
    pub tags: Vec<String>,
    /// Whether a name is shown for it (CNAM).
    pub cnam_listed: bool,
    /// Since when it is ours.
    pub since: Option<Timestamp>,
}

/// How a number is wired. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The trunk.
    pub trunk_id: Option<String>,
    /// Our reference.
    pub reference: Option<String>,
    /// Our tags, all of them.
    pub tags: Option<Vec<String>>,
}

open_enum! {
    /// What is done with incoming calls that look like fraud.
    pub enum Screening {
        /// Nothing.
        Disabled = "disabled",
        /// They are refused.
        Reject = "reject_calls",
        /// They are marked.
        Flag = "flag_calls",
    }
}

/// Where incoming calls are sent on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// To this number.
    pub to: Line,
    /// Only when they cannot be had here.
    pub on_failure: bool,
}

/// How calls to and from a number are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceSettings {
    /// The name shown to who is called (CNAM), at most 15 characters; `None`: no name is listed.
    pub cnam: Option<String>,
    /// Whether the name of who calls in is looked up. `None`: not told; in a change, it stays.
    pub look_up_caller: Option<bool>,
    /// Where incoming calls are sent on to.
    pub forwarding: Option<Forwarding>,
    /// Whether the vendor records incoming calls by itself. Ours are recorded after the notice only, so: no.
    pub record_inbound: bool,
    /// What is done with incoming calls that look like fraud.
    pub screening: Screening,
}
impl Default for VoiceSettings {
    fn default() -> Self {
        let (cnam, look_up_caller, forwarding) = (None, None, None);
        Self { cnam, look_up_caller, forwarding, record_inbound: false, screening: Screening::Disabled }
    }
}

open_enum! {
    /// What a number is a line of.
    pub enum LineType {
        /// A wire.
        Fixed = "fixed_line",
        /// A mobile network: rules of consent ask for it (47 U.S.C. 227(b)(1)(A)(iii)).
        Mobile = "mobile",
        /// The internet.
        Voip = "voip",
        /// Nobody can say which of the two.
        FixedOrMobile = "fixed_line_or_mobile",
        /// Free for who calls it.
        TollFree = "toll_free",
    }
}

/// What is known of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFacts {
    /// The number.
    pub number: Line,
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// What it is a line of.
    pub line_type: Option<LineType>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The name listed for it (CNAM), when asked for.
    pub caller_name: Option<String>,
    /// Whether it was ported from another carrier.
    pub ported: Option<bool>,
    /// Town that it was given out in; says nothing of where its holder is.
    pub town: Option<String>,
    /// State that it was given out in; says nothing of where its holder is.
    pub region: Option<String>,
}
