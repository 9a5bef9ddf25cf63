//! A second, plain reading of the rules from their text, compared with the engine on random histories.
//!
//! Nothing here calls the engine's checks: what is counted is counted one by one, days are compared as dates, and the
//! next lawful instant is looked for minute by minute. `WIB_ORACLE=1000000` runs that many histories instead of 20 000.

use jiff::{Span, tz::TimeZone};
use wib_core::{
    compliance::{
        Act, ActKind, CircumstanceFact, CircumstanceKind, CollectorRole, ConsentFact, ConsentScope, DebtFacts, Facts,
        Holder, LedgerFact, Line, LocationSource, Medium, Outcome, Place, RulePack, Technology, judge,
    },
    contacts::ContactKind,
    kit::Timestamp,
    ports::voice::Direction,
};

use crate::case::{DEBT, OTHER, attempt, living_in, place};

/// The rules that are read here.
const READ: [&str; 19] = [
    "RF-CEASE",
    "RF-TIME",
    "RF-ATTY",
    "RF-EMPLOYER",
    "RF-FREQ-COUNT",
    "RF-FREQ-CONV",
    "RF-FREQ-X-CONSENT",
    "BK-STAY",
    "DECEASED",
    "TC-CONSENT-CELL",
    "TC-AI-VOICE",
    "MA-FREQ",
    "MA-FREQ-WORK",
    "WA-FREQ",
    "WA-FREQ-WORK",
    "WA-TIME",
    "NYC-FREQ",
    "RF-HARASS",
    "RF-HARASS-DAY",
];
const PLACES: [(&str, &str); 8] = [
    ("America/New_York", "US-MA"),
    ("America/New_York", "US-NY-NYC"),
    ("America/Los_Angeles", "US-WA"),
    ("America/Chicago", "US-IL"),
    ("America/Phoenix", "US-AZ"),
    ("America/Denver", "US-CO"),
    ("America/Anchorage", "US-AK"),
    ("Pacific/Honolulu", "US-HI"),
];
/// The eighth of March 2026, when clocks go forward, 1 November, when they go back, and a day of September.
const CENTRES: [i64; 3] = [1_772_971_200, 1_793_534_400, 1_788_264_000];
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A generator that is its seed.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
    /// A whole minute up to so many days before, or one day after.
    fn minute(&mut self, centre: i64, days: i64) -> Timestamp {
        let minutes = self.roll(((days + 1) * 24 * 60) as u64) as i64;
        Timestamp::from_second(centre + DAY - minutes * MINUTE).unwrap()
    }
}

fn history(dice: &mut Dice) -> (Facts, Timestamp) {
    let centre = dice.pick(&CENTRES);
    let now = dice.minute(centre, 2);
    let mut facts = living_in(&[]);
    facts.locations.clear();
    for _ in 0..1 + dice.roll(2) {
        let (zone, region) = dice.pick(&PLACES);
        let mut at = place(LocationSource::Address, &[zone]);
        at.regions.push(region.to_owned());
        facts.locations.push(at);
    }
    facts.collector =
        dice.pick(&[None, Some(CollectorRole::Agency), Some(CollectorRole::Agency), Some(CollectorRole::Creditor)]);
    facts.act = Act {
        technology: dice.pick(&[
            Technology::Manual,
            Technology::Manual,
            Technology::Autodialed,
            Technology::ArtificialVoice,
            Technology::Unknown,
        ]),
        ..Act::default()
    };
    facts.debt = Some(DebtFacts { id: DEBT, first_communication_at: None });
    let callee = facts.callee.as_mut().unwrap();
    callee.line = dice.pick(&[Line::Unknown, Line::Mobile, Line::Residential, Line::Business]);
    callee.place = dice.pick(&[Place::Unknown, Place::Personal, Place::Work, Place::Personal]);
    callee.holder =
        dice.pick(&[Holder::Consumer, Holder::Consumer, Holder::Spouse, Holder::Attorney, Holder::Executor]);
    let days = dice.pick(&[1, 8, 8, 35]);
    for _ in 0..dice.roll(14) {
        facts.ledger.push(LedgerFact {
            at: dice.minute(centre, days),
            kind: dice.pick(&[
                ContactKind::Attempt,
                ContactKind::Attempt,
                ContactKind::Attempt,
                ContactKind::Conversation,
            ]),
            counts: !dice.one_in(5),
            debt: dice.pick(&[DEBT, DEBT, DEBT, OTHER]),
            direction: dice.pick(&[Direction::Outbound, Direction::Outbound, Direction::Inbound]),
            medium: dice.pick(&[Medium::Call, Medium::Call, Medium::Text, Medium::Email]),
            place: dice.pick(&[Place::Unknown, Place::Personal, Place::Personal, Place::Work]),
            same_number: dice.one_in(2),
            ..attempt("2026-06-01T00:00:00Z")
        });
    }
    for _ in 0..dice.roll(4) {
        facts.consents.push(ConsentFact {
            at: dice.minute(centre, 10),
            scope: dice.pick(&[
                ConsentScope::Contact,
                ConsentScope::Autodialed,
                ConsentScope::ArtificialVoice,
                ConsentScope::Text,
            ]),
            granted: !dice.one_in(4),
            written: dice.one_in(2),
            expires_at: dice.one_in(4).then(|| dice.minute(centre, 3)),
            used_at: dice.one_in(8).then(|| dice.minute(centre, 3)),
        });
    }
    if dice.one_in(6) {
        facts.circumstances.push(CircumstanceFact {
            kind: dice.pick(&[
                CircumstanceKind::Cease,
                CircumstanceKind::Attorney,
                CircumstanceKind::EmployerForbids,
                CircumstanceKind::Bankruptcy,
                CircumstanceKind::Deceased,
                CircumstanceKind::Minor,
            ]),
            since: dice.minute(centre, 5),
            debt: dice.pick(&[None, Some(DEBT), Some(OTHER)]),
        });
    }
    (facts, now)
}

/// The text of the rules, once more.
struct Reader<'f> {
    facts: &'f Facts,
    zones: Vec<TimeZone>,
    places: Vec<&'f str>,
}
impl<'f> Reader<'f> {
    fn new(facts: &'f Facts) -> Self {
        let zones = facts.locations.iter().flat_map(|l| &l.zones).map(|z| TimeZone::get(z).unwrap()).collect();
        let places = facts.locations.iter().flat_map(|l| &l.regions).map(String::as_str).collect();
        Self { facts, zones, places }
    }
    fn binds(&self, rule: &str, now: Timestamp) -> bool {
        let machine = |kind| [kind, Technology::Unknown].contains(&self.facts.act.technology);
        let agency = self.facts.collector != Some(CollectorRole::Creditor);
        match rule {
            "TC-CONSENT-CELL" => machine(Technology::Autodialed),
            "TC-AI-VOICE" => machine(Technology::ArtificialVoice),
            "MA-FREQ" | "MA-FREQ-WORK" => self.places.contains(&"US-MA"),
            "WA-FREQ" | "WA-FREQ-WORK" | "WA-TIME" => self.places.contains(&"US-WA") && agency,
            "NYC-FREQ" => self.places.contains(&"US-NY-NYC") && now >= "2026-09-01T00:00:00Z".parse().unwrap(),
            "BK-STAY" | "DECEASED" | "RF-HARASS" | "RF-HARASS-DAY" => true,
            _ => agency,
        }
    }
    /// How many entries are less than so many seconds old.
    fn count(&self, now: Timestamp, seconds: i64, which: impl Fn(&LedgerFact) -> bool) -> usize {
        let young = |l: &&LedgerFact| now.as_second() - l.at.as_second() < seconds;
        self.facts.ledger.iter().filter(young).filter(|l| which(l)).count()
    }
    fn local(&self, now: Timestamp, from: i16, to: i16) -> bool {
        self.zones.iter().all(|zone| {
            let local = zone.to_datetime(now);
            let minutes = i16::from(local.hour()) * 60 + i16::from(local.minute());
            from <= minutes && minutes < to
        })
    }
    /// Days between two instants, as the calendar on the wall has them; the smallest of all places.
    fn days_since(&self, then: Timestamp, now: Timestamp) -> i64 {
        let between = |zone: &TimeZone| {
            let span: Span = zone.to_datetime(then).date().until(zone.to_datetime(now).date()).unwrap();
            i64::from(span.get_days())
        };
        self.zones.iter().map(between).min().unwrap()
    }
    fn known(&self, kind: CircumstanceKind) -> bool {
        self.facts.circumstances.iter().any(|c| c.kind == kind && c.debt != Some(OTHER))
    }
    /// Follows the ledger of one scope from its beginning.
    fn consent(&self, scope: ConsentScope, now: Timestamp) -> Option<Timestamp> {
        let mut entries: Vec<_> = self.facts.consents.iter().filter(|c| c.scope == scope).collect();
        entries.sort_by_key(|c| (c.at, !c.granted));
        let last = entries.pop()?;
        // Two entries at one instant are too rare here to be told apart by more than their revocation.
        let over = last.expires_at.is_some_and(|end| now >= end) || last.used_at.is_some();
        (last.granted && !over).then_some(last.at)
    }
    fn message_consent(&self, scope: ConsentScope, now: Timestamp) -> bool {
        let line = self.facts.callee.as_ref().unwrap().line;
        if line == Line::Residential || line == Line::Business {
            return true;
        }
        self.consent(scope, now).is_some_and(|granted| {
            let stopped = |c: &&ConsentFact| !c.granted && c.at >= granted && c.scope != ConsentScope::Contact;
            !self.facts.consents.iter().any(|c| stopped(&c))
        })
    }
    /// Whether the rule lets the call through.
    fn lets(&self, rule: &str, now: Timestamp) -> bool {
        let callee = self.facts.callee.as_ref().unwrap();
        let work = callee.place == Place::Work || callee.place == Place::Unknown;
        let home = callee.place == Place::Personal || callee.place == Place::Unknown;
        let ours = |l: &LedgerFact| l.kind == ContactKind::Attempt && l.direction == Direction::Outbound;
        // A conversation that we began has its attempt.
        let contact = |l: &LedgerFact| {
            l.counts && (ours(l) || (l.kind == ContactKind::Conversation && l.direction == Direction::Inbound))
        };
        let fresh =
            || self.consent(ConsentScope::Contact, now).is_some_and(|at| now.as_second() - at.as_second() < 7 * DAY);
        match rule {
            "RF-CEASE" => !self.known(CircumstanceKind::Cease),
            "RF-ATTY" => callee.holder == Holder::Attorney || !self.known(CircumstanceKind::Attorney),
            "RF-EMPLOYER" => !work || !self.known(CircumstanceKind::EmployerForbids),
            "BK-STAY" => !self.known(CircumstanceKind::Bankruptcy),
            "DECEASED" => {
                [Holder::Spouse, Holder::Executor].contains(&callee.holder) || !self.known(CircumstanceKind::Deceased)
            }
            "RF-TIME" => self.local(now, 8 * 60, 21 * 60),
            "WA-TIME" => self.local(now, 7 * 60 + 30, 21 * 60),
            "RF-FREQ-COUNT" => {
                let counted =
                    self.count(now, 168 * HOUR, |l| ours(l) && l.counts && l.medium == Medium::Call && l.debt == DEBT);
                fresh() || counted < 7
            }
            "RF-FREQ-CONV" => {
                let talks =
                    || self.facts.ledger.iter().filter(|l| l.kind == ContactKind::Conversation && l.debt == DEBT);
                fresh() || talks().all(|l| self.days_since(l.at, now) >= 7)
            }
            "RF-FREQ-X-CONSENT" => true,
            "TC-CONSENT-CELL" => self.message_consent(ConsentScope::Autodialed, now),
            "TC-AI-VOICE" => self.message_consent(ConsentScope::ArtificialVoice, now),
            "MA-FREQ" => {
                let counted = |l: &LedgerFact| {
                    contact(l) && l.debt == DEBT && l.medium != Medium::Email && l.place != Place::Work
                };
                !home || self.count(now, 168 * HOUR, counted) < 2
            }
            "MA-FREQ-WORK" => {
                let counted = |l: &LedgerFact| {
                    contact(l) && l.debt == DEBT && l.medium != Medium::Email && l.place != Place::Personal
                };
                !work || self.count(now, 30 * DAY, counted) < 2
            }
            "WA-FREQ" => self.count(now, 168 * HOUR, contact) < 3,
            "WA-FREQ-WORK" => !work || self.count(now, 168 * HOUR, |l| contact(l) && l.place != Place::Personal) < 1,
            "NYC-FREQ" => self.count(now, 168 * HOUR, |l| contact(l) && l.debt == DEBT) < 3,
            "RF-HARASS" => self.count(now, 120 * MINUTE, |l| ours(l) && l.same_number) == 0,
            "RF-HARASS-DAY" => self.zones.iter().all(|zone| {
                let today = zone.to_datetime(now).date();
                let todays = |l: &&LedgerFact| zone.to_datetime(l.at).date() >= today;
                let tried = self.facts.ledger.iter().filter(todays).filter(|l| ours(l) && l.counts && l.same_number);
                tried.count() < 2
            }),
            other => panic!("{other} is not read here"),
        }
    }
    /// What a rule that does not let the call through says.
    fn says(rule: &str) -> Outcome {
        match rule {
            "RF-CEASE" | "RF-ATTY" | "RF-EMPLOYER" | "BK-STAY" | "DECEASED" | "TC-CONSENT-CELL" | "TC-AI-VOICE" => {
                Outcome::Deny
            }
            _ => Outcome::Defer,
        }
    }
    fn outcome(&self, now: Timestamp) -> Outcome {
        let standing = READ.iter().filter(|rule| self.binds(rule, now) && !self.lets(rule, now));
        standing.map(|rule| Self::says(rule)).max().unwrap_or(Outcome::Permit)
    }
}

#[test]
fn a_second_reading_of_the_rules_agrees_on_random_histories() {
    let runs: u64 = std::env::var("WIB_ORACLE").map_or(20_000, |n| n.parse().unwrap());
    let mut pack = RulePack::standard();
    pack.rules.retain(|r| READ.contains(&r.id.as_str()));
    assert_eq!(pack.rules.len(), READ.len());
    let (mut outcomes, mut walked) = ([0u64; 5], 0u64);
    for seed in 0..runs {
        let mut dice = Dice(seed);
        let (facts, now) = history(&mut dice);
        let reader = Reader::new(&facts);
        let verdict = judge(&facts, &pack, now);
        let why = verdict.explanation();
        for rule in READ {
            let told = why.finding(rule).map(|f| f.outcome);
            let read = reader
                .binds(rule, now)
                .then(|| if reader.lets(rule, now) { Outcome::Permit } else { Reader::says(rule) });
            assert_eq!(told, read, "{rule} of seed {seed} at {now}: {facts:?}");
        }
        assert_eq!(why.outcome, reader.outcome(now), "seed {seed} at {now}: {facts:?}");
        outcomes[why.outcome as usize] += 1;
        // The instant that is told is the first: none of the minutes before is lawful.
        if let Some(later) = why.not_before {
            assert_ne!(reader.outcome(later), Outcome::Defer, "seed {seed} at {later}");
            let (from, to) = (now.as_second() / MINUTE, later.as_second() / MINUTE);
            // Each of the minutes for one history in 500; eight of them, and the last, for the others.
            let stride = if seed.is_multiple_of(500) { 1 } else { (to - from) / 8 + 1 };
            for minute in (from..to).step_by(usize::try_from(stride).unwrap()).chain([to - 1]) {
                walked += 1;
                let then = Timestamp::from_second(minute * MINUTE).unwrap();
                assert_ne!(reader.outcome(then), Outcome::Permit, "seed {seed}: {then} is before {later}");
            }
        }
    }
    println!("{runs} histories, outcomes {outcomes:?}, {walked} minutes walked");
    assert!(outcomes[Outcome::Permit as usize] > runs / 50 && outcomes[Outcome::Defer as usize] > runs / 10);
    assert!(outcomes[Outcome::Deny as usize] > runs / 50);
}

#[test]
fn the_acts_that_are_read_are_calls() {
    let pack = RulePack::standard();
    for rule in pack.rules.iter().filter(|r| READ.contains(&r.id.as_str())) {
        assert!(rule.acts.contains(&ActKind::Dial), "{}", rule.id);
    }
}
