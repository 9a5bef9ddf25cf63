//! Which words take consent back. Any reasonable means will do (47 CFR 64.1200(a)(10)): the seven words of the rule count
//! by themselves, other wording when a reasonable person would understand it.

/// Words that revoke when they are the whole text, or its first word with nothing but politeness behind it.
const WORDS: &[&str] =
    &["stop", "stopall", "quit", "end", "revoke", "optout", "cancel", "unsubscribe", "remove", "alto", "pare", "basta"];
/// Wordings that revoke wherever they stand.
const PHRASES: &[&str] = &[
    "opt out",
    "opt me out",
    "opting out",
    "unsubscribe",
    "revoke my consent",
    "revoke consent",
    "i revoke",
    "take back my consent",
    "withdraw my consent",
    "withdraw consent",
    "stop calling",
    "stop call",
    "stop texting",
    "stop text",
    "stop messag",
    "stop emailing",
    "stop email",
    "stop contact",
    "stop bothering",
    "stop harassing",
    "quit calling",
    "quit texting",
    "quit contacting",
    "quit bothering",
    "cease and desist",
    "cease communication",
    "cease contact",
    "cease calling",
    "do not call",
    "do not contact",
    "do not text",
    "do not email",
    "do not message",
    "dont call",
    "dont contact",
    "dont text",
    "dont email",
    "dont message",
    "dont ever call",
    "never call",
    "never contact",
    "never text",
    "no more calls",
    "no more texts",
    "no more messages",
    "no more emails",
    "not want to be called",
    "not want to be contacted",
    "not want any more calls",
    "not want calls",
    "not want you to call",
    "not want you calling",
    "dont want to be called",
    "dont want to be contacted",
    "dont want any more calls",
    "dont want calls",
    "dont want you to call",
    "dont want you calling",
    "not wish to be called",
    "not wish to be contacted",
    "take me off",
    "take my number off",
    "remove me",
    "remove my number",
    "delete my number",
    "lose my number",
    "leave me alone",
    "off your list",
    "no me llame",
    "no me llamen",
    "no llame mas",
    "no llamen mas",
    "deje de llamar",
    "dejen de llamar",
    "no me contacte",
    "no me contacten",
];
/// Wordings that hold such words and mean something else.
const HARMLESS: &[&str] = &["dont stop", "do not stop", "stop by", "call me back", "end of", "the end"];
/// Words that may stand beside a word that revokes.
const POLITE: &[&str] = &["please", "now", "it", "this", "all", "thanks", "thank", "you", "me", "por", "favor"];
/// More of a text is not read.
const MOST: usize = 20_000;

/// Whether a text takes back consent to be reached: `STOP`, `please stop calling me`, `take me off your list`.
#[must_use]
pub fn means_stop(text: &str) -> bool {
    let words = words(text);
    let harmless = |joined: &str| HARMLESS.iter().any(|h| has(joined, h));
    let joined = words.join(" ");
    let phrase = PHRASES.iter().any(|p| begins(&joined, p));
    if phrase {
        return true;
    }
    let rest: Vec<_> = words.iter().filter(|w| !POLITE.contains(&w.as_str())).collect();
    !rest.is_empty() && rest.iter().all(|w| WORDS.contains(&w.as_str())) && !harmless(&joined)
}

/// Small words without marks and accents; an apostrophe joins.
fn words(text: &str) -> Vec<String> {
    let plain = |c: char| match c.to_lowercase().next().unwrap_or(c) {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' => 'u',
        c => c,
    };
    let text: String = text.chars().take(MOST).filter(|c| !matches!(c, '\'' | '’' | '`')).map(plain).collect();
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(ToOwned::to_owned).collect()
}

/// Whether the words stand in the text, whole.
fn has(text: &str, words: &str) -> bool {
    format!(" {text} ").contains(&format!(" {words} "))
}

/// Whether the words stand in the text, the last of them perhaps longer.
fn begins(text: &str, words: &str) -> bool {
    format!(" {text}").contains(&format!(" {words}"))
}

#[cfg(test)]
mod tests {
    use super::means_stop;

    #[test]
    fn the_words_of_the_rule_and_natural_wordings_take_consent_back() {
        for text in [
            "STOP",
            "stop.",
            "Please stop",
            "quit",
            "END",
            "Revoke",
            "opt out",
            "Opt-Out",
            "OPTOUT",
            "cancel",
            "Unsubscribe!",
            "stop, please",
            "Stop calling me!",
            "I said don't call me again",
            "DO NOT CALL this number",
            "please take me off your list",
            "I’d like you to quit calling",
            "remove my number from your system",
            "I do not wish to be contacted",
            "leave me alone",
            "I revoke my consent to be called",
            "Ya no me llamen más, por favor",
            "never contact me again",
        ] {
            assert!(means_stop(text), "{text}");
        }
    }

    #[test]
    fn other_talk_takes_nothing_back() {
        for text in [
            "",
            "...",
            "please",
            "yes",
            "I'll pay at the end of the month",
            "can you call me on Thursday",
            "don't stop",
            "I will stop by the office",
            "why was my order cancelled",
            "it never ends",
            "START",
        ] {
            assert!(!means_stop(text), "{text}");
        }
    }
}
