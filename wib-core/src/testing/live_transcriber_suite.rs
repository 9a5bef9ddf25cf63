//! The conformance suite of [`LiveTranscriber`]: a function per promise.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<Subject> { .. }   // None: skipped, and `make` has said so
//! wib_core::live_transcriber_suite!(make);                      // one named test per case
//! ```

use std::{fmt, sync::Arc};

use bytes::Bytes;

use crate::{
    kit::ExposeSecret,
    ports::{
        Fault, LiveTranscriber, VendorError,
        live::{Encoding, LiveChange, LiveEvent, LiveOrder, LiveStream, TokenLife, Turn, Turns},
    },
};

/// Gives audio in which a text is said.
pub type Speaks = fn(&str, Encoding, u32) -> Bytes;

/// A live transcriber under test.
pub struct Subject {
    /// The adapter.
    pub transcriber: Arc<dyn LiveTranscriber>,
    /// Gives audio in which a text is said without a pause.
    pub speak: Speaks,
    /// Whether silences can be changed on the way; where they cannot, a change must be refused and an order's own count.
    pub changes: bool,
    /// Has the connections that are opened from now on break after the first word; `None`: that case is skipped.
    pub cut: Option<Box<dyn Fn() + Send + Sync>>,
}
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("transcriber", &self.transcriber).finish_non_exhaustive()
    }
}

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<Subject>`: a live transcriber for the case of
/// that name, or `None` to skip it.
#[macro_export]
macro_rules! live_transcriber_suite {
    ($make:path) => {
        $crate::live_transcriber_suite! { @cases $make:
            frames_of_a_telephone_become_turns
            linear_samples_are_heard_alike
            a_turn_is_told_as_heard_and_then_as_written_when_that_is_asked_for
            a_turn_ends_when_it_is_told_to
            a_shorter_silence_ends_a_turn_once_it_was_asked_for
            the_last_words_are_heard_though_too_few_for_a_chunk
            nothing_is_heard_in_silence
            two_streams_do_not_hear_each_other
            a_rate_that_cannot_be_is_refused
            a_token_is_given_and_not_printed
            nothing_that_was_said_is_printed
            a_stream_that_breaks_ends_with_an_error
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(subject) = $make(stringify!($case)).await {
                $crate::testing::live_transcriber_suite::$case(&subject).await;
            }
        })+
    };
}

const SAID: &str = "Yes, I can pay $120 on Friday.";

fn phone() -> LiveOrder {
    LiveOrder { sample_rate: 8_000, language: Some("en-US".to_owned()), ..LiveOrder::default() }
}
fn silence(order: &LiveOrder, ms: u32) -> Vec<u8> {
    let quiet = if order.encoding == Encoding::Mulaw { 0xff } else { 0 };
    vec![quiet; order.encoding.bytes(order.sample_rate, ms)]
}
/// What is heard and ended of audio that is pushed by frames of 20 ms, all of it before the end.
async fn heard(subject: &Subject, order: &LiveOrder, audio: &[u8]) -> (Vec<LiveEvent>, Turns) {
    let LiveStream { audio: mut mouth, turns: mut ear } = subject.transcriber.listen(order).await.expect("a stream");
    let speak = async {
        for frame in audio.chunks(order.encoding.bytes(order.sample_rate, 20)) {
            mouth.push(frame).await.expect("audio is taken");
        }
        mouth.terminate().await.expect("an end");
    };
    let hear = async {
        let (mut events, mut turns) = (Vec::new(), Turns::default());
        while let Some(event) = ear.next().await.expect("no failure") {
            if let LiveEvent::Turn(turn) = &event {
                turns.absorb(turn.clone());
            }
            events.push(event);
        }
        (events, turns)
    };
    tokio::join!(speak, hear).1
}
/// A word as it is heard, before anybody writes it nicely.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).flat_map(char::to_lowercase).collect()
}
fn ended(turns: &Turns) -> Vec<String> {
    turns.ended().map(|turn| plain(&turn.text)).collect()
}

/// From the first word to the last, with times, and with what is billed.
pub async fn frames_of_a_telephone_become_turns(subject: &Subject) {
    let order = phone();
    let pause = silence(&order, 2_000);
    let said = [SAID, "Please call back tomorrow."].map(|text| (subject.speak)(text, order.encoding, 8_000));
    let audio = [&said[0][..], &pause, &said[1], &pause].concat();
    let (events, turns) = heard(subject, &order, &audio).await;
    assert!(matches!(&events[0], LiveEvent::Began { session, .. } if !session.is_empty()));
    let whole = i64::try_from(audio.len() / 8).unwrap_or(0);
    match events.last() {
        Some(LiveEvent::Ended { audio_ms, .. }) => assert!((whole..whole + 2_000).contains(audio_ms)),
        other => panic!("{other:?}"),
    }
    assert_eq!(ended(&turns), [plain(SAID), plain("Please call back tomorrow.")]);
    for (turn, from, to) in turns
        .ended()
        .zip([0, said[0].len() / 8])
        .zip([said[0].len() / 8, audio.len() / 8])
        .map(|((t, f), to)| (t, f, to))
    {
        let times: Vec<_> = turn.words.iter().map(|word| word.span).collect();
        assert!(times.is_sorted() && turn.words.iter().all(|word| word.settled));
        let within = |ms: i64| usize::try_from(ms).is_ok_and(|ms| from <= ms && ms <= to + 100);
        assert!(times.iter().all(|span| within(span.start_ms) && within(span.end_ms)), "{times:?}");
    }
}

/// The other encoding, at another rate.
pub async fn linear_samples_are_heard_alike(subject: &Subject) {
    let order = LiveOrder { encoding: Encoding::S16le, sample_rate: 16_000, ..phone() };
    let audio = [&(subject.speak)(SAID, order.encoding, 16_000)[..], &silence(&order, 2_000)].concat();
    assert_eq!(ended(&heard(subject, &order, &audio).await.1), [plain(SAID)]);
}

/// Under one number, the second in the place of the first.
pub async fn a_turn_is_told_as_heard_and_then_as_written_when_that_is_asked_for(subject: &Subject) {
    let order = LiveOrder { formatted: true, ..phone() };
    let audio = [&(subject.speak)(SAID, order.encoding, 8_000)[..], &silence(&order, 2_000)].concat();
    let (events, turns) = heard(subject, &order, &audio).await;
    let ends: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            LiveEvent::Turn(turn) if turn.ended => Some((turn.order, turn.formatted)),
            _ => None,
        })
        .collect();
    assert_eq!(ends.last(), Some(&(0, true)));
    assert_eq!(turns.ended().map(|turn| turn.text.as_str()).collect::<Vec<_>>(), [SAID]);
    let (events, _) = heard(subject, &LiveOrder { formatted: false, ..order }, &audio).await;
    let ends = events.iter().filter(|event| matches!(event, LiveEvent::Turn(turn) if turn.ended)).count();
    assert_eq!(ends, 1, "once, when nothing else was asked for");
}

/// Waits for the first turn that has ended, or for what is said besides.
async fn next_end(stream: &mut LiveStream) -> Turn {
    loop {
        match stream.turns.next().await.expect("no failure").expect("more") {
            LiveEvent::Turn(turn) if turn.ended => return turn,
            _ => {}
        }
    }
}

/// Without any silence.
pub async fn a_turn_ends_when_it_is_told_to(subject: &Subject) {
    let order = phone();
    let mut stream = subject.transcriber.listen(&order).await.expect("a stream");
    let audio = (subject.speak)("I need help with", order.encoding, 8_000);
    stream.audio.push(&audio).await.expect("audio is taken");
    stream.audio.end_turn().await.expect("an end");
    let turn = next_end(&mut stream).await;
    assert_eq!((plain(&turn.text).as_str(), turn.order), ("i need help with", 0));
}

/// Of 600 ms, after words that do not sound like an end.
pub async fn a_shorter_silence_ends_a_turn_once_it_was_asked_for(subject: &Subject) {
    let order = phone();
    let audio = [&(subject.speak)("I need help with", order.encoding, 8_000)[..], &silence(&order, 700)].concat();
    let shorter = LiveChange { min_silence_ms: Some(200), max_silence_ms: Some(500), ..LiveChange::default() };
    let mut stream = subject.transcriber.listen(&order).await.expect("a stream");
    if subject.changes {
        stream.audio.update(&shorter).await.expect("a change");
    } else {
        assert_eq!(stream.audio.update(&shorter).await.expect_err("a refusal").fault, Fault::Request);
        stream = subject.transcriber.listen(&LiveOrder { turns: shorter, ..order.clone() }).await.expect("a stream");
    }
    stream.audio.push(&audio).await.expect("audio is taken");
    assert_eq!(plain(&next_end(&mut stream).await.text), "i need help with");
    // Without the change, the same silence joins what comes after it.
    let joined = [&audio[..], &(subject.speak)("the bill", order.encoding, 8_000)].concat();
    assert_eq!(ended(&heard(subject, &order, &joined).await.1), ["i need help with the bill"]);
}

/// What was gathered goes before the end.
pub async fn the_last_words_are_heard_though_too_few_for_a_chunk(subject: &Subject) {
    let order = phone();
    let audio = (subject.speak)(SAID, order.encoding, 8_000);
    // Frames that leave less than a chunk over.
    let odd = [&silence(&order, 20)[..], &audio].concat();
    assert_eq!(ended(&heard(subject, &order, &odd).await.1), [plain(SAID)]);
}

/// No turn, and still what is billed.
pub async fn nothing_is_heard_in_silence(subject: &Subject) {
    let order = phone();
    let (events, turns) = heard(subject, &order, &silence(&order, 3_000)).await;
    assert_eq!(turns.iter().count(), 0);
    assert!(matches!(events.last(), Some(LiveEvent::Ended { audio_ms: 3_000..5_000, .. })), "{events:?}");
}

/// Sessions of their own.
pub async fn two_streams_do_not_hear_each_other(subject: &Subject) {
    let order = phone();
    let audio = ["one is here", "two is there"].map(|text| (subject.speak)(text, order.encoding, 8_000));
    let (one, two) = tokio::join!(heard(subject, &order, &audio[0]), heard(subject, &order, &audio[1]));
    assert_eq!((ended(&one.1), ended(&two.1)), (vec!["one is here".to_owned()], vec!["two is there".to_owned()]));
    let id = |events: &[LiveEvent]| match &events[0] {
        LiveEvent::Began { session, .. } => session.clone(),
        other => panic!("{other:?}"),
    };
    assert_ne!(id(&one.0), id(&two.0));
}

/// Before anything is billed.
pub async fn a_rate_that_cannot_be_is_refused(subject: &Subject) {
    let error: VendorError =
        subject.transcriber.listen(&LiveOrder { sample_rate: 0, ..phone() }).await.expect_err("a failure");
    assert_eq!(error.fault, Fault::Request);
}

/// For as long as it says.
pub async fn a_token_is_given_and_not_printed(subject: &Subject) {
    let life = TokenLife { seconds: 60, session_seconds: Some(600) };
    let token = subject.transcriber.token(&life).await.expect("a token");
    assert!(!token.token.expose_secret().is_empty() && token.seconds <= 60);
    assert!(!format!("{token:?}").contains(token.token.expose_secret()));
}

/// A card's number may be among it.
pub async fn nothing_that_was_said_is_printed(subject: &Subject) {
    let order = phone();
    let audio = (subject.speak)("four two four two", order.encoding, 8_000);
    let (events, turns) = heard(subject, &order, &audio).await;
    assert_eq!(ended(&turns), ["four two four two"]);
    let shown = format!("{events:?} {turns:?}");
    assert!(!shown.contains("four") && !shown.contains("two"), "{shown}");
}

/// Never as if all had been said.
pub async fn a_stream_that_breaks_ends_with_an_error(subject: &Subject) {
    let Some(cut) = &subject.cut else { return };
    cut();
    let error = match subject.transcriber.listen(&phone()).await {
        Err(error) => error,
        Ok(mut stream) => loop {
            match stream.turns.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it did not end well"),
                Err(error) => break error,
            }
        },
    };
    assert!(error.retryable(), "{error}");
}
