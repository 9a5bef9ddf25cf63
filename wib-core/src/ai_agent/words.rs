//! Words that mean the same wherever they are said, and texts that no model makes.

use std::time::Duration;

use crate::live::HeardWord;

/// How many words are more than a sign of listening.
const MANY: usize = 3;
/// How long words must last for that.
const LONG: Duration = Duration::from_millis(600);

/// The fixed texts of one language.
pub(super) struct Texts {
    pub(super) greeting: &'static str,
    pub(super) still_there: &'static str,
    pub(super) handoff: &'static str,
    pub(super) call_back: &'static str,
    pub(super) trouble: &'static str,
    pub(super) goodbye: &'static str,
}
const EN: Texts = Texts {
    greeting: "Hello. How can I help you today?",
    still_there: "Are you still there?",
    handoff: "Please hold the line. A colleague will go on with you.",
    call_back: "A colleague will call you about that.",
    trouble: "I am sorry, I cannot go on at the moment. Please hold the line for a colleague.",
    goodbye: "I cannot hear anybody. Goodbye.",
};
const ES: Texts = Texts {
    greeting: "Hola. ¿En qué puedo ayudarle hoy?",
    still_there: "¿Sigue usted ahí?",
    handoff: "Por favor, espere un momento. Un colega le atenderá.",
    call_back: "Un colega le llamará sobre eso.",
    trouble: "Lo siento, no puedo continuar en este momento. Por favor, espere a un colega.",
    goodbye: "No oigo a nadie. Adiós.",
};
pub(super) fn texts(language: &str) -> &'static Texts {
    if language.starts_with("es") { &ES } else { &EN }
}

/// Who is wanted instead of a machine, one word each.
const HUMANS: &[&str] = &[
    "agent",
    "human",
    "person",
    "representative",
    "transfer",
    "operator",
    "agente",
    "humano",
    "humana",
    "persona",
    "representante",
    "transferir",
    "transfiera",
    "transfiérame",
    "operador",
    "operadora",
];
/// What somebody says who listens.
const SIGNS: &[&str] = &[
    "uh-huh", "uh", "huh", "mhm", "mm", "mmm", "mm-hmm", "hmm", "hm", "ah", "oh", "yeah", "yep", "yes", "yup", "ok",
    "okay", "right", "sure", "i", "see", "got", "it", "go", "on", "exactly", "alright", "sí", "si", "claro", "ajá",
    "aja", "vale", "bueno", "ya", "entiendo", "exacto", "de", "acuerdo", "mmhmm", "eh",
];
/// Of those, what says nothing by itself unless it stands with another.
const PARTS: &[&str] = &["i", "see", "got", "it", "go", "on", "de", "acuerdo"];
const PHRASES: &[&str] = &["i see", "got it", "go on", "de acuerdo"];

fn plain(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',' || c == '…');
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    words.map(bare).filter(|word| !word.is_empty()).collect()
}

/// Whether a person is asked for.
pub(super) fn wants_a_person(text: &str) -> bool {
    plain(text).iter().any(|word| HUMANS.contains(&word.as_str()))
}

/// Whether it says no more than that somebody listens.
pub(super) fn is_back_channel(text: &str) -> bool {
    let words = plain(text);
    if words.is_empty() || !words.iter().all(|word| SIGNS.contains(&word.as_str())) {
        return words.is_empty();
    }
    let mut rest = words.join(" ");
    for phrase in PHRASES {
        rest = rest.replace(phrase, "yes");
    }
    rest.split(' ').all(|word| !PARTS.contains(&word))
}

/// Whether words that are being said are meant to interrupt: several of them, or long ones, and no mere sign of listening.
pub(crate) fn interrupts(words: &[HeardWord]) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let lasted = Duration::try_from(last.ended_at.duration_since(first.started_at)).unwrap_or_default();
    !is_back_channel(&text) && (words.len() >= MANY || lasted >= LONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ai_agent::{Allowed, check},
        kit::Timestamp,
    };

    #[test]
    fn signs_of_listening_are_no_words_in_either_language() {
        for sign in [
            "uh-huh",
            "Uh-huh.",
            "mm",
            "Mm-hmm.",
            "yeah",
            "Yeah, okay.",
            "ok",
            "right",
            "sure",
            "Right, right.",
            "I see.",
            "got it",
            "yes",
            "sí",
            "Claro.",
            "Ajá, vale.",
            "de acuerdo",
            "",
        ] {
            assert!(is_back_channel(sign), "{sign}");
        }
        for said in ["no", "yes I do", "wait", "it", "I", "see you", "I owe", "sí, pero", "claro que no", "who is this"]
        {
            assert!(!is_back_channel(said), "{said}");
        }
    }

    #[test]
    fn a_person_is_asked_for_in_either_language() {
        for said in
            ["Agent!", "I want a human.", "Transfer me, please", "operator", "Quiero una persona", "¿Operadora?"]
        {
            assert!(wants_a_person(said), "{said}");
        }
        for said in ["personally I think", "humane", "that is an agency", "sí"] {
            assert!(!wants_a_person(said), "{said}");
        }
    }

    #[test]
    fn several_words_or_long_ones_interrupt_and_signs_do_not() {
        let word = |text: &str, from: i64, to: i64| HeardWord {
            text: text.to_owned(),
            started_at: Timestamp::from_millisecond(1_780_000_000_000 + from).unwrap(),
            ended_at: Timestamp::from_millisecond(1_780_000_000_000 + to).unwrap(),
        };
        assert!(!interrupts(&[]));
        assert!(!interrupts(&[word("wait", 0, 300)]), "one short word");
        assert!(interrupts(&[word("wait", 0, 600)]), "a long one");
        assert!(interrupts(&[word("who", 0, 100), word("is", 100, 200), word("this", 200, 300)]));
        assert!(!interrupts(&[word("yeah", 0, 400), word("okay", 400, 900), word("right", 900, 1500)]));
    }

    #[test]
    fn no_fixed_text_names_a_debt_or_an_amount() {
        for texts in [&EN, &ES] {
            let all = [texts.greeting, texts.still_there, texts.handoff, texts.call_back, texts.trouble, texts.goodbye];
            for text in all {
                assert_eq!(check(text, &Allowed::default()), Ok(()), "{text}");
            }
        }
    }
}
