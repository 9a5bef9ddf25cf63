//! Verdicts: the vectors of the rules and the properties that hold for all of them.

use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;
use wib_core::{
    compliance::{
        Check, DebtFacts, Explanation, Facts, LedgerFact, Location, LocationSource, Masked, Outcome, PersonFacts,
        RulePack, Verdict, judge, zones,
    },
    contacts::ContactKind,
    kit::{Timestamp, canonical},
    ports::voice::Direction,
};

use crate::case::{DEBT, OTHER, PHONE, at, attempt, called_every_day, conversation, listing, living_in, place, stop};

/// The rules of the federal pack that bind a call about a debt.
const RULES: [&str; 18] = [
    "WIB-FACTS",
    "WIB-DNC",
    "RF-CEASE",
    "RF-TIME",
    "RF-TIME-PREF",
    "RF-PLACE",
    "RF-ATTY",
    "RF-EMPLOYER",
    "RF-THIRD-CALLEE",
    "RF-MEDIUM",
    "RF-FREQ-COUNT",
    "RF-FREQ-CONV",
    "RF-FREQ-X-CONSENT",
    "RF-FREQ-X-PRO",
    "RF-VAL-SEND",
    "RF-DISPUTE",
    "BK-STAY",
    "DECEASED",
];

fn judged(facts: &Facts, now: &str) -> Verdict {
    judge(facts, &RulePack::federal(), at(now))
}
#[track_caller]
fn permits(facts: &Facts, now: &str) {
    let verdict = judged(facts, now);
    assert!(verdict.permits(), "{:?}", verdict.explanation());
}
#[track_caller]
fn blocks(facts: &Facts, now: &str, outcome: Outcome, rule: &str, until: Option<&str>) {
    let verdict = judged(facts, now);
    let why = verdict.explanation();
    assert_eq!((verdict.outcome(), why.blocked_by.as_ref().map(|r| r.as_str())), (outcome, Some(rule)), "{why:?}");
    assert_eq!(why.not_before, until.map(at), "{why:?}");
}
#[track_caller]
fn defers(facts: &Facts, now: &str, rule: &str, until: &str) {
    blocks(facts, now, Outcome::Defer, rule, Some(until));
    permits(facts, until);
}

#[test]
fn the_eighth_call_within_168_hours_waits_until_the_first_leaves() {
    defers(&called_every_day(), "2026-06-07T15:00:00-05:00", "RF-FREQ-COUNT", "2026-06-08T09:00:00-05:00");
    defers(&called_every_day(), "2026-06-08T08:30:00-05:00", "RF-FREQ-COUNT", "2026-06-08T09:00:00-05:00");
}

#[test]
fn the_seventh_call_is_permitted() {
    let mut facts = called_every_day();
    facts.ledger.pop();
    permits(&facts, "2026-06-07T15:00:00-05:00");
}

#[test]
fn the_day_of_a_conversation_is_the_first_of_seven() {
    let facts = Facts {
        ledger: vec![conversation("2026-06-02T14:00:00-05:00", Direction::Outbound)],
        ..living_in(&["America/Chicago"])
    };
    defers(&facts, "2026-06-08T10:00:00-05:00", "RF-FREQ-CONV", "2026-06-09T08:00:00-05:00");
    let verdict = judged(&facts, "2026-06-08T10:00:00-05:00");
    let alone = verdict.explanation().finding("RF-FREQ-CONV").unwrap().not_before;
    assert_eq!(alone, Some(at("2026-06-09T00:00:00-05:00")), "the rule alone ends with the day");
}

#[test]
fn a_call_from_the_person_starts_the_quiet_days_and_counts_for_nothing() {
    let facts = Facts {
        ledger: vec![
            LedgerFact { direction: Direction::Inbound, ..attempt("2026-06-02T14:00:00-05:00") },
            conversation("2026-06-02T14:00:00-05:00", Direction::Inbound),
        ],
        ..living_in(&["America/Chicago"])
    };
    defers(&facts, "2026-06-05T10:00:00-05:00", "RF-FREQ-CONV", "2026-06-09T08:00:00-05:00");
    let verdict = judged(&facts, "2026-06-05T10:00:00-05:00");
    assert_eq!(verdict.explanation().finding("RF-FREQ-COUNT").unwrap().facts["counted"], 0);
}

#[test]
fn calls_that_did_not_connect_are_not_counted() {
    let mut facts = called_every_day();
    facts.ledger.iter_mut().for_each(|l| l.counts = false);
    permits(&facts, "2026-06-07T15:00:00-05:00");
}

#[test]
fn calls_about_another_debt_are_not_counted() {
    let facts = Facts { debt: Some(DebtFacts { id: OTHER, first_communication_at: None }), ..called_every_day() };
    permits(&facts, "2026-06-07T15:00:00-05:00");
}

#[test]
fn the_morning_begins_at_eight_where_the_person_is() {
    let new_york = living_in(&["America/New_York"]);
    defers(&new_york, "2026-03-07T12:30:00Z", "RF-TIME", "2026-03-07T13:00:00Z");
    permits(&new_york, "2026-03-08T12:30:00Z");
    let phoenix = living_in(&["America/Phoenix"]);
    defers(&phoenix, "2026-07-01T14:59:00Z", "RF-TIME", "2026-07-01T15:00:00Z");
    permits(&phoenix, "2026-07-01T15:00:00Z");
    defers(&living_in(&["America/Los_Angeles"]), "2026-06-03T07:45:00-07:00", "RF-TIME", "2026-06-03T08:00:00-07:00");
}

#[test]
fn every_place_the_person_may_be_has_to_be_awake() {
    let both = living_in(&["America/New_York", "America/Los_Angeles"]);
    defers(&both, "2026-06-03T14:00:00Z", "RF-TIME", "2026-06-03T15:00:00Z");
    defers(&both, "2026-06-04T01:30:00Z", "RF-TIME", "2026-06-04T15:00:00Z");
    let mut moved = living_in(&["America/New_York"]);
    moved.locations.push(place(LocationSource::AreaCode, &["America/Los_Angeles"]));
    defers(&moved, "2026-06-03T14:00:00Z", "RF-TIME", "2026-06-03T15:00:00Z");
}

#[test]
fn without_a_place_a_person_decides() {
    let nowhere = Facts { locations: vec![], ..living_in(&[]) };
    blocks(&nowhere, "2026-06-03T18:00:00Z", Outcome::Review, "RF-TIME", None);
    blocks(&living_in(&[]), "2026-06-03T18:00:00Z", Outcome::Review, "RF-TIME", None);
    let verdict = judged(&nowhere, "2026-06-03T18:00:00Z");
    assert!(verdict.explanation().finding("RF-TIME").unwrap().needed.as_ref().unwrap().ends_with('?'));
}

#[test]
fn an_area_code_alone_never_permits() {
    let locations = zones::location_of_area_code(&PHONE.parse().unwrap()).into_iter().collect::<Vec<_>>();
    assert_eq!(locations.len(), 1);
    let facts = Facts { locations, ..living_in(&[]) };
    blocks(&facts, "2026-06-03T18:00:00Z", Outcome::Review, "RF-TIME", None);
}

#[test]
fn a_zone_nobody_knows_denies() {
    blocks(&living_in(&["America/Atlantis"]), "2026-06-03T18:00:00Z", Outcome::Deny, "RF-TIME", None);
    blocks(&living_in(&["Etc/Unknown"]), "2026-06-03T18:00:00Z", Outcome::Deny, "RF-TIME", None);
}

#[test]
fn a_fact_that_could_not_be_read_denies() {
    let facts = Facts { unavailable: vec!["ledger".to_owned()], ..living_in(&["America/Chicago"]) };
    blocks(&facts, "2026-06-03T18:00:00Z", Outcome::Deny, "WIB-FACTS", None);
}

#[test]
fn nothing_is_permitted_on_no_facts_or_under_no_rules() {
    blocks(&Facts::default(), "2026-06-03T18:00:00Z", Outcome::Review, "WIB-FACTS", None);
    let none = RulePack::new("none", vec![], vec![]);
    assert_eq!(judge(&living_in(&["America/Chicago"]), &none, at("2026-06-03T18:00:00Z")).outcome(), Outcome::Deny);
}

#[test]
fn a_request_not_to_call_denies() {
    let noon = "2026-06-03T18:00:00Z";
    let free = living_in(&["America/Chicago"]);
    permits(&free, noon);
    let mut asked = free.clone();
    asked.person.as_mut().unwrap().do_not_call = true;
    blocks(&asked, noon, Outcome::Deny, "WIB-DNC", None);
    let mut listed = free.clone();
    listed.lists.push(listing(at("2026-05-01T00:00:00Z")));
    blocks(&listed, noon, Outcome::Deny, "WIB-DNC", None);
    let mut ceased = free;
    ceased.circumstances.push(stop(at("2026-05-01T00:00:00Z")));
    blocks(&ceased, noon, Outcome::Deny, "RF-CEASE", None);
}

#[test]
fn the_strictest_blocks_and_the_others_are_still_told() {
    let mut facts = called_every_day();
    facts.person.as_mut().unwrap().do_not_call = true;
    let verdict = judged(&facts, "2026-06-07T23:00:00-05:00");
    let why = verdict.explanation();
    assert_eq!((why.outcome, why.blocked_by.as_ref().map(|r| r.as_str())), (Outcome::Deny, Some("WIB-DNC")));
    assert_eq!(why.not_before, None);
    let failed: Vec<_> = why.findings.iter().filter(|f| f.outcome > Outcome::Permit).map(|f| f.rule.as_str()).collect();
    assert_eq!(failed, ["WIB-DNC", "RF-TIME", "RF-FREQ-COUNT"]);
}

#[test]
fn the_old_facts_under_the_old_pack_give_the_same_bytes() {
    let pack: RulePack = serde_json::from_str(&serde_json::to_string(&RulePack::federal()).unwrap()).unwrap();
    assert_eq!(pack, RulePack::federal());
    let now = at("2026-06-07T15:00:00-05:00");
    let first = judge(&called_every_day(), &pack, now);
    let stored = serde_json::to_string(&first).unwrap();
    let read: Explanation = serde_json::from_str(&stored).unwrap();
    let again = judge(&read.facts, &pack, read.decided_at);
    assert_eq!(serde_json::to_string(&again).unwrap(), stored);
    assert_eq!(again.explanation().hash().unwrap(), first.explanation().hash().unwrap());
    let facts: Facts = serde_json::from_str(&serde_json::to_string(&called_every_day()).unwrap()).unwrap();
    assert_eq!(judge(&facts, &pack, now), first);
}

#[test]
fn an_explanation_never_holds_the_number() {
    let text = canonical::to_text(&judged(&called_every_day(), "2026-06-07T15:00:00-05:00")).unwrap();
    assert!(text.contains(r#""number":"********0188""#) && !text.contains("5550188"), "{text}");
    assert!(serde_json::from_str::<Masked>(r#""+13125550188""#).is_err());
    assert!(serde_json::from_str::<Masked>(r#""0188""#).is_ok());
}

#[test]
fn a_rule_binds_on_its_days_only() {
    let mut pack = RulePack::federal();
    let facts = living_in(&["America/Chicago"]);
    assert!(pack.binding(&facts, "2021-11-29".parse().unwrap()).all(|r| !r.id.as_str().starts_with("RF-")));
    assert_eq!(pack.binding(&facts, "2021-11-30".parse().unwrap()).count(), RULES.len());
    let hours = pack.rules.iter_mut().find(|r| r.id.as_str() == "RF-TIME").unwrap();
    hours.effective_to = Some("2026-06-02".parse().unwrap());
    let night = "2026-06-03T07:00:00Z";
    assert!(judge(&living_in(&["America/Chicago"]), &pack, at(night)).permits());
    blocks(&living_in(&["America/Chicago"]), night, Outcome::Defer, "RF-TIME", Some("2026-06-03T13:00:00Z"));
}

#[test]
fn rules_that_exclude_one_another_ask_a_person() {
    let mut pack = RulePack::federal();
    let mut night = pack.rules.iter().find(|r| r.id.as_str() == "RF-TIME").unwrap().clone();
    night.check = Check::Hours {
        opens: "21:00".parse().unwrap(),
        closes: "23:00".parse().unwrap(),
        not_sundays: false,
        not_holidays: false,
    };
    pack.rules.push(night);
    let verdict = judge(&living_in(&["America/Chicago"]), &pack, at("2026-06-03T18:00:00Z"));
    assert_eq!((verdict.outcome(), verdict.explanation().not_before), (Outcome::Review, None));
}

#[test]
fn every_rule_says_where_it_comes_from() {
    for rule in RulePack::federal().rules {
        assert!(!rule.citation.is_empty() && !rule.title.is_empty(), "{}", rule.id);
        assert!(!rule.id.as_str().starts_with("RF-") || rule.citation.starts_with("12 CFR 1006."), "{}", rule.id);
    }
}

const ZONES: [&str; 8] = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Adak",
    "Pacific/Honolulu",
    "Pacific/Guam",
];

prop_compose! {
    fn entry()(
        minutes in 0..14 * 24 * 60i64, kind in select(&[ContactKind::Attempt, ContactKind::Conversation][..]),
        counts in prop::bool::weighted(0.8), debt in select(&[DEBT, DEBT, OTHER][..]),
        direction in select(&[Direction::Outbound, Direction::Outbound, Direction::Inbound][..]),
    ) -> LedgerFact {
        let at = Timestamp::from_second(NOON - minutes * 60).unwrap();
        LedgerFact { at, kind, counts, debt, direction, ..attempt("2026-06-01T00:00:00Z") }
    }
}
prop_compose! {
    fn somewhere()(
        source in select(&[LocationSource::Address, LocationSource::Statement, LocationSource::AreaCode][..]),
        zones in vec(select(&ZONES[..]), 1..3),
    ) -> Location { place(source, &zones) }
}
prop_compose! {
    fn case()(
        locations in vec(somewhere(), 0..3), ledger in vec(entry(), 0..24),
        do_not_call in prop::bool::weighted(0.1), ceased in prop::bool::weighted(0.1),
        known in prop::bool::weighted(0.9), unavailable in option::weighted(0.1, Just("ledger".to_owned())),
    ) -> Facts {
        let person = known.then_some(PersonFacts { id: Uuid::from_u128(1), do_not_call, language: None });
        let debt = Some(DebtFacts { id: DEBT, first_communication_at: None });
        let circumstances: Vec<_> = ceased.then(|| stop(Timestamp::from_second(NOON).unwrap())).into_iter().collect();
        let unavailable = unavailable.into_iter().collect();
        Facts { person, debt, circumstances, locations, ledger, unavailable, ..living_in(&[]) }
    }
}
prop_compose! {
    /// Any minute of the two weeks around the day the clocks go forward.
    fn instant()(minutes in -7 * 24 * 60..7 * 24 * 60i64) -> Timestamp {
        Timestamp::from_second(NOON + minutes * 60).unwrap()
    }
}
/// Noon UTC of 8 March 2026.
const NOON: i64 = 1_772_971_200;

fn restricted(facts: &Facts, how: usize, entry: LedgerFact, zone: &str) -> Facts {
    let mut facts = facts.clone();
    match how {
        0 => facts.ledger.push(entry),
        1 => facts.locations.push(place(LocationSource::AreaCode, &[zone])),
        2 => facts.locations.iter_mut().for_each(|l| l.zones.push(zone.to_owned())),
        3 => facts.person.iter_mut().for_each(|p| p.do_not_call = true),
        4 => facts.circumstances.push(stop(entry.at)),
        5 => facts.lists.push(listing(entry.at)),
        _ => facts.unavailable.push("locations".to_owned()),
    }
    facts
}

proptest! {
    #[test]
    fn the_order_of_the_ledger_does_not_matter(
        (facts, shuffled) in case().prop_flat_map(|f| (Just(f.clone()), Just(f.ledger).prop_shuffle())),
        now in instant(),
    ) {
        let mut other = Facts { ledger: shuffled, ..facts.clone() };
        other.locations.reverse();
        let pack = RulePack::federal();
        let text = |facts| canonical::to_text(&judge(facts, &pack, now)).unwrap();
        prop_assert_eq!(text(&facts), text(&other));
    }

    #[test]
    fn what_is_deferred_is_permitted_when_its_time_has_come(facts in case(), now in instant()) {
        let pack = RulePack::federal();
        let verdict = judge(&facts, &pack, now);
        match verdict.explanation().not_before {
            Some(later) => {
                prop_assert_eq!(verdict.outcome(), Outcome::Defer);
                prop_assert!(later > now);
                prop_assert_eq!(judge(&facts, &pack, later).outcome(), Outcome::Permit);
            }
            None => prop_assert_ne!(verdict.outcome(), Outcome::Defer),
        }
    }

    #[test]
    fn what_restricts_never_loosens(
        facts in case(), how in 0..7usize, entry in entry(), zone in select(&ZONES[..]), now in instant(),
    ) {
        let pack = RulePack::federal();
        let more = restricted(&facts, how, entry, zone);
        prop_assert!(judge(&more, &pack, now).outcome() >= judge(&facts, &pack, now).outcome());
    }

    #[test]
    fn what_is_not_known_never_permits(facts in case(), how in 0..4usize, now in instant()) {
        let mut less = facts;
        match how {
            0 => less.person = None,
            1 => less.debt = None,
            2 => less.callee = None,
            _ => less.locations.retain(|l| l.source == LocationSource::AreaCode),
        }
        prop_assert!(!judge(&less, &RulePack::federal(), now).permits());
    }

    #[test]
    fn a_stricter_pack_never_loosens(facts in case(), hour in 9..20i8, now in instant()) {
        let federal = RulePack::federal();
        let mut state = federal.clone();
        let mut hours = state.rules[3].clone();
        hours.check = Check::Hours { opens: jiff::civil::time(hour, 0, 0, 0), closes: jiff::civil::time(20, 0, 0, 0), not_sundays: false, not_holidays: false };
        state.rules.push(hours);
        prop_assert!(judge(&facts, &state, now).outcome() >= judge(&facts, &federal, now).outcome());
    }

    #[test]
    fn every_rule_is_told_and_the_strictest_blocks(facts in case(), now in instant()) {
        let verdict = judge(&facts, &RulePack::federal(), now);
        let why = verdict.explanation();
        prop_assert_eq!(why.findings.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), RULES);
        let strictest = why.findings.iter().map(|f| f.outcome).max().unwrap();
        prop_assert!(verdict.outcome() >= strictest);
        let first = why.findings.iter().find(|f| f.outcome == strictest).map(|f| f.rule.clone());
        prop_assert_eq!(&why.blocked_by, &first.filter(|_| !verdict.permits()));
        for finding in &why.findings {
            prop_assert_eq!(finding.not_before.is_some(), finding.outcome == Outcome::Defer);
            prop_assert!(finding.not_before.is_none_or(|at| at > now));
        }
        prop_assert!(why.hash().is_ok());
    }
}
