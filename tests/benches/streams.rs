//! How many calls one core hears at once: frames come at the pace of speech, and it is measured how much later each is given
//! to the transcriber, what that costs, and what a program costs that only reads the same frames.
//!
//! `cargo bench -p tests --bench streams` (`WIB_STREAMS=100,400` for other numbers of calls)
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::{join_all, pending};
use peak_alloc::PeakAlloc;
use serde_json::json;
use wib_core::{
    Settings,
    calls::{Call, CallFacts, CallLeg, CallStatus, FlowType, LegRole},
    compliance::{Purpose, Technology},
    engine::{NewMessage, Topic, Worker},
    kit::{Clock, Id, OsRandom, Random, SystemClock, Timestamp, time},
    live::{EarPolicy, Listen, MediaIn, MediaSocket},
    ports::{
        Fault, LiveTranscriber, Sent, VendorError, Voice,
        live::{LiveAudio, LiveChange, LiveEvent, LiveOrder, LiveStream, LiveToken, LiveTurns, TokenLife},
        media::{MediaCommand, MediaError, MediaMessage, MediaWire},
        voice::{Answer, Command, Direction, Order},
    },
    prelude::*,
    store::Store,
    testing::fakes::FakeVoice,
};
use wib_providers::sandbox::{Sandbox, Settings as SandboxSettings};
use wib_storage::{MemoryBlobs, testing::memory_store};

/// How long frames come, in frames of 20 ms.
const FRAMES: u32 = 300;

/// What is on the heap is counted, and not the pages that the allocator keeps: these depend on what ran before.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// When frames left, and how much later they were given on, in microseconds.
#[derive(Debug)]
struct Watch {
    left: [Mutex<VecDeque<Instant>>; 2],
    late: Mutex<Vec<u64>>,
}
impl Default for Watch {
    /// With room for everything: what is watched is measured, not the watch.
    fn default() -> Self {
        let frames = usize::try_from(FRAMES).unwrap();
        let left = || Mutex::new(VecDeque::with_capacity(frames));
        Self { left: [left(), left()], late: Mutex::new(Vec::with_capacity(2 * frames)) }
    }
}
tokio::task_local! {
    static WATCH: Arc<Watch>;
}

/// A transcriber that takes audio and says nothing.
#[derive(Debug)]
struct Nobody;
#[derive(Debug)]
struct Takes(Option<Arc<Watch>>, usize);
#[derive(Debug)]
struct Silent;

#[async_trait]
impl LiveTranscriber for Nobody {
    fn vendor(&self) -> &'static str {
        "nobody"
    }
    fn live(&self) -> bool {
        false
    }
    async fn listen(&self, order: &LiveOrder) -> Result<LiveStream, VendorError> {
        let side = usize::from(order.language.is_some());
        let watch = WATCH.try_with(Arc::clone).ok();
        Ok(LiveStream { audio: Box::new(Takes(watch, side)), turns: Box::new(Silent) })
    }
    async fn token(&self, _: &TokenLife) -> Result<LiveToken, VendorError> {
        Err(VendorError::new("nobody", Fault::Request, Sent::No, "no tokens"))
    }
}
#[async_trait]
impl LiveAudio for Takes {
    async fn push(&mut self, audio: &[u8]) -> Result<(), VendorError> {
        let Some(watch) = &self.0 else { return Ok(()) };
        for _ in 0..audio.len() / 160 {
            if let Some(left) = watch.left[self.1].lock().unwrap().pop_front() {
                let late = u64::try_from(left.elapsed().as_micros()).unwrap();
                watch.late.lock().unwrap().push(late);
            }
        }
        Ok(())
    }
    async fn update(&mut self, _: &LiveChange) -> Result<(), VendorError> {
        Ok(())
    }
    async fn end_turn(&mut self) -> Result<(), VendorError> {
        Ok(())
    }
    async fn terminate(&mut self) -> Result<(), VendorError> {
        Ok(())
    }
}
#[async_trait]
impl LiveTurns for Silent {
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError> {
        pending().await
    }
    fn skipped(&self) -> u64 {
        0
    }
}

/// Telnyx's frames, for the fake that places the calls.
#[derive(Debug)]
struct Wire(Arc<dyn MediaWire>);
impl MediaWire for Wire {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn read(&self, frame: &str) -> Result<MediaMessage, MediaError> {
        self.0.read(frame)
    }
    fn write(&self, command: &MediaCommand) -> Result<String, MediaError> {
        self.0.write(command)
    }
}

/// Frames at the pace of speech, both sides; somebody breathes.
struct Socket {
    began: Timestamp,
    sent: u32,
    control: String,
    payload: String,
    watch: Arc<Watch>,
}
impl Socket {
    fn new(n: usize, control: &str, watch: Arc<Watch>) -> Self {
        let shift = Duration::from_micros(u64::try_from(n).unwrap() * 997 % 20_000);
        let payload = BASE64_STANDARD.encode([0xfd; 160]);
        let began = time::after(SystemClock.now(), shift + Duration::from_millis(500));
        Self { began, sent: 0, control: control.to_owned(), payload, watch }
    }
    /// The next text, when it is due.
    async fn text(&mut self) -> Option<String> {
        let n = self.sent;
        self.sent += 1;
        if n == 0 {
            let start = json!({"call_control_id": self.control, "client_state": null,
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}});
            return Some(json!({"event": "start", "stream_id": "s", "start": start}).to_string());
        }
        let (frame, side) = ((n - 1) / 2, (n - 1) % 2);
        if frame >= FRAMES {
            return None;
        }
        if side == 0 {
            SystemClock.sleep_until(time::after(self.began, Duration::from_millis(20) * frame)).await;
        }
        let track = if side == 0 { "inbound" } else { "outbound" };
        self.watch.left[side as usize].lock().unwrap().push_back(Instant::now());
        Some(format!(
            r#"{{"event":"media","sequence_number":"{n}","stream_id":"s","media":{{"track":"{track}","chunk":"{}","timestamp":"{}","payload":"{}"}}}}"#,
            frame + 1,
            frame * 20,
            self.payload
        ))
    }
}
#[async_trait]
impl MediaSocket for Socket {
    async fn next(&mut self) -> MediaIn {
        // Not dropped while it waits in this program: nothing else happens on these calls.
        match self.text().await {
            Some(text) => MediaIn::Text(text),
            None => MediaIn::Gone,
        }
    }
    async fn close(&mut self, _: u16, _: &str) {}
}

/// CPU of this process, in milliseconds, and its memory, in KiB.
fn used() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).map(|f| f.parse().unwrap()).collect();
    ((fields[0] + fields[1]) * 10, u64::try_from(HEAP.current_usage()).unwrap() / 1024)
}

fn told(what: &str, count: usize, cpu_ms: u64, kib: u64, watches: &[Arc<Watch>]) {
    let mut late: Vec<u64> = watches.iter().flat_map(|watch| watch.late.lock().unwrap().clone()).collect();
    late.sort_unstable();
    let at = |share: usize| late.get(late.len() * share / 1000).copied().unwrap_or(0);
    let seconds = u64::from(FRAMES) / 50;
    let share = cpu_ms as f64 / 10.0 / seconds as f64;
    println!(
        "{what:<8} {count:>5} calls: {share:>5.1} % of a core, {:.0} us of CPU a call-second, p50 {} us, p99 {} us, {} KiB a call, {} frames",
        cpu_ms as f64 * 1000.0 / seconds as f64 / count as f64,
        at(500),
        at(990),
        kib / count as u64,
        late.len()
    );
}

/// The least that must be done: read the frame, decode the sound, give it on.
async fn minimal(count: usize) {
    let watches: Vec<_> = (0..count).map(|_| Arc::new(Watch::default())).collect();
    let before = used();
    let calls = watches.iter().enumerate().map(|(n, watch)| {
        let (watch, mut socket) = (watch.clone(), Socket::new(n, "c", watch.clone()));
        tokio::spawn(async move {
            let mut sides = [Takes(Some(watch.clone()), 0), Takes(Some(watch), 1)];
            while let Some(text) = socket.text().await {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                let Some(payload) = value["media"]["payload"].as_str() else { continue };
                let side = usize::from(value["media"]["track"] == "outbound");
                sides[side].push(&BASE64_STANDARD.decode(payload).unwrap()).await.unwrap();
            }
        })
    });
    join_all(calls).await;
    let after = used();
    told("minimal", count, after.0 - before.0, after.1.saturating_sub(before.1), &watches);
}

async fn heard(count: usize) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sandbox = Sandbox::new(clock.clone(), 1, SandboxSettings::default());
    let voice = Arc::new(FakeVoice::new(clock.clone()));
    let store = Arc::new(memory_store(clock.clone()).await);
    let wires = sandbox.wires(clock.clone(), random.clone());
    let wire = sandbox.adapters(&wires).unwrap().media_wires.remove(0);
    let mut settings = Settings::default();
    settings.public_url = Some("http://bench.test".to_owned());
    settings.streams = count + 1;
    settings.ears = EarPolicy::default();
    let builder =
        Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default())).signer(Signer::from_seed([7; 32]));
    let builder = sandbox.plug(builder, &clock, &random).unwrap().settings(settings);
    let builder = builder.voice(voice.clone()).live_transcriber(Arc::new(Nobody)).media_wire(Arc::new(Wire(wire)));
    let wib = builder.build().unwrap();
    let organization = wib.system().create_organization("Bench").await.unwrap();
    let mut calls = vec![];
    for n in 0..count {
        let (from, to) = ("+13125550100".parse().unwrap(), format!("+1312{:07}", 5_550_000 + n).parse().unwrap());
        let leg = voice.ring(&to, &from);
        voice.steer(&leg, &Order::new(Command::Answer(Answer::default()), format!("answer-{n}"))).await.unwrap();
        let now = clock.now();
        let facts = CallFacts { recording_ordered_at: Some(now), ..CallFacts::default() };
        let id = Id::new(now, &*random);
        let call = Call {
            id,
            organization_id: organization.id,
            person_id: None,
            account_id: None,
            direction: Direction::Inbound,
            from_number: from,
            to_number: to,
            flow_type: FlowType::Inbound,
            technology: Technology::Manual,
            purpose: Purpose::Collection,
            status: CallStatus::InProgress,
            vendor: voice.vendor().to_owned(),
            live: false,
            facts,
            verdict_id: None,
            record: true,
            transcribe: true,
            translate_to: None,
            listen: Some(Listen::default()),
            answered_at: Some(now),
            ended_at: None,
            answered_by: None,
            hangup_cause: None,
            created_by: None,
            created_at: now,
            updated_at: now,
        };
        let row = CallLeg {
            id: Id::new(now, &*random),
            call_id: id,
            vendor: call.vendor.clone(),
            role: LegRole::Caller,
            control_id: leg.control_id.clone(),
            leg_id: leg.leg_id,
            session_id: leg.session_id,
            created_at: now,
        };
        let mut tx = store.org(organization.id).await.unwrap();
        tx.insert(&call).await.unwrap();
        tx.insert(&row).await.unwrap();
        let payload = json!({"call_id": id});
        tx.enqueue(&NewMessage { topic: Topic::OpenStream, key: id.to_string(), payload, run_at: now }).await.unwrap();
        tx.commit().await.unwrap();
        calls.push(leg.control_id.unwrap());
    }
    Worker::new(&wib).run_until_idle().await.unwrap();
    let mut addresses = std::collections::BTreeMap::new();
    for (leg, order) in voice.orders() {
        if let Command::Stream(stream) = order.command {
            let address = stream.url.rsplit('/').next().unwrap().to_owned();
            addresses.insert(leg.control_id.unwrap(), address);
        }
    }
    assert_eq!(addresses.len(), count, "every call is streamed");
    let watches: Vec<_> = (0..count).map(|_| Arc::new(Watch::default())).collect();
    let before = used();
    let carried = calls.iter().zip(&watches).enumerate().map(|(n, (control, watch))| {
        let (wib, address, control, watch) = (wib.clone(), addresses[control].clone(), control.clone(), watch.clone());
        tokio::spawn(WATCH.scope(watch.clone(), async move {
            let admitted = wib.system().admit_media("fake", &address, None).await.unwrap();
            admitted.carry(&mut Socket::new(n, &control, watch)).await;
        }))
    });
    let carried: Vec<_> = carried.collect();
    // When nearly all has come: rings hold six seconds of both sides.
    SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(20) * (FRAMES - 10))).await;
    let memory = used().1.saturating_sub(before.1);
    join_all(carried).await;
    let ring = u64::from(FRAMES) * 2 * 160 / 1024 * count as u64;
    told("heard", count, used().0 - before.0, memory.saturating_sub(ring), &watches);
}

fn main() {
    let counts = std::env::var("WIB_STREAMS").unwrap_or_else(|_| "50,200,400".to_owned());
    println!(
        "one thread; memory is besides {} KiB of sound that the rings of a call hold",
        u64::from(FRAMES) * 2 * 160 / 1024
    );
    for count in counts.split(',').map(|count| count.parse().unwrap()) {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime().block_on(minimal(count));
        runtime().block_on(heard(count));
    }
}
