use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    auth::UserId,
    flags::{CreateGlobalFlag, CreateOrgFlag, OrgFlag, UpdateGlobalFlag, UpdateOrgFlag},
    kit::{Id, Role, Timestamp},
    limits::Limit,
    orgs::OrganizationId,
};

use crate::{
    input::Nothing,
    table::{Guard, Member, Routes, Somebody, platform, role},
};

/// Names a feature.
#[derive(Deserialize, JsonSchema)]
struct ByFeature {
    #[schemars(length(min = 1, max = 100))]
    feature: String,
}

/// That it was done.
#[derive(Serialize, JsonSchema)]
struct Removed {}

/// Whether a feature is on for the organisation, and how often it may be used.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrgFlag")]
struct Row {
    id: Id<OrgFlag>,
    organization_id: OrganizationId,
    feature: String,
    enabled: bool,
    disabled_reason: Option<String>,
    #[schemars(with = "Option<String>")]
    disabled_at: Option<Timestamp>,
    disabled_by: Option<UserId>,
    /// How often it may be used in a day; null for as often as one likes.
    daily_limit: Option<i64>,
    /// The same for a month.
    monthly_limit: Option<i64>,
    current_daily_usage: i64,
    current_monthly_usage: i64,
    /// When the day's count begins anew.
    #[schemars(with = "String")]
    usage_reset_at: Timestamp,
    /// When the month's count does.
    #[schemars(with = "String")]
    monthly_usage_reset_at: Timestamp,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}
impl Row {
    fn of(org: &Org, flag: OrgFlag) -> Self {
        Self {
            id: flag.id,
            organization_id: org.id(),
            feature: flag.feature,
            enabled: flag.enabled,
            disabled_reason: flag.disabled_reason,
            disabled_at: flag.disabled_at,
            disabled_by: flag.disabled_by,
            daily_limit: flag.daily_limit,
            monthly_limit: flag.monthly_limit,
            current_daily_usage: flag.daily_usage,
            current_monthly_usage: flag.monthly_usage,
            usage_reset_at: flag.day_ends_at,
            monthly_usage_reset_at: flag.month_ends_at,
            created_at: flag.created_at,
            updated_at: flag.updated_at,
        }
    }
}

const fn desk() -> Guard<Somebody> {
    platform().limit(Limit::Admin)
}
const fn admin() -> Guard<Member> {
    role(Role::Admin)
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("feature-flags", "/api/feature-flags")
        .get("/global", desk(), |person, _: Nothing| async move { person.platform()?.global_flags().await })
        .about("Lists flags for everybody, oldest first.")
        .data()
        .post(
            "/global",
            desk(),
            |person, c: CreateGlobalFlag| async move { person.platform()?.create_global_flag(c).await },
        )
        .refuses(&[409])
        .status(201)
        .data()
        .get("/global/{feature}", desk(), |person, c: ByFeature| async move {
            person.platform()?.global_flag(&c.feature).await
        })
        .about("Reads the flag of a feature for everybody.")
        .data()
        .put("/global/{feature}", desk(), |person, c: UpdateGlobalFlag| async move {
            person.platform()?.update_global_flag(c).await
        })
        .data()
        .delete("/global/{feature}", desk(), |person, c: ByFeature| async move {
            person.platform()?.delete_global_flag(&c.feature).await.map(|()| Removed {})
        })
        .about("Removes a flag for everybody.")
        .flat()
        .get("/org", admin(), |org, _: Nothing| async move {
            let flags = org.list_org_flags().await?;
            Ok(flags.into_iter().map(|flag| Row::of(&org, flag)).collect::<Vec<_>>())
        })
        .about("Lists the organisation's own flags, oldest first.")
        .data()
        .post("/org", admin(), |org, c: CreateOrgFlag| async move { Ok(Row::of(&org, org.create_org_flag(c).await?)) })
        .refuses(&[409])
        .status(201)
        .data()
        .get("/org/{feature}", admin(), |org, c: ByFeature| async move {
            Ok(Row::of(&org, org.org_flag(&c.feature).await?))
        })
        .about("Reads the organisation's own flag of a feature.")
        .data()
        .put("/org/{feature}", admin(), |org, c: UpdateOrgFlag| async move {
            Ok(Row::of(&org, org.update_org_flag(c).await?))
        })
        .data()
        .delete("/org/{feature}", admin(), |org, c: ByFeature| async move {
            org.delete_org_flag(&c.feature).await.map(|()| Removed {})
        })
        .about("Removes a flag of the organisation's own: the one for everybody holds again.")
        .flat()
}
