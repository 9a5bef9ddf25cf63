//! What language models cost. Data, with a version: a cost once written down stays explainable.

/// The version of the prices below.
pub const PRICE_BOOK: &str = "2026-02";

/// What one model costs, in millionths of a US dollar for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Who sells it.
    pub vendor: &'static str,
    /// Its name at the vendor.
    pub model: &'static str,
    /// Tokens read.
    pub input: i64,
    /// Tokens written.
    pub output: i64,
}

/// Every price we know (platform rules, section 5, "USD per 1M tokens").
pub const PRICES: [Price; 4] = [
    Price { vendor: "groq", model: "meta-llama/llama-4-scout-17b-16e-instruct", input: 110_000, output: 340_000 },
    Price { vendor: "groq", model: "llama-3.3-70b-versatile", input: 590_000, output: 790_000 },
    Price { vendor: "groq", model: "llama-3.1-8b-instant", input: 50_000, output: 80_000 },
    Price { vendor: "openai", model: "gpt-4o-mini", input: 150_000, output: 600_000 },
];

impl Price {
    /// The price of a model, or `None` when the book has none.
    #[must_use]
    pub fn of(vendor: &str, model: &str) -> Option<Self> {
        PRICES.into_iter().find(|price| (price.vendor, price.model) == (vendor, model))
    }
    /// The cost in millionths of a US dollar; a part of one counts as a whole. `None` for negative counts, or when it
    /// does not fit.
    #[must_use]
    pub fn cost_micros_rounded_up(self, input_tokens: i64, output_tokens: i64) -> Option<i64> {
        if input_tokens < 0 || output_tokens < 0 {
            return None;
        }
        let read = i128::from(self.input) * i128::from(input_tokens);
        let written = i128::from(self.output) * i128::from(output_tokens);
        i64::try_from((read + written + 999_999) / 1_000_000).ok()
    }
}
