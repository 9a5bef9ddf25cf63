//! Who watches a call's translations while they are made.

use serde_json::json;

use crate::{
    calls::{Call, CallId},
    kit::{Error, OrNotFound, Result, Role},
    plans::Feature,
    wib::Org,
};

impl Org {
    /// Begins to watch a call's translations: noted in the log, and for the plans that have it. The call as it stands.
    ///
    /// # Errors
    /// `Forbidden` with the code `PLAN_UPGRADE_REQUIRED` on a plan below business; `NotFound`.
    pub async fn watch_translations(&self, id: CallId) -> Result<Call> {
        self.at_least(Role::Viewer)?;
        // The contract has it forbidden here, where elsewhere a plan is wanted.
        if !self.capability(Feature::LiveTranslation).allowed {
            let error = Error::forbidden("live translation needs the business or the enterprise plan");
            return Err(error.code("PLAN_UPGRADE_REQUIRED"));
        }
        let mut tx = self.tx().await?;
        let call: Call = tx.find(id).await?.or_not_found("call")?;
        self.audit("translation:live_started", ("call", Some(id.uuid()))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(call)
    }
    /// Notes in the log that whoever watched a call's translations does so no more, and how many they were given.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn watched_translations(&self, id: CallId, delivered: u64) -> Result<()> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let line = self.audit("translation:live_completed", ("call", Some(id.uuid())));
        line.with(json!({"segments_delivered": delivered})).write(&mut *tx).await;
        tx.commit().await
    }
}
