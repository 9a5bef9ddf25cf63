//! Calls: what was asked, what the vendor said happened, and the state that follows from it.
//!
//! | status | from these facts |
//! |---|---|
//! | `pending` | nothing yet |
//! | `initiated`, `ringing` | the vendor has it; it rings |
//! | `in_progress`, `bridged` | answered; joined with another leg |
//! | `transferring` | being handed to somebody else |
//! | `transferred` | handed to somebody else and hung up |
//! | `completed` | answered and hung up |
//! | `missed` | hung up unanswered after ringing out |
//! | `canceled` | we gave up before an answer |
//! | `failed` | busy, out of service, refused, carrier or vendor fault, or never placed |

//!
//! Recording ([`RecordingState`]); nothing is ever recorded before the notice was spoken to its end, and a call whose
//! person refuses stays usable:
//!
//! | state | from these facts |
//! |---|---|
//! | `not_recording` | nothing agreed, nothing ordered |
//! | `announcement_playing` | the notice began |
//! | `consented` | the notice was heard to its end and the person stayed (`implied`), or also said yes (`express`) |
//! | `recording` | judged lawful, ordered, and the vendor took the order |
//! | `masked` | the vendor paused it for a mask |
//! | `stopped` | the vendor ended it, or the call is over |
//! | `refused` | the person refused; once the vendor ended what ran. Never recorded again on this call |
//!
//! Notice and continued participation are the consent that recording rests on; a refusal ends it from then on. What was
//! recorded between the two was recorded lawfully and is kept, marked as refused in the manifest.
//!
//! Legs: a call is about the leg of its person, and has further ones ([`LegFacts`]): to the member who talks, to whom it is
//! handed, to supervisors. What follows from them is read off their facts as well, so that every order of events leads to
//! the same end:
//!
//! | flow | the first leg | then |
//! |---|---|---|
//! | `direct` | the person | - |
//! | `bridge` | the member, without a detector of machines | once they answer, the person, through the gate; both are joined when the person has heard what has to be said first |
//! | `inbound` | the person calls us | is answered, told, recorded where that is lawful, and joined with a member; a person whom nobody takes hears so |
//!
//! Payment ([`PaymentState`]): `idle`, `masking` until the vendor confirmed the pause, `capturing` while card data may be
//! given, `idle` again; `unmaskable` when neither pause nor stop can be had. A mask that nobody ends is ended by the end
//! of the call: nothing takes it off by itself.

mod browser;
mod carry;
mod facts;
mod hold;
mod inbound;
mod judged;
mod legs;
pub(crate) mod machine;
mod model;
mod party;
mod payment;
mod read;
mod recording;
mod seal;
mod softphone;
mod speech;
mod start;
mod supervise;
pub(crate) mod tag;
mod told;
mod transfer;
pub use browser::{BrowserCredential, BrowserCredentials};
pub(crate) use carry::{apply_voice, dial, dial_given_up, hang_up, load, main_leg, mark_started, note, watch};
pub use facts::{CallFacts, Fact, HangupFact};
pub(crate) use inbound::{answer, end_unattended, route, route_given_up};
pub use legs::{LegFacts, LegId};
pub(crate) use legs::{dial_leg, end_leg, join_given_up, join_leg, leg_given_up};
pub use model::{Call, CallEvent, CallId, CallLeg, CallStatus, FlowType, LegRole};
pub use party::{Conversation, Party, VerifiedBy, VerifyParty};
pub use payment::{Mask, MaskCause, Payment, PaymentState};
pub use read::{CallExport, ListCalls, Segment};
pub use recording::{RecordingConsent, RecordingState};
pub(crate) use recording::{
    pause_given_up, pause_recording, resume_recording, start_recording, stop_given_up, stop_recording,
};
pub(crate) use seal::{seal, seal_again};
pub use softphone::SoftphoneCheck;
pub use speech::{LimitedContent, Spoken, Words};
pub(crate) use speech::{earlier_words, speak, tells_of_collecting};
pub use start::{PATIENCE, StartCall};
pub(crate) use supervise::switch_role;
pub use supervise::{Supervise, SuperviseMode, Supervision};
pub use tag::Step;
pub use transfer::{Handover, HandoverState, OnFailure, TransferCall, TransferKind};
pub(crate) use transfer::{bring_back, consult, hand, handover_given_up, hold, return_given_up, transfer};
