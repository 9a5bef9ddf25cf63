//! Flags for everybody.

use serde::Deserialize;
use serde_json::json;

use super::{GlobalFlag, MOST, named};
use crate::{
    kit::{Error, Kind, OrNotFound, Result},
    wib::Platform,
};

/// Switches a feature on or off for whoever says nothing of their own.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateGlobalFlag {
    /// Of what; 1 to 100 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub feature: String,
    /// Whether it is on; it is by default.
    #[serde(default = "on")]
    pub enabled: bool,
}
fn on() -> bool {
    true
}

/// Changes a flag; what is absent stays.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateGlobalFlag {
    /// Of what.
    pub feature: String,
    /// Whether it is on.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "bool"))]
    pub enabled: Option<bool>,
}

impl Platform {
    /// Flags for everybody, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn global_flags(&self) -> Result<Vec<GlobalFlag>> {
        self.tx().await?.global_flags(MOST).await
    }
    /// The flag of a feature.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn global_flag(&self, feature: &str) -> Result<GlobalFlag> {
        self.tx().await?.global_flag(feature).await?.or_not_found("feature flag")
    }
    /// Makes a flag.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` when the feature has one, and from 500 on.
    pub async fn create_global_flag(&self, command: CreateGlobalFlag) -> Result<GlobalFlag> {
        let feature = named(&command.feature)?;
        let wib = self.wib();
        let flag = GlobalFlag { id: wib.id(), feature, enabled: command.enabled, created_at: wib.now() };
        let mut tx = self.tx().await?;
        if tx.global_flags(MOST).await?.len() as i64 >= MOST {
            return Err(Error::conflict("there are too many flags"));
        }
        tx.insert_global_flag(&flag).await.map_err(|e| match e.kind() {
            Kind::Conflict => Error::conflict("the feature has a flag").because(e),
            _ => e,
        })?;
        tx.commit().await?;
        self.note("feature_flag:created", ("global_feature_flag", flag.id.uuid()), |line| line.is(&flag)).await;
        Ok(flag)
    }
    /// Changes a flag.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_global_flag(&self, command: UpdateGlobalFlag) -> Result<GlobalFlag> {
        let mut tx = self.tx().await?;
        let flag = tx.lock_global_flag(&command.feature).await?.or_not_found("feature flag")?;
        let Some(enabled) = command.enabled.filter(|enabled| *enabled != flag.enabled) else { return Ok(flag) };
        tx.switch_global_flag(flag.id, enabled).await?;
        tx.commit().await?;
        let new = GlobalFlag { enabled, ..flag.clone() };
        let about = ("global_feature_flag", flag.id.uuid());
        self.note("feature_flag:updated", about, |line| {
            line.changed(&flag, &new).with(json!({"feature": new.feature}))
        })
        .await;
        Ok(new)
    }
    /// Removes a flag.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_global_flag(&self, feature: &str) -> Result<()> {
        let mut tx = self.tx().await?;
        let flag = tx.lock_global_flag(feature).await?.or_not_found("feature flag")?;
        tx.delete_global_flag(flag.id).await?;
        tx.commit().await?;
        self.note("feature_flag:deleted", ("global_feature_flag", flag.id.uuid()), |line| line.was(&flag)).await;
        Ok(())
    }
}
