use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::ports::{
    Fault, Sent, Speech, VendorError,
    speech::{AudioFormat, Say, Spoken, VoiceId},
};

use super::{ElevenLabs, Subscription, TimedCharacter, VoiceSettings};
use crate::testing::{
    Reply, Script,
    contract::{Contract, Proof},
    contracts::{conforms, graft, odd},
};

fn adapter(script: &Arc<Script>) -> ElevenLabs {
    ElevenLabs::builder(script.wires(), SecretString::from("xi-1")).build()
}
fn say(format: AudioFormat) -> Say {
    Say { text: "Hello there".into(), format, ..Say::default() }
}
fn audio(bytes: &'static str) -> Reply {
    let headers = vec![("content-type", "audio/basic".to_owned()), ("request-id", "req-1".to_owned())];
    Reply::Answer(200, headers, Bytes::from_static(bytes.as_bytes()))
}
async fn spoken(script: &Arc<Script>, say: &Say) -> Result<Spoken, VendorError> {
    script.run(adapter(script).say(say)).await
}
fn holds(seen: &crate::testing::Seen) {
    let Some(contract) = Contract::open("elevenlabs") else { return };
    let (_, faults) = contract.check(seen);
    assert!(faults.is_empty(), "{}: {faults:?}", seen.target);
}

#[tokio::test]
async fn each_format_is_asked_for_in_the_query_and_told_as_it_comes() {
    let pcm = |rate| AudioFormat::Pcm16 { rate };
    for (wanted, asked, came) in [
        (AudioFormat::Mulaw8k, "ulaw_8000", AudioFormat::Mulaw8k),
        (pcm(16_000), "pcm_16000", pcm(16_000)),
        (pcm(11_025), "pcm_24000", pcm(24_000)),
        (AudioFormat::Wav, "pcm_24000", pcm(24_000)),
        (AudioFormat::Mp3, "mp3_44100_128", AudioFormat::Mp3),
        (AudioFormat::Opus, "opus_48000_64", AudioFormat::Opus),
    ] {
        let script = Script::new([audio("sound")]);
        let done = spoken(&script, &say(wanted)).await.unwrap();
        let seen = script.one();
        assert_eq!(seen.target, format!("/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb?output_format={asked}"));
        assert_eq!((seen.header("xi-api-key"), seen.header("authorization")), (Some("xi-1"), None));
        assert_eq!(seen.json(), json!({"text": "Hello there", "model_id": "eleven_flash_v2_5"}));
        conforms("elevenlabs", "/v1/text-to-speech/{voice_id}", &seen.json());
        holds(&seen);
        assert_eq!((done.head.format, done.audio), (came, "sound".into()));
        assert_eq!((done.head.characters, done.head.request_id.as_deref()), (11, Some("req-1")));
    }
}

#[tokio::test]
async fn voice_language_and_speed_go_as_the_model_takes_them() {
    let script = Script::new([audio("a"), audio("a"), audio("a")]);
    let builder = || ElevenLabs::builder(script.wires(), SecretString::from("k")).voice("es", "carmen");
    let spanish = Say { language: Some("es-MX".into()), speed_milli: 2000, ..say(AudioFormat::Mulaw8k) };
    let done = script.run(builder().build().say(&spanish)).await.unwrap();
    let seen = script.one();
    assert!(seen.target.starts_with("/v1/text-to-speech/carmen?"), "{}", seen.target);
    let body = seen.json();
    assert_eq!((&body["language_code"], &body["voice_settings"]), (&json!("es"), &json!({"speed": 1.2})));
    assert_eq!((done.head.voice.as_str(), done.head.speed_milli), ("carmen", 1200));
    holds(&seen);
    // The older model hears the language from the text.
    script.run(builder().model("eleven_multilingual_v2").build().say(&spanish)).await.unwrap();
    assert_eq!(script.one().json().get("language_code"), None);
    let voice = Some(VoiceId { vendor: "elevenlabs".into(), id: "a/b".into() });
    script.run(builder().build().say(&Say { voice, ..spanish })).await.unwrap();
    assert!(script.one().target.starts_with("/v1/text-to-speech/a%2Fb?"));
    let klingon = Say { language: Some("tlh".into()), ..say(AudioFormat::Mulaw8k) };
    let error = spoken(&Script::new([]), &klingon).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}

#[tokio::test]
async fn errors_of_every_form_are_told() {
    let one = |status: &str| json!({"detail": {"status": status, "message": "told"}});
    let many = json!({"detail": [{"loc": ["body", "text"], "msg": "told", "type": "missing"}]});
    for (status, body, fault, code) in [
        (401, one("invalid_api_key"), Fault::Credentials, Some("invalid_api_key")),
        (401, one("quota_exceeded"), Fault::Payment, Some("quota_exceeded")),
        (400, one("voice_not_found"), Fault::Missing, Some("voice_not_found")),
        (400, one("max_character_limit_exceeded"), Fault::Request, Some("max_character_limit_exceeded")),
        (422, many, Fault::Request, Some("missing")),
        (429, one("too_many_concurrent_requests"), Fault::RateLimited, Some("too_many_concurrent_requests")),
        (429, one("system_busy"), Fault::RateLimited, Some("system_busy")),
        (500, json!({"detail": "told"}), Fault::Down, None),
    ] {
        let script = Script::new([Reply::json(status, body)]);
        let error = spoken(&script, &say(AudioFormat::Mulaw8k)).await.unwrap_err();
        assert_eq!((error.fault, error.code.as_deref(), error.status), (fault, code, Some(status)));
        assert!(error.message.starts_with("told"), "{error}");
        assert_eq!(script.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_text_is_said_once_unless_it_never_left_and_what_is_no_audio_is_an_error() {
    for reply in [Reply::Silence, Reply::Cuts("half"), Reply::Stalls("half"), Reply::Fails(Sent::Unknown)] {
        let script = Script::new([reply]);
        assert!(spoken(&script, &say(AudioFormat::Mp3)).await.unwrap_err().retryable());
        assert_eq!(script.seen().len(), 1);
    }
    let script = Script::new([Reply::Fails(Sent::No), audio("sound")]);
    spoken(&script, &say(AudioFormat::Mp3)).await.unwrap();
    for nothing in [audio(""), Reply::json(200, json!({})).with("content-type", "application/json")] {
        let error = spoken(&Script::new([nothing]), &say(AudioFormat::Mp3)).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::Unknown));
    }
}

fn timed(audio: &str, text: &str) -> Value {
    let characters: Vec<_> = text.chars().map(String::from).collect();
    let at = |add: f64| (0..text.len()).map(|n| f64::from(u8::try_from(n).unwrap()) * 0.25 + add).collect::<Vec<_>>();
    let alignment = json!({"characters": characters, "character_start_times_seconds": at(0.0),
        "character_end_times_seconds": at(0.1255)});
    json!({"audio_base64": audio, "alignment": alignment, "normalized_alignment": null})
}
fn character(text: &str, start_ms: i64, end_ms: i64) -> TimedCharacter {
    TimedCharacter { text: text.into(), start_ms, end_ms }
}

#[tokio::test]
async fn times_of_characters_come_in_milliseconds() {
    let script = Script::new([Reply::json(200, timed("c291bmQ=", "Hi"))]);
    let done = script.run(adapter(&script).say_timed(&say(AudioFormat::Mulaw8k))).await.unwrap();
    let seen = script.one();
    assert!(seen.target.contains("/with-timestamps?output_format=ulaw_8000"));
    holds(&seen);
    assert_eq!(done.characters, [character("H", 0, 126), character("i", 250, 376)]);
    assert_eq!((done.audio, done.head.format), ("sound".into(), AudioFormat::Mulaw8k));
    for wrong in [json!({"audio_base64": ""}), json!({"audio_base64": "?"}), json!({})] {
        let script = Script::new([Reply::json(200, wrong)]);
        let error = script.run(adapter(&script).say_timed(&say(AudioFormat::Mulaw8k))).await.unwrap_err();
        assert_eq!(error.fault, Fault::Nonsense);
    }
}

#[tokio::test]
async fn a_stream_with_times_is_read_line_by_line() {
    let lines = format!("{}\n\n{}", timed("c291", "H"), json!({"audio_base64": "bmQ=", "alignment": null}));
    let script = Script::new([Reply::Answer(200, vec![], lines.into())]);
    let stream = script.run(adapter(&script).stream_timed(&say(AudioFormat::Mulaw8k))).await.unwrap();
    let pieces: Vec<_> = script.run(stream.pieces.map(Result::unwrap).collect::<Vec<_>>()).await;
    holds(&script.one());
    assert_eq!(pieces.iter().flat_map(|piece| piece.audio.to_vec()).collect::<Vec<_>>(), b"sound");
    assert_eq!((&pieces[0].characters[..], pieces[1].characters.len()), (&[character("H", 0, 126)][..], 0));
    for (reply, fault) in [
        (Reply::Answer(200, vec![], "".into()), Fault::Nonsense),
        (Reply::Answer(200, vec![], "oops\n".into()), Fault::Nonsense),
        (Reply::Cuts("{\"audio_base64\":\"c291\"}\n{\"aud"), Fault::Down),
    ] {
        let script = Script::new([reply]);
        let stream = script.run(adapter(&script).stream_timed(&say(AudioFormat::Mulaw8k))).await.unwrap();
        let mut pieces: Vec<_> = script.run(stream.pieces.collect()).await;
        assert_eq!(pieces.pop().unwrap().unwrap_err().fault, fault);
    }
}

#[tokio::test]
async fn voices_come_page_by_page_to_the_end() {
    let voice = |id: &str| json!({"voice_id": id, "name": null, "labels": {"language": "es"},
        "verified_languages": [{"language": "en"}, {"language": "es"}]});
    let first = json!({"voices": [voice("a")], "has_more": true, "next_page_token": "t/1"});
    let last = json!({"voices": [{"voice_id": "b"}], "has_more": false, "next_page_token": "t/2"});
    let script = Script::new([Reply::json(200, first.clone()), Reply::json(200, last)]);
    let voices = script.run(adapter(&script).voices()).await.unwrap();
    let told: Vec<_> = voices.iter().map(|v| (v.id.id.as_str(), v.name.as_str(), v.languages.join(" "))).collect();
    assert_eq!(told, [("a", "a", "en es".to_owned()), ("b", "b", String::new())]);
    let seen = script.seen();
    assert_eq!(seen[1].target, "/v2/voices?page_size=100&next_page_token=t%2F1");
    seen.iter().for_each(holds);
    let endless = Script::new((0..50).map(|_| Reply::json(200, first.clone())));
    assert_eq!(endless.run(adapter(&endless).voices()).await.unwrap_err().fault, Fault::Nonsense);
}

#[tokio::test]
async fn settings_and_the_subscription_are_told_in_our_units() {
    let script = Script::new([
        Reply::json(200, json!({"stability": 0.5, "speed": 1.05, "use_speaker_boost": true, "style": null})),
        Reply::json(200, json!({"tier": "creator", "status": "active", "character_count": 7, "character_limit": 10,
            "next_character_count_reset_unix": 1_770_000_000})),
    ]);
    let settings = script.run(adapter(&script).voice_settings("a")).await.unwrap();
    let wanted = VoiceSettings {
        stability_milli: Some(500),
        speed_milli: Some(1050),
        speaker_boost: Some(true),
        ..VoiceSettings::default()
    };
    assert_eq!(settings, wanted);
    let resets_at = Some("2026-02-02T02:40:00Z".parse().unwrap());
    let told = script.run(adapter(&script).subscription()).await.unwrap();
    let (tier, status) = ("creator".to_owned(), "active".to_owned());
    assert_eq!(told, Subscription { tier, status, characters_used: 7, characters_limit: 10, resets_at });
}

#[tokio::test]
async fn contract_every_operation_is_asked_as_the_document_says() {
    let Some(proof) = Proof::of("elevenlabs") else { return };
    let speaker = ElevenLabs::builder(proof.wires(), SecretString::from("k")).build();
    // The document's example of audio is a sentence, and told to be none.
    fn spoken<T>(outcome: Result<T, VendorError>) -> Result<(), VendorError> {
        match outcome {
            Err(error) if ["no audio in the answer", "a line that is no timed audio"].contains(&&*error.message) => Ok(()),
            other => other.map(drop),
        }
    }
    for language in [None, Some("es".to_owned())] {
        let say = Say { language, speed_milli: 1100, ..say(AudioFormat::Mulaw8k) };
        proof.run("convert", &[], async || speaker.say(&say).await).await;
        proof.run("stream", &[], async || speaker.stream(&say).await?.whole().await).await;
        proof.run("convert timed", &[], async || spoken(speaker.say_timed(&say).await)).await;
        let stream = async || speaker.stream_timed(&say).await?.pieces.collect::<Vec<_>>().await.into_iter().collect();
        proof.run("stream timed", &[], async || spoken::<Vec<_>>(stream().await)).await;
    }
    // A list whose every page has another one ends with an error, as it should.
    let voices = async || match speaker.voices().await {
        Err(error) if error.message.contains("does not end") => Ok(vec![]),
        other => other,
    };
    proof.run("voices", &[], voices).await;
    proof.run("own voices", &[], async || speaker.own_voices().await).await;
    proof.run("voice", &[], async || speaker.voice("a").await).await;
    proof.run("settings", &[], async || speaker.voice_settings("a").await).await;
    proof.run("default settings", &[], async || speaker.default_settings().await).await;
    proof.run("models", &[], async || speaker.models().await).await;
    proof.run("subscription", &[], async || speaker.subscription().await).await;
    proof.end(&[]);
}

#[cfg(feature = "sandbox")]
mod sandboxed {
    use wib_core::kit::{SeededRandom, VirtualClock};

    use super::*;
    use crate::sandbox::{Sandbox, Settings};

    fn speaker(key: &str) -> (Sandbox, ElevenLabs) {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(clock.clone(), 5, Settings::default());
        let wires = sandbox.wires(clock, Arc::new(SeededRandom::new(3)));
        let speaker = ElevenLabs::builder(wires, key.to_owned().into()).live(false).build();
        (sandbox, speaker)
    }

    #[tokio::test]
    async fn characters_are_counted_until_there_are_none() {
        let (_, speaker) = speaker("k");
        let long = Say { text: "a".repeat(4096), ..say(AudioFormat::Mulaw8k) };
        speaker.say(&long).await.unwrap();
        assert_eq!(speaker.subscription().await.unwrap().characters_used, 4096);
        for _ in 1..244 {
            speaker.say(&long).await.unwrap();
        }
        let error = speaker.say(&long).await.unwrap_err();
        assert_eq!((error.fault, error.code.as_deref()), (Fault::Payment, Some("quota_exceeded")));
        let told = speaker.subscription().await.unwrap();
        assert_eq!(told.characters_used, 244 * 4096);
    }

    #[tokio::test]
    async fn times_cover_the_text_and_the_audio_is_the_same_as_without() {
        let (_, speaker) = speaker("k");
        let say = say(AudioFormat::Mulaw8k);
        let plain = speaker.say(&say).await.unwrap();
        let whole = speaker.say_timed(&say).await.unwrap();
        let mut stream = speaker.stream_timed(&say).await.unwrap();
        let (mut audio, mut characters) = (Vec::new(), Vec::new());
        while let Some(piece) = stream.pieces.next().await {
            let piece = piece.unwrap();
            audio.extend_from_slice(&piece.audio);
            characters.extend(piece.characters);
        }
        assert_eq!((&plain.audio, &plain.audio[..]), (&whole.audio, &audio[..]));
        assert_eq!(characters, whole.characters);
        assert_eq!(characters.iter().map(|c| c.text.as_str()).collect::<String>(), say.text);
        assert_eq!(characters.last().unwrap().end_ms, i64::try_from(audio.len()).unwrap() / 8);
    }

    #[tokio::test]
    async fn what_the_vendor_would_refuse_is_refused() {
        let (_, wrong) = speaker("invalid");
        assert_eq!(wrong.voices().await.unwrap_err().fault, Fault::Credentials);
        let (_, speaker) = speaker("k");
        assert_eq!(speaker.voice("nobody").await.unwrap_err().fault, Fault::Missing);
        assert_eq!(speaker.voice("JBFqnCBsd6RMkjVDRZzb").await.unwrap().name, "George");
        assert_eq!(speaker.voice_settings("nobody").await.unwrap_err().fault, Fault::Missing);
        assert_eq!(speaker.default_settings().await.unwrap().speed_milli, Some(1000));
        let voice = Some(VoiceId { vendor: "elevenlabs".into(), id: "nobody".into() });
        let nobody = Say { voice, ..say(AudioFormat::Mulaw8k) };
        assert_eq!(speaker.say(&nobody).await.unwrap_err().fault, Fault::Missing);
        assert_eq!(speaker.own_voices().await.unwrap(), speaker.voices().await.unwrap());
    }
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let mut body = json!({"voices": [{"voice_id": "a"}], "has_more": false});
        graft(&mut body, &name, &odd);
        let list: super::wire::VoiceList = serde_json::from_value(body).unwrap();
        prop_assert_eq!(list.voices.len(), 1);
    }
}
