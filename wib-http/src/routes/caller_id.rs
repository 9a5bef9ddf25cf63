//! Numbers that are proven to be the organisation's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    caller_ids::{CallerId, CallerIdStatus, ConfirmCallerId, StartCallerId},
    kit::{Id, Phone, Result, Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::{self, ById, Nothing},
    table::{Routes, role, session},
};

/// Sends a number a code that proves it to be the organisation's.
#[derive(Deserialize, JsonSchema)]
struct ProveNumber {
    phone_number: Phone,
    #[schemars(length(max = 100))]
    label: Option<String>,
}

/// Takes the code that was sent to a number.
#[derive(Deserialize, JsonSchema)]
struct ConfirmNumber {
    phone_number: Phone,
    /// Six digits.
    #[schemars(length(min = 1, max = 20))]
    code: String,
}

/// A number that is proven to be the organisation's, or is being.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallerIdRow")]
struct NumberRow {
    id: Id<CallerId>,
    phone_number: Phone,
    label: Option<String>,
    status: CallerIdStatus,
    #[schemars(with = "Option<String>")]
    verified_at: Option<Timestamp>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<CallerId> for NumberRow {
    fn from(c: CallerId) -> Self {
        let CallerId { id, phone, label, status, verified_at, created_at, .. } = c;
        Self { id, phone_number: phone, label, status, verified_at, created_at }
    }
}

/// What was done about a number.
#[derive(Serialize, JsonSchema)]
struct NumberTold {
    message: &'static str,
    phone_number: Phone,
}

/// A number that is no longer shown.
#[derive(Serialize, JsonSchema)]
struct NumberGone {
    message: &'static str,
}

async fn list(org: Org) -> Result<Vec<NumberRow>> {
    Ok(org.caller_ids().await?.into_iter().map(NumberRow::from).collect())
}

async fn prove(org: Org, c: ProveNumber) -> Result<NumberTold> {
    let command = StartCallerId { phone: c.phone_number, label: c.label };
    let sent = org.prove_caller_id(command).await.map_err(|e| input::renamed(e, &[("phone", "phone_number")]))?;
    Ok(NumberTold { message: "A code was sent to the number. It is good for 10 minutes.", phone_number: sent.phone })
}

pub(super) fn routes() -> Routes<Wib> {
    let mut routes = Routes::<Wib>::at("caller-id", "/api/caller-id");
    for path in ["/", "/verify"] {
        routes = routes
            .get(path, session(), |org, _: Nothing| list(org))
            .about("Lists numbers that are proven to be the organisation's, and those that are being, oldest first.")
            .list("callerIds")
            .post(path, role(Role::Agent).limit(Limit::CallerId), prove)
            .refuses(&[409, 502])
            .flat();
    }
    routes
        .put("/verify", role(Role::Agent).limit(Limit::CallerIdVerify), |org, c: ConfirmNumber| async move {
            let command = ConfirmCallerId { phone: c.phone_number, code: c.code };
            let proven =
                org.confirm_caller_id(command).await.map_err(|e| input::renamed(e, &[("phone", "phone_number")]))?;
            Ok(NumberTold { message: "The number is proven: calls may show it.", phone_number: proven.phone })
        })
        .refuses(&[404, 410])
        .flat()
        .delete("/{id}", role(Role::Operator).limit(Limit::CallerId), |org, c: ById<CallerId>| async move {
            org.delete_caller_id(c.id).await?;
            Ok(NumberGone { message: "The number was deleted: no call shows it any more." })
        })
        .about("Forgets a number: no call shows it any more.")
        .flat()
}
