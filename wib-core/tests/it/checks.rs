//! Each check alone, at its edges: a pack of one rule, facts that are nearly enough.

use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;
use wib_core::{
    compliance::{
        Act, ActKind, CampaignFacts, Check, CircumstanceFact, CircumstanceKind, ConsentFact, ConsentScope, DebtFacts,
        DisputeFact, DutyKind, Facts, Finding, Flag, Forecast, Holder, LedgerFact, LicenceFact, Line, ListFact,
        ListKind, LocationSource, Medium, NoticeFact, NoticeKind, Outcome, Place, PreferenceFact, Purpose, RecordClass,
        RetentionFacts, Rule, RuleId, RulePack, Technology, Wish, forecast, judge,
    },
    contacts::ContactKind,
    kit::Timestamp,
    ports::voice::Direction,
};

use crate::case::{DEBT, OTHER, act, at, attempt, consent, conversation, living_in, place};
use Outcome::{Defer, Deny, Permit, Require, Review};

const NOON: &str = "2026-06-03T12:00:00-05:00";

fn rule(check: &Value) -> Rule {
    let mut rule = RulePack::federal().rules.remove(0);
    (rule.id, rule.acts) = (RuleId::new("ONE"), wib_core::kit::text::TextEnum::ALL.to_vec());
    rule.check = serde_json::from_value::<Check>(check.clone()).unwrap();
    rule
}
fn found(check: &Value, facts: &Facts, now: &str) -> Finding {
    let pack = RulePack::new("one", vec![], vec![rule(check)]);
    pack.check().unwrap();
    let verdict = judge(facts, &pack, at(now));
    let mut findings = verdict.explanation().findings.clone();
    assert_eq!(findings.len(), 1);
    findings.remove(0)
}
#[track_caller]
fn says(check: &Value, facts: &Facts, now: &str, outcome: Outcome) {
    let finding = found(check, facts, now);
    assert_eq!(finding.outcome, outcome, "{finding:?}");
}
#[track_caller]
fn until(check: &Value, facts: &Facts, now: &str, later: &str) {
    let finding = found(check, facts, now);
    assert_eq!((finding.outcome, finding.not_before), (Defer, Some(at(later))), "{finding:?}");
    let just = at(later).checked_sub(SignedDuration::from_micros(1)).unwrap().to_string();
    says(check, facts, &just, Defer);
    says(check, facts, later, Permit);
}
fn chicago() -> Facts {
    living_in(&["America/Chicago"])
}
fn hours(opens: &str, closes: &str) -> Value {
    json!({"kind": "hours", "opens": opens, "closes": closes, "not_sundays": false, "not_holidays": false})
}
fn count(more: &Value) -> Value {
    let mut check = json!({
        "kind": "count", "kinds": ["attempt"], "media": [], "technologies": [], "places": [], "per": "debt",
        "window": {"hours": 24}, "cap": 1
    });
    for (key, value) in more.as_object().unwrap() {
        check[key] = value.clone();
    }
    check
}
fn with(facts: &Facts, ledger: Vec<LedgerFact>) -> Facts {
    Facts { ledger, ..facts.clone() }
}

#[test]
fn the_morning_comes_to_six_zones_on_both_days_the_clocks_change() {
    // Winter and summer offset, in hours; the same where clocks stay.
    for (zone, winter, summer) in [
        ("America/New_York", 5, 4),
        ("America/Chicago", 6, 5),
        ("America/Denver", 7, 6),
        ("America/Phoenix", 7, 7),
        ("America/Los_Angeles", 8, 7),
        ("America/Anchorage", 9, 8),
    ] {
        let facts = living_in(&[zone]);
        let day = hours("08:00:00", "21:00:00");
        for (date, morning, evening) in [
            ("2026-03-07", winter, winter),
            ("2026-03-08", summer, summer),
            ("2026-10-31", summer, summer),
            ("2026-11-01", winter, winter),
            ("2028-02-29", winter, winter),
        ] {
            let opens = at(&format!("{date}T08:00:00Z")) + morning.hours();
            let closes = at(&format!("{date}T21:00:00Z")) + evening.hours();
            let second = 1.second();
            let next = |t: Timestamp| found(&day, &facts, &t.to_string());
            assert_eq!(next(opens - second).not_before, Some(opens), "{zone} {date}");
            assert_eq!(next(opens).outcome, Permit, "{zone} {date}");
            assert_eq!(next(closes - second).outcome, Permit, "{zone} {date}");
            assert_eq!(next(closes).outcome, Defer, "{zone} {date}");
        }
    }
    // The night between is an hour shorter, or longer.
    let chicago = chicago();
    until(&hours("08:00:00", "21:00:00"), &chicago, "2026-03-07T21:00:00-06:00", "2026-03-08T08:00:00-05:00");
    until(&hours("08:00:00", "21:00:00"), &chicago, "2026-10-31T21:00:00-05:00", "2026-11-01T08:00:00-06:00");
}

#[test]
fn an_hour_that_is_skipped_opens_where_it_would_have_been_and_one_that_comes_twice_closes_twice() {
    let facts = chicago();
    // 02:30 does not exist on 8 March: the first instant past it is 03:00 summer time.
    until(&hours("02:30:00", "21:00:00"), &facts, "2026-03-08T01:59:00-06:00", "2026-03-08T03:00:00-05:00");
    // On 1 November 01:30 comes twice: open until 01:30, again from 01:00 to 01:30, an hour later.
    let early = hours("00:00:00", "01:30:00");
    until(&early, &facts, "2026-11-01T01:30:00-05:00", "2026-11-01T01:00:00-06:00");
    until(&early, &facts, "2026-11-01T01:30:00-06:00", "2026-11-02T00:00:00-06:00");
    let late = hours("01:30:00", "03:00:00");
    until(&late, &facts, "2026-11-01T01:10:00-05:00", "2026-11-01T01:30:00-05:00");
    until(&late, &facts, "2026-11-01T01:10:00-06:00", "2026-11-01T01:30:00-06:00");
}

#[test]
fn sundays_and_holidays_close_the_whole_day() {
    let mut closed = hours("08:00:00", "20:00:00");
    (closed["not_sundays"], closed["not_holidays"]) = (json!(true), json!(true));
    // The fourth of July 2026 is a Saturday, observed on Friday; then a Sunday.
    until(&closed, &chicago(), "2026-07-02T20:00:00-05:00", "2026-07-06T08:00:00-05:00");
    let mut sundays = hours("08:00:00", "20:00:00");
    sundays["not_sundays"] = json!(true);
    until(&sundays, &chicago(), "2026-07-05T12:00:00-05:00", "2026-07-06T08:00:00-05:00");
    says(&sundays, &chicago(), "2026-07-03T12:00:00-05:00", Permit);
    says(&sundays, &chicago(), "2026-07-04T12:00:00-05:00", Permit);
    let mut holidays = hours("08:00:00", "20:00:00");
    holidays["not_holidays"] = json!(true);
    says(&holidays, &chicago(), "2026-07-05T12:00:00-05:00", Permit);
    says(&holidays, &chicago(), "2026-07-04T12:00:00-05:00", Defer);
}

#[test]
fn hours_need_places_that_say_the_time() {
    let day = hours("08:00:00", "21:00:00");
    let mut facts = chicago();
    facts.locations.push(place(LocationSource::AreaCode, &["America/Los_Angeles"]));
    says(&day, &facts, NOON, Permit);
    until(&day, &facts, "2026-06-03T09:00:00-05:00", "2026-06-03T10:00:00-05:00");
    let mut vague = chicago();
    vague.locations.push(place(LocationSource::Statement, &[]));
    says(&day, &vague, NOON, Review);
    says(&day, &living_in(&["America/Chicago", "America/Atlantis"]), NOON, Deny);
    says(
        &day,
        &Facts { locations: vec![place(LocationSource::AreaCode, &["America/Chicago"])], ..chicago() },
        NOON,
        Review,
    );
    says(&day, &Facts { locations: vec![], ..chicago() }, NOON, Review);
    // Phoenix and New York meet in winter only: found within 32 days, and not a day later.
    let apart = living_in(&["America/New_York", "America/Phoenix"]);
    let noon = hours("12:00:00", "14:30:00");
    until(&noon, &apart, "2026-10-16T18:00:00Z", "2026-11-01T19:00:00Z");
    until(&noon, &apart, "2026-09-30T19:00:00Z", "2026-11-01T19:00:00Z");
    says(&noon, &apart, "2026-09-30T18:59:59Z", Review);
    says(&hours("08:00:00", "08:30:00"), &living_in(&["America/Chicago", "America/Denver"]), NOON, Review);
}

fn wish(medium: Option<Medium>, wish: Wish) -> Facts {
    let since = at("2026-01-01T00:00:00Z");
    Facts { preferences: vec![PreferenceFact { since, medium, wish }], ..chicago() }
}
fn bad(days: &[&str], from: &str, to: &str) -> Wish {
    serde_json::from_value(json!({"kind": "not_during", "days": days, "from": from, "to": to})).unwrap()
}

#[test]
fn times_the_person_called_bad_are_left_alone() {
    let wanted = json!({"kind": "time_wanted"});
    let morning = wish(None, bad(&[], "09:00:00", "12:00:00"));
    says(&wanted, &morning, "2026-06-03T08:59:59-05:00", Permit);
    until(&wanted, &morning, "2026-06-03T09:00:00-05:00", "2026-06-03T12:00:00-05:00");
    // Over midnight, on Fridays only: 5 June 2026 is one.
    let night = wish(None, bad(&["friday"], "22:00:00", "06:00:00"));
    says(&wanted, &night, "2026-06-05T21:59:59-05:00", Permit);
    until(&wanted, &night, "2026-06-05T22:00:00-05:00", "2026-06-06T06:00:00-05:00");
    says(&wanted, &night, "2026-06-05T05:00:00-05:00", Permit);
    until(&wanted, &night, "2026-06-06T05:00:00-05:00", "2026-06-06T06:00:00-05:00");
    says(&wanted, &night, "2026-06-06T22:00:00-05:00", Permit);
    // Until the same time on the next day is a day.
    until(
        &wanted,
        &wish(None, bad(&["friday"], "10:00:00", "10:00:00")),
        "2026-06-05T10:00:00-05:00",
        "2026-06-06T10:00:00-05:00",
    );
    says(&wanted, &wish(None, bad(&["friday"], "10:00:00", "10:00:00")), "2026-06-05T09:00:00-05:00", Permit);
    says(&wanted, &wish(None, bad(&[], "10:00:00", "10:00:00")), NOON, Review);
    // About texts, not calls.
    let texts = wish(Some(Medium::Text), bad(&[], "09:00:00", "13:00:00"));
    says(&wanted, &texts, NOON, Permit);
    says(&wanted, &act(ActKind::Text, texts), NOON, Defer);
    // In any zone where the person may be; two windows in a row.
    let mut moved = morning;
    moved.locations.push(place(LocationSource::Statement, &["America/Los_Angeles"]));
    until(&wanted, &moved, "2026-06-03T12:30:00-05:00", "2026-06-03T14:00:00-05:00");
    moved.preferences.push(PreferenceFact { since: at(NOON), medium: None, wish: bad(&[], "12:00:00", "12:30:00") });
    until(&wanted, &moved, "2026-06-03T12:30:00-05:00", "2026-06-03T14:30:00-05:00");
    moved.locations.clear();
    says(&wanted, &moved, NOON, Review);
    says(&wanted, &Facts { locations: vec![], ..chicago() }, NOON, Permit);
    // The night the clocks go back, 01:30 comes twice.
    let twice = wish(None, bad(&[], "01:00:00", "01:30:00"));
    until(&wanted, &twice, "2026-11-01T01:15:00-05:00", "2026-11-01T01:30:00-05:00");
    until(&wanted, &twice, "2026-11-01T01:15:00-06:00", "2026-11-01T01:30:00-06:00");
}

#[test]
fn media_and_places_the_person_called_bad_are_left_alone() {
    let (medium, rings) = (json!({"kind": "medium_wanted"}), json!({"kind": "place_wanted"}));
    says(&medium, &chicago(), NOON, Permit);
    says(&medium, &wish(None, Wish::NoMedium), NOON, Deny);
    says(&medium, &wish(Some(Medium::Call), Wish::NoMedium), NOON, Deny);
    says(&medium, &wish(Some(Medium::Text), Wish::NoMedium), NOON, Permit);
    says(&medium, &act(ActKind::Text, wish(Some(Medium::Text), Wish::NoMedium)), NOON, Deny);
    says(&medium, &act(ActKind::Email, wish(Some(Medium::Email), Wish::NoMedium)), NOON, Deny);
    says(&medium, &act(ActKind::Voicemail, wish(Some(Medium::Call), Wish::NoMedium)), NOON, Deny);
    says(&medium, &wish(None, Wish::NoPlace { place: Place::Work }), NOON, Permit);
    let at_place = |mut facts: Facts, place| {
        facts.callee.as_mut().unwrap().place = place;
        facts
    };
    let not_work = || wish(None, Wish::NoPlace { place: Place::Work });
    says(&rings, &at_place(chicago(), Place::Inconvenient), NOON, Deny);
    says(&rings, &at_place(chicago(), Place::Unknown), NOON, Permit);
    says(&rings, &at_place(not_work(), Place::Work), NOON, Deny);
    says(&rings, &at_place(not_work(), Place::Personal), NOON, Permit);
    says(&rings, &at_place(not_work(), Place::Unknown), NOON, Review);
    says(&rings, &Facts { callee: None, ..not_work() }, NOON, Review);
    let mut two = at_place(not_work(), Place::Work);
    two.preferences
        .push(PreferenceFact { wish: Wish::NoPlace { place: Place::Personal }, ..two.preferences[0].clone() });
    says(&rings, &two, NOON, Deny);
}

#[test]
fn what_is_not_known_is_told() {
    let complete = json!({"kind": "complete"});
    says(&complete, &chicago(), NOON, Permit);
    says(&complete, &Facts { unavailable: vec!["ledger".to_owned()], ..chicago() }, NOON, Deny);
    for kind in wib_core::kit::text::TextEnum::ALL {
        let expected = if [ActKind::Record, ActKind::Purge].contains(kind) { Permit } else { Review };
        says(&complete, &act(*kind, Facts { person: None, ..chicago() }), NOON, expected);
        says(&complete, &act(*kind, Facts { debt: None, ..chicago() }), NOON, expected);
        says(&complete, &act(*kind, Facts { callee: None, ..chicago() }), NOON, expected);
    }
    assert!(found(&complete, &Facts { debt: None, ..chicago() }, NOON).explanation.contains("debt"));
}

#[test]
fn lists_bind_unless_a_written_consent_stands() {
    let check = json!({"kind": "not_listed", "lists": ["national"], "unless": ["autodialed"]});
    let entry = |list, listed| ListFact { list, listed, as_of: at("2026-05-01T00:00:00Z"), source: "list".to_owned() };
    let on = |list, listed| Facts { lists: vec![entry(list, listed)], ..chicago() };
    says(&check, &on(ListKind::National, false), NOON, Permit);
    says(&check, &on(ListKind::Internal, true), NOON, Permit);
    let mut listed = on(ListKind::National, true);
    says(&check, &listed, NOON, Deny);
    listed.consents = vec![consent("2026-05-02T00:00:00Z", ConsentScope::Autodialed, true)];
    says(&check, &listed, NOON, Deny);
    listed.consents[0].written = true;
    says(&check, &listed, NOON, Permit);
    let mut asked = chicago();
    asked.person.as_mut().unwrap().do_not_call = true;
    says(&check, &asked, NOON, Deny);
    let fresh = json!({"kind": "fresh_list", "list": "national", "days": 31});
    says(&fresh, &chicago(), NOON, Require);
    says(&fresh, &on(ListKind::Internal, false), "2026-05-02T00:00:00Z", Require);
    let mut two = on(ListKind::National, false);
    two.lists.push(ListFact { as_of: at("2026-01-01T00:00:00Z"), ..two.lists[0].clone() });
    says(&fresh, &two, "2026-06-01T00:00:00Z", Permit);
    says(&fresh, &two, "2026-06-01T00:00:00.000001Z", Require);
    assert_eq!(found(&fresh, &chicago(), NOON).duty, Some(DutyKind::ScrubList));
}

#[test]
fn circumstances_bind_their_debt_and_places_and_spare_some() {
    let check = json!({"kind": "no_circumstance", "of": ["attorney", "employer_forbids"], "spare": ["attorney"], "places": ["work"]});
    let known = |kind, debt| Facts {
        circumstances: vec![CircumstanceFact { kind, since: at("2026-05-01T00:00:00Z"), debt }],
        ..chicago()
    };
    says(&check, &chicago(), NOON, Permit);
    says(&check, &known(CircumstanceKind::Attorney, None), NOON, Deny);
    says(&check, &known(CircumstanceKind::Attorney, Some(DEBT)), NOON, Deny);
    says(&check, &known(CircumstanceKind::Attorney, Some(OTHER)), NOON, Permit);
    says(&check, &Facts { debt: None, ..known(CircumstanceKind::Attorney, Some(OTHER)) }, NOON, Deny);
    says(&check, &known(CircumstanceKind::Cease, None), NOON, Permit);
    let mut facts = known(CircumstanceKind::EmployerForbids, None);
    facts.callee.as_mut().unwrap().place = Place::Personal;
    says(&check, &facts, NOON, Permit);
    facts.callee.as_mut().unwrap().place = Place::Work;
    says(&check, &facts, NOON, Deny);
    facts.callee.as_mut().unwrap().holder = Holder::Attorney;
    says(&check, &facts, NOON, Permit);
    facts.callee = None;
    says(&check, &facts, NOON, Deny);
    let who = json!({"kind": "holders", "of": ["attorney", "creditor"]});
    says(&who, &facts, NOON, Review);
    says(&who, &chicago(), NOON, Deny);
    facts = chicago();
    facts.callee.as_mut().unwrap().holder = Holder::Creditor;
    says(&who, &facts, NOON, Permit);
}

#[test]
fn what_is_counted_is_what_the_rule_names() {
    let one = attempt("2026-06-03T09:00:00-05:00");
    let facts = |entry: LedgerFact| with(&chicago(), vec![entry]);
    until(&count(&json!({})), &facts(one.clone()), NOON, "2026-06-04T09:00:00-05:00");
    let inbound = LedgerFact { direction: Direction::Inbound, ..one.clone() };
    says(&count(&json!({})), &facts(inbound), NOON, Permit);
    says(&count(&json!({})), &facts(LedgerFact { counts: false, ..one.clone() }), NOON, Permit);
    // By debt, person or number.
    let other = LedgerFact { debt: OTHER, same_number: false, ..one.clone() };
    says(&count(&json!({})), &facts(other.clone()), NOON, Permit);
    says(&count(&json!({})), &Facts { debt: None, ..facts(other.clone()) }, NOON, Defer);
    says(&count(&json!({"per": "person"})), &facts(other.clone()), NOON, Defer);
    says(&count(&json!({"per": "number"})), &facts(other), NOON, Permit);
    says(&count(&json!({"per": "number"})), &facts(one.clone()), NOON, Defer);
    // By medium, technology and place.
    says(&count(&json!({"media": ["text"]})), &facts(one.clone()), NOON, Permit);
    says(&count(&json!({"media": ["text", "call"]})), &facts(one.clone()), NOON, Defer);
    let machine = count(&json!({"technologies": ["autodialed"]}));
    says(&machine, &facts(one.clone()), NOON, Permit);
    says(&machine, &facts(LedgerFact { technology: Technology::Unknown, ..one.clone() }), NOON, Defer);
    says(&machine, &facts(LedgerFact { technology: Technology::Autodialed, ..one.clone() }), NOON, Defer);
    let work = count(&json!({"places": ["work"]}));
    says(&work, &facts(one.clone()), NOON, Defer);
    says(&work, &facts(LedgerFact { place: Place::Personal, ..one.clone() }), NOON, Permit);
    let mut home = facts(LedgerFact { place: Place::Work, ..one.clone() });
    says(&work, &home, NOON, Defer);
    home.callee.as_mut().unwrap().place = Place::Personal;
    says(&work, &home, NOON, Permit);
    home.callee.as_mut().unwrap().place = Place::Work;
    says(&work, &home, NOON, Defer);
    // Attempts and conversations: a call that we began counts once.
    let spoke = |direction| facts(conversation("2026-06-03T09:00:00-05:00", direction));
    let both = count(&json!({"kinds": ["attempt", "conversation"]}));
    let talks = count(&json!({"kinds": ["conversation"]}));
    for kinds in [&both, &count(&json!({"kinds": []}))] {
        says(kinds, &spoke(Direction::Outbound), NOON, Permit);
        says(kinds, &spoke(Direction::Inbound), NOON, Defer);
        says(kinds, &facts(one.clone()), NOON, Defer);
    }
    says(&talks, &spoke(Direction::Outbound), NOON, Defer);
    says(&talks, &spoke(Direction::Inbound), NOON, Defer);
    says(&talks, &facts(one.clone()), NOON, Permit);
    // A clock that jumped back: what is dated after now counts.
    until(&count(&json!({})), &facts(one), "2026-06-01T09:00:00-05:00", "2026-06-04T09:00:00-05:00");
}

#[test]
fn room_comes_with_the_cap_th_entry_from_the_end() {
    let ledger = ["01", "02", "03", "04"].map(|hour| attempt(&format!("2026-06-03T{hour}:00:00-05:00"))).to_vec();
    let facts = with(&chicago(), ledger);
    until(&count(&json!({"cap": 4})), &facts, NOON, "2026-06-04T01:00:00-05:00");
    until(&count(&json!({"cap": 3})), &facts, NOON, "2026-06-04T02:00:00-05:00");
    until(&count(&json!({"cap": 1})), &facts, NOON, "2026-06-04T04:00:00-05:00");
    says(&count(&json!({"cap": 5})), &facts, NOON, Permit);
    let finding = found(&count(&json!({"cap": 3})), &facts, NOON);
    assert_eq!((finding.facts["counted"].as_u64(), finding.facts["at"].as_array().unwrap().len()), (Some(4), 3));
    let edge = found(&count(&json!({"cap": 4})), &facts, "2026-06-04T02:00:00-05:00");
    assert_eq!(edge.facts["counted"], 2, "the window is open at its start");
}

#[test]
fn calendar_days_end_where_they_end_last() {
    let facts = with(&living_in(&["America/New_York", "Pacific/Honolulu"]), vec![attempt("2026-06-03T23:30:00-04:00")]);
    // Still the third in Honolulu, whose day ends six hours later than that of New York.
    until(&count(&json!({"window": {"days": 1}})), &facts, "2026-06-04T00:30:00-04:00", "2026-06-04T06:00:00-04:00");
    until(&count(&json!({"window": {"days": 3}})), &facts, "2026-06-04T00:30:00-04:00", "2026-06-06T06:00:00-04:00");
    let nowhere = Facts { locations: vec![], ..facts.clone() };
    // The fourth somewhere: over when that day is, on the last island of all.
    until(&count(&json!({"window": {"days": 1}})), &nowhere, "2026-06-04T00:30:00-04:00", "2026-06-05T12:00:00Z");
    let odd = Facts { ledger: facts.ledger, ..living_in(&["America/New_York", "Nowhere"]) };
    until(&count(&json!({"window": {"days": 1}})), &odd, "2026-06-04T00:30:00-04:00", "2026-06-05T12:00:00Z");
}

#[test]
fn quiet_days_end_in_every_zone_and_without_one_everywhere() {
    let quiet = json!({"kind": "quiet", "days": 7});
    let talk = vec![conversation("2026-10-26T11:30:00Z", Direction::Inbound)];
    let over = |zones: &[&str]| {
        found(&quiet, &with(&living_in(zones), talk.clone()), "2026-10-27T00:00:00Z").not_before.unwrap()
    };
    for zone in ["Pacific/Guam", "America/New_York", "Pacific/Honolulu", "Pacific/Pago_Pago", "Pacific/Kiritimati"] {
        assert!(over(&[]) >= over(&[zone]), "{zone}");
    }
    assert_eq!(over(&["America/New_York"]).to_string(), "2026-11-02T05:00:00Z", "the clocks went back in between");
    assert_eq!(over(&["America/New_York", "America/Chicago"]).to_string(), "2026-11-02T06:00:00Z");
    until(&quiet, &with(&chicago(), talk.clone()), "2026-10-27T00:00:00Z", "2026-11-02T06:00:00Z");
    // A leap day is a day.
    let leap = vec![conversation("2028-02-26T12:00:00-06:00", Direction::Outbound)];
    until(&quiet, &with(&chicago(), leap), "2028-02-27T12:00:00-06:00", "2028-03-04T00:00:00-06:00");
    // The last one counts, counted or not, and only about the debt.
    let mut many = talk;
    many.push(LedgerFact { counts: false, ..conversation("2026-10-28T12:00:00-05:00", Direction::Outbound) });
    many.push(LedgerFact { debt: OTHER, ..conversation("2026-10-30T12:00:00-05:00", Direction::Outbound) });
    many.push(attempt("2026-10-30T12:00:00-05:00"));
    until(&quiet, &with(&chicago(), many), "2026-10-30T13:00:00-05:00", "2026-11-04T00:00:00-06:00");
}

#[test]
fn attempts_keep_their_distance() {
    let check = json!({"kind": "spacing", "minutes": 120, "per": "number"});
    let uncounted = LedgerFact { counts: false, medium: Medium::Text, ..attempt("2026-06-03T11:00:00-05:00") };
    until(&check, &with(&chicago(), vec![uncounted.clone()]), NOON, "2026-06-03T13:00:00-05:00");
    says(&check, &with(&chicago(), vec![LedgerFact { same_number: false, ..uncounted.clone() }]), NOON, Permit);
    says(
        &check,
        &with(&chicago(), vec![LedgerFact { direction: Direction::Inbound, ..uncounted.clone() }]),
        NOON,
        Permit,
    );
    says(&check, &with(&chicago(), vec![LedgerFact { kind: ContactKind::Conversation, ..uncounted }]), NOON, Permit);
}

#[test]
fn the_latest_word_of_a_scope_is_its_consent() {
    let needs = |written: bool, lines: &[&str], revoke_all: bool| json!({"kind": "consent", "scopes": ["autodialed", "sms_contact"], "written": written, "lines": lines, "revoke_all": revoke_all});
    let any = needs(false, &[], false);
    let given = |entries: &[ConsentFact]| Facts { consents: entries.to_vec(), ..chicago() };
    let granted = consent("2026-05-01T00:00:00Z", ConsentScope::Text, true);
    let revoked = ConsentFact { granted: false, ..granted.clone() };
    let later = |c: &ConsentFact| ConsentFact { at: at("2026-05-02T00:00:00Z"), ..c.clone() };
    says(&any, &chicago(), NOON, Deny);
    says(&any, &given(std::slice::from_ref(&granted)), NOON, Permit);
    says(&any, &given(&[granted.clone(), later(&revoked)]), NOON, Deny);
    says(&any, &given(&[revoked.clone(), later(&granted)]), NOON, Permit);
    says(&any, &given(&[granted.clone(), revoked.clone()]), NOON, Deny);
    says(&any, &given(&[ConsentFact { scope: ConsentScope::Email, ..granted.clone() }]), NOON, Deny);
    // Ended at its end, and used when used.
    let ends = ConsentFact { expires_at: Some(at(NOON)), ..granted.clone() };
    says(&any, &given(std::slice::from_ref(&ends)), "2026-06-03T11:59:59-05:00", Permit);
    says(&any, &given(&[ends]), NOON, Deny);
    says(&any, &given(&[ConsentFact { used_at: Some(at(NOON)), ..granted.clone() }]), NOON, Deny);
    // In writing.
    says(&needs(true, &[], false), &given(std::slice::from_ref(&granted)), NOON, Deny);
    says(&needs(true, &[], false), &given(&[ConsentFact { written: true, ..granted.clone() }]), NOON, Permit);
    // One scope of messages revokes another, from then on.
    let machine = ConsentFact { scope: ConsentScope::Autodialed, ..revoked.clone() };
    let voice = ConsentFact { scope: ConsentScope::ArtificialVoice, ..revoked.clone() };
    let mail = ConsentFact { scope: ConsentScope::Email, ..revoked };
    for stop in [machine, voice] {
        says(&any, &given(&[granted.clone(), later(&stop)]), NOON, Permit);
        says(&needs(false, &[], true), &given(&[granted.clone(), later(&stop)]), NOON, Deny);
        says(&needs(false, &[], true), &given(&[granted.clone(), stop.clone()]), NOON, Deny);
        says(&needs(false, &[], true), &given(&[later(&granted), stop]), NOON, Permit);
    }
    says(&needs(false, &[], true), &given(&[granted.clone(), later(&mail)]), NOON, Permit);
    // Of two scopes one may stand where the other was revoked by its own word before.
    let two = [granted.clone(), ConsentFact { scope: ConsentScope::Autodialed, ..later(&granted) }];
    says(&needs(false, &[], true), &given(&two), NOON, Permit);
    // On some lines only; an unknown one needs it.
    let mobile = needs(false, &["mobile"], false);
    for (line, outcome) in
        [(Line::Mobile, Deny), (Line::Unknown, Deny), (Line::Residential, Permit), (Line::Business, Permit)]
    {
        let mut facts = chicago();
        facts.callee.as_mut().unwrap().line = line;
        says(&mobile, &facts, NOON, outcome);
    }
    says(&mobile, &Facts { callee: None, ..chicago() }, NOON, Deny);
}

#[test]
fn a_notice_is_due_days_after_the_first_communication() {
    let check = json!({"kind": "notice", "notice": "validation", "days": 5});
    let mut facts = living_in(&["America/New_York", "America/Chicago"]);
    says(&check, &facts, NOON, Permit);
    facts.debt = Some(DebtFacts { id: DEBT, first_communication_at: Some(at("2026-06-01T12:00:00-04:00")) });
    says(&check, &facts, "2026-06-06T23:59:59-04:00", Permit);
    says(&check, &facts, "2026-06-07T00:00:00-04:00", Deny);
    let nowhere = Facts { locations: vec![], ..facts.clone() };
    says(&check, &nowhere, "2026-06-06T09:59:59Z", Permit);
    says(&check, &nowhere, "2026-06-06T10:00:00Z", Deny);
    let notice = NoticeFact { kind: NoticeKind::Validation, sent_at: at(NOON), returned: false, period_ends: None };
    let sent = |notice: &NoticeFact| Facts { notices: vec![notice.clone()], ..facts.clone() };
    says(&check, &sent(&notice), "2026-07-01T00:00:00Z", Permit);
    let again = NoticeFact { sent_at: at("2026-06-20T12:00:00Z"), ..notice.clone() };
    let twice = Facts { notices: vec![again, notice.clone()], ..facts.clone() };
    assert_eq!(found(&check, &twice, "2026-07-01T00:00:00Z").facts["sent_at"], json!(at(NOON)), "the first is told");
    says(&check, &sent(&NoticeFact { returned: true, ..notice.clone() }), "2026-07-01T00:00:00Z", Deny);
    says(&check, &sent(&NoticeFact { kind: NoticeKind::Verification, ..notice }), "2026-07-01T00:00:00Z", Deny);
    says(&check, &Facts { debt: None, ..facts }, NOON, Review);
}

#[test]
fn a_dispute_within_the_period_waits_for_its_answer() {
    let check = json!({"kind": "dispute_answered"});
    let dispute = DisputeFact { at: at("2026-06-20T00:00:00Z"), written: true, answered_at: None };
    let disputed = |d: &DisputeFact| Facts { disputes: vec![d.clone()], ..chicago() };
    says(&check, &disputed(&dispute), NOON, Deny);
    says(&check, &disputed(&DisputeFact { written: false, ..dispute.clone() }), NOON, Permit);
    says(&check, &disputed(&DisputeFact { answered_at: Some(at(NOON)), ..dispute.clone() }), NOON, Permit);
    let notice = |kind, returned, ends: Option<&str>| NoticeFact {
        kind,
        sent_at: at(NOON),
        returned,
        period_ends: ends.map(at),
    };
    let under = |notices: Vec<NoticeFact>| Facts { notices, ..disputed(&dispute) };
    let validation = |ends| notice(NoticeKind::Validation, false, ends);
    says(&check, &under(vec![validation(Some("2026-06-20T00:00:00Z"))]), NOON, Permit);
    says(&check, &under(vec![validation(Some("2026-06-20T00:00:00.000001Z"))]), NOON, Deny);
    says(&check, &under(vec![validation(None)]), NOON, Deny);
    says(&check, &under(vec![validation(Some("2026-06-01T00:00:00Z")), validation(None)]), NOON, Deny);
    let late = || validation(Some("2026-07-01T00:00:00Z"));
    says(&check, &under(vec![validation(Some("2026-06-01T00:00:00Z")), late()]), NOON, Deny);
    says(&check, &under(vec![notice(NoticeKind::Validation, true, Some("2026-06-01T00:00:00Z"))]), NOON, Deny);
    says(&check, &under(vec![notice(NoticeKind::Verification, false, Some("2026-06-01T00:00:00Z"))]), NOON, Deny);
    let mut two = under(vec![validation(Some("2026-06-15T00:00:00Z"))]);
    two.disputes.push(DisputeFact { at: at("2026-06-10T00:00:00Z"), ..dispute.clone() });
    says(&check, &two, NOON, Deny);
}

#[test]
fn figures_and_licences_are_those_of_now() {
    let check = json!({"kind": "abandoned", "per_mille": 30});
    let campaign =
        |live_answers, abandoned| Facts { campaign: Some(CampaignFacts { live_answers, abandoned }), ..chicago() };
    says(&check, &campaign(0, 0), NOON, Permit);
    says(&check, &campaign(100, 3), NOON, Permit);
    says(&check, &campaign(100, 4), NOON, Deny);
    says(&check, &campaign(0, 1), NOON, Deny);
    says(&check, &campaign(u64::MAX, u64::MAX), NOON, Deny);
    says(&check, &chicago(), NOON, Permit);
    for technology in [Technology::Autodialed, Technology::ArtificialVoice, Technology::Unknown] {
        says(&check, &Facts { act: Act { technology, ..Act::default() }, ..chicago() }, NOON, Review);
    }
    let check = json!({"kind": "licensed", "regions": ["US-CA", "US-WA"]});
    let mut facts = crate::case::resident("US-CA", "America/Los_Angeles");
    says(&check, &chicago(), NOON, Permit);
    says(&check, &facts, NOON, Deny);
    let licence = |region: &str, until: Option<&str>| LicenceFact {
        region: region.to_owned(),
        from: at(NOON),
        until: until.map(at),
    };
    facts.licences = vec![licence("US-WA", None)];
    says(&check, &facts, NOON, Deny);
    facts.licences = vec![licence("US-CA", Some("2026-07-01T00:00:00Z"))];
    says(&check, &facts, "2026-06-03T11:59:59-05:00", Deny);
    says(&check, &facts, NOON, Permit);
    says(&check, &facts, "2026-06-30T23:59:59Z", Permit);
    says(&check, &facts, "2026-07-01T00:00:00Z", Deny);
    facts.locations[0].regions.push("US-WA".to_owned());
    says(&check, &facts, NOON, Deny);
    facts.licences.push(licence("US-WA", None));
    says(&check, &facts, NOON, Permit);
}

#[test]
fn duties_are_due_when_nothing_known_says_otherwise() {
    let check = |first: Value| json!({"kind": "duty", "duty": "mini_miranda", "when": [{"flag": "recurring", "is": true}, {"flag": "tel_debit", "is": false}], "first": first});
    let mut facts = chicago();
    says(&check(Value::Null), &facts, NOON, Require);
    assert_eq!(found(&check(Value::Null), &facts, NOON).duty, Some(DutyKind::MiniMiranda));
    facts.flags.extend([(Flag::Recurring, true), (Flag::TelDebit, false)]);
    says(&check(Value::Null), &facts, NOON, Require);
    facts.flags.insert(Flag::TelDebit, true);
    says(&check(Value::Null), &facts, NOON, Permit);
    facts.flags.extend([(Flag::Recurring, false), (Flag::TelDebit, false)]);
    says(&check(Value::Null), &facts, NOON, Permit);
    facts.flags.clear();
    says(&check(json!(true)), &facts, NOON, Require);
    says(&check(json!(false)), &facts, NOON, Permit);
    facts.debt.as_mut().unwrap().first_communication_at = Some(at(NOON));
    says(&check(json!(true)), &facts, NOON, Permit);
    says(&check(json!(false)), &facts, NOON, Require);
    facts.done.insert(DutyKind::MiniMiranda);
    says(&check(json!(false)), &facts, NOON, Permit);
}

#[test]
fn questions_without_an_answer_are_reviewed_or_worse() {
    let check = |unmet: &str| {
        json!({
            "kind": "answers", "when": [{"flag": "fee_charged", "is": true}], "unmet": unmet, "needed": "it is allowed",
            "wanted": [{"flag": "fee_allowed", "is": true}, {"flag": "pays_disputed", "is": false}]
        })
    };
    let mut facts = chicago();
    says(&check("require"), &facts, NOON, Review);
    says(&check("review"), &facts, NOON, Review);
    says(&check("deny"), &facts, NOON, Deny);
    facts.flags.extend([(Flag::FeeAllowed, true), (Flag::PaysDisputed, true)]);
    says(&check("require"), &facts, NOON, Require);
    says(&check("deny"), &facts, NOON, Deny);
    assert_eq!(found(&check("deny"), &facts, NOON).needed.as_deref(), Some("it is allowed"));
    facts.flags.remove(&Flag::FeeAllowed);
    says(&check("require"), &facts, NOON, Review);
    facts.flags.extend([(Flag::FeeAllowed, true), (Flag::PaysDisputed, false)]);
    says(&check("deny"), &facts, NOON, Permit);
    facts.flags.extend([(Flag::FeeAllowed, false), (Flag::FeeCharged, false)]);
    says(&check("deny"), &facts, NOON, Permit);
}

#[test]
fn records_are_kept_by_class_and_basis() {
    let check = |class: &str, from: &str| json!({"kind": "kept", "class": class, "years": 3, "from": from});
    let facts = |record: &RetentionFacts| Facts { retention: Some(record.clone()), ..Facts::default() };
    let record = RetentionFacts {
        class: RecordClass::Recording,
        made_at: at("2024-02-29T12:00:00Z"),
        last_activity_at: None,
        ended_at: None,
        holds: 0,
        wanted_days: 10,
    };
    until(&check("recording", "made"), &facts(&record), "2026-01-01T00:00:00Z", "2027-02-28T12:00:00Z");
    says(&check("compliance", "made"), &facts(&record), "2026-01-01T00:00:00Z", Permit);
    says(&check("recording", "last_activity"), &facts(&record), NOON, Review);
    says(&check("recording", "ended"), &facts(&record), NOON, Review);
    let ended = RetentionFacts { ended_at: Some(at(NOON)), ..record.clone() };
    until(&check("recording", "ended"), &facts(&ended), NOON, "2029-06-03T17:00:00Z");
    says(&check("recording", "made"), &Facts::default(), NOON, Review);
    let held = json!({"kind": "not_held"});
    until(&held, &facts(&record), "2024-03-01T00:00:00Z", "2024-03-10T12:00:00Z");
    says(&held, &facts(&RetentionFacts { holds: 1, ..record }), NOON, Deny);
    says(&held, &Facts::default(), NOON, Review);
}

#[test]
fn an_exemption_lifts_its_targets_and_stands_in_nobodys_way() {
    let mut target = rule(&count(&json!({})));
    target.id = RuleId::new("TARGET");
    let mut exempting = rule(&json!({"kind": "fresh_consent", "days": 7}));
    exempting.exempts = vec![RuleId::new("TARGET")];
    let mut second = rule(&json!({"kind": "holders", "of": ["consumer"]}));
    (second.id, second.exempts) = (RuleId::new("SECOND"), vec![RuleId::new("TARGET")]);
    let pack = |rules: &[&Rule]| RulePack::new("three", vec![], rules.iter().map(|r| (*r).clone()).collect());
    let mut facts = with(&chicago(), vec![attempt("2026-06-03T09:00:00-05:00")]);
    let alone = judge(&facts, &pack(&[&target, &exempting]), at(NOON));
    let why = alone.explanation();
    assert_eq!((why.outcome, why.findings[1].outcome, why.findings[0].exempt_by.is_none()), (Defer, Permit, true));
    assert_eq!((why.findings[1].needed.as_ref(), why.findings[1].not_before), (None, None));
    facts.consents.push(consent("2026-06-02T00:00:00Z", ConsentScope::Contact, true));
    let lifted = judge(&facts, &pack(&[&target, &exempting, &second]), at(NOON));
    let why = lifted.explanation();
    assert_eq!((why.outcome, why.findings[0].exempt_by.as_ref()), (Permit, Some(&RuleId::new("ONE"))));
    assert_eq!((why.findings[0].not_before, why.counterfactuals.len()), (None, 0));
    assert!(why.findings[1].exempt_by.is_none() && why.findings[2].exempt_by.is_none());
    assert_eq!(
        (&why.findings[1].facts["satisfied"], &why.findings[2].facts["satisfied"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(alone.explanation().findings[1].facts["satisfied"], false);
    // One that is not in force exempts from nothing.
    exempting.effective_to = Some("2026-06-02".parse().unwrap());
    assert_eq!(judge(&facts, &pack(&[&target, &exempting]), at(NOON)).outcome(), Defer);
}

#[test]
fn the_strictest_blocks_and_the_first_of_equals_names_itself() {
    let named = |id, check: &Value| Rule { id: RuleId::new(id), ..rule(check) };
    let night = named("NIGHT", &hours("21:00:00", "22:00:00"));
    let spaced = named("SPACED", &json!({"kind": "spacing", "minutes": 60, "per": "debt"}));
    let licence = named("LICENCE", &json!({"kind": "licensed", "regions": ["US-CA"]}));
    let facts = with(&chicago(), vec![attempt("2026-06-03T11:30:00-05:00")]);
    let pack = RulePack::new("two", vec![], vec![spaced.clone(), night.clone(), licence]);
    let verdict = judge(&facts, &pack, at(NOON));
    let why = verdict.explanation();
    assert_eq!((why.outcome, why.blocked_by.as_ref().map(|r| r.as_str())), (Defer, Some("SPACED")));
    assert_eq!(why.not_before, Some(at("2026-06-03T21:00:00-05:00")));
    assert_eq!(
        why.counterfactuals.iter().map(|c| (c.rule.as_str(), c.outcome)).collect::<Vec<_>>(),
        [("SPACED", Defer), ("NIGHT", Defer)]
    );
    let told = forecast(&facts, &pack, at(NOON), at("2026-06-04T12:00:00-05:00"), SignedDuration::from_mins(45));
    let spans: Vec<_> =
        told.spans.iter().map(|s| (s.from.to_string(), s.outcome, s.blocked_by.as_ref().map(|r| r.as_str()))).collect();
    assert_eq!(
        spans,
        [
            ("2026-06-03T17:00:00Z".to_owned(), Defer, Some("SPACED")),
            ("2026-06-04T02:00:00Z".to_owned(), Permit, None),
            ("2026-06-04T03:00:00Z".to_owned(), Defer, Some("NIGHT")),
        ]
    );
    assert_eq!(told.lawful().map(|s| s.to.to_string()).collect::<Vec<_>>(), ["2026-06-04T03:00:00Z"]);
    assert_eq!(told.spans.last().unwrap().to, at("2026-06-04T12:00:00-05:00"));
    let cut = forecast(&facts, &pack, at(NOON), at("2026-06-03T22:10:00-05:00"), SignedDuration::from_mins(45));
    assert_eq!(
        cut.lawful().last().unwrap().to,
        at("2026-06-03T22:00:00-05:00"),
        "the last step ends with the forecast"
    );
    let none: Forecast = forecast(&facts, &pack, at(NOON), at(NOON), SignedDuration::ZERO);
    assert!(none.spans.is_empty() && none.pack_hash.starts_with("sha256:"));
    // So long a time that the step grows: 10 000 of them at most, with the deferments between.
    let ages = forecast(
        &chicago(),
        &RulePack::new("one", vec![], vec![spaced]),
        Timestamp::MIN,
        Timestamp::MAX,
        SignedDuration::ZERO,
    );
    assert_eq!((ages.spans.len(), ages.spans[0].outcome), (1, Permit));
}

#[test]
fn an_instant_is_told_at_which_nothing_defers_though_something_else_denies_by_then() {
    let named = |id, check: &Value| Rule { id: RuleId::new(id), ..rule(check) };
    let pack = RulePack::new(
        "three",
        vec![],
        vec![
            named("QUIET", &json!({"kind": "quiet", "days": 7})),
            named("HOURS", &hours("08:00:00", "21:00:00")),
            named("NOTICE", &json!({"kind": "notice", "notice": "validation", "days": 5})),
        ],
    );
    let mut facts = with(&chicago(), vec![conversation("2026-06-01T12:00:00-05:00", Direction::Outbound)]);
    facts.debt.as_mut().unwrap().first_communication_at = Some(at("2026-06-01T12:00:00-05:00"));
    let verdict = judge(&facts, &pack, at(NOON));
    let why = verdict.explanation();
    assert_eq!((why.outcome, why.not_before), (Defer, Some(at("2026-06-08T08:00:00-05:00"))));
    assert_eq!(judge(&facts, &pack, at("2026-06-08T08:00:00-05:00")).outcome(), Deny);
}

#[test]
fn rules_bind_acts_purposes_roles_and_places_and_what_is_unknown() {
    let mut one = rule(&json!({"kind": "duty", "duty": "identify", "when": [], "first": null}));
    one.acts = vec![ActKind::Dial];
    one.purposes = vec![Purpose::Solicitation];
    one.technologies = vec![Technology::Autodialed];
    one.jurisdiction = "US-MA".to_owned();
    let pack = RulePack::new("one", vec![], vec![one.clone()]);
    let bound = |facts: &Facts| judge(facts, &pack, at(NOON)).explanation().findings.len() == 1;
    let mut facts = crate::case::resident("US-MA", "America/New_York");
    facts.act = Act { kind: ActKind::Dial, purpose: Purpose::Solicitation, technology: Technology::Autodialed };
    assert!(bound(&facts));
    assert!(bound(&Facts { act: Act { technology: Technology::Unknown, ..facts.act }, ..facts.clone() }));
    assert!(!bound(&Facts { act: Act { technology: Technology::Manual, ..facts.act }, ..facts.clone() }));
    assert!(!bound(&Facts { act: Act { purpose: Purpose::Collection, ..facts.act }, ..facts.clone() }));
    assert!(!bound(&act(ActKind::Text, facts.clone())));
    assert!(!bound(&Facts { locations: vec![], ..facts.clone() }));
    facts.locations.clear();
    facts.ours.insert("US-MA".to_owned());
    assert!(!bound(&facts), "our own side matters to recording alone");
    one.acts = vec![ActKind::Record];
    let pack = RulePack::new("one", vec![], vec![one]);
    assert_eq!(judge(&act(ActKind::Record, facts), &pack, at(NOON)).explanation().findings.len(), 1);
}

#[test]
fn facts_that_contradict_one_another_do_not_permit() {
    let pack = RulePack::standard();
    let mut facts = act(ActKind::Converse, crate::case::resident("US-IL", "America/Chicago"));
    facts.done = [DutyKind::Identify, DutyKind::MiniMiranda, DutyKind::VerifyParty].into();
    facts.flags.extend([(Flag::PartyVerified, true), (Flag::ThirdParty, false)]);
    assert!(judge(&facts, &pack, at(NOON)).permits());
    facts.flags.insert(Flag::ThirdParty, true);
    let verdict = judge(&facts, &pack, at(NOON));
    assert_eq!(verdict.explanation().blocked_by.as_ref().map(|r| r.as_str()), Some("RF-THIRD"));
    let mut zones = crate::case::resident("US-IL", "America/Chicago");
    zones.locations.push(place(LocationSource::Statement, &["Europe/London"]));
    assert_eq!(judge(&zones, &pack, at(NOON)).outcome(), Permit, "18:00 in London");
    assert_eq!(judge(&zones, &pack, at("2026-06-03T16:00:00-05:00")).outcome(), Defer, "22:00 in London");
}

#[test]
fn a_pack_that_is_swapped_in_mid_campaign_leaves_old_verdicts_as_they_were() {
    let facts = crate::case::resident("US-IL", "America/Chicago");
    let old = RulePack::standard();
    let before = judge(&facts, &old, at(NOON));
    let stricter =
        RulePack::layered(old.clone(), [RulePack::new("ours", vec![], vec![rule(&hours("13:00:00", "14:00:00"))])])
            .unwrap();
    let after = judge(&facts, &stricter, at(NOON));
    assert!(before.permits());
    assert_eq!((after.outcome(), after.explanation().blocked_by.as_ref().map(|r| r.as_str())), (Defer, Some("ONE")));
    assert_eq!(after.explanation().pack, "us-2026-11+ours");
    assert_ne!(after.explanation().pack_hash, before.explanation().pack_hash);
    assert_eq!(judge(&before.explanation().facts, &old, at(NOON)), before);
}

#[test]
fn a_person_is_the_same_whoever_looks() {
    // Ids are of the organisation; another id is the same fact to every rule.
    let mut facts = crate::case::resident("US-IL", "America/Chicago");
    let outcome = |facts: &Facts| judge(facts, &RulePack::standard(), at(NOON)).outcome();
    let one = outcome(&facts);
    facts.person.as_mut().unwrap().id = Uuid::from_u128(99);
    assert_eq!(outcome(&facts), one);
}
