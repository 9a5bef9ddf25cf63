//! Hearing speech while it is spoken.

use std::{
    collections::VecDeque,
    fmt,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http::Method;
use serde_json::json;
use wib_core::{
    kit::{
        Clock,
        time::{Timestamp, after, timeout},
    },
    ports::{
        Fault, LiveTranscriber, Sent, VendorError,
        live::{
            Chunks, Encoding, LiveAudio, LiveChange, LiveEvent, LiveOrder, LiveStream, LiveToken, LiveTurns, TokenLife,
        },
    },
};

use super::{Deepgram, VENDOR, turns::Assembly, wire};
use crate::socket::{Incoming, Limits, Outgoing};

/// Telephones give frames of 20 ms, which are taken as they are.
const CHUNK_MS: RangeInclusive<u32> = 20..=250;
/// The silence that ends a turn, when an order says nothing: a second, as breath is caught in less.
const SILENCE_MS: u32 = 1_000;
/// The shortest silence that `UtteranceEnd` can tell of.
const SHORTEST_MS: u32 = 1_000;
/// Half of what the vendor waits for.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Messages in a row that cannot be read before the stream is given up.
const GARBAGE: u32 = 16;

/// What its codes of closing mean.
fn codes(code: u16) -> Option<Fault> {
    match code {
        // DATA-0000: not audio.
        1008 => Some(Fault::Request),
        // NET-0000, NET-0001: nothing was heard in time, by us or by it.
        1011 => Some(Fault::Timeout),
        _ => None,
    }
}

#[async_trait]
impl LiveTranscriber for Deepgram {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn listen(&self, order: &LiveOrder) -> Result<LiveStream, VendorError> {
        let refused = |message| Err(self.client.fault(Fault::Request, Sent::No, message));
        if !(8_000..=96_000).contains(&order.sample_rate) {
            return refused("a sample rate out of bounds");
        }
        if order.turns.confidence_ppm.is_some() {
            return refused("this vendor decides alone how sure the end of a turn must be");
        }
        let model = order.model.as_deref().unwrap_or(&self.model);
        let encoding = match order.encoding {
            Encoding::Mulaw => "mulaw",
            Encoding::S16le => "linear16",
        };
        let silence = order.turns.max_silence_ms.or(order.turns.min_silence_ms).unwrap_or(SILENCE_MS).max(10);
        let flag = |is: bool| if is { "true" } else { "false" };
        let ask = self.client.ask("stream", Method::GET, "/v1/listen").query("model", model);
        let mut ask = ask
            .query("encoding", encoding)
            .query("sample_rate", &order.sample_rate.to_string())
            .query("channels", "1")
            .query("language", order.language.as_deref().map_or("multi", wire::language))
            .query("interim_results", "true")
            .query("endpointing", &silence.to_string())
            .query("utterance_end_ms", &silence.max(SHORTEST_MS).to_string())
            .query("vad_events", "true")
            .query("smart_format", flag(order.formatted))
            .query("mip_opt_out", flag(!self.learns));
        if order.speakers.is_some() {
            ask = ask.query("diarize", "true");
        }
        // Older models know words alone, by another name.
        let likely = if model.starts_with("nova-3") { "keyterm" } else { "keywords" };
        for term in order.turns.keyterms.as_ref().unwrap_or(&order.keyterms) {
            ask = ask.query(likely, term);
        }
        let (outgoing, incoming) = ask.upgrade(Limits { codes, ..Limits::default() }).await?;
        // A gateway may take the vendor's name of the session away.
        let session = incoming.request_id().map_or_else(|| (*self.random).token()[..32].to_owned(), str::to_owned);
        let now = self.clock.now();
        let patience = order.inactivity_seconds.map(|seconds| Duration::from_secs(seconds.clamp(5, 3_600).into()));
        let spoken = Spoken { audio: now, any: now, over: false };
        let pulse = Arc::new(Pulse { clock: self.clock.clone(), patience, spoken: Mutex::new(spoken) });
        let chunks = Chunks::new(order.encoding, order.sample_rate, CHUNK_MS);
        let turns = Hears {
            outgoing: outgoing.clone(),
            incoming,
            pulse: pulse.clone(),
            events: [LiveEvent::Began { session, expires_at: None }].into(),
            assembly: Assembly::new(order.formatted),
            skipped: 0,
        };
        Ok(LiveStream { audio: Box::new(Speaks { outgoing, chunks, pulse }), turns: Box::new(turns) })
    }

    async fn token(&self, life: &TokenLife) -> Result<LiveToken, VendorError> {
        let seconds = life.seconds.clamp(1, 3_600);
        let ask = self.client.ask("token", Method::POST, "/v1/auth/grant").json(&json!({"ttl_seconds": seconds}));
        let made: wire::Token = ask.send().await?.json()?;
        // Without a word on it, it is good for as long as was asked.
        let good = made.expires_in.as_ref().and_then(wire::seconds).unwrap_or(seconds);
        Ok(LiveToken { token: made.access_token.into(), seconds: good })
    }
}

/// When something was last said, so that the vendor is not left without a word for too long.
#[derive(Debug)]
struct Pulse {
    clock: Arc<dyn Clock>,
    /// How long there may be no audio; `None`: for ever.
    patience: Option<Duration>,
    spoken: Mutex<Spoken>,
}

#[derive(Debug)]
struct Spoken {
    audio: Timestamp,
    any: Timestamp,
    over: bool,
}

impl Pulse {
    fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// How long until `KeepAlive` is due; `None` when it is not to be said any more.
    fn left(&self) -> Option<Duration> {
        let (now, spoken) = (self.clock.now(), self.spoken());
        let weary = self.patience.is_some_and(|patience| after(spoken.audio, patience) <= now);
        let due = after(spoken.any, KEEP_ALIVE);
        (!spoken.over && !weary).then(|| Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }
}

/// The half that takes audio.
#[derive(Debug)]
struct Speaks {
    outgoing: Outgoing,
    chunks: Chunks,
    pulse: Arc<Pulse>,
}

impl Speaks {
    async fn say(&mut self, kind: &str) -> Result<(), VendorError> {
        self.pulse.spoken().any = self.pulse.clock.now();
        self.outgoing.text(json!({"type": kind}).to_string()).await
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
            let now = self.pulse.clock.now();
            {
                let mut spoken = self.pulse.spoken();
                (spoken.audio, spoken.any) = (now, now);
            }
            self.outgoing.binary(chunk).await?;
        }
        Ok(())
    }

    async fn update(&mut self, change: &LiveChange) -> Result<(), VendorError> {
        if *change == LiveChange::default() {
            return Ok(());
        }
        let message = "this vendor takes no changes on the way";
        Err(VendorError::new(VENDOR, Fault::Request, Sent::No, message))
    }

    async fn end_turn(&mut self) -> Result<(), VendorError> {
        self.flush().await?;
        self.say("Finalize").await
    }

    async fn terminate(&mut self) -> Result<(), VendorError> {
        self.flush().await?;
        self.pulse.spoken().over = true;
        self.say("CloseStream").await
    }
}

/// The half that tells what was heard.
struct Hears {
    /// For `KeepAlive`: whoever speaks may have nothing to say.
    outgoing: Outgoing,
    incoming: Incoming,
    pulse: Arc<Pulse>,
    events: VecDeque<LiveEvent>,
    assembly: Assembly,
    skipped: u64,
}

impl fmt::Debug for Hears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hears").field("skipped", &self.skipped).finish_non_exhaustive()
    }
}

impl Hears {
    /// What comes next over the socket, with `KeepAlive` said meanwhile as often as is needed.
    async fn frame(&mut self) -> Result<Option<crate::socket::Frame>, VendorError> {
        loop {
            let Some(left) = self.pulse.left() else { return self.incoming.next().await };
            if let Some(frame) = timeout(&*self.pulse.clock, left, self.incoming.next()).await {
                return frame;
            }
            if self.pulse.left().is_some_and(|left| left.is_zero()) {
                self.pulse.spoken().any = self.pulse.clock.now();
                // When it is not taken, the socket says why.
                let _ = self.outgoing.text(json!({"type": "KeepAlive"}).to_string()).await;
            }
        }
    }
}

#[async_trait]
impl LiveTurns for Hears {
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError> {
        let mut garbage = 0;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.frame().await? else {
                self.events.extend(self.assembly.finish().into_iter().map(LiveEvent::Turn));
                return Ok(self.events.pop_front());
            };
            let turns = match wire::heard(&frame) {
                wire::Heard::Piece(piece) => self.assembly.absorb(piece),
                wire::Heard::Silence { since_ms } => self.assembly.silence(since_ms),
                wire::Heard::SpeechStarted { at_ms } => {
                    // It says so, not how sure it is.
                    return Ok(Some(LiveEvent::SpeechStarted { at_ms, confidence_ppm: 1_000_000 }));
                }
                wire::Heard::Over { audio_ms } => {
                    self.incoming.satisfied();
                    self.pulse.spoken().over = true;
                    self.events.extend(self.assembly.finish().into_iter().map(LiveEvent::Turn));
                    self.events.push_back(LiveEvent::Ended { audio_ms, session_ms: audio_ms });
                    continue;
                }
                wire::Heard::Failed { message } => return Err(self.incoming.failure(None, &message)),
                unread @ (wire::Heard::Unknown | wire::Heard::Garbage) => {
                    self.skipped += 1;
                    metrics::counter!("wib_live_messages_skipped_total", "vendor" => VENDOR).increment(1);
                    garbage = if matches!(unread, wire::Heard::Garbage) { garbage + 1 } else { 0 };
                    if garbage >= GARBAGE {
                        let message = "messages that cannot be read";
                        return Err(VendorError::new(VENDOR, Fault::Nonsense, Sent::Unknown, message));
                    }
                    continue;
                }
            };
            garbage = 0;
            self.events.extend(turns.into_iter().map(LiveEvent::Turn));
        }
    }
    fn skipped(&self) -> u64 {
        self.skipped
    }
}
