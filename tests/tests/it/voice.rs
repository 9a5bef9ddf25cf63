//! What members do with calls, numbers and sounds: outcomes, notes, summaries, hold, how calls begin, numbers that are proven,
//! browsers, audio that is brought.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use wib_core::{
    Org, Wib,
    ai::PutAiBudget,
    assist::NoHint,
    audio::{AudioFile, MOST_BYTES, TranscribeAudio, TranscriptionStatus, UploadAudio},
    auth::UserId,
    caller_ids::{CallerIdStatus, ConfirmCallerId, StartCallerId},
    calls::{Call, CallId, FlowType, StartCall, TransferCall, TransferKind},
    collections::{Account, ListNumber},
    compliance::Technology,
    evidence::Signer,
    kit::{Error, ExposeSecret, Kind, PageRequest, Principal, Result, Role, VirtualClock, time},
    live::{HeardLine, HeardWord, LineSource, Speaker},
    orgs::Organization,
    outcomes::{
        AddConfirmation, DeclareOutcome, Metadata, OutcomeConfidence, OutcomeContent, OutcomeStatus, ReviewStatus,
        ReviseOutcome, SetDisposition, ShareCall, SummariseCall,
    },
    ports::{
        Fault, Sent, VendorError,
        llm::Completion,
        messenger::MockMessenger,
        voice::{ConferenceCommand, Leg, VoiceEventKind},
        webrtc::MockWebrtc,
    },
    privacy::{ErasureReason, ExportPerson},
    testing::fakes::{FakeLlm, FakeMailer, FakeMessenger, FakeTranscriber, FakeVoice},
    translation::Language,
    voice_config::{AddVoiceTarget, Modulations, PlaceVoiceCall, TranslateMode, VoiceFlow},
};

use wib_storage::{MemoryBlobs, testing::memory_store};

use crate::{
    audit::VOICE,
    desk::{House, MEMBER, OTHER, PERSON, refusal, silence},
    keeping::Archive,
    stage::{KEY, NOON, Stage, at, magic, phone},
};

const SAID: &str = "customer: I can pay fifty dollars on Friday. You reach me at 312-555-0100.";

fn is<T: std::fmt::Debug>(outcome: Result<T>, status: u16, code: &str) {
    let error = outcome.unwrap_err();
    assert_eq!((error.http_status(), error.machine_code()), (status, code), "{error:?}");
}
async fn called(stage: &Stage) -> (Account, CallId) {
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    stage.sealed(call.id).await;
    (account, call.id)
}
async fn of_role(stage: &Stage, role: Role) -> Org {
    stage.wib.org(Principal { role, ..Principal::service(stage.org.id()) }).await.unwrap()
}
/// Somebody of another organisation.
async fn stranger(stage: &Stage) -> Org {
    let id = stage.wib.system().create_organization("Elsewhere").await.unwrap().id;
    stage.wib.org(Principal::service(id)).await.unwrap()
}
/// Somebody of an organisation whose calls are to be real.
async fn live(stage: &Stage) -> Org {
    let id = stage.id();
    let row = Organization { id, live: true, ..stage.org.organization().clone() };
    let mut tx = stage.store.system().await.unwrap();
    tx.insert_organization(&row).await.unwrap();
    tx.commit().await.unwrap();
    stage.wib.org(Principal::service(id)).await.unwrap()
}
/// Somebody where nobody is wired but who must be.
async fn bare() -> Org {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let builder = Wib::builder()
        .store(Arc::new(memory_store(clock.clone()).await))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed(KEY))
        .voice(Arc::new(FakeVoice::new(clock.clone())))
        .transcriber(Arc::new(FakeTranscriber::new(clock.clone())))
        .mailer(Arc::new(FakeMailer::new(clock.clone())))
        .llm(Arc::new(FakeLlm::default()))
        .clock(clock);
    let wib = builder.build().unwrap();
    let id = wib.system().create_organization("Lakeside Recovery").await.unwrap().id;
    wib.org(Principal::service(id)).await.unwrap()
}
fn agreed() -> DeclareOutcome {
    let content = OutcomeContent {
        agreed_items: vec![" Pays 50 on Friday ".to_owned()],
        summary_text: "She pays.".to_owned(),
        readback_confirmed: true,
        ..OutcomeContent::default()
    };
    DeclareOutcome { status: OutcomeStatus::Agreed, content }
}

#[tokio::test]
async fn an_outcome_is_declared_once_and_every_revision_is_kept() {
    let stage = Stage::new().await;
    let (_, call) = called(&stage).await;
    let org = &stage.org;
    assert_eq!(org.outcome(call).await.unwrap().outcome, None);
    is(org.revise_outcome(call, ReviseOutcome::default()).await, 404, "OUTCOME_NOT_FOUND");
    is(of_role(&stage, Role::Viewer).await.declare_outcome(call, agreed()).await, 403, "FORBIDDEN");
    is(stranger(&stage).await.declare_outcome(call, agreed()).await, 404, "CALL_NOT_FOUND");
    let long = OutcomeContent {
        agreed_items: vec!["x".repeat(1001)],
        ambiguities: vec![String::new()],
        summary_text: "x".repeat(50_001),
        ..OutcomeContent::default()
    };
    let wrong = org.declare_outcome(call, DeclareOutcome { status: OutcomeStatus::Partial, content: long }).await;
    let wrong: Vec<_> = wrong.unwrap_err().fields().iter().map(|fault| fault.field.clone()).collect();
    assert_eq!(wrong, ["agreed_items", "ambiguities", "summary_text"]);
    let declared = org.declare_outcome(call, agreed()).await.unwrap();
    assert_eq!((declared.revision, &declared.content.agreed_items[..]), (1, &["Pays 50 on Friday".to_owned()][..]));
    let read_back = declared.content.readback_timestamp;
    assert_eq!(read_back, Some(declared.created_at));
    is(org.declare_outcome(call, agreed()).await, 409, "OUTCOME_EXISTS");
    stage.pass(60);
    let revise = ReviseOutcome {
        status: Some(OutcomeStatus::Partial),
        follow_up_actions: Some(vec!["Send the form".to_owned()]),
        confidence_level: Some(OutcomeConfidence::Low),
        ..ReviseOutcome::default()
    };
    let revised = org.revise_outcome(call, revise).await.unwrap();
    assert_eq!((revised.revision, revised.status), (2, OutcomeStatus::Partial));
    assert_eq!(revised.content.agreed_items, declared.content.agreed_items, "what is absent stays");
    assert_eq!(revised.content.readback_timestamp, read_back, "and so does when it was read back");
    let taken = ReviseOutcome { readback_confirmed: Some(false), ..ReviseOutcome::default() };
    assert_eq!(org.revise_outcome(call, taken).await.unwrap().content.readback_timestamp, None);
    let told = org.outcome(call).await.unwrap();
    assert_eq!(told.outcome.unwrap().revision, 3);
    let kept: Vec<_> = told.history.iter().map(|one| (one.revision, one.status)).collect();
    assert_eq!(kept, [(3, OutcomeStatus::Partial), (2, OutcomeStatus::Partial), (1, OutcomeStatus::Agreed)]);
    assert_eq!(told.history[2].content, declared.content);
    for _ in 0..9 {
        org.revise_outcome(call, ReviseOutcome::default()).await.unwrap();
    }
    assert_eq!(org.outcome(call).await.unwrap().history.len(), 10);
    let export = org.export_call(call).await.unwrap();
    assert_eq!(export.outcome.unwrap().revision, 12);
}

#[tokio::test]
async fn notes_confirmations_and_dispositions_are_kept_with_their_call() {
    let stage = Stage::new().await;
    let (_, call) = called(&stage).await;
    let org = &stage.org;
    for blank in ["", "  ", &"x".repeat(10_001)] {
        is(org.add_call_note(call, blank).await, 400, "VALIDATION_ERROR");
    }
    let note = org.add_call_note(call, " Prefers mornings. ").await.unwrap();
    assert_eq!(note.content, "Prefers mornings.");
    assert_eq!(org.call_notes(call).await.unwrap(), std::slice::from_ref(&note));
    assert_eq!(org.export_call(call).await.unwrap().notes, [note]);
    let set = |word: &str| SetDisposition { disposition: word.to_owned(), notes: None };
    is(org.set_disposition(call, set("whatever")).await, 400, "VALIDATION_ERROR");
    for (said, kept) in
        [("disputed", "dispute"), ("Voicemail", "left_voicemail"), ("refused", "refused_to_pay"), ("sale", "sale")]
    {
        assert_eq!(org.set_disposition(call, set(said)).await.unwrap().disposition.as_deref(), Some(kept));
    }
    let more = SetDisposition { notes: Some("Her sister pays.".to_owned()), ..set("other") };
    org.set_disposition(call, more).await.unwrap();
    let card = org.set_disposition(call, set("dispute")).await.unwrap();
    assert_eq!(card.disposition_notes.as_deref(), Some("Her sister pays."), "what is absent stays");
    assert_eq!(org.call_card(call).await.unwrap(), Some(card));
    let confirm = |by: Option<UserId>, details: Metadata| AddConfirmation {
        confirmation_type: "address".to_owned(),
        details,
        confirmed_by: by,
    };
    let made = org.add_confirmation(call, confirm(None, Metadata::default())).await.unwrap();
    assert_eq!((made.confirmation_type.as_str(), made.confirmed_by), ("address", None), "a service is nobody");
    let nobody = Some(stage.id());
    is(org.add_confirmation(call, confirm(nobody, Metadata::default())).await, 400, "VALIDATION_ERROR");
    let much = json!({"x": "y".repeat(9000)}).as_object().cloned().unwrap();
    is(org.add_confirmation(call, confirm(None, Metadata(much))).await, 400, "VALIDATION_ERROR");
    let other = stranger(&stage).await;
    is(other.call_notes(call).await, 404, "NOT_FOUND");
    is(other.add_call_note(call, "x").await, 404, "NOT_FOUND");
    is(other.set_disposition(call, set("sale")).await, 404, "NOT_FOUND");
    is(other.add_confirmation(call, confirm(None, Metadata::default())).await, 404, "NOT_FOUND");
    is(of_role(&stage, Role::Viewer).await.add_call_note(call, "x").await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn a_summary_rests_on_the_words_of_the_call_and_waits_for_a_person() {
    let stage = Stage::new().await;
    let (account, call) = called(&stage).await;
    let summary = stage.org.summarise_call(call, SummariseCall::default()).await.unwrap();
    assert_eq!((summary.review_status, summary.live), (ReviewStatus::Pending, false));
    assert!(summary.summary_text.contains("promise"), "{}", summary.summary_text);
    assert_eq!(summary.content.topics_discussed, ["promise"]);
    assert_eq!(summary.content.potential_agreements.len(), 1, "{:?}", summary.content);
    let plain = SummariseCall { extract: false, ..SummariseCall::default() };
    assert!(stage.org.summarise_call(call, plain).await.unwrap().content.potential_agreements.is_empty());
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    assert_eq!(tx.summaries_of_call(call, 9).await.unwrap().len(), 2);
    drop(tx);
    let export = stage.org.export_person(account.person_id, ExportPerson::default()).await.unwrap();
    assert_eq!(export.calls[0].summaries.len(), 2);
    is(stranger(&stage).await.summarise_call(call, SummariseCall::default()).await, 404, "CALL_NOT_FOUND");
    is(of_role(&stage, Role::Viewer).await.summarise_call(call, SummariseCall::default()).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn a_model_sees_no_private_data_and_its_failures_are_told_apart() {
    let llm = Arc::new(FakeLlm::default());
    let stage = Stage::with(NOON, 1, |builder, _| builder.llm(llm.clone())).await;
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap().id;
    let ask = async |text: &str| {
        let custom = SummariseCall { custom_transcript: Some(text.to_owned()), ..SummariseCall::default() };
        stage.org.summarise_call(call, custom).await
    };
    is(ask("Too short.").await, 400, "NO_TRANSCRIPT");
    is(stage.org.summarise_call(call, SummariseCall::default()).await, 400, "NO_TRANSCRIPT");
    assert!(llm.asked().is_empty());
    let answer = json!({"summary": "Reached at [PHONE_1].", "sentiment": "neutral", "findings": []}).to_string();
    let completion =
        |text: &str| Completion { vendor: "fake".to_owned(), text: text.to_owned(), ..Completion::default() };
    llm.answer(Ok(completion(&answer)));
    assert_eq!(ask(SAID).await.unwrap().summary_text, "Reached at 312-555-0100.");
    assert!(!format!("{:?}", llm.asked()).contains("312-555-0100"));
    llm.answer(Ok(completion(r#"{"summary": " ", "sentiment": "neutral", "findings": []}"#)));
    is(ask(SAID).await, 502, "AI_EMPTY");
    llm.answer(Ok(completion("I would rather not.")));
    is(ask(SAID).await, 502, "AI_ERROR");
    for _ in 0..9 {
        llm.answer(Err(VendorError::new("fake", Fault::Timeout, Sent::Unknown, "slow")));
    }
    is(ask(SAID).await, 503, "AI_UNAVAILABLE");
    stage.org.put_ai_budget(PutAiBudget { limit_micros: 0 }).await.unwrap();
    is(ask(SAID).await, 402, "AI_BUDGET_EXCEEDED");
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    assert_eq!(tx.summaries_of_call(call, 9).await.unwrap().len(), 1, "what failed left nothing");
}

#[tokio::test]
async fn a_call_is_shared_by_a_mail_each_that_names_nobody() {
    let mut kept = None;
    let stage = Stage::with(NOON, 1, |builder, sets| {
        let mailer = Arc::new(FakeMailer::new(sets.clock.clone()));
        kept = Some(mailer.clone());
        builder.mailer(mailer)
    })
    .await;
    let mailer = kept.unwrap();
    let (_, call) = called(&stage).await;
    let share = async |recipients: &[&str]| {
        let recipients = recipients.iter().map(|one| (*one).to_owned()).collect();
        stage.org.share_call(call, ShareCall { recipients }).await
    };
    is(share(&[]).await, 400, "VALIDATION_ERROR");
    is(share(&["a@example.org", "nobody"]).await, 400, "VALIDATION_ERROR");
    is(share(&["a@example.org"; 51]).await, 400, "VALIDATION_ERROR");
    assert_eq!(share(&["a@example.org", "A@Example.org", "b@example.org"]).await.unwrap(), 2);
    assert_eq!(share(&["a@example.org"]).await.unwrap(), 1, "asked again, it is sent again");
    stage.work().await;
    let sent = mailer.sent();
    assert_eq!(sent.iter().map(|mail| mail.recipients().count()).collect::<Vec<_>>(), [1, 1, 1]);
    for mail in &sent {
        let words = mail.text.as_deref().unwrap();
        assert!(words.contains(&call.to_string()) && words.contains("completed"), "{words}");
        for private in ["Alma", "Reyes", "120.50", &magic(5)[1..]] {
            assert!(!words.contains(private), "{private} is in a mail");
        }
    }
    is(
        stranger(&stage).await.share_call(call, ShareCall { recipients: vec!["a@example.org".into()] }).await,
        404,
        "NOT_FOUND",
    );
    is(of_role(&stage, Role::Viewer).await.share_call(call, ShareCall { recipients: vec![] }).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn a_hint_rests_on_what_was_said_and_never_stops_the_talk() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(26)).await;
    let call = stage.start(&account).await.unwrap().id;
    let until = time::after(stage.now(), Duration::from_secs(300));
    let answered = async || Ok(stage.org.call(call).await?.answered_at.is_some());
    stage.sandbox.play(&stage.wib, &stage.clock, until, answered).await.unwrap();
    let none = stage.org.suggest(call).await.unwrap();
    assert_eq!((none.suggestion, none.reason), (None, Some(NoHint::NoTranscript)));
    let word = HeardWord { text: "Talk to my attorney.".to_owned(), started_at: stage.now(), ended_at: stage.now() };
    let heard = HeardLine {
        speaker: Speaker::Customer,
        words: vec![word],
        language: None,
        confidence_ppm: 900_000,
        source: LineSource::Live,
        vendor: "test".to_owned(),
        live: false,
    };
    stage.org.add_line(call, &heard).await.unwrap().unwrap();
    let hint = stage.org.suggest(call).await.unwrap();
    assert_eq!((hint.suggestion.as_deref(), hint.reason), (Some("Ask for the attorney's name and address."), None));
    stage.org.put_ai_budget(PutAiBudget { limit_micros: 0 }).await.unwrap();
    let none = stage.org.suggest(call).await.unwrap();
    assert_eq!((none.suggestion, none.reason), (None, Some(NoHint::AiError)));
    is(stranger(&stage).await.suggest(call).await, 404, "NOT_FOUND");
}

/// A member and a person who talk.
struct Talk {
    house: House,
    call: Call,
    member: Leg,
    person: Leg,
}
async fn talk() -> Talk {
    let house = House::new().await;
    let account = house.account(PERSON).await;
    let wish = StartCall { account_id: Some(account.id), agent: Some(phone(MEMBER)), ..StartCall::default() };
    let call = house.org.start_call(wish).await.unwrap();
    house.work().await;
    let member = house.desk.leg(MEMBER);
    house.answers(&member).await;
    let person = house.desk.leg(PERSON);
    house.answers(&person).await;
    house.hears(&person).await;
    house.tell(&person, VoiceEventKind::Bridged).await;
    Talk { house, call, member, person }
}
impl Talk {
    fn conferred(&self) -> Vec<&'static str> {
        let word = |c: &ConferenceCommand| match c {
            ConferenceCommand::Hold { legs, .. } if *legs == [self.person.clone()] => "hold person",
            ConferenceCommand::Join(leg, _) if *leg == self.member => "join member",
            ConferenceCommand::Resume(legs) if *legs == [self.person.clone()] => "resume person",
            _ => "other",
        };
        self.house.desk.conferred().iter().map(word).collect()
    }
}

#[tokio::test]
async fn a_person_is_put_on_hold_and_brought_back_to_the_member() {
    let talk = talk().await;
    let (org, id) = (&talk.house.org, talk.call.id);
    assert!(!org.hold_call(id, false).await.unwrap(), "nobody is on hold");
    assert!(org.hold_call(id, true).await.unwrap());
    assert!(org.hold_call(id, true).await.unwrap(), "again is once");
    assert_eq!(talk.conferred(), ["hold person"]);
    let hand = |kind| TransferCall { to: phone(OTHER), kind, on_failure: Default::default() };
    is(org.transfer_call(id, hand(TransferKind::Blind)).await, 409, "CALL_ON_HOLD");
    assert!(!org.hold_call(id, false).await.unwrap());
    assert_eq!(talk.conferred(), ["hold person", "join member", "resume person"]);
    org.hold_call(id, true).await.unwrap();
    org.hold_call(id, false).await.unwrap();
    assert_eq!(talk.conferred().len(), 6, "a second time is told anew: {:?}", talk.conferred());
    let lines: Vec<_> = talk.house.lines(id).await.into_iter().map(|line| line.event_type).collect();
    let told: Vec<_> = lines.iter().filter(|line| ["call.held", "call.resumed"].contains(&line.as_str())).collect();
    assert_eq!(told, ["call.held", "call.resumed", "call.held", "call.resumed"]);
    assert!(talk.house.audited("call:held").await && talk.house.audited("call:resumed").await);
    // A warm transfer goes on in the conference that is there.
    org.transfer_call(id, hand(TransferKind::Warm)).await.unwrap();
    talk.house.wait(2).await;
    assert_eq!(talk.conferred()[6..], ["other", "hold person"], "told, and held");
    is(org.hold_call(id, true).await, 409, "TRANSFER_UNDER_WAY");
    talk.house.nothing_is_dead().await;
}

#[tokio::test]
async fn what_a_vendor_refuses_is_told_and_nobody_counts_as_on_hold() {
    let talk = talk().await;
    let (org, id) = (&talk.house.org, talk.call.id);
    let slow = VendorError::new("desk", Fault::RateLimited, Sent::Refused, "slow down");
    for (fault, status) in [(refusal(), 502), (silence(), 504), (slow, 429)] {
        talk.house.desk.fail("confer", fault);
        is(org.hold_call(id, true).await, status, "EXTERNAL_SERVICE_ERROR");
        assert!(org.call_card(id).await.unwrap().is_none_or(|card| !card.held));
    }
    talk.house.desk.fail("conference", VendorError::new("desk", Fault::Missing, Sent::Refused, "gone"));
    assert!(org.hold_call(id, true).await.unwrap(), "the conference was opened before");
    org.hold_call(id, false).await.unwrap();
    org.begin_payment(id).await.ok();
    is(org.hold_call(id, true).await, 409, "PAYMENT_UNDER_WAY");
    talk.house.ends(&talk.person, wib_core::ports::voice::HangupCause::Normal).await;
    is(org.hold_call(id, true).await, 404, "NOT_FOUND");
    let waiting = House::new().await;
    let account = waiting.account(PERSON).await;
    let call =
        waiting.org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await.unwrap();
    is(waiting.org.hold_call(call.id, true).await, 404, "NOT_FOUND");
    is(stranger(&waiting).await.hold_call(call.id, true).await, 404, "NOT_FOUND");
    is(of_role(&waiting, Role::Viewer).await.hold_call(call.id, true).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn calls_begin_as_the_organisation_says_where_they_do_not_say_otherwise() {
    let stage = Stage::new().await;
    let org = &stage.org;
    let start = async |number: u8, command: StartCall| {
        let account = stage.account(&magic(number)).await;
        org.start_call(StartCall { account_id: Some(account.id), ..command }).await.unwrap()
    };
    let usual = start(1, StartCall::default()).await;
    assert_eq!((usual.record, usual.transcribe, usual.translate_to, usual.listen), (true, true, None, None));
    let operator = of_role(&stage, Role::Operator).await;
    is(of_role(&stage, Role::Agent).await.put_voice_config(Modulations::default()).await, 403, "FORBIDDEN");
    let off = Modulations { record: Some(false), transcribe: Some(false), ..Modulations::default() };
    operator.put_voice_config(off).await.unwrap();
    let silent = start(2, StartCall::default()).await;
    assert_eq!((silent.record, silent.transcribe, silent.listen), (false, false, None));
    let own = start(3, StartCall { record: Some(true), transcribe: Some(true), ..StartCall::default() }).await;
    assert_eq!((own.record, own.transcribe), (true, true), "what a call says itself holds");
    let after = Modulations {
        record: Some(true),
        translate: Some(true),
        translate_to: Some("en-US".to_owned()),
        ..Modulations::default()
    };
    let kept = operator.put_voice_config(after).await.unwrap().modulations;
    assert_eq!((kept.record, kept.transcribe), (Some(true), Some(false)), "what is absent stays");
    let translated = start(6, StartCall::default()).await;
    assert_eq!((translated.translate_to, translated.listen), (Some(Language::En), None));
    let live = Modulations { live_translate: Some(true), ..Modulations::default() };
    is(operator.put_voice_config(live.clone()).await, 400, "VALIDATION_ERROR");
    let live = Modulations { translate_from: Some("es".to_owned()), translate_mode: Some(TranslateMode::Live), ..live };
    operator.put_voice_config(live).await.unwrap();
    let heard = start(7, StartCall::default()).await;
    let listen = heard.listen.unwrap();
    assert_eq!((listen.customer, listen.agent), (Some(Language::Es), Some(Language::En)));
    assert!(listen.translate && !listen.speak && heard.transcribe && heard.translate_to.is_none());
    assert_eq!(heard.technology, Technology::Manual);
    let unrecorded = start(8, StartCall { record: Some(false), ..StartCall::default() }).await;
    assert_eq!(unrecorded.listen, None, "only what is recorded is heard");
    // Spoken translations are an artificial voice: the law asks for more, and a call that is manual has none.
    operator.put_voice_config(Modulations { voice_to_voice: Some(true), ..Modulations::default() }).await.unwrap();
    let account = stage.account(&magic(11)).await;
    let blocked = org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await.unwrap_err();
    assert_eq!(blocked.kind(), Kind::Blocked, "{blocked:?}");
    let manual = start(13, StartCall { technology: Some(Technology::Manual), ..StartCall::default() }).await;
    assert!(!manual.listen.unwrap().speak);
    let wrong = Modulations { translate_to: Some("tlh".to_owned()), ..Modulations::default() };
    is(operator.put_voice_config(wrong).await, 400, "VALIDATION_ERROR");
    assert_eq!(stranger(&stage).await.voice_config().await.unwrap(), None);
}

#[tokio::test]
async fn a_saved_destination_is_called_through_the_gate_as_any_number() {
    let stage = Stage::new().await;
    let (org, account) = (&stage.org, stage.account(&magic(1)).await);
    let number = phone(&magic(1));
    let add = |phone: &wib_core::kit::Phone| AddVoiceTarget { phone: phone.clone(), name: Some(" Desk ".to_owned()) };
    let target = org.add_voice_target(add(&number)).await.unwrap();
    assert_eq!(target.name.as_deref(), Some("Desk"));
    is(org.add_voice_target(add(&number)).await, 409, "CONFLICT");
    is(of_role(&stage, Role::Agent).await.add_voice_target(add(&number)).await, 403, "FORBIDDEN");
    let other = stranger(&stage).await;
    assert!(other.voice_targets().await.unwrap().is_empty());
    is(other.delete_voice_target(target.id).await, 404, "NOT_FOUND");
    let by_target = PlaceVoiceCall { target_id: Some(target.id), is_test: true, ..PlaceVoiceCall::default() };
    is(other.place_voice_call(by_target.clone()).await, 404, "NOT_FOUND");
    is(org.place_voice_call(PlaceVoiceCall::default()).await, 400, "VALIDATION_ERROR");
    is(
        org.place_voice_call(PlaceVoiceCall { to: Some(number.clone()), ..by_target.clone() }).await,
        400,
        "VALIDATION_ERROR",
    );
    let bridge = PlaceVoiceCall { flow: VoiceFlow::Bridge, ..by_target.clone() };
    is(org.place_voice_call(bridge.clone()).await, 400, "VALIDATION_ERROR");
    let call = org.place_voice_call(by_target).await.unwrap();
    assert_eq!((&call.to_number, call.account_id, call.flow_type), (&number, Some(account.id), FlowType::Direct));
    let card = org.call_card(call.id).await.unwrap().unwrap();
    assert_eq!((card.target_id, card.is_test), (Some(target.id), true));
    stage.sealed(call.id).await;
    let unknown = org.add_voice_target(add(&phone("+13125550199"))).await.unwrap();
    let blocked = PlaceVoiceCall { target_id: Some(unknown.id), ..PlaceVoiceCall::default() };
    assert_eq!(
        org.place_voice_call(blocked).await.unwrap_err().kind(),
        Kind::Blocked,
        "a saved number is no permission"
    );
    stage.account(&magic(6)).await;
    let own = Modulations { record: Some(false), ..Modulations::default() };
    let bridge = PlaceVoiceCall {
        to: Some(phone(&magic(6))),
        target_id: None,
        from: Some(phone(MEMBER)),
        modulations: Some(own),
        ..bridge
    };
    let call = org.place_voice_call(bridge).await.unwrap();
    assert_eq!((call.flow_type, call.record), (FlowType::Bridge, false));
    org.delete_voice_target(target.id).await.unwrap();
    assert_eq!(org.voice_targets().await.unwrap().len(), 1);
    is(
        live(&stage).await.place_voice_call(PlaceVoiceCall { to: Some(number), ..PlaceVoiceCall::default() }).await,
        409,
        "LIVE_MISMATCH",
    );
}

#[tokio::test]
async fn what_a_client_wants_kept_with_a_call_is_kept_within_bounds() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(1)).await;
    let campaign = Some(stage.org.id().uuid());
    let kept = |metadata: serde_json::Value| StartCall {
        account_id: Some(account.id),
        campaign_id: campaign,
        metadata: metadata.as_object().cloned().map(Metadata),
        ..StartCall::default()
    };
    is(stage.org.start_call(kept(json!({"x": "y".repeat(9000)}))).await, 400, "VALIDATION_ERROR");
    let many: serde_json::Map<_, _> = (0..51).map(|n| (n.to_string(), json!(n))).collect();
    is(stage.org.start_call(kept(json!(many))).await, 400, "VALIDATION_ERROR");
    let call = stage.org.start_call(kept(json!({"ref": "A-1"}))).await.unwrap();
    let card = stage.org.call_card(call.id).await.unwrap().unwrap();
    assert_eq!((card.campaign_id, card.metadata.0["ref"].as_str()), (campaign, Some("A-1")));
    is(stranger(&stage).await.call_card(call.id).await, 404, "NOT_FOUND");
}

async fn texting() -> (Stage, Arc<FakeMessenger>) {
    let mut kept = None;
    let stage = Stage::with(NOON, 1, |builder, sets| {
        let messenger = Arc::new(FakeMessenger::new(sets.clock.clone(), phone("+13125550100")));
        kept = Some(messenger.clone());
        builder.messenger(messenger)
    })
    .await;
    (stage, kept.unwrap())
}
fn prove(number: &str) -> StartCallerId {
    StartCallerId { phone: phone(number), label: Some("Desk".to_owned()) }
}

#[tokio::test]
async fn a_number_is_proven_by_the_code_that_is_sent_to_it() {
    const OWN: &str = "+13125550171";
    let (stage, messenger) = texting().await;
    let org = &stage.org;
    let code = || {
        let sent = messenger.sent();
        let words = sent.last().unwrap().text.reveal().to_owned();
        words.split(' ').find(|word| word.len() == 6 && word.parse::<u32>().is_ok()).unwrap().to_owned()
    };
    let confirm = |code: &str| ConfirmCallerId { phone: phone(OWN), code: code.to_owned() };
    let pending = org.prove_caller_id(prove(OWN)).await.unwrap();
    assert_eq!(pending.status, CallerIdStatus::Pending);
    let sent = &messenger.sent()[0];
    assert_eq!(sent.to[0].line.as_str(), OWN);
    let words = sent.text.reveal();
    assert!(words.contains("Lakeside Recovery") && words.contains("10 minutes"), "{words}");
    let first = code();
    assert!(!serde_json::to_string(&pending).unwrap().contains(&first), "the code is told to the number alone");
    stage.pass(601);
    is(org.confirm_caller_id(confirm(&first)).await, 410, "CODE_EXPIRED");
    org.prove_caller_id(prove(OWN)).await.unwrap();
    let second = code();
    let wrong = if second == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        is(org.confirm_caller_id(confirm(wrong)).await, 400, "VALIDATION_ERROR");
    }
    is(org.confirm_caller_id(confirm(&second)).await, 410, "CODE_EXPIRED");
    org.prove_caller_id(prove(OWN)).await.unwrap();
    assert_eq!(org.confirm_caller_id(confirm(&code())).await.unwrap().status, CallerIdStatus::Verified);
    is(org.prove_caller_id(prove(OWN)).await, 409, "CONFLICT");
    is(org.confirm_caller_id(confirm("123456")).await, 404, "NOT_FOUND");
    assert_eq!(messenger.sent().len(), 3);
}

#[tokio::test]
async fn no_code_is_sent_to_a_person_or_where_nobody_carries_texts() {
    let (stage, messenger) = texting().await;
    let org = &stage.org;
    stage.account(&magic(5)).await;
    is(org.prove_caller_id(prove(&magic(5))).await, 400, "VALIDATION_ERROR");
    org.suppress(ListNumber::of(phone("+13125550188"))).await.unwrap();
    is(org.prove_caller_id(prove("+13125550188")).await, 400, "VALIDATION_ERROR");
    is(of_role(&stage, Role::Viewer).await.prove_caller_id(prove("+13125550171")).await, 403, "FORBIDDEN");
    is(live(&stage).await.prove_caller_id(prove("+13125550171")).await, 409, "LIVE_MISMATCH");
    assert!(messenger.sent().is_empty() && org.caller_ids().await.unwrap().is_empty());
    for (sent, answered) in [(Sent::Refused, Err((502, "SMS_FAILED"))), (Sent::Unknown, Ok(()))] {
        let stage = Stage::with(NOON, 1, |builder, _| {
            let mut messenger = MockMessenger::new();
            messenger.expect_live().return_const(false);
            messenger.expect_vendor().return_const("mock");
            let failure = move || VendorError::new("mock", Fault::Request, sent, "no");
            messenger.expect_send().returning(move |_| Err(failure()));
            builder.messenger(Arc::new(messenger))
        })
        .await;
        let asked = stage.org.prove_caller_id(prove("+13125550171")).await;
        match answered {
            Err((status, code)) => is(asked, status, code),
            // It may have arrived.
            Ok(()) => assert_eq!(asked.unwrap().status, CallerIdStatus::Pending),
        }
    }
    let alone = bare().await;
    is(alone.prove_caller_id(prove("+13125550171")).await, 503, "SMS_NOT_CONFIGURED");
}

#[tokio::test]
async fn a_browser_signs_in_with_the_same_token_until_five_minutes_before_its_end() {
    let stage = Stage::new().await;
    let (first, shown) = stage.org.browser_credential().await.unwrap();
    assert_eq!(shown.unwrap().as_str(), "+13125550100");
    stage.pass(54 * 60);
    let (same, _) = stage.org.browser_credential().await.unwrap();
    assert_eq!((&same.credential_id, same.token.expose_secret()), (&first.credential_id, first.token.expose_secret()));
    stage.pass(2 * 60);
    let (next, _) = stage.org.browser_credential().await.unwrap();
    assert_ne!(next.credential_id, first.credential_id);
    let (theirs, _) = stranger(&stage).await.browser_credential().await.unwrap();
    assert_ne!(theirs.credential_id, next.credential_id, "each their own");
    is(live(&stage).await.browser_credential().await, 409, "LIVE_MISMATCH");
    let check = stage.org.check_softphone().await.unwrap();
    assert_eq!((check.wired, check.reachable, check.trunks), (true, true, 1));
    assert_eq!(check.trunk_ends_with.as_deref(), Some("0002"));
    is(of_role(&stage, Role::Operator).await.check_softphone().await, 403, "FORBIDDEN");
    let alone = bare().await;
    is(alone.browser_credential().await, 503, "WEBRTC_NOT_CONFIGURED");
    assert!(!alone.check_softphone().await.unwrap().wired);
}

#[tokio::test]
async fn what_the_gateway_fails_with_is_told() {
    for (fault, status, code) in [
        (Fault::Request, 502, "EXTERNAL_SERVICE_ERROR"),
        (Fault::Timeout, 504, "EXTERNAL_SERVICE_ERROR"),
        (Fault::RateLimited, 429, "TELNYX_RATE_LIMIT"),
        (Fault::Payment, 503, "TELNYX_PAYMENT_REQUIRED"),
    ] {
        let stage = Stage::with(NOON, 1, |builder, _| {
            let mut webrtc = MockWebrtc::new();
            webrtc.expect_live().return_const(false);
            webrtc
                .expect_create_credential()
                .returning(move |_| Err(VendorError::new("telnyx", fault, Sent::Refused, "no")));
            builder.webrtc(Arc::new(webrtc))
        })
        .await;
        is(stage.org.browser_credential().await, status, code);
    }
}

#[tokio::test]
async fn a_call_from_a_browser_passes_the_gate_as_any_other() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(1)).await;
    let call = stage.org.dial_from_browser(phone(&magic(1))).await.unwrap();
    assert_eq!((call.flow_type, call.account_id), (FlowType::Webrtc, Some(account.id)));
    assert!(call.verdict_id.is_some());
    stage.sealed(call.id).await;
    assert_eq!(stage.dials(&magic(1)), 1);
    let blocked = stage.org.dial_from_browser(phone("+13125550199")).await.unwrap_err();
    assert_eq!(blocked.kind(), Kind::Blocked, "a number of nobody in the books");
    is(live(&stage).await.dial_from_browser(phone(&magic(1))).await, 409, "LIVE_MISMATCH");
    is(of_role(&stage, Role::Viewer).await.dial_from_browser(phone(&magic(1))).await, 403, "FORBIDDEN");
}

/// A WAV file of a second of silence, in pieces.
fn wav() -> Vec<Result<Bytes>> {
    let mut file =
        b"RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0".to_vec();
    file.extend([0x80; 8000]);
    file.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}
async fn bring(org: &Org, call_id: Option<CallId>, pieces: Vec<Result<Bytes>>) -> Result<AudioFile> {
    let command = UploadAudio { name: Some("../May 1.wav".to_owned()), call_id };
    org.upload_audio(command, stream::iter(pieces).boxed()).await
}
fn hear(file: &AudioFile) -> TranscribeAudio {
    TranscribeAudio { audio_file_id: Some(file.id), ..TranscribeAudio::default() }
}

#[tokio::test]
async fn audio_that_is_brought_is_kept_and_heard() {
    let archive = Archive::new().await;
    let (stage, org) = (&archive.stage, &archive.stage.org);
    is(bring(org, None, vec![Ok(Bytes::from_static(b"<html>"))]).await, 400, "VALIDATION_ERROR");
    is(bring(org, None, vec![]).await, 400, "VALIDATION_ERROR");
    let broken = vec![wav().remove(0), Err(Error::invalid("the client broke off"))];
    is(bring(org, None, broken).await, 400, "VALIDATION_ERROR");
    let piece = Bytes::from(vec![0; 1 << 20]);
    let huge = std::iter::once(wav().remove(0)).chain((0..=MOST_BYTES >> 20).map(|_| Ok(piece.clone())));
    is(bring(org, None, huge.collect()).await, 413, "PAYLOAD_TOO_LARGE");
    is(bring(&of_role(stage, Role::Viewer).await, None, wav()).await, 403, "FORBIDDEN");
    assert!(archive.blobs.entries().is_empty(), "what is refused leaves nothing");
    let file = bring(org, None, wav()).await.unwrap();
    assert_eq!(
        (file.original_name.as_str(), file.content_type.as_str(), file.size_bytes),
        ("May 1.wav", "audio/wav", 8044)
    );
    assert!(file.blob_key.starts_with(&format!("{}/audio/", org.id())));
    assert_eq!(org.open_audio(file.id).await.unwrap().1.whole().await.unwrap().len(), 8044);
    let other = stranger(stage).await;
    assert!(other.open_audio(file.id).await.unwrap_err().kind() == Kind::NotFound);
    is(other.transcribe_audio(hear(&file)).await, 404, "NOT_FOUND");
    let by_key = TranscribeAudio { file_key: Some(file.blob_key.clone()), ..TranscribeAudio::default() };
    is(other.transcribe_audio(by_key.clone()).await, 404, "NOT_FOUND");
    is(org.transcribe_audio(TranscribeAudio::default()).await, 400, "VALIDATION_ERROR");
    let begun = org.transcribe_audio(by_key).await.unwrap();
    assert_eq!((begun.status, begun.language.as_str()), (TranscriptionStatus::Processing, "en"));
    let until = time::after(stage.now(), Duration::from_secs(3600));
    let done = async || Ok(org.audio_transcription(begun.id).await?.0.status != TranscriptionStatus::Processing);
    stage.sandbox.play(&stage.wib, &stage.clock, until, done).await.unwrap();
    let (heard, of) = org.audio_transcription(begun.id).await.unwrap();
    // Nothing is said in it.
    assert_eq!((heard.status, of), (TranscriptionStatus::Failed, file.clone()));
    assert!(heard.error.is_some() && heard.completed_at.is_some() && heard.transcript.is_none());
    is(other.audio_transcription(begun.id).await, 404, "NOT_FOUND");
    let (_, call) = called(stage).await;
    let recording = org.export_call(call).await.unwrap().recordings[0].id;
    let sound = org.open_recording(recording).await.unwrap().1.whole().await.unwrap();
    let talk = bring(org, Some(call), vec![Ok(sound)]).await.unwrap();
    let begun = org.transcribe_audio(hear(&talk)).await.unwrap();
    let until = time::after(stage.now(), Duration::from_secs(3600));
    let done = async || Ok(org.audio_transcription(begun.id).await?.0.status != TranscriptionStatus::Processing);
    stage.sandbox.play(&stage.wib, &stage.clock, until, done).await.unwrap();
    let (heard, _) = org.audio_transcription(begun.id).await.unwrap();
    assert_eq!(heard.status, TranscriptionStatus::Completed, "{:?}", heard.error);
    let words = heard.transcript.unwrap();
    assert!(heard.word_count.unwrap() > 5 && words.contains(": "), "{words}");
    assert!((1..=1_000_000).contains(&heard.confidence_ppm.unwrap()));
    for _ in 1..20 {
        org.transcribe_audio(hear(&file)).await.unwrap();
    }
    is(org.transcribe_audio(hear(&file)).await, 409, "CONFLICT");
}

#[tokio::test]
async fn with_a_person_goes_all_that_was_said_of_their_calls() {
    for archive in Archive::each("with_a_person_goes_all_that_was_said_of_their_calls").await {
        const SECRET: &str = "Hermengild";
        let (stage, org) = (&archive.stage, &archive.stage.org);
        let (account, call) = called(stage).await;
        let text = || format!("{SECRET} pays it");
        org.add_call_note(call, &text()).await.unwrap();
        let content = OutcomeContent { agreed_items: vec![text()], ..OutcomeContent::default() };
        org.declare_outcome(call, DeclareOutcome { status: OutcomeStatus::Agreed, content }).await.unwrap();
        org.set_disposition(call, SetDisposition { disposition: "other".to_owned(), notes: Some(text()) })
            .await
            .unwrap();
        let details = Metadata(json!({"who": SECRET}).as_object().cloned().unwrap());
        let confirmed =
            AddConfirmation { confirmation_type: "address".to_owned(), details: details.clone(), confirmed_by: None };
        org.add_confirmation(call, confirmed.clone()).await.unwrap();
        let said = SummariseCall {
            custom_transcript: Some(format!("customer: {SECRET} can pay $50 on Friday, I will pay.")),
            ..SummariseCall::default()
        };
        org.summarise_call(call, said.clone()).await.unwrap();
        let file = bring(org, Some(call), wav()).await.unwrap();
        let loose = bring(org, None, wav()).await.unwrap();
        org.transcribe_audio(hear(&file)).await.unwrap();
        let export = org.export_person(account.person_id, ExportPerson::default()).await.unwrap();
        let shown = &export.calls[0];
        let counts = (shown.notes.len(), shown.confirmations.len(), shown.summaries.len(), shown.outcome_history.len());
        assert_eq!(counts, (1, 1, 1, 1));
        assert_eq!((shown.audio_files.len(), shown.audio_transcriptions.len()), (1, 1));
        assert!(shown.outcome.is_some() && shown.card.is_some());
        assert!(!archive.with(SECRET).await.is_empty());
        org.erase_person(account.person_id, ErasureReason::Request).await.unwrap();
        assert_eq!(archive.with(SECRET).await, Vec::<String>::new());
        stage.work().await;
        assert!(!archive.blobs.entries().iter().any(|(key, _)| *key == file.blob_key), "its bytes are gone");
        assert!(org.open_audio(loose.id).await.is_ok(), "what is of no call stays");
        is(org.add_call_note(call, "More").await, 409, "PERSON_ERASED");
        is(org.declare_outcome(call, agreed()).await, 409, "PERSON_ERASED");
        is(org.revise_outcome(call, ReviseOutcome::default()).await, 409, "PERSON_ERASED");
        is(org.add_confirmation(call, confirmed).await, 409, "PERSON_ERASED");
        let word = SetDisposition { disposition: "other".to_owned(), notes: None };
        is(org.set_disposition(call, word).await, 409, "PERSON_ERASED");
        is(org.summarise_call(call, said).await, 409, "PERSON_ERASED");
        is(bring(org, Some(call), wav()).await, 409, "PERSON_ERASED");
        is(bring(&stranger(stage).await, Some(call), wav()).await, 404, "NOT_FOUND");
        archive.holds().await;
    }
}

#[tokio::test]
async fn every_change_that_members_make_leaves_a_line_without_words() {
    let stage = Stage::new().await;
    let (_, call) = called(&stage).await;
    let org = &stage.org;
    org.declare_outcome(call, agreed()).await.unwrap();
    org.revise_outcome(call, ReviseOutcome::default()).await.unwrap();
    org.add_call_note(call, "Hermengild pays").await.unwrap();
    let word = SetDisposition { disposition: "other".to_owned(), notes: Some("Hermengild".to_owned()) };
    org.set_disposition(call, word).await.unwrap();
    let details = Metadata(json!({"who": "Hermengild"}).as_object().cloned().unwrap());
    let confirmed = AddConfirmation { confirmation_type: "address".to_owned(), details, confirmed_by: None };
    org.add_confirmation(call, confirmed).await.unwrap();
    org.share_call(call, ShareCall { recipients: vec!["hermengild@example.org".to_owned()] }).await.unwrap();
    org.summarise_call(call, SummariseCall::default()).await.unwrap();
    org.put_voice_config(Modulations { record: Some(true), ..Modulations::default() }).await.unwrap();
    let target = AddVoiceTarget { phone: phone("+13125550199"), name: Some("Hermengild".to_owned()) };
    let target = org.add_voice_target(target).await.unwrap();
    org.delete_voice_target(target.id).await.unwrap();
    let file = bring(org, None, wav()).await.unwrap();
    org.transcribe_audio(hear(&file)).await.unwrap();
    // Hold has its own scenario, on a call that is up.
    let mut tx = stage.store.org(org.id()).await.unwrap();
    let log = tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap().items;
    for (name, action) in VOICE.iter().filter(|(name, _)| *name != "hold_call") {
        assert!(log.iter().any(|line| line.action == *action), "{name} leaves no {action}");
    }
    let all = serde_json::to_string(&log).unwrap();
    for private in ["Hermengild", "hermengild", "Pays 50", "3125550199"] {
        assert!(!all.contains(private), "{private} is in the log");
    }
}
