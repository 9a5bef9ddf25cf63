use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Dispute, DisputeId, DisputeKind, Notice, NoticeId, NoticeMethod, NoticeStatus, send::MOST};
use crate::{
    calls::{Call, CallId},
    collections::{Account, AccountId, subject},
    compliance::NoticeKind,
    imports::AccountStatus,
    kit::{Error, OrNotFound, Result, Role, text, time::Timestamp},
    retention::{self, HoldStatus, LegalHold},
    store::Repo,
    wib::Org,
};

/// Files a dispute of a debt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileDispute {
    /// Of which debt.
    pub account_id: AccountId,
    /// In which call.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// What is contested.
    #[serde(default, rename = "type")]
    pub kind: DisputeKind,
    /// Whether it is in writing, or asks in writing for the original creditor.
    #[serde(default)]
    pub written: bool,
    /// What the person says, 1 to 2000 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 2000)))]
    pub reason: String,
    /// When it reached us; now by default.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// Says that a validation notice was answered by a dispute.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DisputeNotice {
    /// Which.
    pub id: NoticeId,
    /// Whether in writing; so by default: that stops collection until it is answered.
    #[serde(default)]
    pub written: Option<bool>,
    /// What the person says, at most 2000 characters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2000)))]
    pub reason: Option<String>,
}

impl Org {
    /// Keeps that a debt is disputed: the account stands so, a legal hold keeps its records, and the notice it answers is
    /// marked, in one transaction. A written one stops collection from the next verdict on until it is answered
    /// (12 CFR 1006.38(d)).
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn file_dispute(&self, command: FileDispute) -> Result<Dispute> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let at = command.at.unwrap_or(now);
        if at > now {
            return Err(Error::field("at", "lies in the future"));
        }
        let reason = text::required("reason", &command.reason, 2000)?;
        let mut tx = self.tx().await?;
        let (person, account) = subject(&mut *tx, None, Some(command.account_id)).await?;
        let mut account = account.or_not_found("account")?;
        if let Some(call) = command.call_id {
            Repo::<Call>::find(&mut *tx, call).await?.or_not_found("call")?;
        }
        let id: DisputeId = self.wib.id();
        let by = self.actor().user();
        let hold = LegalHold {
            id: self.wib.id(),
            name: "Dispute".to_owned(),
            matter_reference: Some(id.to_string()),
            applies_to_all: false,
            account_id: Some(account.id),
            call_id: None,
            status: HoldStatus::Active,
            created_by: by,
            created_at: now,
            released_at: None,
        };
        tx.insert(&hold).await?;
        retention::seal_hold(&self.wib, &mut *tx, &hold).await?;
        let dispute = Dispute {
            id,
            person_id: person.id,
            account_id: account.id,
            call_id: command.call_id,
            kind: command.kind,
            written: command.written,
            reason,
            at,
            answered_at: None,
            hold_id: hold.id,
            account_status: account.status,
            recorded_by: by,
            created_at: now,
        };
        tx.insert(&dispute).await?;
        let known = tx.notices(account.id, MOST).await?;
        let answered = |n: &Notice| {
            n.kind == NoticeKind::Validation && matches!(n.status, NoticeStatus::Sent | NoticeStatus::Delivered)
        };
        if let Some(mut notice) = known.into_iter().find(answered) {
            notice.status = NoticeStatus::Disputed;
            tx.update(&notice).await?;
        }
        let old = json!({"status": account.status});
        account.status = AccountStatus::Disputed;
        tx.update(&account).await?;
        let about = ("dispute", Some(id.uuid()));
        let line = self.audit_change("collection:dispute_filed", about, Some(old), Some(json!(dispute)));
        line.with(json!({"hold_id": hold.id})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(dispute)
    }

    /// Keeps that a validation notice was answered by a dispute, as [`file_dispute`](Self::file_dispute) does, and answers
    /// the notice.
    ///
    /// # Errors
    /// `Conflict` unless it was sent; `Invalid` naming the field; `NotFound`; `Forbidden` below agent.
    pub async fn dispute_notice(&self, command: DisputeNotice) -> Result<Notice> {
        self.at_least(Role::Agent)?;
        let reason = text::optional("reason", command.reason, 2000)?;
        let notice = self.notice(command.id).await?;
        if notice.kind != NoticeKind::Validation
            || !matches!(notice.status, NoticeStatus::Sent | NoticeStatus::Delivered)
        {
            return Err(Error::conflict(format!("a notice that is {} cannot be disputed", notice.status)));
        }
        self.file_dispute(FileDispute {
            account_id: notice.account_id,
            call_id: None,
            kind: DisputeKind::Other,
            written: command.written.unwrap_or(true),
            reason: reason.unwrap_or_else(|| "Answer to the validation notice".to_owned()),
            at: None,
        })
        .await?;
        self.notice(command.id).await
    }

    /// Keeps that verification of the debt, or the answer, was sent: collection may go on, the hold is released, and the
    /// account stands as before unless another dispute is open. A second time changes nothing.
    ///
    /// # Errors
    /// `Invalid` for a time in the future or before the dispute; `NotFound`; `Forbidden` below compliance.
    pub async fn answer_dispute(&self, id: DisputeId, method: NoticeMethod, at: Option<Timestamp>) -> Result<Dispute> {
        self.at_least(Role::Compliance)?;
        let now = self.wib.now();
        let at = at.unwrap_or(now);
        let mut tx = self.tx().await?;
        let found: Dispute = Repo::find(&mut *tx, id).await?.or_not_found("dispute")?;
        tx.lock_person(found.person_id).await?;
        let mut dispute: Dispute = Repo::find(&mut *tx, id).await?.or_not_found("dispute")?;
        if dispute.answered_at.is_some() {
            return Ok(dispute);
        }
        if at > now || at < dispute.at {
            return Err(Error::field("at", "lies in the future or before the dispute"));
        }
        let old = json!(dispute);
        dispute.answered_at = Some(at);
        tx.update(&dispute).await?;
        let mut hold: LegalHold = Repo::find(&mut *tx, dispute.hold_id).await?.or_not_found("legal hold")?;
        (hold.status, hold.released_at) = (HoldStatus::Released, Some(now));
        tx.update(&hold).await?;
        retention::seal_hold(&self.wib, &mut *tx, &hold).await?;
        tx.insert(&Notice {
            id: self.wib.id(),
            person_id: dispute.person_id,
            account_id: dispute.account_id,
            kind: NoticeKind::Verification,
            status: NoticeStatus::Sent,
            method,
            sent_at: Some(at),
            period_ends: None,
            created_by: self.actor().user(),
            created_at: now,
        })
        .await?;
        let all = tx.disputes(dispute.account_id, MOST).await?;
        if all.iter().all(|d| d.answered_at.is_some()) {
            let mut account: Account = Repo::find(&mut *tx, dispute.account_id).await?.or_not_found("account")?;
            if account.status == AccountStatus::Disputed {
                let before = all.iter().map(|d| d.account_status).find(|s| *s != AccountStatus::Disputed);
                account.status = before.unwrap_or(AccountStatus::Active);
                tx.update(&account).await?;
            }
        }
        let about = ("dispute", Some(id.uuid()));
        self.audit_change("collection:dispute_answered", about, Some(old), Some(json!(dispute))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(dispute)
    }

    /// An account's disputes, newest first.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn disputes(&self, account: AccountId) -> Result<Vec<Dispute>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, account).await?.or_not_found("account")?;
        tx.disputes(account, MOST).await
    }
}
