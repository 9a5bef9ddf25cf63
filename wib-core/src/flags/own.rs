//! An organisation's own flags.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{DAY, MOST, OrgFlag, in_a_month, named};
use crate::{
    kit::{Error, FieldFault, Kind, OrNotFound, Result, Role, text, time},
    store::Record,
    wib::Org,
};

/// The longest reason why a feature is off, in characters.
const LONGEST_REASON: usize = 500;

/// Switches a feature on or off for the organisation.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateOrgFlag {
    /// Of what; 1 to 100 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub feature: String,
    /// Whether it is on; it is by default.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Why it is off, at most 500 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    pub disabled_reason: Option<String>,
    /// How often it may be used in a day.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub daily_limit: Option<i64>,
    /// How often it may be used in a month.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub monthly_limit: Option<i64>,
}
fn on() -> bool {
    true
}

/// Changes a flag; what is absent stays, and null takes a reason or a limit away.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateOrgFlag {
    /// Of what.
    pub feature: String,
    /// Whether it is on. Switching it on takes the reason away.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "bool"))]
    pub enabled: Option<bool>,
    /// Why it is off, at most 500 characters.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = 500)))]
    pub disabled_reason: Option<Option<String>>,
    /// How often it may be used in a day.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<i64>", range(min = 0)))]
    pub daily_limit: Option<Option<i64>>,
    /// How often it may be used in a month.
    #[serde(default, deserialize_with = "crate::kit::given::some")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<i64>", range(min = 0)))]
    pub monthly_limit: Option<Option<i64>>,
}

/// Refuses limits below nothing, each by its name.
fn check_limits(daily: Option<i64>, monthly: Option<i64>) -> Result<()> {
    let wrong = [("daily_limit", daily), ("monthly_limit", monthly)];
    let fault =
        |(field, _): (&str, _)| FieldFault { field: field.to_owned(), message: "must be at least 0".to_owned() };
    let faults: Vec<_> = wrong.into_iter().filter(|(_, limit)| limit.is_some_and(|l| l < 0)).map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::fields_invalid(faults)) }
}

/// What the log is told of a flag: reasons are people's words.
fn told(flag: &OrgFlag) -> Json {
    json!({
        "feature": flag.feature, "enabled": flag.enabled, "has_reason": flag.disabled_reason.is_some(),
        "daily_limit": flag.daily_limit, "monthly_limit": flag.monthly_limit,
    })
}

impl Org {
    /// The organisation's own flags, oldest first.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub async fn list_org_flags(&self) -> Result<Vec<OrgFlag>> {
        self.at_least(Role::Admin)?;
        let now = self.wib.now();
        Ok(self.tx().await?.org_flags(MOST).await?.into_iter().map(|flag| flag.at(now)).collect())
    }
    /// The organisation's own flag of a feature.
    ///
    /// # Errors
    /// `Forbidden` below admin; `NotFound`.
    pub async fn org_flag(&self, feature: &str) -> Result<OrgFlag> {
        self.at_least(Role::Admin)?;
        let flag = self.tx().await?.org_flag(feature).await?.or_not_found("feature flag")?;
        Ok(flag.at(self.wib.now()))
    }
    /// Makes a flag of the organisation's own.
    ///
    /// # Errors
    /// `Forbidden` below admin; `Invalid` naming the field; `Conflict` when the feature has one, and from 500 on.
    pub async fn create_org_flag(&self, command: CreateOrgFlag) -> Result<OrgFlag> {
        self.at_least(Role::Admin)?;
        check_limits(command.daily_limit, command.monthly_limit)?;
        let now = self.wib.now();
        let off = !command.enabled;
        let flag = OrgFlag {
            id: self.wib.id(),
            feature: named(&command.feature)?,
            enabled: command.enabled,
            disabled_reason: text::optional("disabled_reason", command.disabled_reason, LONGEST_REASON)?,
            disabled_at: off.then_some(now),
            disabled_by: self.actor().user().filter(|_| off),
            daily_limit: command.daily_limit,
            monthly_limit: command.monthly_limit,
            daily_usage: 0,
            monthly_usage: 0,
            day_ends_at: time::after(now, DAY),
            month_ends_at: in_a_month(now),
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.tx().await?;
        tx.lock_count_of(OrgFlag::NAME).await?;
        if tx.org_flags(MOST).await?.len() as i64 >= MOST {
            return Err(Error::conflict("there are too many flags"));
        }
        tx.insert(&flag).await.map_err(|e| match e.kind() {
            Kind::Conflict => Error::conflict("the feature has a flag").because(e),
            _ => e,
        })?;
        let line = self.audit("feature_flag:created", ("feature_flag", Some(flag.id.uuid())));
        line.is(&told(&flag)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(flag)
    }
    /// Changes a flag of the organisation's own. What was used in its windows stays counted.
    ///
    /// # Errors
    /// `Forbidden` below admin; `Invalid` naming the field; `NotFound`.
    pub async fn update_org_flag(&self, command: UpdateOrgFlag) -> Result<OrgFlag> {
        self.at_least(Role::Admin)?;
        check_limits(command.daily_limit.flatten(), command.monthly_limit.flatten())?;
        let reason = command
            .disabled_reason
            .map(|reason| text::optional("disabled_reason", reason, LONGEST_REASON))
            .transpose()?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let old = tx.org_flag(&command.feature).await?.or_not_found("feature flag")?.at(now);
        let mut flag = old.clone();
        flag.daily_limit = command.daily_limit.unwrap_or(flag.daily_limit);
        flag.monthly_limit = command.monthly_limit.unwrap_or(flag.monthly_limit);
        match command.enabled {
            Some(true) => {
                (flag.enabled, flag.disabled_at, flag.disabled_by, flag.disabled_reason) = (true, None, None, None);
            }
            // Whoever switched it off first did.
            Some(false) if old.disabled_at.is_none() => {
                (flag.enabled, flag.disabled_at, flag.disabled_by) = (false, Some(now), self.actor().user());
            }
            _ => {}
        }
        flag.disabled_reason = reason.unwrap_or(flag.disabled_reason);
        if flag == old {
            return Ok(old);
        }
        flag.updated_at = now;
        tx.update(&flag).await?;
        let line = self.audit("feature_flag:updated", ("feature_flag", Some(flag.id.uuid())));
        let line = line.changed(&told(&old), &told(&flag)).with(json!({"feature": flag.feature}));
        line.write(&mut *tx).await;
        tx.commit().await?;
        Ok(flag)
    }
    /// Removes a flag of the organisation's own: the global one holds again.
    ///
    /// # Errors
    /// `Forbidden` below admin; `NotFound`.
    pub async fn delete_org_flag(&self, feature: &str) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        let flag = tx.org_flag(feature).await?.or_not_found("feature flag")?;
        tx.delete_org_flag(flag.id).await?;
        let line = self.audit("feature_flag:deleted", ("feature_flag", Some(flag.id.uuid())));
        line.was(&told(&flag)).write(&mut *tx).await;
        tx.commit().await
    }
}
