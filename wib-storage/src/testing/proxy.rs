//! A proxy before a server of the tests: it carries TCP or WebSockets to a socket, and is cut and mended at will.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
};

/// What is spoken to a [`Proxy`].
#[derive(Clone)]
pub enum Speech {
    /// The server's own protocol.
    Tcp,
    /// Binary frames, as Neon's proxy takes them: `?address=` names the server, and any but one is refused before the
    /// upgrade.
    #[cfg(feature = "websocket")]
    WebSocket {
        /// The address that is let through.
        only: String,
    },
    /// The same, behind TLS.
    #[cfg(feature = "websocket")]
    Secure {
        /// The address that is let through.
        only: String,
        /// The proxy's side of TLS.
        tls: tokio_rustls::TlsAcceptor,
    },
}
impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp => "Tcp",
            #[cfg(feature = "websocket")]
            _ => "WebSocket",
        })
    }
}

/// A proxy on a port of this machine, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    // Whether it carries: its turning false ends what is carried.
    open: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts one to a server: the path of its socket, or its host and port.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start(speech: Speech, server: &str) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("a listener of tokio's");
        let listener = TcpListener::from_std(listener).expect("a listener of tokio's");
        let address = listener.local_addr().expect("it has a port");
        let (open, opened) = watch::channel(true);
        let task = tokio::spawn(serve(listener, opened, speech, Arc::from(server)));
        Self { address, open, task }
    }
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
    /// Ends every connection at once, and takes none: the network is gone.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }
    /// Takes connections again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}
impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, mut open: watch::Receiver<bool>, speech: Speech, server: Arc<str>) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = carried.join_next(), if !carried.is_empty() => {}
            changed = open.changed() => {
                if changed.is_err() {
                    return;
                }
                if !*open.borrow() {
                    carried.shutdown().await;
                }
            }
            Ok((near, _)) = listener.accept() => {
                if *open.borrow() {
                    let (speech, server) = (speech.clone(), server.clone());
                    carried.spawn(async move {
                        let _ = carry(near, speech, &server).await;
                    });
                }
            }
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

async fn carry(mut near: TcpStream, speech: Speech, server: &str) -> io::Result<()> {
    let mut far: Box<dyn Duplex> = match server {
        path if path.starts_with('/') => Box::new(UnixStream::connect(path).await?),
        address => Box::new(TcpStream::connect(address).await?),
    };
    match speech {
        Speech::Tcp => copy_bidirectional(&mut near, &mut far).await.map(drop),
        #[cfg(feature = "websocket")]
        Speech::WebSocket { only } => socket::carry(near, far, &only).await,
        #[cfg(feature = "websocket")]
        Speech::Secure { only, tls } => socket::carry(tls.accept(near).await?, far, &only).await,
    }
}

#[cfg(feature = "websocket")]
mod socket {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
    use tokio_tungstenite::{
        accept_hdr_async,
        tungstenite::{
            Message,
            handshake::server::{ErrorResponse, Request, Response},
            protocol::{CloseFrame, frame::coding::CloseCode},
        },
    };

    use super::*;

    #[expect(clippy::result_large_err, reason = "the library's signature")]
    pub(super) async fn carry(near: impl Duplex, far: Box<dyn Duplex>, only: &str) -> io::Result<()> {
        let checked = |request: &Request, answer: Response| {
            let asked = request.uri().query().and_then(|query| query.strip_prefix("address="));
            if asked == Some(only) {
                return Ok(answer);
            }
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = http::StatusCode::BAD_REQUEST;
            Err(refused)
        };
        let socket = accept_hdr_async(near, checked).await.map_err(io::Error::other)?;
        let (mut to_near, mut from_near) = socket.split();
        let (mut from_far, mut to_far) = split(far);
        let there = async {
            while let Some(Ok(message)) = from_near.next().await {
                match message {
                    Message::Binary(bytes) => to_far.write_all(&bytes).await?,
                    Message::Close(_) => break,
                    _ => {}
                }
            }
            to_far.shutdown().await
        };
        let back = async {
            // Small and odd, so that frames end within messages.
            let mut piece = [0; 1021];
            loop {
                match from_far.read(&mut piece).await {
                    Ok(n) if n > 0 => {
                        to_near.send(Message::binary(piece[..n].to_vec())).await.map_err(io::Error::other)?;
                    }
                    _ => {
                        let reason = "TCP connection is closed".into();
                        let frame = CloseFrame { code: CloseCode::Normal, reason };
                        return to_near.send(Message::Close(Some(frame))).await.map_err(io::Error::other);
                    }
                }
            }
        };
        tokio::try_join!(there, back).map(drop)
    }
}
