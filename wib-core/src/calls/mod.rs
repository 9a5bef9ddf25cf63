//! Calls: what was asked, what the vendor said happened, and the state that follows from it.
//!
//! | status | from these facts |
//! |---|---|
//! | `pending` | nothing yet |
//! | `initiated`, `ringing` | the vendor has it; it rings |
//! | `in_progress`, `bridged` | answered; joined with another leg |
//! | `completed` | answered and hung up |
//! | `missed` | hung up unanswered after ringing out |
//! | `canceled` | we gave up before an answer |
//! | `failed` | busy, out of service, refused, carrier or vendor fault, or never placed |

mod carry;
mod facts;
mod model;
mod read;
mod seal;
mod start;
pub(crate) mod tag;
pub(crate) use carry::{apply_voice, dial, dial_given_up, hang_up, mark_started, speak_notice, start_recording, watch};
pub use facts::{CallFacts, Fact, HangupFact};
pub use model::{Call, CallEvent, CallId, CallLeg, CallStatus, FlowType, LegRole};
pub use read::{CallExport, ListCalls, Segment};
pub(crate) use seal::{seal, seal_again};
pub use start::StartCall;
