use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Dispute, Notice, NoticeId, NoticeStatus};
use crate::{
    collections::AccountId,
    kit::{List, OrNotFound, Result, Role, Stretch, time},
    store::NoticeFilter,
    wib::Org,
};

/// Lists validation notices, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListNotices {
    /// Those that stand so.
    pub status: Option<NoticeStatus>,
    /// Those about that debt.
    pub account_id: Option<AccountId>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

/// Lists disputes, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListDisputes {
    /// At most 100; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

/// A notice that has waited too long to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingNotice {
    /// The notice.
    pub notice: Notice,
    /// Whole days since it became due.
    pub days: i64,
    /// Whether it is past the five days of 12 CFR 1006.34(a)(1)(i)(B).
    pub overdue: bool,
}

const DAY: i64 = 24 * 3600;
/// How long a notice may wait before somebody is told.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3600);
/// The most that are told of.
const ALERTS: u32 = 200;

impl Org {
    /// Validation notices, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_notices(&self, query: ListNotices) -> Result<List<Notice>> {
        self.at_least(Role::Viewer)?;
        let filter = NoticeFilter { account: query.account_id, status: query.status, before: None };
        self.tx().await?.list_notices(filter, Stretch::new(query.limit, query.offset, 50, 200)).await
    }

    /// A notice.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn notice(&self, id: NoticeId) -> Result<Notice> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.find(id).await?.or_not_found("notice")
    }

    /// Validation notices that have waited for more than three days to be sent, oldest first, at most two hundred.
    ///
    /// # Errors
    /// `Forbidden` below compliance.
    pub async fn pending_notices(&self) -> Result<Vec<PendingNotice>> {
        self.at_least(Role::Compliance)?;
        let now = self.wib.now();
        let (status, before) = (Some(NoticeStatus::Pending), Some(time::before(now, PATIENCE)));
        let filter = NoticeFilter { account: None, status, before };
        let mut tx = self.tx().await?;
        // The list begins with the newest; the oldest are the urgent ones.
        let total = u32::try_from(tx.list_notices(filter, Stretch::NONE).await?.total).unwrap_or(u32::MAX);
        let of = Stretch { limit: ALERTS, offset: total.saturating_sub(ALERTS) };
        let found = tx.list_notices(filter, of).await?;
        let told = |notice: Notice| {
            let waited = now.as_second() - notice.created_at.as_second();
            PendingNotice { notice, days: waited / DAY, overdue: waited > 5 * DAY }
        };
        Ok(found.items.into_iter().rev().map(told).collect())
    }

    /// How many disputes were ever filed.
    ///
    /// # Errors
    /// `Forbidden` below viewer.
    pub async fn count_disputes(&self) -> Result<i64> {
        self.at_least(Role::Viewer)?;
        Ok(self.tx().await?.list_disputes(Stretch::NONE).await?.total)
    }

    /// Disputes of every account, newest first.
    ///
    /// # Errors
    /// `Forbidden` below compliance.
    pub async fn list_disputes(&self, query: ListDisputes) -> Result<List<Dispute>> {
        self.at_least(Role::Compliance)?;
        self.tx().await?.list_disputes(Stretch::new(query.limit, query.offset, 50, 100)).await
    }
}
