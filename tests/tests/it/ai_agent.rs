//! A machine that talks with the person on a call: what it hears comes as sound, what it says goes to the voice vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use wib_core::{
    ai_agent::{ActivateAi, AiMode, AiModel, AiState, AiTurn, AiTurnKind, PutAiAgentConfig},
    calls::{Call, CallId, CallStatus, StartCall, VerifyParty},
    compliance::{ConsentScope, DutyKind, Holder, Technology},
    consent::{ConsentEvent, RecordConsent},
    engine::{NewMessage, Topic},
    kit::{Kind, Principal, time},
    live::{HeardLine, HeardWord, LineSource, Speaker},
    ports::llm::Completion,
    testing::fakes::FakeLlm,
    violations::{ListViolations, ViolationCode, ViolationKind},
};
use wib_providers::sandbox::{Fault, FaultKind};

use crate::{
    hearing::Floor,
    stage::{Stage, kinds, magic, phone},
};

fn wishes() -> PutAiAgentConfig {
    PutAiAgentConfig {
        prompt: "Be brief and kind.".to_owned(),
        model: AiModel::default(),
        temperature_milli: 300,
        enabled: true,
        greeting: None,
        max_turns: 20,
        silence_seconds: 8,
        handoff_to: None,
    }
}

/// A call that is up, as this technology is dialled, to somebody who agreed to hear an artificial voice.
async fn up(floor: &mut Floor, number: &str, technology: Option<Technology>) -> Call {
    let account = floor.stage.account(number).await;
    let consent = RecordConsent {
        person_id: Some(account.person_id),
        ..RecordConsent::of(ConsentScope::ArtificialVoice, ConsentEvent::Granted)
    };
    floor.stage.org.record_consent(consent).await.unwrap();
    let wish = StartCall { account_id: Some(account.id), technology, ..StartCall::default() };
    let call = floor.stage.org.start_call(wish).await.unwrap();
    let id = call.id;
    assert!(floor.until(async |stage| stage.org.call(id).await.unwrap().facts.person_listens()).await, "answered");
    call
}
async fn with_machine(floor: &mut Floor, number: &str, config: PutAiAgentConfig) -> CallId {
    floor.stage.org.put_ai_prompt_config(config).await.unwrap();
    let call = up(floor, number, Some(Technology::ArtificialVoice)).await;
    let status = floor.stage.org.activate_ai(call.id, ActivateAi::default()).await.unwrap();
    assert_eq!((status.mode, status.state), (AiMode::Ai, AiState::AiGreeting));
    call.id
}
async fn turns(stage: &Stage, call: CallId) -> Vec<AiTurn> {
    stage.org.ai_turns(call).await.unwrap()
}
async fn state(stage: &Stage, call: CallId) -> AiState {
    stage.org.ai_status(call).await.unwrap().state
}
async fn until(floor: &mut Floor, call: CallId, wanted: AiState) {
    let reached = floor.until(async |stage| state(stage, call).await == wanted).await;
    assert!(reached, "{wanted}: it is {}; {:?}", state(&floor.stage, call).await, turns(&floor.stage, call).await);
}
fn of(turns: &[AiTurn]) -> Vec<AiTurnKind> {
    turns.iter().map(|turn| turn.kind).collect()
}
/// What somebody else's ears heard of the person, just now.
async fn says(stage: &Stage, call: CallId, text: &str) {
    let now = stage.now();
    let word = |(n, text): (u64, &str)| HeardWord {
        text: text.to_owned(),
        started_at: time::before(now, Duration::from_millis(100 - n)),
        ended_at: time::before(now, Duration::from_millis(90 - n)),
    };
    let heard = HeardLine {
        speaker: Speaker::Customer,
        words: (0..).zip(text.split_whitespace()).map(word).collect(),
        language: None,
        confidence_ppm: 990_000,
        source: LineSource::Live,
        vendor: "theirs".to_owned(),
        live: false,
    };
    stage.org.add_line(call, &heard).await.unwrap();
}
/// Speaks of the machine that the person really heard, in order.
fn heard_of_it(stage: &Stage, number: &str) -> String {
    let words = stage.sandbox.words(number).into_iter().filter(|word| word.speaker == "agent");
    words.map(|word| word.text).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_whole_call_is_led_by_a_machine_until_a_human_is_asked_for() {
    let mut floor = Floor::new().await;
    let number = magic(25);
    let id = with_machine(&mut floor, &number, wishes()).await;
    until(&mut floor, id, AiState::Handoff).await;
    let said = turns(&floor.stage, id).await;
    println!("{:?}", said.iter().map(|t| (t.kind, &t.text, t.cut_at.is_some())).collect::<Vec<_>>());
    let call = floor.stage.org.call(id).await.unwrap();
    assert_eq!(of(&said)[0], AiTurnKind::Greeting);
    assert_eq!(said[0].text, "Hello, may I speak with Alma Reyes?");
    let notice = call.facts.notice_ended_at.expect("the notice");
    assert!(said[0].ordered_at.unwrap() >= notice, "the law's words come first");
    assert!(call.facts.done().contains(&DutyKind::AiDisclosure));
    // A sign of listening stops nothing; whoever talks into what it says does.
    assert!(said[0].cut_at.is_none(), "uh-huh");
    let cut: Vec<_> = said.iter().filter(|turn| turn.kind == AiTurnKind::Answer && turn.cut_at.is_some()).collect();
    assert_eq!(cut.len(), 1, "{said:?}");
    let heard = cut[0].heard();
    assert!(!heard.is_empty() && heard.len() < cut[0].text.len() && cut[0].text.starts_with(&heard));
    let spoken = heard_of_it(&floor.stage, &number);
    assert!(!spoken.contains(&cut[0].text), "it stopped: {spoken}");
    assert!(said.iter().any(|turn| turn.text.contains("May I ask who is speaking?")), "the debt was not named");
    assert!(!spoken.contains("120.50"), "{spoken}");
    assert_eq!(of(&said).last(), Some(&AiTurnKind::Handoff));
    // Every turn was spoken once.
    for turn in said.iter().filter(|turn| turn.ended_at.is_some() && turn.cut_at.is_none()) {
        assert_eq!(spoken.matches(&turn.text).count(), 1, "{}: {spoken}", turn.text);
    }
    until(&mut floor, id, AiState::Completed).await;
    let export = floor.stage.sealed(id).await;
    let dialog: Vec<_> = export.timeline.iter().filter(|event| event.event_type == "ai_dialog").collect();
    assert_eq!(dialog.len(), turns(&floor.stage, id).await.len());
    assert!(dialog.iter().all(|event| !event.event_data.to_string().contains("Alma")), "no words in the timeline");
    assert!(kinds(&export).contains(&"ai.handoff"));
    assert!(export.usage.iter().any(|usage| usage.source.starts_with("ai:")));
    assert!(floor.stage.wib.system().dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_is_silent_is_asked_twice_and_then_let_go() {
    let mut floor = Floor::new().await;
    let id = with_machine(&mut floor, &magic(26), wishes()).await;
    until(&mut floor, id, AiState::Completed).await;
    use AiTurnKind as K;
    assert_eq!(of(&turns(&floor.stage, id).await), [K::Greeting, K::StillThere, K::StillThere, K::Goodbye]);
    let call = floor.stage.org.call(id).await.unwrap();
    assert_eq!(call.status, CallStatus::Completed);
    assert!(heard_of_it(&floor.stage, &magic(26)).ends_with("I cannot hear anybody. Goodbye."));
}

#[tokio::test]
async fn a_person_goes_on_after_so_many_answers() {
    let mut floor = Floor::new().await;
    let id = with_machine(&mut floor, &magic(26), PutAiAgentConfig { max_turns: 3, ..wishes() }).await;
    until(&mut floor, id, AiState::AiListening).await;
    for _ in 0..3 {
        says(&floor.stage, id, "Tell me something.").await;
        until(&mut floor, id, AiState::AiSpeaking).await;
        until(&mut floor, id, AiState::AiListening).await;
    }
    says(&floor.stage, id, "And more of it.").await;
    until(&mut floor, id, AiState::Handoff).await;
    use AiTurnKind as K;
    assert_eq!(of(&turns(&floor.stage, id).await), [K::Greeting, K::Answer, K::Answer, K::Answer, K::Handoff]);
}

#[tokio::test]
async fn when_every_model_is_down_a_fixed_text_is_spoken_and_the_call_is_handed_on() {
    let mut floor = Floor::new().await;
    for vendor in ["groq", "xai", "openai"] {
        let kind = FaultKind::Status { status: 503, retry_after: None };
        let (vendor, operation) = (vendor.to_owned(), "chat".to_owned());
        floor.stage.sandbox.inject(Fault { vendor, operation, times: 100, kind });
    }
    let target = Some(phone(&magic(1)));
    let id = with_machine(&mut floor, &magic(26), PutAiAgentConfig { handoff_to: target, ..wishes() }).await;
    until(&mut floor, id, AiState::AiListening).await;
    assert_eq!(turns(&floor.stage, id).await[0].text, "Hello. How can I help you today?", "a fixed greeting");
    says(&floor.stage, id, "What do you want?").await;
    until(&mut floor, id, AiState::Handoff).await;
    until(&mut floor, id, AiState::Completed).await;
    let said = turns(&floor.stage, id).await;
    assert!(said[1].text.contains("cannot go on at the moment") && said[1].vendor.is_none(), "{:?}", said[1].text);
    assert!(said[1].ended_at.is_some(), "it was heard before the call went on");
    let call = floor.stage.org.call(id).await.unwrap();
    assert!(call.facts.handed_over(), "{:?}", call.facts.handovers);
    assert_eq!(floor.stage.dials(&magic(1)), 1);
}

#[tokio::test]
async fn a_machine_that_wants_to_negotiate_is_not_heard_and_it_is_written_down() {
    let model = Arc::new(FakeLlm::default());
    let told = model.clone();
    let mut floor = Floor::with(1, |builder, _| builder.llm(told)).await;
    let answer = |text: &str| model.answer(Ok(Completion { text: text.to_owned(), ..Completion::default() }));
    answer("Hello there.");
    let id = with_machine(&mut floor, &magic(26), wishes()).await;
    until(&mut floor, id, AiState::AiListening).await;
    answer("I can settle it for 60 dollars.");
    says(&floor.stage, id, "Can you take something off?").await;
    until(&mut floor, id, AiState::Handoff).await;
    let said = turns(&floor.stage, id).await;
    assert_eq!(said.last().unwrap().text, "A colleague will call you about that.");
    until(&mut floor, id, AiState::Completed).await;
    assert!(!heard_of_it(&floor.stage, &magic(26)).contains("60"));
    let found = floor.stage.org.list_violations(ListViolations::default()).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].kind), (ViolationCode::AiNoNegotiation, ViolationKind::Blocked));
    assert_eq!(found[0].call_id, Some(id));
    assert!(!found[0].context.to_string().contains("60 dollars"));
}

#[tokio::test]
async fn the_debt_is_named_to_the_consumer_alone_and_only_when_nothing_is_owed_before() {
    let mut floor = Floor::new().await;
    let id = with_machine(&mut floor, &magic(26), wishes()).await;
    until(&mut floor, id, AiState::AiListening).await;
    says(&floor.stage, id, "How much is it?").await;
    until(&mut floor, id, AiState::AiSpeaking).await;
    until(&mut floor, id, AiState::AiListening).await;
    let org = &floor.stage.org;
    let party = VerifyParty { holder: Holder::Consumer, ..VerifyParty::default() };
    for duty in org.verify_party(id, party).await.unwrap().owed {
        org.disclosed(id, duty).await.unwrap();
    }
    assert!(org.conversation(id).await.unwrap().may_name_debt);
    says(&floor.stage, id, "How much is it?").await;
    until(&mut floor, id, AiState::AiSpeaking).await;
    until(&mut floor, id, AiState::AiListening).await;
    let said = turns(&floor.stage, id).await;
    assert!(said[1].text.contains("only with the person"), "{}", said[1].text);
    assert_eq!(said[2].text, "The balance is $120.50.");
}

#[tokio::test]
async fn a_member_takes_the_call_and_what_is_being_said_stops() {
    let mut floor = Floor::new().await;
    let id = with_machine(&mut floor, &magic(26), wishes()).await;
    until(&mut floor, id, AiState::AiListening).await;
    says(&floor.stage, id, "Yes, this is Alma speaking.").await;
    assert!(floor.until(async |stage| turns(stage, id).await.last().unwrap().number == 2).await);
    assert!(floor.until(async |stage| turns(stage, id).await[1].started_at.is_some()).await);
    let status = floor.stage.org.deactivate_ai(id, ActivateAi::default()).await.unwrap();
    assert_eq!((status.mode, status.state), (AiMode::Human, AiState::Idle));
    assert!(floor.until(async |stage| turns(stage, id).await[1].ended_at.is_some()).await, "it stops");
    let cut = turns(&floor.stage, id).await[1].clone();
    assert!(!heard_of_it(&floor.stage, &magic(26)).contains(&cut.text));
    assert_eq!(state(&floor.stage, id).await, AiState::Idle, "the end of what was said changes nothing");
    says(&floor.stage, id, "Is anybody there?").await;
    let later = time::after(floor.stage.now(), Duration::from_secs(15));
    floor.until(async |stage| stage.now() > later).await;
    assert_eq!(turns(&floor.stage, id).await.len(), 2, "it says nothing more");
    // And may be asked to go on.
    floor.stage.org.activate_ai(id, ActivateAi::default()).await.unwrap();
    until(&mut floor, id, AiState::AiListening).await;
    assert_eq!(turns(&floor.stage, id).await[2].kind, AiTurnKind::Greeting);
    let told = floor.stage.org.list_audit(Default::default()).await.unwrap().items;
    let actions: Vec<_> = told.iter().map(|line| line.action.as_str()).filter(|a| a.starts_with("ai_mode")).collect();
    assert_eq!(
        actions,
        ["ai_mode:activated", "ai_mode:human_takeover", "ai_mode:activated", "ai_mode:script_executed"]
    );
}

#[tokio::test]
async fn a_call_that_was_dialled_by_hand_says_first_that_a_machine_speaks() {
    let mut floor = Floor::new().await;
    floor.stage.org.put_ai_prompt_config(wishes()).await.unwrap();
    let id = up(&mut floor, &magic(26), None).await.id;
    let told = |stage: &Stage| stage.sandbox.words(&magic(26)).iter().any(|word| word.text == "artificial");
    assert!(floor.until(async |stage| stage.org.call(id).await.unwrap().facts.notice_ended_at.is_some()).await);
    assert!(!told(&floor.stage));
    floor.stage.org.activate_ai(id, ActivateAi::default()).await.unwrap();
    until(&mut floor, id, AiState::AiListening).await;
    let heard = heard_of_it(&floor.stage, &magic(26));
    let (law, greeting) = (heard.find("artificial voice").unwrap(), heard.find("may I speak with").unwrap());
    assert!(law < greeting, "{heard}");
    let call = floor.stage.org.call(id).await.unwrap();
    assert_eq!(call.technology, Technology::ArtificialVoice);
}

#[tokio::test]
async fn without_consent_or_leave_no_machine_speaks() {
    let mut floor = Floor::new().await;
    let account = floor.stage.account(&magic(26)).await;
    let call = floor.stage.start(&account).await.unwrap();
    let id = call.id;
    let org = floor.stage.org.clone();
    assert!(floor.until(async |stage| stage.org.call(id).await.unwrap().facts.person_listens()).await);
    let refused = org.activate_ai(id, ActivateAi::default()).await.unwrap_err();
    assert_eq!((refused.http_status(), refused.machine_code()), (403, "AI_NOT_ENABLED"));
    org.put_ai_prompt_config(wishes()).await.unwrap();
    let refused = org.activate_ai(id, ActivateAi::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Blocked, "{refused:?}");
    assert_eq!(org.ai_status(id).await.unwrap().mode, AiMode::Human);
    // Another organisation sees nothing of it.
    let theirs = floor.stage.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let other = floor.stage.wib.org(Principal::service(theirs)).await.unwrap();
    other.put_ai_prompt_config(wishes()).await.unwrap();
    for refused in [
        other.activate_ai(id, ActivateAi::default()).await.unwrap_err(),
        other.deactivate_ai(id, ActivateAi::default()).await.unwrap_err(),
        other.ai_status(id).await.unwrap_err(),
        other.ai_turns(id).await.unwrap_err(),
    ] {
        assert_eq!(refused.http_status(), 404);
    }
    for greeting in ["You owe us.", "Pay 50 dollars."] {
        let wish = PutAiAgentConfig { greeting: Some(greeting.to_owned()), ..wishes() };
        assert_eq!(org.put_ai_prompt_config(wish).await.unwrap_err().http_status(), 400, "{greeting}");
    }
}

/// Everything that was asked of the machine so far, asked once more.
async fn again(stage: &Stage, call: CallId, round: i64) {
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    for number in 0..=round {
        let payload = json!({"call_id": call, "asked": number, "turn": number});
        for topic in [Topic::AiHear, Topic::AiThink, Topic::AiSpeak] {
            let (key, run_at) = (format!("again:{round}:{number}"), stage.now());
            assert!(tx.enqueue(&NewMessage { topic, key, payload: payload.clone(), run_at }).await.unwrap());
        }
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_run_twice_is_said_once() {
    let mut floor = Floor::new().await;
    let config = PutAiAgentConfig { greeting: Some("Welcome, how are you?".to_owned()), ..wishes() };
    let id = with_machine(&mut floor, &magic(26), config).await;
    assert!(floor.until(async |stage| !turns(stage, id).await.is_empty()).await);
    again(&floor.stage, id, 1).await;
    until(&mut floor, id, AiState::AiListening).await;
    says(&floor.stage, id, "Who is this?").await;
    again(&floor.stage, id, 2).await;
    assert!(floor.until(async |stage| turns(stage, id).await.len() == 2).await);
    again(&floor.stage, id, 3).await;
    until(&mut floor, id, AiState::AiListening).await;
    again(&floor.stage, id, 4).await;
    floor.until(async |stage| state(stage, id).await != AiState::AiListening).await;
    use AiTurnKind as K;
    let said = turns(&floor.stage, id).await;
    assert_eq!(of(&said), [K::Greeting, K::Answer, K::StillThere]);
    let heard = heard_of_it(&floor.stage, &magic(26));
    for turn in &said[..2] {
        assert_eq!(heard.matches(&turn.text).count(), 1, "{heard}");
    }
}
