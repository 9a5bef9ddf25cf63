//! WebSockets to vendors: one wrapper with the deadlines, caps and failures that every adapter wants.
//!
//! A socket is opened by [`Ask::upgrade`](crate::http::Ask::upgrade), with the client's keys, and comes as two halves, for
//! whoever speaks and whoever listens. The listener keeps it alive: it answers pings, sends one when nothing was heard for
//! a while, and gives up when nothing comes back. No key, address or content appears in an error or when printed.

use std::{
    fmt, io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use tokio::sync::Mutex;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        error::{CapacityError, ProtocolError},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use wib_core::{
    kit::time::{Timestamp, after, timeout},
    ports::{Fault, Sent, VendorError},
};

use crate::{
    http::{Client, Wires},
    transport::Duplex,
};

/// A WebSocket over whatever a transport dialled: the same type for the network and a sandbox.
pub type Socket = WebSocketStream<Box<dyn Duplex>>;

/// How big, how quiet, how slow; and what the vendor means by its own codes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most bytes of a message.
    pub message: usize,
    /// How long nothing may be heard before a ping is sent, and again before the socket is given up.
    pub quiet: Duration,
    /// Longest time for a message to be taken.
    pub write: Duration,
    /// What a code of closing means, where the vendor gives it a meaning of its own.
    pub codes: fn(u16) -> Option<Fault>,
}
impl Default for Limits {
    fn default() -> Self {
        Self { message: 1 << 20, quiet: Duration::from_secs(15), write: Duration::from_secs(10), codes: |_| None }
    }
}

/// What a socket brings.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// Why there is no socket.
pub(crate) enum Unshaken {
    Unsupported,
    NoConnection,
    Refused(Box<Response<Option<Vec<u8>>>>),
    Broken,
    Nonsense,
}

/// Dials and shakes hands; gives the headers of the vendor's answer too. The key of the handshake comes from the wires, as all chance does.
pub(crate) async fn shake(
    wires: &Wires,
    mut request: Request<()>,
    limits: &Limits,
) -> Result<(Socket, HeaderMap), Unshaken> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let secure = parts.scheme.as_ref().is_some_and(|scheme| matches!(scheme.as_str(), "https" | "wss"));
    parts.scheme = (if secure { "wss" } else { "ws" }).parse().ok();
    let host = parts.authority.as_ref().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let host = host.and_then(|host| HeaderValue::from_str(host).ok()).ok_or(Unshaken::NoConnection)?;
    let uri = Uri::from_parts(parts).map_err(|_| Unshaken::NoConnection)?;
    let stream = wires.transport.dial(&uri).await.map_err(|e| match e.kind() {
        io::ErrorKind::Unsupported => Unshaken::Unsupported,
        _ => Unshaken::NoConnection,
    })?;
    *request.uri_mut() = uri;
    let mut nonce = [0; 16];
    wires.random.fill(&mut nonce);
    let key = HeaderValue::from_str(&BASE64_STANDARD.encode(nonce)).map_err(|_| Unshaken::Nonsense)?;
    let fixed: [(HeaderName, HeaderValue); 5] = [
        (header::HOST, host),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (header::SEC_WEBSOCKET_KEY, key),
    ];
    request.headers_mut().extend(fixed);
    let config = WebSocketConfig::default().max_message_size(Some(limits.message)).max_frame_size(Some(limits.message));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, answer)) => Ok((socket, answer.into_parts().0.headers)),
        Err(tungstenite::Error::Http(answer)) => Err(Unshaken::Refused(answer)),
        Err(tungstenite::Error::Io(_)) | Err(tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete)) => {
            Err(Unshaken::Broken)
        }
        Err(_) => Err(Unshaken::Nonsense),
    }
}

/// The two halves of a socket.
pub(crate) fn halves(
    socket: Socket,
    client: Client,
    limits: Limits,
    request_id: Option<String>,
) -> (Outgoing, Incoming) {
    let (sink, stream) = socket.split();
    let heard = client.now();
    let (sink, ended) = (Mutex::new(sink), std::sync::Mutex::new(None));
    let line = Arc::new(Line { client, limits, sink, leaving: AtomicBool::new(false), ended });
    (Outgoing(line.clone()), Incoming { line, stream, request_id, heard, asked: None, over: false })
}

/// What both halves share.
struct Line {
    client: Client,
    limits: Limits,
    sink: Mutex<SplitSink<Socket, Message>>,
    /// We have said all: whatever ends the socket now is its end.
    leaving: AtomicBool,
    /// Why the vendor closed it.
    ended: std::sync::Mutex<Option<VendorError>>,
}

impl Line {
    fn fault(&self, fault: Fault, message: &str) -> VendorError {
        self.client.fault(fault, Sent::Unknown, message)
    }
    async fn send(&self, message: Message) -> Result<(), VendorError> {
        let write = async { self.sink.lock().await.send(message).await };
        match timeout(self.client.clock(), self.limits.write, write).await {
            Some(Ok(())) => Ok(()),
            // Why it was closed says more than that it is.
            Some(Err(e)) => Err(self.reason().unwrap_or_else(|| self.failure(&e))),
            None => Err(self.fault(Fault::Timeout, "the vendor does not take what is sent")),
        }
    }
    fn reason(&self) -> Option<VendorError> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn failure(&self, error: &tungstenite::Error) -> VendorError {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                self.fault(Fault::Request, "the message is larger than allowed")
            }
            tungstenite::Error::Io(_)
            | tungstenite::Error::ConnectionClosed
            | tungstenite::Error::AlreadyClosed
            | tungstenite::Error::Protocol(
                ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
            ) => self.fault(Fault::Down, "the connection was lost"),
            _ => self.fault(Fault::Nonsense, "not what a WebSocket brings"),
        }
    }
    /// What a code of closing means to us; `None` for a plain end.
    fn judge(&self, frame: Option<&CloseFrame>) -> Option<VendorError> {
        let code = frame.map_or(1005, |frame| u16::from(frame.code));
        if code == 1000 {
            return None;
        }
        let fault = (self.limits.codes)(code).unwrap_or(match code {
            1002 | 1003 | 1007..=1010 => Fault::Request,
            _ => Fault::Down,
        });
        let reason = frame.map_or("", |frame| frame.reason.as_str());
        let said = if reason.is_empty() { "the vendor closed the socket".to_owned() } else { self.client.said(reason) };
        Some(VendorError { code: Some(code.to_string()), ..self.fault(fault, &said) })
    }
    /// Answers a closing, or says goodbye: what becomes of it does not matter any more.
    async fn close(&self) {
        let close = async { self.sink.lock().await.close().await };
        let _ = timeout(self.client.clock(), Duration::from_secs(1), close).await;
    }
}

/// The half that speaks. Clones speak over the same socket.
#[derive(Clone)]
pub struct Outgoing(Arc<Line>);

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({})", self.0.client.vendor())
    }
}
impl Outgoing {
    /// Sends text.
    ///
    /// # Errors
    /// When it is not taken in time or the socket is closed: then why it was, when the listener has heard.
    pub async fn text(&mut self, text: String) -> Result<(), VendorError> {
        self.0.send(Message::text(text)).await
    }
    /// Sends bytes.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub async fn binary(&mut self, bytes: Bytes) -> Result<(), VendorError> {
        self.0.send(Message::binary(bytes)).await
    }
    /// Ends the socket. The listener still hears what the vendor sends before it agrees.
    pub async fn close(&mut self) {
        self.0.leaving.store(true, Ordering::Relaxed);
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // A socket that is closed already is what was wanted.
        let _ = self.0.send(Message::Close(Some(frame))).await;
    }
}

/// The half that listens.
pub struct Incoming {
    line: Arc<Line>,
    stream: SplitStream<Socket>,
    request_id: Option<String>,
    /// When something was last heard.
    heard: Timestamp,
    /// When a ping was sent that is not answered yet.
    asked: Option<Timestamp>,
    over: bool,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({})", self.line.client.vendor())
    }
}
impl Incoming {
    /// The vendor's name of the request that opened the socket, when it gave one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
    /// What comes next; `None` when the socket has ended as it should: after all was said, or with the code 1000. May be
    /// dropped while it waits.
    ///
    /// # Errors
    /// When the vendor closes it with another code, it breaks, nothing is heard, or a message is too large. After an error
    /// nothing more comes.
    pub async fn next(&mut self) -> Result<Option<Frame>, VendorError> {
        if self.over {
            return Ok(None);
        }
        match self.heed().await {
            Ok(Some(frame)) => Ok(Some(frame)),
            end => {
                self.over = true;
                if let Err(error) = &end {
                    *self.line.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                }
                self.line.close().await;
                end
            }
        }
    }
    /// What the vendor says went wrong, by its code. The words are masked, and our keys taken out of them.
    #[must_use]
    pub fn failure(&self, code: Option<u16>, words: &str) -> VendorError {
        let fault = code.and_then(self.line.limits.codes).unwrap_or(Fault::Down);
        let error = self.line.fault(fault, &self.line.client.said(words));
        VendorError { code: code.map(|code| code.to_string()), ..error }
    }
    /// Says that the vendor has said all: whatever ends the socket from now on is its end.
    pub fn satisfied(&mut self) {
        self.line.leaving.store(true, Ordering::Relaxed);
    }

    async fn heed(&mut self) -> Result<Option<Frame>, VendorError> {
        loop {
            let line = &*self.line;
            let until = after(self.asked.unwrap_or(self.heard), line.limits.quiet);
            let left = Duration::try_from(until.duration_since(line.client.now())).unwrap_or_default();
            let message = match timeout(line.client.clock(), left, self.stream.next()).await {
                Some(message) => message,
                None if self.asked.is_some() => return Err(line.fault(Fault::Timeout, "nothing was heard")),
                None => {
                    line.send(Message::Ping(Bytes::new())).await?;
                    self.asked = Some(line.client.now());
                    continue;
                }
            };
            (self.heard, self.asked) = (line.client.now(), None);
            match message {
                Some(Ok(Message::Text(text))) => return Ok(Some(Frame::Text(text.as_str().to_owned()))),
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(Frame::Binary(bytes))),
                // Reading on sends the answer to a ping.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => match line.judge(frame.as_ref()) {
                    Some(error) if !line.leaving.load(Ordering::Relaxed) => return Err(error),
                    _ => return Ok(None),
                },
                _ if line.leaving.load(Ordering::Relaxed) => return Ok(None),
                Some(Err(error)) => return Err(line.failure(&error)),
                None => return Err(line.fault(Fault::Down, "the connection was lost")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
