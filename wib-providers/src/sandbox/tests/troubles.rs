//! What goes wrong in a stream of speech, as each vendor's own adapter tells it.

use std::collections::BTreeSet;

use wib_core::{
    kit::SeededRandom,
    ports::{
        Fault as Failure, LiveTranscriber, VendorError,
        live::{Encoding, LiveEvent, LiveOrder, LiveStream, Turn, Turns},
    },
};

use super::*;
use crate::sandbox::{LiveFault, LiveTrouble, modem::speak};

const FIRST: &str = "one two three four five six.";
const SECOND: &str = "seven eight.";

struct Line {
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    ears: Vec<Arc<dyn LiveTranscriber>>,
}

/// Everybody who hears speech, over a sandbox of their own.
fn line() -> Line {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 3, Settings::default());
    let wires = sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(7)));
    let ears = sandbox.adapters(&wires).unwrap().live_transcribers;
    let expected = 1 + usize::from(cfg!(feature = "deepgram"));
    assert_eq!(ears.len(), expected, "every vendor that is compiled in");
    Line { clock, sandbox, ears }
}
fn fault(after_words: usize, what: LiveTrouble) -> LiveFault {
    LiveFault { after_words, every: false, what }
}
fn phone() -> LiveOrder {
    LiveOrder { sample_rate: 8_000, language: Some("en-US".into()), ..LiveOrder::default() }
}

/// What came of a stream in which both texts were said.
#[derive(Debug)]
struct Heard {
    /// Why there was none.
    refused: Option<VendorError>,
    told: Vec<(Timestamp, Turn)>,
    began: bool,
    ended: bool,
    failed: Option<VendorError>,
}
impl Heard {
    fn fault(&self) -> Option<Failure> {
        self.refused.as_ref().or(self.failed.as_ref()).map(|error| error.fault)
    }
    /// The turns that ended, as they came.
    fn ends(&self) -> Vec<&str> {
        self.told.iter().filter(|(_, turn)| turn.ended).map(|(_, turn)| turn.text.as_str()).collect()
    }
    /// The turns that ended, as they stand in the end.
    fn stand(&self) -> Vec<String> {
        let mut turns = Turns::default();
        for (_, turn) in &self.told {
            turns.absorb(turn.clone());
        }
        turns.ended().map(|turn| turn.text.clone()).collect()
    }
    /// Every word that was told, settled or not.
    fn words(&self) -> BTreeSet<&str> {
        self.told.iter().flat_map(|(_, turn)| &turn.words).map(|word| word.text.as_str()).collect()
    }
}

impl Line {
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
    async fn heard(&self, ears: &dyn LiveTranscriber, order: &LiveOrder) -> Heard {
        let mut heard = Heard { refused: None, told: vec![], began: false, ended: false, failed: None };
        let LiveStream { audio: mut mouth, turns: mut ear } = match self.run(ears.listen(order)).await {
            Ok(stream) => stream,
            Err(error) => return Heard { refused: Some(error), ..heard },
        };
        let pause = vec![0xff; 16_000];
        let audio = [FIRST, SECOND].map(|text| [&speak(text, Encoding::Mulaw, 8_000)[..], &pause].concat()).concat();
        let speak = async {
            for frame in audio.chunks(160) {
                // Whoever speaks goes on until it learns that nobody listens.
                if mouth.push(frame).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            let _ = mouth.terminate().await;
        };
        let hear = async {
            loop {
                match ear.next().await {
                    Ok(Some(LiveEvent::Turn(turn))) => heard.told.push((self.clock.now(), turn)),
                    Ok(Some(LiveEvent::Began { .. })) => heard.began = true,
                    Ok(Some(LiveEvent::Ended { .. })) => heard.ended = true,
                    Ok(Some(_)) => {}
                    Ok(None) => return,
                    Err(error) => {
                        heard.failed = Some(error);
                        return;
                    }
                }
            }
        };
        self.run(async { tokio::join!(speak, hear) }).await;
        heard
    }
    /// The same with that fault, of every vendor in turn.
    async fn each(&self, fault: LiveFault) -> Vec<(&'static str, Heard)> {
        let mut all = Vec::new();
        for ears in &self.ears {
            self.sandbox.live_fault(ears.vendor(), fault.clone());
            all.push((ears.vendor(), self.heard(&**ears, &phone()).await));
        }
        all
    }
}

const WHOLE: [&str; 2] = ["one two three four five six", "seven eight"];

#[tokio::test]
async fn without_a_fault_all_is_heard_and_at_another_rate_nothing() {
    let line = line();
    for ears in &line.ears {
        let heard = line.heard(&**ears, &phone()).await;
        assert!(heard.began && heard.ended && heard.failed.is_none());
        assert_eq!(heard.stand(), WHOLE, "{}", ears.vendor());
        let deaf = line.heard(&**ears, &LiveOrder { sample_rate: 16_000, ..phone() }).await;
        assert!(deaf.ended && deaf.told.is_empty(), "{}: {deaf:?}", ears.vendor());
    }
}

#[tokio::test]
async fn a_stream_is_refused_once_and_only_by_that_vendor() {
    let line = line();
    for ears in &line.ears {
        line.sandbox.live_fault(ears.vendor(), fault(0, LiveTrouble::Refused));
        for other in line.ears.iter().filter(|other| other.vendor() != ears.vendor()) {
            assert_eq!(line.heard(&**other, &phone()).await.stand(), WHOLE);
        }
        let refused = line.heard(&**ears, &phone()).await.refused.expect("a refusal");
        assert_eq!((refused.fault, refused.status), (Failure::Down, Some(503)), "{}", ears.vendor());
        assert!(refused.retryable());
        assert_eq!(line.heard(&**ears, &phone()).await.stand(), WHOLE);
    }
}

#[tokio::test]
async fn every_stream_meets_a_fault_until_it_is_taken_back() {
    let line = line();
    for ears in &line.ears {
        let every = LiveFault { every: true, ..fault(2, LiveTrouble::Cut) };
        line.sandbox.live_fault(ears.vendor(), every);
        for _ in 0..3 {
            assert_eq!(line.heard(&**ears, &phone()).await.fault(), Some(Failure::Down));
        }
        line.sandbox.clear_live_faults("somebody else");
        assert_eq!(line.heard(&**ears, &phone()).await.fault(), Some(Failure::Down));
        line.sandbox.clear_live_faults(ears.vendor());
        assert_eq!(line.heard(&**ears, &phone()).await.stand(), WHOLE);
    }
}

#[tokio::test]
async fn a_stream_breaks_fails_or_falls_silent_at_once_or_after_so_many_words() {
    let line = line();
    for (what, expected) in [
        (LiveTrouble::Cut, Failure::Down),
        (LiveTrouble::Error, Failure::Down),
        (LiveTrouble::HalfOpen, Failure::Timeout),
    ] {
        for (vendor, heard) in line.each(fault(0, what)).await {
            assert_eq!(heard.fault(), Some(expected), "{vendor} {what:?}");
            assert!(heard.told.is_empty() && !heard.ended, "{vendor} {what:?}: {heard:?}");
        }
        for (vendor, heard) in line.each(fault(3, what)).await {
            assert_eq!(heard.failed.as_ref().map(|error| error.fault), Some(expected), "{vendor} {what:?}");
            assert!(heard.failed.as_ref().unwrap().retryable() && !heard.ended, "{vendor} {what:?}");
            assert_eq!(heard.words(), BTreeSet::from(["one", "two", "three"]), "{vendor} {what:?}");
            assert!(heard.ends().is_empty(), "{vendor} {what:?}: in the midst of an utterance");
        }
        for (vendor, heard) in line.each(fault(7, what)).await {
            assert_eq!(heard.stand(), WHOLE[..1], "{vendor} {what:?}");
            assert!(heard.words().contains("seven") && !heard.words().contains("eight"), "{vendor} {what:?}");
        }
    }
}

#[tokio::test]
async fn a_vendor_is_alive_and_tells_of_no_word() {
    let line = line();
    for (vendor, heard) in line.each(fault(0, LiveTrouble::NoResults)).await {
        assert!(heard.began && heard.ended && heard.told.is_empty() && heard.failed.is_none(), "{vendor}: {heard:?}");
    }
    for (vendor, heard) in line.each(fault(3, LiveTrouble::NoResults)).await {
        assert!(heard.ended && heard.failed.is_none(), "{vendor}");
        assert_eq!(heard.words(), BTreeSet::from(["one", "two", "three"]), "{vendor}");
    }
}

#[tokio::test]
async fn words_are_told_and_no_turn_ever_ends() {
    let line = line();
    for (vendor, heard) in line.each(fault(0, LiveTrouble::PartialsOnly)).await {
        assert!(heard.ended && heard.failed.is_none() && heard.ends().is_empty(), "{vendor}: {heard:?}");
        assert!(heard.words().contains("one") && heard.words().contains("seven"), "{vendor}");
    }
}

#[tokio::test]
async fn results_fall_behind_ever_more_and_none_is_lost() {
    let line = line();
    for (vendor, heard) in line.each(fault(0, LiveTrouble::Late { ms: 3_000 })).await {
        assert_eq!((heard.stand(), heard.ended), (WHOLE.map(str::to_owned).to_vec(), true), "{vendor}");
        // What came as one message is told at one instant.
        let at: BTreeSet<Timestamp> = heard.told.iter().map(|(at, _)| *at).collect();
        let at: Vec<_> = at.into_iter().collect();
        assert!(at.len() >= 4, "{vendor}: {at:?}");
        assert!(at.windows(2).all(|two| two[1].duration_since(two[0]).as_millis() >= 2_900), "{vendor}: {at:?}");
    }
}

#[tokio::test]
async fn final_results_come_out_of_order_and_are_put_right() {
    let line = line();
    for (vendor, heard) in line.each(fault(0, LiveTrouble::OutOfOrder)).await {
        assert!(heard.ended && heard.failed.is_none(), "{vendor}");
        assert_ne!(heard.ends(), WHOLE, "{vendor}: they did come out of order");
        assert_eq!(heard.stand(), WHOLE, "{vendor}");
    }
}

#[test]
fn faults_of_streams_are_ordered_over_the_control_too() {
    let rig = Rig::new(1);
    let order = json!({"vendor": "assemblyai", "after_words": 2, "what": "late", "ms": 3000, "every": true});
    let (status, all) = rig.post("/sandbox/live_faults", &order);
    assert_eq!((status, &all["live_faults"]), (200, &json!([order])));
    let (_, all) = rig.post("/sandbox/live_faults", &json!({"vendor": "deepgram", "what": "half_open"}));
    let second = json!({"vendor": "deepgram", "after_words": 0, "what": "half_open", "every": false});
    assert_eq!(all["live_faults"], json!([order, second]));
    for wrong in [json!({"what": "cut"}), json!({"vendor": "deepgram", "what": "rain"}), json!({"vendor": "deepgram"})]
    {
        assert_eq!(rig.post("/sandbox/live_faults", &wrong).0, 400, "{wrong}");
    }
    assert_eq!(rig.get("/sandbox/live_faults").1, all);
    assert_eq!(rig.send("DELETE", "/sandbox/live_faults", &[], "").0, 200);
    assert_eq!(rig.get("/sandbox/live_faults").1, json!({"live_faults": []}));
}
