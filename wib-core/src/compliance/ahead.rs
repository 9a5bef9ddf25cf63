//! Which accounts may be called when, a day ahead.

use jiff::{SignedDuration, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    Act, Facts, RuleId, Technology, forecast,
    gather::{Planned, Records},
};
use crate::{
    collections::{Account, AccountId},
    kit::{Error, OrNotFound, Result, Role, time::Timestamp},
    store::{People, Repo},
    wib::Org,
};

/// The most accounts of a page.
const MOST: u32 = 200;
/// How far apart a day is looked at.
const STEP: SignedDuration = SignedDuration::from_mins(15);

/// Asks for a page of the forecast over open accounts, by person and account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListForecast {
    /// The day, in each person's own zone; tomorrow by default.
    pub day: Option<Date>,
    /// Behind which account the page begins: the last one of the page before.
    pub after: Option<AccountId>,
    /// At most 200 accounts; 50 by default.
    pub limit: Option<u32>,
}

/// A span in which calls would be lawful on today's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Callable {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// What a day holds for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ahead {
    /// The account.
    pub account_id: AccountId,
    /// When it may be called.
    pub callable: Vec<Callable>,
    /// The rule that stands in the way, when it may not be called that day.
    pub blocked_by: Option<RuleId>,
    /// The next lawful instant then, when one is known.
    pub not_before: Option<Timestamp>,
}

impl Org {
    /// What a day holds for a page of open accounts, on the facts of now; the person's first number is meant. Fewer than asked for means that the list is over.
    ///
    /// # Errors
    /// `NotFound` for the account of `after`; `Forbidden` below viewer.
    pub async fn forecast(&self, command: ListForecast) -> Result<Vec<Ahead>> {
        let now = self.wib.now();
        let day = command.day;
        let page = self.forecast_facts(&command).await?;
        page.into_iter().map(|(id, facts)| self.ahead(id, &facts, day, now)).collect()
    }

    /// The facts behind a page of the forecast, read in a number of questions that does not depend on its length.
    ///
    /// # Errors
    /// As [`forecast`](Self::forecast).
    pub async fn forecast_facts(&self, command: &ListForecast) -> Result<Vec<(AccountId, Facts)>> {
        self.at_least(Role::Viewer)?;
        let limit = i64::from(command.limit.unwrap_or(50).clamp(1, MOST));
        let mut tx = self.tx().await?;
        let after = match command.after {
            Some(id) => {
                let last: Account = Repo::find(&mut *tx, id).await?.or_not_found("account")?;
                (last.person_id, last.id)
            }
            None => (uuid::Uuid::nil().into(), uuid::Uuid::nil().into()),
        };
        let open = tx.open_accounts(after, limit).await?;
        let (Some(first), Some(last)) = (open.first(), open.last()) else { return Ok(vec![]) };
        let people = People { from: first.person_id, to: last.person_id };
        let persons = tx.persons(people, super::gather::MOST).await?;
        let records = Records::read(&mut *tx, &self.wib, Some(people), None).await?;
        let from = self.wib.voice.default_number();
        let act = Act { technology: Technology::Manual, ..Act::default() };
        let mut page = Vec::with_capacity(open.len());
        for account in &open {
            let person = persons.iter().find(|p| p.id == account.person_id).or_not_found("person")?;
            let number = records.phones.iter().find(|p| p.person_id == person.id).map(|p| &p.phone);
            let planned = Planned { act, number, from: from.as_ref(), ..Planned::default() };
            let mut facts = records.facts(&self.wib, &planned, Some((person, account)));
            if number.is_none() {
                facts.unavailable.push("number".to_owned());
            }
            page.push((account.id, facts));
        }
        Ok(page)
    }

    fn ahead(&self, account_id: AccountId, facts: &Facts, day: Option<Date>, now: Timestamp) -> Result<Ahead> {
        let zone = facts.zones().into_iter().find_map(|id| TimeZone::get(id).ok()).unwrap_or(TimeZone::UTC);
        let beyond = |_| Error::field("day", "is beyond the calendar");
        let day = match day {
            Some(day) => day,
            None => now.to_zoned(zone.clone()).date().tomorrow().map_err(beyond)?,
        };
        let start = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(beyond);
        let (begin, end) = (start(day)?, start(day.tomorrow().map_err(beyond)?)?);
        let forecast = forecast(facts, &self.wib.rules(), begin, end, STEP);
        let callable: Vec<_> = forecast.lawful().map(|s| Callable { from: s.from, until: s.to }).collect();
        let worst = forecast.spans.iter().max_by_key(|s| s.outcome).filter(|_| callable.is_empty());
        Ok(Ahead {
            account_id,
            blocked_by: worst.and_then(|s| s.blocked_by.clone()),
            not_before: worst.and_then(|s| s.not_before),
            callable,
        })
    }
}
