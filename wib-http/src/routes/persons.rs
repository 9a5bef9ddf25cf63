use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use wib_core::{
    Wib,
    calls::CallId,
    collections::{Person, PersonId},
    kit::{Id, Role},
    privacy::{Erasure, ErasureReason, ErasureReport, ErasureStatus, ExportPerson},
};

use crate::{
    input,
    table::{Routes, role},
};

/// Asks for everything about a person, in parts.
#[derive(Deserialize, JsonSchema)]
struct Export {
    id: PersonId,
    /// What the part before said is next; absent for the first.
    after: Option<CallId>,
}

/// A part of everything about a person.
#[derive(Serialize, JsonSchema)]
struct Part {
    /// The person, numbers, places, debts, wishes, verdicts and calls, as they are kept.
    export: Json,
    /// Where the next part begins; null for the last.
    next: Option<CallId>,
}

/// Erases a person's data but for what a law or a hold keeps.
#[derive(Deserialize, JsonSchema)]
struct Erase {
    id: PersonId,
    reason: ErasureReason,
}

/// How the erasure of a person's data stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Erasure")]
struct Row {
    id: Id<Erasure>,
    person_id: Id<Person>,
    reason: ErasureReason,
    status: ErasureStatus,
    /// What is gone, and what stays and why.
    report: ErasureReport,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("privacy", "/api/persons/{id}")
        .get("/export", role(Role::Compliance), |org, c: Export| async move {
            let export = org.export_person(c.id, ExportPerson { after: c.after }).await?;
            Ok(Part { next: export.next, export: input::written(&export)? })
        })
        .flat()
        .post("/erasure", role(Role::Admin), |org, c: Erase| async move {
            let Erasure { id, person_id, reason, status, report, .. } = org.erase_person(c.id, c.reason).await?;
            Ok(Row { id, person_id, reason, status, report })
        })
        .item("erasure")
}
