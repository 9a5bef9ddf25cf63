//! Speech, by script.

use bytes::Bytes;
use wib_core::ports::{
    Speech,
    speech::{AudioFormat, Say, Spoken},
};

use super::*;
use crate::openai_compatible::Speaker;

fn say(format: AudioFormat) -> Say {
    Say { text: "Hello there".into(), format, ..Say::default() }
}
fn audio(kind: &str, bytes: &'static [u8]) -> Reply {
    let headers = vec![("content-type", kind.to_owned()), ("x-request-id", "req-1".to_owned())];
    Reply::Answer(200, headers, Bytes::from_static(bytes))
}
fn speaker(script: &Arc<Script>, dialect: Dialect) -> Option<Speaker> {
    dialect.builder(script.wires(), SecretString::from("sk-1")).speaker()
}
async fn spoken(script: &Arc<Script>, dialect: Dialect, say: &Say) -> Result<Spoken, VendorError> {
    let speaker = speaker(script, dialect).unwrap();
    script.run(speaker.say(say)).await
}

#[cfg(feature = "openai")]
#[tokio::test]
async fn openai_is_asked_for_each_format_in_its_words_which_is_told_as_it_comes() {
    let pcm = |rate| AudioFormat::Pcm16 { rate };
    for (wanted, asked, came) in [
        (AudioFormat::Mulaw8k, "pcm", AudioFormat::Mulaw8k),
        (pcm(8000), "pcm", pcm(8000)),
        (pcm(16_000), "pcm", pcm(24_000)),
        (AudioFormat::Wav, "wav", AudioFormat::Wav),
        (AudioFormat::Mp3, "mp3", AudioFormat::Mp3),
        (AudioFormat::Opus, "opus", AudioFormat::Opus),
    ] {
        let script = Script::new([audio("audio/x", &[0; 48])]);
        let done = spoken(&script, crate::openai::OPENAI, &say(wanted)).await.unwrap();
        let body = script.one().json();
        assert_eq!((done.head.format, &body["response_format"], body.get("sample_rate")), (came, &json!(asked), None));
        let third = if asked == "pcm" && came != pcm(24_000) { 8 * if came == pcm(8000) { 2 } else { 1 } } else { 48 };
        assert_eq!(done.audio.len(), third, "{wanted:?}");
        conforms("openai", "/audio/speech", &body);
    }
}

#[cfg(feature = "groq")]
#[tokio::test]
async fn groq_is_asked_for_each_format_in_its_words_and_its_header_is_taken_off() {
    let pcm = |rate| AudioFormat::Pcm16 { rate };
    for (wanted, asked, rate, came) in [
        (AudioFormat::Mulaw8k, "mulaw", Some(8000), AudioFormat::Mulaw8k),
        (pcm(16_000), "wav", Some(16_000), pcm(16_000)),
        (pcm(11_025), "wav", Some(24_000), pcm(24_000)),
        (AudioFormat::Wav, "wav", None, AudioFormat::Wav),
        (AudioFormat::Mp3, "mp3", None, AudioFormat::Mp3),
        (AudioFormat::Opus, "mp3", None, AudioFormat::Mp3),
    ] {
        let tag: u8 = if asked == "mulaw" { 7 } else { 1 };
        let mut file = [b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", &[tag, 0, 1, 0][..]].concat();
        file.extend(rate.unwrap_or(8000u32).to_le_bytes());
        file.extend(b"\0\0\0\0\x02\0\x10\0data\xff\xff\xff\xffabcd");
        let reply = Reply::Answer(200, vec![("content-type", "audio/wav".to_owned())], file.clone().into());
        let script = Script::new([reply]);
        let done = spoken(&script, crate::groq::GROQ, &say(wanted)).await.unwrap();
        let body = script.one().json();
        assert_eq!((done.head.format, &body["response_format"]), (came, &json!(asked)));
        assert_eq!(body["sample_rate"].as_u64(), rate.map(u64::from));
        assert_eq!(done.audio, if rate.is_some() { b"abcd" } else { &file[..] });
        conforms("groq", "/openai/v1/audio/speech", &body);
    }
}

#[cfg(feature = "openai")]
#[tokio::test]
async fn a_text_is_said_by_the_voice_and_at_the_speed_that_can_be_had() {
    let voice = |vendor: &str| Some(wib_core::ports::speech::VoiceId { vendor: vendor.into(), id: "cedar".into() });
    for (voice, speed_milli, said) in [(voice("openai"), 1500, "cedar"), (voice("groq"), 4000, "alloy")] {
        let script = Script::new([audio("audio/mpeg", b"mp3")]);
        let asked = Say { voice, speed_milli, ..say(AudioFormat::Mp3) };
        let done = spoken(&script, crate::openai::OPENAI, &asked).await.unwrap();
        let body = script.one().json();
        assert_eq!((&body["voice"], &body["input"]), (&json!(said), &json!("Hello there")));
        assert_eq!(body["speed"], f64::from(speed_milli) / 1000.0);
        assert_eq!((done.audio, done.head.voice.as_str(), done.head.characters), ("mp3".into(), said, 11));
        assert_eq!((done.head.model.as_str(), done.head.request_id.as_deref()), ("gpt-4o-mini-tts", Some("req-1")));
        assert_eq!((done.head.cost_micros, done.head.price_book, done.head.live), (None, None, true));
    }
}

#[cfg(feature = "groq")]
#[tokio::test]
async fn groq_speaks_english_and_arabic_and_no_slower_than_half() {
    for (language, model, voice) in
        [(None, "playai-tts", "Fritz-PlayAI"), (Some("ar-EG"), "playai-tts-arabic", "Ahmad-PlayAI")]
    {
        let script = Script::new([audio("audio/basic", &[0xff; 80])]);
        let asked = Say { language: language.map(str::to_owned), speed_milli: 250, ..say(AudioFormat::Mulaw8k) };
        let done = spoken(&script, crate::groq::GROQ, &asked).await.unwrap();
        let body = script.one().json();
        assert_eq!((&body["model"], &body["voice"], &body["speed"]), (&json!(model), &json!(voice), &json!(0.5)));
        assert_eq!((done.audio.len(), done.head.speed_milli), (80, 500));
    }
    let script = Script::new([]);
    let asked = Say { language: Some("es".into()), ..say(AudioFormat::Mulaw8k) };
    let error = spoken(&script, crate::groq::GROQ, &asked).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}

#[tokio::test]
async fn a_text_is_said_once_unless_it_never_left_and_what_is_no_audio_is_an_error() {
    for (dialect, _) in dialects().into_iter().filter(|(dialect, _)| dialect.speech.is_some()) {
        let mp3 = say(AudioFormat::Mp3);
        for reply in
            [Reply::status(503), Reply::status(429), Reply::Silence, Reply::Cuts("half"), Reply::Stalls("half")]
        {
            let script = Script::new([reply]);
            assert!(spoken(&script, dialect, &mp3).await.unwrap_err().retryable());
            assert_eq!(script.seen().len(), 1);
        }
        let script = Script::new([Reply::Fails(Sent::No), audio("audio/mpeg", b"mp3")]);
        spoken(&script, dialect, &mp3).await.unwrap();
        for nothing in [audio("audio/mpeg", b""), audio("application/json", b"{}")] {
            let error = spoken(&Script::new([nothing]), dialect, &mp3).await.unwrap_err();
            assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::Unknown));
        }
        let quota = json!({"error": {"message": "no money", "code": "insufficient_quota"}});
        let script = Script::new([Reply::json(429, quota)]);
        assert_eq!(spoken(&script, dialect, &mp3).await.unwrap_err().fault, Fault::Payment);
    }
}

#[tokio::test]
async fn models_that_speak_are_those_of_the_list_that_say_so() {
    for (dialect, _) in dialects() {
        let list = json!({"object": "list", "data": [{"id": "gpt-4o-mini"}, {"id": "gpt-4o-mini-tts"}]});
        let script = Script::new([Reply::json(200, list)]);
        let Some(speaker) = speaker(&script, dialect) else { continue };
        let models = script.run(speaker.models()).await.unwrap();
        assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["gpt-4o-mini-tts"]);
        let voices = speaker.voices().await.unwrap();
        assert!(voices.len() >= 10 && voices.iter().all(|voice| voice.id.vendor == dialect.vendor));
    }
}
