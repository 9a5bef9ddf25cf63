//! What vendors charge: data with a version and days from which it holds.

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Usage, UsageKind};
use crate::{calls::CallId, kit::time::Timestamp, ports::llm::Completion, wib::Wib};

/// What vendors charge who do not tell it themselves. What it does not say is not known.
///
/// Rows keep the version of the book that they were priced by; another book changes no row that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    /// Its version, as rows name it.
    pub version: String,
    /// Its prices, in any order.
    pub prices: Vec<ListPrice>,
}

/// What one thing costs at a vendor from some day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPrice {
    /// Who sells it.
    pub vendor: String,
    /// What it is.
    pub kind: UsageKind,
    /// The first day, in UTC.
    pub from: Date,
    /// Millionths of a US dollar for so many units of the kind.
    pub micros: i64,
    /// So many: 60,000 for a minute, 1,000,000 for a million tokens.
    pub per: i64,
}

impl PriceBook {
    /// What so much costs at an instant, a part of a millionth counted as a whole; none when the book has no price of that
    /// day, or it does not fit.
    #[must_use]
    pub fn cost_rounded_up(&self, vendor: &str, kind: UsageKind, quantity: i64, at: Timestamp) -> Option<i64> {
        let day = at.to_zoned(TimeZone::UTC).date();
        let known = self.prices.iter().filter(|p| p.vendor == vendor && p.kind == kind && p.from <= day);
        let price = known.max_by_key(|price| price.from)?;
        if quantity < 0 || price.micros < 0 || price.per <= 0 {
            return None;
        }
        let (sum, per) = (i128::from(price.micros) * i128::from(quantity), i128::from(price.per));
        i64::try_from((sum + per - 1) / per).ok()
    }
    /// Estimates what a vendor did not tell, and notes the version of the book.
    pub(crate) fn estimate(&self, usage: Usage) -> Usage {
        if usage.cost_micros.is_some() {
            return usage;
        }
        match self.cost_rounded_up(&usage.vendor, usage.kind, usage.quantity, usage.at) {
            Some(cost) => Usage { cost_micros: Some(cost), price_book: Some(self.version.clone()), ..usage },
            None => usage,
        }
    }
}

/// What a model's answer used.
pub(crate) fn of_completion(wib: &Wib, call_id: CallId, source: &str, completion: &Completion) -> [Usage; 2] {
    let row = |kind, quantity, cost_micros| Usage {
        id: wib.id(),
        call_id,
        source: source.to_owned(),
        kind,
        quantity,
        vendor: completion.vendor.clone(),
        cost_micros,
        price_book: completion.price_book.clone(),
        live: completion.live,
        at: wib.now(),
    };
    // The vendor prices the answer as a whole: it stands on the tokens written, so that the sum is right.
    [
        row(UsageKind::InputTokens, completion.input_tokens, completion.cost_micros.map(|_| 0)),
        row(UsageKind::OutputTokens, completion.output_tokens, completion.cost_micros),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_price_of_the_day_holds_and_none_is_made_up() {
        let price = |from: &str, micros| ListPrice {
            vendor: "telnyx".to_owned(),
            kind: UsageKind::VoiceMs,
            from: from.parse().unwrap(),
            micros,
            per: 60_000,
        };
        let prices = vec![price("2026-06-01", 9000), price("2026-01-01", 6000)];
        let book = PriceBook { version: "7".to_owned(), prices };
        let cost = |quantity, day| book.cost_rounded_up("telnyx", UsageKind::VoiceMs, quantity, at(day));
        assert_eq!(cost(60_000, "2026-05-31T23:59:59Z"), Some(6000));
        assert_eq!(cost(60_000, "2026-06-01T00:00:00Z"), Some(9000));
        assert_eq!(cost(1, "2026-06-01T00:00:00Z"), Some(1), "a part counts as a whole");
        assert_eq!(cost(0, "2026-06-01T00:00:00Z"), Some(0));
        assert_eq!((cost(-1, "2026-06-01T00:00:00Z"), cost(1, "2025-12-31T00:00:00Z")), (None, None));
        let noon = at("2026-06-01T12:00:00Z");
        assert_eq!(book.cost_rounded_up("telnyx", UsageKind::RecordingMs, 1, noon), None);
        assert_eq!(book.cost_rounded_up("twilio", UsageKind::VoiceMs, 1, noon), None);
    }
}
