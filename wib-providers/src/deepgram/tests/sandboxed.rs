//! The adapter over its model in the sandbox, in process and over a port, and what goes wrong on a socket.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use wib_core::{
    kit::{Clock, ExposeSecret, SeededRandom, SystemClock, VirtualClock, time::after},
    ports::live::Turns,
    testing::live_transcriber_suite,
};

use super::*;
use crate::{
    http::{Client, Policy, Wires, Words},
    sandbox::{Fault as Ordered, FaultKind, Sandbox, Settings, modem::speak},
    socket::{Frame, Incoming, Limits, Outgoing},
    transport::Network,
};

struct Rig {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    deepgram: Arc<Deepgram>,
}

fn rig() -> Rig {
    rig_with("key")
}
fn rig_with(key: &str) -> Rig {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 3, Settings::default());
    let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
    let deepgram = Arc::new(Deepgram::builder(wires, SecretString::from(key)).live(false).build());
    Rig { clock, sandbox, deepgram }
}
fn ordered(kind: FaultKind) -> Ordered {
    Ordered { vendor: "deepgram".to_owned(), operation: "stream".to_owned(), times: 1, kind }
}
impl Rig {
    /// Runs a future while time passes.
    fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        let future = Box::pin(future);
        let time = async {
            loop {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(Duration::from_millis(50));
            }
        };
        async move {
            tokio::select! {
                biased;
                output = future => output,
                () = time => unreachable!("time does not end"),
            }
        }
    }
    /// A socket without the adapter.
    async fn socket(&self, query: &[(&str, &str)], key: Option<&str>) -> Result<(Outgoing, Incoming), VendorError> {
        let wires = self.sandbox.wires(self.clock.clone(), Arc::new(SeededRandom::new(7)));
        let words = |_: u16, body: &Value| Words { code: body["err_code"].as_str().map(str::to_owned), ..Words::default() };
        let client = Client::new("raw", "https://api.deepgram.com", Policy::default(), words, wires);
        let client = match key {
            Some(key) => client.key(http::header::AUTHORIZATION, key.to_owned().into()),
            None => client,
        };
        let ask = client.ask("stream", Method::GET, "/v1/listen");
        let ask = query.iter().fold(ask, |ask, (name, value)| ask.query(name, value));
        ask.upgrade(Limits::default()).await
    }
}

const PHONE: [(&str, &str); 2] = [("encoding", "mulaw"), ("sample_rate", "8000")];
const KEY: Option<&str> = Some("Token key");

mod in_process {
    use super::*;

    async fn make(_: &'static str) -> Option<live_transcriber_suite::Subject> {
        let rig = rig();
        let transcriber = rig.deepgram.clone();
        let cut: Box<dyn Fn() + Send + Sync> = Box::new(move || rig.sandbox.inject(ordered(FaultKind::ResetAfterEffect)));
        Some(live_transcriber_suite::Subject { transcriber, speak, changes: false, cut: Some(cut) })
    }
    wib_core::live_transcriber_suite!(make);
}

/// The sandbox on a port, and wires to it over the network.
async fn on_a_port() -> (Sandbox, String, Wires) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sandbox = Sandbox::new(clock.clone(), 3, Settings::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let attended = sandbox.clone();
    tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            let sandbox = attended.clone();
            tokio::spawn(async move { sandbox.converse(io).await });
        }
    });
    let wires = Wires { transport: Arc::new(Network::new().unwrap()), clock, random: Arc::new(SeededRandom::new(7)) };
    (sandbox, address, wires)
}

mod over_a_port {
    use super::*;

    async fn make(case: &'static str) -> Option<live_transcriber_suite::Subject> {
        let (sandbox, address, wires) = on_a_port().await;
        let key = SecretString::from("key");
        let transcriber: Arc<dyn LiveTranscriber> = if case == "a_token_is_given_and_not_printed" {
            // The port takes sockets alone: what is asked over HTTP goes in process.
            Arc::new(Deepgram::builder(sandbox.wires(wires.clock, wires.random), key).live(false).build())
        } else {
            Arc::new(Deepgram::builder(wires, key).base_url(format!("{address}/deepgram")).live(false).build())
        };
        let cut: Box<dyn Fn() + Send + Sync> = Box::new(move || sandbox.inject(ordered(FaultKind::ResetAfterEffect)));
        Some(live_transcriber_suite::Subject { transcriber, speak, changes: false, cut: Some(cut) })
    }
    wib_core::live_transcriber_suite!(make);

    #[tokio::test]
    async fn nobody_is_met_at_another_path() {
        let (_sandbox, address, wires) = on_a_port().await;
        let nowhere = Deepgram::builder(wires, SecretString::from("key")).base_url(format!("{address}/nobody")).build();
        assert_eq!(nowhere.listen(&phone()).await.unwrap_err().fault, Fault::Missing);
    }
}

#[tokio::test]
async fn what_the_model_says_fits_the_vendors_own_document() {
    let rig = rig();
    let Some(document) = shared("realtime/deepgram.asyncapi.json") else { return };
    let more = [
        ("interim_results", "true"),
        ("utterance_end_ms", "1000"),
        ("vad_events", "true"),
        ("endpointing", "300"),
        ("smart_format", "true"),
        ("diarize", "true"),
        ("language", "multi"),
    ];
    let (mut outgoing, mut incoming) = rig.socket(&[&PHONE[..], &more].concat(), KEY).await.unwrap();
    let said = speak("Hello, this is Dana. How are you?", Encoding::Mulaw, 8_000);
    for chunk in [&said[..], &[0xff; 16_000]].concat().chunks_exact(800) {
        outgoing.binary(chunk.to_vec().into()).await.unwrap();
    }
    for word in ["KeepAlive", "Finalize", "CloseStream"] {
        outgoing.text(json!({"type": word}).to_string()).await.unwrap();
    }
    let (mut kinds, mut finals) = (BTreeSet::new(), Vec::new());
    while let Some(Frame::Text(text)) = incoming.next().await.unwrap() {
        let message: Value = serde_json::from_str(&text).unwrap();
        let kind = message["type"].as_str().unwrap().to_owned();
        let name = format!("#/components/schemas/ListenV1_ListenV1{kind}");
        let schema = json!({"$ref": name, "components": document["components"]});
        let faults: Vec<_> =
            jsonschema::draft202012::new(&schema).unwrap().iter_errors(&message).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?} {message}");
        if message["is_final"] == true {
            let text = message["channel"]["alternatives"][0]["transcript"].as_str().unwrap().to_owned();
            finals.push((text, message["speech_final"] == true, message["from_finalize"] == true));
        }
        kinds.insert(kind);
    }
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), ["Metadata", "Results", "SpeechStarted", "UtteranceEnd"]);
    let piece = |text: &str, speech: bool, finalize: bool| (text.to_owned(), speech, finalize);
    assert_eq!(
        finals,
        [piece("Hello, this is Dana.", false, false), piece("How are you?", true, false), piece("", true, true)]
    );
}

#[tokio::test]
async fn the_model_checks_what_was_declared_and_whose_key_it_is() {
    let rig = rig();
    let refused = |status: u16, code: &str| (Some(status), Some(code.to_owned()));
    for (query, key, expected) in [
        (&PHONE[..], None, refused(401, "INVALID_AUTH")),
        (&PHONE, Some("Token invalid"), refused(401, "INVALID_AUTH")),
        (&PHONE, Some("Bearer key"), refused(401, "INVALID_AUTH")),
        (&PHONE, Some("key"), refused(401, "INVALID_AUTH")),
        (&[("encoding", "mulaw")], KEY, refused(400, "Bad Request")),
        (&[("sample_rate", "8000")], KEY, refused(400, "Bad Request")),
        (&[("encoding", "mp3"), ("sample_rate", "8000")], KEY, refused(400, "Bad Request")),
        (&[("encoding", "mulaw"), ("sample_rate", "400")], KEY, refused(400, "Bad Request")),
        (&[PHONE[0], PHONE[1], ("channels", "0")], KEY, refused(400, "Bad Request")),
        (&[PHONE[0], PHONE[1], ("endpointing", "x")], KEY, refused(400, "Bad Request")),
        (&[PHONE[0], PHONE[1], ("utterance_end_ms", "1000")], KEY, refused(400, "Bad Request")),
        (
            &[PHONE[0], PHONE[1], ("interim_results", "true"), ("utterance_end_ms", "999")],
            KEY,
            refused(400, "Bad Request"),
        ),
    ] {
        let error = rig.socket(query, key).await.unwrap_err();
        assert_eq!((error.status, error.code), expected, "{query:?} {key:?}");
    }
    let (mut outgoing, mut incoming) = rig.socket(&PHONE, KEY).await.unwrap();
    outgoing.text(r#"{"type":"Hello"}"#.to_owned()).await.unwrap();
    let error = incoming.next().await.unwrap_err();
    assert_eq!((error.code.as_deref(), error.message.as_str()), (Some("1008"), "DATA-0000"));
}

/// What is heard of audio over a raw socket with that query.
async fn heard(rig: &Rig, query: &[(&str, &str)], audio: &[u8]) -> String {
    let (mut outgoing, mut incoming) = rig.socket(query, KEY).await.unwrap();
    for chunk in audio.chunks(800) {
        outgoing.binary(chunk.to_vec().into()).await.unwrap();
    }
    outgoing.text(r#"{"type":"CloseStream"}"#.to_owned()).await.unwrap();
    let mut all = Vec::new();
    while let Some(Frame::Text(text)) = incoming.next().await.unwrap() {
        let message: Value = serde_json::from_str(&text).unwrap();
        all.extend(message["channel"]["alternatives"][0]["transcript"].as_str().map(str::to_owned));
    }
    all.join(" ").trim().to_owned()
}

#[tokio::test]
async fn nothing_is_heard_at_a_rate_in_an_encoding_or_on_channels_other_than_declared() {
    let rig = rig();
    let audio = speak("over here", Encoding::S16le, 16_000);
    let declared = |encoding, rate, channels| [("encoding", encoding), ("sample_rate", rate), ("channels", channels)];
    assert_eq!(heard(&rig, &declared("linear16", "16000", "1"), &audio).await, "over here");
    for wrong in [("linear16", "8000", "1"), ("mulaw", "16000", "1"), ("linear16", "16000", "2")] {
        assert_eq!(heard(&rig, &declared(wrong.0, wrong.1, wrong.2), &audio).await, "", "{wrong:?}");
    }
    let both: Vec<u8> = audio.chunks_exact(2).flat_map(|sample| [sample, sample].concat()).collect();
    assert_eq!(heard(&rig, &declared("linear16", "16000", "2"), &both).await, "over here");
}

#[tokio::test]
async fn a_stream_without_a_word_ends_after_ten_seconds_and_the_adapter_does_not_let_it() {
    let rig = rig();
    let (_outgoing, mut incoming) = rig.socket(&PHONE, KEY).await.unwrap();
    let opened = rig.clock.now();
    let error = rig.run(incoming.next()).await.unwrap_err();
    assert_eq!((error.code.as_deref(), error.message.as_str()), (Some("1011"), "NET-0001"));
    let waited = rig.clock.now().duration_since(opened).as_secs();
    assert!((10..12).contains(&waited), "{waited}");
    // Two minutes on hold, then a word.
    let mut stream = rig.deepgram.listen(&phone()).await.unwrap();
    assert!(matches!(stream.turns.next().await, Ok(Some(LiveEvent::Began { .. }))));
    let until = after(rig.clock.now(), Duration::from_secs(120));
    let quiet = rig.run(async {
        tokio::select! {
            biased;
            event = stream.turns.next() => panic!("{event:?}"),
            () = rig.clock.sleep_until(until) => {}
        }
    });
    quiet.await;
    stream.audio.push(&speak("still here", Encoding::Mulaw, 8_000)).await.unwrap();
    stream.audio.end_turn().await.unwrap();
    let mut turns = Turns::default();
    while turns.ended().count() == 0 {
        if let Some(LiveEvent::Turn(turn)) = rig.run(stream.turns.next()).await.unwrap() {
            turns.absorb(turn);
        }
    }
    assert_eq!(turns.ended().next().unwrap().text, "still here");
}

#[tokio::test]
async fn an_order_says_how_long_there_may_be_no_audio() {
    let rig = rig();
    let mut stream = rig.deepgram.listen(&LiveOrder { inactivity_seconds: Some(20), ..phone() }).await.unwrap();
    assert!(matches!(stream.turns.next().await, Ok(Some(LiveEvent::Began { .. }))));
    let opened = rig.clock.now();
    let error = rig.run(stream.turns.next()).await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Timeout, Some("1011")));
    let waited = rig.clock.now().duration_since(opened).as_secs();
    assert!((20..32).contains(&waited), "{waited}");
    assert!(stream.audio.push(&[0xff; 800]).await.is_err(), "whoever speaks learns it too");
}

#[tokio::test]
async fn a_token_opens_streams_for_a_while() {
    let rig = rig();
    let token = rig.deepgram.token(&TokenLife { seconds: 60, session_seconds: None }).await.unwrap();
    assert_eq!(token.seconds, 60);
    let bearer = format!("Bearer {}", token.token.expose_secret());
    assert!(rig.socket(&PHONE, Some(&bearer)).await.is_ok());
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(rig.socket(&PHONE, Some(&bearer)).await.unwrap_err().fault, Fault::Credentials);
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_each_has_its_own_name() {
    let rig = rig();
    let (mut streams, mut names) = (Vec::new(), BTreeSet::new());
    let refused = loop {
        match rig.deepgram.listen(&phone()).await {
            Ok(mut stream) => {
                let Ok(Some(LiveEvent::Began { session, .. })) = stream.turns.next().await else { panic!("it begins") };
                assert!(session.parse::<uuid::Uuid>().is_ok(), "the vendor's own: {session}");
                names.insert(session);
                streams.push(stream);
            }
            Err(error) => break error,
        }
    };
    assert_eq!((streams.len(), names.len()), (150, 150));
    assert_eq!((refused.fault, refused.code.as_deref()), (Fault::RateLimited, Some("TOO_MANY_REQUESTS")));
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_refused_without_being_told() {
    let deepgram = rig_with("invalid-canary").deepgram;
    let error = deepgram.listen(&phone()).await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Credentials, Some("INVALID_AUTH")));
    assert!(!format!("{error} {error:?} {deepgram:?}").contains("canary"));
}

#[tokio::test]
async fn every_fault_of_a_socket_is_told_as_what_it_is() {
    let rig = rig();
    for (kind, fault) in [
        (FaultKind::Status { status: 401, retry_after: None }, Fault::Credentials),
        (FaultKind::Status { status: 402, retry_after: None }, Fault::Payment),
        (FaultKind::Status { status: 503, retry_after: Some(2) }, Fault::Down),
        (FaultKind::TimeoutBeforeEffect, Fault::Timeout),
    ] {
        rig.sandbox.inject(ordered(kind));
        let error = rig.run(rig.deepgram.listen(&phone())).await.unwrap_err();
        assert_eq!(error.fault, fault, "{kind:?}");
    }
    // Nobody was there: it is dialled again.
    rig.sandbox.inject(ordered(FaultKind::NoConnection));
    rig.run(rig.deepgram.listen(&phone())).await.unwrap();
    // It was taken, and then nothing came.
    rig.sandbox.inject(ordered(FaultKind::TimeoutAfterEffect));
    let mut stream = rig.run(rig.deepgram.listen(&phone())).await.unwrap();
    assert!(matches!(stream.turns.next().await, Ok(Some(LiveEvent::Began { .. }))));
    assert_eq!(rig.run(stream.turns.next()).await.unwrap_err().fault, Fault::Timeout);
    // The words that nobody can read are passed over.
    rig.sandbox.inject(ordered(FaultKind::GarbledAfterEffect));
    let mut stream = rig.run(rig.deepgram.listen(&phone())).await.unwrap();
    stream.audio.terminate().await.unwrap();
    while rig.run(stream.turns.next()).await.unwrap().is_some() {}
    assert_eq!(stream.turns.skipped(), 3);
}
