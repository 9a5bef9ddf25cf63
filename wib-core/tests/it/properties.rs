//! What holds for every fact, pack and instant.

use jiff::{SignedDuration, civil::Time};
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;
use wib_core::{
    compliance::{
        Act, ActKind, Callee, CampaignFacts, Check, CircumstanceFact, CircumstanceKind, CollectorRole, ConsentFact,
        ConsentScope, Day, DebtFacts, DisputeFact, DutyKind, Facts, Flag, Holder, LedgerFact, LicenceFact, Line,
        ListFact, ListKind, Location, LocationSource, Medium, NoticeFact, NoticeKind, Outcome, PersonFacts, Place,
        PreferenceFact, Purpose, RecordClass, RetentionFacts, Rule, RuleId, RulePack, Technology, Wish, forecast,
        judge,
    },
    contacts::ContactKind,
    kit::{Phone, Timestamp, canonical, text::TextEnum},
    ports::voice::Direction,
};

use crate::case::{DEBT, OTHER, PHONE, place};

/// Noon UTC of 8 March 2026, the day the clocks go forward.
const NOON: i64 = 1_772_971_200;
const DAY: i64 = 86_400;

fn any<T: TextEnum + std::fmt::Debug>() -> impl Strategy<Value = T> {
    select(T::ALL)
}
/// An instant around the day, or the ends of time.
fn instant(days: i64) -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        40 => (-days * 1440..days * 1440).prop_map(|minutes| Timestamp::from_second(NOON + minutes * 60).unwrap()),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}
fn clock() -> impl Strategy<Value = Time> {
    (0..24i8, select(&[0i8, 30][..])).prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}
prop_compose! {
    fn somewhere()(
        source in any::<LocationSource>(),
        zones in vec(select(&["America/New_York", "America/Chicago", "America/Los_Angeles", "Pacific/Honolulu", "Pacific/Guam",
            "America/Atlantis"][..]).prop_map(str::to_owned), 0..3),
        regions in vec(select(&["US-MA", "US-WA", "US-NY-NYC", "US-CA", "US-AL", "US-WV", "US-DC"][..]).prop_map(str::to_owned), 0..2),
    ) -> Location { Location { source, zones, regions, noted_on: None } }
}
prop_compose! {
    fn entry()(
        at in instant(20), kind in any::<ContactKind>(), counts in prop::bool::weighted(0.8),
        debt in select(&[DEBT, DEBT, OTHER][..]), direction in any::<Direction>(), medium in any::<Medium>(),
        technology in any::<Technology>(), place in any::<Place>(), same_number in prop::bool::ANY,
    ) -> LedgerFact { LedgerFact { at, kind, counts, debt, direction, medium, technology, place, same_number } }
}
prop_compose! {
    fn agreement()(
        at in instant(12), scope in any::<ConsentScope>(), granted in prop::bool::weighted(0.7), written in prop::bool::ANY,
        expires_at in option::weighted(0.2, instant(12)), used_at in option::weighted(0.1, instant(12)),
    ) -> ConsentFact { ConsentFact { at, scope, granted, written, expires_at, used_at } }
}
prop_compose! {
    fn preference()(
        since in instant(12), medium in option::of(any::<Medium>()),
        wish in prop_oneof![
            Just(Wish::NoMedium),
            (vec(any::<Day>(), 0..3), clock(), clock()).prop_map(|(days, from, to)| Wish::NotDuring { days, from, to }),
            any::<Place>().prop_map(|place| Wish::NoPlace { place }),
        ],
    ) -> PreferenceFact { PreferenceFact { since, medium, wish } }
}
prop_compose! {
    fn circumstance()(kind in any::<CircumstanceKind>(), since in instant(12), debt in option::of(select(&[DEBT, OTHER][..])))
        -> CircumstanceFact { CircumstanceFact { kind, since, debt } }
}
prop_compose! {
    fn listing()(list in any::<ListKind>(), listed in prop::bool::weighted(0.3), as_of in instant(40))
        -> ListFact { ListFact { list, listed, as_of, source: "list".to_owned() } }
}
prop_compose! {
    fn written()(
        notices in vec((any::<NoticeKind>(), instant(12), prop::bool::ANY, option::of(instant(12))), 0..3),
        disputes in vec((instant(12), prop::bool::ANY, option::of(instant(12))), 0..2),
    ) -> (Vec<NoticeFact>, Vec<DisputeFact>) {
        (
            notices.into_iter().map(|(kind, sent_at, returned, period_ends)| NoticeFact { kind, sent_at, returned, period_ends }).collect(),
            disputes.into_iter().map(|(at, written, answered_at)| DisputeFact { at, written, answered_at }).collect(),
        )
    }
}
prop_compose! {
    fn who()(
        collector in option::of(any::<CollectorRole>()),
        person in option::weighted(0.9, prop::bool::weighted(0.1)),
        debt in option::weighted(0.9, option::of(instant(12))),
        callee in option::weighted(0.9, (any::<Holder>(), any::<Line>(), any::<Place>())),
        locations in vec(somewhere(), 0..3),
    ) -> Facts {
        Facts {
            collector,
            person: person.map(|do_not_call| PersonFacts { id: Uuid::from_u128(1), do_not_call, language: None }),
            debt: debt.map(|first_communication_at| DebtFacts { id: DEBT, first_communication_at }),
            callee: callee.map(|(holder, line, place)| Callee { holder, line, place, ..Callee::from(&PHONE.parse::<Phone>().unwrap()) }),
            locations,
            ..Facts::default()
        }
    }
}
prop_compose! {
    /// Anything at all.
    fn case()(
        who in who(), kind in any::<ActKind>(), purpose in any::<Purpose>(), technology in any::<Technology>(),
        ledger in vec(entry(), 0..12), consents in vec(agreement(), 0..6), preferences in vec(preference(), 0..3),
        circumstances in vec(circumstance(), 0..2), lists in vec(listing(), 0..4), (notices, disputes) in written(),
        campaign in option::of((0..2000u64, 0..80u64)), done in prop::collection::btree_set(any::<DutyKind>(), 0..12),
        flags in prop::collection::btree_map(any::<Flag>(), prop::bool::ANY, 0..20),
        record in option::of((any::<RecordClass>(), instant(2000), option::of(instant(2000)), option::of(instant(2000)), 0..2u32, 0..4000u32)),
    ) -> Facts {
        Facts {
            act: Act { kind, purpose, technology }, ledger, consents, preferences, circumstances, lists, notices, disputes,
            campaign: campaign.map(|(live_answers, abandoned)| CampaignFacts { live_answers, abandoned }), done, flags,
            retention: record.map(|(class, made_at, last_activity_at, ended_at, holds, wanted_days)| RetentionFacts {
                class, made_at, last_activity_at, ended_at, holds, wanted_days,
            }),
            ..who
        }
    }
}
/// Facts on which nearly nothing stands in the way, so that single losses show.
fn ready(mut facts: Facts) -> Facts {
    facts.person = Some(PersonFacts { id: Uuid::from_u128(1), do_not_call: false, language: None });
    facts.debt.get_or_insert(DebtFacts { id: DEBT, first_communication_at: None }).first_communication_at = None;
    facts.callee =
        Some(Callee { line: Line::Business, place: Place::Personal, ..Callee::from(&PHONE.parse::<Phone>().unwrap()) });
    facts.locations = vec![place(LocationSource::Address, &["America/Chicago"])];
    facts.act.technology = Technology::Manual;
    facts.circumstances.clear();
    facts.preferences.clear();
    facts.disputes.clear();
    facts.ledger.truncate(2);
    facts.lists.retain(|l| !l.listed);
    let good = |f: &Flag| {
        use Flag::*;
        !matches!(
            f,
            ThirdParty
                | RecordingRefused
                | WorkAddress
                | TimeBarred
                | CardData
                | Recurring
                | TelDebit
                | FeeCharged
                | PaysDisputed
                | LegalHold
                | PostDated
                | RePresented
                | AlreadyPaid
                | LocationAsked
        )
    };
    facts.flags = Flag::ALL.iter().map(|f| (*f, good(f))).collect();
    facts.done = DutyKind::ALL.iter().copied().collect();
    facts
}
/// Takes something away that is knowledge by being there. Not among these: ledgers, circumstances, wishes, disputes, lists
/// without a date that is asked for, a record's holds. Of these an empty list says that there are none, and who could not
/// read it says so in `unavailable`.
fn forget(facts: &mut Facts, what: usize) {
    match what {
        0 => facts.person = None,
        1 => facts.debt = None,
        2 => facts.callee = None,
        3 => facts.locations.clear(),
        4 => facts.collector = None,
        5 => facts.consents.retain(|c| !c.granted),
        6 => facts.notices.clear(),
        7 => facts.licences.clear(),
        8 => facts.campaign = None,
        9 => facts.retention = None,
        10 => facts.done.clear(),
        11 => facts.flags.clear(),
        12 => facts.act.technology = Technology::Unknown,
        13 => facts.locations.iter_mut().for_each(|l| l.zones.clear()),
        14 => facts.lists.retain(|l| l.listed),
        15 => facts.callee.iter_mut().for_each(|c| c.line = Line::Unknown),
        16 => facts.callee.iter_mut().for_each(|c| c.place = Place::Unknown),
        17 => facts.ledger.iter_mut().for_each(|l| l.technology = Technology::Unknown),
        18 => facts.ledger.iter_mut().for_each(|l| l.place = Place::Unknown),
        19 => facts.retention.iter_mut().for_each(|r| r.last_activity_at = None),
        20 => facts.retention.iter_mut().for_each(|r| r.ended_at = None),
        n => {
            facts.flags.remove(&Flag::ALL[(n - 21) % Flag::ALL.len()]);
        }
    }
}
fn shuffled(facts: &Facts) -> Facts {
    let mut other = facts.clone();
    other.ledger.reverse();
    other.consents.reverse();
    other.preferences.reverse();
    other.circumstances.reverse();
    other.lists.reverse();
    other.notices.reverse();
    other.disputes.reverse();
    other.locations.reverse();
    other.locations.iter_mut().for_each(|l| {
        l.zones.reverse();
        l.regions.reverse();
    });
    other
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_is_added_never_loosens(facts in case(), easy in prop::bool::ANY, which in 0..1000usize, now in instant(12)) {
        let facts = if easy { ready(facts) } else { facts };
        let pack = RulePack::standard();
        let mut rule: Rule = pack.rules[which % pack.rules.len()].clone();
        rule.id = RuleId::new("ADDED-1");
        rule.exempts.clear();
        rule.jurisdiction = "US".to_owned();
        rule.acts = ActKind::ALL.to_vec();
        (rule.roles, rule.purposes, rule.technologies, rule.effective_from) = (vec![], vec![], vec![], None);
        let more = RulePack::layered(pack.clone(), [RulePack::new("added", vec![], vec![rule])]).unwrap();
        let (with, without) = (judge(&facts, &more, now), judge(&facts, &pack, now));
        prop_assert!(with.outcome() >= without.outcome());
        prop_assert!(with.explanation().findings.len() > without.explanation().findings.len());
    }

    #[test]
    fn what_is_forgotten_never_permits(facts in case(), easy in prop::bool::weighted(0.8), what in 0..60usize, now in instant(12)) {
        let facts = if easy { ready(facts) } else { facts };
        let pack = RulePack::standard();
        let mut less = facts.clone();
        forget(&mut less, what);
        let (then, now_) = (judge(&facts, &pack, now), judge(&less, &pack, now));
        prop_assert!(!now_.permits() || then.permits(), "{what}: {:?}", then.explanation().blocked_by);
    }

    #[test]
    fn a_verdict_is_its_facts_in_any_order_and_its_own_facts_again(facts in case(), now in instant(12)) {
        let pack = RulePack::standard();
        let verdict = judge(&facts, &pack, now);
        let text = canonical::to_text(&verdict).unwrap();
        prop_assert_eq!(&canonical::to_text(&judge(&shuffled(&facts), &pack, now)).unwrap(), &text);
        let kept: Facts = serde_json::from_value(serde_json::to_value(&verdict.explanation().facts).unwrap()).unwrap();
        prop_assert_eq!(&canonical::to_text(&judge(&kept, &pack, now)).unwrap(), &text);
    }

    #[test]
    fn each_rule_permits_at_the_instant_it_tells_and_not_just_before(facts in case(), now in instant(12)) {
        let pack = RulePack::standard();
        let verdict = judge(&facts, &pack, now);
        let why = verdict.explanation();
        prop_assert_eq!(why.not_before.is_some(), why.outcome == Outcome::Defer);
        for finding in &why.findings {
            prop_assert_eq!(finding.not_before.is_some(), finding.outcome == Outcome::Defer);
            prop_assert_eq!(finding.needed.is_some(), [Outcome::Require, Outcome::Review, Outcome::Deny].contains(&finding.outcome));
            prop_assert!(finding.exempt_by.is_none() || finding.outcome == Outcome::Permit);
            let Some(later) = finding.not_before else { continue };
            prop_assert!(later > now);
            let alone = |at| judge(&facts, &pack, at).explanation().finding(finding.rule.as_str()).map(|f| f.outcome);
            prop_assert!(alone(later).is_none_or(|o| o == Outcome::Permit), "{} at {later}", finding.rule);
            let before = later.checked_sub(SignedDuration::from_secs(1)).unwrap_or(now).max(now);
            prop_assert!(alone(before).is_none_or(|o| o == Outcome::Defer), "{} before {later}", finding.rule);
        }
    }

    #[test]
    fn all_rules_are_told_and_each_counterfactual_is_the_rest(facts in case(), now in instant(12)) {
        let pack = RulePack::standard();
        let verdict = judge(&facts, &pack, now);
        let why = verdict.explanation();
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let bound: Vec<_> = pack.binding(&facts, today).map(|r| &r.id).collect();
        prop_assert_eq!(why.findings.iter().map(|f| &f.rule).collect::<Vec<_>>(), bound);
        let standing: Vec<_> = why.findings.iter().filter(|f| f.outcome != Outcome::Permit).collect();
        prop_assert_eq!(standing.len(), why.counterfactuals.len());
        for (finding, instead) in standing.iter().zip(&why.counterfactuals) {
            let rest = standing.iter().filter(|f| f.rule != finding.rule).map(|f| f.outcome).max();
            prop_assert_eq!((&instead.rule, instead.outcome), (&finding.rule, rest.unwrap_or(Outcome::Permit)));
            prop_assert!(!instead.change.is_empty());
        }
    }

    #[test]
    fn a_forecast_says_what_verdicts_say(
        facts in case(), easy in prop::bool::weighted(0.7), from in instant(12), minutes in 1..30i64, probe in 0..3 * DAY,
    ) {
        let facts = if easy { ready(facts) } else { facts };
        let pack = RulePack::standard();
        let to = from.checked_add(SignedDuration::from_secs(3 * DAY)).unwrap_or(Timestamp::MAX);
        let outlook = forecast(&facts, &pack, from, to, SignedDuration::from_mins(minutes));
        let mut end = from;
        for span in &outlook.spans {
            prop_assert_eq!(span.from, end);
            prop_assert!(span.from < span.to);
            end = span.to;
            let verdict = judge(&facts, &pack, span.from);
            let why = verdict.explanation();
            prop_assert_eq!((why.outcome, &why.blocked_by, why.not_before), (span.outcome, &span.blocked_by, span.not_before));
            if span.outcome == Outcome::Permit {
                let last = span.to.checked_sub(SignedDuration::from_secs(1)).unwrap().max(span.from);
                prop_assert!(judge(&facts, &pack, last).permits(), "the last second of {span:?}");
            }
        }
        prop_assert_eq!(end, to.max(from));
        let probe = from.checked_add(SignedDuration::from_secs(probe)).unwrap_or(from);
        if let Some(span) = outlook.spans.iter().find(|s| s.from <= probe && probe < s.to && s.outcome == Outcome::Defer) {
            prop_assert!(!judge(&facts, &pack, probe).permits(), "within {span:?}");
        }
    }
}

#[test]
fn odd_facts_have_verdicts() {
    let pack = RulePack::standard();
    let mut facts = crate::case::resident("US-MA", "America/New_York");
    let entry = crate::case::attempt("2026-06-01T12:00:00Z");
    facts.ledger = (0..10_000)
        .map(|n| LedgerFact { at: Timestamp::from_second(NOON + n * 60).unwrap(), ..entry.clone() })
        .collect();
    facts.ledger.push(LedgerFact { at: Timestamp::MIN, ..entry.clone() });
    facts.ledger.push(LedgerFact { at: Timestamp::MAX, ..entry });
    facts.locations[0]
        .zones
        .extend(["", "UTC", "Etc/GMT+12", "../../etc/passwd", "America/New_York\0"].map(str::to_owned));
    facts.licences =
        vec![LicenceFact { region: "US-CA".to_owned(), from: Timestamp::MAX, until: Some(Timestamp::MIN) }];
    facts.preferences = vec![PreferenceFact {
        since: Timestamp::MIN,
        medium: None,
        wish: Wish::NotDuring { days: vec![], from: Time::midnight(), to: Time::midnight() },
    }];
    for kind in ActKind::ALL {
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::from_second(NOON).unwrap(), Timestamp::MAX] {
            let odd = Facts { act: Act { kind: *kind, ..Act::default() }, ..facts.clone() };
            assert!(!judge(&odd, &pack, now).permits());
        }
    }
    facts.locations[0].zones.truncate(1);
    let verdict = judge(&facts, &pack, Timestamp::from_second(NOON).unwrap());
    assert_eq!(verdict.explanation().finding("RF-TIME-PREF").unwrap().outcome, Outcome::Review, "every time is bad");
    let none = RulePack::new("none", vec![], vec![]);
    assert_eq!(judge(&facts, &none, Timestamp::MAX).outcome(), Outcome::Deny);
    let odd = Check::Answers { when: vec![], wanted: vec![], unmet: Outcome::Defer, needed: String::new() };
    let mut rule = pack.rules[0].clone();
    rule.check = odd;
    assert!(judge(&facts, &RulePack::new("odd", vec![], vec![rule]), Timestamp::MIN).permits());
}
