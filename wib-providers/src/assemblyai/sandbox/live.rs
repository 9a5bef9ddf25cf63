//! Streaming v3: hears what the sandbox's modem speaks, in turns.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use wib_core::{
    kit::time::{Timestamp, after},
    ports::live::Encoding,
};

use super::super::VENDOR;
use crate::sandbox::{
    chance::Chance,
    line::{Said, Say},
    model::Told,
    modem::{self, Ear, Spoken},
    wire::Ask,
    world::World,
};

/// Sessions at once.
const SESSIONS: usize = 100;
/// Tokens that are remembered.
const TOKENS: usize = 10_000;
/// The longest session.
const LONGEST: Duration = Duration::from_secs(3 * 3600);

/// Sessions and tokens.
#[derive(Debug, Default)]
pub(super) struct Streams {
    sessions: BTreeMap<String, Session>,
    tokens: BTreeMap<String, Token>,
    arrivals: u64,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    until: Timestamp,
    longest: Duration,
}

#[derive(Debug)]
struct Session {
    pro: bool,
    formatted: bool,
    labels: bool,
    encoding: Encoding,
    rate: u32,
    ear: Ear,
    opened: Timestamp,
    until: Timestamp,
    /// Silences that end a turn, in milliseconds: after a full stop, and in any case.
    silences: (i64, i64),
    order: i64,
    words: Vec<Spoken>,
    /// Words of all turns.
    heard: usize,
    closed: bool,
}

impl Streams {
    /// A token for one session.
    pub(super) fn token(&mut self, world: &World, ask: &Ask<'_>) -> Result<Value, &'static str> {
        let number = |name: &str| ask.param(name).map(str::parse::<u64>);
        let seconds = number("expires_in_seconds").and_then(Result::ok).filter(|seconds| (1..=600).contains(seconds));
        let seconds = seconds.ok_or("expires_in_seconds must be between 1 and 600")?;
        let longest = match number("max_session_duration_seconds") {
            None => LONGEST,
            Some(Ok(seconds)) if (60..=10_800).contains(&seconds) => Duration::from_secs(seconds),
            Some(_) => return Err("max_session_duration_seconds must be between 60 and 10800"),
        };
        self.arrivals += 1;
        let token = Chance::of(world.seed, &["assemblyai", "token", &self.arrivals.to_string()]).hex(24);
        self.tokens.insert(token.clone(), Token { until: after(world.now, Duration::from_secs(seconds)), longest });
        while self.tokens.len() > TOKENS {
            self.tokens.pop_first();
        }
        Ok(json!({"token": token, "expires_in_seconds": seconds}))
    }

    /// Takes a socket. Who may not come in is told so by closing it.
    pub(super) fn accept(&mut self, world: &mut World, ask: &Ask<'_>) -> String {
        self.arrivals += 1;
        let id = Chance::of(world.seed, &["assemblyai", "session", &self.arrivals.to_string()]).uuid().to_string();
        match self.admit(world.now, ask) {
            Ok(session) => {
                let until = session.until;
                self.sessions.insert(id.clone(), session);
                world.plan_for(VENDOR, millis(until, world.now), format!("stream:{id}"));
                world.say(&id, text(&json!({"type": "Begin", "id": id, "expires_at": until.as_second()})));
            }
            Err((code, reason)) => world.say(&id, Say::Close(code, reason)),
        }
        id
    }

    fn admit(&mut self, now: Timestamp, ask: &Ask<'_>) -> Result<Session, (u16, String)> {
        let unauthorized = |why: &str| (1008, format!("Unauthorized Connection: {why}"));
        let longest = match (ask.param("token"), ask.header("authorization")) {
            (Some(token), _) => match self.tokens.remove(token).filter(|token| token.until >= now) {
                Some(token) => token.longest,
                None => return Err(unauthorized("Invalid or expired token")),
            },
            (None, Some(key)) if !key.is_empty() && !key.contains("invalid") && !key.starts_with("Bearer ") => LONGEST,
            (None, Some(_)) => return Err(unauthorized("Invalid API key")),
            (None, None) => return Err(unauthorized("Missing Authorization header")),
        };
        let open = self.sessions.values().filter(|session| !session.closed).count();
        if open >= SESSIONS {
            return Err((3009, "Unauthorized Connection: Too many concurrent sessions".to_owned()));
        }
        let bad = |name: &str| (3006, format!("Invalid value for parameter: {name}"));
        let encoding = match ask.param("encoding").unwrap_or("pcm_s16le").parse() {
            Ok(encoding) => encoding,
            Err(_) => return Err(bad("encoding")),
        };
        let rate = ask.param("sample_rate").unwrap_or("16000").parse().ok().filter(|rate| (8_000..=96_000).contains(rate));
        let rate = rate.ok_or_else(|| bad("sample_rate"))?;
        let model = ask.param("speech_model").unwrap_or("universal-streaming-english");
        let pro = model.starts_with("u3");
        let ms = |name: &str, usual: i64| match ask.param(name) {
            None => Ok(usual),
            Some(ms) => ms.parse().map_err(|_| bad(name)),
        };
        let (short, long) = if pro { (100, 1_000) } else { (400, 1_280) };
        Ok(Session {
            pro,
            formatted: ask.param("format_turns") == Some("true"),
            labels: ask.param("speaker_labels") == Some("true"),
            encoding,
            rate,
            ear: Ear::new(rate),
            opened: now,
            until: after(now, longest),
            silences: (ms("min_turn_silence", short)?, ms("max_turn_silence", long)?),
            order: 0,
            words: Vec::new(),
            heard: 0,
            closed: false,
        })
    }

    pub(super) fn heard(&mut self, world: &mut World, id: &str, said: Said<'_>) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.closed) else { return };
        let now = world.now;
        let says = match said {
            Said::Binary(audio) => session.hear(audio),
            Said::Text(text) => session.heed(now, text),
        };
        for say in says {
            session.closed |= matches!(say, Say::Close(..));
            world.say(id, say);
        }
    }
    pub(super) fn due(&self, id: &str) -> Option<Timestamp> {
        self.sessions.get(id).filter(|session| !session.closed).map(|session| session.until)
    }
    /// A session's time is over.
    pub(super) fn expire(&mut self, world: &mut World, id: &str) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.closed) else { return };
        session.closed = true;
        world.say(id, Say::Close(3008, "Session Expired: Maximum session duration exceeded".to_owned()));
    }
    pub(super) fn words_heard(&self, id: &str) -> usize {
        self.sessions.get(id).map_or(0, |session| session.heard)
    }
    pub(super) fn hung_up(&mut self, id: &str) {
        self.sessions.remove(id);
    }
}

/// What a message tells.
pub(super) fn told(message: &Value) -> Told {
    match message["type"].as_str() {
        Some("Turn") if message["end_of_turn"] == true => Told::End,
        Some("Turn" | "SpeechStarted") => Told::Partial,
        _ => Told::Other,
    }
}

/// What is said when it fails in the midst of a session.
pub(super) fn collapse() -> Vec<Say> {
    let error = json!({"type": "Error", "error_code": 3005, "error": "Ordered by the sandbox."});
    vec![text(&error), Say::Close(3005, "Ordered by the sandbox.".to_owned())]
}

impl Session {
    fn hear(&mut self, audio: &[u8]) -> Vec<Say> {
        let per_ms = u64::from(self.rate) * self.encoding.width() as u64;
        let tenths = audio.len() as u64 * 10_000 / per_ms;
        if !(500..=10_000).contains(&tenths) || !audio.len().is_multiple_of(self.encoding.width()) {
            let ms = format!("{}.{}", tenths / 10, tenths % 10);
            let reason = format!("Input duration violation: {ms} ms. Expected between 50 and 1000 ms");
            return vec![Say::Close(3007, reason)];
        }
        let mut says = Vec::new();
        let mut fresh = false;
        for word in self.ear.hear(&modem::read(audio, self.encoding)) {
            if self.silent_until(word.start_ms) {
                says.extend(self.end());
            }
            if self.words.is_empty() && self.pro {
                says.push(text(&json!({"type": "SpeechStarted", "timestamp": word.start_ms, "confidence": 0.91})));
            }
            self.words.push(word);
            self.heard += 1;
            fresh = true;
        }
        if self.silent_until(self.ear.heard_ms()) {
            says.extend(self.end());
        } else if fresh {
            says.push(self.turn(false, self.pro));
        }
        says
    }
    /// Whether the silence up to then ends the turn.
    fn silent_until(&self, ms: i64) -> bool {
        let Some(last) = self.words.last() else { return false };
        let (short, long) = self.silences;
        ms - last.end_ms >= if last.text.ends_with(['.', '?', '!']) { short.min(long) } else { long }
    }
    /// The turn as it ended: as heard, then as people write, where that is asked for.
    fn end(&mut self) -> Vec<Say> {
        if self.words.is_empty() {
            return vec![];
        }
        let mut says = vec![self.turn(true, self.pro)];
        if self.formatted && !self.pro {
            says.push(self.turn(true, true));
        }
        self.words.clear();
        self.order += 1;
        says
    }
    fn turn(&self, ended: bool, formatted: bool) -> Say {
        let write = |word: &str| if formatted { word.to_owned() } else { plain(word) };
        let last = self.words.len().saturating_sub(1);
        let shown = self.words.iter().enumerate().map(|(n, word)| {
            let settled = ended || n < last;
            json!({
                "text": write(&word.text), "start": word.start_ms, "end": word.end_ms,
                "confidence": if settled { 0.97 } else { 0.6 }, "word_is_final": settled,
            })
        });
        let settled = if ended { &self.words[..] } else { &self.words[..last] };
        let transcript = settled.iter().map(|word| write(&word.text)).collect::<Vec<_>>().join(" ");
        let utterance = if ended && formatted == self.pro { transcript.as_str() } else { "" };
        let mut shown = json!({
            "type": "Turn", "turn_order": self.order, "turn_is_formatted": formatted, "end_of_turn": ended,
            "transcript": transcript, "end_of_turn_confidence": if ended { 0.78 } else { 0.1 },
            "words": shown.collect::<Vec<_>>(), "utterance": utterance,
        });
        if self.labels {
            shown["speaker_label"] = json!("A");
        }
        text(&shown)
    }

    fn heed(&mut self, now: Timestamp, said: &str) -> Vec<Say> {
        let message: Value = serde_json::from_str(said).unwrap_or_default();
        match message["type"].as_str().unwrap_or_default() {
            "UpdateConfiguration" => {
                let ms = |name: &str| message[name].as_i64().filter(|ms| *ms >= 0);
                let (short, long) = self.silences;
                self.silences = (ms("min_turn_silence").unwrap_or(short), ms("max_turn_silence").unwrap_or(long));
                vec![]
            }
            "ForceEndpoint" => self.end(),
            "Terminate" => {
                let mut says = self.end();
                let heard = u64::try_from(self.ear.heard_ms()).unwrap_or(0);
                says.push(text(&json!({
                    "type": "Termination", "audio_duration_seconds": heard.div_ceil(1_000),
                    "session_duration_seconds": millis(now, self.opened).div_ceil(1_000),
                })));
                says.push(Say::Close(1000, String::new()));
                says
            }
            other => vec![Say::Close(3006, format!("Invalid Message Type: {other}"))],
        }
    }
}

fn text(message: &Value) -> Say {
    Say::Text(message.to_string())
}

/// A word as it is heard, before anybody writes it nicely.
fn plain(word: &str) -> String {
    word.trim_matches(|c: char| ".,?!¿¡".contains(c)).to_lowercase()
}

fn millis(later: Timestamp, earlier: Timestamp) -> u64 {
    u64::try_from(later.duration_since(earlier).as_millis()).unwrap_or(0)
}
