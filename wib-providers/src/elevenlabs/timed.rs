//! Texts said aloud, with the time of each character.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use wib_core::ports::{
    Fault, Sent, VendorError,
    speech::{Say, SpeechHead},
};

use super::{
    ElevenLabs,
    wire::{Alignment, TimedReply, thousandths},
};
use crate::http::Flow;

/// A text said, with the times of its characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// What it is.
    pub head: SpeechHead,
    /// The audio.
    pub audio: Bytes,
    /// The text as it was said, character by character; empty when the vendor told no times.
    pub characters: Vec<TimedCharacter>,
}

/// When a character is said, from the start of the audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedCharacter {
    /// The character.
    pub text: String,
    /// Its start, in milliseconds.
    pub start_ms: i64,
    /// Its end, in milliseconds.
    pub end_ms: i64,
}

/// Some audio, with the characters that begin in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedPiece {
    /// The audio; may be empty.
    pub audio: Bytes,
    /// The characters.
    pub characters: Vec<TimedCharacter>,
}

/// A text being said, with the times of its characters. It ends with the audio, or with an error.
pub struct TimedStream {
    /// What it is.
    pub head: SpeechHead,
    /// The pieces as they come.
    pub pieces: BoxStream<'static, Result<TimedPiece, VendorError>>,
}
impl fmt::Debug for TimedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedStream").field("head", &self.head).finish_non_exhaustive()
    }
}

impl ElevenLabs {
    /// The whole audio, with the times of its characters.
    ///
    /// # Errors
    /// As [`Speech::say`](wib_core::ports::Speech::say).
    pub async fn say_timed(&self, say: &Say) -> Result<Timed, VendorError> {
        let order = self.order(say)?;
        let answer = self.ask("convert_timed", "/v1/text-to-speech/{}/with-timestamps", &order).send().await?;
        let piece = piece(answer.json()?).filter(|piece| !piece.audio.is_empty());
        let TimedPiece { audio, characters } = piece.ok_or_else(|| {
            let error = self.client.fault(Fault::Nonsense, Sent::Refused, "no audio in the answer");
            VendorError { status: Some(answer.status), request_id: answer.request_id.clone(), ..error }
        })?;
        Ok(Timed { head: self.head(&order, answer.request_id), audio, characters })
    }
    /// The audio as it is made, with the times of its characters.
    ///
    /// # Errors
    /// As [`Speech::stream`](wib_core::ports::Speech::stream).
    pub async fn stream_timed(&self, say: &Say) -> Result<TimedStream, VendorError> {
        let order = self.order(say)?;
        let flow = self.ask("stream_timed", "/v1/text-to-speech/{}/stream/with-timestamps", &order).open().await?;
        let head = self.head(&order, flow.request_id.clone());
        let lines = Lines { flow, waiting: BytesMut::new(), any: false };
        let pieces = stream::try_unfold(lines, |mut lines| async move {
            Ok(lines.next().await?.map(|piece| (piece, lines)))
        });
        Ok(TimedStream { head, pieces: pieces.boxed() })
    }
}

/// An answer of one JSON text a line.
struct Lines {
    flow: Flow,
    waiting: BytesMut,
    any: bool,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<TimedPiece>, VendorError> {
        loop {
            let line = match self.waiting.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    let line = self.waiting.split_to(end);
                    self.waiting.advance(1);
                    line
                }
                None => match self.flow.next().await? {
                    Some(bytes) => {
                        self.waiting.extend_from_slice(&bytes);
                        continue;
                    }
                    None if !self.waiting.is_empty() => self.waiting.split(),
                    None if self.any => return Ok(None),
                    None => return Err(self.flow.failed(Fault::Nonsense, "no audio in the answer")),
                },
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let piece = serde_json::from_slice(&line).ok().and_then(piece);
            let piece = piece.ok_or_else(|| self.flow.failed(Fault::Nonsense, "a line that is no timed audio"))?;
            self.any |= !piece.audio.is_empty();
            return Ok(Some(piece));
        }
    }
}

fn piece(reply: TimedReply) -> Option<TimedPiece> {
    let audio = BASE64_STANDARD.decode(reply.audio_base64).ok()?.into();
    let Alignment { characters, character_start_times_seconds, character_end_times_seconds } =
        reply.alignment.unwrap_or_default();
    let times = character_start_times_seconds.iter().zip(&character_end_times_seconds);
    let timed = characters.into_iter().zip(times).map(|(text, (start, end))| {
        Some(TimedCharacter { text, start_ms: thousandths(start)?, end_ms: thousandths(end)? })
    });
    Some(TimedPiece { audio, characters: timed.collect::<Option<_>>()? })
}
