use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    auth::UserId,
    collections::{AccountId, PersonId},
    kit::{Role, Timestamp},
    limits::Limit,
    notices::{
        CreateNotice, DisputeNotice, FileDispute, ListNotices, Notice, NoticeId, NoticeMethod, NoticeStatus,
        PendingNotice,
    },
};

use super::compliance::DisputeRow;
use crate::{
    input::{ById, Nothing, renamed},
    table::{Routes, role, session},
};

/// Says that a notice left.
#[derive(Deserialize, JsonSchema)]
struct NoticeSent {
    id: NoticeId,
    /// When; now by default.
    sent_at: Option<Timestamp>,
}

/// A validation notice.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Notice")]
struct Row {
    id: NoticeId,
    account_id: AccountId,
    person_id: PersonId,
    status: NoticeStatus,
    method: NoticeMethod,
    sent_at: Option<Timestamp>,
    /// The first instant after the period in which the debt can be disputed.
    dispute_window_ends_at: Option<Timestamp>,
    created_by: Option<UserId>,
    created_at: Timestamp,
}
impl From<Notice> for Row {
    fn from(notice: Notice) -> Self {
        Self {
            id: notice.id,
            account_id: notice.account_id,
            person_id: notice.person_id,
            status: notice.status,
            method: notice.method,
            sent_at: notice.sent_at,
            dispute_window_ends_at: notice.period_ends,
            created_by: notice.created_by,
            created_at: notice.created_at,
        }
    }
}

/// A notice that has waited too long to be sent.
#[derive(Serialize, JsonSchema)]
struct Alert {
    #[serde(flatten)]
    notice: Row,
    days_pending: i64,
    /// `warning`, or `critical` once the time to send it is over.
    severity: &'static str,
}
impl From<PendingNotice> for Alert {
    fn from(pending: PendingNotice) -> Self {
        let severity = if pending.overdue { "critical" } else { "warning" };
        Self { notice: pending.notice.into(), days_pending: pending.days, severity }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("validation_notices", "/api/validation-notices")
        .get("/", session(), |org, query: ListNotices| async move {
            org.list_notices(query).await.map(|list| list.map(Row::from))
        })
        .stretch("data")
        .post("/", role(Role::Agent).limit(Limit::Compliance), |org, c: CreateNotice| async move {
            org.create_notice(c).await.map(Row::from)
        })
        .refuses(&[404, 409])
        .created("data")
        .get("/pending-alerts", role(Role::Compliance), |org, _: Nothing| async move {
            Ok(org.pending_notices().await?.into_iter().map(Alert::from).collect::<Vec<_>>())
        })
        .about("Lists notices that have waited for more than three days to be sent, oldest first.")
        .list("data")
        .get("/{id}", session(), |org, c: ById<Notice>| async move { org.notice(c.id).await.map(Row::from) })
        .about("Reads a notice.")
        .item("data")
        .patch("/{id}/sent", role(Role::Agent).limit(Limit::Compliance), |org, c: NoticeSent| async move {
            let sent = org.notice_sent(c.id, c.sent_at).await;
            sent.map(Row::from).map_err(|e| renamed(e, &[("at", "sent_at")]))
        })
        .refuses(&[409])
        .item("data")
        .patch("/{id}/disputed", role(Role::Agent).limit(Limit::Compliance), |org, c: DisputeNotice| async move {
            org.dispute_notice(c).await.map(Row::from)
        })
        .refuses(&[409])
        .item("data")
}

/// A dispute that was filed.
#[derive(Serialize, JsonSchema)]
struct Filed {
    dispute: DisputeRow,
    /// Whether a legal hold keeps the account's records until the answer.
    auto_hold_applied: bool,
    /// When an answer is due.
    validation_due_date: Timestamp,
}

pub(super) fn cockpit() -> Routes<Wib> {
    Routes::<Wib>::at("cockpit", "/api/cockpit")
        .post("/disputes", role(Role::Agent), |org, c: FileDispute| async move {
            let dispute = org.file_dispute(c).await?;
            let validation_due_date = dispute.due_at();
            Ok(Filed { dispute: dispute.into(), auto_hold_applied: true, validation_due_date })
        })
        .status(201)
        .refuses(&[404])
        .flat()
}
