//! The fake speaker and the chain of speakers, under the suite of their port.

use std::sync::Arc;

use futures_util::StreamExt;
use wib_core::{
    ai::SpeechChain,
    ports::{
        Fault, Sent, Speech, VendorError,
        speech::{MockSpeech, Say, VoiceId, voice_of},
    },
    testing::{fakes::FakeSpeech, speech_suite::Subject},
};

mod fake {
    use super::*;
    async fn make(_: &'static str) -> Option<Subject> {
        let speech = Arc::new(FakeSpeech::default());
        let same = speech.clone();
        Some(Subject { speech, cut: Some(Box::new(move || same.cut())) })
    }
    wib_core::speech_suite!(make);
}

/// The first is down whenever it is asked, so that the second speaks.
mod chain {
    use super::*;
    async fn make(_: &'static str) -> Option<Subject> {
        let second = Arc::new(FakeSpeech::default());
        let same = second.clone();
        let speech = Arc::new(SpeechChain::new(vec![Arc::new(broken(Fault::Down)), second]));
        Some(Subject { speech, cut: Some(Box::new(move || same.cut())) })
    }
    wib_core::speech_suite!(make);
}

fn broken(fault: Fault) -> MockSpeech {
    let error = move || VendorError::new("broken", fault, Sent::Unknown, "as ordered");
    let mut broken = MockSpeech::new();
    broken.expect_vendor().return_const("broken");
    broken.expect_live().return_const(false);
    broken.expect_speaks().returning(|language| language == "en");
    broken.expect_say().returning(move |say| say.check("broken").and_then(|()| Err(error())));
    broken.expect_stream().returning(move |say| say.check("broken").and_then(|()| Err(error())));
    broken.expect_voices().returning(move || Err(error()));
    broken.expect_models().returning(move || Err(error()));
    broken
}
fn hello() -> Say {
    Say { text: "Hello there".to_owned(), ..Say::default() }
}

#[tokio::test]
async fn what_passes_is_carried_to_the_next_speaker_and_what_is_ours_to_mend_is_not() {
    for (fault, carried) in [
        (Fault::Down, true),
        (Fault::RateLimited, true),
        (Fault::Timeout, true),
        (Fault::Payment, true),
        (Fault::Request, false),
        (Fault::Credentials, false),
    ] {
        let second = Arc::new(FakeSpeech::default());
        let chain = SpeechChain::new(vec![Arc::new(broken(fault)), second.clone()]);
        assert_eq!(chain.say(&hello()).await.is_ok(), carried, "{fault:?}");
        assert_eq!(chain.stream(&hello()).await.is_ok(), carried, "{fault:?}");
        assert_eq!(second.said().len(), if carried { 2 } else { 0 }, "{fault:?}");
    }
}

#[tokio::test]
async fn audio_that_broke_off_is_not_begun_again_elsewhere() {
    let (first, second) = (Arc::new(FakeSpeech::default()), Arc::new(FakeSpeech::default()));
    first.cut();
    let chain = SpeechChain::new(vec![first, second.clone()]);
    let all: Vec<_> = chain.stream(&hello()).await.unwrap().pieces.collect().await;
    assert!(all.last().unwrap().is_err() && second.said().is_empty());
}

#[tokio::test]
async fn whose_voice_was_asked_for_speaks_first() {
    let mine = Arc::new(FakeSpeech::default());
    let mut other = MockSpeech::new();
    other.expect_vendor().return_const("other");
    let chain = SpeechChain::new(vec![Arc::new(other), mine.clone()]);
    let voice = Some(VoiceId { vendor: "fake".to_owned(), id: "bruno".to_owned() });
    assert_eq!(chain.say(&Say { voice, ..hello() }).await.unwrap().head.voice, "bruno");
}

#[tokio::test]
async fn who_does_not_speak_the_language_is_not_asked() {
    let (english, language) = (Arc::new(broken(Fault::Credentials)), Some("es".to_owned()));
    let say = Say { language, ..hello() };
    let chain = SpeechChain::new(vec![english.clone(), Arc::new(FakeSpeech::default())]);
    assert_eq!(chain.say(&say).await.unwrap().head.voice, "bruno");
    let error = SpeechChain::new(vec![english]).say(&say).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}

#[tokio::test]
async fn a_list_of_everybodys_voices_leaves_out_who_is_silent_unless_all_are() {
    let chain = SpeechChain::new(vec![Arc::new(broken(Fault::Down)), Arc::new(FakeSpeech::default())]);
    assert_eq!(chain.voices().await.unwrap().len(), 2);
    let silent = SpeechChain::new(vec![Arc::new(broken(Fault::Down))]);
    assert_eq!(silent.voices().await.unwrap_err().fault, Fault::Down);
}

#[test]
fn a_voice_is_found_by_language_then_its_first_part_then_the_first() {
    let table = [("en", "ara"), ("en-GB", "eve"), ("de", "leo")];
    for (language, voice) in
        [(None, "ara"), (Some("en-gb"), "eve"), (Some("en-US"), "ara"), (Some("de_AT"), "leo"), (Some("xx"), "ara")]
    {
        assert_eq!(voice_of(&table, language), Some(voice), "{language:?}");
    }
    assert_eq!(voice_of(&[], None), None);
}

#[test]
fn the_length_is_estimated_at_150_words_a_minute() {
    let say = Say { text: "word ".repeat(150), ..Say::default() };
    assert_eq!(say.estimated_ms(), 60_000);
    assert_eq!(Say { speed_milli: 2000, ..say }.estimated_ms(), 30_000);
}
