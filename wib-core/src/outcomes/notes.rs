//! Notes of members, and what a person confirmed aloud.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Metadata, call_of, check_metadata, held_call, plain};
use crate::{
    auth::UserId,
    calls::CallId,
    kit::{Error, Id, Result, Role, text, time::Timestamp},
    store::Record,
    wib::Org,
};

/// Most notes, and confirmations, of a call.
pub(super) const MOST: i64 = 500;

/// A note about a call. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallNote {
    /// Its id.
    pub id: Id<CallNote>,
    /// About which call.
    pub call_id: CallId,
    /// The words.
    pub content: String,
    /// Whose.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for CallNote {
    const NAME: &'static str = "note";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Something that a person confirmed on a call, as a member noted it. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallConfirmation {
    /// Its id.
    pub id: Id<CallConfirmation>,
    /// On which call.
    pub call_id: CallId,
    /// What kind of thing, in a client's word.
    pub confirmation_type: String,
    /// In particular.
    pub details: Metadata,
    /// Which member it was confirmed to.
    pub confirmed_by: Option<UserId>,
    /// Who noted it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for CallConfirmation {
    const NAME: &'static str = "confirmation";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Notes what a person confirmed on a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddConfirmation {
    /// What kind of thing, 1 to 100 characters.
    pub confirmation_type: String,
    /// In particular, at most 50 entries and 8 KiB.
    #[serde(default)]
    pub details: Metadata,
    /// Which member it was confirmed to; whoever notes it by default.
    #[serde(default)]
    pub confirmed_by: Option<UserId>,
}

/// Refuses one more than a call may have.
fn room(there: usize) -> Result<()> {
    if i64::try_from(there).unwrap_or(MOST) >= MOST {
        return Err(Error::conflict(format!("the call has {MOST} of them already")));
    }
    Ok(())
}

impl Org {
    /// The notes about a call, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn call_notes(&self, id: CallId) -> Result<Vec<CallNote>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        call_of(&mut *tx, id).await.map_err(plain)?;
        tx.notes_of_call(id, MOST).await
    }

    /// Adds a note to a call.
    ///
    /// # Errors
    /// `Invalid` for a blank text or one of more than 10,000 characters; `NotFound`; `Conflict` when there are too many;
    /// `Forbidden` below agent.
    pub async fn add_call_note(&self, id: CallId, content: &str) -> Result<CallNote> {
        self.at_least(Role::Agent)?;
        let content = text::required("content", content, 10_000)?;
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await.map_err(plain)?;
        room(tx.notes_of_call(id, MOST).await?.len())?;
        let note = CallNote {
            id: self.wib.id(),
            call_id: id,
            content,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        tx.insert(&note).await?;
        let line = self.audit("call:note_created", ("call", Some(id.uuid())));
        line.is(&json!({"note_id": note.id, "characters": note.content.chars().count()})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(note)
    }

    /// Notes what a person confirmed on a call.
    ///
    /// # Errors
    /// `Invalid` naming the field, `confirmed_by` for one who is no member; `NotFound`; `Conflict` when there are too
    /// many; `Forbidden` below agent.
    pub async fn add_confirmation(&self, id: CallId, command: AddConfirmation) -> Result<CallConfirmation> {
        self.at_least(Role::Agent)?;
        let confirmation_type = text::required("confirmation_type", &command.confirmation_type, 100)?;
        let too_much = |error: Error| Error::field("details", error.fields().first().map_or("", |f| &f.message));
        check_metadata(&command.details).map_err(too_much)?;
        if let Some(user) = command.confirmed_by {
            let mut tx = self.wib.store.system().await?;
            if !tx.memberships(user).await?.iter().any(|m| m.organization_id == self.id()) {
                return Err(Error::field("confirmed_by", "is no member"));
            }
        }
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await.map_err(plain)?;
        room(tx.confirmations_of_call(id, MOST).await?.len())?;
        let confirmation = CallConfirmation {
            id: self.wib.id(),
            call_id: id,
            confirmation_type,
            details: command.details,
            confirmed_by: command.confirmed_by.or(self.actor().user()),
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        tx.insert(&confirmation).await?;
        let told = json!({"confirmation_id": confirmation.id, "details": confirmation.details.0.len()});
        self.audit("call:confirmation_created", ("call", Some(id.uuid()))).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(confirmation)
    }
}
