//! Lines in the other side's language while the call goes on, spoken to the other side, and texts said aloud.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use wib_core::{
    calls::{Call, StartCall, Step},
    compliance::{ConsentScope, DutyKind, Technology},
    consent::{ConsentEvent, RecordConsent},
    kit::{Kind, Principal, time},
    live::{HeardLine, HeardWord, Injection, InjectionStatus, LineSource, LineTranslation, Listen, Speaker},
    ports::{
        Fault, Sent, VendorError,
        voice::{Command, Ending, HangupCause, Leg, VoiceEventKind},
    },
    speech::SayText,
    testing::fakes::FakeSpeech,
    translation::Language,
    usage::UsageKind,
};
use wib_providers::sandbox;
use wib_storage::MemoryBlobs;

use crate::{
    desk::{House, MEMBER, PERSON, refusal, silence},
    stage::phone,
};

/// The person speaks Spanish, the member English.
const WISH: Listen = Listen {
    customer: Some(Language::Es),
    agent: None,
    translate: true,
    speak: false,
    sentiment: false,
    assist: false,
};
const SPOKEN: Listen = Listen { speak: true, ..WISH };

/// A member and a person who talk.
struct Talk {
    house: House,
    call: Call,
    person: Leg,
    member: Leg,
    speech: Arc<FakeSpeech>,
    blobs: Arc<MemoryBlobs>,
}

impl Talk {
    async fn new(listen: Listen) -> Self {
        let (speech, blobs) = (Arc::new(FakeSpeech::default()), Arc::new(MemoryBlobs::default()));
        let house = House::with(|builder| builder.speech(speech.clone()).blobs(blobs.clone())).await;
        let account = house.account(PERSON).await;
        let consent = RecordConsent {
            person_id: Some(account.person_id),
            ..RecordConsent::of(ConsentScope::ArtificialVoice, ConsentEvent::Granted)
        };
        house.org.record_consent(consent).await.unwrap();
        let agent = Some(phone(MEMBER));
        let wish = StartCall { account_id: Some(account.id), agent, listen: Some(listen), ..StartCall::default() };
        let call = house.org.start_call(wish).await.unwrap();
        house.work().await;
        let member = house.desk.leg(MEMBER);
        house.answers(&member).await;
        let person = house.desk.leg(PERSON);
        house.answers(&person).await;
        house.wait(1).await;
        house.hears(&person).await;
        for leg in [&person, &member] {
            house.tell(leg, VoiceEventKind::Bridged).await;
        }
        Self { house, call, person, member, speech, blobs }
    }
    /// Somebody says something; nothing is done with it yet.
    async fn hears(&self, speaker: Speaker, text: &str, language: Option<&str>) {
        let now = self.house.now();
        let word =
            HeardWord { text: text.to_owned(), started_at: time::before(now, Duration::from_secs(1)), ended_at: now };
        let line = HeardLine {
            speaker,
            words: vec![word],
            language: language.map(str::to_owned),
            confidence_ppm: 910_000,
            source: LineSource::Live,
            vendor: "ears".to_owned(),
            live: false,
        };
        self.house.org.add_line(self.call.id, &line).await.unwrap().expect("it is kept");
    }
    async fn says(&self, speaker: Speaker, text: &str) {
        self.hears(speaker, text, None).await;
        self.house.work().await;
    }
    async fn translations(&self) -> Vec<LineTranslation> {
        self.house.org.line_translations(self.call.id, -1).await.unwrap()
    }
    async fn texts(&self) -> Vec<String> {
        self.translations().await.into_iter().map(|one| one.text).collect()
    }
    async fn injections(&self) -> Vec<Injection> {
        self.house.org.injections(self.call.id).await.unwrap()
    }
    /// How the injections stand, and why.
    async fn stand(&self) -> Vec<(InjectionStatus, Option<String>)> {
        self.injections().await.into_iter().map(|one| (one.status, one.why)).collect()
    }
    fn played(&self, leg: &Leg) -> Vec<String> {
        let url = |command: Command| match command {
            Command::Play(play) => Some(play.url),
            _ => None,
        };
        self.house.desk.orders(leg).into_iter().filter_map(url).collect()
    }
    async fn ends(&self, leg: &Leg, how: Ending) {
        self.house.tell(leg, VoiceEventKind::PlaybackEnded { how }).await;
    }
    async fn sounds(&self) -> usize {
        use wib_core::ports::Blobs;
        self.blobs.list(&format!("{}/injections", self.house.org.id()), None, 100).await.unwrap().len()
    }
    /// Every model fails from now on.
    fn nobody_answers(&self) {
        let kind = sandbox::FaultKind::Status { status: 503, retry_after: None };
        for vendor in ["groq", "xai", "openai"] {
            let (vendor, operation) = (vendor.to_owned(), "chat".to_owned());
            self.house.sandbox.inject(sandbox::Fault { vendor, operation, times: 1000, kind });
        }
    }
}

fn stands(status: InjectionStatus, why: &str) -> (InjectionStatus, Option<String>) {
    (status, Some(why.to_owned()))
}

#[tokio::test]
async fn each_side_is_read_in_the_others_language() {
    let talk = Talk::new(WISH).await;
    talk.says(Speaker::Customer, "Hola, habla Alma Reyes. ¿Quién llama?").await;
    talk.says(Speaker::Agent, "Hello, my name is Dana. I am calling about the balance of $120.50 on your account.")
        .await;
    talk.says(Speaker::Customer, "Puedo pagar $120.50 el viernes. Llámeme al 312-555-0100.").await;
    talk.hears(Speaker::Customer, "I understand.", Some("en-US")).await;
    talk.house.work().await;
    let made = talk.translations().await;
    let told: Vec<_> =
        made.iter().map(|one| (one.line_index, one.source_language.as_str(), one.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (0, "es", "Hello, this is Alma Reyes speaking. Who is calling?"),
            (1, "en", "Hola, me llamo Dana. Llamo por el saldo de $120.50 de su cuenta."),
            (2, "es", "I can pay $120.50 on Friday. Llámeme al 312-555-0100."),
            (3, "en-US", "I understand."),
        ],
        "private data is back in its place, and what the sandbox does not know stays as it was"
    );
    assert!(made.iter().all(|one| one.confidence_ppm == 910_000 && !one.live));
    assert_eq!((made[0].target_language, made[1].target_language), (Language::En, Language::Es));
    assert_eq!((made[0].vendor.as_str(), made[3].vendor.as_str(), made[3].model.as_str()), ("groq", "wib", "copy"));
    let used = talk.house.export(talk.call.id).await.usage;
    let used = used.iter().filter(|usage| usage.source.starts_with("line:")).count();
    assert_eq!(used, 6, "tokens in and out of three lines; a copy costs nothing");
    talk.house.nothing_is_dead().await;
    let elsewhere = talk.house.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let other = talk.house.wib.org(Principal::service(elsewhere)).await.unwrap();
    assert_eq!(other.line_translations(talk.call.id, -1).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(other.line_translation(made[0].id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(other.injections(talk.call.id).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_language_that_nobody_said_is_found_when_it_is_heard() {
    let talk = Talk::new(Listen { customer: None, ..WISH }).await;
    talk.says(Speaker::Agent, "Hello.").await;
    assert!(talk.translations().await.is_empty(), "nobody knows what the person speaks");
    talk.says(Speaker::Customer, "Sí, lo sé.").await;
    talk.says(Speaker::Agent, "I understand.").await;
    let made = talk.translations().await;
    let told: Vec<_> = made.iter().map(|one| (one.source_language.as_str(), one.text.as_str())).collect();
    assert_eq!(told, [("es", "Yes, I know."), ("en", "Entiendo.")]);
}

#[tokio::test]
async fn a_call_that_wants_none_has_none() {
    let talk = Talk::new(Listen { translate: false, ..WISH }).await;
    talk.says(Speaker::Customer, "Entiendo.").await;
    assert!(talk.translations().await.is_empty());
}

#[tokio::test]
async fn what_nobody_can_translate_is_marked_at_once() {
    let talk = Talk::new(SPOKEN).await;
    talk.nobody_answers();
    let began = talk.house.now();
    talk.says(Speaker::Customer, "Entiendo.").await;
    let [one] = &talk.translations().await[..] else { panic!("one") };
    assert_eq!((one.text.as_str(), one.original.as_str(), one.confidence_ppm), ("Entiendo.", "Entiendo.", 0));
    assert_eq!((one.vendor.as_str(), one.model.as_str(), one.source_language.as_str()), ("wib", "none", "es"));
    assert!(one.created_at < time::after(began, Duration::from_secs(20)), "{}", one.created_at);
    assert!(talk.injections().await.is_empty(), "the person's own words are not said to the member again");
    talk.house.nothing_is_dead().await;
}

#[tokio::test]
async fn a_translation_that_comes_too_late_is_not_made() {
    let talk = Talk::new(WISH).await;
    talk.hears(Speaker::Customer, "Entiendo.", None).await;
    talk.house.pass(31);
    talk.house.work().await;
    talk.says(Speaker::Customer, "Gracias.").await;
    let made = talk.translations().await;
    assert_eq!((made[0].model.as_str(), made[0].confidence_ppm), ("none", 0));
    assert_eq!(made[1].text, "Thank you.");
}

#[tokio::test]
async fn translations_are_spoken_once_to_whom_they_are_for() {
    let talk = Talk::new(SPOKEN).await;
    talk.says(Speaker::Customer, "Entiendo.").await;
    talk.says(Speaker::Agent, "Thank you.").await;
    let (member, person) = (talk.played(&talk.member), talk.played(&talk.person));
    assert_eq!((member.len(), person.len()), (1, 1));
    let injections = talk.injections().await;
    assert!(injections.iter().zip([&member[0], &person[0]]).all(|(one, url)| url.contains(&one.id.to_string())));
    assert!(
        injections.iter().all(|one| one.status == InjectionStatus::Playing && one.vendor.as_deref() == Some("fake"))
    );
    let said: Vec<_> = talk.speech.said().into_iter().map(|say| (say.text, say.language)).collect();
    let expected = [("I understand.", "en"), ("Gracias.", "es")];
    assert_eq!(said, expected.map(|(text, language)| (text.to_owned(), Some(language.to_owned()))));
    assert_eq!(talk.sounds().await, 2);
    talk.ends(&talk.member, Ending::Whole).await;
    assert_eq!(
        (talk.stand().await[0].0, talk.stand().await[1].0),
        (InjectionStatus::Completed, InjectionStatus::Playing)
    );
    assert_eq!(talk.sounds().await, 1, "what was heard is deleted");
    talk.ends(&talk.person, Ending::Failed).await;
    assert_eq!(talk.stand().await[1], stands(InjectionStatus::Failed, "not_playable"));
    assert_eq!(talk.sounds().await, 0);
    let usage = talk.house.export(talk.call.id).await.usage;
    let characters: Vec<_> =
        usage.iter().filter(|one| one.kind == UsageKind::SpeechCharacters).map(|one| one.quantity).collect();
    assert_eq!(characters.iter().sum::<i64>(), 21);
    talk.house.nothing_is_dead().await;
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_neither_said_nor_heard_twice() {
    let talk = Talk::new(SPOKEN).await;
    talk.house.desk.fail("play_answer", silence());
    talk.says(Speaker::Customer, "Entiendo.").await;
    talk.house.wait(5).await;
    assert_eq!((talk.speech.said().len(), talk.played(&talk.member).len()), (1, 1));
    assert_eq!(talk.stand().await, [(InjectionStatus::Playing, None)]);
    talk.ends(&talk.member, Ending::Whole).await;
    talk.house.wait(90).await;
    assert_eq!((talk.speech.said().len(), talk.played(&talk.member).len()), (1, 1));
    assert_eq!(talk.stand().await, [(InjectionStatus::Completed, None)]);
}

#[tokio::test]
async fn a_voice_that_fails_is_asked_three_times_and_as_late_as_it_says() {
    let talk = Talk::new(SPOKEN).await;
    let busy = |seconds| VendorError {
        retry_after: Some(Duration::from_secs(seconds)),
        ..VendorError::new("fake", Fault::RateLimited, Sent::Refused, "too many")
    };
    talk.speech.refuse(busy(7));
    talk.says(Speaker::Customer, "Entiendo.").await;
    talk.house.wait(6).await;
    assert!(talk.played(&talk.member).is_empty(), "it said when to come back");
    talk.house.wait(2).await;
    assert_eq!(talk.played(&talk.member).len(), 1);
    for _ in 0..3 {
        talk.speech.refuse(VendorError::new("fake", Fault::Down, Sent::Unknown, "down"));
    }
    talk.says(Speaker::Agent, "Thank you.").await;
    talk.house.wait(10).await;
    assert_eq!(talk.stand().await[1], stands(InjectionStatus::Failed, "vendor"));
    assert!(talk.played(&talk.person).is_empty());
}

#[tokio::test]
async fn few_wait_and_the_others_are_dropped() {
    let talk = Talk::new(SPOKEN).await;
    for text in ["Entiendo.", "Gracias.", "Sí, lo sé.", "Adiós."] {
        talk.says(Speaker::Customer, text).await;
    }
    assert_eq!(talk.played(&talk.member).len(), 3);
    assert_eq!(talk.stand().await[3], stands(InjectionStatus::Dropped, "too_many"));
    talk.ends(&talk.member, Ending::Whole).await;
    talk.says(Speaker::Customer, "Hola.").await;
    assert_eq!(talk.played(&talk.member).len(), 4);
    let open = talk.stand().await.iter().filter(|(status, _)| status.open()).count();
    assert_eq!((open, talk.texts().await.len()), (3, 5), "what is not spoken is still read");
    talk.house.pass(61);
    talk.says(Speaker::Customer, "Hola.").await;
    let stand = talk.stand().await;
    assert_eq!(stand[1], stands(InjectionStatus::Failed, "no_end_told"), "an end that is never told blocks nobody");
    assert_eq!(stand[5].0, InjectionStatus::Playing);
}

#[tokio::test]
async fn nothing_is_spoken_behind_a_mask_or_after_the_end() {
    let talk = Talk::new(SPOKEN).await;
    talk.hears(Speaker::Customer, "Entiendo.", None).await;
    talk.house.org.begin_payment(talk.call.id).await.unwrap();
    talk.house.work().await;
    assert_eq!(talk.stand().await, [stands(InjectionStatus::Dropped, "masked")]);
    talk.house.org.end_payment(talk.call.id).await.unwrap();
    talk.house.wait(5).await;
    talk.says(Speaker::Customer, "Gracias.").await;
    assert_eq!(talk.stand().await[1].0, InjectionStatus::Playing);
    talk.hears(Speaker::Customer, "Adiós.", None).await;
    let ended = talk.house.event(&talk.person, crate::desk::hangup(HangupCause::Normal));
    talk.house.deliver(&ended).await;
    let stand = talk.stand().await;
    assert_eq!(stand[1], stands(InjectionStatus::Failed, "call_over"));
    assert!(stand[2..].iter().all(|one| *one == stands(InjectionStatus::Dropped, "call_over")), "{stand:?}");
    assert_eq!((talk.played(&talk.member).len(), talk.sounds().await), (1, 0));
    assert_eq!(talk.texts().await.last().map(String::as_str), Some("Goodbye."), "it is read all the same");
}

#[tokio::test]
async fn a_leg_that_is_gone_or_refuses_hears_nothing() {
    let talk = Talk::new(SPOKEN).await;
    talk.house.desk.fail("play", VendorError::new("desk", Fault::Missing, Sent::Refused, "gone"));
    talk.says(Speaker::Customer, "Entiendo.").await;
    assert_eq!(talk.stand().await, [stands(InjectionStatus::Failed, "leg_gone")]);
    for _ in 0..3 {
        talk.house.desk.fail("play", refusal());
    }
    talk.says(Speaker::Customer, "Gracias.").await;
    talk.house.wait(10).await;
    assert_eq!(talk.stand().await[1], stands(InjectionStatus::Failed, "vendor"));
    assert_eq!((talk.sounds().await, talk.played(&talk.member).len()), (0, 0));
}

#[tokio::test]
async fn a_voice_that_speaks_for_others_is_an_artificial_one() {
    let talk = Talk::new(SPOKEN).await;
    assert_eq!(talk.call.technology, Technology::ArtificialVoice);
    let opening = &talk.house.desk.spoken(&talk.person)[0];
    assert!(opening.contains("artificial voice"), "{opening}");
    let call = talk.house.call_now(talk.call.id).await;
    assert!(call.facts.spoken[&Step::Opening].duties.contains(&DutyKind::AiDisclosure));
    let house = House::new().await;
    let account = house.account(PERSON).await;
    let wish = StartCall { account_id: Some(account.id), listen: Some(SPOKEN), ..StartCall::default() };
    let refused = house.org.start_call(wish.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Blocked, "an artificial voice needs a consent");
    let manual = StartCall { technology: Some(Technology::Manual), ..wish };
    assert_eq!(house.org.start_call(manual).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_text_is_said_once_and_costs_nothing_again() {
    let talk = Talk::new(WISH).await;
    let (org, speech) = (&talk.house.org, &talk.speech);
    let wish = |text: &str| SayText { text: text.to_owned(), ..SayText::default() };
    let first = org.say(wish("Good morning.")).await.unwrap();
    let again = org.say(wish("Good morning.")).await.unwrap();
    assert_eq!((first.cached, again.cached, again.cost_micros), (false, true, Some(0)));
    assert_eq!((first.id, &first.blob_key, speech.said().len()), (again.id, &again.blob_key, 1));
    assert_eq!((first.content_type.as_str(), first.duration_ms), ("audio/wav", 800), "samples come as a file");
    let slow = SayText { speed_milli: 500, ..wish("Good morning.") };
    assert!(!org.say(slow).await.unwrap().cached);
    let together = join_all((0..5).map(|_| org.say(wish("Good night.")))).await;
    let made = together.iter().filter(|said| !said.as_ref().unwrap().cached).count();
    assert_eq!((made, speech.said().len()), (1, 3), "of five who ask at once one has it said");
    assert_eq!(org.say(wish(" ")).await.unwrap_err().kind(), Kind::Invalid);
    speech.refuse(VendorError::new("fake", Fault::Down, Sent::No, "down"));
    org.say(wish("Good evening.")).await.unwrap_err();
    assert!(!org.say(wish("Good evening.")).await.unwrap().cached, "a failure is not kept");
    let elsewhere = talk.house.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let other = talk.house.wib.org(Principal::service(elsewhere)).await.unwrap();
    assert!(
        !other.say(wish("Good morning.")).await.unwrap().cached,
        "nobody hears from another's sounds who said what"
    );
    assert_eq!(other.open_said(first.id).await.unwrap_err().kind(), Kind::NotFound);
    let (row, bytes) = org.open_said(first.id).await.unwrap();
    assert_eq!((row.hits, &bytes.whole().await.unwrap()[..4]), (1, &b"RIFF"[..]));
    let mut tx = talk.house.store.org(org.id()).await.unwrap();
    let kept = format!("{:?}", tx.tts_audio(&row.key).await.unwrap());
    assert!(!kept.contains("morning"), "{kept}");
}

#[tokio::test]
async fn a_sound_that_nobody_asks_for_goes_with_its_bytes() {
    use wib_core::ports::Blobs;
    let talk = Talk::new(WISH).await;
    let wish = |text: &str| SayText { text: text.to_owned(), ..SayText::default() };
    let said = talk.house.org.say(wish("Good morning.")).await.unwrap();
    talk.house.pass(31 * 24 * 3600);
    talk.house.org.say(wish("Good night.")).await.unwrap();
    talk.house.work().await;
    assert_eq!(talk.house.org.open_said(said.id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(talk.blobs.head(&said.blob_key).await.unwrap(), None);
}
