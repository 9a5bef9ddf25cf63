//! What we send. What is optional is left out when it is not given.

use serde::Serialize;

/// A command: what it says, its key, and the state that its events are to carry.
#[derive(Serialize)]
pub(in crate::telnyx) struct Keyed<'a, T> {
    #[serde(flatten)]
    pub what: T,
    pub command_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_state: Option<String>,
}

/// Bodies: the fields that are always sent, then those that may be left out.
macro_rules! requests {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),* ; $($optional:ident: $inner:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Serialize)]
        pub(in crate::telnyx) struct $name<'a> {
            $(pub $field: $type,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$inner>,)*
        }
    )*};
}

requests! {
    Dial {
        connection_id: &'a str, to: &'a str, from: &'a str, timeout_secs: u32;
        from_display_name: &'a str,
        webhook_url: &'a str,
        answering_machine_detection: &'static str,
        answering_machine_detection_config: DetectionConfig,
        link_to: &'a str,
        bridge_intent: bool,
        bridge_on_answer: bool,
        supervise_call_control_id: &'a str,
        supervisor_role: &'static str,
        custom_headers: Vec<Header<'a>>,
    }
    Header { name: &'a str, value: &'a str; }
    Answer {
        ;
        webhook_url: &'a str,
        record: &'static str,
        record_channels: &'static str,
        record_format: &'static str,
        transcription: bool,
        transcription_config: Transcription<'a>,
        custom_headers: Vec<Header<'a>>,
    }
    Reject { cause: &'a str; }
    Bridge {
        call_control_id: &'a str;
        park_after_unbridge: &'static str,
        record: &'static str,
        record_channels: &'static str,
        record_format: &'static str,
        play_ringtone: bool,
        prevent_double_bridge: bool,
    }
    Transfer {
        to: &'a str, timeout_secs: u32;
        from: &'a str,
        from_display_name: &'a str,
        audio_url: &'a str,
        answering_machine_detection: &'static str,
        answering_machine_detection_config: DetectionConfig,
        record: &'static str,
        record_channels: &'static str,
        record_format: &'static str,
        park_after_unbridge: &'static str,
        target_leg_client_state: String,
        webhook_url: &'a str,
        custom_headers: Vec<Header<'a>>,
    }
    Refer { sip_address: &'a str; }
    Speak { payload: &'a str, voice: &'a str, language: &'static str; target_legs: &'static str }
    Play { audio_url: &'a str; r#loop: Loop, target_legs: &'static str, overlay: bool }
    StopPlaying { stop: &'a str; }
    Gather {
        valid_digits: &'a str, terminating_digit: char, minimum_digits: u32, maximum_digits: u32,
        inter_digit_timeout_millis: u32, timeout_millis: u32;
        initial_timeout_millis: u32,
        maximum_tries: u32,
        payload: &'a str,
        voice: &'a str,
        language: &'static str,
        invalid_payload: &'a str,
        audio_url: &'a str,
        invalid_audio_url: &'a str,
    }
    SendKeys { digits: &'a str; }
    Record { format: &'a str, channels: &'static str; }
    Stream {
        stream_url: &'a str, stream_track: &'static str;
        stream_codec: &'static str,
        stream_bidirectional_mode: &'static str,
        stream_bidirectional_codec: &'static str,
        stream_bidirectional_sampling_rate: u32,
        stream_bidirectional_target_legs: &'static str,
        stream_auth_token: &'a str,
    }
    Fork { ; rx: &'a str, tx: &'a str }
    Transcription {
        transcription_engine: &'static str, transcription_tracks: &'static str,
        transcription_engine_config: EngineConfig<'a>;
    }
    EngineConfig {
        transcription_engine: &'static str;
        transcription_model: &'static str,
        language: &'a str,
        interim_results: bool,
    }
    Enqueue { queue_name: &'a str, max_size: u32; max_wait_time_secs: u32 }
    SwitchRole { role: &'a str; }
    State { client_state: &'a str; }
    OpenConference {
        call_control_id: &'a str, name: &'a str, beep_enabled: &'static str;
        hold_audio_url: &'a str,
        max_participants: u32,
    }
    Join {
        call_control_id: &'a str, supervisor_role: &'static str;
        whisper_call_control_ids: Vec<&'a str>,
        hold: bool,
        mute: bool,
        end_conference_on_exit: bool,
        client_state: String,
    }
    Participant { call_control_id: &'a str; supervisor_role: &'static str, whisper_call_control_ids: Vec<&'a str> }
    Participants { ; call_control_ids: Vec<&'a str>, audio_url: &'a str, r#loop: Loop }
    ConferenceSpeak {
        payload: &'a str, voice: &'a str, language: &'static str;
        call_control_ids: Vec<&'a str>,
    }
}

/// A command that says nothing but its key.
#[derive(Serialize)]
pub(in crate::telnyx) struct Nothing {}

/// How often a sound is played.
#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::telnyx) enum Loop {
    Times(u32),
    Word(&'static str),
}

#[derive(Serialize)]
pub(in crate::telnyx) struct DetectionConfig {
    after_greeting_silence_millis: u32,
    greeting_duration_millis: u32,
    total_analysis_time_millis: u32,
    initial_silence_millis: u32,
}
impl DetectionConfig {
    pub(in crate::telnyx) const OURS: Self = Self {
        after_greeting_silence_millis: 800,
        greeting_duration_millis: 3500,
        total_analysis_time_millis: 5000,
        initial_silence_millis: 1500,
    };
}
