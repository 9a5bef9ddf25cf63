//! Words as they are being spoken: for eyes, kept for seconds, and told without a place of their own.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{HeardWord, Speaker};
use crate::{
    ai::payment::{self, Turn},
    calls::CallId,
    kit::{time, time::Timestamp},
    orgs::OrganizationId,
    ports::bus::Note,
    wib::{Org, Wib},
};

/// How often words of one side are told anew at most.
const EVERY: Duration = Duration::from_millis(250);
/// How long they are kept: whoever speaks on says more.
const KEPT: Duration = Duration::from_secs(10);
/// Digits in a row that are not shown before the line is whole: they may be the beginning of a card's number.
const DIGITS: usize = 4;

/// What somebody is saying. The line that follows takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Speaking {
    /// Who.
    pub speaker: Speaker,
    /// The words so far; none: the line is over.
    pub text: String,
    /// When the first word began.
    pub started_at: Timestamp,
}

fn key(organization: OrganizationId, call: CallId, speaker: Speaker) -> String {
    format!("speaking:{organization}:{call}:{speaker}")
}

/// Tells the words of one call.
pub(super) struct Partials {
    wib: Wib,
    organization: OrganizationId,
    call: CallId,
    told: BTreeMap<Speaker, Timestamp>,
}

impl Partials {
    pub(super) fn new(wib: &Wib, organization: OrganizationId, call: CallId) -> Self {
        Self { wib: wib.clone(), organization, call, told: BTreeMap::new() }
    }
    /// Shows words, unless others were shown just now.
    pub(super) async fn say(&mut self, speaker: Speaker, words: &[HeardWord]) {
        let now = self.wib.now();
        let Some(first) = words.first() else { return };
        if self.told.get(&speaker).is_some_and(|told| now < time::after(*told, EVERY)) {
            return;
        }
        self.told.insert(speaker, now);
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let scrubbed = payment::scrub(&[Turn { speaker: speaker.as_str(), text: &text, masked: false }]);
        let text = scrubbed.texts.into_iter().next().unwrap_or_default();
        let speaking = Speaking { speaker, text: hide(&text), started_at: first.started_at };
        self.put(&speaking).await;
    }
    /// The line is over: nothing is being said.
    pub(super) async fn over(&mut self, speaker: Speaker) {
        if self.told.remove(&speaker).is_some() {
            let _ = self.wib.cache().delete(&key(self.organization, self.call, speaker)).await;
        }
    }
    async fn put(&self, speaking: &Speaking) {
        let Ok(bytes) = serde_json::to_vec(speaking) else { return };
        let key = key(self.organization, self.call, speaking.speaker);
        if self.wib.cache().put(&key, Bytes::from(bytes), Some(KEPT)).await.is_ok() {
            let note = Note::Speaking { organization_id: self.organization, call_id: self.call };
            let _ = self.wib.bus.publish(&note);
        }
    }
}

/// Digits, written or said, of which there are more in a row than an amount or a day has.
fn hide(text: &str) -> String {
    let mut shown = text.to_owned();
    for run in payment::runs(text).into_iter().rev().filter(|run| run.digits > DIGITS) {
        shown.replace_range(run.range, "…");
    }
    shown
}

/// What one side of a call is saying at this moment.
pub(crate) async fn speaking(
    wib: &Wib,
    organization: OrganizationId,
    call: CallId,
    speaker: Speaker,
) -> Option<Speaking> {
    let bytes = wib.cache().get(&key(organization, call, speaker)).await.ok()??;
    serde_json::from_slice(&bytes).ok()
}

impl Org {
    /// What is being said on a call at this moment.
    pub(super) async fn speaking(&self, call: CallId) -> Vec<Speaking> {
        let mut all = vec![];
        for speaker in [Speaker::Customer, Speaker::Agent] {
            if let Ok(Some(bytes)) = self.wib.cache().get(&key(self.id(), call, speaker)).await {
                all.extend(serde_json::from_slice::<Speaking>(&bytes).ok());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_the_beginning_of_a_card_is_not_shown() {
        assert_eq!(hide("I pay 450 on the 12th"), "I pay 450 on the 12th");
        assert_eq!(hide("it is 4111 1111 and"), "it is … and");
        assert_eq!(hide("four one one one two two"), "…");
    }
}
