//! A pack as a file brings it, and whether it is one.

use std::collections::BTreeSet;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::Deserialize;

use super::{Fault, read::*};

/// More rules than any pack has; a file with more is not worth the work.
const RULES: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pack {
    pub(super) version: String,
    #[serde(default)]
    definitions: Vec<Definition>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    id: String,
    says: String,
    citation: String,
    #[serde(rename = "confidence")]
    _confidence: Confidence,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    title: String,
    pub(super) citation: String,
    pub(super) jurisdiction: String,
    pub(super) confidence: Confidence,
    effective_from: Option<Date>,
    effective_to: Option<Date>,
    #[serde(rename = "source_checked_on")]
    _source_checked_on: Date,
    acts: Vec<Kind>,
    #[serde(default)]
    roles: Vec<Role>,
    #[serde(default)]
    purposes: Vec<Purpose>,
    #[serde(default)]
    technologies: Vec<Technology>,
    pub(super) check: Check,
    #[serde(default)]
    pub(super) exempts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Window {
    Hours(u32),
    Days(u32),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) flag: Flag,
    pub(super) is: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Check {
    Complete,
    NotListed {
        lists: Vec<List>,
        unless: Vec<Scope>,
    },
    FreshList {
        list: List,
        days: u32,
    },
    NoCircumstance {
        of: Vec<Circumstance>,
        spare: Vec<Holder>,
        places: Vec<Place>,
    },
    Holders {
        of: Vec<Holder>,
    },
    MediumWanted,
    TimeWanted,
    PlaceWanted,
    Hours {
        opens: Time,
        closes: Time,
        not_sundays: bool,
        not_holidays: bool,
    },
    Count {
        kinds: Vec<Contact>,
        media: Vec<Medium>,
        technologies: Vec<Technology>,
        places: Vec<Place>,
        per: Per,
        window: Window,
        cap: u16,
    },
    Quiet {
        days: u8,
    },
    Spacing {
        minutes: u32,
        per: Per,
    },
    Consent {
        scopes: Vec<Scope>,
        written: bool,
        lines: Vec<Line>,
        revoke_all: bool,
    },
    FreshConsent {
        days: u32,
    },
    Notice {
        notice: Notice,
        days: u32,
    },
    DisputeAnswered,
    Abandoned {
        per_mille: u32,
    },
    Licensed {
        regions: Vec<String>,
    },
    Duty {
        duty: Duty,
        when: Vec<Answer>,
        first: Option<bool>,
    },
    Answers {
        when: Vec<Answer>,
        wanted: Vec<Answer>,
        unmet: Says,
        needed: String,
    },
    Kept {
        class: Class,
        years: u16,
        from: KeepFrom,
    },
    NotHeld,
}

impl Rule {
    /// Whether it has a say in these facts at that instant.
    pub(super) fn binds(&self, facts: &Facts, now: Timestamp) -> bool {
        let day = TimeZone::UTC.to_datetime(now).date();
        if self.effective_from.is_some_and(|from| day < from) || self.effective_to.is_some_and(|to| day > to) {
            return false;
        }
        let act = &facts.act;
        let elsewhere = self.jurisdiction != "US"
            && !facts.locations.iter().any(|place| place.regions.contains(&self.jurisdiction))
            && !(act.kind == Kind("record") && facts.ours.contains(&self.jurisdiction));
        let other_role = match facts.collector {
            Some(role) => !self.roles.is_empty() && !self.roles.contains(&role),
            None => false,
        };
        let other_purpose = !self.purposes.is_empty() && !self.purposes.contains(&act.purpose);
        let other_technology = act.technology != Technology("unknown")
            && !self.technologies.is_empty()
            && !self.technologies.contains(&act.technology);
        self.acts.contains(&act.kind) && !elsewhere && !other_role && !other_purpose && !other_technology
    }
}

impl Pack {
    /// What is wrong with it of itself.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        let mut say = |part: String, reason: &str| faults.push(Fault::new(part, reason));
        if self.version.trim().is_empty() {
            say("pack.version".to_owned(), "is empty");
        }
        if self.rules.len() > RULES {
            say("pack.rules".to_owned(), "are more than can be checked");
        }
        let mut seen = BTreeSet::new();
        for definition in &self.definitions {
            let part = format!("pack.definition {}", definition.id);
            if [&definition.id, &definition.says, &definition.citation].iter().any(|t| t.trim().is_empty()) {
                say(part.clone(), "leaves a text empty");
            }
            if !seen.insert(&definition.id) {
                say(part, "has a name that stands twice");
            }
        }
        for rule in &self.rules {
            let part = format!("pack.rule {}", rule.id);
            if [&rule.id, &rule.title, &rule.citation, &rule.jurisdiction].iter().any(|t| t.trim().is_empty()) {
                say(part.clone(), "leaves a text empty");
            }
            if !seen.insert(&rule.id) {
                say(part.clone(), "has a name that stands twice");
            }
            if rule.acts.is_empty() {
                say(part.clone(), "binds no act");
            }
            if matches!((rule.effective_from, rule.effective_to), (Some(from), Some(to)) if to < from) {
                say(part.clone(), "ends before it begins");
            }
            for exempt in &rule.exempts {
                let reason = match self.rules.iter().find(|r| r.id == *exempt) {
                    None => "exempts from a rule that is not in the pack",
                    Some(other) if !other.exempts.is_empty() => "exempts from an exemption",
                    Some(other) if other.jurisdiction != rule.jurisdiction => {
                        "exempts from a rule of another jurisdiction"
                    }
                    // An unknown role or technology is bound by all: it would gain by an exemption meant for one.
                    Some(other) if other.roles != rule.roles || other.technologies != rule.technologies => {
                        "exempts other roles or technologies"
                    }
                    Some(_) => continue,
                };
                say(part.clone(), reason);
            }
            if rule.check.is_hollow() {
                say(part, "has parameters with which it says nothing");
            }
        }
        faults
    }
}

impl Check {
    /// Whether a parameter leaves it without a say.
    fn is_hollow(&self) -> bool {
        match self {
            Self::NotListed { lists, .. } => lists.is_empty(),
            Self::NoCircumstance { of, .. } => of.is_empty(),
            Self::Holders { of } => of.is_empty(),
            Self::Consent { scopes, .. } => scopes.is_empty(),
            Self::Hours { opens, closes, .. } => opens >= closes,
            Self::Count { cap: 0, .. }
            | Self::Count { window: Window::Hours(0) | Window::Days(0), .. }
            | Self::FreshList { days: 0, .. }
            | Self::FreshConsent { days: 0 }
            | Self::Notice { days: 0, .. }
            | Self::Quiet { days: 0 }
            | Self::Spacing { minutes: 0, .. }
            | Self::Kept { years: 0, .. } => true,
            Self::Abandoned { per_mille } => *per_mille > 1000,
            Self::Answers { wanted, unmet, needed, .. } => {
                wanted.is_empty() || needed.trim().is_empty() || matches!(unmet, Says::Permit | Says::Defer)
            }
            _ => false,
        }
    }
}
