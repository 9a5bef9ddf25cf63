use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{HoldId, HoldStatus, LegalHold, record};
use crate::{
    calls::{Call, CallId},
    collections::{AccountId, subject},
    evidence::EntryKind,
    kit::{List, OrNotFound, Result, Role, Stretch, text},
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// Makes a legal hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateHold {
    /// What it is called, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 200)))]
    pub name: String,
    /// The matter it belongs to, at most 500 characters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    pub matter_reference: Option<String>,
    /// Whether it holds everything; no call is placed meanwhile where the rules say so.
    #[serde(default)]
    pub applies_to_all: bool,
    /// Whose records it holds.
    #[serde(default)]
    pub account_id: Option<AccountId>,
    /// Which call's.
    #[serde(default)]
    pub call_id: Option<CallId>,
}

/// Lists legal holds, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListHolds {
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

/// What the chain tells of a hold. Its name may name a person, and stays out; from this link on, nothing it covers is
/// deleted.
pub(crate) async fn seal(wib: &Wib, tx: &mut dyn OrgTx, hold: &LegalHold) -> Result<()> {
    let told = json!({
        "status": hold.status, "applies_to_all": hold.applies_to_all, "account_id": hold.account_id,
        "call_id": hold.call_id, "created_by": hold.created_by, "released_at": hold.released_at,
    });
    record(wib, tx, EntryKind::Hold, hold.id.uuid(), hold.call_id, told).await.map(drop)
}

impl Org {
    /// Makes a legal hold: what it covers is not deleted.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below admin.
    pub async fn create_hold(&self, command: CreateHold) -> Result<LegalHold> {
        self.at_least(Role::Admin)?;
        let name = text::required("name", &command.name, 200)?;
        let matter_reference = text::optional("matter_reference", command.matter_reference, 500)?;
        let mut tx = self.tx().await?;
        if command.account_id.is_some() {
            subject(&mut *tx, None, command.account_id).await?;
        }
        if let Some(id) = command.call_id {
            Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        }
        let hold = LegalHold {
            id: self.wib.id(),
            name,
            matter_reference,
            applies_to_all: command.applies_to_all,
            account_id: command.account_id,
            call_id: command.call_id,
            status: HoldStatus::Active,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
            released_at: None,
        };
        tx.insert(&hold).await?;
        seal(&self.wib, &mut *tx, &hold).await?;
        let about = ("legal_hold", Some(hold.id.uuid()));
        self.audit_change("retention:legal_hold_created", about, None, Some(json!(hold))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(hold)
    }

    /// Releases a hold; its row stays. A second time changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below admin.
    pub async fn release_hold(&self, id: HoldId) -> Result<LegalHold> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let mut hold: LegalHold = Repo::find(&mut *tx, id).await?.or_not_found("legal hold")?;
        if hold.status == HoldStatus::Released {
            return Ok(hold);
        }
        let old = json!(hold);
        (hold.status, hold.released_at) = (HoldStatus::Released, Some(self.wib.now()));
        tx.update(&hold).await?;
        seal(&self.wib, &mut *tx, &hold).await?;
        let about = ("legal_hold", Some(id.uuid()));
        let new = Some(json!(hold));
        self.audit_change("retention:legal_hold_released", about, Some(old), new).write(&mut *tx).await;
        tx.commit().await?;
        Ok(hold)
    }

    /// Legal holds, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_holds(&self, command: ListHolds) -> Result<List<LegalHold>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.list_holds(Stretch::new(command.limit, command.offset, 50, 200)).await
    }
}
