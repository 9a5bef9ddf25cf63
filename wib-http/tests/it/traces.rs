//! What a collector is sent of a server at work.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use tracing_subscriber::layer::SubscriberExt;
use wib_http::otel::Traces;

use crate::server::{Server, ask};

type Sent = Arc<Mutex<Vec<Bytes>>>;

/// A collector on a thread of its own: whoever ends its traces waits for it.
fn collector() -> (SocketAddr, Sent) {
    let (tell, told) = mpsc::channel();
    let sent = Sent::default();
    let kept = sent.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let take = async |State(kept): State<Sent>, body: Bytes| kept.lock().unwrap().push(body);
            let router = Router::new().route("/v1/traces", post(take)).with_state(kept);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (told.recv().unwrap(), sent)
}

#[tokio::test]
async fn a_collector_is_sent_requests_messages_and_vendors_and_nothing_of_people() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (at, sent) = collector();
    let traces = Traces::to(&format!("http://{at}/")).unwrap();
    // The other tests of this process are heard too: nothing of their people leaves either.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(traces.layer())).unwrap();
    let server = Server::start().await;
    server.import("+15005550001").await;
    let placed = server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    let id = placed.json["call"]["id"].as_str().unwrap().to_owned();
    server.pass(Duration::from_secs(900)).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let bearer = format!("Bearer {}", server.token);
    let headers = [("authorization", bearer.as_str()), ("traceparent", parent)];
    assert_eq!(ask(&server.app, "GET", &format!("/api/calls/{id}"), &headers, "").await.status, 200);
    traces.end();
    let all = sent.lock().unwrap().concat();
    let holds = |text: &[u8]| all.windows(text.len()).any(|part| part == text);
    for word in ["request", "/api/calls/{id}", "message", "dial", "vendor", "telnyx", "service.version"] {
        assert!(
            holds(word.as_bytes()),
            "{word} is not in {} bytes of {} batches",
            all.len(),
            sent.lock().unwrap().len()
        );
    }
    let trace: Vec<_> = (0..16).map(|n| u8::from_str_radix(&parent[3 + 2 * n..5 + 2 * n], 16).unwrap()).collect();
    assert!(holds(&trace), "the caller's trace goes on");
    let secret = [id.as_str(), "5005550001", "ann@example.com", "Bo Dee", "correct horse", server.token.as_str()];
    for word in secret {
        assert!(!holds(word.as_bytes()), "{word} left the house");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    assert!(Traces::to("http://a b").is_err());
}
