//! The conformance suite of [`Numbers`]: a function per promise.
//!
//! ```text
//! async fn make() -> Subject { .. }
//! wib_core::numbers_suite!(make);     // one named test per case
//! ```

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use crate::{
    kit::{Phone, VirtualClock},
    ports::{
        Fault, Numbers,
        numbers::{
            Assignment, Feature, Forwarding, Line, NumberOrder, NumberSearch, NumberStatus, OrderState, OwnedFilter,
            OwnedNumber, PlacedOrder, Screening, VoiceSettings, order_once,
        },
        pages::whole,
    },
};

/// A vendor with numbers to be had at the area code 312, its clock, and a way to lose an answer.
pub struct Subject {
    /// The adapter.
    pub numbers: Arc<dyn Numbers>,
    /// The clock that its vendor runs on.
    pub clock: Arc<VirtualClock>,
    /// A trunk that numbers can be wired to.
    pub trunk_id: String,
    /// Has the vendor take the next order without anybody seeing its answer.
    pub lose_an_answer: Box<dyn Fn() + Send + Sync>,
}
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("numbers", &self.numbers).finish_non_exhaustive()
    }
}
impl Subject {
    async fn at_312(&self) -> Vec<Phone> {
        let search = NumberSearch { area_code: Some("312".to_owned()), limit: 100, ..NumberSearch::default() };
        let found = self.numbers.search(&search).await.expect("numbers");
        found.iter().map(|one| one.number.phone().expect("a number")).collect()
    }
    async fn any(&self) -> Phone {
        let good = |number: &Phone| !number.as_str().ends_with("0199");
        self.at_312().await.into_iter().find(good).expect("a number")
    }
    fn of(&self, reference: &str, number: &Phone) -> NumberOrder {
        let (reference, numbers) = (reference.to_owned(), vec![number.clone()]);
        NumberOrder { reference, numbers, trunk_id: Some(self.trunk_id.clone()), messaging_profile: None }
    }
    /// Lets time pass until an order is done.
    async fn done(&self, id: &str) -> PlacedOrder {
        for _ in 0..60 {
            let placed = self.numbers.order_state(id).await.expect("an answer").expect("the order");
            if placed.state != OrderState::Pending {
                return placed;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("the order is not done after a minute");
    }
    async fn owned(&self, filter: &OwnedFilter) -> Vec<OwnedNumber> {
        whole("suite", 100, |place| self.numbers.owned(filter, place)).await.expect("the list")
    }
    async fn have(&self, reference: &str) -> OwnedNumber {
        let number = self.any().await;
        let placed = self.numbers.order(&self.of(reference, &number)).await.expect("an order");
        self.done(&placed.id).await;
        let filter = OwnedFilter { number: Some(number), ..OwnedFilter::default() };
        self.owned(&filter).await.into_iter().next().expect("the number")
    }
}

/// Makes one test per case. `make` is an `async fn() -> Subject`.
#[macro_export]
macro_rules! numbers_suite {
    ($make:path) => {
        $crate::suite_cases! { numbers_suite, $make:
            a_search_finds_what_was_asked_for
            an_order_gives_the_number_after_a_while
            an_order_that_fails_says_so_and_gives_nothing
            an_order_whose_answer_was_lost_is_found_and_not_made_again
            a_number_that_was_ordered_cannot_be_had
            a_number_is_wired_and_given_back
            a_name_and_a_way_for_calls_are_kept_and_taken_away
            a_lookup_tells_what_kind_of_line_it_is
            numbers_are_never_shown
        }
    };
}

/// At that area code, able to do that, no more than asked for, none twice; nothing for what nobody has.
pub async fn a_search_finds_what_was_asked_for(subject: Subject) {
    let numbers = subject.at_312().await;
    assert!(numbers.len() > 3 && numbers.iter().all(|number| number.area_code() == Some("312")));
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    let features = vec![Feature::Sms, Feature::Voice];
    let search = NumberSearch { area_code: Some("312".to_owned()), features, limit: 2, ..NumberSearch::default() };
    let found = subject.numbers.search(&search).await.expect("numbers");
    assert!(found.len() == 2 && found.iter().all(|one| one.features.contains(&Feature::Sms)));
    assert!(found.iter().all(|one| one.monthly_micros.is_some_and(|micros| micros > 0)));
    let odd = NumberSearch { features: vec![Feature::Other("telepathy".to_owned())], ..search };
    assert!(subject.numbers.search(&odd).await.map_or(true, |found| found.is_empty()));
}

/// First it is pending; then the number is ours, wired as was asked.
pub async fn an_order_gives_the_number_after_a_while(subject: Subject) {
    let number = subject.any().await;
    let placed = subject.numbers.order(&subject.of("order-1", &number)).await.expect("an order");
    assert_eq!((&placed.state, placed.reference.as_deref()), (&OrderState::Pending, Some("order-1")));
    let filter = OwnedFilter { number: Some(number.clone()), ..OwnedFilter::default() };
    assert!(subject.owned(&filter).await.is_empty());
    let done = subject.done(&placed.id).await;
    assert_eq!(done.state, OrderState::Success);
    assert_eq!(done.numbers, [(Line::from(&number), OrderState::Success)]);
    let owned = subject.owned(&filter).await;
    let [one] = &owned[..] else { panic!("one number") };
    assert_eq!((&one.status, one.trunk_id.as_ref()), (&NumberStatus::Active, Some(&subject.trunk_id)));
    assert_eq!(subject.numbers.number(&one.id).await.expect("an answer").as_ref(), Some(one));
    assert_eq!(subject.numbers.order_state("00000000-0000-4000-8000-000000000000").await.expect("an answer"), None);
}

/// It does not stay pending.
pub async fn an_order_that_fails_says_so_and_gives_nothing(subject: Subject) {
    let number: Phone = "+13125550199".parse().expect("a number");
    let placed = subject.numbers.order(&subject.of("order-2", &number)).await.expect("an order");
    let done = subject.done(&placed.id).await;
    assert_eq!((&done.state, &done.numbers[0].1), (&OrderState::Failure, &OrderState::Failure));
    let filter = OwnedFilter { number: Some(number), ..OwnedFilter::default() };
    assert!(subject.owned(&filter).await.is_empty());
}

/// By its reference; asking for it once more gives the same order.
pub async fn an_order_whose_answer_was_lost_is_found_and_not_made_again(subject: Subject) {
    let order = subject.of("order-3", &subject.any().await);
    assert_eq!(subject.numbers.find_order("order-3").await.expect("an answer"), None);
    (subject.lose_an_answer)();
    let placed = order_once(&*subject.numbers, &order).await.expect("the order");
    assert_eq!(placed.reference.as_deref(), Some("order-3"));
    let again = order_once(&*subject.numbers, &order).await.expect("the order");
    assert_eq!(again.id, placed.id);
    subject.done(&placed.id).await;
    let filter = OwnedFilter { reference: Some("order-3".to_owned()), ..OwnedFilter::default() };
    assert_eq!(subject.owned(&filter).await.len(), 1);
}

/// Not while it is pending, nor after.
pub async fn a_number_that_was_ordered_cannot_be_had(subject: Subject) {
    let number = subject.any().await;
    let placed = subject.numbers.order(&subject.of("order-4", &number)).await.expect("an order");
    assert!(!subject.at_312().await.contains(&number));
    subject.done(&placed.id).await;
    assert!(!subject.at_312().await.contains(&number));
    let again = subject.numbers.order(&subject.of("order-5", &number)).await.expect_err("refused");
    assert_eq!(again.fault, Fault::Request);
}

/// What is not named stays; a number that was given back is gone, and giving it back twice is a success.
pub async fn a_number_is_wired_and_given_back(subject: Subject) {
    let owned = subject.have("order-6").await;
    let tags = Assignment { tags: Some(vec!["pool".to_owned()]), ..Assignment::default() };
    let tagged = subject.numbers.assign(&owned.id, &tags).await.expect("the number");
    assert_eq!(
        (&tagged.trunk_id, &tagged.reference, &tagged.tags[..]),
        (&owned.trunk_id, &owned.reference, &["pool".to_owned()][..])
    );
    let filter = OwnedFilter { tag: Some("pool".to_owned()), ..OwnedFilter::default() };
    assert_eq!(subject.owned(&filter).await, [tagged]);
    let filter = OwnedFilter { trunk_id: Some("0".to_owned()), ..OwnedFilter::default() };
    assert!(subject.owned(&filter).await.is_empty());
    for _ in 0..2 {
        subject.numbers.release(&owned.id).await.expect("given back");
    }
    assert_eq!(subject.numbers.number(&owned.id).await.expect("an answer"), None);
    assert_eq!(subject.numbers.assign(&owned.id, &tags).await.expect_err("gone").fault, Fault::Missing);
    assert_eq!(subject.numbers.voice_settings(&owned.id).await.expect_err("gone").fault, Fault::Missing);
}

/// A name that is too long is refused.
pub async fn a_name_and_a_way_for_calls_are_kept_and_taken_away(subject: Subject) {
    let owned = subject.have("order-7").await;
    assert!(!owned.cnam_listed);
    let to: Phone = "+13125550123".parse().expect("a number");
    let settings = VoiceSettings {
        cnam: Some("ACME SERVICES".to_owned()),
        look_up_caller: Some(true),
        forwarding: Some(Forwarding { to: (&to).into(), on_failure: true }),
        record_inbound: false,
        screening: Screening::Flag,
    };
    let same = |kept: VoiceSettings| VoiceSettings { look_up_caller: settings.look_up_caller, ..kept };
    let kept = subject.numbers.set_voice(&owned.id, &settings).await.expect("settings");
    assert_eq!(same(kept), settings);
    let read = subject.numbers.voice_settings(&owned.id).await.expect("settings");
    assert_eq!(same(read), settings);
    assert!(subject.numbers.number(&owned.id).await.expect("an answer").expect("the number").cnam_listed);
    let plain = VoiceSettings::default();
    let kept = subject.numbers.set_voice(&owned.id, &plain).await.expect("settings");
    assert_eq!((kept.cnam, kept.forwarding, kept.screening), (None, None, Screening::Disabled));
    for name in ["A NAME OF SEVENTEEN", " "] {
        let long = VoiceSettings { cnam: Some(name.to_owned()), ..VoiceSettings::default() };
        let refused = subject.numbers.set_voice(&owned.id, &long).await.expect_err("refused");
        assert_eq!(refused.fault, Fault::Request);
    }
}

/// And who carries it; its name only when asked for.
pub async fn a_lookup_tells_what_kind_of_line_it_is(subject: Subject) {
    let number: Phone = "+14155550123".parse().expect("a number");
    let facts = subject.numbers.look_up(&number, false).await.expect("facts");
    assert_eq!((facts.number.phone(), facts.caller_name), (Some(number.clone()), None));
    assert!(facts.line_type.is_some() && facts.carrier.is_some());
    let named = subject.numbers.look_up(&number, true).await.expect("facts");
    assert!(named.caller_name.is_some());
}

/// `Debug` shows the last four digits.
pub async fn numbers_are_never_shown(subject: Subject) {
    let owned = subject.have("order-8").await;
    let number = owned.number.phone().expect("a number");
    let order = subject.of("order-8", &number);
    let placed = subject.numbers.find_order("order-8").await.expect("an answer");
    let facts = subject.numbers.look_up(&number, true).await.expect("facts");
    let shown = format!("{owned:?} {order:?} {placed:?} {facts:?}");
    assert!(!shown.contains(&number.as_str()[1..]), "{shown}");
}
