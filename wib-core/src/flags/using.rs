//! Asking whether something is on.

use super::{ON, OrgFlag};
use crate::{kit::Result, wib::Org};

impl Org {
    /// Whether a feature is on for the organisation. Off when there is no answer.
    pub async fn flag(&self, feature: &str) -> bool {
        let on = async {
            let own = self.tx().await?.org_flag(feature).await?;
            match own {
                Some(own) => Ok(own.enabled),
                None => self.everybodys(feature).await,
            }
        };
        self.off_without_an_answer(feature, on.await)
    }

    /// Whether a feature is on and may be used once more; that use is counted when it is. Off when there is no answer. Only
    /// an organisation's own flag counts.
    pub async fn use_flag(&self, feature: &str) -> bool {
        let used = self.count_use(feature).await;
        self.off_without_an_answer(feature, used)
    }

    async fn count_use(&self, feature: &str) -> Result<bool> {
        let mut tx = self.tx().await?;
        let Some(own) = tx.org_flag(feature).await? else {
            drop(tx);
            return self.everybodys(feature).await;
        };
        let own = own.at(self.wib.now());
        if !own.usable() {
            return Ok(false);
        }
        let (daily_usage, monthly_usage) = (own.daily_usage.saturating_add(1), own.monthly_usage.saturating_add(1));
        tx.update(&OrgFlag { daily_usage, monthly_usage, ..own }).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn everybodys(&self, feature: &str) -> Result<bool> {
        let global = self.wib.store.system().await?.global_flag(feature).await?;
        Ok(global.map_or_else(|| ON.contains(&feature), |global| global.enabled))
    }

    fn off_without_an_answer(&self, feature: &str, answer: Result<bool>) -> bool {
        answer.unwrap_or_else(|error| {
            tracing::warn!(org = %self.id(), feature, error = error.chain(), "a flag cannot be read, and is off");
            false
        })
    }
}
