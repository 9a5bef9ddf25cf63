use serde::{Deserialize, Serialize};

use super::AuditEvent;
use crate::{
    kit::{List, Result, Role, Stretch, time::Timestamp},
    wib::Org,
};

/// Lists the audit log, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListAudit {
    /// Lines from then on.
    pub since: Option<Timestamp>,
    /// At most 200; 12 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

impl Org {
    /// Lines of the audit log, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_audit(&self, query: ListAudit) -> Result<List<AuditEvent>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.list_audit(query.since, Stretch::new(query.limit, query.offset, 12, 200)).await
    }
}
