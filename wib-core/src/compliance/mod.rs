//! May this call be placed now? Facts, a pack of rules and an instant go in; a verdict that explains itself comes out.
//!
//! [`judge`] is pure: no clock, no store, no network. Every rule in force runs, the passing ones too, and the strictest
//! outcome stands. What is absent never permits. The [`Explanation`] holds the facts, the pack's version and the
//! instant, so anybody with the pack can judge again and compare the bytes.
//!
//! | outcome | meaning | carries |
//! |---|---|---|
//! | `permit` | every rule passed | the facts used |
//! | `require` | only after something was done | what has to be done |
//! | `defer` | not now, but at a known instant | `not_before` |
//! | `review` | a person decides: facts are missing or conflict | the question |
//! | `deny` | not on these facts | the fact that would have to change |
//!
//! An engineering reading of the law, not legal advice: [`Confidence`] says how far each rule was checked.

mod act;
mod ahead;
pub mod calendar;
mod check;
pub mod checker;
mod checks;
mod explain;
mod facts;
mod forecast;
pub(crate) mod gate;
pub(crate) mod gather;
mod guide;
mod judge;
mod keep;
mod pack;
mod record;
mod rules;
mod verdict;
pub mod zones;

pub use act::{Act, ActKind, CollectorRole, DutyKind, Flag, Purpose, Technology};
pub use ahead::{Ahead, Callable, ListForecast};
pub use check::CheckContact;
pub use explain::VerdictFile;
pub use facts::{
    Callee, CampaignFacts, CircumstanceFact, CircumstanceKind, ConsentFact, ConsentScope, Day, DebtFacts, DisputeFact,
    Facts, Holder, LedgerFact, LicenceFact, Line, ListFact, ListKind, Location, LocationSource, Masked, Medium,
    NoticeFact, NoticeKind, PersonFacts, Place, PreferenceFact, RecordClass, RetentionFacts, Wish,
};
pub use forecast::{Forecast, Span, forecast};
pub use guide::{Guide, GuideItem, GuideMode, GuidePhase, GuideRule};
pub use judge::judge;
pub use pack::{Definition, RulePack};
pub use record::{KeptPack, StoredVerdict};
pub use rules::{Answer, Check, KeepFrom, Per, Rule, RuleId, Window};
pub use verdict::{Confidence, Counterfactual, Explanation, Finding, Outcome, Verdict};
