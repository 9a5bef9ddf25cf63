//! What a call costs: every row of its usage, and their sum. What is not known stays unknown.

use serde::{Deserialize, Serialize};

use crate::{
    calls::{Call, CallId},
    kit::{OrNotFound, Result, Role, time::Timestamp},
    store::Repo,
    text_enum,
    usage::{Usage, UsageKind},
    wib::Org,
};

text_enum! {
    /// Where a cost comes from.
    pub enum CostSource {
        /// The vendor said it.
        Vendor = "vendor",
        /// A price book, of the version that stands beside.
        PriceBook = "price_book",
        /// Nobody knows it.
        Unknown = "unknown",
    }
}

text_enum! {
    /// What a quantity counts.
    pub enum CostUnit {
        /// Thousandths of a second.
        Millisecond = "ms",
        /// Tokens.
        Token = "token",
        /// Characters.
        Character = "character",
    }
}

/// One thing that a call cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostLine {
    /// What was used.
    pub kind: UsageKind,
    /// Which leg, transcript or answer: what makes it one of its kind.
    pub source: String,
    /// Whose.
    pub vendor: String,
    /// How much.
    pub quantity: i64,
    /// Of what.
    pub unit: CostUnit,
    /// Millionths of a US dollar; none when it is not known.
    pub cost_micros: Option<i64>,
    /// Who says so.
    pub cost_source: CostSource,
    /// The version of the price book that it was priced by, when one was.
    pub price_book: Option<String>,
    /// False when a sandbox was used: what it would have cost.
    pub live: bool,
    /// When.
    pub at: Timestamp,
}
impl From<Usage> for CostLine {
    fn from(usage: Usage) -> Self {
        let cost_source = match (usage.cost_micros, &usage.price_book) {
            (None, _) => CostSource::Unknown,
            (Some(_), Some(_)) => CostSource::PriceBook,
            (Some(_), None) => CostSource::Vendor,
        };
        Self {
            unit: match usage.kind {
                UsageKind::VoiceMs | UsageKind::RecordingMs | UsageKind::TranscriptMs => CostUnit::Millisecond,
                UsageKind::InputTokens | UsageKind::OutputTokens => CostUnit::Token,
                UsageKind::SpeechCharacters => CostUnit::Character,
            },
            price_book: usage.price_book.filter(|_| cost_source == CostSource::PriceBook),
            kind: usage.kind,
            source: usage.source,
            vendor: usage.vendor,
            quantity: usage.quantity,
            cost_micros: usage.cost_micros,
            cost_source,
            live: usage.live,
            at: usage.at,
        }
    }
}

/// What a call cost so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallCost {
    /// Which call.
    pub call_id: CallId,
    /// Everything that was used, by source and kind.
    pub lines: Vec<CostLine>,
    /// Millionths of a US dollar altogether; none when a part of it is not known.
    pub total_micros: Option<i64>,
    /// What is known of it.
    pub known_micros: i64,
}
impl CallCost {
    fn of(call_id: CallId, rows: Vec<Usage>) -> Self {
        let lines: Vec<CostLine> = rows.into_iter().map(CostLine::from).collect();
        let known = lines.iter().filter_map(|line| line.cost_micros).fold(0i64, i64::saturating_add);
        let whole = lines.iter().all(|line| line.cost_micros.is_some());
        Self { call_id, lines, total_micros: whole.then_some(known), known_micros: known }
    }
}

impl Org {
    /// What a call cost so far. More comes as long as it is worked on: the voice vendor tells its part at the end.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn call_cost(&self, id: CallId) -> Result<CallCost> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        Ok(CallCost::of(id, tx.usage_of_call(id).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Id;

    fn row(kind: UsageKind, cost_micros: Option<i64>, price_book: Option<&str>) -> Usage {
        Usage {
            id: Id::from(uuid::Uuid::nil()),
            call_id: Id::from(uuid::Uuid::nil()),
            source: "voice".to_owned(),
            kind,
            quantity: 5,
            vendor: "telnyx".to_owned(),
            cost_micros,
            price_book: price_book.map(str::to_owned),
            live: false,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_part_that_is_not_known_leaves_the_whole_unknown() {
        let id = Id::from(uuid::Uuid::nil());
        let known = [row(UsageKind::VoiceMs, Some(400), None), row(UsageKind::OutputTokens, Some(3), Some("7"))];
        let cost = CallCost::of(id, known.to_vec());
        assert_eq!((cost.total_micros, cost.known_micros), (Some(403), 403));
        let sources: Vec<_> = cost.lines.iter().map(|line| line.cost_source).collect();
        assert_eq!(sources, [CostSource::Vendor, CostSource::PriceBook]);
        let more: Vec<_> = known.into_iter().chain([row(UsageKind::TranscriptMs, None, Some("7"))]).collect();
        let cost = CallCost::of(id, more);
        assert_eq!((cost.total_micros, cost.known_micros), (None, 403));
        assert_eq!((cost.lines[2].cost_source, &cost.lines[2].price_book), (CostSource::Unknown, &None));
        assert_eq!(CallCost::of(id, vec![]).total_micros, Some(0));
    }
}
