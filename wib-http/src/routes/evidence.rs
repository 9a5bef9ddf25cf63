use std::io::Cursor;

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use wib_core::{
    Wib,
    calls::Call,
    evidence::{Checkpoint, ListCheckpoints, PartFault, ProveConsistency, Verified, verify_file},
    kit::{Error, Result, Role, Timestamp, canonical},
};

use crate::{
    input::{ById, Nothing},
    reply,
    table::{Asked, Routes, Wire, role},
};

/// Checks an evidence file.
#[derive(Deserialize, JsonSchema)]
struct VerifyFile {
    /// The file: its text, or a bundle as an object, which is then put into its one byte form.
    bundle: Json,
    /// The key that is expected to have signed: 64 hexadecimal digits.
    #[schemars(length(equal = 64))]
    public_key: Option<String>,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
struct Found {
    /// Whether nothing was changed.
    holds: bool,
    /// `sha256:<hex>` of the key that signed.
    signer: Option<String>,
    /// Whether the signer was compared with `public_key`.
    signer_checked: bool,
    /// Parts that do not hold.
    faults: Vec<PartFault>,
    /// Parts that were not looked into.
    unchecked: Vec<String>,
}

/// A signed statement about the chain.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Checkpoint")]
struct CheckpointRow {
    /// Links in the chain.
    size: i64,
    /// Hash of the last one.
    head: String,
    /// Root of the tree over them; checkpoints of the first version have none.
    root: Option<String>,
    /// `sha256:<hex>` of the key that signed.
    signer: String,
    /// Ed25519 over the canonical statement, hex.
    signature: String,
    #[schemars(with = "String")]
    signed_at: Timestamp,
}
impl From<Checkpoint> for CheckpointRow {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { size, head, root, signer, signature, created_at, .. } = checkpoint;
        Self { size, head, root, signer, signature, signed_at: created_at }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("evidence", "/api/evidence")
        .post("/verify", role(Role::Viewer), |_, c: VerifyFile| async move { found(&c) })
        .flat()
        .get("/checkpoints", role(Role::Compliance), |org, query: ListCheckpoints| async move {
            org.checkpoints(query).await.map(|page| page.map(CheckpointRow::from))
        })
        .about("Lists signed checkpoints, newest first.")
        .page("checkpoints")
        .get("/checkpoints/{size}/consistency", role(Role::Compliance), |org, asked: ProveConsistency| async move {
            org.prove_consistency(asked).await
        })
        .about("Proves that the chain only grew between two sizes.")
        .flat()
        .get("/chain", role(Role::Compliance), |org, _: Nothing| async move { org.verify_chain().await })
        .about("Walks the whole chain and tells what does not hold.")
        .flat()
        .raw(Method::GET, "/history", role(Role::Compliance), Wire::bytes("application/jsonl"), |asked| async move {
            history(&asked).await
        })
}

pub(super) fn routes_of_call() -> Routes<Wib> {
    Routes::<Wib>::at("evidence", "/api/calls/{id}").success_false().raw(
        Method::GET,
        "/evidence",
        role(Role::Compliance),
        Wire::bytes("application/json").takes::<ById<Call>>(),
        |asked| async move {
            let ById { id } = asked.input::<ById<Call>>().await?;
            // The file's own bytes: in an envelope it could not be verified as it is.
            let file = asked.org().await?.evidence(id).await?.to_bytes()?;
            let response = reply::with_type(200, "application/json", file);
            Ok(named(response, &format!("evidence-{id}.json")))
        },
    )
}

fn named(mut response: Response, name: &str) -> Response {
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn found(asked: &VerifyFile) -> Result<Found> {
    let file = match &asked.bundle {
        Json::String(text) => text.clone(),
        // What has no canonical form is no bundle; the verifier says so.
        object @ Json::Object(_) => canonical::to_text(object).unwrap_or_default() + "\n",
        _ => return Err(Error::field("bundle", "expected an object or text")),
    };
    let key = asked.public_key.as_deref();
    Ok(match verify_file(Cursor::new(file), key, &[])? {
        Verified::Bundle(found) => Found {
            holds: found.holds(),
            signer: found.signer,
            signer_checked: found.signer_checked,
            faults: found.faults,
            unchecked: found.unchecked,
        },
        Verified::History(found) => Found {
            holds: found.holds(),
            signer: found.signer,
            signer_checked: found.signer_checked,
            faults: found.faults,
            unchecked: vec![],
        },
    })
}

/// The whole chain, a page of links at a time: what waits for the client is at most one page.
async fn history(asked: &Asked<Wib>) -> Result<Response> {
    let org = asked.org().await?;
    let name = format!("history-{}.jsonl", org.id());
    let lines = stream::try_unfold(org.export_history().await?, |mut history| async move {
        Ok::<_, Error>(history.next().await?.map(|lines| (Bytes::from(lines), history)))
    });
    Ok(named(reply::with_type(200, "application/jsonl", axum::body::Body::from_stream(lines)), &name))
}
