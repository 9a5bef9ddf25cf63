//! What legs, conferences and queues are told and asked, request by request.

use wib_core::ports::{
    media::Codec,
    voice::{
        Answer, Bridge, ConferenceCommand, ConferenceOrder, Engine, Enqueue, Fork, Gather, Keys, Link, OpenConference,
        Playback, Prompt, Record, Rejection, Repeat, Role, Seat, SipHeader, SipUri, Stream, Supervise, Talkback, Target,
        Tracks, Transcribe, Transfer,
    },
};

use super::*;

fn other() -> Leg {
    Leg { control_id: Some("v3:other".into()), ..Leg::default() }
}
fn sip() -> SipUri {
    "sip:agent7@sip.telnyx.com".parse().unwrap()
}
fn said(text: &str) -> Speak {
    Speak { text: text.into(), language: "en".into(), ..Speak::default() }
}
fn spoken(text: &str) -> Value {
    json!({"payload": text, "voice": "female", "language": "en-US"})
}
/// The one with the fields of the others as well.
fn with(mut one: Value, others: &Value) -> Value {
    one.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    one
}

#[tokio::test]
async fn every_command_of_a_leg_is_asked_for_as_the_document_has_it() {
    let gather = Gather { min: 4, max: 4, first_ms: 8_000, next_ms: 3_000, tries: 2, ..Gather::default() };
    let gathering = json!({"valid_digits": "0123456789#*", "terminating_digit": "#", "minimum_digits": 4,
        "maximum_digits": 4, "inter_digit_timeout_millis": 3_000});
    let prompted = with(gathering.clone(), &json!({"timeout_millis": 8_000, "maximum_tries": 2}));
    let recorded = json!({"record": "record-from-answer", "record_channels": "dual", "record_format": "wav"});
    let header = SipHeader { name: "X-Wib-Call".into(), value: "1".into() };
    let headers = json!([{"name": "X-Wib-Call", "value": "1"}]);
    let google = json!({"transcription_engine": "Google", "transcription_tracks": "both",
        "transcription_engine_config": {"transcription_engine": "Google", "language": "en", "interim_results": true}});
    let transcribe = |engine, language: &str| Transcribe {
        engine,
        language: Some(language.into()),
        tracks: Tracks::Both,
        interim: true,
    };
    let heard_by = |engine: &str, model: &str, language: &str| {
        json!({"transcription_engine": engine, "transcription_tracks": "both", "transcription_engine_config":
            {"transcription_engine": engine, "transcription_model": model, "language": language, "interim_results": true}})
    };
    let talkback = Talkback { codec: Codec::L16, rate: 16_000, target: Target::Own };
    let cases = [
        (Command::Answer(Answer::default()), "answer", json!({})),
        (
            Command::Answer(Answer {
                webhook_url: Some("https://wib.test".into()),
                record: true,
                transcribe: Some(transcribe(Engine::Google, "en-US")),
                headers: vec![header.clone()],
            }),
            "answer",
            with(
                json!({"webhook_url": "https://wib.test", "transcription": true, "transcription_config": google,
                    "custom_headers": headers}),
                &recorded,
            ),
        ),
        (Command::Reject(Rejection::Busy), "reject", json!({"cause": "USER_BUSY"})),
        (Command::Reject(Rejection::Rejected), "reject", json!({"cause": "CALL_REJECTED"})),
        (
            Command::Bridge(Bridge { with: other(), park: true, record: true, ringtone: true, once: true }),
            "bridge",
            with(
                json!({"call_control_id": "v3:other", "park_after_unbridge": "self", "play_ringtone": true,
                    "prevent_double_bridge": true}),
                &recorded,
            ),
        ),
        (
            Command::Bridge(Bridge { with: other(), ..Bridge::default() }),
            "bridge",
            json!({"call_control_id": "v3:other"}),
        ),
        (
            Command::Transfer(Transfer::new(phone("+13125550100"))),
            "transfer",
            json!({"to": "+13125550100", "timeout_secs": 30}),
        ),
        (
            Command::Transfer(Transfer {
                from: Some(phone("+13125550111")),
                caller_name: Some("Acme".into()),
                ring_seconds: 20,
                whisper: Some("https://a.test/w.mp3".into()),
                detection: Detection::Standard,
                record: true,
                park: true,
                target_tag: Some(TAG.into()),
                webhook_url: Some("https://wib.test".into()),
                headers: vec![header.clone()],
                ..Transfer::new(sip())
            }),
            "transfer",
            with(
                json!({"to": sip().as_str(), "timeout_secs": 20, "from": "+13125550111", "from_display_name": "Acme",
                    "audio_url": "https://a.test/w.mp3", "answering_machine_detection": "detect_beep",
                    "park_after_unbridge": "self", "target_leg_client_state": STATE,
                    "webhook_url": "https://wib.test", "custom_headers": headers}),
                &recorded,
            ),
        ),
        (Command::Refer(sip()), "refer", json!({"sip_address": sip().as_str()})),
        (
            Command::Speak(Speak { voice: Some("Polly.Joanna".into()), target: Target::Both, ..said("Hi") }),
            "speak",
            json!({"payload": "Hi", "voice": "Polly.Joanna", "language": "en-US", "target_legs": "both"}),
        ),
        (
            Command::Play(Playback { url: "https://a.test".into(), ..Playback::default() }),
            "playback_start",
            json!({"audio_url": "https://a.test"}),
        ),
        (
            Command::Play(Playback {
                url: "https://a.test".into(),
                repeat: Repeat::Forever,
                target: Target::Opposite,
                overlay: true,
            }),
            "playback_start",
            json!({"audio_url": "https://a.test", "loop": "infinity", "target_legs": "opposite", "overlay": true}),
        ),
        (
            Command::Play(Playback { url: "https://a.test".into(), repeat: Repeat::Times(3), ..Playback::default() }),
            "playback_start",
            json!({"audio_url": "https://a.test", "loop": 3}),
        ),
        (Command::StopPlaying, "playback_stop", json!({"stop": "all"})),
        (
            Command::Gather(gather.clone()),
            "gather",
            with(gathering, &json!({"timeout_millis": 20_000, "initial_timeout_millis": 8_000})),
        ),
        (
            Command::Gather(Gather {
                prompt: Some(Prompt::Speak(said("Code?"))),
                retry_prompt: Some("Again?".into()),
                ..gather.clone()
            }),
            "gather_using_speak",
            with(with(prompted.clone(), &spoken("Code?")), &json!({"invalid_payload": "Again?"})),
        ),
        (
            Command::Gather(Gather {
                prompt: Some(Prompt::Audio("https://a.test".into())),
                retry_prompt: Some("https://b.test".into()),
                ..gather
            }),
            "gather_using_audio",
            with(prompted, &json!({"audio_url": "https://a.test", "invalid_audio_url": "https://b.test"})),
        ),
        (Command::StopGathering, "gather_stop", json!({})),
        (Command::SendKeys(Keys::try_from("1w#".to_owned()).unwrap()), "send_dtmf", json!({"digits": "1w#"})),
        (Command::Record(Record::Start), "record_start", json!({"format": "wav", "channels": "dual"})),
        (
            Command::Stream(Stream {
                url: "wss://wib.test/s".into(),
                tracks: Tracks::Both,
                codec: Some(Codec::Pcmu),
                talkback: Some(talkback),
                token: Some("t".into()),
            }),
            "streaming_start",
            json!({"stream_url": "wss://wib.test/s", "stream_track": "both_tracks", "stream_codec": "PCMU",
                "stream_bidirectional_mode": "rtp",
                "stream_bidirectional_codec": "L16", "stream_bidirectional_sampling_rate": 16_000,
                "stream_bidirectional_target_legs": "self", "stream_auth_token": "t"}),
        ),
        (
            Command::Stream(Stream { url: "wss://wib.test/s".into(), ..Stream::default() }),
            "streaming_start",
            json!({"stream_url": "wss://wib.test/s", "stream_track": "inbound_track"}),
        ),
        (Command::StopStreaming, "streaming_stop", json!({})),
        (
            Command::Fork(Fork { inbound: Some("udp:192.0.2.1:9000".into()), outbound: None }),
            "fork_start",
            json!({"rx": "udp:192.0.2.1:9000"}),
        ),
        (Command::StopForking, "fork_stop", json!({})),
        (Command::Transcribe(transcribe(Engine::Google, "en-US")), "transcription_start", google.clone()),
        (
            Command::Transcribe(transcribe(Engine::Own, "pt-BR")),
            "transcription_start",
            json!({"transcription_engine": "Telnyx", "transcription_tracks": "both",
                "transcription_engine_config": {"transcription_engine": "Telnyx", "language": "pt"}}),
        ),
        (
            Command::Transcribe(transcribe(Engine::Deepgram, "pt-BR")),
            "transcription_start",
            heard_by("Deepgram", "deepgram/nova-3", "pt-BR"),
        ),
        (
            Command::Transcribe(transcribe(Engine::Deepgram, "de-DE")),
            "transcription_start",
            heard_by("Deepgram", "deepgram/nova-3", "de"),
        ),
        (
            Command::Transcribe(transcribe(Engine::Deepgram, "pl-PL")),
            "transcription_start",
            heard_by("Deepgram", "deepgram/nova-2", "pl"),
        ),
        (Command::StopTranscribing, "transcription_stop", json!({})),
        (
            Command::Enqueue(Enqueue { max_wait_seconds: Some(300), ..Enqueue::new("support") }),
            "enqueue",
            json!({"queue_name": "support", "max_size": 100, "max_wait_time_secs": 300}),
        ),
        (Command::LeaveQueue, "leave_queue", json!({})),
    ];
    let script = Script::new(cases.iter().map(|_| Reply::status(200)));
    let telnyx = telnyx(&script);
    for (command, ..) in &cases {
        script.run(telnyx.steer(&leg(), &Order::new(command.clone(), "k").tagged(TAG))).await.unwrap();
    }
    for (seen, (command, action, body)) in script.seen().iter().zip(cases) {
        assert_eq!(seen.target, format!("/v2/calls/v3%3Aa%2Fb%2Bc%3D/actions/{action}"));
        assert_eq!(seen.json(), with(body, &json!({"command_id": "k", "client_state": STATE})), "{command:?}");
        conforms("telnyx", &format!("/calls/{{call_control_id}}/actions/{action}"), &seen.json());
    }
}

#[tokio::test]
async fn a_tag_and_a_supervisor_s_role_are_set_without_a_key() {
    let script = Script::new((0..4).map(|i| Reply::status(if i == 0 { 500 } else { 200 })));
    let telnyx = telnyx(&script);
    script.run(telnyx.retag(&leg(), TAG)).await.unwrap();
    script.run(telnyx.steer(&leg(), &Order::new(Command::SwitchRole(Role::Whisper(vec![])), "k"))).await.unwrap();
    script.run(telnyx.steer(&leg(), &Order::new(Command::SwitchRole(Role::Monitor), "k"))).await.unwrap();
    let seen = script.seen();
    assert_eq!((seen[1].method.as_str(), seen[1].json()), ("PUT", json!({"client_state": STATE})));
    assert!(seen[1].target.ends_with("/actions/client_state_update"));
    assert_eq!(seen[2].json(), json!({"role": "whisper"}));
    assert_eq!(seen[3].json(), json!({"role": "monitor"}));
    conforms("telnyx", "/calls/{call_control_id}/actions/switch_supervisor_role", &seen[3].json());
}

#[tokio::test]
async fn a_dial_for_another_leg_s_sake_names_it() {
    let script = Script::new([Reply::json(200, json!({"data": call()})), Reply::json(200, json!({"data": call()}))]);
    let telnyx = telnyx(&script);
    let linked = Dial {
        link: Some(Link { leg: other(), bridge: true }),
        caller_name: Some("Acme".into()),
        headers: vec![SipHeader { name: "X-Wib-Call".into(), value: "1".into() }],
        ..Dial::new(sip(), phone("+13125550111"), TAG, "k")
    };
    script.run(telnyx.dial(&linked)).await.unwrap();
    let watching = Dial {
        supervise: Some(Supervise { leg: other(), role: Role::Monitor }),
        ..Dial::new(sip(), phone("+13125550111"), TAG, "k")
    };
    script.run(telnyx.dial(&watching)).await.unwrap();
    let plain = json!({"connection_id": "175237942907135762", "to": sip().as_str(), "from": "+13125550111",
        "timeout_secs": 30, "command_id": "k", "client_state": STATE});
    let seen = script.seen();
    let linked = json!({"link_to": "v3:other", "bridge_intent": true, "bridge_on_answer": true,
        "from_display_name": "Acme", "custom_headers": [{"name": "X-Wib-Call", "value": "1"}]});
    assert_eq!(seen[0].json(), with(plain.clone(), &linked));
    let watching = json!({"supervise_call_control_id": "v3:other", "supervisor_role": "monitor"});
    assert_eq!(seen[1].json(), with(plain, &watching));
    for seen in seen {
        conforms("telnyx", "/calls", &seen.json());
    }
}

#[tokio::test]
async fn a_conference_is_opened_once_and_otherwise_looked_for() {
    let opened = json!({"data": {"id": "c1", "name": "room", "record_type": "conference"}});
    let script = Script::new([Reply::json(200, opened), Reply::status(500)]);
    let telnyx = telnyx(&script);
    let open = OpenConference {
        tag: Some(TAG.into()),
        music: Some("https://a.test".into()),
        max_participants: Some(5),
        ..OpenConference::new("room", "k")
    };
    assert_eq!(script.run(telnyx.open_conference(&leg(), &open)).await.unwrap(), "c1");
    let seen = script.one();
    let body = json!({"call_control_id": CONTROL, "name": "room", "beep_enabled": "never", "command_id": "k",
        "client_state": STATE, "hold_audio_url": "https://a.test", "max_participants": 5});
    assert_eq!((seen.target.as_str(), seen.json()), ("/v2/conferences", body));
    conforms("telnyx", "/conferences", &seen.json());
    assert_eq!(script.run(telnyx.open_conference(&leg(), &open)).await.unwrap_err().sent, Sent::Unknown);
    script.one();
}

#[tokio::test]
async fn every_command_of_a_conference_is_asked_for_as_the_document_has_it() {
    let (one, ids) = (vec![leg()], json!([CONTROL]));
    let play = Playback { url: "https://a.test".into(), repeat: Repeat::Times(2), ..Playback::default() };
    let keyed = |body: Value| with(body, &json!({"command_id": "k"}));
    let seat = Seat { role: Role::Whisper(vec![other()]), on_hold: true, muted: true, ends: true, tag: Some(TAG.into()) };
    let cases = [
        (
            ConferenceCommand::Join(leg(), Seat::default()),
            "join",
            keyed(json!({"call_control_id": CONTROL, "supervisor_role": "none"})),
        ),
        (
            ConferenceCommand::Join(leg(), seat),
            "join",
            keyed(json!({"call_control_id": CONTROL, "supervisor_role": "whisper",
                "whisper_call_control_ids": ["v3:other"], "hold": true, "mute": true, "end_conference_on_exit": true,
                "client_state": STATE})),
        ),
        (ConferenceCommand::Leave(leg()), "leave", keyed(json!({"call_control_id": CONTROL}))),
        (
            ConferenceCommand::Role(leg(), Role::Barge),
            "update",
            keyed(json!({"call_control_id": CONTROL, "supervisor_role": "barge"})),
        ),
        (
            ConferenceCommand::Role(leg(), Role::Whisper(vec![])),
            "update",
            keyed(json!({"call_control_id": CONTROL, "supervisor_role": "monitor"})),
        ),
        (
            ConferenceCommand::Hold { legs: one.clone(), music: Some("https://a.test".into()) },
            "hold",
            json!({"call_control_ids": ids, "audio_url": "https://a.test"}),
        ),
        (ConferenceCommand::Hold { legs: vec![], music: None }, "hold", json!({})),
        (ConferenceCommand::Resume(one.clone()), "unhold", json!({"call_control_ids": ids})),
        (ConferenceCommand::Mute(one.clone()), "mute", json!({"call_control_ids": ids})),
        (ConferenceCommand::Unmute(vec![]), "unmute", json!({})),
        (
            ConferenceCommand::Speak(said("Hi"), one.clone()),
            "speak",
            keyed(with(spoken("Hi"), &json!({"call_control_ids": ids}))),
        ),
        (ConferenceCommand::Play(play, vec![]), "play", json!({"audio_url": "https://a.test", "loop": 2})),
        (ConferenceCommand::StopPlaying(one), "stop", json!({"call_control_ids": ids})),
        (ConferenceCommand::End, "end", keyed(json!({}))),
    ];
    let script = Script::new(cases.iter().map(|_| Reply::status(200)));
    let telnyx = telnyx(&script);
    for (command, ..) in &cases {
        script.run(telnyx.confer("c/1", &ConferenceOrder::new(command.clone(), "k"))).await.unwrap();
    }
    for (seen, (command, action, body)) in script.seen().iter().zip(cases) {
        assert_eq!(seen.target, format!("/v2/conferences/c%2F1/actions/{action}"));
        assert_eq!(seen.json(), body, "{command:?}");
        conforms("telnyx", &format!("/conferences/{{id}}/actions/{action}"), &seen.json());
    }
}

#[tokio::test]
async fn a_sound_in_a_conference_is_not_played_twice_in_doubt() {
    let script = Script::new([Reply::status(500)]);
    let play = ConferenceCommand::Play(Playback { url: "https://a.test".into(), ..Playback::default() }, vec![]);
    let error = script.run(telnyx(&script).confer("c1", &ConferenceOrder::new(play, "k"))).await.unwrap_err();
    assert_eq!((error.sent, script.seen().len()), (Sent::Unknown, 1));
}

#[tokio::test]
async fn all_are_taken_off_hold_by_name() {
    let sits = |id: &str, on_hold: bool| json!({"call_control_id": id, "on_hold": on_hold, "status": "joined"});
    let gone = json!({"call_control_id": "gone", "on_hold": true, "status": "left"});
    let page = json!({"data": [sits("a", true), sits("b", false), gone], "meta": {"total_pages": 1}});
    let script = Script::new([Reply::json(200, page), Reply::status(200)]);
    let resume = ConferenceOrder::new(ConferenceCommand::Resume(vec![]), "k");
    script.run(telnyx(&script).confer("c1", &resume)).await.unwrap();
    assert_eq!(script.seen()[1].json(), json!({"call_control_ids": ["a"]}));
}

#[tokio::test]
async fn conferences_and_queues_are_listed() {
    let conferences = json!({"data": [
        {"id": "c0", "name": "room", "status": "completed", "created_at": "2026-02-13T09:00:00Z"},
        {"id": "c1", "name": "room", "status": "in_progress", "created_at": "2026-02-13T09:30:00Z"},
    ], "meta": {"total_pages": 1}});
    let waiting = json!({"data": [
        {"call_control_id": "b", "queue_position": 2, "from": "+1", "to": "+2", "enqueued_at": "2026-02-13T09:31:00Z"},
        {"call_control_id": "a", "queue_position": 1},
    ], "meta": {"total_pages": 1}});
    let none = json!({"errors": [{"code": "10005", "title": "Resource not found"}]});
    let script = Script::new([
        Reply::json(200, conferences),
        Reply::json(200, waiting),
        Reply::json(404, none),
    ]);
    let telnyx = telnyx(&script);
    let found = script.run(telnyx.find_conference("room")).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.opened_at), ("c1", Some(at("2026-02-13T09:30:00Z"))));
    let queued = script.run(telnyx.queue("support")).await.unwrap();
    let names: Vec<_> = queued.iter().map(|queued| queued.leg.control_id.as_deref().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(script.run(telnyx.queue("new")).await.unwrap().is_empty());
    assert!(script.seen()[0].target.starts_with("/v2/conferences?filter%5Bname%5D=room&"));
}
