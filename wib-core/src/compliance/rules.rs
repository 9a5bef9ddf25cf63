//! Rules as data: what each is read from, when it is in force, what it checks.

use std::{borrow::Cow, fmt, num::NonZeroU8};

use jiff::civil::{Date, Time, date, time};
use serde::{Deserialize, Serialize};

use super::Confidence;

/// The name of a rule, stable over packs (`RF-TIME`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(Cow<'static, str>);
impl RuleId {
    /// A rule of that name.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule looks at, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// Every fact is at hand.
    Complete,
    /// Neither the person nor the list says not to call.
    DoNotCall,
    /// No stop was put to communication about the debt.
    Cease,
    /// The local time is within the hours at every place the person may be.
    Hours {
        /// The first lawful local time.
        opens: Time,
        /// The first local time that is too late.
        closes: Time,
    },
    /// The counted calls within a rolling window stay under a cap.
    Attempts {
        /// Length of the window in hours.
        window_hours: u32,
        /// How many calls it may hold, the next one included.
        cap: NonZeroU8,
    },
    /// The last conversation is long enough ago, in calendar days of the person's zone.
    Quiet {
        /// How many days are quiet, the conversation's own included.
        days: u8,
    },
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// The text it is read from.
    pub citation: String,
    /// How far that reading was checked.
    pub confidence: Confidence,
    /// The first day it is in force (UTC); `None` is always.
    pub effective_from: Option<Date>,
    /// The last day it is in force (UTC); `None` is for good.
    pub effective_to: Option<Date>,
    /// Whom and what it binds.
    pub applies_to: String,
    /// When its source was last compared.
    pub source_checked_on: Date,
    /// What it looks at.
    pub check: Check,
}
impl Rule {
    /// Whether it is in force on that day.
    #[must_use]
    pub fn effective(&self, on: Date) -> bool {
        self.effective_from.is_none_or(|from| from <= on) && self.effective_to.is_none_or(|to| on <= to)
    }
}

/// Rules that are applied together, in the order in which they are reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePack {
    /// Its version, kept with every verdict. Rules that differ make another version.
    pub version: String,
    /// The rules.
    pub rules: Vec<Rule>,
}
impl RulePack {
    /// The rules in force on that day.
    pub fn effective(&self, on: Date) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |r| r.effective(on))
    }
    /// The federal rules on placing a collection call, and our own that keep them: version `federal-2026-11`.
    ///
    /// | rule | says | source |
    /// |---|---|---|
    /// | `WIB-FACTS` | what could not be read denies, who or what is unknown is reviewed | ours |
    /// | `WIB-DNC` | no call to a person or a number that asked for none | 12 CFR 1006.14(h), 47 CFR 64.1200(d) |
    /// | `RF-CEASE` | no call about a debt after a cease request | 12 CFR 1006.6(c) |
    /// | `RF-TIME` | 08:00:00 to 20:59:59 wherever the person may be | 12 CFR 1006.6(b)(1)(i) and comment |
    /// | `RF-FREQ-COUNT` | at most seven counted calls in 168 hours | 12 CFR 1006.14(b)(2)(i)(A) |
    /// | `RF-FREQ-CONV` | none in the seven days that begin with a conversation | 12 CFR 1006.14(b)(2)(i)(B) |
    ///
    /// The two limits of frequency raise presumptions that can be rebutted; here they are limits.
    ///
    /// # Panics
    /// Never: the cap is not zero.
    #[must_use]
    pub fn federal() -> Self {
        use Confidence::{Known, Primary, Summary};
        let seven = NonZeroU8::new(7).expect("seven is not zero");
        let rule = |id, citation: &str, confidence, from, applies_to: &str, check| Rule {
            id: RuleId::new(id),
            citation: citation.to_owned(),
            confidence,
            effective_from: from,
            effective_to: None,
            applies_to: applies_to.to_owned(),
            source_checked_on: date(2026, 9, 30),
            check,
        };
        // Regulation F took effect on this day (85 FR 76734, 86 FR 5766).
        let reg_f = Some(date(2021, 11, 30));
        let placed = "calls that a debt collector places to a person about a debt";
        let own = "policy of this platform: what is absent never permits";
        let dnc = "12 CFR 1006.14(h)(1); 47 CFR 64.1200(d)(3), (d)(6)";
        Self {
            version: "federal-2026-11".to_owned(),
            rules: vec![
                rule("WIB-FACTS", own, Primary, None, "every call", Check::Complete),
                rule("WIB-DNC", dnc, Known, None, "every call, at once and for good", Check::DoNotCall),
                rule("RF-CEASE", "12 CFR 1006.6(c)(1)-(2); 15 U.S.C. 1692c(c)", Summary, reg_f, placed, Check::Cease),
                rule(
                    "RF-TIME",
                    "12 CFR 1006.6(b)(1)(i) and comment 6(b)(1)(i); 15 U.S.C. 1692c(a)(1)",
                    Known,
                    reg_f,
                    placed,
                    Check::Hours { opens: time(8, 0, 0, 0), closes: time(21, 0, 0, 0) },
                ),
                rule(
                    "RF-FREQ-COUNT",
                    "12 CFR 1006.14(b)(2)(i)(A), (b)(2)(ii)",
                    Primary,
                    reg_f,
                    placed,
                    Check::Attempts { window_hours: 168, cap: seven },
                ),
                rule(
                    "RF-FREQ-CONV",
                    "12 CFR 1006.14(b)(2)(i)(B), (b)(2)(ii)",
                    Primary,
                    reg_f,
                    placed,
                    Check::Quiet { days: 7 },
                ),
            ],
        }
    }
}
