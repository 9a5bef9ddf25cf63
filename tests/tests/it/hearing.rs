//! Calls that are heard while they are spoken: what the sandbox's people say comes as sound, and every word is measured
//! against their script.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use wib_core::{
    Wib, WibBuilder,
    assist::{AskCopilot, PutScriptLine},
    calls::{Call, StartCall},
    kit::{PageRequest, time},
    live::{LineSource, Listen, LiveLine, MediaIn, MediaSocket, Speaker, StreamStatus},
    sentiment::PutSentimentConfig,
    speech::SayText,
};
use wib_providers::sandbox::{Exchange, Fault, FaultKind, LiveFault, LiveTrouble, word_errors};

use crate::stage::{NOON, Sets, Stage, kinds, magic};

/// A socket in the house, as the core carries one.
struct Socket(WebSocketStream<DuplexStream>);

#[async_trait]
impl MediaSocket for Socket {
    async fn next(&mut self) -> MediaIn {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => MediaIn::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => MediaIn::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => MediaIn::Gone,
            };
        }
    }
    async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
        if self.0.send(Message::Close(Some(frame))).await.is_ok() {
            while self.0.next().await.is_some_and(|message| message.is_ok()) {}
        }
    }
}

/// Lets the vendor in who dialled that address, and hears.
async fn attend(wib: Wib, uri: Uri, io: DuplexStream) {
    let mut token = None;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let shaken = accept_hdr_async(io, |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let brought = request.headers().get("x-telnyx-streaming-auth-token");
        token = brought.and_then(|token| token.to_str().ok()).map(ToOwned::to_owned);
        Ok(response)
    });
    let Ok(socket) = shaken.await else { return };
    let mut parts = uri.path().trim_start_matches("/media/").splitn(2, '/');
    let (vendor, address) = (parts.next().unwrap(), parts.next().unwrap());
    let mut socket = Socket(socket);
    match wib.system().admit_media(vendor, address, token.as_deref()).await {
        Ok(admitted) => admitted.carry(&mut socket).await,
        Err(error) => socket.close(1008, error.message()).await,
    }
}

/// A stage on which calls are heard.
pub(crate) struct Floor {
    pub(crate) stage: Stage,
    exchange: Arc<Exchange>,
    pub(crate) attended: Vec<JoinHandle<()>>,
}

impl Floor {
    pub(crate) async fn new() -> Self {
        Self::seeded(1).await
    }
    pub(crate) async fn seeded(seed: u64) -> Self {
        Self::with(seed, |builder, _| builder).await
    }
    /// With other parts than the sandbox's.
    pub(crate) async fn with(seed: u64, other: impl FnOnce(WibBuilder, &Sets) -> WibBuilder) -> Self {
        let stage = Stage::still(NOON, seed, |builder, sets, _| other(builder, sets)).await;
        let exchange = Arc::new(Exchange::default());
        stage.sandbox.streams_over(exchange.clone());
        Self { stage, exchange, attended: vec![] }
    }
    pub(crate) async fn call(&self, number: &str, listen: Listen) -> Call {
        let account = self.stage.account(number).await;
        let wish = StartCall { account_id: Some(account.id), listen: Some(listen), ..StartCall::default() };
        self.stage.org.start_call(wish).await.unwrap()
    }
    /// Lets time pass, streams be heard and work be done until something is so; ten minutes at most.
    pub(crate) async fn until(&mut self, mut done: impl AsyncFnMut(&Stage) -> bool) -> bool {
        let deadline = time::after(self.stage.now(), Duration::from_secs(600));
        while self.stage.now() < deadline {
            while let Some((uri, io)) = self.exchange.try_taken() {
                self.attended.push(tokio::spawn(attend(self.stage.wib.clone(), uri, io)));
            }
            if done(&self.stage).await {
                return true;
            }
            let step = time::after(self.stage.now(), Duration::from_millis(20));
            let never = async || Ok(false);
            self.stage.sandbox.play(&self.stage.wib, &self.stage.clock, step, never).await.unwrap();
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        }
        false
    }
    /// Whoever hears is gone, as when the process was killed.
    pub(crate) async fn die(&mut self) {
        for task in self.attended.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
    /// Until the call is over and everything that was heard is kept.
    pub(crate) async fn over(&mut self, call: &Call) {
        let id = call.id;
        assert!(self.until(async |stage| stage.org.call(id).await.unwrap().status.terminal()).await, "it ends");
        for task in std::mem::take(&mut self.attended) {
            assert!(self.until(async |_| task.is_finished()).await, "it hears to the end");
        }
    }
    pub(crate) async fn lines(&self, call: &Call) -> Vec<LiveLine> {
        let mut lines = self.stage.org.lines(call.id, -1).await.unwrap();
        lines.sort_by_key(|line| (line.started_at, line.line_index));
        lines
    }
    /// Words that were heard of one side, and words of its script since its stream began.
    pub(crate) async fn compared(&self, call: &Call, number: &str, speaker: Speaker) -> (Vec<String>, Vec<String>) {
        let plain = |word: &str| word.trim_matches(|c: char| ".,?!¿¡".contains(c)).to_lowercase();
        let mut tx = self.stage.store.org(self.stage.org.id()).await.unwrap();
        let streams = tx.streams_of_call(call.id).await.unwrap();
        drop(tx);
        let since = streams.first().and_then(|stream| stream.opened_at).expect("it was heard");
        let said = self.stage.sandbox.words(number).into_iter();
        let said = said.filter(|word| word.speaker == speaker.as_str() && word.start >= since);
        let heard = self.lines(call).await.into_iter().filter(|line| line.speaker == speaker);
        let heard = heard.flat_map(|line| line.text.split_whitespace().map(plain).collect::<Vec<_>>()).collect();
        (said.map(|word| plain(&word.text)).collect(), heard)
    }
    /// Nothing was left out, put in or misheard of either side.
    pub(crate) async fn word_for_word(&self, call: &Call, number: &str, what: &str) {
        for speaker in [Speaker::Customer, Speaker::Agent] {
            let (said, heard) = self.compared(call, number, speaker).await;
            let refs = |words: &'_ [String]| words.iter().map(String::as_str).collect::<Vec<_>>().len();
            assert!(refs(&said) > 3, "{what}: {speaker} says something: {said:?}");
            let [one, other] = [&said, &heard].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(word_errors(&one, &other), 0, "{what}: {speaker}\n{said:?}\n{heard:?}");
        }
    }
}

#[tokio::test]
async fn a_call_is_heard_word_for_word_while_it_is_spoken() {
    let mut floor = Floor::new().await;
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    let id = call.id;
    // Lines are there long before the call is over.
    assert!(floor.until(async |stage| stage.org.lines(id, -1).await.unwrap().len() >= 2).await);
    assert!(!floor.stage.org.call(id).await.unwrap().status.terminal());
    floor.over(&call).await;
    floor.word_for_word(&call, &number, "all is well").await;
    let lines = floor.lines(&call).await;
    assert!(lines.iter().all(|line| line.source == LineSource::Live && line.vendor == "assemblyai" && !line.live));
    assert!(lines.iter().any(|line| line.text.ends_with('.')), "as people write");
    let export = floor.stage.sealed(id).await;
    assert!(floor.stage.org.gaps(id).await.unwrap().is_empty());
    assert!(!kinds(&export).contains(&"call.live.switched"));
    let mut tx = floor.stage.store.org(floor.stage.org.id()).await.unwrap();
    let streams = tx.streams_of_call(id).await.unwrap();
    assert_eq!(streams.iter().map(|stream| stream.status).collect::<Vec<_>>(), [StreamStatus::Ended]);
}

#[tokio::test]
async fn a_call_that_nobody_was_to_hear_for_a_while_is_heard_again() {
    let mut floor = Floor::new().await;
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    let id = call.id;
    assert!(floor.until(async |stage| !stage.org.lines(id, -1).await.unwrap().is_empty()).await);
    floor.stage.org.listen(id, None).await.unwrap();
    assert!(floor.until(async |stage| streams(stage, id).await == [StreamStatus::Ended]).await);
    let before = floor.lines(&call).await.len();
    floor.stage.org.listen(id, Some(Listen::default())).await.unwrap();
    floor.over(&call).await;
    assert_eq!(streams(&floor.stage, id).await, [StreamStatus::Ended; 2]);
    assert!(floor.lines(&call).await.len() > before);
    let over = floor.stage.org.listen(id, None).await.unwrap_err();
    assert_eq!(over.http_status(), 409);
}

async fn streams(stage: &Stage, call: wib_core::calls::CallId) -> Vec<StreamStatus> {
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.streams_of_call(call).await.unwrap().iter().map(|stream| stream.status).collect()
}

/// What may go wrong with a live transcriber, and how many words it hears before.
fn troubles() -> Vec<(LiveTrouble, usize)> {
    use LiveTrouble as T;
    [T::Refused, T::Error, T::HalfOpen, T::NoResults, T::PartialsOnly, T::Late { ms: 900 }, T::OutOfOrder, T::Cut]
        .into_iter()
        .flat_map(|what| [(what, 0), (what, 9)])
        .collect()
}

#[tokio::test]
async fn whatever_goes_wrong_with_the_first_transcriber_no_word_is_lost_or_doubled() {
    for (n, (what, after_words)) in troubles().into_iter().enumerate() {
        // Of each kind one stream alone, or all that the vendor opens.
        for every in [n % 4 < 2] {
            let mut floor = Floor::new().await;
            let fault = LiveFault { after_words, every, what };
            floor.stage.sandbox.live_fault("assemblyai", fault.clone());
            let number = magic(1);
            let call = floor.call(&number, Listen::default()).await;
            floor.over(&call).await;
            floor.word_for_word(&call, &number, &format!("{fault:?}")).await;
            let export = floor.stage.sealed(call.id).await;
            assert!(floor.stage.org.gaps(call.id).await.unwrap().is_empty(), "{fault:?}");
            let switched = kinds(&export).contains(&"call.live.switched");
            let borne = matches!(what, LiveTrouble::OutOfOrder | LiveTrouble::Late { .. });
            // What fails before the first word is never asked.
            assert!(
                switched || borne || after_words == 0 || what == LiveTrouble::Refused,
                "{fault:?}: {:?}",
                kinds(&export)
            );
        }
    }
}

#[tokio::test]
async fn both_transcribers_may_fail_one_after_the_other() {
    let mut floor = Floor::new().await;
    for (vendor, after_words) in [("assemblyai", 6), ("deepgram", 4), ("assemblyai", 11), ("deepgram", 3)] {
        let fault = LiveFault { after_words, every: false, what: LiveTrouble::Cut };
        floor.stage.sandbox.live_fault(vendor, fault);
    }
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    floor.over(&call).await;
    floor.word_for_word(&call, &number, "all four").await;
}

#[tokio::test]
async fn frames_that_come_twice_or_in_another_order_or_between_garbage_cost_no_word() {
    let kinds = [
        FaultKind::FramesDoubled { one_in: 5 },
        FaultKind::FramesSwapped { one_in: 5 },
        FaultKind::FramesGarbled { one_in: 5 },
    ];
    for kind in kinds {
        let mut floor = Floor::new().await;
        floor.stage.sandbox.inject(Fault { vendor: "telnyx".into(), operation: "media".into(), times: 1, kind });
        let number = magic(1);
        let call = floor.call(&number, Listen::default()).await;
        floor.over(&call).await;
        floor.word_for_word(&call, &number, &format!("{kind:?}")).await;
    }
}

#[tokio::test]
async fn a_frame_that_is_lost_costs_the_words_it_touches_and_no_other() {
    let mut floor = Floor::new().await;
    let kind = FaultKind::FramesLost { one_in: 40 };
    floor.stage.sandbox.inject(Fault { vendor: "telnyx".into(), operation: "media".into(), times: 1, kind });
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    floor.over(&call).await;
    for speaker in [Speaker::Customer, Speaker::Agent] {
        let (said, heard) = floor.compared(&call, &number, speaker).await;
        let [one, other] = [&said, &heard].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        let errors = word_errors(&one, &other);
        // Only ever left out: none is wrong, none is put in.
        assert_eq!(errors, said.len() - heard.len(), "{said:?}\n{heard:?}");
        assert!(errors > 0 && heard.len() * 2 > said.len(), "{errors} of {}", said.len());
    }
}

#[tokio::test]
async fn a_stream_whose_rate_is_a_lie_is_heard_by_nobody_and_the_recording_fills_the_gap() {
    let mut floor = Floor::new().await;
    let kind = FaultKind::WrongRate;
    floor.stage.sandbox.inject(Fault { vendor: "telnyx".into(), operation: "media".into(), times: 1, kind });
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    floor.over(&call).await;
    assert!(floor.lines(&call).await.is_empty(), "no word is made up");
    assert!(!floor.stage.org.gaps(call.id).await.unwrap().is_empty());
    floor.stage.sealed(call.id).await;
    assert!(floor.stage.org.gaps(call.id).await.unwrap().iter().all(|gap| gap.filled_at.is_some()));
    assert!(floor.lines(&call).await.iter().all(|line| line.source == LineSource::Recording));
    floor.word_for_word(&call, &number, "from the recording").await;
}

#[tokio::test]
async fn after_a_restart_the_gap_has_bounds_and_is_filled_from_the_recording() {
    let mut floor = Floor::new().await;
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    let id = call.id;
    assert!(floor.until(async |stage| stage.org.lines(id, -1).await.unwrap().len() >= 2).await);
    // The process dies: no farewell, nothing more is kept.
    let died = floor.stage.now();
    floor.die().await;
    floor.over(&call).await;
    let gaps = floor.stage.org.gaps(id).await.unwrap();
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    let again = gap.ended_at.expect("it is heard again");
    assert!(gap.started_at <= died && died <= again, "{gap:?}");
    assert!(again.duration_since(died).as_secs() <= 5, "another stream is asked for at once: {gap:?}");
    let mut tx = floor.stage.store.org(floor.stage.org.id()).await.unwrap();
    let streams: Vec<_> = tx.streams_of_call(id).await.unwrap().iter().map(|stream| stream.status).collect();
    drop(tx);
    assert_eq!(streams, [StreamStatus::Lost, StreamStatus::Ended]);
    let before = floor.lines(&call).await.len();
    floor.stage.sealed(id).await;
    assert!(floor.stage.org.gaps(id).await.unwrap()[0].filled_at.is_some());
    let filled: Vec<_> = floor.lines(&call).await.into_iter().filter(|l| l.source == LineSource::Recording).collect();
    assert!(!filled.is_empty() && floor.lines(&call).await.len() == before + filled.len());
    floor.word_for_word(&call, &number, "with the recording's words").await;
}

/// Use cases around calls that are heard, and the lines of the audit log that they leave.
pub(crate) const CHANGES: &[(&str, &str)] = &[
    ("listen", "call:listen_changed"),
    ("say", "ai:tts_generated"),
    ("ask_copilot", "ai:copilot_assist"),
    ("put_script_line", "script:line_created"),
    ("remove_script_line", "script:line_removed"),
    ("put_sentiment_config", "sentiment:config_updated"),
    ("watched_translations", "translation:live_completed"),
];
/// Those whose lines are asked for in the scenarios of their own: behind a plan, or on a call that a machine talks on. What is
/// heard is a row of its own.
pub(crate) const ELSEWHERE: &[&str] =
    &["watch_translations", "activate_ai", "deactivate_ai", "put_ai_prompt_config", "add_line"];

#[tokio::test]
async fn what_is_wanted_of_calls_that_are_heard_is_in_the_log() {
    let stage = Stage::new().await;
    let org = &stage.org;
    let call = stage.start(&stage.account(&magic(1)).await).await.unwrap();
    org.listen(call.id, Some(Listen::default())).await.unwrap();
    org.say(SayText { text: "Good morning.".into(), ..SayText::default() }).await.unwrap();
    let question = AskCopilot { agent_question: Some("What must I say first?".into()), ..AskCopilot::default() };
    org.ask_copilot(question).await.unwrap();
    let line = PutScriptLine { label: "Greeting".into(), text: "Good morning.".into(), ..PutScriptLine::default() };
    let line = org.put_script_line(line).await.unwrap();
    org.remove_script_line(line.id).await.unwrap();
    org.put_sentiment_config(PutSentimentConfig { enabled: true, ..PutSentimentConfig::default() }).await.unwrap();
    org.watched_translations(call.id, 3).await.unwrap();
    let mut tx = stage.store.org(org.id()).await.unwrap();
    let log = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap().items;
    for (name, action) in CHANGES {
        assert!(log.iter().any(|line| line.action == *action), "{name} leaves no {action}");
    }
}

/// A socket that says what it was told to, and remembers how it was closed.
struct Scripted(std::collections::VecDeque<MediaIn>, Option<(u16, String)>);

#[async_trait]
impl MediaSocket for Scripted {
    async fn next(&mut self) -> MediaIn {
        self.0.pop_front().unwrap_or(MediaIn::Gone)
    }
    async fn close(&mut self, code: u16, reason: &str) {
        self.1 = Some((code, reason.to_owned()));
    }
}

impl Floor {
    /// Where the vendor dials next, without letting it in.
    async fn dialled(&mut self) -> (String, String) {
        let deadline = time::after(self.stage.now(), Duration::from_secs(60));
        loop {
            if let Some((uri, _)) = self.exchange.try_taken() {
                let mut parts = uri.path().trim_start_matches("/media/").splitn(2, '/');
                return (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
            }
            assert!(self.stage.now() < deadline, "nobody dials");
            let step = time::after(self.stage.now(), Duration::from_millis(100));
            let never = async || Ok(false);
            self.stage.sandbox.play(&self.stage.wib, &self.stage.clock, step, never).await.unwrap();
        }
    }
}

fn start(control: Option<&str>, encoding: &str) -> MediaIn {
    let format = serde_json::json!({"encoding": encoding, "sample_rate": 8000, "channels": 1});
    let start = serde_json::json!({"call_control_id": control, "media_format": format});
    MediaIn::Text(serde_json::json!({"event": "start", "stream_id": "s", "start": start}).to_string())
}
fn sound(bytes: usize, chunk: u64) -> MediaIn {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let payload = BASE64_STANDARD.encode(vec![0xff; bytes]);
    let media =
        serde_json::json!({"track": "inbound", "chunk": chunk.to_string(), "timestamp": "0", "payload": payload});
    MediaIn::Text(serde_json::json!({"event": "media", "stream_id": "s", "media": media}).to_string())
}

#[tokio::test]
async fn whoever_does_not_belong_on_a_stream_is_told_so_and_costs_the_call_nothing() {
    let mut floor = Floor::new().await;
    let number = magic(1);
    let call = floor.call(&number, Listen::default()).await;
    let garbage = || MediaIn::Text("{\"event\":".to_owned());
    let many = |one: MediaIn| std::iter::repeat_n(one, 60).collect::<Vec<_>>();
    let cases: Vec<(&str, Vec<MediaIn>, u16)> = vec![
        ("garbage", many(garbage()), 1007),
        ("binary", many(MediaIn::Binary), 1007),
        ("too much at once", vec![MediaIn::TooLarge], 1009),
        ("sound before the start", vec![sound(160, 1)], 1002),
        ("another call", vec![start(Some("v3:somebody-elses"), "PCMU")], 1008),
        ("a codec that nobody decodes", vec![start(None, "OPUS")], 1003),
        ("frames that are none", [vec![start(None, "PCMU")], many(sound(60_000, 1))].concat(), 1007),
        ("frames from the future", [vec![start(None, "PCMU")], many(sound(160, 1 << 40))].concat(), 1007),
    ];
    for (what, frames, code) in cases {
        let (vendor, address) = floor.dialled().await;
        let system = floor.stage.wib.system();
        for (vendor, address, token) in [
            (vendor.as_str(), format!("{address}0"), None),
            (vendor.as_str(), address.replace('.', "-"), None),
            ("assemblyai", address.clone(), None),
            (vendor.as_str(), address.clone(), Some("guessed")),
        ] {
            let refused = system.admit_media(vendor, &address, token).await.unwrap_err();
            assert_eq!(refused.http_status(), 404, "{what}: {refused}");
        }
        let admitted = system.admit_media(&vendor, &address, None).await.unwrap();
        let again = system.admit_media(&vendor, &address, None).await.unwrap_err();
        assert_eq!(again.http_status(), 410, "{what}: an address is good for one connection");
        let mut socket = Scripted(frames.into(), None);
        admitted.carry(&mut socket).await;
        assert_eq!(socket.1.as_ref().map(|(code, _)| *code), Some(code), "{what}: {:?}", socket.1);
    }
    // Another stream was ordered each time, and the rest of the call is heard.
    let (vendor, address) = floor.dialled().await;
    floor.stage.org.end_call(call.id).await.unwrap();
    floor.stage.sealed(call.id).await;
    let over = floor.stage.wib.system().admit_media(&vendor, &address, None).await.unwrap_err();
    assert_eq!(over.http_status(), 410, "the call is over");
    assert!(floor.lines(&call).await.iter().all(|line| line.source == LineSource::Recording), "no word is made up");
}
