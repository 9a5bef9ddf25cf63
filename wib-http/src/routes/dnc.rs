use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    auth::UserId,
    collections::{ListNumber, ListSuppressions, Suppression},
    compliance::ListKind,
    kit::{Id, Phone, Result, Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::ById,
    reply,
    table::{Asked, Routes, Wire, role, session},
};

/// A number that is not called.
#[derive(Serialize, JsonSchema)]
struct Entry {
    id: Id<Suppression>,
    phone_number: Phone,
    list: ListKind,
    reason: Option<String>,
    source: String,
    added_by: Option<UserId>,
    added_at: Timestamp,
}
impl From<Suppression> for Entry {
    fn from(row: Suppression) -> Self {
        let Suppression { id, phone, list, source, reason, added_by, created_at } = row;
        Self { id, phone_number: phone, list, reason, source, added_by, added_at: created_at }
    }
}

/// The entry, and whether it was there already.
#[derive(Serialize, JsonSchema)]
struct Added {
    success: bool,
    entry: Entry,
    /// Only when nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
struct Done {
    message: &'static str,
}

async fn add(asked: &Asked<Wib>) -> Result<Response> {
    let command: ListNumber = asked.input().await?;
    let (row, new) = asked.org().await?.suppress(command).await?;
    let (status, message) = if new { (201, None) } else { (200, Some("The number is on the list already")) };
    reply::view_as(status, &Added { success: true, entry: row.into(), message })
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("dnc", "/api/dnc")
        .get("/", session(), |org, query: ListSuppressions| async move {
            org.list_suppressions(query).await.map(|list| list.map(Entry::from))
        })
        .stretch("entries")
        .raw(
            Method::POST,
            "/",
            role(Role::Agent).limit(Limit::Compliance),
            Wire::json::<Added>().takes::<ListNumber>().also(201),
            |asked| async move { add(&asked).await },
        )
        .delete("/{id}", role(Role::Compliance).limit(Limit::Compliance), |org, c: ById<Suppression>| async move {
            org.unsuppress(c.id).await.map(|_| Done { message: "The number is no longer on the list" })
        })
        .about("Takes a number off the do-not-call list.")
        .flat()
}
