use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;

use super::{page, refused};
use crate::{
    kit::{Clock, Phone, Timestamp, time::after},
    ports::{
        Fault, Numbers, Sent, VendorError,
        numbers::{
            Assignment, AvailableNumber, Feature, Line, LineType, NumberFacts, NumberKind, NumberOrder, NumberSearch,
            NumberStatus, OrderState, OwnedFilter, OwnedNumber, PlacedOrder, VoiceSettings,
        },
        pages::{Place, Portion},
    },
};

/// How long an order takes.
const ORDER: Duration = Duration::from_secs(10);

/// Numbers in memory: `+1 <area code> 555 01xx` can be had, an order takes ten seconds, and one of a number that ends in
/// 0199 fails.
#[derive(Debug)]
pub struct FakeNumbers {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    made: u64,
    orders: BTreeMap<String, (Timestamp, NumberOrder, PlacedOrder)>,
    owned: BTreeMap<String, (OwnedNumber, VoiceSettings)>,
    lose: bool,
    asked: u32,
}
impl State {
    fn id(&mut self) -> String {
        self.made += 1;
        format!("{:05}", self.made)
    }
}

impl FakeNumbers {
    /// Nothing ordered, nothing owned.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
    /// Loses the answer of the next order; the order is taken.
    pub fn lose_an_answer(&self) {
        self.state.lock().expect("no test fails while it holds this").lose = true;
    }
    /// How many orders were taken.
    pub fn orders(&self) -> u32 {
        self.state.lock().expect("no test fails while it holds this").asked
    }
    /// The state as of now: orders whose time has come are done.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().expect("no test fails while it holds this");
        let now = self.clock.now();
        let mut had = Vec::new();
        for (at, order, placed) in state.orders.values_mut() {
            if placed.state != OrderState::Pending || after(*at, ORDER) > now {
                continue;
            }
            for (line, stands) in &mut placed.numbers {
                let fails = line.as_str().ends_with("0199");
                *stands = if fails { OrderState::Failure } else { OrderState::Success };
                if !fails {
                    had.push((line.clone(), order.clone()));
                }
            }
            let any = placed.numbers.iter().any(|(_, stands)| *stands == OrderState::Success);
            placed.state = if any { OrderState::Success } else { OrderState::Failure };
        }
        for (number, order) in had {
            let id = state.id();
            let owned = OwnedNumber {
                id: id.clone(),
                number,
                status: NumberStatus::Active,
                kind: Some(NumberKind::Local),
                trunk_id: order.trunk_id,
                messaging_profile: order.messaging_profile,
                reference: Some(order.reference),
                tags: vec![],
                cnam_listed: false,
                since: Some(now),
            };
            state.owned.insert(id, (owned, VoiceSettings::default()));
        }
        state
    }
}

fn missing() -> VendorError {
    refused(Fault::Missing, "no such number")
}

#[async_trait]
impl Numbers for FakeNumbers {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn search(&self, search: &NumberSearch) -> Result<Vec<AvailableNumber>, VendorError> {
        let state = self.state();
        let area = search.area_code.as_deref().unwrap_or("312");
        let taken = |number: &Line| {
            state.owned.values().any(|(owned, _)| owned.number == *number)
                || state
                    .orders
                    .values()
                    .any(|(.., o)| o.state == OrderState::Pending && o.numbers.iter().any(|(line, _)| line == number))
        };
        let all = (0..100).map(|n| Line::from(format!("+1{area}55501{n:02}"))).filter(|number| !taken(number));
        let features = || vec![Feature::Voice, Feature::Sms, Feature::Mms];
        let able = search.features.iter().all(|one| features().contains(one)) && search.country == "US";
        let one = |number| AvailableNumber {
            number,
            features: features(),
            monthly_micros: Some(1_000_000),
            upfront_micros: Some(1_000_000),
            currency: Some("USD".to_owned()),
            region: None,
            town: None,
        };
        let most = usize::try_from(search.limit).unwrap_or(usize::MAX);
        Ok(all.filter(|_| able).take(most).map(one).collect())
    }
    async fn order(&self, order: &NumberOrder) -> Result<PlacedOrder, VendorError> {
        let mut state = self.state();
        let owned = |number: &Phone| state.owned.values().any(|(owned, _)| owned.number == Line::from(number));
        if order.reference.trim().is_empty() || order.numbers.is_empty() || order.numbers.iter().any(owned) {
            return Err(refused(Fault::Request, "no reference, no numbers, or one that cannot be had"));
        }
        let placed = PlacedOrder {
            id: state.id(),
            reference: Some(order.reference.clone()),
            state: OrderState::Pending,
            numbers: order.numbers.iter().map(|number| (number.into(), OrderState::Pending)).collect(),
            requirements_met: true,
        };
        state.asked += 1;
        state.orders.insert(placed.id.clone(), (self.clock.now(), order.clone(), placed.clone()));
        if std::mem::take(&mut state.lose) {
            return Err(VendorError::new("fake", Fault::Timeout, Sent::Unknown, "no answer in time"));
        }
        Ok(placed)
    }
    async fn find_order(&self, reference: &str) -> Result<Option<PlacedOrder>, VendorError> {
        let state = self.state();
        let found = state.orders.values().find(|(_, order, _)| order.reference == reference);
        Ok(found.map(|(.., placed)| placed.clone()))
    }
    async fn order_state(&self, id: &str) -> Result<Option<PlacedOrder>, VendorError> {
        Ok(self.state().orders.get(id).map(|(.., placed)| placed.clone()))
    }
    async fn owned(&self, filter: &OwnedFilter, place: Option<Place>) -> Result<Portion<OwnedNumber>, VendorError> {
        let state = self.state();
        let fits = |one: &&OwnedNumber| {
            filter.number.as_ref().is_none_or(|number| one.number == Line::from(number))
                && filter.trunk_id.as_ref().is_none_or(|id| one.trunk_id.as_ref() == Some(id))
                && filter.reference.as_ref().is_none_or(|text| one.reference.as_ref() == Some(text))
                && filter.tag.as_ref().is_none_or(|tag| one.tags.contains(tag))
        };
        page(state.owned.values().map(|(owned, _)| owned).filter(fits).cloned().collect(), place.as_ref())
    }
    async fn number(&self, id: &str) -> Result<Option<OwnedNumber>, VendorError> {
        Ok(self.state().owned.get(id).map(|(owned, _)| owned.clone()))
    }
    async fn assign(&self, id: &str, assignment: &Assignment) -> Result<OwnedNumber, VendorError> {
        let mut state = self.state();
        let (owned, _) = state.owned.get_mut(id).ok_or_else(missing)?;
        owned.trunk_id = assignment.trunk_id.clone().or(owned.trunk_id.take());
        owned.reference = assignment.reference.clone().or(owned.reference.take());
        if let Some(tags) = &assignment.tags {
            owned.tags.clone_from(tags);
        }
        Ok(owned.clone())
    }
    async fn voice_settings(&self, id: &str) -> Result<VoiceSettings, VendorError> {
        Ok(self.state().owned.get(id).ok_or_else(missing)?.1.clone())
    }
    async fn set_voice(&self, id: &str, settings: &VoiceSettings) -> Result<VoiceSettings, VendorError> {
        if settings.cnam.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > 15) {
            return Err(refused(Fault::Request, "a name shown has 1 to 15 characters"));
        }
        let mut state = self.state();
        let (owned, kept) = state.owned.get_mut(id).ok_or_else(missing)?;
        let look_up_caller = settings.look_up_caller.or(kept.look_up_caller);
        *kept = VoiceSettings { look_up_caller, ..settings.clone() };
        owned.cnam_listed = settings.cnam.is_some();
        Ok(kept.clone())
    }
    async fn release(&self, id: &str) -> Result<(), VendorError> {
        self.state().owned.remove(id);
        Ok(())
    }
    async fn look_up(&self, number: &Phone, caller_name: bool) -> Result<NumberFacts, VendorError> {
        Ok(NumberFacts {
            number: number.into(),
            country: Some("US".to_owned()),
            line_type: Some(LineType::Mobile),
            carrier: Some("Fake Wireless".to_owned()),
            caller_name: caller_name.then(|| "CALLER".to_owned()),
            ported: Some(false),
            town: None,
            region: None,
        })
    }
}
