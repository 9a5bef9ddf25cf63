use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Org, Wib,
    auth::{ApiKey, ApiKeyId, CreateApiKey, NewApiKey},
    kit::{ExposeSecret, Role},
    limits::Limit,
};

use crate::{
    input::{ById, Nothing},
    routes::AllDone,
    table::{Routes, role},
};

/// A key of a machine, without the key.
#[derive(Serialize, JsonSchema)]
struct KeyView {
    id: ApiKeyId,
    name: String,
    /// How it begins.
    prefix: String,
    permissions: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
}
impl From<ApiKey> for KeyView {
    fn from(row: ApiKey) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            permissions: row.permissions.0,
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.map(|at| at.to_string()),
            revoked_at: row.revoked_at.map(|at| at.to_string()),
            last_used_at: row.last_used_at.map(|at| at.to_string()),
        }
    }
}

/// A key that was made.
#[derive(Serialize, JsonSchema)]
struct MadeKey {
    #[serde(flatten)]
    row: KeyView,
    /// The key itself, told once.
    key: String,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("api_keys", "/api/api-keys")
        .get("/", role(Role::Admin), |org: Org, _: Nothing| async move {
            org.api_keys().await.map(|rows| rows.into_iter().map(KeyView::from).collect::<Vec<_>>())
        })
        .about("Lists the keys of machines.")
        .list("api_keys")
        .post("/", role(Role::Admin).limit(Limit::Team), |org: Org, command: CreateApiKey| async move {
            let NewApiKey { row, key } = org.create_api_key(command).await?;
            Ok(MadeKey { row: row.into(), key: key.expose_secret().to_owned() })
        })
        .refuses(&[409])
        .created("api_key")
        .delete("/{id}", role(Role::Admin).limit(Limit::Team), |org: Org, of: ById<ApiKey>| async move {
            org.revoke_api_key(of.id).await.map(|()| AllDone {})
        })
        .about("Takes a key back.")
        .flat()
}
