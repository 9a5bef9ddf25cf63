//! The whole API inside somebody else's router. `cargo run -p examples --example embed_router`

use std::sync::Arc;

use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use wib_core::{
    kit::{Clock, OsRandom, Random, SystemClock},
    prelude::*,
};
use wib_http::{AppConfig, app};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

#[tokio::main]
async fn main() -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock.clone(), 1, sandbox::Settings::default());
    let builder = Wib::builder()
        .store(Arc::new(SqlStore::open(&Database::Memory, clock.clone()).await?))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed([7; 32]));
    let wib = sandbox.plug(builder, &clock, &random)?.build()?;

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
