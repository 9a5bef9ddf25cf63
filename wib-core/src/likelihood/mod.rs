//! How likely an account is to be paid: a score of 0 to 100, computed from what happened, in whole numbers.
//!
//! | factor | weight | value |
//! |---|---|---|
//! | payment history | 30 | payments: three 90, two 75, one 60, none 20; less 15 when the last is older than 90 days, less 5 when older than 30 |
//! | contact engagement | 20 | calls of 30 days: 70 % answered and more than 60 s talked on average 85; 50 % 65; 20 % 40; else 15 |
//! | sentiment trend | 15 | of the last three calls: the friendly ones among the friendly and the angry ones; 50 with neither |
//! | promise keeping | 20 | promises kept of those that were due; 40 with none |
//! | balance progress | 15 | paid of what was owed: 75 % 90, 50 % 70, 25 % 50, something 35, nothing 15 |

mod score;

pub(crate) use score::score;

use serde::{Deserialize, Serialize};

use crate::{
    collections::AccountId,
    json_column,
    kit::{Id, time::Timestamp},
    store::Record,
    text_enum,
};

/// The score below which an account is looked at, unless the organisation says otherwise.
pub const THRESHOLD: i64 = 35;
/// Calls, payments and promises are read as of now; calls this many days back.
pub const CALL_DAYS: i64 = 30;

/// What is known of an account, as far as the score asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What is owed, in minor units.
    pub owed_minor: i64,
    /// What was paid, in minor units.
    pub paid_minor: i64,
    /// How many payments.
    pub payments: i64,
    /// When the last was.
    pub last_paid_at: Option<Timestamp>,
    /// Calls to the person in the last 30 days.
    pub calls: i64,
    /// Those that were answered.
    pub answered: i64,
    /// How long was talked in them all, in seconds.
    pub talk_seconds: i64,
    /// Friendly ones among the last three calls that were analysed.
    pub positive: i64,
    /// Angry ones.
    pub negative: i64,
    /// Promises that were kept.
    pub kept: i64,
    /// Promises that were kept or were due and not.
    pub promises: i64,
}

/// One part of a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Factor {
    /// Its value in hundredths: 0 to 10000.
    pub value_bp: i64,
    /// Its weight in hundredths of the whole.
    pub weight: i64,
}
impl Factor {
    /// What it adds to the score, in hundredths.
    #[must_use]
    pub const fn contribution_bp(&self) -> i64 {
        self.value_bp * self.weight / 100
    }
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Factors {
    /// Whether, and how lately, the person paid.
    pub payment_history: Factor,
    /// Whether the person answers and talks.
    pub contact_engagement: Factor,
    /// How the person sounded.
    pub sentiment_trend: Factor,
    /// Whether the person keeps promises.
    pub promise_keeping: Factor,
    /// How much of the debt is paid.
    pub balance_progress: Factor,
}
json_column!(Factors);

text_enum! {
    /// What a score says.
    pub enum Likelihood {
        /// Below 25.
        VeryLow = "very_low",
        /// From 25 on.
        Low = "low",
        /// From 50 on.
        Moderate = "moderate",
        /// From 75 on.
        High = "high",
    }
}
impl Likelihood {
    /// What that score says.
    #[must_use]
    pub const fn of(score: i64) -> Self {
        match score {
            75.. => Self::High,
            50.. => Self::Moderate,
            25.. => Self::Low,
            _ => Self::VeryLow,
        }
    }
}

/// The score of an account, as of when it was computed; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikelihoodScore {
    /// Its id.
    pub id: Id<LikelihoodScore>,
    /// Of which account.
    pub account_id: AccountId,
    /// 0 to 100.
    pub score: i64,
    /// What it is made of.
    pub factors: Factors,
    /// When it was computed.
    pub scored_at: Timestamp,
}
impl LikelihoodScore {
    /// What it says.
    #[must_use]
    pub const fn likelihood(&self) -> Likelihood {
        Likelihood::of(self.score)
    }
}
impl Record for LikelihoodScore {
    const NAME: &'static str = "likelihood score";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// What an organisation wants of its collecting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionSettings {
    /// Its id.
    pub id: Id<CollectionSettings>,
    /// Accounts with a lower score are looked at, 1 to 99.
    pub prevention_threshold: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for CollectionSettings {
    const NAME: &'static str = "collection settings";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
