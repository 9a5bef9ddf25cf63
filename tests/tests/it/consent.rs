//! What a call says, asks and keeps: recording after notice, the right party, disclosures in order, messages on machines,
//! masks.

use std::time::Duration;

use serde_json::json;
use wib_core::{
    Settings,
    auth::password::PasswordCost,
    calls::{Call, CallExport, LimitedContent, PaymentState, RecordingState, Step, VerifiedBy, VerifyParty},
    collections::{Account, Person},
    compliance::{ConsentScope, DutyKind, Holder, StoredVerdict},
    consent::{ConsentEvent, RecordConsent},
    kit::{canonical, time},
    notices::{CreateNotice, NoticeMethod},
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::stage::{NOON, Stage, kinds, magic, phone};

const BUSINESS: &str = "Lakeside Services";

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.public_url = Some("http://sandbox.wib".to_owned());
    settings.password_cost = PasswordCost::TEST;
    settings.business_name = Some(BUSINESS.to_owned());
    settings
}
async fn stage() -> Stage {
    Stage::with(NOON, 1, |builder, _| builder.settings(settings())).await
}
async fn stage_with_message() -> Stage {
    let mut settings = settings();
    settings.limited_content = Some(LimitedContent {
        business_name: BUSINESS.to_owned(),
        name: "Dana Reed".to_owned(),
        number: phone("+13125550100"),
    });
    Stage::with(NOON, 1, |builder, _| builder.settings(settings)).await
}
async fn person(stage: &Stage, number: u8) -> (Account, Call) {
    let account = stage.account(&magic(number)).await;
    let call = stage.start(&account).await.unwrap();
    (account, call)
}
/// Lets time pass until this is so of the call.
async fn until(stage: &Stage, call: &Call, is: impl Fn(&Call) -> bool + Sync) -> Call {
    let deadline = time::after(stage.now(), Duration::from_secs(600));
    stage
        .sandbox
        .play(&stage.wib, &stage.clock, deadline, async || Ok(is(&stage.org.call(call.id).await?)))
        .await
        .unwrap();
    let call = stage.org.call(call.id).await.unwrap();
    assert!(is(&call), "{:?}", call.facts);
    call
}
async fn heard(stage: &Stage, number: u8, words: &str) {
    let deadline = time::after(stage.now(), Duration::from_secs(600));
    let said = || stage.sandbox.said(&magic(number)).iter().any(|(_, text)| text.contains(words));
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, async || Ok(said())).await.unwrap();
    assert!(said(), "{:?}", stage.sandbox.said(&magic(number)));
}
fn spoken(stage: &Stage, number: u8) -> Vec<String> {
    stage.sandbox.said(&magic(number)).into_iter().filter(|(who, _)| *who == "agent").map(|(_, text)| text).collect()
}
fn recording(call: &Call) -> bool {
    call.facts.recording_state() == RecordingState::Recording
}
async fn verdicts(stage: &Stage, call: &Call) -> Vec<(String, String)> {
    let mut kept = vec![];
    for id in stage.export(call.id).await.timeline.iter().filter_map(|e| e.event_data["verdict_id"].as_str()) {
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        let id: wib_core::kit::Id<StoredVerdict> = id.parse().unwrap();
        let found: StoredVerdict = tx.find(id).await.unwrap().unwrap();
        kept.push((found.outcome, found.blocked_by.unwrap_or_default()));
    }
    kept
}
fn notices(export: &CallExport) -> Vec<&str> {
    export.evidence.as_ref().unwrap().manifest["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn nothing_is_recorded_before_the_notice_was_spoken_to_its_end() {
    // Vector 21 as well: our side in Texas or anywhere, the person in California.
    for address in [
        "1 Grant Ave, San Francisco, CA 94108",
        "412 W Grand Ave, Chicago, IL 60654",
        "9 Peachtree St, Atlanta, GA 30303",
    ] {
        let stage = stage().await;
        let account = stage.account_at(&magic(1), address).await;
        let call = stage.start(&account).await.unwrap();
        let playing = until(&stage, &call, |c| c.facts.recording_state() == RecordingState::AnnouncementPlaying).await;
        assert_eq!(playing.facts.recording_asked_at, None, "{address}");
        let call = until(&stage, &call, recording).await;
        assert!(call.facts.recording_asked_at >= call.facts.notice_ended_at, "{address}");
        assert_eq!(spoken(&stage, 1)[0], format!("Hello. This is {BUSINESS}. This call is recorded."));
        let export = stage.sealed(call.id).await;
        assert_eq!(export.call.facts.recording_state(), RecordingState::Stopped);
        let manifest = &export.evidence.as_ref().unwrap().manifest;
        assert_eq!(
            (notices(&export), &manifest["recording_consent"]),
            (vec!["identify", "recording_notice"], &json!("implied"))
        );
        let text = format!("Hello. This is {BUSINESS}. This call is recorded.");
        assert_eq!(manifest["notices"][1]["text_hash"], canonical::sha256(text.as_bytes()));
    }
}

#[tokio::test]
async fn a_person_who_refuses_is_recorded_no_further_and_talked_to_all_the_same() {
    let stage = stage().await;
    let (account, call) = person(&stage, 14).await;
    heard(&stage, 14, "I do not want to be recorded.").await;
    let call = stage.org.refuse_recording(call.id).await.unwrap();
    stage.org.refuse_recording(call.id).await.unwrap();
    let call = until(&stage, &call, |c| c.facts.recording_state() == RecordingState::Refused).await;
    assert_eq!(call.status.as_str(), "in_progress");
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.said(&magic(14)).len() > 4, "they talked on");
    let texts: Vec<_> = export.transcripts.iter().map(|t| t.text()).collect();
    assert!(texts.iter().all(|t| t.contains("recorded") && !t.contains("balance")), "{texts:?}");
    assert_eq!(export.recordings.len(), 1);
    assert_eq!(export.evidence.unwrap().manifest["recording_consent"], "refused");
    let consents = stage.org.consents(account.person_id).await.unwrap();
    let about =
        |c: &&wib_core::consent::Consent| c.scope == ConsentScope::Recording && c.event == ConsentEvent::Revoked;
    assert_eq!(consents.iter().filter(about).count(), 1);
}

#[tokio::test]
async fn the_debt_is_named_after_verification_and_disclosure_and_a_later_call_says_less() {
    let stage = stage().await;
    let account = stage.account(&magic(1)).await;
    for (kind, words) in
        [(DutyKind::MiniMiranda, "attempt to collect a debt"), (DutyKind::CollectorNotice, "from a debt collector")]
    {
        let call = stage.start(&account).await.unwrap();
        let call = until(&stage, &call, recording).await;
        let before = stage.org.conversation(call.id).await.unwrap();
        assert_eq!((before.may_name_debt, before.owed), (false, vec![DutyKind::VerifyParty, kind]));
        let refused = stage.org.speak_disclosure(call.id, kind).await.unwrap_err();
        assert_eq!(refused.machine_code(), "PARTY_NOT_VERIFIED");
        let party = VerifyParty { holder: Holder::Consumer, method: VerifiedBy::BirthDate };
        let now = stage.org.verify_party(call.id, party).await.unwrap();
        assert_eq!((now.may_name_debt, now.owed), (false, vec![kind]));
        stage.org.speak_disclosure(call.id, kind).await.unwrap();
        stage.org.speak_disclosure(call.id, kind).await.unwrap();
        let call = until(&stage, &call, |c| c.facts.done().contains(&kind)).await;
        let now = stage.org.conversation(call.id).await.unwrap();
        assert_eq!((now.may_name_debt, now.owed, now.blocked_by), (true, vec![], None));
        let export = stage.sealed(call.id).await;
        assert_eq!(spoken(&stage, 1).iter().filter(|t| t.contains(words)).count(), 1);
        assert!(notices(&export).contains(&kind.as_str()));
        if kind == DutyKind::MiniMiranda {
            let notice = CreateNotice { account_id: account.id, method: NoticeMethod::Mail };
            let notice = stage.org.create_notice(notice).await.unwrap();
            stage.org.notice_sent(notice.id, None).await.unwrap();
        }
        // A conversation is followed by a quiet week.
        stage.pass(8 * 24 * 3600);
    }
}

#[tokio::test]
async fn a_member_may_disclose_in_their_own_voice() {
    let stage = stage().await;
    let (_, call) = person(&stage, 1).await;
    let call = until(&stage, &call, recording).await;
    stage.org.verify_party(call.id, VerifyParty::default()).await.unwrap();
    let now = stage.org.disclosed(call.id, DutyKind::MiniMiranda).await.unwrap();
    assert!(now.may_name_debt);
    assert!(stage.org.disclosed(call.id, DutyKind::VerifyParty).await.is_err());
}

#[tokio::test]
async fn a_third_party_hears_nothing_of_a_debt() {
    let stage = stage().await;
    let (_, call) = person(&stage, 18).await;
    let call = until(&stage, &call, recording).await;
    let third = VerifyParty { holder: Holder::ThirdParty, ..VerifyParty::default() };
    let now = stage.org.verify_party(call.id, third).await.unwrap();
    assert_eq!((now.may_name_debt, now.owed, now.blocked_by.as_deref()), (false, vec![], Some("RF-THIRD")));
    assert!(stage.org.speak_disclosure(call.id, DutyKind::MiniMiranda).await.is_err());
    let export = stage.sealed(call.id).await;
    assert_eq!(notices(&export), ["identify", "recording_notice"]);
    assert!(spoken(&stage, 18).iter().all(|t| !t.to_lowercase().contains("debt")));
}

#[tokio::test]
async fn a_talk_with_somebody_else_is_no_first_communication() {
    let stage = stage().await;
    let (account, call) = person(&stage, 18).await;
    let call = until(&stage, &call, recording).await;
    let third = VerifyParty { holder: Holder::ThirdParty, ..VerifyParty::default() };
    stage.org.verify_party(call.id, third).await.unwrap();
    stage.sealed(call.id).await;
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let account: Account = tx.find(account.id).await.unwrap().unwrap();
    assert_eq!(account.first_communication_at, None);
}

#[tokio::test]
async fn an_attorney_is_kept_and_ends_calls_to_the_person() {
    let stage = stage().await;
    let (account, call) = person(&stage, 19).await;
    let call = until(&stage, &call, recording).await;
    stage.org.verify_party(call.id, VerifyParty { holder: Holder::Attorney, ..VerifyParty::default() }).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(kinds(&export).contains(&"call.heard"), "a person is told of what was heard");
    stage.pass(8 * 24 * 3600);
    let refused = stage.refused(&account).await;
    assert_eq!(refused.details()["blocked_by"], "RF-ATTY");
}

#[tokio::test]
async fn a_spanish_speaker_hears_spanish_texts() {
    let stage = stage().await;
    let account = stage.account(&magic(12)).await;
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    let mut person: Person = tx.find(account.person_id).await.unwrap().unwrap();
    person.language = Some("es".to_owned());
    tx.update(&person).await.unwrap();
    tx.commit().await.unwrap();
    let call = stage.start(&account).await.unwrap();
    let call = until(&stage, &call, recording).await;
    assert_eq!(spoken(&stage, 12)[0], format!("Hola. Le llama {BUSINESS}. Esta llamada se graba."));
    let words = call.facts.spoken[&Step::Opening].words.clone().unwrap();
    assert_eq!(words.language, "es-US");
    stage.org.verify_party(call.id, VerifyParty::default()).await.unwrap();
    stage.org.speak_disclosure(call.id, DutyKind::MiniMiranda).await.unwrap();
    heard(&stage, 12, "intento de cobrar una deuda").await;
}

#[tokio::test]
async fn a_machine_is_hung_up_on_unless_there_is_a_message() {
    let stage = stage().await;
    let (_, call) = person(&stage, 4).await;
    let export = stage.sealed(call.id).await;
    assert_eq!((stage.sandbox.voicemail_left(&magic(4)), spoken(&stage, 4)), (None, vec![]));
    assert!(export.recordings.is_empty());
}

async fn may_hear_a_machine(stage: &Stage, account: &Account) {
    let consent = RecordConsent {
        person_id: Some(account.person_id),
        ..RecordConsent::of(ConsentScope::ArtificialVoice, ConsentEvent::Granted)
    };
    stage.org.record_consent(consent).await.unwrap();
}

#[tokio::test]
async fn a_machine_gets_the_limited_content_message_and_nothing_else() {
    let stage = stage_with_message().await;
    let account = stage.account(&magic(4)).await;
    may_hear_a_machine(&stage, &account).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let left = stage.sandbox.voicemail_left(&magic(4)).expect("a message");
    let text = format!(
        "This is Dana Reed calling from {BUSINESS}. Please call me or any of our representatives back at 1 3 1 2 5 5 5 0 1 0 0."
    );
    assert_eq!((left.text.as_str(), left.cut_off), (text.as_str(), false), "{:?}", verdicts(&stage, &call).await);
    assert_eq!(spoken(&stage, 4), [text]);
    assert_eq!(notices(&export), ["limited_content"]);
    assert!(!kinds(&export).contains(&"call.message.truncated") && export.recordings.is_empty());
}

#[tokio::test]
async fn a_message_without_the_consent_that_artificial_voices_need_is_not_left() {
    let stage = stage_with_message().await;
    let (_, call) = person(&stage, 4).await;
    let export = stage.sealed(call.id).await;
    assert_eq!(stage.sandbox.voicemail_left(&magic(4)), None);
    assert!(kinds(&export).contains(&"call.message.blocked"));
}

#[tokio::test]
async fn a_message_that_is_cut_off_is_told_to_have_lost_its_status() {
    let stage = stage_with_message().await;
    let account = stage.account(&magic(4)).await;
    may_hear_a_machine(&stage, &account).await;
    let call = stage.start(&account).await.unwrap();
    until(&stage, &call, |c| c.facts.spoken.get(&Step::Message).is_some_and(|s| s.started_at.is_some())).await;
    stage.pass(2);
    stage.org.end_call(call.id).await.unwrap();
    let export = stage.sealed(call.id).await;
    assert!(stage.sandbox.voicemail_left(&magic(4)).is_some_and(|left| left.cut_off));
    assert!(kinds(&export).contains(&"call.message.truncated"), "{:?}", kinds(&export));
    let manifest = &export.evidence.unwrap().manifest;
    assert_eq!(
        (&manifest["notices"][0]["kind"], &manifest["notices"][0]["ended_at"]),
        (&json!("limited_content"), &json!(null))
    );
}

#[tokio::test]
async fn a_card_is_taken_behind_a_mask_alone() {
    let stage = stage().await;
    let (_, call) = person(&stage, 15).await;
    heard(&stage, 15, "ready for your card number").await;
    let begun = stage.org.begin_payment(call.id).await.unwrap();
    assert_eq!(begun.state, PaymentState::Masking);
    assert_eq!(stage.org.begin_payment(call.id).await.unwrap().state, PaymentState::Masking);
    let masked = until(&stage, &call, |c| c.payment_state() == PaymentState::Capturing).await;
    assert_eq!((masked.facts.recording_state(), masked.facts.masked_at(stage.now())), (RecordingState::Masked, true));
    heard(&stage, 15, "Thank you.").await;
    stage.org.end_payment(call.id).await.unwrap();
    until(&stage, &call, |c| recording(c) && c.payment_state() == PaymentState::Idle).await;
    assert!(!stage.org.call(call.id).await.unwrap().facts.masked_at(time::after(stage.now(), Duration::from_secs(1))));
    let export = stage.sealed(call.id).await;
    let text = export.transcripts[0].text();
    assert!(
        text.contains("ready for your card number") && text.contains("account") && !text.contains("security"),
        "{text}"
    );
    assert_eq!(export.recordings[0].note, None);
    let manifest = &export.evidence.unwrap().manifest;
    let masked = manifest["masked"].as_array().unwrap();
    assert_eq!((masked.len(), &masked[0]["cause"]), (1, &json!("card_data")));
    assert!(manifest["scrubbed"].is_null());
}

#[tokio::test]
async fn a_card_that_nobody_masked_is_silenced_and_struck_out_everywhere() {
    let stage = stage().await;
    let (_, call) = person(&stage, 15).await;
    let export = stage.sealed(call.id).await;
    stage.work().await;
    let card = stage.sandbox.spoken_cards(&magic(15)).pop().unwrap();
    let text = export.transcripts[0].text();
    assert!(text.contains("[CARD_1]") && text.contains("[CVV_1]") && !text.contains(&card.number[12..]), "{text}");
    let (recording, audio) = stage.org.recording_audio(export.recordings[0].id).await.unwrap();
    assert_eq!(recording.note.as_deref(), Some("payment data was silenced"));
    assert_eq!(recording.media_hash, Some(canonical::sha256(&audio)));
    assert!(!audio.windows(4).any(|w| w == &card.number.as_bytes()[12..]));
    let manifest = &export.evidence.unwrap().manifest;
    assert!(manifest["scrubbed"].as_i64().is_some_and(|n| n >= 3));
    assert!(stage.org.verify_chain().await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_pause_that_cannot_be_had_ends_the_recording_and_without_either_nobody_may_pay() {
    for (stop_fails, state) in [(false, PaymentState::Capturing), (true, PaymentState::Unmaskable)] {
        let stage = stage().await;
        let (_, call) = person(&stage, 15).await;
        until(&stage, &call, recording).await;
        let fails = |operation: &str| Fault {
            vendor: "telnyx".to_owned(),
            operation: operation.to_owned(),
            times: 1000,
            kind: FaultKind::Status { status: 500, retry_after: None },
        };
        stage.sandbox.inject(fails("record_pause"));
        if stop_fails {
            stage.sandbox.inject(fails("record_stop"));
        }
        stage.org.begin_payment(call.id).await.unwrap();
        let failed = |c: &Call| c.facts.masks.values().any(|m| m.failed_at.is_some());
        let call = until(&stage, &call, |c| failed(c) && (stop_fails || c.facts.recording_stopped_at.is_some())).await;
        assert_eq!(call.payment_state(), state);
        assert_eq!(stage.org.begin_payment(call.id).await.unwrap().state, state);
        stage.sealed(call.id).await;
    }
}

#[tokio::test]
async fn a_mask_that_nobody_ends_lasts_as_long_as_the_call() {
    let stage = stage().await;
    let (_, call) = person(&stage, 16).await;
    heard(&stage, 16, "ready for your card number").await;
    stage.org.begin_payment(call.id).await.unwrap();
    let export = stage.sealed(call.id).await;
    let (_, mask) = export.call.facts.masks.first_key_value().unwrap();
    assert_eq!((mask.resumed_at, mask.ends()), (None, None));
    assert!(!export.transcripts[0].text().contains("security code"));
}

#[tokio::test]
async fn who_says_stop_is_not_called_again() {
    let stage = stage().await;
    let (account, call) = person(&stage, 7).await;
    let export = stage.sealed(call.id).await;
    assert!(kinds(&export).contains(&"call.opted_out"), "{:?}", kinds(&export));
    stage.pass(8 * 24 * 3600);
    let refused = stage.refused(&account).await;
    let rules: Vec<_> =
        refused.details()["reasons"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap()).collect();
    assert!(rules.contains(&"RF-MEDIUM"), "{rules:?}");
    let consents = stage.org.consents(account.person_id).await.unwrap();
    let evidence = consents.iter().find_map(|c| c.evidence.clone()).unwrap();
    assert!(evidence.contains("transcript:") && evidence.contains("utterance:"), "{evidence}");
}
