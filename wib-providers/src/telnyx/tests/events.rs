//! Events beyond a call's life: queues, streams, keys, words, conferences.

use wib_core::ports::voice::{
    ConferenceEvent, DequeueReason, Ending, GatherEnding, Keys, ReferState, Spoken, Tracks,
};

use super::*;

fn keys(keys: &str) -> Option<Keys> {
    Keys::try_from(keys.to_owned()).ok()
}
fn words(words: &str) -> Option<Spoken> {
    Some(Spoken::from(words.to_owned()))
}
fn in_conference(what: ConferenceEvent) -> VoiceEventKind {
    VoiceEventKind::Conference { id: "c1".into(), what }
}

#[test]
fn what_happens_on_a_call_is_told_in_the_cores_words() {
    let playback = |how| VoiceEventKind::PlaybackEnded { how };
    let gathered = |digits: &str, how| VoiceEventKind::GatherEnded { keys: keys(digits), how };
    let dequeued = |reason, waited_seconds| VoiceEventKind::Dequeued { queue: "q".into(), reason, waited_seconds };
    let referred = |state, sip_status| VoiceEventKind::Referred { state, sip_status };
    let heard = |text, track, last, confidence| VoiceEventKind::Heard { words: words(text), track, last, confidence };
    for (name, payload, what) in [
        ("call.hold", json!({}), VoiceEventKind::Held),
        ("call.unhold", json!({}), VoiceEventKind::Resumed),
        ("call.playback.started", json!({"media_url": "https://a.test"}), VoiceEventKind::PlaybackStarted),
        ("call.playback.ended", json!({"status": "completed"}), playback(Ending::Whole)),
        ("call.playback.ended", json!({"status": "cancelled"}), playback(Ending::Cut)),
        ("call.playback.ended", json!({"status": "file_not_found"}), playback(Ending::Failed)),
        ("call.gather.ended", json!({"digits": "12#", "status": "valid"}), gathered("12#", GatherEnding::Valid)),
        ("call.gather.ended", json!({"digits": "9", "status": "invalid"}), gathered("9", GatherEnding::Invalid)),
        ("call.gather.ended", json!({"digits": "", "status": "timeout"}), gathered("", GatherEnding::Timeout)),
        ("call.gather.ended", json!({"status": "call_hangup"}), gathered("", GatherEnding::Hangup)),
        ("call.gather.ended", json!({"status": "cancelled_amd"}), gathered("", GatherEnding::Cancelled)),
        ("call.gather.ended", json!({"status": "comet"}), gathered("", GatherEnding::Other)),
        (
            "call.enqueued",
            json!({"queue": "q", "current_position": 7}),
            VoiceEventKind::Enqueued { queue: "q".into(), position: Some(7) },
        ),
        (
            "call.dequeued",
            json!({"queue": "q", "reason": "bridged", "wait_time_secs": 60}),
            dequeued(DequeueReason::Bridged, Some(60)),
        ),
        ("call.dequeued", json!({"queue": "q", "reason": "leave"}), dequeued(DequeueReason::Left, None)),
        ("call.dequeued", json!({"queue": "q", "reason": "timeout"}), dequeued(DequeueReason::Timeout, None)),
        ("streaming.started", json!({}), VoiceEventKind::StreamStarted),
        ("streaming.stopped", json!({}), VoiceEventKind::StreamStopped),
        (
            "streaming.failed",
            json!({"failure_reason": "connection_failed"}),
            VoiceEventKind::StreamFailed { reason: "connection_failed".into() },
        ),
        ("call.fork.started", json!({}), VoiceEventKind::ForkStarted),
        ("call.fork.stopped", json!({}), VoiceEventKind::ForkStopped),
        (
            "call.transcription",
            json!({"transcription_data": {"transcript": "hi", "confidence": 0.977_219, "is_final": false,
                                          "transcription_track": "outbound"}}),
            heard("hi", Tracks::Outbound, false, Some(977)),
        ),
        (
            "call.transcription",
            json!({"transcription_data": {"transcript": "hi", "confidence": 7}}),
            heard("hi", Tracks::Inbound, true, None),
        ),
        (
            "call.recording.transcription.saved",
            json!({"recording_id": "r", "transcription_text": "Hi!"}),
            VoiceEventKind::RecordingTranscribed { recording_id: "r".into(), words: words("Hi!") },
        ),
        ("call.refer.started", json!({"sip_notify_response": 100}), referred(ReferState::Started, Some(100))),
        ("call.refer.completed", json!({}), referred(ReferState::Completed, None)),
        ("call.refer.failed", json!({"sip_notify_response": 603}), referred(ReferState::Failed, Some(603))),
    ] {
        assert_eq!(voice(name, payload).what, what, "{name}");
    }
}

#[test]
fn what_happens_in_a_conference_is_told_with_its_id() {
    for (name, what) in [
        ("conference.created", ConferenceEvent::Created),
        ("conference.ended", ConferenceEvent::Ended { reason: "host_left".into() }),
        ("conference.participant.joined", ConferenceEvent::Joined),
        ("conference.participant.left", ConferenceEvent::Left),
        ("conference.floor.changed", ConferenceEvent::Floor),
        ("conference.speak.started", ConferenceEvent::SpeakStarted { all: true }),
        ("conference.speak.ended", ConferenceEvent::SpeakEnded { all: true }),
        ("conference.participant.speak.started", ConferenceEvent::SpeakStarted { all: false }),
        ("conference.participant.speak.ended", ConferenceEvent::SpeakEnded { all: false }),
        ("conference.playback.started", ConferenceEvent::PlaybackStarted { all: true }),
        ("conference.playback.ended", ConferenceEvent::PlaybackEnded { all: true }),
        ("conference.participant.playback.started", ConferenceEvent::PlaybackStarted { all: false }),
        ("conference.participant.playback.ended", ConferenceEvent::PlaybackEnded { all: false }),
    ] {
        let payload = json!({"conference_id": "c1", "reason": "host_left"});
        assert_eq!(voice(name, payload).what, in_conference(what), "{name}");
    }
    let saved = json!({"conference_id": "c1", "recording_id": "r1", "call_leg_id": null,
        "recording_urls": {"wav": "https://s3.test/a.wav"}});
    let event = voice("conference.recording.saved", saved);
    let VoiceEventKind::Conference { what: ConferenceEvent::RecordingSaved(saved), .. } = event.what else {
        panic!("a recording of a conference")
    };
    assert_eq!((saved.id.as_str(), saved.url.as_str()), ("r1", "https://s3.test/a.wav"));
}

#[test]
fn an_event_of_a_conference_without_leg_or_time_is_its_opener_s_and_of_now() {
    let said = |extra: Value| {
        let mut payload = json!({"conference_id": "c1", "creator_call_session_id": "s9"});
        payload.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let body = json!({"data": {"id": "e", "event_type": "conference.speak.ended", "payload": payload}});
        let Event { body: EventBody::Voice(event), .. } = read(body.to_string().as_bytes(), at(NOW)).unwrap() else {
            panic!("of a call")
        };
        event
    };
    let event = said(json!({}));
    assert_eq!((event.leg, event.at), (Leg { session_id: Some("s9".into()), ..Leg::default() }, at(NOW)));
    let earlier = said(json!({"occurred_at": "2026-02-13T09:00:00Z"}));
    assert_eq!(earlier.at, at("2026-02-13T09:00:00Z"));
}

#[test]
fn a_word_or_key_that_was_heard_is_never_shown_and_can_be_forgotten() {
    let line = json!({"transcription_data": {"transcript": "four one one one"}});
    for (name, payload) in [
        ("call.transcription", line),
        ("call.gather.ended", json!({"digits": "4111", "status": "valid"})),
        ("call.recording.transcription.saved", json!({"transcription_text": "four one one one"})),
    ] {
        let mut body = EventBody::Voice(voice(name, payload));
        let shown = format!("{body:?}");
        assert!(!shown.contains("four one") && !shown.contains("4111"), "{shown}");
        assert!(body.forget_secrets(), "{name}");
        let kept = serde_json::to_string(&body).unwrap();
        assert!(!kept.contains("four one") && !kept.contains("4111"), "{kept}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    /// Any field of a payload that is missing or nothing leaves an event that can be read, with its kind.
    #[test]
    fn an_event_that_lacks_fields_is_still_its_kind(seed in any::<u64>(), gone in any::<bool>()) {
        for vector in vectors("telnyx").into_iter().filter(|v| v.accepted() && !v.text("event_type").is_empty()) {
            let name = vector.text("event_type").to_owned();
            // The parties of a call that begins are what it is about.
            if !["call.", "streaming.", "conference."].iter().any(|start| name.starts_with(start))
                || name == "call.initiated" {
                continue;
            }
            let mut body: Value = serde_json::from_slice(&vector.body).unwrap();
            let whole = read(body.to_string().as_bytes(), at(NOW)).unwrap();
            let payload = body["data"]["payload"].as_object_mut().unwrap();
            let fields: Vec<_> = payload.keys().cloned().collect();
            for (place, field) in fields.iter().enumerate() {
                if seed >> (place % 64) & 1 == 1 {
                    if gone { payload.remove(field); } else { payload[field] = Value::Null; }
                }
            }
            let read = read(body.to_string().as_bytes(), at(NOW));
            prop_assert!(read.is_ok(), "{name} {body}");
            let kind = |event: &Event| match &event.body {
                EventBody::Voice(event) => std::mem::discriminant(&event.what),
                other => panic!("{other:?}"),
            };
            // What says nothing of who answered, or of a sum, is kept by its name.
            if !name.contains("detection.ended") && name != "call.cost" && name != "call.speak.ended" {
                prop_assert_eq!(kind(&read.unwrap()), kind(&whole), "{}", name);
            }
        }
    }
}
