use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use wib_core::{
    Wib,
    audit::{AuditEvent, ListAudit},
    auth::UserId,
    kit::{Id, Timestamp},
    limits::Limit,
    orgs::OrganizationId,
};

use crate::table::{Routes, session};

/// A line of the audit log.
#[derive(Serialize, JsonSchema)]
struct Line {
    id: Id<AuditEvent>,
    organization_id: OrganizationId,
    user_id: Option<UserId>,
    /// `human`, `system`, `vendor` or `automation`.
    actor_type: String,
    resource_type: String,
    resource_id: Option<uuid::Uuid>,
    /// As `area:verb`.
    action: String,
    old_value: Option<Json>,
    new_value: Option<Json>,
    metadata: Json,
    created_at: Timestamp,
    user_email: Option<String>,
    user_name: Option<String>,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("audit", "/api/audit-logs")
        .and_at("/api/audit")
        .get("/", session().limit(Limit::Audit), |org, query: ListAudit| async move {
            let list = org.list_audit(query).await?;
            let authors = org.authors(list.items.iter().filter_map(|line| line.user_id).collect::<Vec<_>>()).await?;
            let organization_id = org.id();
            Ok(list.map(|line| {
                let author = line.user_id.and_then(|id| authors.get(&id));
                Line {
                    id: line.id,
                    organization_id,
                    user_id: line.user_id,
                    actor_type: line.actor_type,
                    resource_type: line.resource_type,
                    resource_id: line.resource_id,
                    action: line.action,
                    old_value: line.old_value,
                    new_value: line.new_value,
                    metadata: line.metadata,
                    created_at: line.created_at,
                    user_email: author.map(|a| a.email.clone()),
                    user_name: author.map(|a| a.name.clone()),
                }
            }))
        })
        .stretch("logs")
}
