//! What is spoken on a call by us: fixed texts, by language, never made by a machine; and the command that speaks them.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallFacts, CallId,
    carry::{load, main_leg, note},
    judged,
    tag::{Step, Tag},
};
use crate::{
    collections::Person,
    compliance::{ActKind, DutyKind, Outcome, Technology},
    disclosures::{Disclosure, SpokenBy},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Phone, Result, canonical, time, time::Timestamp},
    ports::{
        Fault,
        voice::{Command, Direction, Order, Speak},
    },
    store::OrgTx,
    wib::{Settings, Wib},
};

/// How long the end of a machine's greeting is waited for: without its event the message is spoken then.
pub(super) const GREETING: Duration = Duration::from_secs(30);
/// How long a message may take, from the end of the greeting to its own.
const MESSAGE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);

/// What became of an utterance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spoken {
    /// The duties it does when it was spoken to its end.
    pub duties: BTreeSet<DutyKind>,
    /// When it began, as the vendor told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was spoken to its end, as the vendor told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it was cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Timestamp>,
    /// Which words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
}
impl Spoken {
    pub(super) fn also(&mut self, duties: &BTreeSet<DutyKind>) -> &mut Self {
        self.duties.extend(duties);
        self
    }
}

/// Which words were spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// `sha256:<hex>` of them, UTF-8.
    pub text_hash: String,
    /// Their language, BCP 47.
    pub language: String,
}

/// The particulars of a limited-content message (12 CFR 1006.2(j)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedContent {
    /// The business's name; one that does not tell of collecting.
    pub business_name: String,
    /// A natural person who may be asked for.
    pub name: String,
    /// The number to call back.
    pub number: Phone,
}

/// Whether a business's name says, to whoever hears it, that debts are collected.
pub(crate) fn tells_of_collecting(name: &str) -> bool {
    let name = name.to_lowercase();
    ["collect", "debt", "recover", "cobr", "deuda"].iter().any(|word| name.contains(word))
}

/// The fixed texts of one language.
struct Texts {
    /// BCP 47, for the voice.
    language: &'static str,
    identify: &'static str,
    artificial: &'static str,
    recorded: &'static str,
    mini_miranda: &'static str,
    collector: &'static str,
    time_barred: &'static str,
    message: &'static str,
    welcome: &'static str,
    unattended: &'static str,
    hold: &'static str,
    unreached: &'static str,
}

/// English.
const EN: Texts = Texts {
    language: "en-US",
    identify: "Hello. This is {business}.",
    artificial: "You are hearing an artificial voice.",
    recorded: "This call is recorded.",
    mini_miranda: "This is an attempt to collect a debt. Any information obtained will be used for that purpose.",
    collector: "This communication is from a debt collector.",
    time_barred: "The law limits how long you can be sued on a debt. Because of the age of this debt, we will not sue you for it.",
    message: "This is {name} calling from {business}. Please call me or any of our representatives back at {number}.",
    welcome: "Thank you for calling {business}.",
    unattended: "Nobody can take your call at the moment. Please call again later. Goodbye.",
    hold: "Please hold the line.",
    unreached: "The person could not be reached.",
};
/// Spanish.
const ES: Texts = Texts {
    language: "es-US",
    identify: "Hola. Le llama {business}.",
    artificial: "Usted está escuchando una voz artificial.",
    recorded: "Esta llamada se graba.",
    mini_miranda: "Este es un intento de cobrar una deuda. Toda información obtenida se usará para ese fin.",
    collector: "Esta comunicación es de un cobrador de deudas.",
    time_barred: "La ley limita el tiempo en que se le puede demandar por una deuda. Debido a la antigüedad de esta deuda, no le demandaremos por ella.",
    message: "Habla {name} de {business}. Por favor, devuélvame la llamada, a mí o a cualquiera de nuestros representantes, al {number}.",
    welcome: "Gracias por llamar a {business}.",
    unattended: "En este momento nadie puede atender su llamada. Por favor, llame más tarde. Adiós.",
    hold: "Por favor, espere un momento.",
    unreached: "No se pudo localizar a la persona.",
};

/// The language that a text is spoken in: the person's where there are fixed texts in it, the installation's otherwise.
/// Legal words are never translated by a machine (12 CFR 1006.18(e)(4)).
fn texts(settings: &Settings, person: Option<&str>) -> &'static Texts {
    let tongue = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    match tongue(person.unwrap_or(&settings.notice_language)).as_str() {
        "es" => &ES,
        "en" => &EN,
        _ if tongue(&settings.notice_language) == "es" => &ES,
        _ => &EN,
    }
}

/// A text that is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Utterance {
    pub(super) step: Step,
    pub(super) duties: BTreeSet<DutyKind>,
    pub(super) text: String,
    pub(super) language: String,
}
impl Utterance {
    pub(super) fn words(&self) -> Words {
        Words { text_hash: canonical::sha256(self.text.as_bytes()), language: self.language.clone() }
    }
    /// The command that speaks it, once per call and step.
    fn command(&self, call: CallId, now: Timestamp) -> NewMessage {
        let key = if self.step == Step::Opening { call.to_string() } else { format!("{call}:{}", self.step) };
        let payload = json!({
            "call_id": call, "step": self.step, "duties": self.duties, "text": self.text, "language": self.language,
        });
        NewMessage { topic: Topic::SpeakNotice, key, payload, run_at: now }
    }
}

/// The words of a step on this call; `None` when there is nothing to say.
pub(super) fn utterance(wib: &Wib, call: &Call, person: Option<&Person>, step: Step) -> Option<Utterance> {
    let settings = &wib.settings;
    let route = call.facts.route.as_ref();
    // What an organisation wrote for its number is in the installation's language, and all of one utterance is in one.
    let written = step == Step::Opening && route.is_some_and(|r| r.notice.is_some() || r.greeting.is_some());
    let texts = texts(settings, language_of(person).filter(|_| !written));
    let own = texts.language.get(..2) == settings.notice_language.get(..2);
    let language = if own { settings.notice_language.clone() } else { texts.language.to_owned() };
    let mut duties: BTreeSet<_> = step.duty().into_iter().collect();
    let text = match step {
        Step::Dial | Step::Notice | Step::Leg | Step::Hold | Step::Unreached | Step::Reply => return None,
        Step::ArtificialVoice => texts.artificial.to_owned(),
        Step::Unattended => texts.unattended.to_owned(),
        Step::Opening => {
            let mut parts = Vec::new();
            if let Some(business) = &settings.business_name {
                duties.insert(DutyKind::Identify);
                let text = if call.direction == Direction::Inbound { texts.welcome } else { texts.identify };
                parts.push(text.replace("{business}", business));
            }
            if call.technology == Technology::ArtificialVoice || call.listen.is_some_and(|l| l.translate && l.speak) {
                duties.insert(DutyKind::AiDisclosure);
                parts.push(texts.artificial.to_owned());
            }
            if call.record {
                duties.insert(DutyKind::RecordingNotice);
                let ours = || if own { settings.recording_notice.clone() } else { texts.recorded.to_owned() };
                parts.push(route.and_then(|r| r.notice.clone()).unwrap_or_else(ours));
            }
            parts.extend(route.and_then(|r| r.greeting.clone()));
            (!parts.is_empty()).then(|| parts.join(" "))?
        }
        Step::MiniMiranda => texts.mini_miranda.to_owned(),
        Step::CollectorNotice => texts.collector.to_owned(),
        Step::TimeBarredNotice => texts.time_barred.to_owned(),
        Step::Message => message(settings.limited_content.as_ref()?, texts),
    };
    Some(Utterance { step, duties, text, language })
}

/// The limited-content message (12 CFR 1006.2(j)): a business name that does not tell of collecting, who calls, the wish
/// to be called back, and the number. Not a word more.
fn message(content: &LimitedContent, texts: &Texts) -> String {
    let text = texts.message.replace("{name}", &content.name).replace("{business}", &content.business_name);
    text.replace("{number}", &spaced(content.number.as_str()))
}

/// A number as a voice can say it: digit by digit.
fn spaced(number: &str) -> String {
    number.trim_start_matches('+').chars().map(String::from).collect::<Vec<_>>().join(" ")
}

/// The language a person is spoken to in, when it is known.
fn language_of(person: Option<&Person>) -> Option<&str> {
    person?.language.as_deref()
}

/// The language in which a person is spoken to: one that has fixed texts.
pub(super) fn spoken_language(wib: &Wib, person: Option<&Person>) -> &'static str {
    texts(&wib.settings, language_of(person)).language
}

/// What a member hears when the person could not be reached.
pub(super) fn unreached(wib: &Wib) -> Speak {
    plain(wib, |texts| texts.unreached)
}

/// What a person hears who is put on hold.
pub(super) fn on_hold(wib: &Wib) -> Speak {
    plain(wib, |texts| texts.hold)
}

fn plain(wib: &Wib, of: fn(&Texts) -> &'static str) -> Speak {
    let texts = texts(&wib.settings, None);
    Speak { text: of(texts).to_owned(), language: texts.language.to_owned(), ..Speak::default() }
}

/// Keeps what was disclosed. What was cut off is kept once the call is over: until then its end may still be told.
pub(super) async fn disclose(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, over: bool) -> Result<()> {
    for (step, spoken) in &call.facts.spoken {
        let Some(started_at) = spoken.started_at.or(spoken.ended_at) else { continue };
        if spoken.ended_at.is_none() && !over {
            continue;
        }
        let words = spoken.words.clone().unwrap_or_else(|| earlier_words(wib, *step));
        for kind in &spoken.duties {
            let row = Disclosure {
                id: wib.id(),
                call_id: call.id,
                account_id: call.account_id,
                person_id: call.person_id,
                kind: *kind,
                text_hash: words.text_hash.clone(),
                language: words.language.clone(),
                started_at,
                ended_at: spoken.ended_at,
                spoken_by: SpokenBy::System,
                created_at: wib.now(),
            };
            tx.note_disclosure(&row).await?;
        }
    }
    for (kind, at) in &call.facts.given {
        let row = Disclosure {
            id: wib.id(),
            call_id: call.id,
            account_id: call.account_id,
            person_id: call.person_id,
            kind: *kind,
            // A member's own words are in the recording alone.
            text_hash: canonical::sha256(b""),
            language: wib.settings.notice_language.clone(),
            started_at: *at,
            ended_at: Some(*at),
            spoken_by: SpokenBy::Agent,
            created_at: wib.now(),
        };
        tx.note_disclosure(&row).await?;
    }
    Ok(())
}

/// The words of a notice that an earlier version ordered.
pub(crate) fn earlier_words(wib: &Wib, _step: Step) -> Words {
    let text_hash = canonical::sha256(wib.settings.recording_notice.as_bytes());
    Words { text_hash, language: wib.settings.notice_language.clone() }
}

impl CallFacts {
    /// Whether the message on a machine is over, one way or the other.
    pub(super) fn message_over(&self) -> bool {
        let over = |s: &Spoken| s.ended_at.is_some() || s.cut_at.is_some();
        self.message_judged == Some(false) || self.spoken.get(&Step::Message).is_some_and(over)
    }
    /// Whether a message was begun and not spoken to its end: what is on the machine is no limited-content message any
    /// more, and may be a communication (comment 2(j) to 12 CFR 1006.2).
    #[must_use]
    pub fn message_truncated(&self) -> bool {
        let over = self.hangup.is_some();
        self.spoken
            .get(&Step::Message)
            .is_some_and(|s| s.ended_at.is_none() && (s.cut_at.is_some() || (over && s.started_at.is_some())))
    }
    /// When a machine that is to be left a message is hung up on at the latest.
    pub(super) fn message_until(&self) -> Option<Timestamp> {
        let heard = self.answered_by.as_ref()?.at;
        Some(time::after(self.greeting_ended_at.unwrap_or_else(|| time::after(heard, GREETING)), MESSAGE))
    }
}

/// What is to be spoken now, and the words of what is known to have been spoken.
pub(super) async fn due(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call) -> Result<Option<NewMessage>> {
    let facts = &call.facts;
    let machine = facts.machine_listens() && message_wanted(wib, call);
    let step = match () {
        () if machine || facts.spoken.contains_key(&Step::Message) => Step::Message,
        () if facts.person_listens() || facts.spoken.contains_key(&Step::Opening) => Step::Opening,
        () => return Ok(None),
    };
    let said = facts.spoken.get(&step);
    let (listens, known) = (machine || facts.person_listens(), said.is_some_and(|s| s.words.is_some()));
    let begun =
        said.is_some_and(|s| s.started_at.is_some() || s.ended_at.is_some()) || facts.notice_started_at.is_some();
    if known && (begun || !listens) {
        return Ok(None);
    }
    let person: Option<Person> = match call.person_id {
        Some(id) => tx.find(id).await?,
        None => None,
    };
    let Some(utterance) = utterance(wib, call, person.as_ref(), step) else { return Ok(None) };
    ask(call, &utterance);
    Ok((listens && !begun).then(|| utterance.command(call.id, wib.now())))
}

/// Writes down which words are to be spoken; the first ones stay.
fn ask(call: &mut Call, utterance: &Utterance) {
    let spoken = call.facts.spoken.entry(utterance.step).or_default().also(&utterance.duties);
    spoken.words.get_or_insert_with(|| utterance.words());
}

/// Orders a text to be spoken, once.
pub(super) async fn order(wib: &Wib, tx: &mut dyn OrgTx, call: &mut Call, utterance: &Utterance) -> Result<()> {
    ask(call, utterance);
    tx.enqueue(&utterance.command(call.id, wib.now())).await.map(drop)
}

/// Whether a message is to be left when a machine answers: never on a fax.
pub(super) fn message_wanted(wib: &Wib, call: &Call) -> bool {
    let machine = call.facts.answered_by.as_ref().is_some_and(|f| f.value == crate::ports::voice::AnsweredBy::Machine);
    machine && wib.settings.limited_content.is_some() && call.facts.end_asked_at.is_none()
}

/// Speaks a fixed text: to a person, or the one message to a machine after its greeting.
pub(crate) async fn speak(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    let facts = &call.facts;
    let step: Step = message.payload_field("step").unwrap_or(Step::Notice);
    let listens = if step == Step::Message { facts.machine_listens() } else { facts.person_listens() };
    let Some(leg) = main_leg(&mut *tx, call.id).await?.filter(|_| listens && facts.end_asked_at.is_none()) else {
        return Ok(Done::Ack);
    };
    if let (Step::Message, None, Some(heard)) = (step, facts.greeting_ended_at, &facts.answered_by)
        && wib.now() < time::after(heard.at, GREETING)
    {
        return Ok(Done::wait(time::after(wib.now(), LOOK), "the greeting is not over"));
    }
    let mut call = call;
    if step == Step::Message && call.facts.message_judged.is_none() {
        let verdict = judged::judge(wib, &mut *tx, &call, ActKind::Voicemail).await?;
        let stored = judged::keep(wib, &mut *tx, &call, &verdict).await?;
        let permitted = verdict.outcome() == Outcome::Permit;
        call.facts.message_judged = Some(permitted);
        if !permitted {
            let data = json!({"verdict_id": stored.id, "blocked_by": stored.blocked_by});
            note(wib, &mut *tx, call.id, "message_blocked", "call.message.blocked", data, wib.now()).await?;
        }
        tx.update(&call).await?;
        tx.commit().await?;
    } else {
        drop(tx);
    }
    if step == Step::Message && call.facts.message_judged == Some(false) {
        return Ok(Done::Ack);
    }
    let mut tag = Tag::of(organization, call.id, step);
    tag.duties.extend(message.payload_field::<BTreeSet<DutyKind>>("duties").unwrap_or_default());
    let speak = Speak {
        text: message.payload_field("text").unwrap_or_else(|_| wib.settings.recording_notice.clone()),
        language: message.payload_field("language").unwrap_or_else(|_| wib.settings.notice_language.clone()),
        ..Speak::default()
    };
    let order = Order::new(Command::Speak(speak), format!("{}-{step}", call.id)).tagged(wib.tags.seal(&tag));
    match wib.voice.steer(&leg.names(), &order).await {
        // Over already: its end is on the way to us.
        Err(gone) if gone.fault == Fault::Missing => {}
        spoken => spoken?,
    }
    Ok(Done::Ack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_but_the_disclosures_names_a_debt() {
        for texts in [&EN, &ES] {
            for text in [
                texts.identify,
                texts.artificial,
                texts.recorded,
                texts.message,
                texts.welcome,
                texts.unattended,
                texts.hold,
                texts.unreached,
            ] {
                let text = text.to_lowercase();
                for word in ["debt", "deuda", "collect", "cobr", "owe", "account", "cuenta", "pay", "pago"] {
                    assert!(!text.contains(word), "{text}: {word}");
                }
            }
        }
    }

    #[test]
    fn a_person_is_spoken_to_in_a_language_that_has_fixed_texts() {
        let settings = Settings::default();
        assert_eq!(texts(&settings, Some("es-MX")).language, "es-US");
        assert_eq!(texts(&settings, Some("fr")).language, "en-US");
        assert_eq!(texts(&settings, None).language, "en-US");
        let spanish = Settings { notice_language: "es-MX".to_owned(), ..Settings::default() };
        assert_eq!(texts(&spanish, Some("fr")).language, "es-US");
        assert_eq!(texts(&spanish, Some("en-GB")).language, "en-US");
    }
}
