//! The whole API inside somebody else's router, with a model of one's own. `cargo run -p examples --example embed_router`

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use wib_core::{
    kit::{Clock, OsRandom, Random, SystemClock},
    ports::{
        Llm, VendorError,
        llm::{Completion, Prompt},
    },
    prelude::*,
};
use wib_http::{AppConfig, app};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

/// Answers the same to everything.
#[derive(Debug)]
struct Taciturn;

#[async_trait]
impl Llm for Taciturn {
    fn vendor(&self) -> &'static str {
        "taciturn"
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, _: &Prompt) -> Result<Completion, VendorError> {
        let (vendor, text) = ("taciturn".to_owned(), "They talked.".to_owned());
        Ok(Completion { vendor, model: "taciturn-1".to_owned(), text, ..Completion::default() })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock.clone(), 1, sandbox::Settings::default());
    let builder = Wib::builder()
        .store(Arc::new(SqlStore::open(&Database::Memory, clock.clone()).await?))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed([7; 32]));
    // Everything from the sandbox, then our own model in place of its chain.
    let wib = sandbox.plug(builder, &clock, &random)?.llm(Arc::new(Taciturn)).build()?;

    let config = AppConfig { server: "/voice".to_owned(), ..AppConfig::default() };
    let router = Router::new().route("/", get(|| async { "ours" })).nest("/voice", app(wib, &config));

    // A server would listen here; one request shows that it is there.
    let request = Request::get("/voice/health/ping").body(Body::empty()).expect("a request");
    let answer = router.oneshot(request).await.expect("a router answers");
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    println!("/voice/health/ping answers {:?}", String::from_utf8_lossy(&body));
    Ok(())
}
