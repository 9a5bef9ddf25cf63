//! What is to be done with a call's words while they are spoken.

use serde::{Deserialize, Serialize};

use super::Speaker;
use crate::{json_column, translation::Language};

/// What is to be done with a call's words while they are spoken, besides writing them down.
///
/// A call is heard only while it is recorded: after the notice, behind no mask, and no longer than the person agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// What the person speaks; found out when it is not said.
    pub customer: Option<Language>,
    /// What the member speaks; English when it is not said.
    pub agent: Option<Language>,
    /// Whether each side's words are translated into the other's language.
    pub translate: bool,
    /// Whether translations are also spoken to the other side.
    pub speak: bool,
    /// Whether the person's mood and objections are looked out for.
    pub sentiment: bool,
    /// Whether the member is advised.
    pub assist: bool,
}
json_column!(Listen);

impl Listen {
    /// The language of a side, when it was said.
    #[must_use]
    pub fn language(&self, speaker: Speaker) -> Option<Language> {
        match speaker {
            Speaker::Customer => self.customer,
            Speaker::Agent => Some(self.agent.unwrap_or(Language::En)),
        }
    }
}
