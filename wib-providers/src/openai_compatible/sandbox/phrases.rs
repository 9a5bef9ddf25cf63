//! How the sandbox's model translates: from a phrase book over what is said in the sandbox, English and Spanish.
//!
//! A sentence of the book is turned as a whole, with its names, amounts and days in their places. Of any other sentence the
//! words that the dictionary knows are turned one by one and the rest stays as it was: no grammar is pretended. Into other
//! languages nothing is turned at all.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

/// Sentences in English and Spanish, with slots: `{name}`, `{amount}`, `{day}`.
const BOOK: &[(&str, &str)] = &[
    ("Hello?", "¿Hola?"),
    ("Hello.", "Hola."),
    ("Yes.", "Sí."),
    ("Who is calling?", "¿Quién llama?"),
    ("Hello, this is {name} speaking.", "Hola, habla {name}."),
    ("Hello, I am {name}.", "Hola, soy {name}."),
    ("I am calling about the balance of ${amount} on your account.", "Llamo por el saldo de ${amount} de su cuenta."),
    ("Yes, I know.", "Sí, lo sé."),
    ("I have had a difficult month.", "He tenido un mes difícil."),
    ("I understand.", "Entiendo."),
    ("When could you make a payment?", "¿Cuándo podría hacer un pago?"),
    ("I can pay ${amount} on {day}.", "Puedo pagar ${amount} el {day}."),
    ("I have noted ${amount} for {day}.", "He anotado ${amount} para el {day}."),
    ("Thank you.", "Gracias."),
    ("Goodbye.", "Adiós."),
    ("Yes, this is {name} speaking.", "Sí, habla {name}."),
    ("Hello, my name is {name}.", "Hola, me llamo {name}."),
    ("May I speak with {name}?", "¿Puedo hablar con {name}?"),
    ("{name} does not live here.", "{name} no vive aquí."),
    ("You have the wrong number.", "Tiene el número equivocado."),
    ("I am sorry for the trouble.", "Disculpe la molestia."),
    ("I am calling about your account.", "Llamo por su cuenta."),
    ("This is about your account with us.", "Se trata de su cuenta con nosotros."),
    ("Do you have a minute about your account?", "¿Tiene un minuto para hablar de su cuenta?"),
    ("The balance is ${amount}.", "El saldo es de ${amount}."),
    ("I know, I fell behind a little.", "Lo sé, me atrasé un poco."),
    ("Sorry about that.", "Lo siento."),
    ("Yes, that works for me.", "Sí, me parece bien."),
    ("I don't owe this.", "No debo esto."),
    ("I already paid it last year.", "Ya lo pagué el año pasado."),
    ("I am sorry to hear that.", "Lamento oír eso."),
    ("I will mark the account as disputed.", "Marcaré la cuenta como disputada."),
    ("Please send me proof of the debt in writing.", "Por favor, envíeme una prueba de la deuda por escrito."),
    ("Please stop calling me.", "Por favor, deje de llamarme."),
    ("I don't want any more calls.", "No quiero más llamadas."),
    ("I will note that.", "Lo anotaré."),
    ("I am sorry, I did not get that.", "Perdone, no he entendido eso."),
    ("I am driving right now.", "Estoy conduciendo en este momento."),
    ("Please call me back on {day} afternoon.", "Por favor, llámeme el {day} por la tarde."),
    ("Of course.", "Por supuesto."),
    ("We will call you on {day}.", "Le llamaremos el {day}."),
    ("Drive safely.", "Conduzca con cuidado."),
    ("I have a lawyer, talk to my attorney.", "Tengo un abogado, hable con él."),
    ("How do we reach your attorney?", "¿Cómo podemos comunicarnos con su abogado?"),
    ("When will it be taken from my account?", "¿Cuándo se cobrará de mi cuenta?"),
    ("The payment of ${amount} is taken on {day}.", "El pago de ${amount} se cobra el {day}."),
    ("{day} is fine.", "El {day} está bien."),
    ("I can pay the ${amount} with my card now.", "Puedo pagar los ${amount} con mi tarjeta ahora."),
    ("I am ready for your card number.", "Puede darme el número de su tarjeta."),
    ("Okay.", "De acuerdo."),
    ("Can you tell me how to look at my statement online?", "¿Puede decirme cómo ver mi estado de cuenta en línea?"),
    ("You will find it on our website under documents.", "Lo encontrará en nuestro sitio web, en documentos."),
    ("Thank you, I will have a look.", "Gracias, lo miraré."),
    ("Have a nice day.", "Que tenga un buen día."),
    ("I do not want to be recorded.", "No quiero que me graben."),
];

/// Words in English and Spanish.
const WORDS: &[(&str, &str)] = &[
    ("account", "cuenta"),
    ("and", "y"),
    ("balance", "saldo"),
    ("call", "llamada"),
    ("card", "tarjeta"),
    ("debt", "deuda"),
    ("dollars", "dólares"),
    ("friday", "viernes"),
    ("goodbye", "adiós"),
    ("hello", "hola"),
    ("money", "dinero"),
    ("monday", "lunes"),
    ("month", "mes"),
    ("name", "nombre"),
    ("no", "no"),
    ("number", "número"),
    ("pay", "pagar"),
    ("payment", "pago"),
    ("please", "por favor"),
    ("saturday", "sábado"),
    ("sunday", "domingo"),
    ("thanks", "gracias"),
    ("thursday", "jueves"),
    ("today", "hoy"),
    ("tomorrow", "mañana"),
    ("tuesday", "martes"),
    ("wednesday", "miércoles"),
    ("week", "semana"),
    ("when", "cuándo"),
    ("who", "quién"),
    ("yes", "sí"),
];

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a constant pattern"));
    };
}
pattern!(ORDER, r"You translate lines of a phone call into (\w+)\.");
pattern!(NUMBERED, r"^(\d+)\| (.*)$");
pattern!(SENTENCE, r"[^.!?]*(?:\.\d+[^.!?]*)*[.!?]*\s*");
pattern!(WORD, r"\p{L}+");
pattern!(SLOT, r"\\\{(name|amount|day)\\\}");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    English,
    Spanish,
}
impl Tongue {
    fn of<'t>(self, pair: &(&'t str, &'t str)) -> &'t str {
        if self == Self::English { pair.0 } else { pair.1 }
    }
    const fn other(self) -> Self {
        match self {
            Self::English => Self::Spanish,
            Self::Spanish => Self::English,
        }
    }
}

/// The book's sentences as patterns, in both languages.
static PATTERNS: LazyLock<Vec<(Regex, Regex)>> = LazyLock::new(|| {
    let pattern = |text: &str| {
        let text = regex::escape(text);
        let slots = SLOT.replace_all(&text, |slot: &regex::Captures<'_>| match &slot[1] {
            "amount" => r"(?P<amount>\d[\d,]*(?:\.\d+)?)".to_owned(),
            "day" => r"(?P<day>\p{L}+)".to_owned(),
            // A name, or what stands for one that was taken out.
            _ => r"(?P<name>[\p{Lu}\[][\p{L}\d_\]]*(?: [\p{Lu}\[][\p{L}\d_\]]*)*)".to_owned(),
        });
        Regex::new(&format!("^{slots}$")).expect("a sentence of the book")
    };
    BOOK.iter().map(|(english, spanish)| (pattern(english), pattern(spanish))).collect()
});

/// The answer to an order to translate, when it is one.
pub(super) fn translated(open: &str, data: &str) -> Option<String> {
    let language = ORDER.captures(open)?;
    let into = match &language[1] {
        "English" => Some(Tongue::English),
        "Spanish" => Some(Tongue::Spanish),
        _ => None,
    };
    let numbered = data.lines().filter_map(|line| NUMBERED.captures(line));
    let lines: Vec<(u64, String)> =
        numbered.filter_map(|line| Some((line[1].parse().ok()?, line[2].to_owned()))).collect();
    let told = |(n, text): &(u64, String)| json!({"n": n, "text": into.map_or_else(|| text.clone(), |into| turned(text, into))});
    let mut answer = json!({"lines": lines.iter().map(told).collect::<Vec<Value>>()});
    if open.contains("Answer with `language`") {
        let all = lines.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ");
        answer["language"] = json!(match tongue(&all) {
            Some(Tongue::English) => "en",
            Some(Tongue::Spanish) => "es",
            None => "und",
        });
    }
    Some(answer.to_string())
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    SENTENCE.find_iter(text).map(|found| found.as_str()).filter(|sentence| !sentence.is_empty())
}

/// A text in the other language, sentence by sentence.
fn turned(text: &str, into: Tongue) -> String {
    let sentence = |sentence: &str| {
        let said = sentence.trim_end();
        let gap = &sentence[said.len()..];
        let turned = if by_book(said, into.other()).is_some() || tongue(said) == Some(into) {
            said.to_owned()
        } else {
            by_book(said, into).unwrap_or_else(|| by_word(said, into))
        };
        turned + gap
    };
    sentences(text).map(sentence).collect()
}

/// The sentence as the book has it; none when it has not.
fn by_book(sentence: &str, into: Tongue) -> Option<String> {
    let (pair, found) = BOOK.iter().zip(PATTERNS.iter()).find_map(|(pair, (english, spanish))| {
        let from = if into == Tongue::English { spanish } else { english };
        Some((pair, from.captures(sentence)?))
    })?;
    let mut text = into.of(pair).to_owned();
    for slot in ["name", "amount", "day"] {
        let Some(value) = found.name(slot) else { continue };
        let value = match slot {
            "day" => day(value.as_str(), into),
            _ => value.as_str().to_owned(),
        };
        text = text.replace(&format!("{{{slot}}}"), &value);
    }
    Some(text)
}

/// English days begin with a capital letter.
fn day(word: &str, into: Tongue) -> String {
    let turned = dictionary(word, into).unwrap_or_else(|| word.to_owned());
    if into == Tongue::English { capital(&turned) } else { turned.to_lowercase() }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn dictionary(word: &str, into: Tongue) -> Option<String> {
    let small = word.to_lowercase();
    let pair = WORDS.iter().find(|pair| into.other().of(pair) == small)?;
    Some(into.of(pair).to_owned())
}

fn by_word(sentence: &str, into: Tongue) -> String {
    let word = |word: &regex::Captures<'_>| {
        let turned = dictionary(&word[0], into);
        let great = word[0].starts_with(char::is_uppercase);
        turned.map_or_else(|| word[0].to_owned(), |turned| if great { capital(&turned) } else { turned })
    };
    WORD.replace_all(sentence, word).into_owned()
}

/// Which language a text is in, by sentences of the book, then by words; none when neither tells.
fn tongue(text: &str) -> Option<Tongue> {
    let mut score = 0i64;
    for sentence in sentences(text).map(str::trim) {
        score += 5
            * (i64::from(by_book(sentence, Tongue::Spanish).is_some())
                - i64::from(by_book(sentence, Tongue::English).is_some()));
    }
    for word in WORD.find_iter(text).map(|word| word.as_str().to_lowercase()) {
        let known = |tongue: Tongue| WORDS.iter().any(|pair| tongue.of(pair) == word && pair.0 != pair.1);
        score += i64::from(known(Tongue::English)) - i64::from(known(Tongue::Spanish));
    }
    match score {
        0 => None,
        1.. => Some(Tongue::English),
        _ => Some(Tongue::Spanish),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Behaviour, chance::Chance, scripts};

    fn ask(language: &str, data: &str) -> Value {
        let order = format!("You translate lines of a phone call into {language}. The lines are data.");
        serde_json::from_str(&translated(&order, data).unwrap()).unwrap()
    }

    #[test]
    fn every_sentence_of_the_spanish_script_is_in_the_book_and_comes_back() {
        for seed in 0..40 {
            let script = scripts::conversation(Behaviour::Spanish, &mut Chance::of(seed, &["es"]), None);
            for said in script.turns.iter().flat_map(|turn| sentences(&turn.text)).map(str::trim) {
                let english = by_book(said, Tongue::English).unwrap_or_else(|| panic!("not in the book: {said}"));
                assert_eq!(by_book(&english, Tongue::Spanish).as_deref(), Some(said), "{english}");
            }
        }
    }

    #[test]
    fn what_is_said_in_english_scripts_is_in_the_book() {
        for behaviour in [
            Behaviour::Talks,
            Behaviour::Promises,
            Behaviour::Disputes,
            Behaviour::Ceases,
            Behaviour::CallsBack,
            Behaviour::WrongParty,
        ] {
            for seed in 0..20 {
                let script = scripts::conversation(behaviour, &mut Chance::of(seed, &["en"]), None);
                for said in script.turns.iter().flat_map(|turn| sentences(&turn.text)).map(str::trim) {
                    let spanish = by_book(said, Tongue::Spanish).unwrap_or_else(|| panic!("not in the book: {said}"));
                    assert_eq!(by_book(&spanish, Tongue::English).as_deref(), Some(said), "{spanish}");
                }
            }
        }
    }

    #[test]
    fn lines_are_turned_and_what_went_before_is_not() {
        let data = "*| Entiendo.\n1| Puedo pagar $120.50 el viernes. ¿Quién llama?\n2| Yes, I know.\n3| Gracias, [NAME_1] quiere pagar.";
        let told = ask("English", data);
        let text = |at: usize| told["lines"][at]["text"].as_str().unwrap().to_owned();
        assert_eq!(told["lines"].as_array().unwrap().len(), 3);
        assert_eq!(text(0), "I can pay $120.50 on Friday. Who is calling?");
        assert_eq!(text(1), "Yes, I know.", "English already");
        assert_eq!(text(2), "Thanks, [NAME_1] quiere pay.", "known words only, and no grammar");
        assert_eq!(ask("French", data)["lines"][1]["text"], "Yes, I know.", "into other languages nothing is turned");
        assert_eq!(ask("Spanish", "1| Hello, I am Dana.")["lines"][0]["text"], "Hola, soy Dana.");
    }

    #[test]
    fn the_language_is_named_when_it_is_asked_for_and_known() {
        for (line, language) in [("Sí, lo sé.", "es"), ("I understand.", "en"), ("Hmm.", "und")] {
            let order = "You translate lines of a phone call into English. Answer with `language` beside it.";
            let told: Value = serde_json::from_str(&translated(order, &format!("1| {line}")).unwrap()).unwrap();
            assert_eq!(told["language"], language, "{line}");
        }
        assert_eq!(translated("You analyse a call.", "1| Hola."), None);
    }
}
