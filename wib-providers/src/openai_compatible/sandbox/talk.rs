//! How the sandbox's model talks with a person on the telephone: by the words that were said, and by the facts it was given.

use super::analysis::unfence;

/// What tells the model that it takes part in a call.
const TASK: &str = "You take part in a phone call";

/// What it says, when that is what it is asked for.
pub(super) fn reply(messages: &[(&str, String)]) -> Option<String> {
    let asked = messages.iter().any(|(role, text)| *role != "assistant" && text.starts_with(TASK));
    let told: Vec<_> =
        messages.iter().filter(|(role, _)| *role != "assistant").map(|(_, text)| unfence(text)).collect();
    let (last_outside, last) = told.last().filter(|_| asked)?;
    let facts = told.iter().map(|(_, inside)| inside.as_str()).find(|inside| inside.starts_with("language:"))?;
    let fact = |name: &str| facts.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let spanish = fact("language:").is_some_and(|tag| tag.starts_with("es"));
    let say = |english: &str, spanish_text: &str| if spanish { spanish_text } else { english }.to_owned();
    if last_outside.contains("Greet the person now") {
        return Some(match fact("person:") {
            Some(name) => say("Hello, may I speak with", "Hola, ¿hablo con") + " " + name + "?",
            None => say("Hello, how can I help you today?", "Hola, ¿en qué puedo ayudarle hoy?"),
        });
    }
    let last = last.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| last.contains(word));
    let terms = ["discount", "less", "settle", "instalment", "installment", "later", "descuento", "rebaja", "cuotas"];
    Some(if has(&terms) {
        say("A colleague will call you about that.", "Un colega le llamará sobre eso.")
    } else if has(&["how much", "balance", "owe", "cuánto", "saldo"]) {
        match fact("balance:") {
            Some(balance) => say("The balance is", "El saldo es de") + " " + balance + ".",
            None => say(
                "I can talk about that only with the person I am calling for. May I ask who is speaking?",
                "Puedo hablar de eso solo con la persona a la que llamo. ¿Con quién hablo?",
            ),
        }
    } else if has(&["thank", "bye", "gracias", "adiós"]) {
        say("Thank you for your time. Goodbye.", "Gracias por su tiempo. Adiós.")
    } else if has(&["understand", "what is this", "who is this", "entiendo", "quién"]) {
        say(
            "I am an artificial voice and speak for the company that is calling you. I can help you or find a colleague.",
            "Soy una voz artificial y hablo por la empresa que le llama. Puedo ayudarle o buscar a un colega.",
        )
    } else if has(&["yes", "this is", "speaking", "sí", "soy"]) {
        say(
            "Thank you for taking the call. I would like to ask how we may help you, and please take all the time that you need.",
            "Gracias por atender la llamada. Quisiera saber cómo podemos ayudarle, y tómese todo el tiempo que necesite.",
        )
    } else {
        say("I see. Could you tell me more?", "Ya veo. ¿Podría contarme más?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(facts: &str, said: &str) -> Option<String> {
        let fence = |text: &str| format!("<<<DATA x\n{text}\nDATA x>>>");
        let messages = [("system", format!("{TASK} and speak.")), ("user", fence(facts)), ("user", fence(said))];
        reply(&messages)
    }

    #[test]
    fn it_names_a_balance_that_it_was_given_and_no_other() {
        let knows = "language: en-US\nbalance: $120.50";
        assert_eq!(asked(knows, "How much is it?").unwrap(), "The balance is $120.50.");
        assert!(asked("language: en-US", "How much is it?").unwrap().contains("who is speaking"));
        assert_eq!(asked("language: es-US", "¿Me hace un descuento?").unwrap(), "Un colega le llamará sobre eso.");
        assert_eq!(asked("speaker: customer", "How much?"), None, "another task");
    }
}
