//! A machine that talks with the person on a call: it hears the lines that are heard live, a model says what to answer, and
//! the voice vendor speaks it.
//!
//! | state | because | then |
//! |---|---|---|
//! | `idle` | no machine takes part, or a member took the call | greeting |
//! | `ai_greeting` | a member had it take part; it greets when the person was told that a machine speaks and that the call is recorded | listening |
//! | `ai_speaking` | there is something to say | listening, when it was said or the person talked into it |
//! | `ai_listening` | it is the person's turn | thinking, speaking (whether they are there) |
//! | `ai_thinking` | the person said something; more words throw the answer away, twice at most | speaking |
//! | `handoff` | a person is wanted, or the machine cannot go on | completed, idle |
//! | `completed` | the call is over, or somebody else has it | - |
//!
//! Every state but the last may end in `handoff`, in `idle` (a member takes the call) and in `completed`. What comes too late
//! is refused ([`Stale`]): an answer to an earlier question, the end of an earlier speech.
//!
//! A machine says what a model made only after a look at it: it never negotiates, and names the debt to nobody to whom it may
//! not be named. Legal texts are fixed, and not its own: [`calls`](crate::calls) speaks them.

mod check;
mod control;
mod hear;
mod model;
mod speak;
mod state;
mod think;
mod watch;
mod words;

pub use check::Refused;
use check::{Allowed, check};
pub use control::{ActivateAi, AiMode, AiStatus, DeactivateAi, PutAiAgentConfig};
pub(crate) use hear::{ask_to_hear, hear, overheard};
pub use model::{AiAgentConfig, AiModel, AiSession, AiTurn, AiTurnKind};
pub(crate) use speak::{absorb, hush, speak};
pub use state::{AiEvent, AiState, Stale};
pub(crate) use think::think;
pub(crate) use watch::{follow, watch};
pub(crate) use words::interrupts;
