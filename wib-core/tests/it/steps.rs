//! Every number and every time of the built-in rules, one step to either side: each step is seen.
//!
//! The table repeats the parameters from the text of the law. A rule that changed without it is found here, and so is a
//! rule with a number that no probe looks at.

use std::{collections::BTreeMap, time::Duration};

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, date, time},
    tz::TimeZone,
};
use serde_json::Value;
use wib_core::{
    compliance::{
        Act, CampaignFacts, Check, ConsentScope, DebtFacts, Facts, LedgerFact, ListFact, Medium, Outcome, Purpose,
        RetentionFacts, Rule, RulePack, Technology, judge,
    },
    contacts::ContactKind,
    kit::{Timestamp, time as instants},
    ports::voice::Direction,
};

use crate::case::{DEBT, attempt, consent, resident};

/// Rule, kind, numbers.
const TABLE: &[(&str, &str)] = &[
    ("RF-TIME", "hours 08:00 21:00"),
    ("RF-FREQ-COUNT", "count 7 hours 168"),
    ("RF-FREQ-CONV", "quiet 7"),
    ("RF-FREQ-X-CONSENT", "fresh_consent 7"),
    ("RF-VAL-SEND", "notice 5"),
    ("TC-RES-X-THREE", "count 3 hours 720"),
    ("TC-HOURS", "hours 08:00 21:00"),
    ("TC-DNC-NAT-FRESH", "fresh_list 31"),
    ("TC-ABANDON", "abandoned 30"),
    ("RF-KEEP", "kept 3"),
    ("RF-KEEP-REC", "kept 3"),
    ("TC-DNC-KEEP", "kept 5"),
    ("NA-KEEP", "kept 2"),
    ("AL-HOURS", "hours 08:00 20:00 sundays holidays"),
    ("CA-TIME", "hours 08:00 21:00"),
    ("CT-HOURS", "hours 09:00 20:00"),
    ("DC-FREQ", "count 3 hours 168"),
    ("DC-CONV", "quiet 7"),
    ("FL-HOURS", "hours 08:00 20:00"),
    ("FL-FREQ", "count 3 hours 24"),
    ("KY-HOURS", "hours 10:00 21:00"),
    ("LA-HOLIDAY", "hours 08:00 21:00 holidays"),
    ("MA-FREQ", "count 2 hours 168"),
    ("MA-FREQ-WORK", "count 2 hours 720"),
    ("MA-TIME", "hours 08:00 21:00"),
    ("MD-FREQ", "count 3 hours 24"),
    ("ME-GAP", "spacing 480"),
    ("MS-HOLIDAY", "hours 08:00 21:00 holidays"),
    ("NYC-FREQ", "count 3 hours 168"),
    ("OK-HOURS", "hours 08:00 20:00"),
    ("OK-FREQ", "count 3 hours 24"),
    ("PA-HOLIDAY", "hours 08:00 21:00 holidays"),
    ("RI-HOLIDAY", "hours 08:00 21:00 holidays"),
    ("UT-HOLIDAY", "hours 08:00 21:00 holidays"),
    ("WA-FREQ", "count 3 hours 168"),
    ("WA-FREQ-WORK", "count 1 hours 168"),
    ("WA-TIME", "hours 07:30 21:00"),
    ("WA-TEL-HOURS", "hours 08:00 20:00"),
    ("WV-FREQ", "count 30 hours 168"),
    ("WV-CONV", "count 10 hours 168"),
    ("WV-TIME", "hours 08:00 21:00"),
    ("RF-HARASS", "spacing 120"),
    ("RF-HARASS-DAY", "count 2 days 1"),
    ("WIB-TEXT-DAY", "count 3 days 1"),
    ("WIB-EMAIL-DAY", "count 5 days 1"),
    ("WIB-TIME", "hours 08:00 21:00"),
];
/// From when they are in force.
const EFFECTIVE: &[(&str, Date)] = &[("NYC-", date(2026, 9, 1)), ("RF-", date(2021, 11, 30))];
/// A Wednesday that is no holiday, after every rule came into force.
const WEDNESDAY: Date = date(2027, 3, 10);

struct Probe {
    name: String,
    facts: Facts,
    now: Timestamp,
    lawful: bool,
}

fn chicago(local: DateTime) -> Timestamp {
    local.to_zoned(TimeZone::get("America/Chicago").unwrap()).unwrap().timestamp()
}
fn ago(now: Timestamp, minutes: u64) -> Timestamp {
    instants::before(now, Duration::from_secs(minutes * 60))
}
/// Facts that the rule binds.
fn bound(rule: &Rule) -> Facts {
    let region = if rule.jurisdiction == "US" { "US-IL" } else { &rule.jurisdiction };
    let mut facts = resident(region, "America/Chicago");
    facts.act = Act {
        kind: rule.acts[0],
        purpose: rule.purposes.first().copied().unwrap_or(Purpose::Collection),
        technology: rule.technologies.first().copied().unwrap_or(Technology::Manual),
    };
    if let Check::Count { places, .. } = &rule.check {
        facts.callee.as_mut().unwrap().place = places.first().copied().unwrap_or_default();
    }
    facts
}
fn entry(rule: &Rule, at: Timestamp) -> LedgerFact {
    let mut entry = LedgerFact { at, ..attempt("2026-06-01T00:00:00Z") };
    if let Check::Count { kinds, media, technologies, .. } = &rule.check {
        entry.technology = technologies.first().copied().unwrap_or(Technology::Manual);
        entry.kind = kinds[0];
        entry.medium = media.first().copied().unwrap_or(Medium::Call);
    }
    entry
}

fn probes(rule: &Rule, line: &str) -> Vec<Probe> {
    let words: Vec<_> = line.split(' ').collect();
    let number = |n: usize| words[n].parse::<u64>().unwrap();
    let noon = chicago(WEDNESDAY.at(12, 0, 0, 0));
    let mut all = Vec::new();
    let mut probe = |name: String, now: Timestamp, lawful: bool, with: &dyn Fn(&mut Facts)| {
        let mut facts = bound(rule);
        with(&mut facts);
        all.push(Probe { name, facts, now, lawful });
    };
    let nothing = &|_: &mut Facts| ();
    match words[0] {
        "hours" => {
            let [opens, closes] = [1, 2].map(|n| words[n].parse::<Time>().unwrap());
            for (local, lawful) in
                [(opens - 1.minute(), false), (opens, true), (closes - 1.minute(), true), (closes, false)]
            {
                probe(format!("at {local}"), chicago(WEDNESDAY.to_datetime(local)), lawful, nothing);
            }
            let flag = |word| words.contains(&word);
            let sunday = chicago(date(2027, 3, 14).at(12, 0, 0, 0));
            probe("on a Sunday".to_owned(), sunday, !flag("sundays"), nothing);
            let fourth = chicago(date(2027, 7, 5).at(12, 0, 0, 0));
            probe("on the day the fourth of July is observed".to_owned(), fourth, !flag("holidays"), nothing);
        }
        "count" => {
            let cap = number(1);
            let many = |n: u64, at: Timestamp| {
                move |facts: &mut Facts| facts.ledger = (0..n).map(|_| entry(rule, at)).collect()
            };
            let (within, without) = match words[2] {
                "hours" => (ago(noon, number(3) * 60 - 1), ago(noon, number(3) * 60)),
                _ => {
                    let first = WEDNESDAY - (number(3) as i64 - 1).days();
                    (chicago(first.at(0, 0, 0, 0)), chicago(first.at(0, 0, 0, 0) - 1.minute()))
                }
            };
            probe(format!("{cap} at the window's edge"), noon, false, &many(cap, within));
            probe(format!("{} at the window's edge", cap - 1), noon, true, &many(cap - 1, within));
            probe(format!("{cap} before the window"), noon, true, &many(cap, without));
        }
        "quiet" => {
            let talk = LedgerFact {
                at: noon,
                kind: ContactKind::Conversation,
                direction: Direction::Inbound,
                ..attempt("2026-06-01T00:00:00Z")
            };
            let over = (WEDNESDAY + (number(1) as i64).days()).at(0, 0, 0, 0);
            let spoke = |facts: &mut Facts| facts.ledger = vec![talk.clone()];
            probe("the last minute of the quiet days".to_owned(), chicago(over - 1.minute()), false, &spoke);
            probe("the first minute after the quiet days".to_owned(), chicago(over), true, &spoke);
        }
        "spacing" => {
            for (minutes, lawful) in [(number(1) - 1, false), (number(1), true)] {
                let tried = |facts: &mut Facts| facts.ledger = vec![entry(rule, ago(noon, minutes))];
                probe(format!("{minutes} minutes after an attempt"), noon, lawful, &tried);
            }
        }
        "fresh_list" => {
            let Check::FreshList { list, .. } = rule.check else { panic!("{}", rule.id) };
            for (minutes, lawful) in [(number(1) * 1440, true), (number(1) * 1440 + 1, false)] {
                let as_of = ago(noon, minutes);
                let looked = |facts: &mut Facts| {
                    facts.lists = vec![ListFact { list, listed: false, as_of, source: "registry".to_owned() }];
                };
                probe(format!("a list of {minutes} minutes"), noon, lawful, &looked);
            }
        }
        "fresh_consent" => {
            for (minutes, lawful) in [(number(1) * 1440 - 1, true), (number(1) * 1440, false)] {
                let mut given = consent("2026-06-01T00:00:00Z", ConsentScope::Contact, true);
                given.at = ago(noon, minutes);
                let agreed = |facts: &mut Facts| facts.consents = vec![given.clone()];
                probe(format!("a consent of {minutes} minutes"), noon, lawful, &agreed);
            }
        }
        "notice" => {
            let first = |facts: &mut Facts| {
                facts.debt = Some(DebtFacts { id: DEBT, first_communication_at: Some(noon) });
            };
            let due = (WEDNESDAY + (number(1) as i64 + 1).days()).at(0, 0, 0, 0);
            probe("the last minute it may take".to_owned(), chicago(due - 1.minute()), true, &first);
            probe("the first minute after".to_owned(), chicago(due), false, &first);
        }
        "abandoned" => {
            for (abandoned, lawful) in [(number(1), true), (number(1) + 1, false)] {
                let figures =
                    |facts: &mut Facts| facts.campaign = Some(CampaignFacts { live_answers: 1000, abandoned });
                probe(format!("{abandoned} of 1000 abandoned"), noon, lawful, &figures);
            }
        }
        "kept" => {
            let Check::Kept { class, .. } = rule.check else { panic!("{}", rule.id) };
            let (made_at, basis) = (noon, Some(noon));
            let record = |facts: &mut Facts| {
                facts.retention = Some(RetentionFacts {
                    class,
                    made_at,
                    last_activity_at: basis,
                    ended_at: basis,
                    holds: 0,
                    wanted_days: 0,
                });
            };
            let utc = noon.to_zoned(TimeZone::UTC).checked_add((number(1) as i64).years()).unwrap().timestamp();
            probe("the last minute it is kept".to_owned(), ago(utc, 1), false, &record);
            probe("the first minute it may go".to_owned(), utc, true, &record);
        }
        other => panic!("{other}"),
    }
    all
}

/// What the rule says of the probe; of an exemption, whether it exempts; `None` when it is not in force.
fn lawful(pack: &RulePack, rule: &Rule, probe: &Probe) -> Option<bool> {
    let verdict = judge(&probe.facts, pack, probe.now);
    let why = verdict.explanation();
    let finding = why.finding(rule.id.as_str())?;
    Some(match rule.exempts.first() {
        None => finding.outcome == Outcome::Permit,
        Some(target) => why.finding(target.as_str()).unwrap().exempt_by.as_ref() == Some(&rule.id),
    })
}

/// The rule with one number, time or yes-or-no of its check a step aside, for every one of them and both sides.
fn steps(rule: &Rule) -> Vec<(String, Rule)> {
    fn walk(value: &Value, path: &str, found: &mut Vec<(String, Vec<Value>)>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(k, v)| walk(v, &format!("{path}/{k}"), found)),
            Value::Number(n) => {
                let n = n.as_i64().unwrap();
                found.push((path.to_owned(), vec![(n - 1).into(), (n + 1).into()]));
            }
            Value::String(s) if s.len() == 8 && s.parse::<Time>().is_ok() => {
                let at: Time = s.parse().unwrap();
                let stepped = [at - 1.minute(), at + 1.minute()].map(|t| Value::from(t.to_string()));
                found.push((path.to_owned(), stepped.to_vec()));
            }
            Value::Bool(b) if path.contains("not_") => found.push((path.to_owned(), vec![(!b).into()])),
            _ => (),
        }
    }
    let check = serde_json::to_value(&rule.check).unwrap();
    let mut found = Vec::new();
    walk(&check, "", &mut found);
    let mut all = Vec::new();
    for (path, values) in found {
        for value in values {
            let mut check = check.clone();
            *check.pointer_mut(&path).unwrap() = value.clone();
            // A cap of none is no cap, and no rule.
            if let Ok(check) = serde_json::from_value(check) {
                all.push((format!("{path} = {value}"), Rule { check, ..rule.clone() }));
            }
        }
    }
    all
}

#[test]
fn every_step_aside_is_seen() {
    let table: BTreeMap<_, _> = TABLE.iter().copied().collect();
    assert_eq!(table.len(), TABLE.len());
    let pack = RulePack::standard();
    let (mut seen, mut rules) = (0, 0);
    for (n, rule) in pack.rules.iter().enumerate() {
        let steps = steps(rule);
        let Some(line) = table.get(rule.id.as_str()) else {
            assert!(steps.is_empty(), "{} has numbers that no probe looks at", rule.id);
            continue;
        };
        rules += 1;
        let probes = probes(rule, line);
        for probe in &probes {
            let told = lawful(&pack, rule, probe);
            assert_eq!(told, Some(probe.lawful), "{}: {}", rule.id, probe.name);
        }
        for (step, stepped) in steps {
            let mut other = pack.clone();
            other.rules[n] = stepped;
            let by = probes.iter().find(|p| lawful(&other, rule, p) != Some(p.lawful));
            let by = by.unwrap_or_else(|| panic!("{} {step} is seen by no probe", rule.id));
            println!("{:<18} {step:<28} {}", rule.id, by.name);
            seen += 1;
        }
    }
    assert_eq!(rules, TABLE.len(), "a rule of the table is not in the pack");
    println!("{seen} steps of {rules} rules seen");
}

#[test]
fn every_rule_is_in_force_from_its_day_on() {
    let pack = RulePack::standard();
    for rule in &pack.rules {
        let day = EFFECTIVE.iter().find(|(prefix, _)| rule.id.as_str().starts_with(prefix)).map(|(_, day)| *day);
        // Our own pace, and what is older than the regulation, has no day.
        let ageless = rule.id.as_str().starts_with("RF-HARASS");
        assert_eq!(rule.effective_from, day.filter(|_| !ageless), "{}", rule.id);
        assert_eq!(rule.effective_to, None, "{}", rule.id);
        let Some(from) = rule.effective_from else { continue };
        let noon = |day: Date| day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        let told = |day| judge(&bound(rule), &pack, noon(day)).explanation().finding(rule.id.as_str()).is_some();
        assert!(told(from) && !told(from.yesterday().unwrap()), "{}", rule.id);
    }
}

#[test]
fn the_hours_of_the_probes_are_local() {
    assert_eq!(chicago(WEDNESDAY.to_datetime(time(8, 0, 0, 0))).to_string(), "2027-03-10T14:00:00Z");
}
