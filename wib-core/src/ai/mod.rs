//! What a model may see: private data taken out, text kept as data.
//!
//! [`guard()`] is the one way from a transcript to a prompt. It redacts ([`redact()`]), neutralises injection
//! ([`sanitise()`]) and fences, and keeps one map of offsets, so that a quote the model gives leads back to the original.
//!
//! [`Router`] chooses among several models by what a task asks, [`SpeechChain`] puts several speakers in a row, so that the
//! next one answers when one is down.

mod config;
mod detect;
mod digits;
mod fold;
pub(crate) use fold::seen;
mod offsets;
mod order;
pub(crate) mod payment;
mod prompt;
mod redact;
mod router;
mod sanitise;
mod speech_chain;
mod spending;
mod summary;

pub use config::{AiConfig, PutAiConfig};
pub use order::{AnalysisType, Analyze, AskChat, ChatMessage, ChatModel, Chatted, Speaks, Summarize};
pub use prompt::{Guarded, Report, guard};
pub use redact::{Category, Redacted, Span, redact};
pub use router::{Answer, Attempt, Decision, Opened, Outcome, Patience, Place, Routed, Router, RouterPolicy, Skip};
pub use sanitise::{Family, Sanitised, sanitise};
pub use speech_chain::SpeechChain;
pub(crate) use spending::ask;
pub use spending::{AiBudget, AiMonth, AiRun, AiRunStatus, AiSpending, ListAiRuns, PutAiBudget};
pub use summary::{OrderedText, SummaryKind, SummaryStatus};
