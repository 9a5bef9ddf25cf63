//! The adapter over its model in the sandbox: the suites of both ports, and what goes wrong on a socket.

use std::time::Duration;

use http::Method;
use wib_core::{
    kit::{Clock, ExposeSecret, SeededRandom, SystemClock, VirtualClock},
    ports::{
        LiveTranscriber, VendorError,
        live::{Encoding, LiveEvent, LiveOrder, TokenLife},
        transcriber::{AudioFormat, Pii, RedactedAudio, Redaction},
    },
    testing::{live_transcriber_suite, transcriber_suite},
};

use super::*;
use crate::{
    http::{Client, Policy, Wires, Words},
    sandbox::{Fault as Ordered, FaultKind, Sandbox, Settings, modem::speak, scripts::Side, sound::{Line, Sound}},
    socket::{Frame, Incoming, Limits, Outgoing},
    testing::contracts::shared,
    transport::Network,
};

struct Rig {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    assemblyai: Arc<AssemblyAi>,
}

fn rig() -> Rig {
    rig_with("key")
}
fn rig_with(key: &str) -> Rig {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 3, Settings::default());
    let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
    let assemblyai = Arc::new(AssemblyAi::builder(wires, SecretString::from(key)).live(false).build());
    Rig { clock, sandbox, assemblyai }
}
fn audio() -> Bytes {
    let line = |speaker: Side, start_ms: i64, text: &str| {
        Line { speaker, start_ms, end_ms: start_ms + 2_000, text: text.to_owned() }
    };
    let lines = vec![
        line(Side::Agent, 0, "Hello. How can I help?"),
        line(Side::Customer, 2_500, "I can pay $120 on Friday."),
        line(Side::Agent, 5_000, "Thank you. That is good."),
    ];
    Sound { channels: 2, duration_ms: 7_500, language: "en".to_owned(), lines }.wav()
}
fn phone() -> LiveOrder {
    LiveOrder { sample_rate: 8_000, language: Some("en-US".into()), ..LiveOrder::default() }
}
impl Rig {
    fn fault(&self, kind: FaultKind) {
        let fault = Ordered { vendor: "assemblyai".to_owned(), operation: "stream".to_owned(), times: 1, kind };
        self.sandbox.inject(fault);
    }
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
        let words = |_: u16, _: &Value| Words::default();
        let client = Client::new("raw", "https://streaming.assemblyai.com", Policy::default(), words, wires);
        let client = match key {
            Some(key) => client.key(http::header::AUTHORIZATION, key.to_owned().into()),
            None => client,
        };
        let ask = client.ask("stream", Method::GET, "/v3/ws");
        let ask = query.iter().fold(ask, |ask, (name, value)| ask.query(name, value));
        ask.upgrade(Limits::default()).await
    }
    /// The code with which a socket is closed that says so.
    async fn closed(&self, query: &[(&str, &str)], key: Option<&str>, said: Option<Frame>) -> (String, String) {
        let (mut outgoing, mut incoming) = self.socket(query, key).await.unwrap();
        match said {
            Some(Frame::Text(text)) => outgoing.text(text).await.unwrap(),
            Some(Frame::Binary(bytes)) => outgoing.binary(bytes).await.unwrap(),
            None => {}
        }
        loop {
            match incoming.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return ("1000".to_owned(), String::new()),
                Err(error) => return (error.code.unwrap_or_default(), error.message),
            }
        }
    }
}

mod transcriber {
    use super::*;

    async fn make(_: &'static str) -> Option<transcriber_suite::Subject> {
        let Rig { clock, assemblyai, .. } = rig();
        Some(transcriber_suite::Subject { transcriber: assemblyai, audio: audio(), content_type: "audio/wav", clock })
    }
    wib_core::transcriber_suite!(make);
}

mod live_transcriber {
    use super::*;

    async fn make(_: &'static str) -> Option<live_transcriber_suite::Subject> {
        let rig = rig();
        let transcriber = rig.assemblyai.clone();
        let cut: Box<dyn Fn() + Send + Sync> = Box::new(move || rig.fault(FaultKind::ResetAfterEffect));
        Some(live_transcriber_suite::Subject { transcriber, speak, changes: true, cut: Some(cut) })
    }
    wib_core::live_transcriber_suite!(make);
}

#[tokio::test]
async fn redacted_audio_is_silent_where_it_must_be_and_a_delivery_tells_of_it() {
    let rig = rig();
    let secret = rig.sandbox.verifier("assemblyai").unwrap();
    let wires = rig.sandbox.wires(rig.clock.clone(), Arc::new(SeededRandom::new(7)));
    let assemblyai = AssemblyAi::builder(wires, SecretString::from("key")).webhook_secret(secret.into()).build();
    let audio_url = assemblyai.upload(audio(), "audio/wav").await.unwrap();
    let redaction = Redaction { kinds: vec![Pii::MoneyAmount], audio: Some(AudioFormat::Wav), ..Redaction::default() };
    let options = TranscriptOptions { redaction: Some(redaction), ..TranscriptOptions::default() };
    let id = assemblyai.submit(&TranscriptOrder { audio_url, options, ..order() }).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..100 {
        rig.clock.advance(Duration::from_millis(100));
        for delivery in rig.sandbox.take_due(rig.clock.now()) {
            let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            let opened = assemblyai.open(&Headers(&headers), &delivery.body, rig.clock.now()).unwrap();
            told.extend(opened.into_events().into_iter().map(|event| event.body));
            rig.sandbox.delivered(delivery.id, Some(200));
        }
    }
    let RedactedAudio::Ready { url } = assemblyai.redacted_audio(&id).await.unwrap() else { panic!("it is ready") };
    let done = EventBody::Transcript { transcript_id: id.clone(), status: "completed".into() };
    assert_eq!(told, [done, EventBody::RedactedAudio { url: url.clone() }]);
    let quiet = assemblyai.client.ask_url("fetch", &url).send().await.unwrap();
    let heard = Sound::hear(&quiet.body).unwrap();
    let texts: Vec<_> = heard.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["Hello. How can I help?", "I can pay", "on Friday.", "Thank you. That is good."]);
    let raw = assemblyai.fetch(&id).await.unwrap();
    let TranscriptState::Done(raw) = raw else { panic!("it is done") };
    assert_eq!(raw.utterances[1].text, "I can pay #### on Friday.");
    rig.clock.advance(Duration::from_secs(25 * 3600));
    assert!(assemblyai.redacted_audio(&id).await.is_err(), "for a day");
    assert!(assemblyai.client.ask_url("fetch", &url).send().await.is_err());
}

#[tokio::test]
async fn a_token_opens_one_stream_and_in_time() {
    let rig = rig();
    let token = rig.assemblyai.token(&TokenLife { seconds: 60, session_seconds: None }).await.unwrap();
    let with = [("token", token.token.expose_secret()), ("sample_rate", "8000")];
    let (_outgoing, mut incoming) = rig.socket(&with, None).await.unwrap();
    let Some(Frame::Text(begin)) = incoming.next().await.unwrap() else { panic!("it begins") };
    assert!(begin.contains("Begin"));
    assert_eq!(rig.closed(&with, None, None).await.0, "1008", "once");
    let late = rig.assemblyai.token(&TokenLife { seconds: 1, session_seconds: None }).await.unwrap();
    rig.clock.advance(Duration::from_secs(2));
    assert_eq!(rig.closed(&[("token", late.token.expose_secret())], None, None).await.0, "1008");
}

#[tokio::test]
async fn the_model_closes_as_the_recordings_do() {
    let rig = rig();
    let rate = [("sample_rate", "16000")];
    let (key, bytes) = (Some("key"), |count: usize| Some(Frame::Binary(vec![0; count].into())));
    let text = |text: &str| Some(Frame::Text(text.to_owned()));
    let closed = |code: &str, reason: &str| (code.to_owned(), reason.to_owned());
    let missing = "Unauthorized Connection: Missing Authorization header";
    assert_eq!(rig.closed(&rate, None, None).await, closed("1008", missing));
    assert_eq!(rig.closed(&rate, Some("invalid"), None).await.0, "1008");
    assert_eq!(rig.closed(&rate, key, text(r#"{"type":"Hello"}"#)).await, closed("3006", "Invalid Message Type: Hello"));
    let short = "Input duration violation: 20.0 ms. Expected between 50 and 1000 ms";
    assert_eq!(rig.closed(&rate, key, bytes(640)).await, closed("3007", short));
    // Frames of another rate or encoding than was declared have another length.
    for (query, count) in [(rate, 33_000), ([("sample_rate", "48000")], 1_920), ([("sample_rate", "8000")], 801)] {
        assert_eq!(rig.closed(&query, key, bytes(count)).await.0, "3007", "{query:?}");
    }
    for wrong in [("sample_rate", "4000"), ("sample_rate", "fast"), ("encoding", "mp3"), ("min_turn_silence", "x")] {
        assert_eq!(rig.closed(&[wrong], key, None).await.0, "3006", "{wrong:?}");
    }
    assert_eq!(rig.closed(&rate, key, text(r#"{"type":"Terminate"}"#)).await.0, "1000");
}

#[tokio::test]
async fn what_the_model_says_fits_the_vendors_own_document() {
    let rig = rig();
    for (model, document) in [("universal-streaming-english", "universal"), ("u3-rt-pro", "u3-pro")] {
        let Some(document) = shared(&format!("realtime/assemblyai-{document}.asyncapi.json")) else { return };
        let query = [("speech_model", model), ("encoding", "pcm_mulaw"), ("sample_rate", "8000"), ("format_turns", "true")];
        let (mut outgoing, mut incoming) = rig.socket(&query, Some("key")).await.unwrap();
        let audio = [&speak("Hello, this is Dana.", Encoding::Mulaw, 8_000)[..], &[0xff; 16_000]].concat();
        for chunk in audio.chunks_exact(800) {
            outgoing.binary(chunk.to_vec().into()).await.unwrap();
        }
        outgoing.text(json!({"type": "Terminate"}).to_string()).await.unwrap();
        let mut kinds = std::collections::BTreeSet::new();
        while let Some(Frame::Text(text)) = incoming.next().await.unwrap() {
            let message: Value = serde_json::from_str(&text).unwrap();
            let kind = message["type"].as_str().unwrap().to_owned();
            let name = if kind == "Begin" { "SessionBegins" } else { &kind };
            let schema = json!({"$ref": format!("#/components/schemas/{name}Payload"), "components": document["components"]});
            let faults: Vec<_> =
                jsonschema::draft202012::new(&schema).unwrap().iter_errors(&message).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{faults:?} {message}");
            kinds.insert(kind);
        }
        let started = if model == "u3-rt-pro" { vec!["SpeechStarted"] } else { vec![] };
        let all = [vec!["Begin"], started, vec!["Termination", "Turn"]].concat();
        assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
    }
}

#[tokio::test]
async fn a_session_ends_after_three_hours_and_there_are_only_so_many() {
    let rig = rig();
    let mut first = rig.assemblyai.listen(&phone()).await.unwrap();
    let mut others = Vec::new();
    let refused = loop {
        match rig.assemblyai.listen(&phone()).await {
            Ok(stream) => others.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!((others.len(), refused.fault, refused.code.as_deref()), (99, Fault::RateLimited, Some("3009")));
    assert!(matches!(first.turns.next().await, Ok(Some(LiveEvent::Began { .. }))));
    rig.clock.advance(Duration::from_secs(3 * 3600));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let error = first.turns.next().await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Timeout, Some("3008")));
    assert!(first.audio.push(&[0xff; 800]).await.is_err(), "whoever speaks learns it too");
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_refused_when_a_stream_is_opened() {
    let error = rig_with("invalid").assemblyai.listen(&phone()).await.unwrap_err();
    assert_eq!((error.fault, error.code.as_deref()), (Fault::Credentials, Some("1008")));
}

#[tokio::test]
async fn every_fault_of_a_socket_is_told_as_what_it_is() {
    let rig = rig();
    for (kind, fault) in [
        (FaultKind::Status { status: 401, retry_after: None }, Fault::Credentials),
        (FaultKind::Status { status: 404, retry_after: None }, Fault::Missing),
        (FaultKind::Status { status: 503, retry_after: Some(2) }, Fault::Down),
        (FaultKind::TimeoutBeforeEffect, Fault::Timeout),
        (FaultKind::TimeoutAfterEffect, Fault::Timeout),
    ] {
        rig.fault(kind);
        let error = rig.run(rig.assemblyai.listen(&phone())).await.unwrap_err();
        assert_eq!(error.fault, fault, "{kind:?}");
    }
    // Nobody was there: it is dialled again.
    rig.fault(FaultKind::NoConnection);
    rig.run(rig.assemblyai.listen(&phone())).await.unwrap();
    // The words that nobody can read are passed over.
    rig.fault(FaultKind::GarbledAfterEffect);
    let mut stream = rig.run(rig.assemblyai.listen(&phone())).await.unwrap();
    assert!(matches!(stream.turns.next().await, Ok(Some(LiveEvent::Began { .. }))));
    assert_eq!(stream.turns.skipped(), 3);
}

#[tokio::test]
async fn streams_to_a_port_are_heard_over_a_real_connection() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sandbox = Sandbox::new(clock.clone(), 3, Settings::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let attended = sandbox.clone();
    tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            let sandbox = attended.clone();
            tokio::spawn(async move { sandbox.converse(io).await });
        }
    });
    let wires = Wires { transport: Arc::new(Network::new().unwrap()), clock, random: Arc::new(SeededRandom::new(7)) };
    let builder = AssemblyAi::builder(wires, SecretString::from("key"));
    let here = builder.base_url(format!("http://127.0.0.1:{port}/assemblyai")).build();
    let mut stream = here.listen(&phone()).await.unwrap();
    let said = [speak("Over the line.", Encoding::Mulaw, 8_000), vec![0xff; 4_000].into()].concat();
    for frame in said.chunks(160) {
        stream.audio.push(frame).await.unwrap();
    }
    stream.audio.terminate().await.unwrap();
    let mut heard = Vec::new();
    while let Some(event) = stream.turns.next().await.unwrap() {
        heard.extend(if let LiveEvent::Turn(turn) = event { turn.ended.then_some(turn.text) } else { None });
    }
    assert_eq!(heard, ["over the line"]);
    let nowhere = AssemblyAi::builder(
        Wires { transport: Arc::new(Network::new().unwrap()), clock: Arc::new(SystemClock), random: Arc::new(SeededRandom::new(7)) },
        SecretString::from("key"),
    );
    let nowhere = nowhere.base_url(format!("http://127.0.0.1:{port}/nobody")).build();
    assert_eq!(nowhere.listen(&phone()).await.unwrap_err().fault, Fault::Missing);
}
