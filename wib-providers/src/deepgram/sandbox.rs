//! Deepgram in the sandbox: hears what the sandbox's modem speaks, piece by piece.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::{
    kit::time::{Timestamp, after},
    ports::live::Encoding,
};

use super::VENDOR;
use crate::sandbox::{
    chance::Chance,
    line::{Said, Say},
    model::{Entry, Model, Told},
    modem::{self, Ear, Spoken},
    wire::{Ask, instant, json as answer},
    world::World,
};

/// Deepgram in the sandbox.
pub(super) const ENTRY: Entry = Entry { hosts: &["api.deepgram.com"], new: |_, _| Box::<Streams>::default() };
/// Streams at once.
const SESSIONS: usize = 150;
/// Tokens that are remembered.
const TOKENS: usize = 10_000;
/// How long nothing may be said.
const QUIET_MS: u64 = 10_000;
/// Words of a piece that is settled while more are said.
const PIECE: usize = 4;
const REQUEST_ID: &str = "dg-request-id";

/// Streams and tokens.
#[derive(Debug, Default)]
struct Streams {
    sessions: BTreeMap<String, Session>,
    /// Until when each token opens streams.
    tokens: BTreeMap<String, Timestamp>,
    arrivals: u64,
}

/// How a stream is to be heard.
#[derive(Clone, Debug)]
struct How {
    model: String,
    encoding: Encoding,
    rate: u32,
    channels: usize,
    interim: bool,
    punctuated: bool,
    labels: bool,
    multilingual: bool,
    started: bool,
    /// The silence that ends an utterance, in milliseconds; `None`: none does.
    endpointing: Option<i64>,
    /// The silence between words that is told.
    utterance_end: Option<i64>,
}

#[derive(Debug)]
struct Session {
    id: String,
    how: How,
    ear: Ear,
    /// Samples of one channel that came.
    samples: u64,
    opened: Timestamp,
    /// When something was last said to us.
    last: Timestamp,
    /// Words that are not settled yet.
    words: Vec<Spoken>,
    /// Where they begin.
    start_ms: i64,
    /// Whether an utterance is open, and where its last word ended.
    speaking: Option<i64>,
    /// Where the last word ended whose silence was not told of.
    unended: Option<i64>,
    heard: usize,
    closed: bool,
}

/// The answer in Deepgram's shape of errors.
fn error(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let id = "00000000-0000-4000-8000-000000000000";
    answer(status, &json!({"err_code": code, "err_msg": message, "request_id": id}))
}
fn bad(message: &str) -> Box<Response<Bytes>> {
    Box::new(error(400, "Bad Request", message))
}

impl Model for Streams {
    fn operation(&self, ask: &Ask<'_>) -> &'static str {
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["v1", "auth", "grant"]) => "token",
            ("GET", ["v1", "listen"]) => "stream",
            ("GET", ["v1", "projects"]) => "projects",
            _ => "unknown",
        }
    }
    fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if !keyed(ask) {
            return error(401, "INVALID_AUTH", "Invalid credentials.");
        }
        let (method, path) = ask.route();
        match (method, path.as_slice()) {
            ("POST", ["v1", "auth", "grant"]) => self.grant(world, ask),
            ("GET", ["v1", "projects"]) => {
                let id = Chance::of(world.seed, &["deepgram", "project"]).uuid().to_string();
                answer(200, &json!({"projects": [{"project_id": id, "name": "Sandbox"}]}))
            }
            _ => error(404, "NOT_FOUND", "Not found."),
        }
    }
    fn failure(&self, status: u16, message: &str) -> Response<Bytes> {
        error(status, "SANDBOX", message)
    }
    fn accept(&mut self, world: &mut World, ask: &Ask<'_>) -> Result<String, Box<Response<Bytes>>> {
        let token = ask.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let granted = token.and_then(|token| self.tokens.get(token)).is_some_and(|until| *until >= world.now);
        if !granted && !keyed(ask) {
            return Err(Box::new(error(401, "INVALID_AUTH", "Invalid credentials.")));
        }
        if self.operation(ask) != "stream" {
            return Err(Box::new(error(404, "NOT_FOUND", "Not found.")));
        }
        let how = How::read(ask)?;
        if self.sessions.values().filter(|session| !session.closed).count() >= SESSIONS {
            return Err(Box::new(error(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")));
        }
        self.arrivals += 1;
        let id = Chance::of(world.seed, &["deepgram", "session", &self.arrivals.to_string()]).uuid().to_string();
        let session = Session {
            id: id.clone(),
            ear: Ear::new(how.rate),
            how,
            samples: 0,
            opened: world.now,
            last: world.now,
            words: Vec::new(),
            start_ms: 0,
            speaking: None,
            unended: None,
            heard: 0,
            closed: false,
        };
        self.sessions.insert(id.clone(), session);
        world.plan_for(VENDOR, QUIET_MS, id.clone());
        Ok(id)
    }
    fn greeting(&self, session: &str) -> Option<(&'static str, String)> {
        Some((REQUEST_ID, session.to_owned()))
    }
    fn heard(&mut self, world: &mut World, id: &str, said: Said<'_>) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.closed) else { return };
        session.last = world.now;
        let says = match said {
            Said::Binary([]) => session.over(),
            Said::Binary(audio) => session.hear(audio),
            Said::Text(text) => session.heed(text),
        };
        for say in says {
            session.closed |= matches!(say, Say::Close(..));
            world.say(id, say);
        }
    }
    fn due(&self, id: &str) -> Option<Timestamp> {
        let session = self.sessions.get(id).filter(|session| !session.closed)?;
        Some(after(session.last, Duration::from_millis(QUIET_MS)))
    }
    /// Nothing may have been said for too long.
    fn step(&mut self, world: &mut World, id: &str) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.closed) else { return };
        let quiet = u64::try_from(world.now.duration_since(session.last).as_millis()).unwrap_or(0);
        match QUIET_MS.checked_sub(quiet).filter(|left| *left > 0) {
            Some(left) => world.plan_for(VENDOR, left, id),
            None => {
                session.closed = true;
                world.say(id, Say::Close(1011, "NET-0001".to_owned()));
            }
        }
    }
    fn hung_up(&mut self, _world: &mut World, id: &str) {
        self.sessions.remove(id);
    }
    fn words_heard(&self, id: &str) -> usize {
        self.sessions.get(id).map_or(0, |session| session.heard)
    }
    fn told(&self, message: &Value) -> Told {
        match message["type"].as_str() {
            Some("Results") if message["is_final"] == true => Told::End,
            Some("UtteranceEnd") => Told::End,
            Some("Results" | "SpeechStarted") => Told::Partial,
            _ => Told::Other,
        }
    }
    fn collapse(&self) -> Vec<Say> {
        let error = json!({
            "type": "Error", "description": "Ordered by the sandbox.", "message": "Ordered by the sandbox.",
            "variant": "SANDBOX",
        });
        vec![text(&error), Say::Close(1011, "NET-0000".to_owned())]
    }
    fn show(&self) -> Value {
        json!({"streams": self.sessions.len()})
    }
}

/// Whether a usable key came with it. One that contains `invalid` is not.
fn keyed(ask: &Ask<'_>) -> bool {
    let key = ask.header("authorization").and_then(|value| value.strip_prefix("Token "));
    key.is_some_and(|key| !key.trim().is_empty() && !key.contains("invalid"))
}

impl Streams {
    fn grant(&mut self, world: &World, ask: &Ask<'_>) -> Response<Bytes> {
        let seconds = match ask.object() {
            Some(body) if body.get("ttl_seconds").is_none() => Some(30),
            body => body.and_then(|body| body["ttl_seconds"].as_u64()).filter(|s| (1..=3_600).contains(s)),
        };
        let Some(seconds) = seconds else { return error(400, "Bad Request", "ttl_seconds must be from 1 to 3600") };
        self.arrivals += 1;
        let token = Chance::of(world.seed, &["deepgram", "token", &self.arrivals.to_string()]).hex(24);
        self.tokens.retain(|_, until| *until >= world.now);
        if self.tokens.len() < TOKENS {
            self.tokens.insert(token.clone(), after(world.now, Duration::from_secs(seconds)));
        }
        answer(200, &json!({"access_token": token, "expires_in": seconds}))
    }
}

impl How {
    fn read(ask: &Ask<'_>) -> Result<Self, Box<Response<Bytes>>> {
        let encoding = match ask.param("encoding") {
            Some("mulaw") => Encoding::Mulaw,
            Some("linear16") => Encoding::S16le,
            // The others, and audio in a container, are not heard here.
            _ => return Err(bad("Bad Request: failed to process audio: unsupported encoding.")),
        };
        let number = |name: &str| ask.param(name).map(str::parse::<i64>).transpose();
        let rate = number("sample_rate").ok().flatten().and_then(|rate| u32::try_from(rate).ok());
        let Some(rate) = rate.filter(|rate| (8_000..=96_000).contains(rate)) else {
            return Err(bad("Bad Request: sample_rate is needed with that encoding."));
        };
        let channels = number("channels").ok().map(|channels| channels.unwrap_or(1));
        let Some(channels) = channels.and_then(|c| usize::try_from(c).ok()).filter(|c| (1..=8).contains(c)) else {
            return Err(bad("Bad Request: channels is not a number of channels."));
        };
        let endpointing = match ask.param("endpointing") {
            None => Some(10),
            Some("false") => None,
            Some(ms) => match ms.parse().ok().filter(|ms| *ms >= 0) {
                Some(ms) => Some(ms),
                None => return Err(bad("Bad Request: endpointing is not a number of milliseconds.")),
            },
        };
        let is = |name: &str| ask.param(name) == Some("true");
        let interim = is("interim_results");
        let Ok(utterance_end) = number("utterance_end_ms") else {
            return Err(bad("Bad Request: utterance_end_ms is not a number of milliseconds."));
        };
        if utterance_end.is_some_and(|ms| ms < 1_000 || !interim) {
            return Err(bad("Bad Request: utterance_end_ms is at least 1000 and needs interim_results."));
        }
        Ok(Self {
            model: ask.param("model").unwrap_or("base").to_owned(),
            encoding,
            rate,
            channels,
            interim,
            punctuated: is("smart_format") || is("punctuate"),
            labels: is("diarize"),
            multilingual: ask.param("language") == Some("multi"),
            started: is("vad_events"),
            endpointing,
            utterance_end,
        })
    }
}

impl Session {
    fn hear(&mut self, audio: &[u8]) -> Vec<Say> {
        let all = modem::read(audio, self.how.encoding);
        // Channels lie side by side, and are heard as one.
        let count = i32::try_from(self.how.channels).unwrap_or(1);
        let mixed = |frame: &[i16]| {
            let sum: i32 = frame.iter().map(|sample| i32::from(*sample)).sum();
            i16::try_from(sum / count).unwrap_or(0)
        };
        let samples: Vec<i16> = all.chunks_exact(self.how.channels).map(mixed).collect();
        self.samples += samples.len() as u64;
        let (mut says, mut fresh) = (Vec::new(), false);
        for word in self.ear.hear(&samples) {
            says.extend(self.silent_until(word.start_ms));
            if self.speaking.is_none() && self.how.started {
                let at = seconds(word.start_ms);
                says.push(text(&json!({"type": "SpeechStarted", "channel": [0], "timestamp": at})));
            }
            (self.speaking, self.unended) = (Some(word.end_ms), Some(word.end_ms));
            self.heard += 1;
            self.words.push(word);
            fresh = true;
            if self.words.len() == PIECE {
                says.push(self.piece(true, false, false));
                fresh = false;
            }
        }
        if fresh && self.how.interim {
            says.push(self.piece(false, false, false));
        }
        says.extend(self.silent_until(self.ear.heard_ms()));
        says
    }
    /// What the silence up to then brings.
    fn silent_until(&mut self, ms: i64) -> Vec<Say> {
        let mut says = Vec::new();
        if self.speaking.zip(self.how.endpointing).is_some_and(|(end, silence)| ms - end >= silence) {
            says.push(self.piece(true, true, false));
            self.speaking = None;
        }
        if let Some((end, _)) = self.unended.zip(self.how.utterance_end).filter(|(end, gap)| ms - end >= *gap) {
            let end = seconds(end);
            says.push(text(&json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": end})));
            self.unended = None;
        }
        says
    }
    /// The words that are not settled; when they are now, they are told for the last time.
    fn piece(&mut self, is_final: bool, speech_final: bool, from_finalize: bool) -> Say {
        let end_ms = self.words.last().map_or(self.ear.heard_ms(), |word| word.end_ms).max(self.start_ms);
        let write = |word: &str| if self.how.punctuated { word.to_owned() } else { plain(word) };
        let confidence = if is_final { 0.98 } else { 0.7 };
        let shown = self.words.iter().map(|word| {
            let mut shown = json!({
                "word": plain(&word.text), "start": seconds(word.start_ms), "end": seconds(word.end_ms),
                "confidence": confidence,
            });
            if self.how.punctuated {
                shown["punctuated_word"] = json!(word.text);
            }
            if self.how.labels {
                shown["speaker"] = json!(0);
            }
            shown
        });
        let transcript = self.words.iter().map(|word| write(&word.text)).collect::<Vec<_>>().join(" ");
        let mut told = json!({"transcript": transcript, "confidence": confidence, "words": shown.collect::<Vec<_>>()});
        if self.how.multilingual {
            told["languages"] = json!(["en"]);
        }
        let model = json!({"name": format!("general-{}", self.how.model), "version": "sandbox", "arch": self.how.model});
        let piece = json!({
            "type": "Results", "channel_index": [0, 1], "duration": seconds(end_ms - self.start_ms),
            "start": seconds(self.start_ms), "is_final": is_final, "speech_final": speech_final,
            "channel": {"alternatives": [told]}, "from_finalize": from_finalize,
            "metadata": {"request_id": self.id, "model_info": model, "model_uuid": self.id},
        });
        if is_final {
            self.words.clear();
            self.start_ms = end_ms;
        }
        text(&piece)
    }

    fn heed(&mut self, said: &str) -> Vec<Say> {
        let message: Value = serde_json::from_str(said).unwrap_or_default();
        match message["type"].as_str().unwrap_or_default() {
            "KeepAlive" => vec![],
            "Finalize" => {
                self.speaking = None;
                vec![self.piece(true, true, true)]
            }
            "CloseStream" => self.over(),
            _ => vec![Say::Close(1008, "DATA-0000".to_owned())],
        }
    }
    /// The last words, what it was, and the end.
    fn over(&mut self) -> Vec<Say> {
        let last = (!self.words.is_empty()).then(|| self.piece(true, true, false));
        let ms = i64::try_from(self.samples * 1_000 / u64::from(self.how.rate)).unwrap_or(i64::MAX);
        let metadata = json!({
            "type": "Metadata", "transaction_key": "deprecated", "request_id": self.id, "sha256": "0".repeat(64),
            "created": instant(self.opened), "duration": seconds(ms), "channels": self.how.channels,
        });
        last.into_iter().chain([text(&metadata), Say::Close(1000, String::new())]).collect()
    }
}

fn text(message: &Value) -> Say {
    Say::Text(message.to_string())
}

/// Milliseconds as seconds.
fn seconds(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0
}

/// A word as it is heard, before anybody writes it nicely.
fn plain(word: &str) -> String {
    word.trim_matches(|c: char| ".,?!¿¡".contains(c)).to_lowercase()
}
