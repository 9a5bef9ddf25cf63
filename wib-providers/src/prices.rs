//! What models can do and what they cost. Data, with a version: a cost once written down stays explainable.
//!
//! The data is `prices.json`. What it does not say is not known: a cost is then `None`, never a guess.

use std::sync::LazyLock;

use jiff::{civil::Date, tz::TimeZone};
use serde::Deserialize;
use wib_core::{
    kit::Timestamp,
    usage::{ListPrice, PriceBook},
};

static BOOK: LazyLock<Book> =
    LazyLock::new(|| serde_json::from_str(include_str!("prices.json")).expect("a test reads the book"));

/// Models and prices of one day.
#[derive(Debug, Deserialize)]
pub struct Book {
    /// Its version, as costs name it.
    pub version: String,
    /// What vendors charge for anything but models, as far as it is known.
    pub usage: Vec<ListPrice>,
    /// Every model we know something of.
    pub models: Vec<Model>,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Who sells it.
    pub vendor: String,
    /// Its name at the vendor.
    pub id: String,
    /// Most tokens of question and answer together.
    pub context: Option<u32>,
    /// Most tokens of an answer.
    pub max_output: Option<u32>,
    /// What it can do.
    pub can: Vec<Ability>,
    /// What it costs, from when; oldest first.
    pub prices: Vec<Price>,
}

/// Something that a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Answers piece by piece.
    Streaming,
    /// Calls tools.
    Tools,
    /// Answers in JSON that should fit a schema.
    JsonSchema,
    /// Is held to the schema.
    JsonSchemaStrict,
    /// Makes vectors.
    Embeddings,
    /// Speaks.
    Speech,
}

/// What a model costs from some day on, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The first day, in UTC.
    pub from: Date,
    /// A million tokens read.
    pub input: Option<i64>,
    /// A million tokens read that the vendor had read before; `None`: as any.
    pub cached_input: Option<i64>,
    /// A million tokens written.
    pub output: Option<i64>,
    /// A million characters said.
    pub characters: Option<i64>,
    /// A minute said.
    pub minute: Option<i64>,
}

/// What vendors charge for anything but models: what rows of usage are priced by whose vendor tells no cost.
#[must_use]
pub fn list() -> &'static PriceBook {
    static LIST: LazyLock<PriceBook> =
        LazyLock::new(|| PriceBook { version: BOOK.version.clone(), prices: BOOK.usage.clone() });
    &LIST
}

/// The book.
#[must_use]
pub fn book() -> &'static Book {
    &BOOK
}

/// What is known of a model.
#[must_use]
pub fn model(vendor: &str, id: &str) -> Option<&'static Model> {
    BOOK.models.iter().find(|model| (model.vendor.as_str(), model.id.as_str()) == (vendor, id))
}

impl Price {
    /// The price of a model at an instant, or `None` when the book has none.
    #[must_use]
    pub fn of(vendor: &str, id: &str, at: Timestamp) -> Option<Self> {
        let day = at.to_zoned(TimeZone::UTC).date();
        model(vendor, id)?.prices.iter().rev().find(|price| price.from <= day).copied()
    }
    /// The cost of tokens in millionths of a US dollar; a part of one counts as a whole. Cached tokens are among those
    /// read. `None` for counts that cannot be, without a price for what was used, or when it does not fit.
    #[must_use]
    pub fn tokens_rounded_up(self, read: i64, cached: i64, written: i64) -> Option<i64> {
        if cached < 0 || read < cached || written < 0 {
            return None;
        }
        let part = |price: Option<i64>, count: i64| match count {
            0 => Some(0),
            _ => Some(i128::from(price?) * i128::from(count)),
        };
        let fresh = part(self.input, read - cached)?;
        let known = part(self.cached_input.or(self.input), cached)?;
        millionth_rounded_up(fresh.checked_add(known)?.checked_add(part(self.output, written)?)?)
    }
    /// The cost of a text said, by its characters, else by its minutes; rounded as tokens are.
    #[must_use]
    pub fn speech_rounded_up(self, characters: i64, ms: i64) -> Option<i64> {
        if characters < 0 || ms < 0 {
            return None;
        }
        match (self.characters, self.minute) {
            (Some(price), _) => millionth_rounded_up(i128::from(price) * i128::from(characters)),
            (None, Some(price)) => i64::try_from((i128::from(price) * i128::from(ms) + 59_999) / 60_000).ok(),
            (None, None) => None,
        }
    }
}

fn millionth_rounded_up(sum: i128) -> Option<i64> {
    i64::try_from((sum + 999_999) / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOON: &str = "2026-02-13T12:00:00Z";

    fn price() -> Price {
        let none = None;
        Price {
            from: Date::constant(2026, 1, 1),
            input: none,
            cached_input: none,
            output: none,
            characters: none,
            minute: none,
        }
    }

    #[test]
    fn the_book_is_read_and_holds_together() {
        let book = book();
        let names: BTreeSet<_> = book.models.iter().map(|model| (&model.vendor, &model.id)).collect();
        assert_eq!(names.len(), book.models.len());
        for model in &book.models {
            assert!(!model.can.is_empty() && model.prices.is_sorted_by(|a, b| a.from < b.from), "{model:?}");
            assert!(model.max_output.is_none_or(|most| Some(most) <= model.context), "{model:?}");
            for price in &model.prices {
                let chat = price.input.is_some() && price.output > price.input;
                let speech = price.characters.is_some() || price.minute.is_some();
                assert!(
                    chat != speech && price.cached_input.is_none_or(|cached| Some(cached) <= price.input),
                    "{model:?}"
                );
            }
        }
    }

    #[test]
    fn todays_prices_are_those_of_the_platforms_rules() {
        let at = NOON.parse().unwrap();
        for (vendor, id, input, output) in [
            ("groq", "meta-llama/llama-4-scout-17b-16e-instruct", 110_000, 340_000),
            ("groq", "llama-3.3-70b-versatile", 590_000, 790_000),
            ("groq", "llama-3.1-8b-instant", 50_000, 80_000),
            ("openai", "gpt-4o-mini", 150_000, 600_000),
        ] {
            let price = Price::of(vendor, id, at).unwrap();
            assert_eq!((price.input, price.output), (Some(input), Some(output)), "{id}");
        }
        assert_eq!(Price::of("xai", "grok-voice", at).unwrap().speech_rounded_up(10, 90_000), Some(75_000));
        assert_eq!((Price::of("xai", "grok-2-latest", at), Price::of("groq", "no such", at)), (None, None));
        assert_eq!(Price::of("openai", "gpt-4o-mini", "2020-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_part_of_a_millionth_counts_as_a_whole() {
        let price = Price { input: Some(110_000), output: Some(340_000), ..price() };
        for (read, cached, written, cost) in [
            (0, 0, 0, Some(0)),
            (1, 0, 0, Some(1)),
            (100, 0, 0, Some(11)),
            (100, 100, 0, Some(11)),
            (100, 0, 1, Some(12)),
            (1_000_000, 0, 1_000_000, Some(450_000)),
            (-1, 0, 0, None),
            (1, 2, 0, None),
            (1, 0, -1, None),
        ] {
            assert_eq!(price.tokens_rounded_up(read, cached, written), cost);
        }
        let cheaper = Price { cached_input: Some(10_000), ..price };
        assert_eq!(cheaper.tokens_rounded_up(200, 100, 0), Some(12));
        assert_eq!(Price { input: Some(i64::MAX), ..price }.tokens_rounded_up(i64::MAX, 0, 0), None);
        assert_eq!(Price { output: None, ..price }.tokens_rounded_up(1, 0, 1), None);
    }

    #[test]
    fn what_is_said_is_paid_by_the_character_or_by_the_minute() {
        let by_character = Price { characters: Some(15_000_000), ..price() };
        assert_eq!(by_character.speech_rounded_up(3, 60_000), Some(45));
        let by_minute = Price { minute: Some(50_000), ..price() };
        assert_eq!(
            (by_minute.speech_rounded_up(3, 60_000), by_minute.speech_rounded_up(3, 1)),
            (Some(50_000), Some(1))
        );
        assert_eq!((price().speech_rounded_up(3, 1), by_minute.speech_rounded_up(-1, 1)), (None, None));
    }
}
