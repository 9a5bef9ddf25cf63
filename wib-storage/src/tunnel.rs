//! PostgreSQL's bytes in a WebSocket: what Neon's proxy takes, and any that turns binary frames into TCP.
//!
//! ```text
//! driver -- unix socket in a private folder -- tunnel -- wss://host/v2 -- proxy -- PostgreSQL
//! ```
//! Every connection of the driver dials a WebSocket of its own. Frames carry the bytes as they come, without framing of
//! their own; their edges mean nothing. TLS is the WebSocket's. Whichever side ends first, the other is ended too, so that a
//! pool sees a dead connection as dead and makes another.
//!
//! | what | bound |
//! |---|---|
//! | dialling, both handshakes | 10 s |
//! | nothing heard | a ping after 15 s, the end after 45 s |
//! | a frame that is not taken | 30 s |
//! | bytes in hand, each way | 16 KiB out, one frame (16 MiB at most) in |
//! | connections | 1024 |
//!
//! A dial that fails is told to the driver in PostgreSQL's own words (SQLSTATE 08001), naming `WIB_DB_WEBSOCKET`.

use std::{
    fmt, fs, io,
    net::IpAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use http::Uri;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use sqlx::error::DatabaseError;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use wib_core::kit::{
    Clock, Error, OsRandom, Random, Result, SystemClock,
    time::{after, timeout},
};

const DIAL: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_secs(15);
const WRITE: Duration = Duration::from_secs(30);
/// How long the other side may take to say goodbye.
const PARTING: Duration = Duration::from_secs(5);
const PIECE: usize = 16 << 10;
const FRAME: usize = 16 << 20;
const CONNECTIONS: usize = 1024;

/// The variable that it is set by.
const SETTING: &str = "WIB_DB_WEBSOCKET";

/// Where PostgreSQL's bytes are taken in WebSockets.
///
/// An address with `{host}` and `{port}` for the database's: `wss://{host}/v2` for Neon,
/// `wss://proxy.example.com/v1?address={host}:{port}` for a proxy of one's own.
#[derive(Clone)]
pub struct WebSocket {
    template: String,
    tls: TlsConnector,
}
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocket({})", self.template)
    }
}

impl WebSocket {
    /// Trusting Mozilla's roots as they were when this was built.
    ///
    /// # Errors
    /// `Invalid` when it is no address; `ws://` is one only for this machine, because passwords go through it.
    pub fn new(template: &str) -> Result<Self> {
        Self::over(template, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
    /// Trusting the roots in that PEM, and no others.
    ///
    /// # Errors
    /// As [`new`](Self::new), and `Invalid` when there is no root in it.
    pub fn trusting(template: &str, pem: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|e| Error::invalid("not PEM").because(e))?;
            roots.add(root).map_err(|e| Error::invalid("not a certificate").because(e))?;
        }
        if roots.is_empty() {
            return Err(Error::invalid("holds no certificate"));
        }
        Self::over(template, roots)
    }
    fn over(template: &str, roots: RootCertStore) -> Result<Self> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("no versions of TLS").because(e))?;
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let this = Self { template: template.to_owned(), tls: TlsConnector::from(Arc::new(tls)) };
        this.address("db.example.com", 5432).map(|_| this)
    }
    /// The address for a database.
    fn address(&self, host: &str, port: u16) -> Result<Uri> {
        // What stands in an address must not become another part of it.
        if host.is_empty() || !host.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_:".contains(&c)) {
            return Err(Error::invalid("the database's host is no name and no address"));
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let address = self.template.replace("{host}", &host).replace("{port}", &port.to_string());
        let uri: Uri = address.parse().map_err(|_| Error::invalid("not a URL"))?;
        let here = |host: &str| {
            host == "localhost"
                || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        match (uri.scheme_str(), uri.host()) {
            (Some("wss"), Some(_)) => Ok(uri),
            (Some("ws"), Some(host)) if here(host) => Ok(uri),
            (Some("ws"), Some(_)) => Err(Error::invalid("expected wss://: passwords go through it")),
            _ => Err(Error::invalid("expected wss:// and a host")),
        }
    }
}

/// Whether the tunnel itself, no database, gave this answer.
pub(crate) fn said(answer: &dyn DatabaseError) -> bool {
    answer.code().as_deref() == Some("08001") && answer.message().starts_with(SETTING)
}

/// A unix socket whose connections become WebSockets, until it is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    folder: PathBuf,
    // What cleans temporary folders up leaves a locked one alone.
    _lock: fs::File,
    door: tokio::task::JoinHandle<()>,
}

impl Tunnel {
    /// Opens one to a database.
    pub(crate) fn open(websocket: &WebSocket, host: &str, port: u16) -> Result<Self> {
        let uri = websocket.address(host, port).map_err(|e| Error::database(format!("{SETTING}: {}", e.message())))?;
        let random: &dyn Random = &OsRandom;
        // Short: a socket's path has about a hundred bytes.
        let folder = std::env::temp_dir().join(format!("wib-{}", &random.token()[..16]));
        let open = || {
            fs::DirBuilder::new().mode(0o700).create(&folder)?;
            let lock = fs::File::open(&folder)?;
            lock.try_lock()?;
            Ok::<_, io::Error>((UnixListener::bind(folder.join(format!(".s.PGSQL.{port}")))?, lock))
        };
        let (listener, lock) = open().map_err(|e| {
            let _ = fs::remove_dir(&folder);
            Error::database(format!("{SETTING}: no socket can be made in {}", folder.display())).because(e)
        })?;
        let way = Arc::new(Way { uri, tls: websocket.tls.clone() });
        Ok(Self { folder, _lock: lock, door: tokio::spawn(serve(listener, way)) })
    }
    /// Where the socket lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
impl Drop for Tunnel {
    fn drop(&mut self) {
        self.door.abort();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Takes connections; its end ends them all.
async fn serve(listener: UnixListener, way: Arc<Way>) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = carried.join_next(), if !carried.is_empty() => {}
            taken = listener.accept(), if carried.len() < CONNECTIONS => match taken {
                Ok((near, _)) => {
                    let way = way.clone();
                    carried.spawn(async move { way.carry(near).await });
                }
                // Out of descriptors: some will be given back.
                Err(error) => {
                    tracing::warn!(%error, "the tunnel takes no connection");
                    SystemClock.sleep_until(after(SystemClock.now(), Duration::from_millis(100))).await;
                }
            },
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
type Socket = WebSocketStream<Box<dyn Duplex>>;

/// Where connections go.
struct Way {
    uri: Uri,
    tls: TlsConnector,
}

impl Way {
    async fn carry(&self, near: UnixStream) {
        let dialled = timeout(&SystemClock, DIAL, self.dial()).await.unwrap_or(Err("does not answer".to_owned()));
        match dialled {
            Ok(socket) => {
                let ended = carry(near, socket).await;
                tracing::debug!(%ended, "a WebSocket to the database ended");
            }
            Err(why) => {
                tracing::warn!(%why, "no WebSocket to the database");
                let _ = timeout(&SystemClock, PARTING, refuse(near, &format!("{SETTING}: the proxy {why}"))).await;
            }
        }
    }
    async fn dial(&self) -> Result<Socket, String> {
        let secure = self.uri.scheme_str() == Some("wss");
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let unreached = |e: io::Error| format!("cannot be reached ({})", e.kind());
        let tcp = TcpStream::connect((host, port)).await.map_err(unreached)?;
        tcp.set_nodelay(true).map_err(unreached)?;
        let stream: Box<dyn Duplex> = if secure {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| "has no name for TLS".to_owned())?;
            Box::new(self.tls.connect(name, tcp).await.map_err(|e| format!("is not to be trusted ({e})"))?)
        } else {
            Box::new(tcp)
        };
        let request = self.uri.clone().into_client_request().map_err(|_| "has no address".to_owned())?;
        let config = WebSocketConfig::default().max_message_size(Some(FRAME)).max_frame_size(Some(FRAME));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(format!("answered {}", answer.status().as_u16())),
            Err(_) => Err("does not speak WebSocket".to_owned()),
        }
    }
}

/// Tells the driver in PostgreSQL's words why there is no connection.
async fn refuse(mut near: UnixStream, why: &str) -> io::Result<()> {
    let fields = format!("SFATAL\0VFATAL\0C08001\0M{why}\0\0");
    let length = u32::try_from(fields.len() + 4).map_err(io::Error::other)?;
    near.write_all(&[b"E", length.to_be_bytes().as_slice(), fields.as_bytes()].concat()).await?;
    near.shutdown().await?;
    // A socket that is closed with bytes unread takes back what it was told.
    let mut rest = [0; 1024];
    while near.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Carries bytes both ways until one side ends; why it ended.
async fn carry(near: UnixStream, socket: Socket) -> String {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut to_far, mut from_far) = socket.split();
    let heard = AtomicI64::new(SystemClock.now().as_microsecond());
    // Held up by the driver, not by the proxy: nothing is heard then, and nothing is wrong.
    let delivering = AtomicBool::new(false);
    let out = async {
        let mut piece = vec![0; PIECE];
        let mut wake = after(SystemClock.now(), QUIET);
        loop {
            let (message, last) = tokio::select! {
                read = from_near.read(&mut piece) => match read {
                    Ok(n) if n > 0 => (Message::binary(piece[..n].to_vec()), false),
                    _ => (Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })), true),
                },
                () = SystemClock.sleep_until(wake) => {
                    let now = SystemClock.now();
                    let silent = now.as_microsecond() - heard.load(Ordering::Relaxed);
                    wake = after(now, QUIET);
                    if i128::from(silent) < QUIET.as_micros() as i128 || delivering.load(Ordering::Relaxed) {
                        continue;
                    }
                    if i128::from(silent) >= 3 * QUIET.as_micros() as i128 {
                        return "the proxy is silent".to_owned();
                    }
                    (Message::Ping(vec![].into()), false)
                }
            };
            match timeout(&SystemClock, WRITE, to_far.send(message)).await {
                Some(Ok(())) if !last => {}
                Some(Ok(())) => break,
                Some(Err(_)) => return "the WebSocket broke".to_owned(),
                None => return "the proxy takes nothing".to_owned(),
            }
        }
        // The driver has said all; the other side may still say goodbye.
        SystemClock.sleep_until(after(SystemClock.now(), PARTING)).await;
        "the driver ended".to_owned()
    };
    let back = async {
        loop {
            let message = from_far.next().await;
            heard.store(SystemClock.now().as_microsecond(), Ordering::Relaxed);
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    delivering.store(true, Ordering::Relaxed);
                    let written = to_near.write_all(&bytes).await;
                    delivering.store(false, Ordering::Relaxed);
                    heard.store(SystemClock.now().as_microsecond(), Ordering::Relaxed);
                    if written.is_err() {
                        return "the driver is gone".to_owned();
                    }
                }
                // Answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => return "the proxy sent text".to_owned(),
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    return format!("closed by the proxy with {code}");
                }
                Some(Err(_)) | None => return "the WebSocket broke".to_owned(),
            }
        }
    };
    let ended = tokio::select! {
        ended = back => ended,
        ended = out => ended,
    };
    // Bytes that came before the end are delivered: then the driver sees the end itself.
    let _ = timeout(&SystemClock, PARTING, to_near.shutdown()).await;
    // A closing is answered, and ours told, as far as the other side still listens.
    let _ = timeout(&SystemClock, Duration::from_secs(1), to_far.close()).await;
    ended
}
