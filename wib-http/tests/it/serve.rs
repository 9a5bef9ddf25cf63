use std::{future::Future, sync::Arc};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use wib_core::kit::{Clock, VirtualClock};
use wib_http::serve::{GRACE, serve};

/// A server with one request in hand and told to stop, and the client that waits for the answer.
async fn stopping(
    clock: Arc<dyn Clock>,
    work: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) -> (JoinHandle<()>, TcpStream) {
    let begun = Arc::new(Notify::new());
    let told = Arc::clone(&begun);
    let app = Router::new().route(
        "/",
        get(move || async move {
            told.notify_one();
            work.await;
            "done"
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        serve(listener, app, clock, async move { _ = stopped.await }).await.unwrap();
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    begun.notified().await;
    stop.send(()).unwrap();
    (server, client)
}

#[tokio::test]
async fn a_request_in_hand_is_finished_before_the_server_stops() {
    use futures_util::FutureExt;
    let (go, wait) = oneshot::channel::<()>();
    let work = wait.map(|_| ()).shared();
    let clock = Arc::new(VirtualClock::new("2026-01-05T15:00:00Z".parse().unwrap()));
    let (server, mut client) = stopping(clock, work).await;
    go.send(()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_request_that_hangs_is_left_after_the_grace() {
    use futures_util::FutureExt;
    let clock = Arc::new(VirtualClock::new("2026-01-05T15:00:00Z".parse().unwrap()));
    let (server, _client) = stopping(clock.clone(), std::future::pending().shared()).await;
    while !server.is_finished() {
        clock.advance(GRACE);
        tokio::task::yield_now().await;
    }
    server.await.unwrap();
}
