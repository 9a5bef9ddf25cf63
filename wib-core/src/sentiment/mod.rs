//! How a person feels while they speak, and what they object to. Assistive, never evidence.
//!
//! Every third line of the person's is judged, when the call wishes it and the organisation has it on. What a model says
//! is checked against the line: an objection without words that were said is none. Words that an organisation looks out
//! for are found without a model, so that they are found when all models are down; then there is no score.
//!
//! The first time that a call is to be escalated, somebody is told, and not again.

mod alert;
mod config;
mod score;

pub(crate) use alert::tell;
pub use config::PutSentimentConfig;
pub(crate) use score::{ask, score};
use serde::{Deserialize, Serialize};

use crate::{
    analysis::Span,
    calls::{Call, CallId},
    json_column,
    kit::{Id, List, OrNotFound, Result, Role, Stretch, time::Timestamp},
    live::LineId,
    store::{Record, Repo},
    text_enum,
    wib::Org,
};

/// What a whole is in millionths.
pub const WHOLE: i64 = 1_000_000;
/// Words that are looked out for until an organisation names its own.
pub const KEYWORDS: &[&str] =
    &["cancel", "lawsuit", "attorney", "complaint", "supervisor", "manager", "refuse", "dispute", "unfair", "illegal"];
/// Scores that are read at once.
const PAGE: i64 = 50;

text_enum! {
    /// How somebody is told that a call is to be escalated.
    pub enum AlertChannel {
        /// Whoever watches the call sees it.
        Dashboard = "dashboard",
        /// The organisation's address is told.
        Webhook = "webhook",
        /// The organisation's owners are mailed.
        Email = "email",
    }
}

/// Words, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keywords(pub Vec<String>);
/// Ways to tell, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertChannels(pub Vec<AlertChannel>);
/// Objections, in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Objections(pub Vec<Objection>);
json_column!(Keywords, AlertChannels, Objections);

/// What an organisation wants to be looked out for; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentimentConfig {
    /// Its id.
    pub id: Id<SentimentConfig>,
    /// Whether lines are judged at all.
    pub enabled: bool,
    /// A score below it, with an objection, is to be escalated; in millionths, -1,000,000 to 1,000,000.
    pub alert_threshold: i64,
    /// Words whose beginning makes an objection.
    pub objection_keywords: Keywords,
    /// How somebody is told.
    pub alert_channels: AlertChannels,
    /// Which address is told.
    pub webhook_url: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for SentimentConfig {
    const NAME: &'static str = "sentiment config";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// Who found an objection.
    pub enum FoundBy {
        /// A model.
        Model = "model",
        /// A word of the organisation's.
        Keyword = "keyword",
    }
}

/// Words by which a person objects to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Objection {
    /// The words, as they were said.
    pub phrase: String,
    /// Who found them.
    pub by: FoundBy,
    /// Where they stand in the line's text.
    pub span: Span,
}

/// How a person felt when they said a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SentimentScore {
    /// Its id.
    pub id: Id<SentimentScore>,
    /// In which call.
    pub call_id: CallId,
    /// Of which line; one each.
    pub line_id: LineId,
    /// The line's place.
    pub line_index: i64,
    /// Millionths, from -1,000,000 (furious) to 1,000,000 (glad); none when no model answered.
    pub score: Option<i64>,
    /// What they object to.
    pub objections: Objections,
    /// Whether a supervisor should be told.
    pub escalate: bool,
    /// Which vendor judged, when one did.
    pub vendor: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// False when a sandbox judged.
    pub live: bool,
    /// When.
    pub created_at: Timestamp,
}
impl Record for SentimentScore {
    const NAME: &'static str = "sentiment";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Objections {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Objections".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<Objection>::json_schema(generator)
    }
}

/// How a person felt over a call so far; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentimentSummary {
    /// Its id.
    pub id: Id<SentimentSummary>,
    /// Of which call.
    pub call_id: CallId,
    /// Lines that were judged, with or without a score.
    pub segments: i64,
    /// Lines with a score.
    pub scored: i64,
    /// Their scores together.
    pub sum: i64,
    /// The lowest.
    pub min: Option<i64>,
    /// The highest.
    pub max: Option<i64>,
    /// Objections together.
    pub objections: i64,
    /// When it was first to be escalated.
    pub escalated_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for SentimentSummary {
    const NAME: &'static str = "sentiment summary";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl SentimentSummary {
    /// The mean score, rounded towards zero; none without scores.
    #[must_use]
    pub fn mean(&self) -> Option<i64> {
        self.sum.checked_div(self.scored)
    }
    /// Takes another line in.
    fn add(&mut self, score: &SentimentScore) {
        self.segments += 1;
        self.objections += i64::try_from(score.objections.0.len()).unwrap_or(i64::MAX);
        self.updated_at = score.created_at;
        if let Some(value) = score.score {
            self.scored += 1;
            self.sum += value;
            self.min = Some(self.min.map_or(value, |min| min.min(value)));
            self.max = Some(self.max.map_or(value, |max| max.max(value)));
        }
    }
}

/// Millionths of a decimal number as JSON and people write it (`-0.5`), digits behind the sixth left out; none when it is
/// no number or too large.
#[must_use]
pub fn millionths(text: &str) -> Option<i64> {
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if whole.is_empty() || !all.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    // The point stands so many places behind the beginning, six more for the millionths.
    let places = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 6;
    let Ok(places) = usize::try_from(places) else { return Some(0) };
    let kept: String = all.chars().chain(std::iter::repeat('0')).take(places.min(40)).collect();
    let value: i64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    Some(if negative { -value } else { value })
}

impl Org {
    /// How the person felt in a call: lines with a place above `after` (-1: from the first), at most 50.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn sentiment(&self, id: CallId, after: i64) -> Result<Vec<SentimentScore>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.scores_after(id, after, PAGE).await
    }
    /// How the person felt over a call so far; none when nothing was judged.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn sentiment_summary(&self, id: CallId) -> Result<Option<SentimentSummary>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.sentiment_of_call(id).await
    }
    /// Calls that were judged, the last first, each with its call: at most 100, 20 by default.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn sentiment_history(
        &self,
        limit: Option<i64>,
        offset: Option<i64>,
    ) -> Result<List<(SentimentSummary, Call)>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let list = tx.list_sentiments(Stretch::new(limit, offset, 20, 100)).await?;
        let mut items = Vec::with_capacity(list.items.len());
        for summary in list.items {
            let call: Call = tx.find(summary.call_id).await?.or_not_found("call")?;
            items.push((summary, call));
        }
        Ok(List { items, total: list.total, limit: list.limit, offset: list.offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_becomes_millionths_without_a_float() {
        for (text, value) in [
            ("-0.5", Some(-500_000)),
            ("0", Some(0)),
            ("1", Some(1_000_000)),
            ("1.0", Some(1_000_000)),
            ("-0.123456789", Some(-123_456)),
            ("-1e-1", Some(-100_000)),
            ("1e-9", Some(0)),
            ("2.5e1", Some(25_000_000)),
            ("1e30", None),
            ("", None),
            ("-", None),
            ("NaN", None),
            ("0x1", None),
        ] {
            assert_eq!(millionths(text), value, "{text}");
        }
    }
}
