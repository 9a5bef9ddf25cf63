//! What an organisation used this month.

use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{Wib, kit::Timestamp, limits::Limit, usage::MonthOfUse};

use crate::{
    input::Nothing,
    table::{Routes, person},
};

/// What was used in a month.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UsedRow {
    calls: i64,
    /// Begun ones.
    minutes: i64,
    recordings: i64,
    transcriptions: i64,
    /// What is kept now.
    storage_bytes: i64,
}
/// What the plan lets be used in a month; -1 is without limit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UseLimits {
    calls_per_month: i64,
    minutes_per_month: i64,
    transcriptions_per_month: i64,
}
/// From when until before when.
#[derive(Serialize, JsonSchema)]
struct UsePeriod {
    #[schemars(with = "String")]
    start: Timestamp,
    #[schemars(with = "String")]
    end: Timestamp,
}
/// What was used this month, and what may be.
#[derive(Serialize, JsonSchema)]
struct UsageOfMonth {
    usage: UsedRow,
    limits: UseLimits,
    period: UsePeriod,
}
impl From<MonthOfUse> for UsageOfMonth {
    fn from(month: MonthOfUse) -> Self {
        let MonthOfUse { used, amounts, from, until } = month;
        let limit = |most: Option<i64>| most.unwrap_or(-1);
        Self {
            usage: UsedRow {
                calls: used.calls,
                minutes: used.seconds.div_euclid(60) + i64::from(used.seconds % 60 > 0),
                recordings: used.recordings,
                transcriptions: used.transcripts,
                storage_bytes: used.storage_bytes,
            },
            limits: UseLimits {
                calls_per_month: limit(amounts.calls),
                minutes_per_month: limit(amounts.minutes),
                transcriptions_per_month: limit(amounts.transcripts),
            },
            period: UsePeriod { start: from, end: until },
        }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("usage", "/api/usage")
        .get("/", person().limit(Limit::Analytics), |person, _: Nothing| async move {
            person.month_of_use().await.map(UsageOfMonth::from)
        })
        .about("Tells what was used this calendar month, and what the plan lets be used.")
        .flat()
        .get("/stats", person().limit(Limit::Analytics), |person, _: Nothing| async move {
            person.month_of_use().await.map(UsageOfMonth::from)
        })
        .about("Tells what was used this calendar month, and what the plan lets be used.")
        .flat()
}
