//! What is to be done with a call's words while they are spoken.

use serde::{Deserialize, Serialize};

use super::{Speaker, open};
use crate::{
    calls::CallId,
    json_column,
    kit::{Error, OrNotFound, Result, Role},
    translation::Language,
    wib::Org,
};

/// What is to be done with a call's words while they are spoken, besides writing them down.
///
/// A call is heard only while it is recorded: after the notice, behind no mask, and no longer than the person agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// What the person speaks; found out when it is not said.
    pub customer: Option<Language>,
    /// What the member speaks; English when it is not said.
    pub agent: Option<Language>,
    /// Whether each side's words are translated into the other's language.
    pub translate: bool,
    /// Whether translations are also spoken to the other side.
    pub speak: bool,
    /// Whether the person's mood and objections are looked out for.
    pub sentiment: bool,
    /// Whether the member is advised.
    pub assist: bool,
}
json_column!(Listen);

impl Listen {
    /// The language of a side, when it was said.
    #[must_use]
    pub fn language(&self, speaker: Speaker) -> Option<Language> {
        match speaker {
            Speaker::Customer => self.customer,
            Speaker::Agent => Some(self.agent.unwrap_or(Language::En)),
        }
    }
}

impl Org {
    /// Has a call heard that is up, or heard otherwise, or no longer. It is heard only while it is recorded.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is over, or is not recorded at all; `Forbidden` below agent.
    pub async fn listen(&self, id: CallId, wish: Option<Listen>) -> Result<()> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        if call.status.terminal() {
            return Err(Error::conflict("the call is over"));
        }
        if !call.record && wish.is_some() {
            return Err(Error::conflict("the call is not recorded, so it is not heard"));
        }
        let before = call.clone();
        call.listen = wish;
        call.updated_at = self.wib.now();
        tx.update(&call).await?;
        if wish.is_some() {
            open::ask(&mut *tx, id, &format!("asked:{}", self.wib.now().as_microsecond()), self.wib.now()).await?;
        }
        tx.tell(super::LiveKind::Call, id, id.uuid());
        self.audit("call:listen_changed", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }
}
