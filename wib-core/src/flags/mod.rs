//! What is switched on: for everybody, and for one organisation.
//!
//! | there is | a feature is |
//! |---|---|
//! | the organisation's own flag | as that says |
//! | the global flag alone | as that says |
//! | neither | off, but for [`ON`] |
//! | no answer | off |
//!
//! An organisation's flag may say how often the feature is used in a day and in a month. Either window begins with the flag
//! or with the first use after the one before, and both end apart. Nothing is remembered between questions, so that what
//! is switched is switched at once.

mod global;
mod own;
mod using;

pub use global::{CreateGlobalFlag, UpdateGlobalFlag};
pub use own::{CreateOrgFlag, UpdateOrgFlag};
use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    kit::{
        Id, Result, text,
        time::{self, Timestamp},
    },
    store::Record,
};

/// What is on where nobody says anything.
pub const ON: [&str; 4] = ["grok_chat_enabled", "openai_chat_enabled", "grok_tts_enabled", "elevenlabs_tts_enabled"];

/// The most flags there are, globally and for an organisation.
const MOST: i64 = 500;
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Whether a feature is on for whoever says nothing of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GlobalFlag {
    /// Its id.
    pub id: Id<GlobalFlag>,
    /// Of what; unique.
    pub feature: String,
    /// Whether it is on.
    pub enabled: bool,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub created_at: Timestamp,
}

/// Whether a feature is on for an organisation, and how often it may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgFlag {
    /// Its id.
    pub id: Id<OrgFlag>,
    /// Of what; unique for the organisation.
    pub feature: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Why it is off.
    pub disabled_reason: Option<String>,
    /// Since when it is off.
    pub disabled_at: Option<Timestamp>,
    /// Who switched it off, when it was a person.
    pub disabled_by: Option<UserId>,
    /// How often it may be used in a day; without one, as often as one likes.
    pub daily_limit: Option<i64>,
    /// The same for a month.
    pub monthly_limit: Option<i64>,
    /// How often it was used in this day.
    pub daily_usage: i64,
    /// How often it was used in this month.
    pub monthly_usage: i64,
    /// When this day ends.
    pub day_ends_at: Timestamp,
    /// When this month ends.
    pub month_ends_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; uses are no change.
    pub updated_at: Timestamp,
}
impl Record for OrgFlag {
    const NAME: &'static str = "feature flag";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

impl OrgFlag {
    /// As it stands at an instant: windows that are over are begun anew, each by itself.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.day_ends_at <= now {
            (self.daily_usage, self.day_ends_at) = (0, time::after(now, DAY));
        }
        if self.month_ends_at <= now {
            (self.monthly_usage, self.month_ends_at) = (0, in_a_month(now));
        }
        self
    }
    /// Whether it may be used once more in its windows.
    #[must_use]
    pub fn usable(&self) -> bool {
        let under = |used: i64, limit: Option<i64>| limit.is_none_or(|limit| used < limit);
        self.enabled && under(self.daily_usage, self.daily_limit) && under(self.monthly_usage, self.monthly_limit)
    }
}

/// The same day of the next month, or its last one, in UTC.
fn in_a_month(now: Timestamp) -> Timestamp {
    let later = now.to_zoned(jiff::tz::TimeZone::UTC).checked_add(jiff::Span::new().months(1));
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

/// The name of a feature, fit to be kept.
fn named(feature: &str) -> Result<String> {
    text::required("feature", feature, 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::OsRandom;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn a_flag() -> OrgFlag {
        let now = at("2026-01-31T12:00:00Z");
        OrgFlag {
            id: Id::new(now, &OsRandom),
            feature: "f".to_owned(),
            enabled: true,
            disabled_reason: None,
            disabled_at: None,
            disabled_by: None,
            daily_limit: Some(2),
            monthly_limit: Some(3),
            daily_usage: 2,
            monthly_usage: 2,
            day_ends_at: time::after(now, DAY),
            month_ends_at: in_a_month(now),
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn a_day_and_a_month_end_apart() {
        let flag = a_flag();
        assert_eq!(flag.month_ends_at, at("2026-02-28T12:00:00Z"), "the last day of a short month");
        assert!(!flag.usable(), "the day is used up");
        let before = flag.clone().at(at("2026-02-01T11:59:59Z"));
        assert_eq!(before, flag, "nothing is over");
        let next = flag.clone().at(at("2026-02-01T12:00:00Z"));
        assert_eq!((next.daily_usage, next.monthly_usage, next.usable()), (0, 2, true), "the day alone is over");
        assert_eq!((next.day_ends_at, next.month_ends_at), (at("2026-02-02T12:00:00Z"), flag.month_ends_at));
        let used_up = OrgFlag { monthly_usage: 3, ..next };
        assert!(!used_up.usable(), "the month is used up");
        let later = used_up.clone().at(at("2026-03-05T00:00:00Z"));
        assert_eq!((later.monthly_usage, later.month_ends_at), (0, at("2026-04-05T00:00:00Z")));
        assert!(later.usable() && !OrgFlag { enabled: false, ..later }.usable());
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_through_and_none_lets_everything() {
        let fresh = OrgFlag { daily_usage: 0, monthly_usage: 0, ..a_flag() };
        assert!(!OrgFlag { daily_limit: Some(0), ..fresh.clone() }.usable());
        let used = OrgFlag { daily_usage: i64::MAX, monthly_usage: i64::MAX, ..fresh };
        assert!(OrgFlag { daily_limit: None, monthly_limit: None, ..used }.usable());
    }
}
