//! Keeping what was heard: behind no mask, without payment data, in the order in which it came.

use std::time::Duration;

use super::{LineId, LineSource, LineTranslation, LiveGap, LiveKind, LiveLine, Speaker, follow};
use crate::{
    ai::payment::{self, Turn},
    calls::{Call, CallFacts, CallId},
    kit::{Error, Id, OrNotFound, Result, Role, time, time::Timestamp},
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// How far around a mask words are dropped: clocks differ.
const MARGIN: Duration = Duration::from_millis(300);
/// Lines before a new one in which the beginning of a card's number is looked for.
const BEFORE: i64 = 8;
/// Most lines of a call.
const MOST: i64 = 50_000;
/// Most characters of a line.
const LONGEST: usize = 10_000;
/// Most lines that are read at once.
const PAGE: i64 = 500;

/// A word that was heard, and when. Not shown when it is printed for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct HeardWord {
    /// How it is written.
    pub text: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}
impl std::fmt::Debug for HeardWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeardWord").field("started_at", &self.started_at).finish_non_exhaustive()
    }
}

/// What one side said until a pause, before anything of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardLine {
    /// Who spoke.
    pub speaker: Speaker,
    /// Its words, in order; at least one.
    pub words: Vec<HeardWord>,
    /// BCP 47, when it is known.
    pub language: Option<String>,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// Where it was heard.
    pub source: LineSource,
    /// Who heard it.
    pub vendor: String,
    /// False when a sandbox heard it.
    pub live: bool,
}

/// The words of a line that were said behind no mask.
fn unmasked<'a>(facts: &CallFacts, words: &'a [HeardWord]) -> Vec<&'a HeardWord> {
    let masked = |word: &HeardWord| {
        facts.masks.values().any(|mask| {
            let begins = time::before(mask.asked_at, MARGIN);
            let ends = mask.ends().map(|end| time::after(end, MARGIN));
            begins < word.ended_at && ends.is_none_or(|end| word.started_at < end)
        })
    };
    words.iter().filter(|word| !masked(word)).collect()
}

/// Keeps a line of a call that is held, and has done what the call's wishes ask for. `None` when nothing of it may be kept.
pub(crate) async fn keep(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    id: LineId,
    heard: &HeardLine,
) -> Result<Option<LiveLine>> {
    let words = unmasked(&call.facts, &heard.words);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Ok(None) };
    let line_index = tx.next_line(call.id).await?;
    if line_index >= MOST {
        return Err(Error::conflict(format!("the call has {MOST} lines already")));
    }
    let text: String = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(LONGEST).collect();
    let mut before = tx.lines_after(call.id, line_index - 1 - BEFORE, BEFORE).await?;
    let turns: Vec<_> = before.iter().map(|line| (line.speaker, line.text.as_str())).collect();
    let turn = |(speaker, text): &(Speaker, &str)| (speaker.as_str(), (*text).to_owned());
    let said: Vec<_> = turns.iter().chain([&(heard.speaker, text.as_str())]).map(turn).collect();
    let turns: Vec<_> = said.iter().map(|(speaker, text)| Turn { speaker, text, masked: false }).collect();
    let mut scrubbed = payment::scrub(&turns).texts;
    let text = scrubbed.pop().unwrap_or_default();
    // A number that goes on over several lines is known for one at its end.
    for (line, text) in before.iter_mut().zip(scrubbed) {
        if line.text != text {
            tx.blank_line(line.id, &text).await?;
        }
    }
    let line = LiveLine {
        id,
        call_id: call.id,
        line_index,
        speaker: heard.speaker,
        text,
        language: heard.language.clone(),
        started_at: first.started_at,
        ended_at: last.ended_at,
        confidence_ppm: heard.confidence_ppm.clamp(0, 1_000_000),
        source: heard.source,
        vendor: heard.vendor.clone(),
        live: heard.live,
        created_at: wib.now(),
    };
    tx.insert(&line).await?;
    tx.tell(LiveKind::Line, call.id, line.id.uuid());
    if line.source == LineSource::Live {
        follow::follow(wib, tx, call, &line).await?;
    }
    metrics::counter!("wib_live_lines_total", "speaker" => line.speaker.as_str(), "source" => line.source.as_str())
        .increment(1);
    Ok(Some(line))
}

impl Org {
    /// Keeps a line that somebody else's ears heard; `None` when nothing of it may be kept, because it was said behind a
    /// mask.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` without words; `Conflict` when the call is not up, or has had too many lines; `Forbidden` below
    /// agent.
    pub async fn add_line(&self, id: CallId, heard: &HeardLine) -> Result<Option<LiveLine>> {
        self.at_least(Role::Agent)?;
        if heard.words.is_empty() {
            return Err(Error::field("words", "are none"));
        }
        let mut tx = self.tx().await?;
        let call = tx.lock_call(id).await?.or_not_found("call")?;
        if call.answered_at.is_none() || call.status.terminal() {
            return Err(Error::conflict("the call is not up"));
        }
        let line = keep(&self.wib, &mut *tx, &call, self.wib.id(), heard).await?;
        tx.commit().await?;
        self.wib.wake();
        Ok(line)
    }

    /// What was heard of a call while it was spoken: lines with a place above `after` (-1: from the first), at most 500.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn lines(&self, id: CallId, after: i64) -> Result<Vec<LiveLine>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.lines_after(id, after, PAGE).await
    }

    /// A line.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn line(&self, id: LineId) -> Result<LiveLine> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.find(id).await?.or_not_found("line")
    }

    /// Translations of a call's lines with a place above `after` (-1: from the first), at most 500.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn line_translations(&self, id: CallId, after: i64) -> Result<Vec<LineTranslation>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.line_translations_after(id, after, PAGE).await
    }

    /// The translation of a line.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn line_translation(&self, id: Id<LineTranslation>) -> Result<LineTranslation> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.find(id).await?.or_not_found("translation")
    }

    /// Where nobody heard what was said on a call.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn gaps(&self, id: CallId) -> Result<Vec<LiveGap>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.gaps_of_call(id).await
    }
}
