use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AiEvent, AiState, Stale};
use crate::{
    auth::UserId,
    calls::CallId,
    kit::{Id, Phone, time, time::Timestamp},
    store::Record,
    text_enum,
};

/// How often a running answer is thrown away because more was said.
const RESTARTS: i64 = 2;
/// How long a character takes to say, in milliseconds, when nobody tells.
const CHARACTER_MS: u64 = 62;

text_enum! {
    /// Which model is asked for what to say. Its vendor is asked first; the others follow when it fails.
    #[derive(Default)]
    pub enum AiModel {
        /// Quick.
        #[default]
        Gpt4oMini = "gpt-4o-mini",
        /// Larger.
        Gpt4o = "gpt-4o",
        /// Large.
        Gpt4Turbo = "gpt-4-turbo",
    }
}
impl AiModel {
    /// Who makes it.
    pub(super) const fn vendor(self) -> &'static str {
        match self {
            Self::Gpt4oMini | Self::Gpt4o | Self::Gpt4Turbo => "openai",
        }
    }
}

/// How an organisation wants its machine to talk with people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiAgentConfig {
    /// Its id.
    pub id: Id<AiAgentConfig>,
    /// How it is to behave, in the organisation's words. A model reads it as data: it adds to our instructions and lifts none.
    pub prompt: String,
    /// Which model.
    pub model: AiModel,
    /// Temperature in thousandths.
    pub temperature_milli: i64,
    /// Whether it may take part in calls.
    pub enabled: bool,
    /// What it says first; made by the model without one.
    pub greeting: Option<String>,
    /// Most answers of a call; then a person goes on.
    pub max_turns: i64,
    /// How long nobody may say anything, in seconds, before it asks whether somebody is there.
    pub silence_seconds: i64,
    /// Who goes on when a person is wanted; without it members are told.
    pub handoff_to: Option<Phone>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
impl Record for AiAgentConfig {
    const NAME: &'static str = "AI agent configuration";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// A machine's part in a call: one per call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiSession {
    /// Its id.
    pub id: Id<AiSession>,
    /// In which call.
    pub call_id: CallId,
    /// How it stands.
    pub state: AiState,
    /// The number of what it said last; 0 before the first.
    pub turn: i64,
    /// How often it answered.
    pub answers: i64,
    /// The number of what a model was asked last. An answer to an earlier one is late.
    pub asked: i64,
    /// How often the running answer was thrown away because more was said.
    pub restarts: i64,
    /// How often in a row it asked whether somebody is there.
    pub silences: i64,
    /// The place of the last line that it took in; -1 before the first.
    pub heard_until: i64,
    /// Since when it stands so.
    pub since: Timestamp,
    /// When the call was handed on.
    pub handed_at: Option<Timestamp>,
    /// Who had it take part last.
    pub activated_by: Option<UserId>,
    /// When it took part first.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for AiSession {
    const NAME: &'static str = "AI session";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

impl AiSession {
    /// Takes an event in.
    pub(super) fn step(&mut self, event: AiEvent, now: Timestamp) -> Result<(), Stale> {
        self.state = self.state.after(event)?;
        (self.since, self.updated_at) = (now, now);
        Ok(())
    }
    /// Takes words in; whether a model is to be asked. While an answer is being thought it is thrown away, but not more
    /// often than twice: then the new words wait until it was said.
    pub(super) fn hear(&mut self, until: i64, now: Timestamp) -> Result<bool, Stale> {
        let again = self.state == AiState::AiThinking;
        if again && self.restarts >= RESTARTS {
            return Ok(false);
        }
        self.step(AiEvent::Heard, now)?;
        self.restarts = if again { self.restarts + 1 } else { 0 };
        (self.asked, self.heard_until, self.silences) = (self.asked + 1, until, 0);
        Ok(true)
    }
    /// Whether an answer to that question is waited for.
    pub(super) fn waits_for(&self, asked: i64) -> bool {
        matches!(self.state, AiState::AiThinking | AiState::AiGreeting) && self.asked == asked
    }
    /// Whether it is to say that, still.
    pub(super) fn says(&self, number: i64) -> bool {
        (self.state.speaks() || self.state == AiState::Handoff) && self.turn == number
    }
}

text_enum! {
    /// Why a machine says something.
    pub enum AiTurnKind {
        /// To begin with.
        Greeting = "greeting",
        /// As an answer.
        Answer = "answer",
        /// To find out whether somebody is there.
        StillThere = "still_there",
        /// Because a person goes on.
        Handoff = "handoff",
        /// Because nobody is there.
        Goodbye = "goodbye",
    }
}

/// Something that a machine said, or was to say.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AiTurn {
    /// Its id.
    pub id: Id<AiTurn>,
    /// In which call.
    pub call_id: CallId,
    /// Its number among what was said in the call, from 1.
    pub number: i64,
    /// Why.
    pub kind: AiTurnKind,
    /// The words.
    pub text: String,
    /// Their language, BCP 47.
    pub language: String,
    /// The place of the last line of the person's that it answers; -1 when there was none.
    pub after_line: i64,
    /// Who made the words; `None`: they are fixed, or the organisation's.
    pub vendor: Option<String>,
    /// With which model.
    pub model: Option<String>,
    /// False when a sandbox made them.
    pub live: bool,
    /// When the voice vendor took the order to say it.
    pub ordered_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// When it was cut off.
    pub cut_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}
impl std::fmt::Debug for AiTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AiTurn").field("number", &self.number).field("kind", &self.kind).finish_non_exhaustive()
    }
}
impl Record for AiTurn {
    const NAME: &'static str = "AI turn";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

impl AiTurn {
    /// How long it takes to say, about.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.text.chars().count() as u64 * CHARACTER_MS)
    }
    /// Whether nothing of it is said any more.
    #[must_use]
    pub fn over(&self) -> bool {
        self.ended_at.is_some() || self.cut_at.is_some()
    }
    /// Those of its words that were heard: all of them, or those before it was cut off, about.
    #[must_use]
    pub fn heard(&self) -> String {
        let Some(cut) = self.cut_at else { return self.text.clone() };
        let Some(started) = self.started_at.filter(|started| *started < cut) else { return String::new() };
        let mut said = 0;
        let words = self.text.split_whitespace().take_while(|word| {
            said += word.chars().count() + 1;
            time::after(started, Duration::from_millis(said as u64 * CHARACTER_MS)) <= cut
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Id;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }
    pub(crate) fn listening() -> AiSession {
        let id = uuid::Uuid::from_u128(7);
        AiSession {
            id: Id::from(id),
            call_id: id.into(),
            state: AiState::AiListening,
            turn: 1,
            answers: 0,
            asked: 1,
            restarts: 0,
            silences: 1,
            heard_until: -1,
            since: at(0),
            handed_at: None,
            activated_by: None,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    #[test]
    fn more_words_throw_a_running_answer_away_twice_and_the_newest_question_wins() {
        let mut session = listening();
        assert_eq!(session.hear(0, at(1)), Ok(true));
        assert!(session.waits_for(2) && !session.waits_for(1));
        assert_eq!(session.hear(1, at(2)), Ok(true));
        assert_eq!(session.hear(2, at(3)), Ok(true));
        assert!(session.waits_for(4) && !session.waits_for(3) && !session.waits_for(2), "late answers are dropped");
        assert_eq!(session.hear(3, at(4)), Ok(false), "it was thrown away twice");
        assert_eq!((session.heard_until, session.asked, session.silences), (2, 4, 0), "the new words wait");
        session.step(AiEvent::Answered, at(5)).unwrap();
        assert!(session.hear(3, at(6)).is_err(), "it speaks");
        session.step(AiEvent::SpeechEnded, at(7)).unwrap();
        assert_eq!(session.hear(3, at(8)), Ok(true));
        assert_eq!((session.restarts, session.asked), (0, 5), "and counts anew");
    }

    #[test]
    fn what_was_cut_off_is_known_by_its_words() {
        let mut turn = AiTurn {
            id: Id::from(uuid::Uuid::from_u128(1)),
            call_id: uuid::Uuid::from_u128(2).into(),
            number: 1,
            kind: AiTurnKind::Answer,
            text: "one two three four five six seven eight".to_owned(),
            language: "en-US".to_owned(),
            after_line: -1,
            vendor: None,
            model: None,
            live: false,
            ordered_at: None,
            started_at: None,
            ended_at: None,
            cut_at: None,
            created_at: at(0),
        };
        assert_eq!(turn.heard(), turn.text);
        turn.cut_at = Some(at(1));
        assert_eq!(turn.heard(), "", "it had not begun");
        turn.started_at = Some(at(0));
        assert_eq!(turn.heard(), "one two three", "16 characters in a second");
        turn.cut_at = Some(at(60));
        assert_eq!(turn.heard(), turn.text);
    }
}
