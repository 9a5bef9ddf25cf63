//! What a member does on a call that is up: who speaks, what was said to them, whether they are recorded, card data.

use schemars::JsonSchema;
use serde::Deserialize;
use wib_core::{
    Wib,
    calls::{Call, CallId, VerifiedBy, VerifyParty},
    compliance::{DutyKind, Holder},
    kit::Role,
};

use super::calls::CallRow;
use crate::{
    input::ById,
    table::{Routes, role},
};

/// Says who speaks, and asks what may be said to them.
#[derive(Deserialize, JsonSchema)]
struct Speaks {
    id: CallId,
    /// Who speaks.
    holder: Holder,
    /// How it was found out; by their word, by default.
    #[serde(default)]
    method: VerifiedBy,
}

/// Tells a disclosure: one that the member gave, or one to be spoken from its fixed text.
#[derive(Deserialize, JsonSchema)]
struct Disclose {
    id: CallId,
    /// What was said, or is to be.
    kind: DutyKind,
    /// Whether the fixed text is to be spoken now; no by default: the member said it.
    #[serde(default)]
    speak: bool,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("calls", "/api/calls/{id}")
        .post("/recording/refuse", role(Role::Agent), |org, c: ById<Call>| async move {
            org.refuse_recording(c.id).await.map(CallRow::from)
        })
        .about("Ends the recording because the person does not want it; the call goes on.")
        .item("call")
        .post("/party", role(Role::Agent), |org, c: Speaks| async move {
            org.verify_party(c.id, VerifyParty { holder: c.holder, method: c.method }).await
        })
        .item("conversation")
        .get("/conversation", role(Role::Agent), |org, c: ById<Call>| async move { org.conversation(c.id).await })
        .about("Tells whether the debt may be named now, and what is owed before.")
        .item("conversation")
        .post("/disclosures", role(Role::Agent), |org, c: Disclose| async move {
            if c.speak {
                org.speak_disclosure(c.id, c.kind).await?;
                org.conversation(c.id).await
            } else {
                org.disclosed(c.id, c.kind).await
            }
        })
        .item("conversation")
        .post("/payment", role(Role::Agent), |org, c: ById<Call>| async move { org.begin_payment(c.id).await })
        .about("Masks the call before card data is given: take it in the state `capturing` alone.")
        .item("payment")
        .delete("/payment", role(Role::Agent), |org, c: ById<Call>| async move {
            org.end_payment(c.id).await.map(CallRow::from)
        })
        .about("Takes the mask off: the recording goes on.")
        .item("call")
}
