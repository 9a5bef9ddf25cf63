//! People who refuse, pay, are somebody else; machines that take a message.

use super::*;
use crate::sandbox::Card;

fn sum_of_luhn(number: &str) -> u32 {
    let weigh = |(nth, digit): (usize, char)| {
        let digit = digit.to_digit(10).unwrap() * if nth % 2 == 1 { 2 } else { 1 };
        digit / 10 + digit % 10
    };
    number.chars().rev().enumerate().map(weigh).sum()
}

/// Who said what.
fn lines(rig: &Rig, number: &str) -> Vec<(&'static str, String)> {
    rig.play(number);
    rig.sandbox.said(number)
}

fn customer<'l>(lines: &'l [(&'static str, String)]) -> Vec<&'l str> {
    lines.iter().filter(|(who, _)| *who == "customer").map(|(_, text)| text.as_str()).collect()
}

#[test]
fn who_refuses_recording_hears_the_notice_and_talks_on_seconds_later() {
    let rig = Rig::new(6);
    let lines = lines(&rig, magic(Behaviour::RefusesRecording));
    assert_eq!(lines[0].1, NOTICE);
    assert_eq!(lines[1].1, "I do not want to be recorded.");
    assert!(customer(&lines).last().unwrap().starts_with("Thank you, I will have a look."));
    let (_, list) = rig.get("/telnyx/v2/recordings");
    let path = list["data"][0]["download_urls"]["wav"].as_str().unwrap();
    let sound = super::super::sound::Sound::hear(&fetch(&rig, path).1).unwrap();
    let quiet = sound.lines[1].start_ms - sound.lines[0].end_ms;
    assert!((6_000..7_000).contains(&quiet), "{quiet}");
}

#[test]
fn a_card_is_spoken_in_digits_seconds_after_the_agent_is_ready_for_it() {
    let (rig, number) = (Rig::new(6), magic(Behaviour::PaysByCard));
    let lines = lines(&rig, number);
    let [card] = rig.sandbox.spoken_cards(number).try_into().unwrap();
    let at = lines.iter().position(|(_, text)| *text == card.in_digits()).unwrap();
    assert_eq!((lines[at - 1].0, lines[at - 1].1.as_str()), ("agent", "I am ready for your card number."));
    assert_eq!((lines[at + 1].0, lines[at + 1].1.as_str()), ("agent", "Thank you."));
    assert!(lines.last().unwrap().1.ends_with("is fine. Goodbye."));
    let known = Card { number: "378282246310005".into(), expiry: "0927".into(), code: "737".into() };
    assert_eq!(known.in_digits(), "3782 8224 6310 005, expires 09 27, security code 737.");
}

#[test]
fn a_card_is_spoken_in_words_that_give_back_its_digits() {
    let number = magic(Behaviour::PaysByCardInWords);
    let mut all = String::new();
    for seed in 0..40 {
        let rig = Rig::new(seed);
        let lines = lines(&rig, number);
        let card = rig.sandbox.spoken_cards(number).remove(0);
        let spoken = customer(&lines).into_iter().find(|text| text.contains("security code")).unwrap().to_owned();
        assert!(!spoken.contains(|c: char| c.is_ascii_digit()), "{spoken}");
        let (mut digits, mut times) = (String::new(), 1);
        for word in spoken.split([' ', ',', '.']) {
            const WORDS: &[&str] = &["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
            match WORDS.iter().position(|known| *known == word).or((word == "oh").then_some(0)) {
                Some(digit) => digits += &digit.to_string().repeat(std::mem::replace(&mut times, 1)),
                None => times = if word == "double" { 2 } else { 1 },
            }
        }
        assert_eq!(digits, format!("{}{}{}", card.number, card.expiry, card.code), "{spoken}");
        all += &spoken;
    }
    assert!(all.contains("double ") && all.contains("oh ") && all.contains("zero "), "{all}");
}

#[test]
fn a_card_is_pressed_key_by_key_and_never_spoken() {
    let (rig, number) = (Rig::new(6), magic(Behaviour::PaysByKeys));
    let events = rig.play(number);
    let [card] = rig.sandbox.spoken_cards(number).try_into().unwrap();
    let pressed = events.iter().filter(|event| event["data"]["event_type"] == "call.dtmf.received");
    let keys: String = pressed.map(|event| event["data"]["payload"]["digit"].as_str().unwrap()).collect();
    assert_eq!(keys, format!("{}#{}#{}#", card.number, card.expiry, card.code));
    let said = rig.sandbox.said(number);
    assert!(said.iter().all(|(_, text)| !text.contains("expires")), "{said:?}");
    assert!(said.last().unwrap().1.ends_with("is fine. Goodbye."), "{said:?}");
}

#[test]
fn a_thousand_calls_give_a_thousand_cards_that_pass_the_check_and_repeat_by_seed() {
    let number = magic(Behaviour::PaysByCard);
    let cards = |calls| {
        let rig = Rig::new(8);
        (0..calls).for_each(|_| drop(rig.dial(number, &json!({}))));
        rig.run(300, |_, _| 200);
        rig.sandbox.spoken_cards(number)
    };
    let thousand = cards(1_000);
    let mut numbers: Vec<_> = thousand.iter().map(|card| card.number.as_str()).collect();
    assert!(numbers.iter().all(|number| sum_of_luhn(number).is_multiple_of(10) && matches!(number.len(), 15 | 16)));
    assert_eq!(sum_of_luhn("4111111111111111") % 10, 0);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 1_000);
    assert_eq!(cards(3), thousand[..3]);
}

#[test]
fn a_wrong_party_and_an_attorney_s_client_say_so_and_no_balance_is_told_to_the_stranger() {
    let rig = Rig::new(6);
    let stranger = lines(&rig, magic(Behaviour::WrongParty));
    assert!(customer(&stranger).iter().any(|text| text.contains("does not live here")), "{stranger:?}");
    assert!(stranger.iter().skip(1).all(|(_, text)| !text.contains('$') && !text.contains("account")), "{stranger:?}");
    let client = lines(&rig, magic(Behaviour::Attorney));
    assert!(customer(&client).contains(&"I have a lawyer, talk to my attorney."), "{client:?}");
}

#[test]
fn nobody_but_the_magic_numbers_is_one_of_the_rarer_people() {
    use Behaviour::{Attorney, PaysByCard, PaysByCardInWords, PaysByKeys, RefusesRecording, WrongParty};
    let rare = [Attorney, PaysByCard, PaysByCardInWords, PaysByKeys, RefusesRecording, WrongParty];
    let others = (0..2_000).map(|n| super::super::people::behaviour(1, &format!("+1312555{n:04}")));
    assert!(others.into_iter().all(|behaviour| !rare.contains(&behaviour)));
}

const MESSAGE: &str =
    "Hello, this is Dana at Lakeside. Please call me back at 312 555 0100. Any representative can help.";

/// A call to a machine; what is spoken at the answer, and what once the greeting has ended.
fn machine(at_answer: Option<&str>, at_beep: Option<&str>, then: impl Fn(&Rig, &Value, &str)) -> Rig {
    let rig = Rig::new(6);
    let call = rig.dial(magic(Behaviour::Voicemail), &json!({}));
    rig.run(120, |_, event| {
        let name = event["data"]["event_type"].as_str().unwrap();
        let text = match name {
            "call.answered" => at_answer,
            "call.machine.premium.greeting.ended" => at_beep,
            _ => None,
        };
        if let Some(text) = text {
            assert_eq!(rig.command(&call, "speak", &json!({"payload": text, "voice": "female"})).0, 200);
        }
        then(&rig, &call, name);
        200
    });
    rig
}

fn left(rig: &Rig) -> Option<(String, bool)> {
    rig.sandbox.voicemail_left(magic(Behaviour::Voicemail)).map(|left| (left.text, left.cut_off))
}

#[test]
fn a_message_spoken_after_the_greeting_is_left_whole() {
    let rig = machine(None, Some(MESSAGE), |rig, call, name| {
        if name == "call.speak.ended" {
            assert_eq!(rig.command(call, "hangup", &json!({})).0, 200);
        }
    });
    assert_eq!(left(&rig), Some((MESSAGE.to_owned(), false)));
    let silent = machine(None, None, |_, _, _| {});
    assert_eq!(left(&silent), None);
}

#[test]
fn a_message_is_cut_off_by_a_hangup_by_the_machine_s_limit_and_by_the_greeting() {
    let hung_up = machine(None, Some(MESSAGE), |rig, call, name| {
        if name == "call.speak.started" {
            rig.clock.advance(Duration::from_millis(1_500));
            assert_eq!(rig.command(call, "hangup", &json!({})).0, 200);
        }
    });
    let (text, cut_off) = left(&hung_up).unwrap();
    assert!(cut_off && MESSAGE.starts_with(&text) && text.len() < MESSAGE.len() / 2, "{text}");
    let (text, cut_off) = left(&machine(None, Some(&MESSAGE.repeat(9)), |_, _, _| {})).unwrap();
    assert!(cut_off && text.len() > 400, "{text}");
    let early = format!("{MESSAGE} {MESSAGE}");
    let (text, cut_off) = left(&machine(Some(&early), None, |_, _, _| {})).unwrap();
    assert!(cut_off && early.ends_with(&text) && text.len() < early.len(), "{text}");
    assert_eq!(left(&machine(Some("This call is recorded."), None, |_, _, _| {})), None);
}
