//! Facts and packs drawn at random, close to each other's edges: entries stand at round distances from now, so that
//! windows begin and end on them.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, date, time},
    tz::TimeZone,
};
use serde_json::{Value, json};
use uuid::Uuid;

const ZONES: [&str; 8] = [
    "America/New_York",
    "America/Chicago",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Adak",
    "Pacific/Honolulu",
    "Pacific/Guam",
    "Australia/Lord_Howe",
];
const REGIONS: [&str; 4] = ["US-NY", "US-MA", "US-CA", "US-NY-NYC"];
const MEDIA: [&str; 4] = ["call", "text", "email", "mail"];
const PLACES: [&str; 4] = ["unknown", "personal", "work", "inconvenient"];
const TECHNOLOGIES: [&str; 4] = ["unknown", "manual", "autodialed", "artificial_voice"];
const HOLDERS: [&str; 4] = ["consumer", "spouse", "attorney", "third_party"];
const LINES: [&str; 4] = ["unknown", "mobile", "residential", "business"];
const SCOPES: [&str; 5] = ["outbound_contact", "autodialed", "artificial_voice", "sms_contact", "email_contact"];
const CIRCUMSTANCES: [&str; 4] = ["cease", "attorney", "bankruptcy", "employer_forbids"];
const LISTS: [&str; 3] = ["internal", "national", "reassigned"];
const DUTIES: [&str; 4] = ["scrub_list", "identify", "recording_notice", "mini_miranda"];
const FLAGS: [&str; 4] = ["caller_id_owned", "party_verified", "third_party", "card_data"];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const CLASSES: [&str; 3] = ["recording", "compliance", "authorisation"];
const ACTS: [&str; 8] = ["dial", "text", "email", "record", "converse", "voicemail", "pay", "purge"];
const PURPOSES: [&str; 3] = ["collection", "solicitation", "location"];

/// Every kind of check.
pub(super) const KINDS: [&str; 22] = [
    "complete",
    "not_listed",
    "fresh_list",
    "no_circumstance",
    "holders",
    "medium_wanted",
    "time_wanted",
    "place_wanted",
    "hours",
    "count",
    "quiet",
    "spacing",
    "consent",
    "fresh_consent",
    "notice",
    "dispute_answered",
    "abandoned",
    "licensed",
    "duty",
    "answers",
    "kept",
    "not_held",
];

/// A stream of numbers from a seed (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    pub(super) fn whether(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
    pub(super) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
    /// Each with that chance.
    fn some(&mut self, of: &[&str], percent: u64) -> Vec<String> {
        of.iter().filter(|_| self.whether(percent)).map(|w| (*w).to_owned()).collect()
    }
    /// Some, and one at least.
    fn several(&mut self, of: &[&str]) -> Vec<String> {
        let mut some = self.some(of, 40);
        if some.is_empty() {
            some.push((*self.one(of)).to_owned());
        }
        some
    }
    fn maybe(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.whether(percent) { make(self) } else { Value::Null }
    }
    fn list(&mut self, most: u64, mut make: impl FnMut(&mut Self) -> Value) -> Vec<Value> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    /// An instant that is judged: around a change of the clocks, a holiday, a year's end, or anywhere in 2026.
    pub(super) fn instant(&mut self) -> Timestamp {
        let around = ["2026-03-08T12:00:00Z", "2026-11-01T12:00:00Z", "2026-07-03T12:00:00Z", "2026-12-31T12:00:00Z"];
        let middle: Timestamp = self.one(&around).parse().unwrap();
        let step = *self.one(&[1, 15, 60]);
        let spread = if self.whether(20) { 180 * 24 * 60 } else { 5 * 24 * 60 };
        let minutes = i64::try_from(self.below(2 * spread)).unwrap() - i64::try_from(spread).unwrap();
        let at = middle.checked_add((minutes / step * step).minutes()).unwrap();
        if self.whether(10) { at.checked_sub(1.microsecond()).unwrap() } else { at }
    }
    /// An instant at an edge of a pack's local times, in one zone; often on a holiday, or on the day it is kept.
    pub(super) fn edge(&mut self, pack: &Value) -> (Timestamp, &'static str) {
        const DATES: [&str; 14] = [
            "2026-01-19",
            "2026-02-16",
            "2026-05-25",
            "2026-06-19",
            "2026-07-03",
            "2026-07-04",
            "2026-09-07",
            "2026-10-12",
            "2026-11-11",
            "2026-11-26",
            "2026-12-25",
            "2027-05-31",
            "2027-07-05",
            "2027-12-31",
        ];
        let zone = *self.one(&ZONES);
        let date: Date = match self.whether(50) {
            true => self.one(&DATES).parse().unwrap(),
            false => date(2026, 1, 1).checked_add(i64::try_from(self.below(730)).unwrap().days()).unwrap(),
        };
        let edges: Vec<_> = pack["rules"].as_array().unwrap().iter().map(|r| &r["check"]).collect();
        let edge = self.one(&edges)[*self.one(&["opens", "closes"])].as_str().unwrap_or("00:00:00");
        let local = date.to_datetime(edge.parse().unwrap());
        let at = TimeZone::get(zone).unwrap().to_timestamp(local).unwrap();
        (if self.whether(30) { at.checked_sub(1.microsecond()).unwrap() } else { at }, zone)
    }
    /// An instant before now, often at a round distance, now and then at a local midnight.
    fn before(&mut self, now: Timestamp, days: i64) -> Timestamp {
        let days = u64::try_from(days).unwrap();
        let back = match self.below(4) {
            0 => i64::try_from(self.below(days * 24 * 60)).unwrap().minutes(),
            1 => i64::try_from(self.below(days + 1) * 24).unwrap().hours(),
            2 => i64::try_from(self.below(days * 24)).unwrap().hours(),
            _ => {
                let zone = TimeZone::get(self.one::<&str>(&ZONES[..6])).unwrap();
                let back = i64::try_from(self.below(days)).unwrap();
                let date = zone.to_datetime(now).date().checked_sub(back.days()).unwrap();
                let midnight = zone.to_timestamp(date.to_datetime(time(0, 0, 0, 0))).unwrap();
                let late = self.one(&[0, 1]).microseconds();
                return midnight.checked_sub(late).unwrap().min(now);
            }
        };
        now.checked_sub(back).unwrap()
    }
    fn answers(&mut self, most: u64) -> Vec<Value> {
        self.list(most, |c| json!({"flag": c.one(&FLAGS), "is": c.whether(50)}))
    }
    fn clock(&mut self, from: u64, to: u64) -> String {
        format!("{:02}:{}:00", from + self.below(to - from), self.one(&["00", "30"]))
    }

    /// A check of that kind.
    pub(super) fn check(&mut self, kind: &str) -> Value {
        let mut check = match kind {
            "not_listed" => json!({"lists": self.several(&LISTS), "unless": self.some(&SCOPES, 20)}),
            "fresh_list" => json!({"list": self.one(&LISTS), "days": 1 + self.below(40)}),
            "no_circumstance" => json!({
                "of": self.several(&CIRCUMSTANCES), "spare": self.some(&HOLDERS, 20), "places": self.some(&PLACES, 20),
            }),
            "holders" => json!({"of": self.several(&HOLDERS)}),
            "hours" => json!({
                "opens": self.clock(0, 12), "closes": self.clock(12, 24),
                "not_sundays": self.whether(30), "not_holidays": self.whether(30),
            }),
            "count" => {
                let window = match self.whether(50) {
                    true => json!({"hours": self.one(&[24, 168, 720])}),
                    false => json!({"days": 1 + self.below(9)}),
                };
                json!({
                    "kinds": self.some(&["attempt", "conversation"], 50), "media": self.some(&MEDIA, 30),
                    "technologies": self.some(&TECHNOLOGIES[1..], 20), "places": self.some(&PLACES[1..], 20),
                    "per": self.one(&["debt", "person", "number"]), "window": window, "cap": 1 + self.below(7),
                })
            }
            "quiet" => json!({"days": 1 + self.below(8)}),
            "spacing" => {
                json!({"minutes": self.one(&[60, 120, 1440]), "per": self.one(&["debt", "person", "number"])})
            }
            "consent" => json!({
                "scopes": self.several(&SCOPES), "written": self.whether(50), "lines": self.some(&LINES[1..], 30),
                "revoke_all": self.whether(50),
            }),
            "fresh_consent" => json!({"days": 1 + self.below(8)}),
            "notice" => json!({"notice": self.one(&["validation", "verification"]), "days": 1 + self.below(6)}),
            "abandoned" => json!({"per_mille": 30}),
            "licensed" => json!({"regions": self.several(&REGIONS)}),
            "duty" => json!({
                "duty": self.one(&DUTIES), "when": self.answers(2), "first": self.maybe(60, |c| json!(c.whether(50))),
            }),
            "answers" => {
                let wanted: Vec<_> =
                    [vec![json!({"flag": self.one(&FLAGS), "is": self.whether(50)})], self.answers(2)].concat();
                let unmet = self.one(&["require", "review", "deny"]);
                json!({"when": self.answers(2), "wanted": wanted, "unmet": unmet, "needed": "an answer"})
            }
            "kept" => json!({
                "class": self.one(&CLASSES), "years": 1 + self.below(4),
                "from": self.one(&["made", "last_activity", "ended"]),
            }),
            _ => json!({}),
        };
        check["kind"] = kind.into();
        check
    }
    /// A pack of rules of these kinds.
    pub(super) fn pack(&mut self, kinds: &[&str], most: u64) -> Value {
        let mut rules = vec![];
        for n in 0..=self.below(most) {
            let kind = *self.one(kinds);
            let always = self.whether(70);
            rules.push(json!({
                "id": format!("{}-{n}", kind.to_uppercase().replace('_', "")), "title": "A rule.", "citation": format!("section {n}"),
                "jurisdiction": if self.whether(80) { "US" } else { *self.one(&REGIONS) },
                "confidence": self.one(&["p", "s", "k"]),
                "effective_from": self.maybe(20, |c| json!(c.one(&["2026-03-08", "2026-07-03", "2027-01-01"]))),
                "effective_to": self.maybe(10, |c| json!(c.one(&["2027-01-02", "2028-01-01"]))),
                "source_checked_on": "2026-09-30",
                "acts": if always { ACTS.map(str::to_owned).to_vec() } else { self.several(&ACTS) },
                "roles": if always { vec![] } else { self.some(&["agency", "creditor"], 50) },
                "purposes": if always { vec![] } else { self.some(&PURPOSES, 50) },
                "technologies": if always { vec![] } else { self.some(&TECHNOLOGIES[1..], 50) },
                "check": self.check(kind),
            }));
        }
        // One that exempts, from rules that do not exempt themselves.
        if rules.len() > 1 && self.whether(40) {
            let by = usize::try_from(self.below(rules.len() as u64)).unwrap();
            let alike = |r: &Value| ["jurisdiction", "roles", "technologies"].iter().all(|k| r[*k] == rules[by][*k]);
            let others = rules.iter().enumerate().filter(|(at, r)| *at != by && alike(r));
            let names: Vec<_> = others.map(|(_, r)| r["id"].clone()).filter(|_| self.whether(50)).collect();
            if !names.is_empty() {
                rules[by]["exempts"] = names.into();
            }
        }
        json!({"version": "drawn", "definitions": [], "rules": rules})
    }

    /// Facts around that instant.
    pub(super) fn facts(&mut self, now: Timestamp) -> Value {
        let (debt, other) = (Uuid::from_u128(0xA), Uuid::from_u128(0xB));
        let debts = [debt, debt, other];
        let flags: serde_json::Map<_, _> =
            FLAGS.iter().filter(|_| self.whether(60)).map(|f| ((*f).to_owned(), Value::Null)).collect();
        let flags: serde_json::Map<_, _> = flags.into_iter().map(|(f, _)| (f, json!(self.whether(50)))).collect();
        let act = if self.whether(60) { "dial" } else { *self.one(&ACTS) };
        json!({
            "act": {
                "kind": act, "purpose": if self.whether(70) { "collection" } else { *self.one(&PURPOSES) },
                "technology": self.one(&TECHNOLOGIES),
            },
            "collector": self.maybe(60, |c| json!(c.one(&["agency", "creditor"]))),
            "person": self.maybe(90, |c| json!({"id": Uuid::from_u128(1), "do_not_call": c.whether(15)})),
            "debt": self.maybe(90, |c| {
                let first = c.maybe(60, |c| json!(c.before(now, 8)));
                if first.is_null() { json!({"id": debt}) } else { json!({"id": debt, "first_communication_at": first}) }
            }),
            "callee": self.maybe(90, |c| json!({
                "number": "********0188", "holder": if c.whether(60) { "consumer" } else { *c.one(&HOLDERS) },
                "line": c.one(&LINES), "place": c.one(&PLACES),
            })),
            "locations": self.list(3, |c| json!({
                "source": if c.whether(60) { "address" } else { *c.one(&["statement", "area_code"]) },
                "zones": match c.below(40) {
                    0 => vec![],
                    1 => vec!["America/Atlantis".to_owned()],
                    _ => c.some(&ZONES, 12).into_iter().chain([(*c.one(&ZONES)).to_owned()]).collect(),
                },
                "regions": c.some(&REGIONS, 30), "noted_on": c.maybe(50, |c| json!(c.before(now, 30))),
            })),
            "ours": self.some(&REGIONS, 20),
            "ledger": self.list(16, |c| json!({
                "at": c.before(now, 9), "kind": c.one(&["attempt", "attempt", "conversation"]), "counts": c.whether(80),
                "debt": c.one(&debts), "direction": c.one(&["outbound", "outbound", "inbound"]),
                "medium": if c.whether(70) { "call" } else { *c.one(&MEDIA) }, "technology": c.one(&TECHNOLOGIES),
                "place": c.one(&PLACES), "same_number": c.whether(60),
            })),
            "consents": self.list(6, |c| json!({
                "at": c.before(now, 9), "scope": c.one(&SCOPES), "granted": c.whether(75), "written": c.whether(60),
                "expires_at": c.maybe(30, |c| {
                    let ahead = i64::try_from(c.below(72)).unwrap() - 24;
                    json!(now.checked_add(ahead.hours()).unwrap())
                }),
                "used_at": c.maybe(10, |c| json!(c.before(now, 3))),
            })),
            "preferences": self.list(3, |c| json!({
                "since": c.before(now, 30), "medium": c.maybe(60, |c| json!(c.one(&MEDIA))),
                "wish": match c.below(4) {
                    0 => json!({"kind": "no_medium"}),
                    1 => json!({"kind": "no_place", "place": c.one(&PLACES[1..])}),
                    _ => json!({
                        "kind": "not_during", "days": c.some(&DAYS, 30), "from": c.clock(0, 24), "to": c.clock(0, 24),
                    }),
                },
            })),
            "circumstances": self.list(2, |c| json!({
                "kind": c.one(&CIRCUMSTANCES), "since": c.before(now, 30), "debt": c.maybe(60, |c| json!(c.one(&debts))),
            })),
            "notices": self.list(2, |c| json!({
                "kind": c.one(&["validation", "verification"]), "sent_at": c.before(now, 40),
                "returned": c.whether(30), "period_ends": c.maybe(60, |c| json!(c.before(now, 12))),
            })),
            "disputes": self.list(2, |c| json!({
                "at": c.before(now, 12), "written": c.whether(70), "answered_at": c.maybe(30, |c| json!(c.before(now, 5))),
            })),
            "lists": self.list(3, |c| json!({
                "list": c.one(&LISTS), "listed": c.whether(30), "as_of": c.before(now, 40), "source": "drawn",
            })),
            "licences": self.list(3, |c| json!({
                "region": c.one(&REGIONS), "from": c.before(now, 30), "until": c.maybe(50, |c| {
                    let ahead = i64::try_from(c.below(72)).unwrap() - 24;
                    json!(now.checked_add(ahead.hours()).unwrap())
                }),
            })),
            "campaign": self.maybe(50, |c| json!({"live_answers": 1000, "abandoned": 28 + c.below(5)})),
            "retention": self.maybe(80, |c| {
                let years = i64::try_from(c.below(5)).unwrap();
                let past = |c: &mut Self| {
                    let zoned = c.before(now, 2).to_zoned(TimeZone::UTC);
                    json!(zoned.checked_sub(years.years()).unwrap().timestamp())
                };
                json!({
                    "class": c.one(&CLASSES), "made_at": past(c), "last_activity_at": c.maybe(70, past),
                    "ended_at": c.maybe(70, past), "holds": c.below(5) / 4, "wanted_days": c.below(2000),
                })
            }),
            "done": self.some(&DUTIES, 30), "flags": flags, "unavailable": self.some(&["ledger"], 5),
        })
    }
}
