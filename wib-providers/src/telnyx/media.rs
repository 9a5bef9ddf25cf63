//! Media streaming: JSON text frames, sound in base64 without RTP headers.
//!
//! Telnyx dials us. Numbers are text. The order of frames is not promised, nor are the codes of `error`. Sound to Telnyx
//! is 20 ms to 30 s a message, and is dropped without a word unless the stream was started with a mode for it.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use wib_core::ports::{
    media::{Codec, Frame, MediaCommand, MediaError, MediaEvent, MediaMessage, MediaStart, MediaWire},
    voice::{Key, Leg, Tracks},
};

use super::{Telnyx, VENDOR};

/// A frame of 20 ms has at most 1920 bytes of sound; an order of magnitude is left for the rest and for longer frames.
const MOST_TEXT: usize = 64 * 1024;
/// Thirty seconds of the widest sound.
const MOST_SOUND: usize = 30 * 48_000 * 2;

impl MediaWire for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn read(&self, frame: &str) -> Result<MediaMessage, MediaError> {
        read(frame)
    }
    fn write(&self, command: &MediaCommand) -> Result<String, MediaError> {
        write(command)
    }
}

fn read(frame: &str) -> Result<MediaMessage, MediaError> {
    if frame.len() > MOST_TEXT {
        return Err(MediaError::TooLarge);
    }
    let json: Value = serde_json::from_str(frame).map_err(|_| MediaError::InvalidJson)?;
    let event = text(&json["event"]).filter(|event| !event.is_empty()).ok_or(MediaError::Shape)?;
    let what = match event.as_str() {
        "connected" => MediaEvent::Connected,
        "start" => MediaEvent::Start(start(&json["start"])?),
        "media" => MediaEvent::Media(media(&json["media"])?),
        "mark" => MediaEvent::Mark(text(&json["mark"]["name"]).ok_or(MediaError::Shape)?),
        "dtmf" => {
            let digit = text(&json["dtmf"]["digit"]).and_then(|digit| digit.parse::<char>().ok());
            MediaEvent::Key(digit.and_then(|digit| Key::try_from(digit).ok()))
        }
        "stop" => MediaEvent::Stop,
        "error" => {
            let word = |name: &str| text(&json["payload"][name]).unwrap_or_default();
            MediaEvent::Failed { code: word("code"), title: word("title") }
        }
        _ => MediaEvent::Other(event),
    };
    Ok(MediaMessage { stream: text(&json["stream_id"]), sequence: number(&json["sequence_number"]), what })
}

fn start(start: &Value) -> Result<MediaStart, MediaError> {
    if !start.is_object() {
        return Err(MediaError::Shape);
    }
    let format = &start["media_format"];
    let leg = Leg {
        control_id: text(&start["call_control_id"]),
        leg_id: text(&start["call_leg_id"]),
        session_id: text(&start["call_session_id"]),
    };
    let tag = text(&start["client_state"]).and_then(|state| BASE64_STANDARD.decode(state).ok());
    Ok(MediaStart {
        leg,
        tag: tag.and_then(|tag| String::from_utf8(tag).ok()),
        codec: text(&format["encoding"]).and_then(|name| codec(&name)),
        rate: number(&format["sample_rate"]).and_then(|rate| u32::try_from(rate).ok()).unwrap_or(8_000),
        channels: number(&format["channels"]).and_then(|channels| u8::try_from(channels).ok()).unwrap_or(1),
    })
}

fn media(media: &Value) -> Result<Frame, MediaError> {
    let payload = media["payload"].as_str().ok_or(MediaError::Shape)?;
    Ok(Frame {
        track: if media["track"] == "outbound" { Tracks::Outbound } else { Tracks::Inbound },
        chunk: number(&media["chunk"]).ok_or(MediaError::Shape)?,
        at_ms: number(&media["timestamp"]).unwrap_or(0),
        sound: Bytes::from(BASE64_STANDARD.decode(payload).map_err(|_| MediaError::Shape)?),
    })
}

fn write(command: &MediaCommand) -> Result<String, MediaError> {
    let json = match command {
        MediaCommand::Media(sound) if sound.is_empty() => return Err(MediaError::Shape),
        MediaCommand::Media(sound) if sound.len() > MOST_SOUND => return Err(MediaError::TooLarge),
        MediaCommand::Media(sound) => json!({"event": "media", "media": {"payload": BASE64_STANDARD.encode(sound)}}),
        MediaCommand::Mark(name) => json!({"event": "mark", "mark": {"name": name}}),
        MediaCommand::Clear => json!({"event": "clear"}),
    };
    Ok(json.to_string())
}

fn codec(name: &str) -> Option<Codec> {
    let all = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus, Codec::AmrWb, Codec::L16];
    all.into_iter().find(|codec| super::commands::codec(*codec).eq_ignore_ascii_case(name))
}

/// Text, or a number as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, in text or bare.
fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use wib_core::ports::media::Sorter;

    use super::*;
    use crate::testing::contracts::lines;

    const SESSIONS: [&str; 5] = [
        "telnyx-bidirectional-rtp",
        "telnyx-error-and-abrupt-close",
        "telnyx-inbound-both-tracks",
        "telnyx-l16-16k",
        "telnyx-out-of-order-and-unknown",
    ];

    /// The text frames of a recorded session: who sent them, and what.
    fn session(name: &str) -> Option<(Value, Vec<(String, String)>)> {
        let lines = lines(&format!("realtime/{name}.jsonl"))?;
        let frames = lines[1..].iter().filter(|line| line["kind"] == "text").map(|line| {
            let said = line["text"].as_str().map_or_else(|| line["json"].to_string(), str::to_owned);
            (line["from"].as_str().unwrap().to_owned(), said)
        });
        Some((lines[0].clone(), frames.collect()))
    }
    fn told(name: &str) -> Option<(Value, Vec<MediaMessage>)> {
        let (meta, frames) = session(name)?;
        let told = frames.iter().filter(|(from, _)| from == "vendor").map(|(_, frame)| read(frame).unwrap()).collect();
        Some((meta, told))
    }

    #[test]
    fn every_recorded_session_is_read_to_its_end_in_the_format_it_names() {
        for name in SESSIONS {
            let Some((meta, told)) = told(name) else { return };
            assert_eq!(told[0].what, MediaEvent::Connected, "{name}");
            let MediaEvent::Start(start) = &told[1].what else { panic!("{name} starts") };
            let audio = &meta["audio"];
            assert_eq!(super::super::commands::codec(start.codec.unwrap()), audio["encoding"], "{name}");
            assert_eq!((u64::from(start.rate), start.channels), (audio["sample_rate"].as_u64().unwrap(), 1), "{name}");
            assert!(start.leg.control_id.is_some() && start.leg.session_id.is_some(), "{name}");
            let frame_bytes = start.codec.unwrap().frame_bytes(start.rate, start.channels);
            for message in &told[1..] {
                assert_eq!(message.stream.as_deref(), Some("6b3f2c1e-1d52-4f0e-9a54-0f6f3a1b7c11"), "{name}");
                if let MediaEvent::Media(frame) = &message.what {
                    assert_eq!(Some(frame.sound.len()), frame_bytes, "{name} {frame:?}");
                }
            }
            let ends = told.iter().filter(|message| message.what == MediaEvent::Stop).count();
            assert_eq!(ends, usize::from(name != "telnyx-error-and-abrupt-close"), "{name}");
        }
    }

    #[test]
    fn what_the_application_said_is_what_we_write() {
        let Some((_, frames)) = session("telnyx-bidirectional-rtp") else { return };
        let mut written = 0;
        for (_, frame) in frames.iter().filter(|(from, _)| from == "app") {
            let json: Value = serde_json::from_str(frame).unwrap();
            let command = match json["event"].as_str().unwrap() {
                "media" => {
                    let payload = json["media"]["payload"].as_str().unwrap();
                    MediaCommand::Media(BASE64_STANDARD.decode(payload).unwrap().into())
                }
                "mark" => MediaCommand::Mark(json["mark"]["name"].as_str().unwrap().to_owned()),
                _ => MediaCommand::Clear,
            };
            assert_eq!(serde_json::from_str::<Value>(&write(&command).unwrap()).unwrap(), json);
            written += 1;
        }
        assert_eq!(written, 6);
    }

    #[test]
    fn marks_keys_and_failures_are_told() {
        let Some((_, barged)) = told("telnyx-bidirectional-rtp") else { return };
        let mark = |m: &MediaMessage| if let MediaEvent::Mark(name) = &m.what { Some(name.clone()) } else { None };
        assert_eq!(barged.iter().filter_map(mark).collect::<Vec<_>>(), ["prompt-1", "prompt-2"]);
        let (_, both) = told("telnyx-inbound-both-tracks").unwrap();
        assert!(both.iter().any(|message| message.what == MediaEvent::Key(Key::try_from('5').ok())));
        let outbound = |m: &&MediaMessage| matches!(&m.what, MediaEvent::Media(f) if f.track == Tracks::Outbound);
        assert_eq!(both.iter().filter(outbound).count(), 4);
        let (_, broken) = told("telnyx-error-and-abrupt-close").unwrap();
        let failed = MediaEvent::Failed { code: "100003".into(), title: "malformed_frame".into() };
        assert_eq!(broken.last().unwrap().what, failed);
    }

    #[test]
    fn frames_out_of_order_are_put_right_and_unknown_events_are_kept() {
        let Some((meta, told)) = told("telnyx-out-of-order-and-unknown") else { return };
        let mut sorter = Sorter::new(2);
        let mut out = Vec::new();
        for message in &told {
            if let MediaEvent::Media(frame) = &message.what {
                out.extend(sorter.take(frame.clone()));
            }
        }
        out.extend(sorter.finish());
        let chunks: Vec<_> = out.iter().map(|frame| frame.chunk).collect();
        assert_eq!(json!(chunks), meta["expect"]["ordered_chunks"]);
        assert_eq!((sorter.missed(), json!(sorter.doubled())), (1, meta["expect"]["duplicates"].clone()));
        assert!(told.iter().any(|message| message.what == MediaEvent::Other("somethingNew".into())));
    }

    #[test]
    fn what_is_too_large_or_misshapen_is_refused() {
        let long = format!(r#"{{"event":"media","media":{{"chunk":"1","payload":"{}"}}}}"#, "A".repeat(MOST_TEXT));
        assert_eq!(read(&long), Err(MediaError::TooLarge));
        for (frame, why) in [
            ("{", MediaError::InvalidJson),
            ("[]", MediaError::Shape),
            (r#"{"event":""}"#, MediaError::Shape),
            (r#"{"event":"start"}"#, MediaError::Shape),
            (r#"{"event":"media","media":{}}"#, MediaError::Shape),
            (r#"{"event":"media","media":{"chunk":"1","payload":"?"}}"#, MediaError::Shape),
            (r#"{"event":"media","media":{"chunk":"-1","payload":""}}"#, MediaError::Shape),
        ] {
            assert_eq!(read(frame), Err(why), "{frame}");
        }
        assert_eq!(write(&MediaCommand::Media(Bytes::new())), Err(MediaError::Shape));
        assert_eq!(write(&MediaCommand::Media(vec![0; MOST_SOUND + 1].into())), Err(MediaError::TooLarge));
    }

    #[test]
    fn neither_sound_nor_a_key_is_shown() {
        let shown: BTreeMap<_, _> = [
            ("media", r#"{"event":"media","media":{"chunk":"1","payload":"NDExMQ=="}}"#),
            ("dtmf", r#"{"event":"dtmf","dtmf":{"digit":"7"}}"#),
        ]
        .map(|(name, frame)| (name, format!("{:?}", read(frame).unwrap())))
        .into();
        assert!(shown["media"].contains("4 bytes") && !shown["media"].contains("4111"), "{shown:?}");
        assert!(shown["dtmf"].contains("[redacted]") && !shown["dtmf"].contains('7'), "{shown:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(frame in "\\PC{0,200}") {
            let read = read(&frame);
            prop_assert!(read.is_err() || serde_json::from_str::<Value>(&frame).is_ok());
        }
    }
}
