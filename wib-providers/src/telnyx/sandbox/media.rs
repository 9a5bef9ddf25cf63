//! Media streaming as Telnyx does it: dials the address, tells the format, sends a frame of each track every 20 ms, plays
//! what comes back.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{Sink, SinkExt, StreamExt};
use http::{HeaderValue, Request, Uri};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use uuid::Uuid;
use wib_core::kit::{
    SeededRandom,
    time::{Timestamp, after, before, timeout},
};

use super::{Refusal, invalid, need};
use crate::{
    http::Wires,
    sandbox::{
        Sandbox,
        chance::Chance,
        network::{Call, What},
        rough::Rough,
        streams::{Back, Coding, FRAME, Format, Player, StreamOrder, Track},
        wire::{instant, text},
        world::World,
    },
    socket::{Limits, Socket, shake},
};

/// How long a handshake, and a message that is not taken, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Frames that are made at a time.
const AT_ONCE: usize = 100;
/// Most seconds of sound in one message.
const LONGEST: usize = 30;
/// Largest message that is read: thirty seconds of the widest sound in base64, and some.
const MESSAGE: usize = 4 << 20;

/// Reads the order of a stream.
pub(super) fn order(body: &Value) -> Result<StreamOrder, Refusal> {
    let url = need(body, "stream_url")?;
    if !url.starts_with("wss://") && !url.starts_with("ws://") {
        return Err(invalid("/stream_url", "Not the address of a WebSocket."));
    }
    let (inbound, outbound) = match text(body, "stream_track").unwrap_or("inbound_track") {
        "inbound_track" => (true, false),
        "outbound_track" => (false, true),
        "both_tracks" => (true, true),
        _ => return Err(invalid("/stream_track", "No such track.")),
    };
    let format = match text(body, "stream_codec").unwrap_or("default") {
        "default" | "PCMU" => Format { coding: Coding::Mulaw, rate: 8_000 },
        "PCMA" => Format { coding: Coding::Alaw, rate: 8_000 },
        "L16" => Format { coding: Coding::L16, rate: 16_000 },
        _ => return Err(invalid("/stream_codec", "The sandbox does not speak this codec.")),
    };
    let pairs = body["custom_parameters"].as_array().into_iter().flatten();
    let parameters = pairs.filter_map(|pair| Some((text(pair, "name")?.to_owned(), text(pair, "value")?.to_owned())));
    Ok(StreamOrder {
        url: url.to_owned(),
        token: text(body, "stream_auth_token").map(str::to_owned),
        inbound,
        outbound,
        format,
        back: back(body)?,
        parameters: parameters.collect(),
    })
}

/// What is taken in return; nothing without a mode.
fn back(body: &Value) -> Result<Option<Back>, Refusal> {
    let (own, opposite) = match text(body, "stream_bidirectional_target_legs").unwrap_or("opposite") {
        "self" => (true, false),
        "opposite" => (false, true),
        "both" => (true, true),
        _ => return Err(invalid("/stream_bidirectional_target_legs", "No such legs.")),
    };
    let rate = match body["stream_bidirectional_sampling_rate"].as_u64() {
        None => 8_000,
        Some(rate @ (8_000 | 16_000 | 22_050 | 24_000 | 48_000)) => u32::try_from(rate).unwrap_or(8_000),
        Some(_) => return Err(invalid("/stream_bidirectional_sampling_rate", "No such rate.")),
    };
    let format = |coding| Some(Format { coding, rate });
    let format = match text(body, "stream_bidirectional_codec").unwrap_or("PCMU") {
        "PCMU" => format(Coding::Mulaw),
        "PCMA" => format(Coding::Alaw),
        "L16" => format(Coding::L16),
        "G722" | "OPUS" | "AMR-WB" => None,
        _ => return Err(invalid("/stream_bidirectional_codec", "No such codec.")),
    };
    match text(body, "stream_bidirectional_mode") {
        None => Ok(None),
        Some("rtp") => Ok(Some(Back { format, own, opposite })),
        // Whole files of MP3: taken, and heard by nobody here.
        Some("mp3") => Ok(Some(Back { format: None, own, opposite })),
        Some(_) => Err(invalid("/stream_bidirectional_mode", "No such mode.")),
    }
}

/// What comes from the application.
enum Came {
    Text(String),
    /// The socket is gone; whether it was closed.
    Gone(bool),
}

/// How a stream ends.
enum End {
    /// The call did, or it was stopped.
    Stopped,
    /// The application closed the socket, or not even that.
    Gone(bool),
    /// A fault on order.
    Cut,
}

impl Sandbox {
    /// Carries a stream from the dial to its end.
    pub(crate) async fn carry_stream(self, id: Uuid) {
        let Some(socket) = self.dial_stream(id).await else {
            return self.gone(id, false);
        };
        let begun = {
            let now = self.clock().now();
            let mut world = self.world();
            world.settle(now);
            if world.stream_up(id) { Line::new(&mut world, id) } else { None }
        };
        let (mut sink, mut source) = socket.split();
        let (tell, mut came) = mpsc::unbounded_channel();
        let reads = async {
            let gone = loop {
                match source.next().await {
                    Some(Ok(Message::Text(text))) => drop(tell.send(Came::Text(text.as_str().to_owned()))),
                    Some(Ok(Message::Close(_))) => break true,
                    // Reading on answers a ping.
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break false,
                }
            };
            let _ = tell.send(Came::Gone(gone));
            // Whoever writes ends this.
            std::future::pending::<()>().await;
        };
        let writes = async {
            let end = match begun {
                Some(line) => self.stream_on(line, &mut sink, &mut came).await,
                None => End::Stopped,
            };
            match end {
                End::Stopped => {
                    self.world().streams.remove(&id);
                    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                    let _ = timeout(&**self.clock(), PATIENCE, sink.send(Message::Close(Some(close)))).await;
                    // Until the application has read the last word.
                    let gone = async { while let Some(Came::Text(_)) = came.recv().await {} };
                    let _ = timeout(&**self.clock(), PATIENCE, gone).await;
                }
                End::Gone(closed) => self.gone(id, closed),
                End::Cut => self.gone(id, false),
            }
        };
        tokio::select! {
            () = reads => {}
            () = writes => {}
        }
    }

    fn gone(&self, id: Uuid, closed: bool) {
        let now = self.clock().now();
        let mut world = self.world();
        world.settle(now);
        world.stream_gone(id, closed);
    }

    /// Dials and shakes hands; `None` when nobody is there, or does not want it.
    async fn dial_stream(&self, id: Uuid) -> Option<Socket> {
        let (url, token, seed) = {
            let world = self.world();
            let order = &world.streams.get(&id)?.order;
            (order.url.clone(), order.token.clone(), world.seed)
        };
        let nonce = Chance::of(seed, &["handshake", &id.to_string()]).below(u64::MAX);
        let transport = self.carrier()?.clone();
        let wires =
            Wires { transport, clock: self.clock().clone(), random: std::sync::Arc::new(SeededRandom::new(nonce)) };
        let mut request = Request::get(url.parse::<Uri>().ok()?).body(()).ok()?;
        if let Some(token) = token {
            request.headers_mut().insert("x-telnyx-streaming-auth-token", HeaderValue::from_str(&token).ok()?);
        }
        let limits = Limits { message: MESSAGE, ..Limits::default() };
        timeout(&**self.clock(), PATIENCE, shake(&wires, request, &limits)).await?.ok().map(|(socket, _)| socket)
    }

    /// Sends and plays until the end.
    async fn stream_on(
        &self,
        mut line: Line,
        sink: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
        came: &mut mpsc::UnboundedReceiver<Came>,
    ) -> End {
        let clock = &**self.clock();
        let wake = match self.world().streams.get(&line.id) {
            Some(stream) => stream.wake.clone(),
            None => return End::Stopped,
        };
        let mut texts = line.greeting();
        loop {
            let (due, then) = {
                let now = clock.now();
                let mut world = self.world();
                world.settle(now);
                line.due(&mut world)
            };
            texts.extend(due);
            for text in texts.drain(..) {
                match timeout(clock, PATIENCE, sink.send(Message::text(text))).await {
                    Some(Ok(())) => {}
                    // Why it failed is told by whoever reads: a closing may have come.
                    _ => return End::Gone(matches!(came.try_recv(), Ok(Came::Gone(true)))),
                }
            }
            let at = match then {
                Then::Wait(at) => at,
                Then::End(end) => return end,
            };
            tokio::select! {
                biased;
                some = came.recv() => match some {
                    Some(Came::Text(text)) => texts.extend(line.hear(&text)),
                    Some(Came::Gone(closed)) => return End::Gone(closed),
                    None => return End::Gone(false),
                },
                () = wake.notified() => {}
                () = clock.sleep_until(at) => {}
            }
        }
    }
}

/// What becomes of a stream after what is due was sent.
enum Then {
    Wait(Timestamp),
    End(End),
}

/// A stream that is up.
struct Line {
    id: Uuid,
    key: u64,
    user: Uuid,
    start: Value,
    control_id: String,
    format: Format,
    tracks: Vec<(&'static str, Track)>,
    back: Option<(Back, Option<Player>)>,
    rough: Rough,
    since: Timestamp,
    /// Frames of each track so far, and events of the call that were looked at.
    frames: u64,
    looked: usize,
    sequence: u64,
}

impl Line {
    fn new(world: &mut World, id: Uuid) -> Option<Self> {
        let (seed, since) = (world.seed, world.now);
        let stream = world.streams.get_mut(&id)?;
        stream.next = Some(after(since, FRAME));
        let (key, order) = (stream.key, stream.order.clone());
        let rough = Rough::new(seed, id, &stream.faults);
        let call = world.phones.calls.get(&key)?;
        let user = Chance::of(seed, &["account"]).uuid();
        let tracks = [("inbound", order.inbound), ("outbound", order.outbound)].into_iter().filter(|(_, wanted)| *wanted);
        let tracks = tracks.map(|(name, _)| (name, Track::new(name == "inbound", order.format.rate, since)));
        Some(Self {
            id,
            key,
            user,
            start: start(call, &order, user, rough.declared(order.format.rate)),
            control_id: call.control_id.clone(),
            format: order.format,
            tracks: tracks.collect(),
            back: order.back.map(|back| (back, back.format.map(Player::new))),
            rough,
            since,
            frames: 0,
            looked: call.log.len(),
            sequence: 0,
        })
    }

    /// A message with its number and its stream.
    fn say(&mut self, event: &str, what: Value) -> String {
        self.sequence += 1;
        let mut message = json!({
            "event": event, "sequence_number": self.sequence.to_string(), "stream_id": self.id,
        });
        message[event] = what;
        message.to_string()
    }
    fn greeting(&mut self) -> Vec<String> {
        let start = std::mem::take(&mut self.start);
        vec![json!({"event": "connected", "version": "1.0.0"}).to_string(), self.say("start", start)]
    }
    fn marks(&mut self, names: Vec<String>) -> Vec<String> {
        names.into_iter().map(|name| self.say("mark", json!({"name": name}))).collect()
    }

    /// What is to be sent by now.
    fn due(&mut self, world: &mut World) -> (Vec<String>, Then) {
        let ended = match world.streams.get(&self.id) {
            Some(stream) => stream.ended,
            None => return (Vec::new(), Then::End(End::Stopped)),
        };
        let until = ended.unwrap_or(world.now);
        let mut texts = Vec::new();
        let next = |frames: u64| after(self.since, FRAME * u32::try_from(frames + 1).unwrap_or(u32::MAX));
        let mut at = next(self.frames);
        for _ in 0..AT_ONCE {
            if at > until {
                break;
            }
            texts.extend(self.keys(world, at));
            if let Err(end) = self.frame(world, at, &mut texts) {
                return (texts, Then::End(end));
            }
            self.frames += 1;
            at = after(at, FRAME);
        }
        if let Some(stream) = world.streams.get_mut(&self.id) {
            stream.next = Some(at);
        }
        if ended.is_none() || at <= until {
            return (texts, Then::Wait(before(at, world.ahead)));
        }
        texts.extend(self.keys(world, until));
        texts.extend(self.rough.rest());
        if let Some((back, Some(player))) = &mut self.back {
            world.play_back(self.key, *back, &player.finish(), until);
        }
        let stop = json!({"user_id": self.user, "call_control_id": self.control_id});
        texts.push(self.say("stop", stop));
        (texts, Then::End(End::Stopped))
    }

    /// 20 ms of each track, and of what is played.
    fn frame(&mut self, world: &mut World, at: Timestamp, texts: &mut Vec<String>) -> Result<(), End> {
        let (chunk, begins) = (self.frames + 1, self.frames * 20);
        for nth in 0..self.tracks.len() {
            let (name, track) = &mut self.tracks[nth];
            let name = *name;
            let samples = track.frame(world, self.key, at);
            let sound = self.rough.bytes(self.format.coding, &samples);
            let media = json!({
                "track": name, "chunk": chunk.to_string(), "timestamp": begins.to_string(),
                "payload": BASE64_STANDARD.encode(sound),
            });
            let text = self.say("media", media);
            let Some(sent) = self.rough.pass(name, text) else { return Err(End::Cut) };
            texts.extend(sent);
        }
        if let Some((back, Some(player))) = &mut self.back {
            let (back, (words, marks)) = (*back, player.play());
            if !words.is_empty() {
                world.play_back(self.key, back, &words, at);
            }
            texts.extend(self.marks(marks));
        }
        Ok(())
    }

    /// The keys that the person pressed by then.
    fn keys(&mut self, world: &World, until: Timestamp) -> Vec<String> {
        let Some(call) = world.phones.calls.get(&self.key) else { return Vec::new() };
        let new: Vec<_> = call.log.iter().skip(self.looked).take_while(|happened| happened.at <= until).collect();
        self.looked += new.len();
        let pressed = new.into_iter().filter_map(|happened| match happened.what {
            What::KeyPressed(key) => Some((happened.at, key.reveal())),
            _ => None,
        });
        let told = pressed.map(|(at, digit)| {
            self.sequence += 1;
            json!({
                "event": "dtmf", "stream_id": self.id, "occurred_at": instant(at),
                "sequence_number": self.sequence.to_string(), "dtmf": {"digit": digit.to_string()},
            })
            .to_string()
        });
        told.collect()
    }

    /// Takes a message of the application. Without a mode for it all is dropped without a word.
    fn hear(&mut self, message: &str) -> Vec<String> {
        let Some((_, player)) = &mut self.back else { return Vec::new() };
        let json: Value = serde_json::from_str(message).unwrap_or_default();
        let told = match (json["event"].as_str(), player) {
            (Some("media"), Some(player)) => {
                let format = player.format();
                let sound = json["media"]["payload"].as_str().and_then(|sound| BASE64_STANDARD.decode(sound).ok());
                let most = usize::try_from(format.rate).unwrap_or(0) * LONGEST;
                let samples = sound.and_then(|sound| format.coding.read(&sound));
                match samples.filter(|samples| !samples.is_empty() && samples.len() <= most) {
                    Some(samples) => {
                        player.take(samples);
                        Some(Vec::new())
                    }
                    None => None,
                }
            }
            (Some("media"), None) => Some(Vec::new()),
            (Some("mark"), player) => json["mark"]["name"].as_str().map(|name| match player {
                Some(player) => player.mark(name.to_owned()).into_iter().collect(),
                None => vec![name.to_owned()],
            }),
            (Some("clear"), player) => Some(player.as_mut().map(Player::clear).unwrap_or_default()),
            // A later version of the protocol may know it.
            (Some(_), _) => Some(Vec::new()),
            (None, _) => None,
        };
        match told {
            Some(marks) => self.marks(marks),
            // Its code was confirmed nowhere.
            None => vec![
                json!({
                    "event": "error", "stream_id": self.id,
                    "payload": {"code": 100_003, "title": "malformed_frame",
                                "detail": "The received frame was not formed correctly."},
                })
                .to_string(),
            ],
        }
    }
}

fn start(call: &Call, order: &StreamOrder, user: Uuid, rate: u32) -> Value {
    let encoding = match order.format.coding {
        Coding::Mulaw => "PCMU",
        Coding::Alaw => "PCMA",
        Coding::L16 => "L16",
    };
    let parameters = order.parameters.iter().map(|(name, value)| (name.clone(), json!(value)));
    let mut start = json!({
        "user_id": user,
        "call_control_id": call.control_id,
        "call_session_id": call.session_id,
        "from": call.order.from,
        "to": call.order.to,
        "tags": [],
        "custom_parameters": parameters.collect::<serde_json::Map<_, _>>(),
        "media_format": {"encoding": encoding, "sample_rate": rate, "channels": 1},
    });
    if let Some(state) = call.client_state.as_deref() {
        start["client_state"] = json!(state);
    }
    start
}
