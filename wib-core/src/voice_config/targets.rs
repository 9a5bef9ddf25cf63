//! Destinations that an organisation saved.

use serde::{Deserialize, Serialize};

use crate::{
    auth::UserId,
    kit::{Error, Id, OrNotFound, Phone, Result, Role, text, time::Timestamp},
    store::Record,
    wib::Org,
};

/// Most destinations of an organisation.
const MOST: i64 = 1000;

/// A number that is called often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceTarget {
    /// Its id.
    pub id: Id<VoiceTarget>,
    /// The number; once per organisation.
    pub phone: Phone,
    /// What people call it.
    pub name: Option<String>,
    /// Who saved it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for VoiceTarget {
    const NAME: &'static str = "target";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Saves a number that is called often.
#[derive(Clone, Debug)]
pub struct AddVoiceTarget {
    /// The number.
    pub phone: Phone,
    /// What people call it, at most 200 characters.
    pub name: Option<String>,
}

impl Org {
    /// Numbers that are called often, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn voice_targets(&self) -> Result<Vec<VoiceTarget>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.voice_targets(MOST).await
    }

    /// Saves a number that is called often. It may not be called for that alone: every call passes the gate.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` when the number is saved already or there are too many; `Forbidden` below
    /// manager.
    pub async fn add_voice_target(&self, command: AddVoiceTarget) -> Result<VoiceTarget> {
        self.at_least(Role::Manager)?;
        let name = text::optional("name", command.name, 200)?;
        let mut tx = self.tx().await?;
        tx.lock_count_of(VoiceTarget::NAME).await?;
        let there = tx.voice_targets(MOST).await?;
        if there.iter().any(|target| target.phone == command.phone) {
            return Err(Error::conflict("the number is saved already"));
        }
        if i64::try_from(there.len()).unwrap_or(MOST) >= MOST {
            return Err(Error::conflict(format!("there are {MOST} destinations already")));
        }
        let target = VoiceTarget {
            id: self.wib.id(),
            phone: command.phone,
            name,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        tx.insert(&target).await?;
        self.audit("voice:target_created", ("voice_target", Some(target.id.uuid()))).is(&target).write(&mut *tx).await;
        tx.commit().await?;
        Ok(target)
    }

    /// Forgets a number that is called often.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below manager.
    pub async fn delete_voice_target(&self, id: Id<VoiceTarget>) -> Result<()> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        let target: VoiceTarget = tx.find(id).await?.or_not_found("target")?;
        tx.delete_voice_target(id).await?;
        self.audit("voice:target_deleted", ("voice_target", Some(id.uuid()))).was(&target).write(&mut *tx).await;
        tx.commit().await
    }
}
