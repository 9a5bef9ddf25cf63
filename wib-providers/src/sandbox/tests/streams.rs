//! Sound that is streamed: what is said is heard frame by frame, what is sent back is played.

use std::{collections::BTreeSet, sync::Mutex};

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::sync::mpsc;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, tungstenite::Message};
use wib_core::ports::{
    live::Encoding,
    media::{Codec, Frame, MediaCommand, MediaError, MediaEvent, MediaMessage, MediaStart, MediaWire, Sorter},
    voice::Tracks,
};

use super::{
    super::{
        modem::{self, Ear, Spoken},
        streams::Coding,
        word_errors,
    },
    *,
};
use crate::{
    telnyx::Telnyx,
    testing::{contract::Contract, contracts::lines},
    transport::{Duplex, Network},
};

const URL: &str = "wss://wib.test/media/7";

/// How the application's side of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Closed(u16),
    Broken,
}

/// The application's side of a stream.
struct App {
    request: Request<()>,
    texts: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<Option<Ended>>>,
    /// `None` lets the connection go without a word.
    say: mpsc::UnboundedSender<Option<Message>>,
}

#[expect(clippy::result_large_err, reason = "the library's own type")]
async fn accepted<T: Duplex>(io: T) -> (Request<()>, WebSocketStream<T>) {
    let mut asked = None;
    let socket = accept_hdr_async(io, |request: &Request<()>, response| {
        asked = Some(request.clone());
        Ok(response)
    });
    let socket = socket.await.unwrap();
    (asked.unwrap(), socket)
}

impl App {
    async fn over<T: Duplex + 'static>(io: T) -> Self {
        let (request, mut socket) = accepted(io).await;
        let (texts, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
        let (say, mut to_say) = mpsc::unbounded_channel();
        let app = Self { request, texts: texts.clone(), ended: ended.clone(), say };
        tokio::spawn(async move {
            let end = loop {
                tokio::select! {
                    biased;
                    Some(said) = to_say.recv() => match said {
                        Some(message) => socket.send(message).await.unwrap(),
                        None => break Ended::Broken,
                    },
                    came = socket.next() => match came {
                        Some(Ok(Message::Text(text))) => texts.lock().unwrap().push(text.as_str().to_owned()),
                        Some(Ok(Message::Close(frame))) => break Ended::Closed(frame.map_or(1005, |f| f.code.into())),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break Ended::Broken,
                    },
                }
            };
            *ended.lock().unwrap() = Some(end);
            if end != Ended::Broken {
                let _ = socket.flush().await;
            }
        });
        app
    }
    fn say(&self, command: &MediaCommand) {
        self.tell(&telnyx().write(command).unwrap());
    }
    fn tell(&self, text: &str) {
        self.say.send(Some(Message::text(text))).unwrap();
    }
    fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }
    fn ended(&self) -> Option<Ended> {
        *self.ended.lock().unwrap()
    }
    fn read(&self) -> Vec<MediaMessage> {
        let wire = telnyx();
        self.texts().iter().filter_map(|text| wire.read(text).ok()).collect()
    }
    fn start(&self) -> MediaStart {
        let start = self
            .read()
            .into_iter()
            .find_map(|m| if let MediaEvent::Start(start) = m.what { Some(start) } else { None });
        start.unwrap()
    }
    fn marks(&self) -> Vec<String> {
        let mark = |m: MediaMessage| if let MediaEvent::Mark(name) = m.what { Some(name) } else { None };
        self.read().into_iter().filter_map(mark).collect()
    }
    /// A track's frames, put in order, and how many never came.
    fn frames(&self, track: Tracks) -> (Vec<Frame>, u64) {
        let mut sorter = Sorter::new(5);
        let mut frames = Vec::new();
        for message in self.read() {
            if let MediaEvent::Media(frame) = message.what
                && frame.track == track
            {
                frames.extend(sorter.take(frame));
            }
        }
        frames.extend(sorter.finish());
        (frames, sorter.missed())
    }
    /// What is heard on a track, by who believes what the stream says of itself.
    fn heard(&self, track: Tracks) -> Vec<Spoken> {
        let start = self.start();
        let coding = match start.codec.unwrap() {
            Codec::Pcmu => Coding::Mulaw,
            Codec::Pcma => Coding::Alaw,
            _ => Coding::L16,
        };
        let mut ear = Ear::new(start.rate);
        let frames = self.frames(track).0;
        frames.iter().flat_map(|frame| ear.hear(&coding.read(&frame.sound).unwrap())).collect()
    }
}

fn telnyx() -> Telnyx {
    let script = crate::testing::Script::new([]);
    Telnyx::builder(script.wires(), "key".to_owned().into(), "1").build()
}
fn texts(words: &[Spoken]) -> Vec<&str> {
    words.iter().map(|word| word.text.as_str()).collect()
}
fn both() -> Value {
    json!({"stream_url": URL, "stream_track": "both_tracks"})
}
fn with(more: &Value) -> Value {
    let mut body = both();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}
fn rtp(more: &Value) -> Value {
    let mut body = with(&json!({"stream_bidirectional_mode": "rtp", "stream_bidirectional_target_legs": "self"}));
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A call that is streamed from its answer on.
struct Stage {
    rig: Rig,
    exchange: Arc<Exchange>,
    call: Value,
    events: Vec<Value>,
}

impl Stage {
    fn dial(seed: u64, to: &str) -> Self {
        let rig = Rig::new(seed);
        let exchange = rig.exchange();
        let call = rig.dial(to, &json!({"answering_machine_detection": "disabled"}));
        Self { rig, exchange, call, events: Vec::new() }
    }
    fn order(&self, command: &str, body: &Value) {
        let (status, answer) = self.rig.command(&self.call, command, body);
        assert_eq!(status, 200, "{command}: {answer}");
    }
    fn id(&self) -> &str {
        self.call["call_control_id"].as_str().unwrap()
    }
    /// Lets time pass; the call is streamed when it is answered, spoken to, and recorded.
    async fn pass(&mut self, seconds: u64, stream: &Value) {
        let (rig, call, events) = (&self.rig, &self.call, &mut self.events);
        rig.pass(seconds, |_, event| {
            let order = |command: &str, body: &Value| assert_eq!(rig.command(call, command, body).0, 200, "{command}");
            match event["data"]["event_type"].as_str().unwrap() {
                "call.answered" => {
                    order("streaming_start", stream);
                    order("speak", &json!({"payload": NOTICE, "voice": "female"}));
                }
                "call.speak.ended" if event["data"]["payload"]["status"] == "completed" => {
                    order("record_start", &json!({"channels": "dual", "format": "wav"}));
                }
                _ => {}
            }
            events.push(event);
            200
        })
        .await;
    }
    /// Until the stream is dialled, and taken at once; the application's side of it.
    async fn app(&mut self, stream: &Value) -> App {
        let exchange = self.exchange.clone();
        let taken = tokio::spawn(async move {
            let (uri, io) = exchange.taken().await;
            assert_eq!(uri, URL);
            App::over(io).await
        });
        for _ in 0..100 {
            if taken.is_finished() {
                return taken.await.unwrap();
            }
            self.pass(1, stream).await;
        }
        panic!("nobody dialled")
    }
    /// A whole call.
    async fn play(seed: u64, to: &str, stream: &Value, faults: &[FaultKind]) -> (Self, App) {
        let mut stage = Self::dial(seed, to);
        for kind in faults {
            let (vendor, operation) = ("telnyx".to_owned(), "media".to_owned());
            stage.rig.sandbox.inject(Fault { vendor, operation, times: 1, kind: *kind });
        }
        let app = stage.app(stream).await;
        stage.pass(150, stream).await;
        (stage, app)
    }
    fn said(&self, to: &str, speaker: &str) -> Vec<String> {
        let words = self.rig.sandbox.words(to).into_iter();
        words.filter(|word| word.speaker == speaker).map(|word| word.text).collect()
    }
}

fn same(said: &[String], heard: &[Spoken]) {
    let said: Vec<_> = said.iter().map(String::as_str).collect();
    assert_eq!(word_errors(&said, &texts(heard)), 0, "{said:?}\n{:?}", texts(heard));
    assert_eq!(said, texts(heard));
}

#[tokio::test]
async fn every_word_of_every_script_is_heard_on_its_track_and_none_late_for_long() {
    let talkers = [
        Behaviour::Talks,
        Behaviour::Promises,
        Behaviour::Disputes,
        Behaviour::Spanish,
        Behaviour::RefusesRecording,
        Behaviour::PaysByCard,
        Behaviour::PaysByCardInWords,
        Behaviour::Attorney,
        Behaviour::Voicemail,
    ];
    for (seed, behaviour) in (20..).zip(talkers) {
        let to = magic(behaviour);
        let (stage, app) = Stage::play(seed, to, &both(), &[]).await;
        for (track, speaker) in [(Tracks::Inbound, "customer"), (Tracks::Outbound, "agent")] {
            let (heard, said) = (app.heard(track), stage.said(to, speaker));
            assert!(!said.is_empty(), "{behaviour:?} {speaker}");
            same(&said, &heard);
            let (frames, missed) = app.frames(track);
            assert_eq!(missed, 0);
            assert!(frames.iter().zip(1..).all(|(frame, nth)| frame.chunk == nth && frame.at_ms == (nth - 1) * 20));
            assert!(frames.iter().all(|frame| frame.sound.len() == 160));
            // The first frame begins when the call is answered, and each word at most half a second after the script's.
            let answered = instant(&last(&stage.events, "call.answered")["start_time"]);
            let begun = stage.events.iter().find(|event| event["data"]["event_type"] == "streaming.started").unwrap();
            let begun = instant(&begun["data"]["occurred_at"]);
            assert!(answered < begun);
            let words = stage.rig.sandbox.words(to).into_iter().filter(|word| word.speaker == speaker);
            for (word, heard) in words.zip(&heard) {
                let late = heard.start_ms - i64::try_from(word.start.duration_since(begun).as_millis()).unwrap();
                assert!((-20..500).contains(&late), "{} is {late} ms late", word.text);
            }
        }
        assert_eq!(app.ended(), Some(Ended::Closed(1000)), "{behaviour:?}");
        assert!(matches!(app.read().last().unwrap().what, MediaEvent::Stop));
        let numbered = app.read().iter().filter_map(|message| message.sequence).zip(1..).all(|(had, nth)| had == nth);
        assert!(numbered);
    }
}

#[test]
fn word_errors_count_what_was_left_out_put_in_and_misheard() {
    let (said, none) = (["I", "can", "pay", "on", "Friday."], [""; 0]);
    assert_eq!(word_errors(&said, &said), 0);
    assert_eq!(word_errors(&said, &["I", "pay", "on", "on", "Monday."]), 3);
    assert_eq!((word_errors(&said, &none), word_errors(&none, &said)), (5, 5));
}

#[test]
fn the_script_is_told_word_by_word_with_its_times() {
    let (rig, to) = (Rig::new(2), magic(Behaviour::Promises));
    rig.play(to);
    let words = rig.sandbox.words(to);
    let of = |speaker: &str| {
        let said = rig.sandbox.said(to).into_iter().filter(|(who, _)| *who == speaker).map(|(_, text)| text);
        let heard = words.iter().filter(|word| word.speaker == speaker).map(|word| word.text.clone());
        (said.collect::<Vec<_>>().join(" "), heard.collect::<Vec<_>>().join(" "))
    };
    for speaker in ["agent", "customer"] {
        let (said, heard) = of(speaker);
        assert_eq!(said, heard);
    }
    assert!(words.windows(2).all(|two| two[0].start <= two[1].start));
    assert!(words.iter().all(|word| word.start < word.end));
    let told = rig.get(&format!("/sandbox/words/{to}")).1;
    assert_eq!(told["words"].as_array().unwrap().len(), words.len());
    assert_eq!(told["words"][0]["text"], words[0].text.as_str());
    assert_eq!(instant(&told["words"][0]["start"]), words[0].start);
}

#[tokio::test]
async fn the_handshake_carries_the_token_and_messages_look_as_recorded() {
    let order = with(&json!({"stream_auth_token": "secret-7", "custom_parameters": [{"name": "org", "value": "7"}]}));
    let (stage, app) = Stage::play(3, magic(Behaviour::PaysByKeys), &order, &[]).await;
    assert_eq!(app.request.headers()["x-telnyx-streaming-auth-token"], "secret-7");
    assert_eq!(app.request.headers()["host"], "wib.test");
    let start = app.start();
    assert_eq!(start.leg.control_id.as_deref(), Some(stage.id()));
    assert_eq!((start.codec, start.rate, start.channels), (Some(Codec::Pcmu), 8_000, 1));
    assert_eq!(start.tag.as_deref(), Some("tag"));
    let pressed = app.read().into_iter().filter_map(|m| if let MediaEvent::Key(key) = m.what { key } else { None });
    let card = stage.rig.sandbox.spoken_cards(magic(Behaviour::PaysByKeys)).remove(0);
    assert_eq!(pressed.map(|key| key.reveal()).collect::<String>(), card.pressed());
    // The shape is that of the recorded session.
    let Some(recorded) = lines("realtime/telnyx-inbound-both-tracks.jsonl") else { return };
    let shape = |json: &Value, event: &str| {
        let mut names: BTreeSet<String> = json.as_object().unwrap().keys().cloned().collect();
        if let Some(inner) = json[event].as_object() {
            names.extend(inner.iter().map(|(name, value)| format!("{event}.{name} {}", value.is_string())));
        }
        names.extend(json["start"]["media_format"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        names
    };
    let ours: Vec<Value> = app.texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    for event in ["connected", "start", "media", "dtmf", "stop"] {
        let theirs = recorded.iter().map(|line| &line["json"]).find(|json| json["event"] == event).unwrap();
        let ours = ours.iter().find(|json| json["event"] == event).unwrap();
        assert_eq!(shape(ours, event), shape(theirs, event), "{event}");
    }
    let params: Vec<_> = ours.iter().filter_map(|json| json["start"]["custom_parameters"]["org"].as_str()).collect();
    assert_eq!(params, ["7"]);
}

#[tokio::test]
async fn every_codec_carries_the_words_and_one_track_is_one_track() {
    for (codec, bytes, rate) in [("PCMA", 160, 8_000), ("L16", 640, 16_000)] {
        let to = magic(Behaviour::Promises);
        let order = json!({"stream_url": URL, "stream_codec": codec});
        let (stage, app) = Stage::play(4, to, &order, &[]).await;
        assert_eq!(app.start().rate, rate);
        assert!(app.frames(Tracks::Inbound).0.iter().all(|frame| frame.sound.len() == bytes));
        same(&stage.said(to, "customer"), &app.heard(Tracks::Inbound));
        assert!(app.frames(Tracks::Outbound).0.is_empty());
    }
    let rig = Rig::new(1);
    let call = rig.dial("sip:a@b.test", &json!({}));
    rig.run(3, |_, _| 200);
    for (field, value) in [("stream_codec", "OPUS"), ("stream_track", "no"), ("stream_url", "http://a.test")] {
        assert_eq!(rig.command(&call, "streaming_start", &with(&json!({field: value}))).0, 422, "{field}");
    }
}

#[tokio::test]
async fn words_that_come_faster_than_they_are_spoken_are_late_and_all_there() {
    // Three bytes in two characters: the modem takes 140 ms for what the script says in 124.
    let text = vec!["四"; 40].join(" ");
    let mut stage = Stage::dial(21, "sip:a@b.test");
    let app = stage.app(&both()).await;
    stage.pass(5, &both()).await;
    stage.order("speak", &json!({"payload": text, "voice": "female"}));
    stage.pass(8, &both()).await;
    let heard = app.heard(Tracks::Outbound);
    let heard: Vec<_> = heard.iter().filter(|word| word.text == "四").collect();
    assert_eq!(heard.len(), 40);
    let said = stage.rig.sandbox.words("sip:a@b.test");
    let lasted = said[said.len() - 1].start.duration_since(said[said.len() - 40].start).as_millis();
    let late = i128::from(heard[39].start_ms - heard[0].start_ms) - lasted;
    assert!((400..800).contains(&late), "{late}");
}

#[tokio::test]
async fn lost_frames_cost_the_words_they_touch_and_no_other() {
    let to = magic(Behaviour::Promises);
    let (_, clean) = Stage::play(5, to, &both(), &[]).await;
    let (_, rough) = Stage::play(5, to, &both(), &[FaultKind::FramesLost { one_in: 40 }]).await;
    let mut touched = 0;
    for track in [Tracks::Inbound, Tracks::Outbound] {
        let (frames, missed) = rough.frames(track);
        let total = clean.frames(track).0.len();
        assert!(missed > 0 && frames.len() < total);
        let there: BTreeSet<u64> = frames.iter().map(|frame| frame.chunk).collect();
        let words = clean.heard(track);
        let whole = words.iter().filter(|word| {
            let (first, length) = (u64::from(word.frame) + 1, (22 + 2 * word.text.len()).div_ceil(4) as u64);
            (first..first + length).all(|chunk| there.contains(&chunk))
        });
        let whole: Vec<_> = whole.map(|word| word.text.as_str()).collect();
        touched += words.len() - whole.len();
        assert_eq!(texts(&rough.heard(track)), whole, "{track}");
    }
    assert!(touched > 5, "{touched}");
}

#[tokio::test]
async fn doubled_swapped_and_garbled_frames_cost_nothing_to_who_sorts_them() {
    let to = magic(Behaviour::Disputes);
    let faults = [
        FaultKind::FramesDoubled { one_in: 10 },
        FaultKind::FramesSwapped { one_in: 10 },
        FaultKind::FramesGarbled { one_in: 10 },
    ];
    let (stage, app) = Stage::play(6, to, &both(), &faults).await;
    same(&stage.said(to, "customer"), &app.heard(Tracks::Inbound));
    same(&stage.said(to, "agent"), &app.heard(Tracks::Outbound));
    let (wire, texts) = (telnyx(), app.texts());
    let garbled = texts.iter().filter(|text| wire.read(text) == Err(MediaError::InvalidJson)).count();
    let mut came = Vec::new();
    for message in app.read() {
        if let MediaEvent::Media(frame) = message.what
            && frame.track == Tracks::Inbound
        {
            came.push(frame.chunk);
        }
    }
    let doubled = came.windows(2).filter(|two| two[0] == two[1]).count();
    let swapped = came.windows(2).filter(|two| two[0] == two[1] + 1).count();
    assert!(garbled > 50 && doubled > 50 && swapped > 50, "{garbled} {doubled} {swapped}");
}

#[tokio::test]
async fn nothing_is_heard_at_a_wrong_rate_or_with_the_wrong_end_first() {
    let to = magic(Behaviour::Talks);
    let (_, app) = Stage::play(7, to, &both(), &[FaultKind::WrongRate]).await;
    assert_eq!(app.start().rate, 16_000);
    assert_eq!(app.frames(Tracks::Inbound).0[0].sound.len(), 160);
    assert_eq!((app.heard(Tracks::Inbound), app.heard(Tracks::Outbound)), (vec![], vec![]));
    let (_, app) = Stage::play(7, to, &with(&json!({"stream_codec": "L16"})), &[FaultKind::BigEndian]).await;
    assert_eq!((app.heard(Tracks::Inbound), app.heard(Tracks::Outbound)), (vec![], vec![]));
}

#[tokio::test]
async fn a_stream_that_breaks_off_fails_and_is_not_dialled_again() {
    let (stage, app) =
        Stage::play(8, magic(Behaviour::Talks), &both(), &[FaultKind::CutAfterFrames { frames: 100 }]).await;
    assert_eq!(app.ended(), Some(Ended::Broken));
    assert!(!app.read().iter().any(|message| message.what == MediaEvent::Stop));
    let frames = |track| app.frames(track).0.len();
    assert_eq!((frames(Tracks::Inbound), frames(Tracks::Outbound)), (50, 50));
    let failed = last(&stage.events, "streaming.failed");
    assert_eq!(failed["stream_id"].as_str(), app.read()[1].stream.as_deref());
    assert_eq!(failed["stream_params"], json!({"stream_url": URL, "track": "both_tracks"}));
    assert!(stage.exchange.try_taken().is_none());
    assert!(!names(&stage.events).contains(&"streaming.stopped"));
}

#[tokio::test]
async fn who_is_not_there_or_does_not_want_it_makes_the_stream_fail() {
    // Nobody carries streams.
    let rig = Rig::new(9);
    let call = rig.dial("sip:a@b.test", &json!({"answering_machine_detection": "disabled"}));
    rig.run(3, |_, _| 200);
    rig.command(&call, "streaming_start", &both());
    let mut told = Vec::new();
    rig.run(1, |_, event| {
        told.push(event);
        200
    });
    assert_eq!(names(&told), ["streaming.failed"]);
    // The connection is refused; the handshake is.
    let (mut stage, kind) = (Stage::dial(9, "sip:a@b.test"), FaultKind::NoConnection);
    stage.rig.sandbox.inject(Fault { vendor: "telnyx".into(), operation: "media".into(), times: 1, kind });
    stage.pass(3, &both()).await;
    assert!(names(&stage.events).contains(&"streaming.failed"));
    stage.events.clear();
    stage.order("streaming_start", &both());
    stage.pass(0, &both()).await;
    let (_, io) = stage.exchange.try_taken().unwrap();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let refused = accept_hdr_async(io, |_: &Request<()>, _| {
        Err(http::Response::builder().status(StatusCode::FORBIDDEN).body(None).unwrap())
    });
    assert!(refused.await.is_err());
    stage.pass(1, &both()).await;
    assert_eq!(names(&stage.events), ["streaming.failed"]);
}

#[tokio::test]
async fn an_application_that_hangs_up_stops_the_stream_and_one_that_dies_fails_it() {
    for (said, told) in [(Some(Message::Close(None)), "streaming.stopped"), (None, "streaming.failed")] {
        let mut stage = Stage::dial(10, "sip:a@b.test");
        let app = stage.app(&both()).await;
        stage.pass(2, &both()).await;
        app.say.send(said).unwrap();
        stage.pass(2, &both()).await;
        assert!(names(&stage.events).contains(&told), "{:?}", names(&stage.events));
        stage.order("streaming_stop", &json!({}));
        stage.order("hangup", &json!({}));
        stage.pass(2, &both()).await;
        let ends =
            names(&stage.events).into_iter().filter(|name| matches!(*name, "streaming.stopped" | "streaming.failed"));
        assert_eq!(ends.count(), 1, "once");
    }
}

#[tokio::test]
async fn stopping_ends_the_stream_at_once_and_its_events_fit_the_document() {
    let mut stage = Stage::dial(11, "sip:a@b.test");
    let app = stage.app(&both()).await;
    stage.pass(2, &both()).await;
    stage.order("streaming_stop", &json!({}));
    stage.pass(0, &both()).await;
    assert_eq!(app.ended(), Some(Ended::Closed(1000)));
    assert!(matches!(app.read().last().unwrap().what, MediaEvent::Stop));
    let Some(contract) = Contract::open("telnyx") else { return };
    for (name, schema) in
        [("streaming.started", "CallStreamingStartedEvent"), ("streaming.stopped", "CallStreamingStoppedEvent")]
    {
        let event = stage.events.iter().find(|event| event["data"]["event_type"] == name).unwrap();
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        assert_eq!(contract.faults(&schema, event), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn what_the_application_says_is_played_heard_recorded_and_on_the_outbound_track() {
    const REPLY: &str = "Your balance is $120.50 today. Goodbye.";
    let formats = [
        (json!({}), Encoding::Mulaw, 8_000),
        (
            json!({"stream_bidirectional_codec": "L16", "stream_bidirectional_sampling_rate": 16_000}),
            Encoding::S16le,
            16_000,
        ),
    ];
    for (more, encoding, rate) in formats {
        let (to, order) = ("sip:a@b.test", rtp(&more));
        let mut stage = Stage::dial(12, to);
        let app = stage.app(&order).await;
        stage.pass(6, &order).await;
        // As it comes from a synthesiser: all at once, and a mark behind it.
        app.say(&MediaCommand::Media(modem::speak(REPLY, encoding, rate)));
        app.say(&MediaCommand::Mark("said".into()));
        stage.pass(1, &order).await;
        assert!(app.marks().is_empty(), "it is being said still");
        stage.pass(4, &order).await;
        assert_eq!(app.marks(), ["said"]);
        let played: Vec<_> = stage.rig.sandbox.played(stage.id()).into_iter().map(|word| word.text).collect();
        assert_eq!(played.join(" "), REPLY);
        assert_eq!(stage.rig.sandbox.said(to).last().unwrap(), &("agent", REPLY.to_owned()));
        stage.order("hangup", &json!({}));
        stage.pass(5, &order).await;
        same(
            &format!("{NOTICE} {REPLY}").split(' ').map(str::to_owned).collect::<Vec<_>>(),
            &app.heard(Tracks::Outbound),
        );
        let taped = super::super::sound::Sound::hear(&taped(&stage.rig)).unwrap();
        assert_eq!(taped.lines.last().unwrap().text, REPLY);
    }
}

/// The bytes of the last recording.
fn taped(rig: &Rig) -> Bytes {
    let (_, list) = rig.get("/telnyx/v2/recordings");
    fetch(rig, list["data"][0]["download_urls"]["wav"].as_str().unwrap()).1
}

#[tokio::test]
async fn frame_by_frame_it_is_played_as_well_and_written_down() {
    let (to, order) = ("sip:a@b.test", rtp(&json!({})));
    let mut stage = Stage::dial(13, to);
    let app = stage.app(&order).await;
    stage.order("transcription_start", &json!({"transcription_tracks": "outbound"}));
    stage.pass(6, &order).await;
    stage.events.clear();
    let sound = modem::speak("Is that all right?", Encoding::Mulaw, 8_000);
    for frames in sound.chunks(160 * 50) {
        for frame in frames.chunks(160) {
            app.say(&MediaCommand::Media(Bytes::copy_from_slice(frame)));
        }
        stage.pass(1, &order).await;
    }
    stage.pass(2, &order).await;
    let written: Vec<_> = stage
        .events
        .iter()
        .filter_map(|event| event["data"]["payload"]["transcription_data"]["transcript"].as_str())
        .collect();
    assert_eq!(written, ["Is that all right?"]);
}

#[tokio::test]
async fn clearing_drops_what_waits_and_brings_its_marks_back() {
    let order = rtp(&json!({}));
    let mut stage = Stage::dial(14, "sip:a@b.test");
    let app = stage.app(&order).await;
    stage.pass(6, &order).await;
    app.say(&MediaCommand::Mark("idle".into()));
    stage.pass(0, &order).await;
    assert_eq!(app.marks(), ["idle"], "nothing waits before it");
    let sentence = "one two three four five six seven eight nine ten eleven twelve";
    app.say(&MediaCommand::Media(modem::speak(sentence, Encoding::Mulaw, 8_000)));
    app.say(&MediaCommand::Mark("first".into()));
    app.say(&MediaCommand::Media(modem::speak(sentence, Encoding::Mulaw, 8_000)));
    app.say(&MediaCommand::Mark("second".into()));
    stage.pass(1, &order).await;
    app.say(&MediaCommand::Clear);
    stage.pass(0, &order).await;
    assert_eq!(app.marks(), ["idle", "first", "second"]);
    stage.pass(10, &order).await;
    let played: Vec<_> = stage.rig.sandbox.played(stage.id()).into_iter().map(|word| word.text).collect();
    assert!((3..8).contains(&played.len()) && sentence.starts_with(&played.join(" ")), "{played:?}");
    // What is said after it is heard again.
    app.say(&MediaCommand::Media(modem::speak("Sorry. Go on.", Encoding::Mulaw, 8_000)));
    stage.pass(3, &order).await;
    assert_eq!(stage.rig.sandbox.said("sip:a@b.test").last().unwrap().1, "Sorry. Go on.");
}

#[tokio::test]
async fn what_is_misshapen_is_answered_with_an_error_and_without_a_mode_nothing_is() {
    let order = rtp(&json!({}));
    let mut stage = Stage::dial(15, "sip:a@b.test");
    let app = stage.app(&order).await;
    stage.pass(1, &order).await;
    let bad = [
        "{",
        "[]",
        r#"{"event":"media","media":{}}"#,
        r#"{"event":"media","media":{"payload":"?"}}"#,
        r#"{"event":"mark","mark":{}}"#,
    ];
    bad.iter().for_each(|text| app.tell(text));
    app.tell(r#"{"event":"somethingNew"}"#);
    stage.pass(0, &order).await;
    let failed = MediaEvent::Failed { code: "100003".into(), title: "malformed_frame".into() };
    assert_eq!(app.read().into_iter().filter(|message| message.what == failed).count(), bad.len());
    let mut stage = Stage::dial(15, "sip:a@b.test");
    let app = stage.app(&both()).await;
    stage.pass(6, &both()).await;
    bad.iter().for_each(|text| app.tell(text));
    app.say(&MediaCommand::Media(modem::speak("Hello?", Encoding::Mulaw, 8_000)));
    app.say(&MediaCommand::Mark("m".into()));
    stage.pass(3, &both()).await;
    let silent = |message: &MediaMessage| !matches!(message.what, MediaEvent::Failed { .. } | MediaEvent::Mark(_));
    assert!(app.read().iter().all(silent));
    assert_eq!(stage.rig.sandbox.played(stage.id()), []);
}

#[tokio::test]
async fn the_other_leg_hears_what_is_played_to_the_opposite_and_who_is_joined_is_outbound() {
    let (to, order) = (magic(Behaviour::Talks), with(&json!({"stream_bidirectional_mode": "rtp"})));
    let mut stage = Stage::dial(16, "sip:a@b.test");
    let app = stage.app(&order).await;
    let other = stage.rig.dial(to, &json!({"answering_machine_detection": "disabled"}));
    stage.pass(8, &order).await;
    stage.order("bridge", &json!({"call_control_id": other["call_control_id"]}));
    stage.pass(12, &order).await;
    app.say(&MediaCommand::Media(modem::speak("Psst.", Encoding::Mulaw, 8_000)));
    stage.pass(2, &order).await;
    let played = |id: &Value| stage.rig.sandbox.played(id.as_str().unwrap()).len();
    assert_eq!((played(&stage.call["call_control_id"]), played(&other["call_control_id"])), (0, 1));
    let heard = stage.rig.sandbox.heard(stage.id()).join(" ");
    assert!(!heard.is_empty());
    let streamed = app.heard(Tracks::Outbound);
    let streamed = texts(&streamed).join(" ");
    assert!(streamed.contains(&heard), "{heard:?} in {streamed:?}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_frames() {
    let faults = [FaultKind::FramesLost { one_in: 30 }, FaultKind::FramesSwapped { one_in: 30 }];
    let play = async |seed| Stage::play(seed, magic(Behaviour::Promises), &both(), &faults).await.1.texts();
    let (one, again, other) = (play(17).await, play(17).await, play(18).await);
    assert!(one.len() > 1_000);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[tokio::test]
async fn a_stream_runs_over_real_sockets_in_real_time() {
    over_real_sockets(Arc::new(wib_core::kit::SystemClock)).await;
}

#[tokio::test]
async fn and_on_a_clock_that_runs_faster() {
    over_real_sockets(Arc::new(wib_core::kit::ScaledClock::new(wib_core::kit::SystemClock.now(), 3))).await;
}

async fn over_real_sockets(clock: Arc<dyn Clock>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/media", listener.local_addr().unwrap());
    let sandbox = Sandbox::new(clock.clone(), 19, Settings::default());
    sandbox.streams_over(Arc::new(Network::new().unwrap()));
    let key = [("authorization", "Bearer key")];
    let post = async |path: String, body: Value| {
        let headers =
            key.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()));
        let answer = sandbox.serve(Method::POST, &path, headers.collect(), body.to_string().into()).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        serde_json::from_slice::<Value>(answer.body()).unwrap()["data"].clone()
    };
    let to = "sip:a@b.test";
    let call = post("/telnyx/v2/calls".into(), json!({"connection_id": "1", "to": to, "from": "+13125550100"})).await;
    let id = call["call_control_id"].as_str().unwrap().to_owned();
    let path = |command: &str| {
        let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("/telnyx/v2/calls/{id}/actions/{command}")
    };
    sandbox.advance(Duration::from_secs(2));
    let mut order = rtp(&json!({}));
    order["stream_url"] = json!(url);
    let before = clock.now();
    post(path("streaming_start"), order).await;
    let app = App::over(listener.accept().await.unwrap().0).await;
    let text = "One two three, testing.";
    post(path("speak"), json!({"payload": text, "voice": "female"})).await;
    app.say(&MediaCommand::Media(modem::speak("I hear you.", Encoding::Mulaw, 8_000)));
    let started = clock.now();
    clock.sleep_until(wib_core::kit::time::after(started, Duration::from_secs(3))).await;
    post(path("streaming_stop"), json!({})).await;
    while app.ended().is_none() {
        clock.sleep_until(wib_core::kit::time::after(clock.now(), Duration::from_millis(10))).await;
    }
    assert_eq!(app.ended(), Some(Ended::Closed(1000)));
    // At the pace of speech, neither faster nor slower.
    let sound = 20 * i128::try_from(app.frames(Tracks::Inbound).0.len()).unwrap();
    assert!((2_900..=clock.now().duration_since(before).as_millis()).contains(&sound), "{sound} ms in three seconds");
    let mut heard: Vec<_> = app.heard(Tracks::Outbound).into_iter().map(|word| word.text).collect();
    assert_eq!(sandbox.played(&id).iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["I", "hear", "you."]);
    heard.retain(|word| text.split(' ').any(|said| said == word));
    assert_eq!(heard.join(" "), text);
}
