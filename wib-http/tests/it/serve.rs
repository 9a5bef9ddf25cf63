use std::{future::Future, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use wib_core::kit::{Clock, SystemClock, VirtualClock, time};
use wib_http::{
    input::BODY,
    serve::{GRACE, HEAD, HEAD_BYTES, HEADERS, serve},
};

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

/// A server over a port, and where it is.
async fn listening(clock: Arc<dyn Clock>, app: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, clock, std::future::pending()));
    address
}

async fn told(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    // It may hang up before it has read everything.
    let _ = client.write_all(request).await;
    let mut answer = vec![];
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_before_it_is_kept() {
    let address = listening(Arc::new(SystemClock), hello()).await;
    let many: String = (0..=HEADERS).map(|n| format!("x-{n}: y\r\n")).collect();
    let answer = told(address, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(4 * HEAD_BYTES));
    let answer = told(address, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = told(address, format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(4 * HEAD_BYTES)).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 414 "), "{answer}");
    let answer = told(address, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "others are answered: {answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_head_is_left() {
    let address = listening(Arc::new(SystemClock), hello()).await;
    let began = tokio::time::Instant::now();
    let answer = told(address, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    assert!(!answer.contains("hello"), "{answer}");
    assert!(began.elapsed() >= HEAD, "{:?}", began.elapsed());
    // One that was answered and says nothing more, too.
    let answer = told(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = crate::server::Server::start().await;
    let address = listening(server.clock.clone(), server.app.clone()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"em";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = client.read(&mut answer);
    let time_passes = async {
        loop {
            server.clock.advance(BODY);
            SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(5))).await;
        }
    };
    let size = tokio::select! { size = read => size.unwrap(), () = time_passes => unreachable!() };
    let answer = String::from_utf8_lossy(&answer[..size]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("body was not sent in time"), "{answer}");
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_at_the_limit() {
    let server = crate::server::Server::start().await;
    let address = listening(server.clock.clone(), server.app.clone()).await;
    let head = "POST /api/auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let request = format!("{head}{}", chunk.repeat(32));
    let answer = told(address, request.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Told by its length, nothing of it is read.
    let answer = told(
        address,
        b"POST /api/auth/signup HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
