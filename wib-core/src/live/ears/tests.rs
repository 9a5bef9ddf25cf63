//! An ear between vendors that fail in every way, on a clock that stands.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::{
    kit::VirtualClock,
    ports::{
        live::{Encoding, LiveAudio, LiveChange, LiveToken, LiveTurns, TokenLife},
        transcriber::Span,
    },
};

/// Frames of a word, and of the pause behind it.
const WORD: usize = 10;
const PAUSE: usize = 3;
/// Silence that ends a turn, in frames.
const ENDS: u64 = 25;

/// How a vendor fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ill {
    #[default]
    Not,
    /// No stream at all.
    Refused,
    /// It never answers when it is asked to listen.
    Hangs,
    /// An error after so many words.
    Breaks(usize),
    /// Not a word more after so many, and no error.
    Mute(usize),
    /// Words, but no turn ends from the start.
    Partials,
    /// Every word so many milliseconds late.
    Drips(i64),
    /// Two turns come in the wrong order.
    Swapped,
    /// Audio is no longer taken after so many frames.
    Stuck(usize),
}

/// A vendor whose words are frames of one value.
#[derive(Debug)]
struct Fake {
    name: &'static str,
    ill: Mutex<Ill>,
    pace: u32,
    /// How many of its sessions are ill.
    sessions: usize,
    clock: Arc<VirtualClock>,
    opened: AtomicUsize,
    /// Frames that were pushed, over all streams.
    heard: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Listener {
    ill: Ill,
    clock: Arc<VirtualClock>,
    heard: Arc<AtomicUsize>,
    tell: Option<mpsc::UnboundedSender<(Timestamp, LiveEvent)>>,
    frames: u64,
    run: (u8, u64),
    words: Vec<LiveWord>,
    count: usize,
    order: i64,
    held: Vec<LiveEvent>,
}

fn broken() -> VendorError {
    VendorError::new("fake", Fault::Down, Sent::Unknown, "cut")
}

impl Listener {
    fn say(&mut self, event: LiveEvent) -> Result<(), VendorError> {
        let mute = matches!(self.ill, Ill::Mute(after) if self.count > after);
        let late = if let Ill::Drips(ms) = self.ill { ms } else { 0 };
        let at = time::after(self.clock.now(), Duration::from_millis(u64::try_from(late).unwrap()));
        match &self.tell {
            _ if mute => Ok(()),
            Some(tell) => tell.send((at, event)).map_err(|_| broken()),
            None => Err(broken()),
        }
    }
    fn turn(&self, ended: bool) -> LiveEvent {
        let text = self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let words = self.words.clone();
        LiveEvent::Turn(Turn { order: self.order, text, words, ended, formatted: ended, ..Turn::default() })
    }
    fn end(&mut self) -> Result<(), VendorError> {
        if self.words.is_empty() || self.ill == Ill::Partials {
            return Ok(());
        }
        let ended = self.turn(true);
        self.words.clear();
        self.order += 1;
        if self.ill == Ill::Swapped {
            self.held.push(ended);
            if self.held.len() == 2 {
                let [first, second] = [self.held.remove(0), self.held.remove(0)];
                self.say(second)?;
                return self.say(first);
            }
            return Ok(());
        }
        self.say(ended)
    }
    fn frame(&mut self, value: u8) -> Result<(), VendorError> {
        self.frames += 1;
        self.heard.fetch_add(1, Ordering::Relaxed);
        let (before, since) = self.run;
        if value != before {
            if before != 0xff && self.frames - since >= WORD as u64 - 2 {
                let ms = |frames: u64| i64::try_from(frames * 20).unwrap();
                self.words.push(LiveWord {
                    text: format!("w{before}"),
                    span: Span { start_ms: ms(since - 1), end_ms: ms(self.frames - 1) },
                    confidence_ppm: 900_000,
                    settled: true,
                });
                self.count += 1;
                if matches!(self.ill, Ill::Breaks(after) if self.count > after) {
                    self.tell = None;
                    return Err(broken());
                }
                let said = self.turn(false);
                self.say(said)?;
            }
            self.run = (value, self.frames);
        }
        if self.run.0 == 0xff && self.frames - self.run.1 >= ENDS { self.end() } else { Ok(()) }
    }
}

#[async_trait]
impl LiveAudio for Listener {
    async fn push(&mut self, audio: &[u8]) -> Result<(), VendorError> {
        if matches!(self.ill, Ill::Stuck(after) if self.frames >= after as u64) {
            pending::<()>().await;
        }
        audio.chunks(160).try_for_each(|frame| self.frame(frame[0]))
    }
    async fn update(&mut self, _: &LiveChange) -> Result<(), VendorError> {
        Ok(())
    }
    async fn end_turn(&mut self) -> Result<(), VendorError> {
        self.end()
    }
    async fn terminate(&mut self) -> Result<(), VendorError> {
        self.frame(0xff)?;
        self.end()?;
        for held in std::mem::take(&mut self.held) {
            self.say(held)?;
        }
        self.say(LiveEvent::Ended { audio_ms: 0, session_ms: 0 })
    }
}

#[derive(Debug)]
struct Turns(mpsc::UnboundedReceiver<(Timestamp, LiveEvent)>, Arc<VirtualClock>, Option<(Timestamp, LiveEvent)>);
#[async_trait]
impl LiveTurns for Turns {
    async fn next(&mut self) -> Result<Option<LiveEvent>, VendorError> {
        if self.2.is_none() {
            self.2 = Some(self.0.recv().await.ok_or_else(broken)?);
        }
        let at = self.2.as_ref().map(|(at, _)| *at).unwrap();
        self.1.sleep_until(at).await;
        Ok(self.2.take().map(|(_, event)| event))
    }
    fn skipped(&self) -> u64 {
        0
    }
}

#[async_trait]
impl LiveTranscriber for Fake {
    fn vendor(&self) -> &'static str {
        self.name
    }
    fn live(&self) -> bool {
        false
    }
    fn pace(&self) -> u32 {
        self.pace
    }
    async fn listen(&self, _: &LiveOrder) -> Result<LiveStream, VendorError> {
        let ill = *self.ill.lock().unwrap();
        match ill {
            Ill::Refused => return Err(broken()),
            Ill::Hangs => pending::<()>().await,
            _ => {}
        }
        let ill = if self.opened.fetch_add(1, Ordering::Relaxed) < self.sessions { ill } else { Ill::Not };
        let (tell, told) = mpsc::unbounded_channel();
        let (clock, heard) = (self.clock.clone(), self.heard.clone());
        let listener = Listener {
            ill,
            clock: clock.clone(),
            heard,
            tell: Some(tell),
            frames: 0,
            run: (0xff, 0),
            words: vec![],
            count: 0,
            order: 0,
            held: vec![],
        };
        Ok(LiveStream { audio: Box::new(listener), turns: Box::new(Turns(told, clock, None)) })
    }
    async fn token(&self, _: &TokenLife) -> Result<LiveToken, VendorError> {
        Err(broken())
    }
}

/// Lines of words as frames: three words and a pause that ends a turn.
fn script(lines: usize) -> (Vec<Bytes>, Vec<String>) {
    let (mut frames, mut words) = (vec![], vec![]);
    let frame = |value: u8| Bytes::from(vec![value; 160]);
    for n in 0..lines * 3 {
        // Loud in mu-law, and never silence.
        let value = u8::try_from(n % 60).unwrap() + 1;
        frames.extend(std::iter::repeat_n(frame(value), WORD));
        frames.extend(std::iter::repeat_n(frame(0xff), if n % 3 == 2 { 60 } else { PAUSE }));
        words.push(format!("w{value}"));
    }
    (frames, words)
}

struct Heard {
    words: Vec<String>,
    lines: Vec<Vec<Word>>,
    told: Vec<(Timestamp, Told)>,
    fakes: Vec<Arc<Fake>>,
}
impl Heard {
    fn switches(&self) -> usize {
        self.told.iter().filter(|(_, told)| matches!(told, Told::Switched { .. })).count()
    }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_780_000_000).unwrap()
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

/// Has a script heard by vendors that are ill in these ways, at real pace on a clock that stands.
async fn hear(frames: &[Bytes], ills: &[Ill], policy: EarPolicy) -> Heard {
    let clock = Arc::new(VirtualClock::new(start()));
    let fakes: Vec<Arc<Fake>> = ills
        .iter()
        .zip(["one", "two", "three"])
        .map(|(ill, name)| {
            let (clock, ill) = (clock.clone(), Mutex::new(*ill));
            Arc::new(Fake {
                name,
                ill,
                pace: 100,
                sessions: 2,
                clock,
                opened: AtomicUsize::new(0),
                heard: Arc::default(),
            })
        })
        .collect();
    let vendors: Arc<[Arc<dyn LiveTranscriber>]> =
        fakes.iter().map(|fake| fake.clone() as Arc<dyn LiveTranscriber>).collect();
    let (tell, mut told) = mpsc::channel(10_000);
    let shape = Shape { encoding: Encoding::Mulaw, rate: 8_000 };
    let ear = Ear::new(clock.clone(), vendors, policy, (Speaker::Customer, shape, None), tell);
    let (give, sound) = mpsc::channel(100);
    let task = tokio::spawn(ear.run(sound));
    let mut all = vec![];
    let mut collect = |clock: &VirtualClock, told: &mut mpsc::Receiver<Told>| {
        while let Ok(one) = told.try_recv() {
            all.push((clock.now(), one));
        }
    };
    settle().await;
    for frame in frames {
        give.send(frame.clone()).await.unwrap();
        settle().await;
        collect(&clock, &mut told);
        clock.advance(Duration::from_millis(20));
        settle().await;
        collect(&clock, &mut told);
    }
    drop(give);
    for _ in 0..800 {
        settle().await;
        collect(&clock, &mut told);
        if task.is_finished() {
            break;
        }
        clock.advance(Duration::from_millis(20));
    }
    assert!(task.is_finished(), "it ends");
    let line = |(_, told): &(Timestamp, Told)| match told {
        Told::Line { words, .. } => Some(words.clone()),
        _ => None,
    };
    let mut lines: Vec<_> = all.iter().filter_map(line).collect();
    lines.sort_by_key(|line| line[0].from_ms);
    let words = lines.iter().flatten().map(|word| word.text.clone()).collect();
    Heard { words, lines, told: all, fakes }
}

#[tokio::test]
async fn every_word_is_told_once_and_at_its_place() {
    let (frames, words) = script(6);
    let heard = hear(&frames, &[Ill::Not, Ill::Not], EarPolicy::default()).await;
    assert_eq!((heard.words.clone(), heard.switches()), (words, 0));
    let first = &heard.lines[1][0];
    let place = i64::try_from(3 * WORD + 2 * PAUSE + 60).unwrap() * 20;
    assert_eq!((first.from_ms, first.to_ms), (place, place + 200));
    assert_eq!(heard.fakes[1].heard.load(Ordering::Relaxed), 1, "who stands by is given nothing but the farewell");
}

#[tokio::test]
async fn however_the_first_vendor_fails_no_word_is_lost_and_none_is_told_twice() {
    let (frames, words) = script(12);
    for ill in [
        Ill::Refused,
        Ill::Hangs,
        Ill::Breaks(0),
        Ill::Breaks(7),
        Ill::Breaks(17),
        Ill::Mute(0),
        Ill::Mute(7),
        Ill::Mute(35),
        Ill::Partials,
        Ill::Drips(2_000),
        Ill::Drips(6_000),
        Ill::Swapped,
        Ill::Stuck(0),
        Ill::Stuck(130),
    ] {
        let heard = hear(&frames, &[ill, Ill::Not], EarPolicy::default()).await;
        assert_eq!(heard.words, words, "{ill:?}");
        assert!(!heard.told.iter().any(|(_, told)| matches!(told, Told::Lost { .. })), "{ill:?}");
        let switched = !matches!(ill, Ill::Drips(2_000) | Ill::Swapped | Ill::Refused | Ill::Hangs);
        assert_eq!(heard.switches() > 0, switched, "{ill:?}");
    }
}

#[tokio::test]
async fn both_vendors_may_fail_in_turn() {
    let (frames, words) = script(12);
    for ills in [[Ill::Breaks(7), Ill::Breaks(5)], [Ill::Mute(4), Ill::Breaks(4)], [Ill::Breaks(3), Ill::Mute(6)]] {
        let heard = hear(&frames, &ills, EarPolicy::default()).await;
        assert_eq!(heard.words, words, "{ills:?}");
        assert!(heard.switches() > 1, "{ills:?}");
    }
}

#[tokio::test]
async fn one_vendor_alone_is_asked_again() {
    let (frames, words) = script(8);
    let heard = hear(&frames, &[Ill::Breaks(7)], EarPolicy::default()).await;
    assert_eq!(heard.words, words);
    assert!(heard.fakes[0].opened.load(Ordering::Relaxed) > 2, "one that listens, one that stands by, and more");
}

#[tokio::test]
async fn somebody_else_listens_at_once_when_the_first_is_known_to_be_dead() {
    let (frames, _) = script(12);
    let heard = hear(&frames, &[Ill::Breaks(7), Ill::Not], EarPolicy::default()).await;
    // The eighth word ends here: the vendor breaks, and the other one is given it in the same turn of the loop.
    let words = |n: usize| n * WORD + (n - 1) * PAUSE + (n / 3) * (60 - PAUSE);
    let detected = time::after(start(), Duration::from_millis(words(8) as u64 * 20));
    let (at, _) = heard.told.iter().find(|(_, told)| matches!(told, Told::Switched { .. })).unwrap();
    assert!(at.duration_since(detected).as_millis().abs() <= 40, "{}", at.duration_since(detected));
}

#[tokio::test]
async fn when_nobody_hears_what_is_older_than_the_ring_is_told_as_lost() {
    let (frames, words) = script(10);
    let policy = EarPolicy { ring_ms: 4_000, ..EarPolicy::default() };
    let heard = hear(&frames, &[Ill::Refused, Ill::Hangs], policy).await;
    assert!(heard.words.is_empty());
    let Some((_, Told::Lost { from_ms, to_ms })) =
        heard.told.iter().find(|(_, told)| matches!(told, Told::Lost { .. }))
    else {
        panic!("{:?}", heard.told)
    };
    assert_eq!(*from_ms, 0);
    assert!(*to_ms >= i64::try_from((frames.len() - 62) * 20).unwrap(), "{to_ms}");
    assert_eq!(words.len(), 30);
}

#[tokio::test]
async fn noise_that_nobody_hears_a_word_in_does_not_make_vendors_fail_for_ever() {
    // A minute of something loud.
    let frames: Vec<Bytes> = (0..3_000).map(|n| Bytes::from(vec![if n % 6 < 3 { 1 } else { 2 }; 160])).collect();
    let heard = hear(&frames, &[Ill::Not, Ill::Not], EarPolicy::default()).await;
    assert!(heard.words.is_empty());
    assert!(heard.switches() <= usize::try_from(NOISE).unwrap(), "{}", heard.switches());
}
