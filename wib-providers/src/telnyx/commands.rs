//! What legs are told to do, in Telnyx's words.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Method;
use serde::Serialize;
use wib_core::ports::{
    Fault, Sent, VendorError,
    media::Codec,
    voice::{
        Command, Detection, Dial, Engine, Gather, Leg, Order, Prompt, Record, Rejection, Repeat, Role, SipHeader, Speak,
        Stream, Target, Tracks, Transcribe,
    },
};

use super::{
    Telnyx,
    wire::{self, requests},
};
use crate::http::Ask;

/// Records from the answer on.
const FROM_ANSWER: &str = "record-from-answer";

impl Telnyx {
    /// The request that carries an order to a leg out.
    pub(super) fn carry<'a>(&'a self, leg: &Leg, order: &Order) -> Result<Ask<'a>, VendorError> {
        let to = To { telnyx: self, leg, order };
        match &order.command {
            Command::Answer(answer) => {
                let body = requests::Answer {
                    webhook_url: answer.webhook_url.as_deref(),
                    record: answer.record.then_some(FROM_ANSWER),
                    record_channels: answer.record.then_some("dual"),
                    record_format: answer.record.then_some("wav"),
                    transcription: answer.transcribe.is_some().then_some(true),
                    transcription_config: answer.transcribe.as_ref().map(transcription),
                    custom_headers: headers(&answer.headers),
                };
                to.post("answer", "/calls/{}/actions/answer", body)
            }
            Command::Reject(why) => {
                let cause = match why {
                    Rejection::Busy => "USER_BUSY",
                    Rejection::Rejected => "CALL_REJECTED",
                };
                to.post("reject", "/calls/{}/actions/reject", requests::Reject { cause })
            }
            Command::HangUp => to.post("hang_up", "/calls/{}/actions/hangup", requests::Nothing {}),
            Command::Bridge(bridge) => {
                let body = requests::Bridge {
                    call_control_id: self.control_id(&bridge.with)?,
                    park_after_unbridge: bridge.park.then_some("self"),
                    record: bridge.record.then_some(FROM_ANSWER),
                    record_channels: bridge.record.then_some("dual"),
                    record_format: bridge.record.then_some("wav"),
                    play_ringtone: bridge.ringtone.then_some(true),
                    prevent_double_bridge: bridge.once.then_some(true),
                };
                to.post("bridge", "/calls/{}/actions/bridge", body)
            }
            Command::Transfer(transfer) => {
                let (detection, config) = detection(transfer.detection);
                let body = requests::Transfer {
                    to: transfer.to.as_str(),
                    timeout_secs: transfer.ring_seconds,
                    from: transfer.from.as_ref().map(|from| from.as_str()),
                    from_display_name: transfer.caller_name.as_deref(),
                    audio_url: transfer.whisper.as_deref(),
                    answering_machine_detection: detection,
                    answering_machine_detection_config: config,
                    record: transfer.record.then_some(FROM_ANSWER),
                    record_channels: transfer.record.then_some("dual"),
                    record_format: transfer.record.then_some("wav"),
                    park_after_unbridge: transfer.park.then_some("self"),
                    target_leg_client_state: transfer.target_tag.as_ref().map(|tag| BASE64_STANDARD.encode(tag)),
                    webhook_url: transfer.webhook_url.as_deref(),
                    custom_headers: headers(&transfer.headers),
                };
                to.post("transfer", "/calls/{}/actions/transfer", body)
            }
            Command::Refer(uri) => {
                to.post("refer", "/calls/{}/actions/refer", requests::Refer { sip_address: uri.as_str() })
            }
            Command::Speak(speak) => {
                let (voice, language) = self.voice_of(speak)?;
                let target_legs = target(speak.target);
                let body = requests::Speak { payload: &speak.text, voice, language, target_legs };
                to.post("speak", "/calls/{}/actions/speak", body)
            }
            Command::Play(playback) => {
                let body = requests::Play {
                    audio_url: &playback.url,
                    r#loop: repeat(playback.repeat),
                    target_legs: target(playback.target),
                    overlay: playback.overlay.then_some(true),
                };
                to.post("play", "/calls/{}/actions/playback_start", body)
            }
            Command::StopPlaying => {
                to.post("stop_playing", "/calls/{}/actions/playback_stop", requests::StopPlaying { stop: "all" })
            }
            Command::Gather(gather) => self.gather(&to, gather),
            Command::StopGathering => to.post("stop_gathering", "/calls/{}/actions/gather_stop", requests::Nothing {}),
            Command::SendKeys(keys) => {
                to.post("send_keys", "/calls/{}/actions/send_dtmf", requests::SendKeys { digits: keys.reveal() })
            }
            Command::Record(Record::Start) => {
                let body = requests::Record { format: "wav", channels: "dual" };
                to.post("start_recording", "/calls/{}/actions/record_start", body)
            }
            Command::Record(Record::Stop) => {
                to.post("stop_recording", "/calls/{}/actions/record_stop", requests::Nothing {})
            }
            Command::Record(Record::Pause) => {
                to.post("pause_recording", "/calls/{}/actions/record_pause", requests::Nothing {})
            }
            Command::Record(Record::Resume) => {
                to.post("resume_recording", "/calls/{}/actions/record_resume", requests::Nothing {})
            }
            Command::Stream(stream) => to.post("stream", "/calls/{}/actions/streaming_start", streaming(stream)),
            Command::StopStreaming => {
                to.post("stop_streaming", "/calls/{}/actions/streaming_stop", requests::Nothing {})
            }
            Command::Fork(fork) => {
                let body = requests::Fork { rx: fork.inbound.as_deref(), tx: fork.outbound.as_deref() };
                to.post("fork", "/calls/{}/actions/fork_start", body)
            }
            Command::StopForking => to.post("stop_forking", "/calls/{}/actions/fork_stop", requests::Nothing {}),
            Command::Transcribe(what) => {
                to.post("transcribe", "/calls/{}/actions/transcription_start", transcription(what))
            }
            Command::StopTranscribing => {
                to.post("stop_transcribing", "/calls/{}/actions/transcription_stop", requests::Nothing {})
            }
            Command::Enqueue(enqueue) => {
                let body = requests::Enqueue {
                    queue_name: &enqueue.queue,
                    max_size: enqueue.max_size,
                    max_wait_time_secs: enqueue.max_wait_seconds,
                };
                to.post("enqueue", "/calls/{}/actions/enqueue", body)
            }
            Command::LeaveQueue => to.post("leave_queue", "/calls/{}/actions/leave_queue", requests::Nothing {}),
            // It takes neither a key nor a state: the same role twice is the same role.
            Command::SwitchRole(role) => {
                let ask = self.command("switch_role", leg, "/calls/{}/actions/switch_supervisor_role")?;
                Ok(ask.json(&requests::SwitchRole { role: supervisor(role) }))
            }
            _ => Err(self.client.fault(Fault::Request, Sent::No, "Telnyx has no such command")),
        }
    }

    fn gather<'a>(&'a self, to: &To<'a, '_>, gather: &Gather) -> Result<Ask<'a>, VendorError> {
        let mut body = requests::Gather {
            valid_digits: &gather.valid,
            terminating_digit: gather.terminator,
            minimum_digits: gather.min,
            maximum_digits: gather.max,
            inter_digit_timeout_millis: gather.next_ms,
            // With a prompt this is the wait for the first key, after it.
            timeout_millis: gather.first_ms,
            initial_timeout_millis: None,
            maximum_tries: Some(gather.tries),
            payload: None,
            voice: None,
            language: None,
            invalid_payload: None,
            audio_url: None,
            invalid_audio_url: None,
        };
        match &gather.prompt {
            None => {
                // Without one it is the wait for all of them.
                body.timeout_millis = gather.first_ms.saturating_add(gather.next_ms.saturating_mul(gather.max));
                body.initial_timeout_millis = Some(gather.first_ms);
                body.maximum_tries = None;
                to.post("gather", "/calls/{}/actions/gather", body)
            }
            Some(Prompt::Speak(speak)) => {
                let (voice, language) = self.voice_of(speak)?;
                (body.voice, body.language) = (Some(voice), Some(language));
                (body.payload, body.invalid_payload) = (Some(speak.text.as_str()), gather.retry_prompt.as_deref());
                to.post("gather", "/calls/{}/actions/gather_using_speak", body)
            }
            Some(Prompt::Audio(url)) => {
                (body.audio_url, body.invalid_audio_url) = (Some(url.as_str()), gather.retry_prompt.as_deref());
                to.post("gather", "/calls/{}/actions/gather_using_audio", body)
            }
        }
    }

    /// A command to a leg, which may be repeated: a key, or its nature, keeps it from taking effect twice.
    pub(super) fn command(
        &self,
        operation: &'static str,
        leg: &Leg,
        template: &'static str,
    ) -> Result<Ask<'_>, VendorError> {
        Ok(self.client.ask(operation, Method::POST, template).fill(self.control_id(leg)?).repeatable())
    }

    /// The handle of a leg.
    pub(super) fn control_id<'l>(&self, leg: &'l Leg) -> Result<&'l str, VendorError> {
        let nameless = || self.client.fault(Fault::Request, Sent::No, "the leg has no call_control_id");
        leg.control_id.as_deref().ok_or_else(nameless)
    }

    /// The voice that speaks a text, and Telnyx's name of its language.
    pub(super) fn voice_of<'s>(&'s self, speak: &'s Speak) -> Result<(&'s str, &'static str), VendorError> {
        let unspoken = || self.client.fault(Fault::Request, Sent::No, "Telnyx does not speak this language");
        let language = wire::language(&speak.language).ok_or_else(unspoken)?;
        Ok((speak.voice.as_deref().unwrap_or(&self.voice), language))
    }

    /// The request that places a call.
    pub(super) fn dial_request<'a>(&'a self, dial: &'a Dial) -> Result<impl Serialize + 'a, VendorError> {
        let (detection, config) = detection(dial.detection);
        let link = dial.link.as_ref();
        let bridge = link.filter(|link| link.bridge).map(|_| true);
        let watched = dial.supervise.as_ref();
        let what = requests::Dial {
            connection_id: &self.connection_id,
            to: dial.to.as_str(),
            from: dial.from.as_str(),
            timeout_secs: dial.ring_seconds,
            from_display_name: dial.caller_name.as_deref(),
            webhook_url: dial.webhook_url.as_deref(),
            answering_machine_detection: detection,
            answering_machine_detection_config: config,
            link_to: link.map(|link| self.control_id(&link.leg)).transpose()?,
            bridge_intent: bridge,
            bridge_on_answer: bridge,
            supervise_call_control_id: watched.map(|watched| self.control_id(&watched.leg)).transpose()?,
            supervisor_role: watched.map(|watched| supervisor(&watched.role)),
            custom_headers: headers(&dial.headers),
        };
        Ok(requests::Keyed { what, command_id: &dial.key, client_state: Some(BASE64_STANDARD.encode(&dial.tag)) })
    }
}

/// An order on its way to a leg.
struct To<'a, 'o> {
    telnyx: &'a Telnyx,
    leg: &'o Leg,
    order: &'o Order,
}
impl<'a> To<'a, '_> {
    fn post(
        &self,
        operation: &'static str,
        template: &'static str,
        what: impl Serialize,
    ) -> Result<Ask<'a>, VendorError> {
        let client_state = self.order.tag.as_ref().map(|tag| BASE64_STANDARD.encode(tag));
        let body = requests::Keyed { what, command_id: &self.order.key, client_state };
        Ok(self.telnyx.command(operation, self.leg, template)?.json(&body))
    }
}

/// The detector, and how it is set: what we know of how people answer is for the best one alone.
fn detection(detection: Detection) -> (Option<&'static str>, Option<requests::DetectionConfig>) {
    match detection {
        Detection::Off => (None, None),
        Detection::Standard => (Some("detect_beep"), None),
        Detection::Premium => (Some("premium"), Some(requests::DetectionConfig::OURS)),
    }
}

fn headers(headers: &[SipHeader]) -> Option<Vec<requests::Header<'_>>> {
    let all = headers.iter().map(|header| requests::Header { name: &header.name, value: &header.value });
    (!headers.is_empty()).then(|| all.collect())
}

/// A supervisor on a call of two.
fn supervisor(role: &Role) -> &'static str {
    match role {
        Role::Monitor => "monitor",
        Role::Whisper(_) => "whisper",
        Role::Party | Role::Barge => "barge",
    }
}

pub(super) fn repeat(repeat: Repeat) -> Option<requests::Loop> {
    match repeat {
        Repeat::Times(0 | 1) => None,
        Repeat::Times(times) => Some(requests::Loop::Times(times)),
        Repeat::Forever => Some(requests::Loop::Word("infinity")),
    }
}

fn target(target: Target) -> Option<&'static str> {
    match target {
        Target::Own => None,
        Target::Opposite => Some("opposite"),
        Target::Both => Some("both"),
    }
}

fn streaming(stream: &Stream) -> requests::Stream<'_> {
    let back = stream.talkback;
    requests::Stream {
        stream_url: &stream.url,
        stream_track: match stream.tracks {
            Tracks::Inbound => "inbound_track",
            Tracks::Outbound => "outbound_track",
            Tracks::Both => "both_tracks",
        },
        // Without a mode, all that is sent back is dropped without a word.
        stream_codec: stream.codec.map(codec),
        stream_bidirectional_mode: back.map(|_| "rtp"),
        stream_bidirectional_codec: back.map(|back| codec(back.codec)),
        stream_bidirectional_sampling_rate: back.map(|back| back.rate),
        stream_bidirectional_target_legs: back.map(|back| target(back.target).unwrap_or("self")),
        stream_auth_token: stream.token.as_deref(),
    }
}

/// Telnyx's name of a codec.
pub(super) fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        Codec::Opus => "OPUS",
        Codec::AmrWb => "AMR-WB",
        Codec::L16 => "L16",
    }
}

fn transcription(what: &Transcribe) -> requests::Transcription<'_> {
    /// Languages of the newer model of Deepgram, and the regions it tells apart.
    const NOVA_3: &str = "en de nl sv da es fr pt en-US en-AU en-GB en-IN en-NZ sv-SE da-DK es-419 fr-CA pt-BR pt-PT";
    let known = |language: &str| NOVA_3.split(' ').any(|name| name == language);
    // Regions are left out where an engine may not know them.
    let tongue = |language: &'_ str| language.split('-').next().unwrap_or_default().len();
    let language = what.language.as_deref();
    let spoken = language.map(|language| &language[..tongue(language)]);
    let (name, model, language) = match what.engine {
        Engine::Google => ("Google", None, spoken),
        Engine::Own => ("Telnyx", None, spoken),
        Engine::Deepgram => match (language, spoken) {
            (Some(language), _) if known(language) => ("Deepgram", Some("deepgram/nova-3"), Some(language)),
            (_, Some(spoken)) if !known(spoken) => ("Deepgram", Some("deepgram/nova-2"), Some(spoken)),
            _ => ("Deepgram", Some("deepgram/nova-3"), spoken),
        },
    };
    requests::Transcription {
        transcription_engine: name,
        transcription_tracks: what.tracks.as_str(),
        transcription_engine_config: requests::EngineConfig {
            transcription_engine: name,
            transcription_model: model,
            language,
            // Telnyx's own engine has no such choice.
            interim_results: (what.interim && what.engine != Engine::Own).then_some(true),
        },
    }
}
