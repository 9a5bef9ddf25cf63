//! Listening, and leaving in good order.

use std::{
    future::Future,
    io::{
        self,
        ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset},
    },
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tower::ServiceExt;
use wib_core::kit::{Clock, time};

/// How long requests may go on after the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(20);
/// How long a client may take for the head of a request, and how long a connection may lie idle between two.
pub const HEAD: Duration = Duration::from_secs(30);
/// The most bytes of a request's head; more is `431`.
pub const HEAD_BYTES: usize = 64 << 10;
/// The most headers of a request; more is `431`.
pub const HEADERS: usize = 100;
/// The most connections at a time; others wait in the system's queue.
pub const CONNECTIONS: usize = 4096;
/// How long nothing is accepted after the system refused (no file handles left).
const BREATH: Duration = Duration::from_secs(1);

/// Serves until `stop`, then takes no more connections, finishes the requests in hand, at most [`GRACE`] long.
///
/// A client takes a bounded amount of memory and of time: [`HEAD`], [`HEAD_BYTES`], [`HEADERS`], [`CONNECTIONS`]; bodies are
/// bounded where they are read.
///
/// # Errors
/// When the listener cannot say where it is.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.local_addr()?;
    let (tell, told) = watch::channel(false);
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (seat, stream, peer) = accept(&listener, &seats, &*clock) => {
                let connection = connection(stream, peer, app.clone(), told.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
        }
    }
    tracing::info!("stopping: no more connections are taken");
    drop(listener);
    let _ = tell.send(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if time::timeout(&*clock, GRACE, finished).await.is_none() {
        tracing::warn!(seconds = GRACE.as_secs(), "stopped with requests unfinished");
    }
    Ok(())
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
    clock: &dyn Clock,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    let seat = Arc::clone(seats).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (seat, stream, peer),
            // The client's own doing; the next one may come.
            Err(e) if matches!(e.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                clock.sleep_until(time::after(clock.now(), BREATH)).await;
            }
        }
    }
}

/// Answers what comes over a connection until either side ends it.
async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, mut told: watch::Receiver<bool>) {
    // Small answers leave at once; without it they only come later.
    let _ = stream.set_nodelay(true);
    let answers = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request.map(Body::new))
    });
    let mut rules = http1::Builder::new();
    rules.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    let served = rules.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answers)).with_upgrades();
    let mut served = pin!(served);
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = async { drop(told.wait_for(|told| *told).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// What a process is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: by whoever runs it, and balancers may send requests still.
    Terminate,
    /// SIGINT: by somebody at the keyboard.
    Interrupt,
}

/// The signals that a process is told to end by, one after another.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
    #[cfg(unix)]
    int: tokio::signal::unix::Signal,
}
impl Signals {
    /// Listens from now on: until then a signal ends the process at once.
    ///
    /// # Errors
    /// When the process may not listen.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }
    /// The next one.
    pub async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        tokio::select! {
            biased;
            _ = self.term.recv() => Signal::Terminate,
            _ = self.int.recv() => Signal::Interrupt,
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
