//! What came of a call, as people say it: its outcome in revisions, notes, a disposition, confirmations, and summaries that
//! a model wrote and a person is to look at. None of it is evidence: that is what was heard.
//!
//! | an outcome | by | then |
//! |---|---|---|
//! | is not declared | - | declared, once |
//! | is of revision 1 | [`declare_outcome`](crate::Org::declare_outcome) | revised |
//! | is of revision n + 1 | [`revise_outcome`](crate::Org::revise_outcome) | revised |
//!
//! Every revision is kept as it was.

mod card;
mod declare;
mod notes;
mod share;
mod summary;

pub use card::{CallCard, Disposition, Metadata, SetDisposition};
pub(crate) use card::{card_of, check_metadata, put as put_card};
pub use declare::{
    CallOutcome, DeclareOutcome, Outcome, OutcomeConfidence, OutcomeContent, OutcomeRevision, OutcomeStatus,
    ReviseOutcome, SummarySource,
};
pub use notes::{AddConfirmation, CallConfirmation, CallNote};
pub use share::ShareCall;
pub use summary::{AiSummary, ReviewStatus, SummariseCall, SummaryContent};

use crate::{
    calls::{Call, CallId},
    kit::{Error, Kind, Result},
    privacy,
    store::{OrgTx, Repo},
};

/// The call, where it is the organisation's; the code of its absence is the contract's.
pub(crate) async fn call_of(tx: &mut dyn OrgTx, id: CallId) -> Result<Call> {
    let call: Option<Call> = Repo::find(tx, id).await?;
    call.ok_or_else(|| Error::not_found("call").code("CALL_NOT_FOUND"))
}

/// The call, held with its person for who writes about it: of a person who was erased nothing more is written down.
pub(crate) async fn held_call(tx: &mut dyn OrgTx, id: CallId) -> Result<Call> {
    call_of(tx, id).await?;
    let call = tx.lock_call(id).await?.ok_or_else(|| Error::not_found("call").code("CALL_NOT_FOUND"))?;
    if let Some(person) = call.person_id {
        tx.lock_person(person).await?;
        if privacy::erased(tx, person).await? {
            return Err(Error::conflict("the person's data was erased: nothing more is noted").code("PERSON_ERASED"));
        }
    }
    Ok(call)
}

/// The same absence where the contract has no code of its own for it.
pub(crate) fn plain(error: Error) -> Error {
    if error.kind() == Kind::NotFound { error.code("NOT_FOUND") } else { error }
}
