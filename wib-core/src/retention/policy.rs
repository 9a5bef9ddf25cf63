use serde::{Deserialize, Serialize};

use super::RetentionPolicy;
use crate::{
    kit::{Error, FieldFault, Result, Role},
    wib::Org,
};

/// Sets how long things are kept; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PutRetention {
    /// Days for recordings, 1 to 3650.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3650)))]
    pub recording_retention_days: Option<i64>,
    /// Days for transcripts, 1 to 3650.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3650)))]
    pub transcript_retention_days: Option<i64>,
    /// Days for the timelines of calls, 1 to 3650.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3650)))]
    pub call_log_retention_days: Option<i64>,
    /// Whether what is over is deleted by the daily job.
    pub auto_delete_enabled: Option<bool>,
    /// Whether the organisation answers persons by the rules of the GDPR.
    pub gdpr_mode: Option<bool>,
}

impl Org {
    /// How long things are kept; the defaults while nothing was set.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retention_policy(&self) -> Result<RetentionPolicy> {
        self.at_least(Role::Viewer)?;
        Ok(self.tx().await?.retention_policy().await?.unwrap_or_else(|| self.default_policy()))
    }

    /// Sets how long things are kept.
    ///
    /// # Errors
    /// `Invalid` naming every field that is out of range; `Forbidden` below admin.
    pub async fn put_retention_policy(&self, command: PutRetention) -> Result<RetentionPolicy> {
        self.at_least(Role::Admin)?;
        let days = [
            ("recording_retention_days", command.recording_retention_days),
            ("transcript_retention_days", command.transcript_retention_days),
            ("call_log_retention_days", command.call_log_retention_days),
        ];
        let wrong = |(field, days): &(&str, Option<i64>)| {
            let out = days.is_some_and(|days| !(1..=3650).contains(&days));
            out.then(|| FieldFault { field: (*field).to_owned(), message: "must be 1 to 3650".to_owned() })
        };
        let faults: Vec<_> = days.iter().filter_map(wrong).collect();
        if !faults.is_empty() {
            return Err(Error::fields_invalid(faults));
        }
        let mut tx = self.tx().await?;
        let known = tx.retention_policy().await?;
        let before = known.clone().unwrap_or_else(|| self.default_policy());
        let mut policy = before.clone();
        policy.recording_retention_days = command.recording_retention_days.unwrap_or(before.recording_retention_days);
        policy.transcript_retention_days =
            command.transcript_retention_days.unwrap_or(before.transcript_retention_days);
        policy.call_log_retention_days = command.call_log_retention_days.unwrap_or(before.call_log_retention_days);
        policy.auto_delete_enabled = command.auto_delete_enabled.unwrap_or(before.auto_delete_enabled);
        policy.gdpr_mode = command.gdpr_mode.unwrap_or(before.gdpr_mode);
        policy.updated_at = self.wib.now();
        // Two that set it for the first time at once: one of them is told to try again.
        if known.is_some() {
            tx.update(&policy).await?
        } else {
            tx.insert(&policy).await?
        }
        let line = self.audit("retention:policy_updated", ("retention_policy", Some(policy.id.uuid())));
        line.changed(&before, &policy).write(&mut *tx).await;
        tx.commit().await?;
        Ok(policy)
    }

    fn default_policy(&self) -> RetentionPolicy {
        RetentionPolicy {
            id: self.wib.id(),
            recording_retention_days: 365,
            transcript_retention_days: 365,
            call_log_retention_days: 730,
            auto_delete_enabled: false,
            gdpr_mode: false,
            updated_at: self.wib.now(),
        }
    }
}
