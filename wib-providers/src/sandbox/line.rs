//! WebSockets to the vendors' models: the handshake, and whose turn it is.

use std::io;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Response};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        self, Message,
        handshake::server::create_response,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};
use wib_core::kit::Timestamp;

use super::{
    FaultKind, LiveTrouble, PORT, Sandbox, broken,
    trouble::Trouble,
    wire::{Ask, Base, typed},
};
use crate::transport::Duplex;

/// What came over a socket.
#[derive(Clone, Copy)]
pub(crate) enum Said<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// What a model says over a socket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Say {
    Text(String),
    /// The last word: a code, and a reason.
    Close(u16, String),
}

/// By which way somebody came.
#[derive(Clone)]
pub(super) enum Door {
    /// To a vendor's own host, with the fault that was ordered for it.
    Host(&'static str, Option<FaultKind>),
    /// To the port: the first segment of the path is the vendor.
    Port,
}

/// Who talks with whom, once the handshake is done.
#[derive(Debug)]
struct Talk {
    vendor: String,
    session: String,
    fault: Option<FaultKind>,
    trouble: Option<Trouble>,
    greeting: Option<(&'static str, String)>,
}

impl Talk {
    /// Puts the vendor's own header into the answer to the handshake.
    fn greet(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = &self.greeting
            && let Ok(value) = value.parse()
        {
            headers.insert(*name, value);
        }
    }
}

/// Somebody whose handshake came as a request, and was taken: the talk goes over the connection once it is upgraded.
#[derive(Debug)]
pub struct Guest {
    sandbox: Sandbox,
    talk: Talk,
}
impl Guest {
    /// Talks over the upgraded connection until either side is gone.
    pub async fn converse(self, io: impl Duplex + 'static) {
        let io: Box<dyn Duplex> = Box::new(io);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        self.sandbox.hold(socket, self.talk).await;
    }
}

impl Sandbox {
    /// Takes a request to the port that wants a WebSocket, for hosts that read requests themselves. Gives the answer, and
    /// who is to talk once the connection is upgraded: `None` when the answer is a refusal.
    pub async fn upgrade(&self, request: &http::Request<()>) -> (Response<Bytes>, Option<Guest>) {
        let Ok(answer) = create_response(request) else {
            return (typed(400, "text/plain", "not a handshake of WebSockets"), None);
        };
        match self.admit(&Door::Port, request) {
            Ok(Talk { fault: Some(FaultKind::TimeoutBeforeEffect), .. }) => std::future::pending().await,
            Ok(talk) => {
                let mut answer = answer.map(|()| Bytes::new());
                talk.greet(answer.headers_mut());
                (answer, Some(Guest { sandbox: self.clone(), talk }))
            }
            Err(refusal) => (*refusal, None),
        }
    }

    /// Takes a connection to the port that wants a WebSocket: the handshake, then the talk, until either side is gone. The
    /// first segment of the path is the vendor, as for [`Sandbox::serve`].
    pub async fn converse(&self, io: impl Duplex + 'static) {
        self.attend(Box::new(io), Door::Port).await;
    }

    /// A connection to a host, in process; its far end is attended by a task of its own.
    pub(super) fn connect(&self, vendor: &'static str, path: &str) -> io::Result<Box<dyn Duplex>> {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let ask = Ask::new(&Method::GET, path, &headers, &body, Base::Hosts);
        let fault = {
            let mut world = self.world();
            let operation = world.models.get(vendor).map_or("unknown", |model| model.operation(&ask));
            world.fault(vendor, operation)
        };
        if fault == Some(FaultKind::NoConnection) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = tokio::io::duplex(64 << 10);
        self.spawn(far, Door::Host(vendor, fault));
        Ok(Box::new(near))
    }

    /// The same to the port, in process.
    pub(super) fn connect_to_port(&self) -> Box<dyn Duplex> {
        let (near, far) = tokio::io::duplex(64 << 10);
        self.spawn(far, Door::Port);
        Box::new(near)
    }

    fn spawn(&self, far: tokio::io::DuplexStream, door: Door) {
        let sandbox = self.clone();
        tokio::spawn(async move { sandbox.attend(Box::new(far), door).await });
    }

    async fn attend(&self, mut io: Box<dyn Duplex>, door: Door) {
        if let Door::Host(_, Some(FaultKind::TimeoutBeforeEffect)) = door {
            return swallow(&mut *io).await;
        }
        let mut admitted = None;
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let shaken = accept_hdr_async(
            io,
            |request: &tungstenite::handshake::server::Request,
             mut response: tungstenite::handshake::server::Response| {
                match self.admit(&door, request) {
                    Ok(talk) => {
                        talk.greet(response.headers_mut());
                        admitted = Some(talk);
                        Ok(response)
                    }
                    Err(refusal) => Err(refusal.map(|body| Some(String::from_utf8_lossy(&body).into_owned()))),
                }
            },
        );
        if let (Ok(socket), Some(talk)) = (shaken.await, admitted) {
            self.hold(socket, talk).await;
        }
    }

    /// The talk, and what is left to do after it.
    async fn hold(&self, socket: WebSocketStream<Box<dyn Duplex>>, mut talk: Talk) {
        self.talk(socket, &mut talk).await;
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        world.with_model(&talk.vendor, |model, world| model.hung_up(world, &talk.session));
        world.said.remove(&talk.session);
    }

    /// Whether the vendor's model takes the socket.
    fn admit(&self, door: &Door, request: &http::Request<()>) -> Result<Talk, Box<Response<Bytes>>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let (vendor, path, base) = match door {
            Door::Host(vendor, _) => (*vendor, path, Base::Hosts),
            Door::Port => {
                let (vendor, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
                let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or(PORT);
                (vendor, rest, Base::Port(format!("http://{host}")))
            }
        };
        let (body, now) = (Bytes::new(), self.0.clock.now());
        let ask = Ask::new(request.method(), path, request.headers(), &body, base);
        let mut world = self.world();
        world.settle(now);
        let fault = match door {
            Door::Host(_, fault) => *fault,
            Door::Port => {
                let operation = world.models.get(vendor).map_or("unknown", |model| model.operation(&ask));
                world.fault(vendor, operation)
            }
        };
        if let Some(FaultKind::Status { status, retry_after }) = fault {
            return Err(Box::new(broken(&world, vendor, status, retry_after)));
        }
        let trouble = world.live_fault(vendor);
        if trouble.as_ref().is_some_and(|fault| fault.what == LiveTrouble::Refused) {
            return Err(Box::new(broken(&world, vendor, 503, None)));
        }
        let missing = || Box::new(typed(404, "text/plain", "no such vendor"));
        let session = world.with_model(vendor, |model, world| model.accept(world, &ask)).ok_or_else(missing)??;
        let greeting = world.models.get(vendor).and_then(|model| model.greeting(&session));
        Ok(Talk { vendor: vendor.to_owned(), session, fault, trouble: trouble.map(Trouble::new), greeting })
    }

    async fn talk(&self, mut socket: WebSocketStream<Box<dyn Duplex>>, talk: &mut Talk) {
        match talk.fault {
            // Heard, and never answered.
            Some(FaultKind::TimeoutAfterEffect) => return swallow(&mut **socket.get_mut()).await,
            Some(FaultKind::GarbledAfterEffect) => {
                for half in ["{\"type\":\"Tu", "nonsense", "[1,"] {
                    if socket.send(Message::text(half)).await.is_err() {
                        return;
                    }
                }
            }
            _ => {}
        }
        loop {
            let says = match talk.trouble.as_ref().and_then(Trouble::now) {
                Some(LiveTrouble::Cut) => return,
                Some(LiveTrouble::HalfOpen) => return swallow(&mut **socket.get_mut()).await,
                Some(LiveTrouble::Error) => self.collapse(talk),
                _ => self.to_say(talk),
            };
            for say in says {
                let message = match say {
                    Say::Text(text) => Message::text(text),
                    Say::Close(code, reason) => {
                        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                        let _ = socket.send(Message::Close(Some(frame))).await;
                        // Until the peer is gone: it must be able to read the last word.
                        while socket.next().await.is_some_and(|message| message.is_ok()) {}
                        return;
                    }
                };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            if self.notes(talk) {
                continue;
            }
            // The connection breaks after the first word.
            if talk.fault == Some(FaultKind::ResetAfterEffect) {
                return;
            }
            let due = self.due(talk);
            let message = tokio::select! {
                biased;
                message = socket.next() => message,
                () = async { match due {
                    Some(at) => self.0.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                } } => continue,
            };
            let now = self.0.clock.now();
            let heard = |said: Said<'_>| {
                let mut world = self.world();
                world.settle(now);
                world.with_model(&talk.vendor, |model, world| model.heard(world, &talk.session, said));
            };
            match message {
                Some(Ok(Message::Text(text))) => heard(Said::Text(text.as_str())),
                Some(Ok(Message::Binary(bytes))) => heard(Said::Binary(&bytes)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                // Reading on sends the answer to a closing.
                Some(Ok(Message::Close(_))) => {}
                Some(Err(_)) | None => return,
            }
        }
    }

    /// What the model has to say by now.
    fn to_say(&self, talk: &mut Talk) -> Vec<Say> {
        let now = self.0.clock.now();
        let mut world = self.world();
        world.settle(now);
        let says = world.said.remove(&talk.session).unwrap_or_default();
        match (&mut talk.trouble, world.models.get(talk.vendor.as_str())) {
            (Some(trouble), Some(model)) => trouble.pass(now, says, |message| model.told(message)),
            _ => says,
        }
    }
    /// Notes how many words were told by now; whether something goes wrong of it.
    fn notes(&self, talk: &mut Talk) -> bool {
        let Some(trouble) = &mut talk.trouble else { return false };
        let before = trouble.now();
        let words = self.world().models.get(talk.vendor.as_str()).map_or(0, |model| model.words_heard(&talk.session));
        trouble.told(words);
        before != trouble.now()
    }
    /// The model's last words.
    fn collapse(&self, talk: &Talk) -> Vec<Say> {
        let world = self.world();
        world.models.get(talk.vendor.as_str()).map_or_else(Vec::new, |model| model.collapse())
    }
    /// When the model may have something to say by itself.
    fn due(&self, talk: &Talk) -> Option<Timestamp> {
        let world = self.world();
        let due = world.models.get(talk.vendor.as_str()).and_then(|model| model.due(&talk.session));
        let due = due.map(|due| wib_core::kit::time::before(due, world.ahead));
        due.into_iter().chain(talk.trouble.as_ref().and_then(Trouble::due)).min()
    }
}

/// Reads until the peer is gone, and says nothing.
async fn swallow(io: &mut dyn Duplex) {
    let mut bytes = vec![0; 4096];
    while io.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
