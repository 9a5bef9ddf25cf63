//! Recordings stopped, paused, resumed and deleted.

use wib_core::{
    kit::{Phone, SeededRandom},
    ports::{
        Fault as VendorFault, Voice,
        voice::{Dial, VoiceEventKind},
    },
};

use super::{super::sound::Sound, vendors::transcribe, *};

const READY: &str = "I am ready for your card number.";

fn wav(rig: &Rig, events: &[Value]) -> Bytes {
    let url = last(events, "call.recording.saved")["recording_urls"]["wav"].as_str().unwrap();
    let (status, wav) = fetch(rig, url);
    assert_eq!(status, 200);
    wav
}

fn text(sound: &Sound) -> String {
    sound.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Gives each command once, after that line.
fn when<'c>(
    rig: &'c Rig,
    number: &'c str,
    commands: &'c [(&'static str, &'static str)],
) -> impl FnMut(&Value) + use<'c> {
    let mut next = 0;
    move |call| {
        let said = rig.sandbox.said(number);
        let Some((line, command)) = commands.get(next) else { return };
        if said.last().is_some_and(|(_, text)| text == line) {
            assert_eq!(rig.command(call, command, &json!({"command_id": command})).0, 200, "{command}");
            next += 1;
        }
    }
}

#[test]
fn what_is_said_during_a_pause_is_in_neither_sound_nor_transcript_nor_length() {
    let number = magic(Behaviour::PaysByCard);
    let (whole, masked) = (Rig::new(4), Rig::new(4));
    let all = whole.play(number);
    let commands = [(READY, "record_pause"), ("Thank you.", "record_resume")];
    let part = masked.act(number, when(&masked, number, &commands));
    let heard = transcribe(&masked, wav(&masked, &part), &json!({"multichannel": true}));
    let (all, part) = (Sound::hear(&wav(&whole, &all)).unwrap(), Sound::hear(&wav(&masked, &part)).unwrap());
    let spoken = masked.sandbox.spoken_cards(number)[0].in_digits();
    assert!(text(&all).contains(&spoken) && !text(&part).contains("security"), "{}", text(&part));
    assert!(text(&part).ends_with(" is fine. Goodbye."), "{}", text(&part));
    let spared = all.duration_ms - part.duration_ms;
    let line = |sound: &Sound, text: &str| sound.lines.iter().find(|line| line.text == text).unwrap().clone();
    // The pause began after the agent's line, and ended with the thanks.
    let (asked, thanks) = (line(&all, READY), line(&all, "Thank you."));
    assert!(spared > 6_000 && spared <= thanks.end_ms - asked.end_ms + 900, "{spared}");
    assert!(part.lines.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms), "{part:?}");
    let (before, after) = (all.lines.last().unwrap(), part.lines.last().unwrap());
    assert_eq!(before.start_ms - after.start_ms, spared);
    assert_eq!(heard["text"], text(&part));
    assert!(heard["audio_duration"].as_i64().unwrap() < (all.duration_ms + 999) / 1_000);
    let (_, list) = masked.get("/telnyx/v2/recordings");
    assert_eq!(list["data"][0]["duration_millis"], part.duration_ms);
}

#[test]
fn what_is_said_after_the_stop_is_not_recorded_and_the_call_goes_on() {
    let number = magic(Behaviour::RefusesRecording);
    let rig = Rig::new(4);
    let refusal = "I do not want to be recorded.";
    let events = rig.act(number, when(&rig, number, &[(refusal, "record_stop")]));
    let mut seen = names(&events);
    seen.retain(|name| matches!(*name, "call.recording.saved" | "call.hangup"));
    assert_eq!(seen, ["call.recording.saved", "call.hangup"], "it is saved while the call goes on");
    assert_eq!(text(&Sound::hear(&wav(&rig, &events)).unwrap()), refusal);
    let said = rig.sandbox.said(number);
    assert!(said.iter().any(|(_, text)| text.contains("statement online")), "{said:?}");
}

#[test]
fn a_recording_that_ends_while_it_is_paused_ends_where_the_pause_began() {
    let number = magic(Behaviour::PaysByCardInWords);
    let rig = Rig::new(4);
    let events = rig.act(number, when(&rig, number, &[(READY, "record_pause")]));
    let sound = Sound::hear(&wav(&rig, &events)).unwrap();
    let end = sound.lines.last().unwrap();
    assert_eq!(end.text, READY);
    assert!((0..=900).contains(&(sound.duration_ms - end.end_ms)), "{sound:?}");
}

#[test]
fn a_repeated_pause_is_not_a_second_pause_and_a_second_recording_can_follow_a_stop() {
    let rig = Rig::new(4);
    let call = rig.dial(magic(Behaviour::Talks), &json!({}));
    rig.run(9, |_, _| 200);
    let give = |command: &str, key: &str| {
        let body = json!({"command_id": key, "format": "wav", "channels": "dual"});
        assert_eq!(rig.command(&call, command, &body).0, 200, "{command}");
    };
    give("record_start", "a");
    for _ in 0..2 {
        give("record_pause", "b");
    }
    rig.clock.advance(Duration::from_secs(2));
    give("record_pause", "b2");
    give("record_resume", "c");
    give("record_pause", "b");
    rig.clock.advance(Duration::from_secs(3));
    give("record_stop", "d");
    give("record_stop", "d");
    give("record_start", "e");
    rig.clock.advance(Duration::from_secs(1));
    give("record_stop", "f");
    rig.run(10, |_, _| 200);
    let (_, list) = rig.get("/telnyx/v2/recordings");
    let lengths: Vec<_> = list["data"].as_array().unwrap().iter().map(|r| r["duration_millis"].clone()).collect();
    assert_eq!(lengths, [3_000, 1_000]);
}

#[test]
fn a_recording_s_command_is_refused_without_an_answer_without_a_recording_and_after_the_end() {
    let rig = Rig::new(1);
    let call = rig.dial(magic(Behaviour::Talks), &json!({}));
    let code = |command: &str| rig.command(&call, command, &json!({})).1["errors"][0]["code"].clone();
    let commands = ["record_stop", "record_pause", "record_resume"];
    let all = |wanted: &str| commands.iter().for_each(|command| assert_eq!(code(command), wanted, "{command}"));
    all("90034");
    rig.run(9, |_, _| 200);
    all("90033");
    assert_eq!(rig.command(&call, "hangup", &json!({})).0, 200);
    all("90018");
    for command in commands {
        let (status, body) = rig.post(&format!("/telnyx/v2/calls/nobody/actions/{command}"), &json!({}));
        assert_eq!((status, body["errors"][0]["code"].as_str()), (404, Some("10005")), "{command}");
    }
}

#[test]
fn faults_meet_the_commands_of_recordings_too() {
    let rig = Rig::new(1);
    let call = rig.dial(magic(Behaviour::Talks), &json!({"record": "record-from-answer"}));
    rig.run(9, |_, _| 200);
    for operation in ["record_pause", "record_resume", "record_stop", "send_dtmf", "delete_recording"] {
        let kind = FaultKind::Status { status: 503, retry_after: None };
        rig.sandbox.inject(Fault { vendor: "telnyx".into(), operation: operation.into(), times: 1, kind });
        let ask = || match operation {
            "delete_recording" => rig.send("DELETE", "/telnyx/v2/recordings/x", &[], "").0,
            _ => rig.command(&call, operation, &json!({"digits": "1"})).0,
        };
        assert_eq!((ask(), ask()), (503, if operation == "delete_recording" { 404 } else { 200 }), "{operation}");
    }
}

#[test]
fn a_deleted_recording_is_gone_from_every_door() {
    let rig = Rig::new(5);
    let events = rig.play(magic(Behaviour::Talks));
    let url = last(&events, "call.recording.saved")["recording_urls"]["mp3"].as_str().unwrap();
    let (_, list) = rig.get("/telnyx/v2/recordings");
    let path = format!("/telnyx/v2/recordings/{}", list["data"][0]["id"].as_str().unwrap());
    assert_eq!((rig.get(&path).0, fetch(&rig, url).0), (200, 200));
    assert_eq!(rig.send("DELETE", &path, &[], "").0, 200);
    assert_eq!((rig.get(&path).0, fetch(&rig, url).0, rig.send("DELETE", &path, &[], "").0), (404, 404, 404));
    assert_eq!(rig.get("/telnyx/v2/recordings").1["data"], json!([]));
}

#[tokio::test]
async fn the_adapter_masks_stops_and_deletes_over_the_sandbox() {
    let rig = Rig::new(5);
    let telnyx = rig.sandbox.telnyx(rig.sandbox.wires(rig.clock.clone(), Arc::new(SeededRandom::new(1)))).unwrap();
    let to: Phone = magic(Behaviour::Talks).parse().unwrap();
    let dial = Dial::new(to, "+13125550111".parse().unwrap(), "t", "d");
    let leg = telnyx.dial(&dial).await.unwrap();
    rig.run(9, |_, _| 200);
    assert_eq!(telnyx.pause_recording(&leg, "0").await.unwrap_err().fault, VendorFault::Request);
    telnyx.start_recording(&leg, "1").await.unwrap();
    telnyx.pause_recording(&leg, "2").await.unwrap();
    rig.clock.advance(Duration::from_secs(4));
    telnyx.resume_recording(&leg, "3").await.unwrap();
    telnyx.send_keys(&leg, "1w#", "4").await.unwrap();
    rig.clock.advance(Duration::from_secs(2));
    telnyx.stop_recording(&leg, "5").await.unwrap();
    rig.run(5, |_, _| 200);
    let told = telnyx.inspect(&leg).await.unwrap();
    assert!(told.alive);
    let saved = told.events.iter().find_map(|event| match &event.what {
        VoiceEventKind::RecordingSaved(saved) => Some(saved.clone()),
        _ => None,
    });
    let saved = saved.unwrap();
    let sound = Sound::hear(&telnyx.fetch_recording(&saved, 1 << 20).await.unwrap()).unwrap();
    assert_eq!(sound.duration_ms, 2_000);
    telnyx.delete_recording(&saved.id).await.unwrap();
    telnyx.delete_recording(&saved.id).await.unwrap();
    assert_eq!(telnyx.fetch_recording(&saved, 1 << 20).await.unwrap_err().fault, VendorFault::Missing);
    telnyx.hang_up(&leg, "6").await.unwrap();
    assert_eq!(telnyx.stop_recording(&leg, "7").await.unwrap_err().fault, VendorFault::Missing);
}
