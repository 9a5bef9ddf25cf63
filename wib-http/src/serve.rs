//! Listening, and leaving in good order.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot};
use wib_core::kit::{Clock, time};

/// How long requests may go on after the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(20);

/// Serves until `stop`, then takes no more connections, finishes the requests in hand, at most [`GRACE`] long.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (tell, told) = oneshot::channel();
    let stopped = async move {
        stop.await;
        tracing::info!("stopping: no more connections are taken");
        // Nobody listens once the server has ended by itself.
        let _ = tell.send(());
    };
    let server =
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).with_graceful_shutdown(stopped);
    let patience = async {
        if told.await.is_err() {
            std::future::pending::<()>().await;
        }
        clock.sleep_until(time::after(clock.now(), GRACE)).await;
    };
    let (server, patience) = (pin!(server.into_future()), pin!(patience));
    tokio::select! {
        biased;
        ended = server => ended,
        () = patience => {
            tracing::warn!(seconds = GRACE.as_secs(), "stopped with requests unfinished");
            Ok(())
        }
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
