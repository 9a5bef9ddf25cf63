//! Filling gaps from the recording: what nobody heard while it was spoken is in the transcript.

use std::time::Duration;

use super::{HeardLine, HeardWord, LineSource, LiveGap, LiveLine, Speaker, keep};
use crate::{
    calls::{Call, CallId},
    kit::{Result, time, time::Timestamp},
    ports::transcriber::Utterance,
    recordings::Recording,
    store::OrgTx,
    transcripts::Transcript,
    wib::Wib,
};

/// How far beyond a gap words are taken, when they were not heard: whoever begins to hear does so within a word.
const EDGE: Duration = Duration::from_secs(1);
/// How far a line's edges may lie beside the recording's, in microseconds.
const BLUR: i64 = 500_000;
/// Lines that are read at once.
const PAGE: i64 = 1_000;

/// Keeps the lines of a transcript that were said in a call's gaps, and notes that these are filled. The call is held.
pub(crate) async fn fill(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    recording: &Recording,
    transcript: &Transcript,
) -> Result<()> {
    let gaps: Vec<_> = tx.gaps_of_call(call.id).await?.into_iter().filter(|gap| gap.filled_at.is_none()).collect();
    if gaps.is_empty() {
        return Ok(());
    }
    let heard = heard(tx, call.id).await?;
    let known = |speaker: Speaker, word: &HeardWord| {
        let middle = word.started_at.as_microsecond().midpoint(word.ended_at.as_microsecond());
        heard.iter().filter(|line| line.speaker == speaker).any(|line| {
            let within = |margin: i64| {
                (line.started_at.as_microsecond() - margin..line.ended_at.as_microsecond() + margin).contains(&middle)
            };
            // The clocks of a stream and of a recording differ a little: at its edges a line is asked for the word itself.
            within(-BLUR) || (within(BLUR) && line.text.split_whitespace().any(|said| plain(said) == plain(&word.text)))
        })
    };
    let missed = |word: &HeardWord| {
        let touches = |gap: &LiveGap| {
            let (from, to) = (time::before(gap.started_at, EDGE), gap.ended_at.map(|end| time::after(end, EDGE)));
            from < word.ended_at && to.is_none_or(|end| word.started_at < end)
        };
        gaps.iter().any(touches)
    };
    for utterance in &transcript.utterances.0 {
        let Ok(speaker) = utterance.speaker.parse::<Speaker>() else { continue };
        let words = words(call, recording, utterance);
        let words: Vec<_> = words.into_iter().filter(|word| missed(word) && !known(speaker, word)).collect();
        if words.is_empty() {
            continue;
        }
        let heard = HeardLine {
            speaker,
            words,
            language: Some(transcript.language.clone()),
            confidence_ppm: utterance.confidence_ppm,
            source: LineSource::Recording,
            vendor: transcript.vendor.clone(),
            live: transcript.live,
        };
        keep::keep(wib, tx, call, wib.id(), &heard).await?;
    }
    for gap in gaps {
        tx.update(&LiveGap { filled_at: Some(wib.now()), ..gap }).await?;
    }
    Ok(())
}

/// A word without what people write around it.
fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// Everything that was heard of a call.
async fn heard(tx: &mut dyn OrgTx, call: CallId) -> Result<Vec<LiveLine>> {
    let mut all: Vec<LiveLine> = vec![];
    loop {
        let after = all.last().map_or(-1, |line| line.line_index);
        let more = tx.lines_after(call, after, PAGE).await?;
        let over = more.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        all.extend(more);
        if over {
            return Ok(all);
        }
    }
}

/// The words of an utterance and when they were said. Vendors time utterances; words are taken to be spread evenly over one.
fn words(call: &Call, recording: &Recording, said: &Utterance) -> Vec<HeardWord> {
    let words: Vec<_> = said.text.split_whitespace().collect();
    let count = i64::try_from(words.len()).unwrap_or(1).max(1);
    let at = |n: i64| call.facts.instant(recording, said.start_ms + (said.end_ms - said.start_ms) * n / count);
    let word =
        |(n, word): (i64, &str)| Some(HeardWord { text: word.to_owned(), started_at: at(n)?, ended_at: at(n + 1)? });
    (0i64..).zip(words).filter_map(word).collect()
}

impl crate::calls::CallFacts {
    /// When that was said which lies so far into a recording, in milliseconds: pauses are not in it.
    fn instant(&self, recording: &Recording, offset_ms: i64) -> Option<Timestamp> {
        let mut at = time::after(
            recording.started_at.or(self.recording_ordered_at)?,
            Duration::from_millis(u64::try_from(offset_ms).unwrap_or(0)),
        );
        let mut pauses: Vec<_> = self.masks.values().filter_map(|m| Some((m.paused_at?, m.resumed_at?))).collect();
        pauses.sort();
        for (from, to) in pauses {
            if from <= at {
                at = time::after(at, Duration::try_from(to.duration_since(from)).unwrap_or_default());
            }
        }
        Some(at)
    }
}
