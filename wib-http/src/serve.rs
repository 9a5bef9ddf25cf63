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

/// Returns at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not listen for signals.
pub async fn signals() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            biased;
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
