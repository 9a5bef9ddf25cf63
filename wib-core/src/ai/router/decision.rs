use serde::Serialize;

use crate::{
    kit::time::Timestamp,
    ports::{Fault, VendorError, llm::Task},
    text_enum,
};

/// Why somebody was asked, and what came of it: the one record of a routed prompt. Holds no word of prompt or answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What the prompt is for.
    pub task: Task,
    /// Its complexity, 0 to 10.
    pub complexity: u8,
    /// Who may be asked, in order, and who may not.
    pub chain: Vec<Place>,
    /// Who was asked, in order.
    pub attempts: Vec<Attempt>,
    /// Who answered; of a text that several wrote, the last.
    pub vendor: Option<&'static str>,
    /// When it was begun.
    pub at: Timestamp,
    /// How long it took altogether, in milliseconds.
    pub latency_ms: i64,
}

impl Decision {
    /// Most that those who may be asked can cost together, in millionths of a US dollar; `None` when a price is unknown.
    #[must_use]
    pub fn quote_micros(&self) -> Option<i64> {
        let able = self.chain.iter().filter(|place| place.skipped.is_none());
        able.map(|place| place.quote_micros).try_fold(0i64, |sum, quote| sum.checked_add(quote?))
    }
    /// What those who were asked cost together: what they say, else what they may have cost; `None` when that is unknown.
    #[must_use]
    pub fn cost_micros(&self) -> Option<i64> {
        self.attempts.iter().map(|attempt| attempt.cost_micros).try_fold(0i64, |sum, cost| sum.checked_add(cost?))
    }
}

/// Somebody in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Who.
    pub vendor: &'static str,
    /// Most that an answer can cost, in millionths of a US dollar.
    pub quote_micros: Option<i64>,
    /// Why it is not asked, when it is not.
    pub skipped: Option<Skip>,
}

text_enum! {
    /// Why somebody in a chain is not asked.
    pub enum Skip {
        /// The task is complex, and it is not fit for that.
        TooSimple = "too_simple",
        /// It failed again and again, or said when to come back: it is left alone.
        Resting = "resting",
        /// Its price is not known, and there is a budget.
        NoPrice = "no_price",
        /// What is left of the budget is less than it can cost, with those before it.
        OverBudget = "over_budget",
        /// The caller wants nobody but the first.
        NotWanted = "not_wanted",
    }
}

/// One time that somebody was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Who.
    pub vendor: &'static str,
    /// Which model answered, when one did.
    pub model: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub ms: i64,
    /// Tokens read, as far as it said.
    pub input_tokens: i64,
    /// Tokens written, as far as it said.
    pub output_tokens: i64,
    /// What it cost or, when that was not said, the most that it may have; in millionths of a US dollar.
    pub cost_micros: Option<i64>,
}

text_enum! {
    /// What came of asking.
    pub enum Outcome {
        /// An answer.
        Answered = "answered",
        /// A part of an answer; somebody else went on.
        BrokeOff = "broke_off",
        /// Too many requests are with it already.
        Busy = "busy",
        /// It has too many requests.
        RateLimited = "rate_limited",
        /// No answer in time.
        TimedOut = "timed_out",
        /// It cannot be reached, or says that it is down.
        Down = "down",
        /// An answer that cannot be used: empty, or not the JSON that it had to be.
        Nonsense = "nonsense",
        /// It takes no money of ours.
        Payment = "payment",
        /// It does not take the key.
        Credentials = "credentials",
        /// The request is wrong: nobody else is asked the same.
        Refused = "refused",
    }
}

impl Outcome {
    pub(super) fn of(error: &VendorError) -> Self {
        match error.fault {
            Fault::RateLimited => Self::RateLimited,
            Fault::Timeout => Self::TimedOut,
            Fault::Down => Self::Down,
            Fault::Nonsense => Self::Nonsense,
            Fault::Payment => Self::Payment,
            Fault::Credentials => Self::Credentials,
            Fault::Request | Fault::Missing | Fault::Declined | Fault::Conflict => Self::Refused,
        }
    }
    /// Whether the next one is asked.
    pub(super) const fn carries_on(self) -> bool {
        !matches!(self, Self::Answered | Self::Refused)
    }
    /// Whether it speaks against the vendor.
    pub(super) const fn counts(self) -> bool {
        !matches!(self, Self::Answered | Self::Refused | Self::Busy)
    }
}
