//! The deterministic vectors of the rules, one test each, under everything built in.
//!
//! 27 (two at once) and 28 (a store that cannot be reached) stand here as what the engine sees of them; the races run
//! in the scenarios. 29 (no digit of a card leaves the call) is about masking and stands with it.

use jiff::civil::date;
use wib_core::{
    compliance::{
        Act, ActKind, CampaignFacts, CircumstanceFact, CircumstanceKind, ConsentScope, DebtFacts, DisputeFact,
        DutyKind, Explanation, Facts, Flag, Holder, LedgerFact, Line, ListFact, ListKind, LocationSource, NoticeFact,
        NoticeKind, Outcome, Purpose, RecordClass, RetentionFacts, RulePack, Technology, Verdict, Window, calendar,
        judge,
    },
    contacts::ContactKind,
    kit::canonical,
    ports::voice::Direction,
};

use crate::case::{DEBT, OTHER, act, at, attempt, called_every_day, consent, conversation, place, resident};

fn chicago() -> Facts {
    resident("US-IL", "America/Chicago")
}
fn seven_days() -> Facts {
    Facts { ledger: called_every_day().ledger, ..chicago() }
}
fn judged(facts: &Facts, now: &str) -> Verdict {
    judge(facts, &RulePack::standard(), at(now))
}
#[track_caller]
fn permits(facts: &Facts, now: &str) {
    let verdict = judged(facts, now);
    let failed: Vec<_> = verdict
        .explanation()
        .findings
        .iter()
        .filter(|f| f.outcome != Outcome::Permit)
        .map(|f| f.rule.as_str())
        .collect();
    assert!(verdict.permits() && verdict.explanation().blocked_by.is_none(), "{failed:?}");
}
/// What one rule says, whatever the others do.
#[track_caller]
fn says(facts: &Facts, now: &str, rule: &str) -> Outcome {
    judged(facts, now).explanation().finding(rule).unwrap_or_else(|| panic!("{rule} does not bind")).outcome
}
#[track_caller]
fn blocks(facts: &Facts, now: &str, outcome: Outcome, rule: &str) {
    let verdict = judged(facts, now);
    let why = verdict.explanation();
    assert_eq!((why.outcome, why.blocked_by.as_ref().map(|r| r.as_str())), (outcome, Some(rule)), "{:?}", why.findings);
}
#[track_caller]
fn defers(facts: &Facts, now: &str, rule: &str, until: &str) {
    blocks(facts, now, Outcome::Defer, rule);
    assert_eq!(judged(facts, now).explanation().not_before, Some(at(until)));
    let then = judge(facts, &RulePack::standard(), at(until)).outcome();
    assert_eq!(then, Outcome::Permit, "at the instant that was told");
}

#[test]
fn vector_01_the_eighth_call_within_a_week_waits() {
    defers(&seven_days(), "2026-06-07T15:00:00-05:00", "RF-FREQ-COUNT", "2026-06-08T09:00:00-05:00");
}

#[test]
fn vector_02_room_comes_when_the_first_call_is_168_hours_old() {
    defers(&seven_days(), "2026-06-08T08:30:00-05:00", "RF-FREQ-COUNT", "2026-06-08T09:00:00-05:00");
}

#[test]
fn vector_03_counted_in_calendar_days_the_seventh_call_is_permitted() {
    let mut pack = RulePack::standard();
    let count = pack.rules.iter_mut().find(|r| r.id.as_str() == "RF-FREQ-COUNT").unwrap();
    let wib_core::compliance::Check::Count { window, .. } = &mut count.check else { panic!() };
    *window = Window::Days(7);
    let now = at("2026-06-08T08:30:00-05:00");
    assert!(judge(&seven_days(), &pack, now).permits());
    let mut full = seven_days();
    full.ledger.push(attempt("2026-06-07T09:30:00-05:00"));
    let verdict = judge(&full, &pack, now);
    let why = verdict.explanation();
    let room = why.finding("RF-FREQ-COUNT").unwrap().not_before;
    assert_eq!((why.outcome, room), (Outcome::Defer, Some(at("2026-06-09T00:00:00-05:00"))));
}

#[test]
fn vector_04_a_conversation_is_quiet_until_its_seventh_day_is_over() {
    let facts = Facts { ledger: vec![conversation("2026-06-02T14:00:00-05:00", Direction::Outbound)], ..chicago() };
    defers(&facts, "2026-06-08T10:00:00-05:00", "RF-FREQ-CONV", "2026-06-09T08:00:00-05:00");
}

#[test]
fn vector_05_the_persons_own_call_is_a_conversation_and_no_attempt() {
    let facts = Facts { ledger: vec![conversation("2026-06-02T14:00:00-05:00", Direction::Inbound)], ..chicago() };
    defers(&facts, "2026-06-05T10:00:00-05:00", "RF-FREQ-CONV", "2026-06-09T08:00:00-05:00");
    let verdict = judged(&facts, "2026-06-05T10:00:00-05:00");
    assert_eq!(verdict.explanation().finding("RF-FREQ-COUNT").unwrap().facts["counted"], 0);
}

#[test]
fn vector_06_attempts_that_found_no_line_do_not_count() {
    let mut facts = seven_days();
    facts.ledger.iter_mut().for_each(|l| l.counts = false);
    permits(&facts, "2026-06-07T15:00:00-05:00");
}

#[test]
fn vector_07_attempts_that_rang_out_count() {
    blocks(&seven_days(), "2026-06-07T15:00:00-05:00", Outcome::Defer, "RF-FREQ-COUNT");
    let mut facts = seven_days();
    facts.ledger.pop();
    permits(&facts, "2026-06-07T15:00:00-05:00");
}

#[test]
fn vector_08_another_debt_has_its_own_seven_and_shares_the_pace() {
    let facts = Facts { debt: Some(DebtFacts { id: OTHER, first_communication_at: None }), ..seven_days() };
    permits(&facts, "2026-06-07T15:00:00-05:00");
    defers(&facts, "2026-06-07T10:00:00-05:00", "RF-HARASS", "2026-06-07T11:00:00-05:00");
}

#[test]
fn vector_09_a_consent_lifts_the_limits_for_seven_days() {
    let mut ledger: Vec<LedgerFact> =
        (0..7).map(|n| attempt(&format!("2026-06-0{}T{:02}:00:00-05:00", 1 + n / 3, 9 + 3 * (n % 3)))).collect();
    let facts = |ledger: &Vec<LedgerFact>| Facts {
        ledger: ledger.clone(),
        consents: vec![consent("2026-06-02T17:00:00-05:00", ConsentScope::Contact, true)],
        ..chicago()
    };
    let before = facts(&ledger);
    permits(&before, "2026-06-04T10:00:00-05:00");
    let verdict = judged(&before, "2026-06-04T10:00:00-05:00");
    let exempt = verdict.explanation().finding("RF-FREQ-COUNT").unwrap().exempt_by.clone();
    assert_eq!(exempt.unwrap().as_str(), "RF-FREQ-X-CONSENT");
    ledger.iter_mut().enumerate().for_each(|(n, l)| l.at = at(&format!("2026-06-0{}T09:00:00-05:00", 3 + n)));
    let last = facts(&ledger);
    assert_eq!(says(&last, "2026-06-09T16:59:59-05:00", "RF-FREQ-COUNT"), Outcome::Permit);
    assert_eq!(says(&last, "2026-06-09T17:00:00-05:00", "RF-FREQ-COUNT"), Outcome::Defer);
    blocks(&last, "2026-06-10T08:30:00-05:00", Outcome::Defer, "RF-FREQ-COUNT");
}

#[test]
fn vector_10_half_past_seven_in_new_york_is_too_early() {
    defers(&resident("US-NY", "America/New_York"), "2026-03-07T12:30:00Z", "RF-TIME", "2026-03-07T13:00:00Z");
}

#[test]
fn vector_11_the_day_the_clocks_go_forward_the_same_instant_is_half_past_eight() {
    permits(&resident("US-NY", "America/New_York"), "2026-03-08T12:30:00Z");
}

#[test]
fn vector_12_phoenix_keeps_its_clocks() {
    let phoenix = resident("US-AZ", "America/Phoenix");
    defers(&phoenix, "2026-07-01T14:59:00Z", "RF-TIME", "2026-07-01T15:00:00Z");
    permits(&phoenix, "2026-07-01T15:00:00Z");
}

fn both_coasts() -> Facts {
    let mut facts = resident("US-PA", "America/New_York");
    facts.locations.push(place(LocationSource::Statement, &["America/Los_Angeles"]));
    facts
}

#[test]
fn vector_13_of_two_places_the_later_morning_counts() {
    defers(&both_coasts(), "2026-06-03T14:00:00Z", "RF-TIME", "2026-06-03T15:00:00Z");
}

#[test]
fn vector_14_of_two_places_the_earlier_evening_counts() {
    defers(&both_coasts(), "2026-06-04T01:30:00Z", "RF-TIME", "2026-06-04T15:00:00Z");
}

#[test]
fn vector_15_without_a_place_a_person_decides() {
    let facts = Facts { locations: vec![], ..chicago() };
    for now in ["2026-06-03T14:00:00Z", "2026-06-03T18:00:00Z", "2026-06-04T05:00:00Z"] {
        blocks(&facts, now, Outcome::Review, "RF-TIME");
    }
}

#[test]
fn vector_16_in_washington_the_federal_morning_stays_the_floor() {
    let facts = resident("US-WA", "America/Los_Angeles");
    defers(&facts, "2026-06-03T07:45:00-07:00", "RF-TIME", "2026-06-03T08:00:00-07:00");
    assert_eq!(says(&facts, "2026-06-03T07:45:00-07:00", "WA-TIME"), Outcome::Permit);
    assert_eq!(says(&facts, "2026-06-03T07:29:59-07:00", "WA-TIME"), Outcome::Defer);
    assert_eq!(says(&facts, "2026-06-03T07:30:00-07:00", "WA-TIME"), Outcome::Permit);
}

#[test]
fn vector_17_in_massachusetts_the_third_communication_in_a_week_waits() {
    let facts = Facts {
        ledger: vec![attempt("2026-06-01T09:00:00-04:00"), attempt("2026-06-03T09:00:00-04:00")],
        ..resident("US-MA", "America/New_York")
    };
    defers(&facts, "2026-06-05T10:00:00-04:00", "MA-FREQ", "2026-07-01T09:00:00-04:00");
    let room = judged(&facts, "2026-06-05T10:00:00-04:00").explanation().finding("MA-FREQ").unwrap().not_before;
    assert_eq!(room, Some(at("2026-06-08T09:00:00-04:00")), "an unknown place counts as work too");
    let mut home = facts;
    home.callee.as_mut().unwrap().place = wib_core::compliance::Place::Personal;
    defers(&home, "2026-06-05T10:00:00-04:00", "MA-FREQ", "2026-06-08T09:00:00-04:00");
}

#[test]
fn vector_18_a_stop_binds_at_once_and_by_law_within_ten_business_days() {
    let mut facts = act(ActKind::Text, chicago());
    facts.act.technology = Technology::Autodialed;
    for flag in [Flag::ContactBasis, Flag::FreshProof, Flag::OptOutOffered] {
        facts.flags.insert(flag, true);
    }
    facts.consents =
        [ConsentScope::Autodialed, ConsentScope::Text].map(|s| consent("2026-06-01T12:00:00Z", s, true)).to_vec();
    permits(&facts, "2026-07-01T16:59:59Z");
    facts.consents.push(consent("2026-07-01T17:00:00Z", ConsentScope::Text, false));
    for now in ["2026-07-01T17:00:00Z", "2026-07-16T17:00:00Z", "2027-07-01T17:00:00Z"] {
        blocks(&facts, now, Outcome::Deny, "TC-CONSENT-CELL-TEXT");
    }
    let mut voice = Facts { act: Act { technology: Technology::ArtificialVoice, ..Act::default() }, ..facts };
    voice.consents.push(consent("2026-06-01T12:00:00Z", ConsentScope::ArtificialVoice, true));
    blocks(&voice, "2026-07-01T17:00:00Z", Outcome::Deny, "TC-AI-VOICE");
    assert_eq!(calendar::opt_out_deadline(date(2026, 7, 1)), date(2026, 7, 16));
}

#[test]
fn vector_19_a_notice_mailed_on_the_first_of_june_ends_its_period_on_the_eighth_of_july() {
    assert_eq!(calendar::validation_period(date(2026, 6, 1)), (date(2026, 6, 8), date(2026, 7, 8)));
}

fn record(class: RecordClass, holds: u32) -> Facts {
    let retention = RetentionFacts {
        class,
        made_at: at("2026-02-01T12:00:00Z"),
        last_activity_at: Some(at("2026-03-15T12:00:00Z")),
        ended_at: None,
        holds,
        wanted_days: 0,
    };
    Facts { act: Act { kind: ActKind::Purge, ..Act::default() }, retention: Some(retention), ..Facts::default() }
}

#[test]
fn vector_20_records_are_kept_three_years_and_under_a_hold_for_ever() {
    defers(&record(RecordClass::Compliance, 0), "2028-03-15T12:00:00Z", "RF-KEEP", "2029-03-15T12:00:00Z");
    defers(&record(RecordClass::Recording, 0), "2029-02-01T11:59:59Z", "RF-KEEP-REC", "2029-02-01T12:00:00Z");
    permits(&record(RecordClass::Recording, 0), "2029-02-01T12:00:00Z");
    blocks(&record(RecordClass::Recording, 1), "2099-01-01T00:00:00Z", Outcome::Deny, "WIB-HOLD");
}

#[test]
fn vector_21_a_call_between_texas_and_california_is_announced_before_it_is_recorded() {
    let mut facts = act(ActKind::Record, resident("US-CA", "America/Los_Angeles"));
    facts.ours.insert("US-TX".to_owned());
    facts.flags.extend([(Flag::RecordingRefused, false), (Flag::CardData, false)]);
    let now = "2026-06-03T18:00:00Z";
    blocks(&facts, now, Outcome::Require, "REC-CA");
    let verdict = judged(&facts, now);
    assert_eq!(verdict.explanation().finding("REC-CA").unwrap().duty, Some(DutyKind::RecordingNotice));
    assert_eq!(says(&facts, now, "WIB-REC-NOTICE"), Outcome::Require);
    facts.done.insert(DutyKind::RecordingNotice);
    permits(&facts, now);
    let mut ours = act(ActKind::Record, resident("US-TX", "America/Chicago"));
    ours.ours.insert("US-CA".to_owned());
    assert_eq!(says(&ours, now, "REC-CA"), Outcome::Require, "our own side may be there");
}

fn selling(technology: Technology) -> Facts {
    let mut facts = chicago();
    facts.act = Act { purpose: Purpose::Solicitation, technology, ..facts.act };
    facts.lists.push(ListFact {
        list: ListKind::National,
        listed: false,
        as_of: at("2026-06-01T18:00:00Z"),
        source: "registry".to_owned(),
    });
    facts
}

#[test]
fn vector_22_three_in_a_hundred_may_be_abandoned() {
    let mut facts = selling(Technology::Autodialed);
    facts.consents.push(wib_core::compliance::ConsentFact {
        written: true,
        ..consent("2026-05-01T12:00:00Z", ConsentScope::Autodialed, true)
    });
    facts.campaign = Some(CampaignFacts { live_answers: 1000, abandoned: 30 });
    permits(&facts, "2026-06-03T18:00:00Z");
    facts.campaign = Some(CampaignFacts { live_answers: 1000, abandoned: 31 });
    blocks(&facts, "2026-06-03T18:00:00Z", Outcome::Deny, "TC-ABANDON");
    facts.campaign = None;
    blocks(&facts, "2026-06-03T18:00:00Z", Outcome::Review, "TC-ABANDON");
}

#[test]
fn vector_23_a_registry_of_31_days_will_do_and_one_of_32_is_looked_through_anew() {
    let facts = selling(Technology::Manual);
    permits(&facts, "2026-07-02T18:00:00Z");
    blocks(&facts, "2026-07-03T18:00:00Z", Outcome::Require, "TC-DNC-NAT-FRESH");
    let verdict = judged(&facts, "2026-07-03T18:00:00Z");
    assert_eq!(verdict.explanation().finding("TC-DNC-NAT-FRESH").unwrap().duty, Some(DutyKind::ScrubList));
}

#[test]
fn vector_24_the_fourth_artificial_call_to_a_landline_in_30_days_needs_consent() {
    let mut facts = chicago();
    facts.act.technology = Technology::ArtificialVoice;
    facts.callee.as_mut().unwrap().line = Line::Residential;
    let voice = |text| LedgerFact { technology: Technology::ArtificialVoice, ..attempt(text) };
    facts.ledger = vec![voice("2026-06-01T09:00:00-05:00"), voice("2026-06-08T09:00:00-05:00")];
    permits(&facts, "2026-06-22T10:00:00-05:00");
    facts.ledger.push(voice("2026-06-15T09:00:00-05:00"));
    blocks(&facts, "2026-06-22T10:00:00-05:00", Outcome::Deny, "TC-RES-PRERECORDED");
    permits(&facts, "2026-07-01T09:00:00-05:00");
    facts.consents.push(consent("2026-06-01T12:00:00Z", ConsentScope::ArtificialVoice, true));
    permits(&facts, "2026-06-22T10:00:00-05:00");
}

#[test]
fn vector_25_of_a_person_with_an_attorney_only_the_attorney_is_called() {
    let mut facts = chicago();
    let since = at("2026-05-01T00:00:00Z");
    facts.circumstances = vec![CircumstanceFact { kind: CircumstanceKind::Attorney, since, debt: Some(DEBT) }];
    blocks(&facts, "2026-06-03T18:00:00Z", Outcome::Deny, "RF-ATTY");
    facts.callee.as_mut().unwrap().holder = Holder::Attorney;
    permits(&facts, "2026-06-03T18:00:00Z");
}

#[test]
fn vector_26_a_debt_disputed_within_the_period_waits_for_its_verification() {
    let mut facts = chicago();
    facts.debt.as_mut().unwrap().first_communication_at = Some(at("2026-06-01T15:00:00Z"));
    facts.notices = vec![NoticeFact {
        kind: NoticeKind::Validation,
        sent_at: at("2026-06-01T15:00:00Z"),
        returned: false,
        period_ends: Some(at("2026-07-09T00:00:00-05:00")),
    }];
    permits(&facts, "2026-06-20T18:00:00Z");
    facts.disputes = vec![DisputeFact { at: at("2026-06-20T12:00:00Z"), written: true, answered_at: None }];
    blocks(&facts, "2026-06-20T18:00:00Z", Outcome::Deny, "RF-DISPUTE");
    blocks(&facts, "2026-09-20T18:00:00Z", Outcome::Deny, "RF-DISPUTE");
    facts.disputes[0].answered_at = Some(at("2026-06-25T12:00:00Z"));
    permits(&facts, "2026-06-25T18:00:00Z");
}

#[test]
fn vector_27_with_six_counted_one_passes_and_with_its_attempt_written_the_next_does_not() {
    let mut facts = seven_days();
    facts.ledger.pop();
    let now = "2026-06-07T15:00:00-05:00";
    permits(&facts, now);
    facts.ledger.push(LedgerFact { same_number: false, ..attempt(now) });
    blocks(&facts, now, Outcome::Defer, "RF-FREQ-COUNT");
}

#[test]
fn vector_28_facts_that_cannot_be_read_deny_every_act() {
    use wib_core::kit::text::TextEnum;
    for kind in ActKind::ALL {
        let facts = Facts { unavailable: vec!["rules".to_owned()], ..act(*kind, chicago()) };
        assert_eq!(says(&facts, "2026-06-03T18:00:00Z", "WIB-FACTS"), Outcome::Deny, "{kind}");
        assert_eq!(judged(&facts, "2026-06-03T18:00:00Z").outcome(), Outcome::Deny, "{kind}");
    }
}

/// A verdict of 2026 with everything it was made from, and its bytes.
const OLD_PACK: &str = include_str!("fixtures/pack-2026-11.json");
const OLD_VERDICT: &str = include_str!("fixtures/verdict-2026-11.json");

#[test]
fn vector_30_a_year_later_the_old_pack_gives_the_same_bytes() {
    let old = RulePack::from_json(OLD_PACK.as_bytes()).unwrap();
    let kept: Explanation = serde_json::from_str(OLD_VERDICT).unwrap();
    assert_eq!(kept.pack_hash, old.hash().unwrap());
    let again = judge(&kept.facts, &old, kept.decided_at);
    assert_eq!(canonical::to_text(&again).unwrap(), OLD_VERDICT.trim_end());
    assert_eq!(kept.outcome, Outcome::Defer);
}

/// Writes the fixtures anew; only for a new pack, never to make a test pass.
#[test]
#[ignore = "writes files"]
fn write_the_fixtures_of_vector_30() {
    let pack = RulePack::standard();
    let mut facts = seven_days();
    facts.ledger.push(LedgerFact { kind: ContactKind::Conversation, ..attempt("2026-06-01T09:01:00-05:00") });
    facts.consents.push(consent("2026-05-01T12:00:00Z", ConsentScope::Contact, true));
    let verdict = judge(&facts, &pack, at("2026-06-07T21:30:00-05:00"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(format!("{folder}pack-2026-11.json"), canonical::to_text(&pack).unwrap() + "\n").unwrap();
    std::fs::write(format!("{folder}verdict-2026-11.json"), canonical::to_text(&verdict).unwrap() + "\n").unwrap();
}
