//! Lines in the other side's language while the call goes on: at once, or not at all.

use std::time::Duration;

use serde_json::json;

use super::{LineId, LineTranslation, Listen, LiveKind, LiveLine, Speaker, speak};
use crate::{
    ai::{
        self,
        payment::{self, Turn},
    },
    calls::Call,
    collections::Person,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Result, text::TextEnum, time},
    orgs::OrganizationId,
    ports::llm::Completion,
    store::{OrgTx, Repo},
    translation::{self, Language, OURS, Texts},
    wib::Wib,
};

/// A translation that comes later than this after its line is worth nothing.
const LATE: Duration = Duration::from_secs(30);
/// Lines before one that help to understand it.
const CONTEXT: i64 = 4;
/// Lines before one in which the other side's language is looked for.
const BEFORE: i64 = 50;
/// The model of what nobody could translate.
const NONE: &str = "none";

/// Asks for a line's translation.
pub(super) async fn ask(tx: &mut dyn OrgTx, line: &LiveLine) -> Result<()> {
    let payload = json!({"call_id": line.call_id, "line_id": line.id});
    let message =
        NewMessage { topic: Topic::TranslateLine, key: line.id.to_string(), payload, run_at: line.created_at };
    tx.enqueue(&message).await.map(drop)
}

/// What came of a line.
struct Made {
    text: String,
    source: Option<String>,
    answer: Option<Completion>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Translated,
    Copied,
    Untranslated,
    Late,
}
impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Translated => "translated",
            Self::Copied => "copied",
            Self::Untranslated => "untranslated",
            Self::Late => "late",
        }
    }
}

impl Made {
    fn own(line: &LiveLine, outcome: Outcome) -> Self {
        Self { text: line.text.clone(), source: None, answer: None, outcome }
    }
}

/// What is to be translated, and into what.
struct Wish {
    organization: OrganizationId,
    call: Call,
    line: LiveLine,
    listen: Listen,
    target: Language,
    before: Vec<LiveLine>,
}

impl Wish {
    /// `None` when there is nothing to translate: the line is gone, it is translated, or nobody knows into what.
    async fn of(wib: &Wib, message: &Message) -> Result<Option<Self>> {
        let organization =
            message.organization_id.ok_or_else(|| Error::internal("a translation has no organization"))?;
        let line_id: LineId = message.payload_field("line_id")?;
        let mut tx = wib.store.org(organization).await?;
        let Some(line) = Repo::<LiveLine>::find(&mut *tx, line_id).await? else { return Ok(None) };
        let call = Repo::<Call>::find(&mut *tx, line.call_id).await?.or_not_found("call")?;
        let Some(listen) = call.listen.filter(|listen| listen.translate) else { return Ok(None) };
        let Some(target) = language_of(&mut *tx, &call, &listen, &line).await? else {
            // Not one of the languages that are translated into, or none that anybody knows yet.
            count("unknown_language");
            return Ok(None);
        };
        if made(&mut *tx, &line, target).await? {
            return Ok(None);
        }
        let before = tx.lines_after(call.id, line.line_index - 1 - CONTEXT, CONTEXT).await?;
        let before = before.into_iter().filter(|said| said.line_index < line.line_index).collect();
        Ok(Some(Self { organization, call, line, listen, target, before }))
    }
    /// The language of the line, when it is known.
    fn source(&self) -> Option<String> {
        let wished = || self.listen.language(self.line.speaker).map(|language| language.as_str().to_owned());
        self.line.language.clone().or_else(wished)
    }
    async fn by_model(&self, wib: &Wib) -> Result<Made> {
        let before: Vec<&str> = self.before.iter().map(|line| line.text.as_str()).collect();
        let said = [self.line.text.as_str()];
        let source = self.source();
        let mut asked = Texts::after(&before, &said);
        if source.is_none() {
            asked = asked.unnamed();
        }
        let mut prompt = asked.prompt(self.target);
        prompt.route.live = true;
        let answer = ai::ask(wib, self.organization, Some(self.call.id), &prompt).await?;
        let mut read = asked.read(&answer.text)?;
        let text = read.texts.pop().unwrap_or_default();
        // What is masked stays masked, whatever a model writes.
        let turn = Turn { speaker: self.line.speaker.as_str(), text: &text, masked: false };
        let text = payment::scrub(&[turn]).texts.pop().unwrap_or_default();
        Ok(Made { text, source: source.or(read.language), answer: Some(answer), outcome: Outcome::Translated })
    }
}

/// The language of whoever a line is said to: as it was wished, else the person's, else what they spoke so far.
async fn language_of(tx: &mut dyn OrgTx, call: &Call, listen: &Listen, line: &LiveLine) -> Result<Option<Language>> {
    let other = line.speaker.other();
    if let Some(known) = listen.language(other) {
        return Ok(Some(known));
    }
    if let Some(id) = call.person_id.filter(|_| other == Speaker::Customer)
        && let Some(person) = Repo::<Person>::find(tx, id).await?
        && let Some(language) = person.language
    {
        return Ok(known(&language));
    }
    let after = line.line_index - BEFORE - 1;
    let lines = tx.lines_after(call.id, after, BEFORE).await?;
    let heard =
        lines.iter().rev().filter(|said| said.speaker == other).find_map(|said| known(said.language.as_deref()?));
    if heard.is_some() {
        return Ok(heard);
    }
    let translations = tx.line_translations_after(call.id, after, BEFORE).await?;
    Ok(translations.iter().rev().filter(|said| said.speaker == other).find_map(|said| known(&said.source_language)))
}

fn known(tag: &str) -> Option<Language> {
    Language::ALL.iter().copied().find(|language| language.speaks(tag))
}

async fn made(tx: &mut dyn OrgTx, line: &LiveLine, target: Language) -> Result<bool> {
    let there = tx.line_translations_after(line.call_id, line.line_index - 1, 1 + Language::ALL.len() as i64).await?;
    Ok(there.iter().any(|one| one.line_id == line.id && one.target_language == target))
}

fn count(outcome: &'static str) {
    metrics::counter!("wib_line_translations_total", "outcome" => outcome).increment(1);
}

/// Translates a line, once. One try through the chain of models: what nobody answers in time is marked as untranslated.
pub(crate) async fn translate(wib: &Wib, message: &Message) -> Result<Done> {
    let Some(wish) = Wish::of(wib, message).await? else { return Ok(Done::Ack) };
    let same = wish.source().is_some_and(|source| wish.target.speaks(&source));
    let late = wib.now() > time::after(wish.line.created_at, LATE);
    let made = match () {
        () if same => Made::own(&wish.line, Outcome::Copied),
        () if wish.line.text.trim().is_empty() => Made::own(&wish.line, Outcome::Untranslated),
        () if late => Made::own(&wish.line, Outcome::Late),
        () => wish.by_model(wib).await.unwrap_or_else(|error| {
            tracing::warn!(line = %wish.line.id, error = error.chain(), "a line stays untranslated");
            Made::own(&wish.line, Outcome::Untranslated)
        }),
    };
    keep(wib, &wish, made).await
}

/// What could not be worked on is marked as untranslated as well.
pub(crate) async fn translate_given_up(wib: &Wib, message: &Message) -> Result<()> {
    if let Some(wish) = Wish::of(wib, message).await? {
        keep(wib, &wish, Made::own(&wish.line, Outcome::Untranslated)).await?;
    }
    Ok(())
}

async fn keep(wib: &Wib, wish: &Wish, mut made: Made) -> Result<Done> {
    let mut tx = wib.store.org(wish.organization).await?;
    let call = tx.lock_call(wish.call.id).await?.or_not_found("call")?;
    // Held: words that were taken away since stay away.
    let Some(line) = Repo::<LiveLine>::find(&mut *tx, wish.line.id).await? else { return Ok(Done::Ack) };
    let answers: Vec<_> = made.answer.take().into_iter().collect();
    if line.text != wish.line.text {
        made = Made::own(&line, Outcome::Untranslated);
    }
    let translated = made.outcome == Outcome::Translated;
    let answer = answers.first().filter(|_| translated);
    let translation = LineTranslation {
        id: wib.id(),
        call_id: call.id,
        line_id: line.id,
        line_index: line.line_index,
        speaker: line.speaker,
        original: line.text.clone(),
        text: made.text,
        source_language: made.source.or_else(|| wish.source()).unwrap_or_else(|| "und".to_owned()),
        target_language: wish.target,
        // No translation is surer than its words were.
        confidence_ppm: match made.outcome {
            Outcome::Translated | Outcome::Copied => line.confidence_ppm.max(1),
            Outcome::Untranslated | Outcome::Late => 0,
        },
        vendor: answer.map_or(OURS, |answer| &answer.vendor).to_owned(),
        model: match made.outcome {
            Outcome::Translated => answer.map_or(NONE, |answer| &answer.model).to_owned(),
            Outcome::Copied => "copy".to_owned(),
            Outcome::Untranslated | Outcome::Late => NONE.to_owned(),
        },
        live: answer.map_or(line.live, |answer| answer.live),
        created_at: wib.now(),
    };
    if !tx.note_line_translation(&translation).await? {
        return Ok(Done::Ack);
    }
    tx.tell(LiveKind::LineTranslation, call.id, translation.id.uuid());
    let source = format!("line:{}:{}", line.id, wish.target);
    for usage in translation::usages(wib, call.id, &source, &answers) {
        tx.note_usage(&usage).await?;
    }
    if translated && wish.listen.speak {
        speak::ask(wib, &mut *tx, &call, &translation).await?;
    }
    tx.commit().await?;
    wib.wake();
    count(made.outcome.as_str());
    let took = wib.now().duration_since(line.ended_at).as_secs_f64();
    metrics::histogram!("wib_line_translation_seconds").record(took.max(0.0));
    Ok(Done::Ack)
}
