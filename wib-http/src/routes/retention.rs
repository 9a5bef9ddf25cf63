use schemars::JsonSchema;
use serde::Serialize;
use wib_core::{
    Wib,
    kit::Role,
    limits::Limit,
    retention::{CreateHold, LegalHold, ListHolds, PutRetention},
};

use crate::{
    input::{ById, Nothing},
    table::{Routes, role, session},
};

/// What was done.
#[derive(Serialize, JsonSchema)]
struct Done {
    message: &'static str,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("retention", "/api/retention")
        .get("/", session(), |org, _: Nothing| async move { org.retention_policy().await })
        .about("Reads how long things are kept.")
        .item("policy")
        .put("/", role(Role::Admin).limit(Limit::Retention), |org, c: PutRetention| async move {
            org.put_retention_policy(c).await
        })
        .item("policy")
        .get("/legal-holds", session(), |org, query: ListHolds| async move { org.list_holds(query).await })
        .stretch("legalHolds")
        .post("/legal-holds", role(Role::Admin).limit(Limit::Retention), |org, c: CreateHold| async move {
            org.create_hold(c).await
        })
        .refuses(&[404])
        .item("legalHold")
        .delete("/legal-holds/{id}", role(Role::Admin).limit(Limit::Retention), |org, c: ById<LegalHold>| async move {
            org.release_hold(c.id).await.map(|_| Done { message: "Legal hold released" })
        })
        .about("Releases a legal hold; its row stays.")
        .flat()
}
