//! How a conversation stands, and what each thing that happens makes of it.

use std::fmt;

use crate::text_enum;

text_enum! {
    /// How a machine's part in a call stands; see the table of the slice.
    #[derive(Default)]
    pub enum AiState {
        /// It takes no part, or no longer.
        #[default]
        Idle = "idle",
        /// It greets, as soon as everything was said that the law wants first.
        AiGreeting = "ai_greeting",
        /// It speaks.
        AiSpeaking = "ai_speaking",
        /// It waits for words.
        AiListening = "ai_listening",
        /// A model is asked what to say.
        AiThinking = "ai_thinking",
        /// A person is to go on.
        Handoff = "handoff",
        /// The call is over, or somebody else has it.
        Completed = "completed",
    }
}

text_enum! {
    /// What happens in a conversation.
    pub enum AiEvent {
        /// A member has the machine take part.
        Activated = "activated",
        /// There is something to say: an answer, or the greeting.
        Answered = "answered",
        /// What it said is over.
        SpeechEnded = "speech_ended",
        /// The person said something.
        Heard = "heard",
        /// The person talks into what it says.
        Interrupted = "interrupted",
        /// Nobody said anything for a while.
        Silent = "silent",
        /// A person is to go on.
        HandedOff = "handed_off",
        /// A member takes the call.
        TakenOver = "taken_over",
        /// The call is over, or somebody else has it.
        HungUp = "hung_up",
    }
}

/// What happened has no place in how the conversation stands: it came too late, or twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// How it stands.
    pub state: AiState,
    /// What came.
    pub event: AiEvent,
}
impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not follow {}", self.event, self.state)
    }
}
impl std::error::Error for Stale {}

impl AiState {
    /// Whether the machine takes part.
    #[must_use]
    pub const fn active(self) -> bool {
        !matches!(self, Self::Idle | Self::Completed)
    }
    /// Whether it says something, or is about to.
    #[must_use]
    pub const fn speaks(self) -> bool {
        matches!(self, Self::AiGreeting | Self::AiSpeaking)
    }
    /// What follows.
    ///
    /// # Errors
    /// [`Stale`] when the event has no place here.
    pub const fn after(self, event: AiEvent) -> Result<Self, Stale> {
        use AiEvent as E;
        use AiState as S;
        Ok(match (self, event) {
            (S::Completed, _) => return Err(Stale { state: self, event }),
            (_, E::HungUp) => S::Completed,
            (S::Idle, E::Activated) => S::AiGreeting,
            (S::Idle, _) => return Err(Stale { state: self, event }),
            (_, E::TakenOver) => S::Idle,
            (S::AiGreeting, E::Answered) => S::AiGreeting,
            (S::AiThinking, E::Answered) | (S::AiListening, E::Silent) => S::AiSpeaking,
            (S::AiGreeting | S::AiSpeaking, E::SpeechEnded | E::Interrupted) => S::AiListening,
            // More words while it thinks: what is being thought is thrown away.
            (S::AiListening | S::AiThinking, E::Heard) => S::AiThinking,
            (S::AiGreeting | S::AiSpeaking | S::AiListening | S::AiThinking, E::HandedOff) => S::Handoff,
            _ => return Err(Stale { state: self, event }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::text::TextEnum;

    #[test]
    fn every_event_leads_on_from_the_states_it_belongs_to_and_from_no_other() {
        use AiEvent as E;
        use AiState as S;
        // A row per state, a column per event in their order; `-`: stale.
        let table = [
            (S::Idle, [Some(S::AiGreeting), None, None, None, None, None, None, None, Some(S::Completed)]),
            (
                S::AiGreeting,
                [
                    None,
                    Some(S::AiGreeting),
                    Some(S::AiListening),
                    None,
                    Some(S::AiListening),
                    None,
                    Some(S::Handoff),
                    Some(S::Idle),
                    Some(S::Completed),
                ],
            ),
            (
                S::AiSpeaking,
                [
                    None,
                    None,
                    Some(S::AiListening),
                    None,
                    Some(S::AiListening),
                    None,
                    Some(S::Handoff),
                    Some(S::Idle),
                    Some(S::Completed),
                ],
            ),
            (
                S::AiListening,
                [
                    None,
                    None,
                    None,
                    Some(S::AiThinking),
                    None,
                    Some(S::AiSpeaking),
                    Some(S::Handoff),
                    Some(S::Idle),
                    Some(S::Completed),
                ],
            ),
            (
                S::AiThinking,
                [
                    None,
                    Some(S::AiSpeaking),
                    None,
                    Some(S::AiThinking),
                    None,
                    None,
                    Some(S::Handoff),
                    Some(S::Idle),
                    Some(S::Completed),
                ],
            ),
            (S::Handoff, [None, None, None, None, None, None, None, Some(S::Idle), Some(S::Completed)]),
            (S::Completed, [None; 9]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), S::ALL);
        for (state, row) in table {
            for (event, next) in E::ALL.iter().zip(row) {
                assert_eq!(state.after(*event).ok(), next, "{state} and {event}");
                if next.is_none() {
                    assert_eq!(state.after(*event), Err(Stale { state, event: *event }));
                }
            }
        }
    }
}
