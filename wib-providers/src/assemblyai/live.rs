//! Hearing speech while it is spoken: streaming v3.

use std::{collections::VecDeque, ops::RangeInclusive};

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};
use wib_core::{
    kit::time::timeout,
    ports::{
        Fault, LiveTranscriber, Sent, VendorError,
        live::{Chunks, LiveAudio, LiveChange, LiveEvent, LiveOrder, LiveStream, LiveToken, LiveTurns, TokenLife},
    },
};

use super::{AssemblyAi, VENDOR, wire};
use crate::socket::{Incoming, Limits, Outgoing};

/// Of 50 to 1000 ms; telephones give frames of 20.
const CHUNK_MS: RangeInclusive<u32> = 60..=1_000;
/// Messages in a row that cannot be read before the stream is given up.
const GARBAGE: u32 = 16;

/// What its codes of closing mean.
fn codes(code: u16) -> Option<Fault> {
    Some(match code {
        // The key, or the account.
        1008 => Fault::Credentials,
        3005 => Fault::Down,
        // A bad message; bad audio.
        3006 | 3007 => Fault::Request,
        // The session's time is over.
        3008 => Fault::Timeout,
        3009 => Fault::RateLimited,
        _ => return None,
    })
}

/// What a model takes differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Universal,
    Pro,
}
impl Kind {
    fn of(model: &str) -> Self {
        if model.starts_with("u3") { Self::Pro } else { Self::Universal }
    }
}

#[async_trait]
impl LiveTranscriber for AssemblyAi {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    /// Waits until the vendor listens, so that a refusal by closing (a bad key, too many sessions) fails here.
    async fn listen(&self, order: &LiveOrder) -> Result<LiveStream, VendorError> {
        let refused = |message| Err(self.streaming.fault(Fault::Request, Sent::No, message));
        if !(8_000..=96_000).contains(&order.sample_rate) {
            return refused("a sample rate out of bounds");
        }
        let english = || order.language.as_deref().is_some_and(|l| l.to_ascii_lowercase().starts_with("en"));
        let own = || if english() { "universal-streaming-english" } else { "universal-streaming-multilingual" };
        let model = order.model.as_deref().unwrap_or_else(own);
        let kind = Kind::of(model);
        if kind == Kind::Pro && order.turns.confidence_ppm.is_some() {
            return refused("this model decides alone how sure the end of a turn must be");
        }
        let ask = self.streaming.ask("stream", Method::GET, "/v3/ws").query("speech_model", model);
        let mut ask = ask.query("encoding", order.encoding.as_str()).query("sample_rate", &order.sample_rate.to_string());
        let keyterms = order.turns.keyterms.as_ref().unwrap_or(&order.keyterms);
        let number = |n: Option<u32>| n.map(|n| n.to_string());
        let optional = [
            // The other kind always writes as people do.
            ("format_turns", (kind == Kind::Universal).then(|| order.formatted.to_string())),
            ("language_detection", (order.language.is_none() && !model.ends_with("english")).then(|| "true".to_owned())),
            ("keyterms_prompt", (!keyterms.is_empty()).then(|| json!(keyterms).to_string())),
            ("speaker_labels", order.speakers.map(|_| "true".to_owned())),
            ("max_speakers", order.speakers.map(|most| most.clamp(1, 10).to_string())),
            ("end_of_turn_confidence_threshold", order.turns.confidence_ppm.map(|ppm| wire::decimal(ppm).to_string())),
            ("min_turn_silence", number(order.turns.min_silence_ms)),
            ("max_turn_silence", number(order.turns.max_silence_ms)),
            ("inactivity_timeout", number(order.inactivity_seconds.map(|seconds| seconds.clamp(5, 3600)))),
        ];
        for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            ask = ask.query(name, &value);
        }
        let (outgoing, incoming) = ask.upgrade(Limits { codes, ..Limits::default() }).await?;
        let mut turns = Hears { incoming, first: VecDeque::new(), skipped: 0 };
        let began = timeout(&*self.clock, self.first_byte, turns.next()).await;
        match began.unwrap_or_else(|| Err(self.streaming.fault(Fault::Timeout, Sent::Unknown, "no answer in time")))? {
            Some(event) => turns.first.push_back(event),
            None => return Err(self.streaming.fault(Fault::Down, Sent::Unknown, "closed before it began")),
        }
        let chunks = Chunks::new(order.encoding, order.sample_rate, CHUNK_MS);
        Ok(LiveStream { audio: Box::new(Speaks { outgoing, chunks, kind }), turns: Box::new(turns) })
    }

    async fn token(&self, life: &TokenLife) -> Result<LiveToken, VendorError> {
        let ask = self.streaming.ask("token", Method::GET, "/v3/token");
        let mut ask = ask.query("expires_in_seconds", &life.seconds.clamp(1, 600).to_string());
        if let Some(seconds) = life.session_seconds {
            ask = ask.query("max_session_duration_seconds", &seconds.clamp(60, 10_800).to_string());
        }
        let made: wire::Token = ask.send().await?.json()?;
        Ok(LiveToken { token: made.token.into(), seconds: made.expires_in_seconds })
    }
}

/// The half that takes audio.
#[derive(Debug)]
struct Speaks {
    outgoing: Outgoing,
    chunks: Chunks,
    kind: Kind,
}

impl Speaks {
    async fn say(&mut self, message: Value) -> Result<(), VendorError> {
        self.outgoing.text(message.to_string()).await
    }
    async fn flush(&mut self) -> Result<(), VendorError> {
        match self.chunks.rest() {
            Some(chunk) => self.outgoing.binary(chunk).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl LiveAudio for Speaks {
    async fn push(&mut self, audio: &[u8]) -> Result<(), VendorError> {
        for chunk in self.chunks.push(audio) {
            self.outgoing.binary(chunk).await?;
        }
        Ok(())
    }

    async fn update(&mut self, change: &LiveChange) -> Result<(), VendorError> {
        let refused = match self.kind {
            Kind::Universal if change.keyterms.is_some() => Some("this model takes no other keyterms on the way"),
            Kind::Pro if change.confidence_ppm.is_some() => Some("this model decides alone how sure an end must be"),
            _ => None,
        };
        if let Some(message) = refused {
            return Err(VendorError::new(VENDOR, Fault::Request, Sent::No, message));
        }
        let mut message = json!({"type": "UpdateConfiguration"});
        let changes = [
            ("end_of_turn_confidence_threshold", change.confidence_ppm.map(|ppm| json!(wire::decimal(ppm)))),
            ("min_turn_silence", change.min_silence_ms.map(Value::from)),
            ("max_turn_silence", change.max_silence_ms.map(Value::from)),
            ("keyterms_prompt", change.keyterms.as_ref().map(|terms| json!(terms))),
        ];
        for (name, value) in changes.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            message[name] = value;
        }
        self.say(message).await
    }

    async fn end_turn(&mut self) -> Result<(), VendorError> {
        self.flush().await?;
        self.say(json!({"type": "ForceEndpoint"})).await
    }

    async fn terminate(&mut self) -> Result<(), VendorError> {
        self.flush().await?;
        self.say(json!({"type": "Terminate"})).await
    }
}

/// The half that tells what was heard.
#[derive(Debug)]
struct Hears {
    incoming: Incoming,
    /// What came while the stream was being opened.
    first: VecDeque<LiveEvent>,
    skipped: u64,
}

#[async_trait]
impl LiveTurns for Hears {
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError> {
        if let Some(event) = self.first.pop_front() {
            return Ok(Some(event));
        }
        let mut garbage = 0;
        while let Some(frame) = self.incoming.next().await? {
            match wire::heard(&frame) {
                wire::Heard::Event(event) => {
                    if let LiveEvent::Ended { .. } = event {
                        self.incoming.satisfied();
                    }
                    return Ok(Some(event));
                }
                wire::Heard::Failed { code, message } => return Err(self.incoming.failure(code, &message)),
                wire::Heard::Unknown => garbage = 0,
                wire::Heard::Garbage => garbage += 1,
            }
            self.skipped += 1;
            metrics::counter!("wib_live_messages_skipped_total", "vendor" => VENDOR).increment(1);
            if garbage >= GARBAGE {
                return Err(VendorError::new(VENDOR, Fault::Nonsense, Sent::Unknown, "messages that cannot be read"));
            }
        }
        Ok(None)
    }
    fn skipped(&self) -> u64 {
        self.skipped
    }
}
