//! What was heard, without payment data: nothing of it was kept before this.

use crate::{
    ai::payment::{self, Turn},
    calls::CallFacts,
    ports::transcriber::Utterance,
    recordings::Recording,
};

/// How far around a mask words are dropped, in milliseconds: clocks differ.
const MARGIN: i64 = 300;

/// A dialogue that may be kept.
pub(super) struct Heard {
    pub(super) utterances: Vec<Utterance>,
    /// How many pieces were taken out.
    pub(super) scrubbed: i64,
    /// Where payment data was said without a mask, in milliseconds of the audio.
    pub(super) unmasked: Vec<(i64, i64)>,
}

/// Drops words behind masks, and takes payment data out of the rest.
pub(super) fn scrub(facts: &CallFacts, recording: &Recording, said: Vec<Utterance>, audio_ms: i64) -> Heard {
    let masks = masks(facts, recording, audio_ms);
    let (mut dropped, mut utterances, mut masked) = (0, vec![], vec![]);
    for mut utterance in said {
        let (from, to) = (utterance.start_ms, utterance.end_ms);
        let behind: Vec<_> = masks.iter().filter(|(start, end)| from < *end && *start < to).copied().collect();
        if !behind.is_empty() {
            let kept = outside(&utterance, &behind);
            dropped += i64::from(kept.len() < utterance.text.split_whitespace().count());
            if kept.is_empty() {
                continue;
            }
            utterance.text = kept.join(" ");
        }
        masked.push(!behind.is_empty());
        utterances.push(utterance);
    }
    let turn = |(u, masked): (&Utterance, &bool)| (u.speaker.clone(), u.text.clone(), *masked);
    let lines: Vec<_> = utterances.iter().zip(&masked).map(turn).collect();
    let turns: Vec<_> = lines.iter().map(|(speaker, text, masked)| Turn { speaker, text, masked: *masked }).collect();
    let scrubbed = payment::scrub(&turns);
    let unmasked = scrubbed.unmasked.iter().map(|i| (utterances[*i].start_ms, utterances[*i].end_ms)).collect();
    for (utterance, text) in utterances.iter_mut().zip(scrubbed.texts) {
        utterance.text = text;
    }
    Heard { utterances, scrubbed: dropped + i64::try_from(scrubbed.count).unwrap_or(i64::MAX), unmasked }
}

/// Where masks lie in the audio. A pause is not in it; audio that is as long as if it were has to be taken to hold what
/// was said meanwhile.
fn masks(facts: &CallFacts, recording: &Recording, audio_ms: i64) -> Vec<(i64, i64)> {
    let Some(start) = recording.started_at.or(facts.recording_ordered_at) else {
        return if facts.masks.is_empty() { vec![] } else { vec![(0, i64::MAX)] };
    };
    let wall = |at: crate::kit::Timestamp| at.as_millisecond() - start.as_millisecond();
    let paused: i64 = facts
        .masks
        .values()
        .filter_map(|m| Some((wall(m.paused_at?).max(0), wall(m.resumed_at?))))
        .map(|(from, to)| (to - from).max(0))
        .sum();
    let length = recording.duration_ms.unwrap_or(audio_ms);
    let uncut = (audio_ms - length).abs() < (audio_ms - (length - paused)).abs();
    let place = |at| if uncut { Some(wall(at)) } else { facts.offset_ms(recording, at).or(Some(wall(at).min(0))) };
    facts
        .masks
        .values()
        .map(|m| {
            let from = place(m.asked_at).unwrap_or(0) - MARGIN;
            let to = m.ends().and_then(place).map_or(i64::MAX, |to| to.saturating_add(MARGIN));
            (from, to)
        })
        .collect()
}

/// The words of an utterance that were said outside those spans. Vendors time utterances; words are taken to be spread
/// evenly over one.
fn outside<'a>(utterance: &'a Utterance, spans: &[(i64, i64)]) -> Vec<&'a str> {
    let words: Vec<_> = utterance.text.split_whitespace().collect();
    let (start, length) = (utterance.start_ms, (utterance.end_ms - utterance.start_ms).max(1));
    let count = i64::try_from(words.len()).unwrap_or(1).max(1);
    let at = |n: i64| start + length * n / count;
    let clear = |n: i64| !spans.iter().any(|(from, to)| at(n) < *to && *from < at(n + 1));
    (0i64..).zip(words).filter(|(n, _)| clear(*n)).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calls::{Mask, MaskCause},
        kit::Timestamp,
        recordings::RecordingStatus,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }
    fn recording(duration_ms: i64) -> Recording {
        Recording {
            id: uuid::Uuid::from_u128(1).into(),
            call_id: uuid::Uuid::from_u128(2).into(),
            vendor_id: "r".to_owned(),
            blob_key: None,
            content_type: "audio/wav".to_owned(),
            channels: 2,
            size_bytes: None,
            media_hash: None,
            duration_ms: Some(duration_ms),
            started_at: Some(at(0)),
            status: RecordingStatus::Completed,
            withheld: false,
            note: None,
            live: false,
            created_at: at(100),
        }
    }
    fn facts() -> CallFacts {
        let mask = Mask {
            asked_at: at(10),
            cause: MaskCause::CardData,
            paused_at: Some(at(12)),
            failed_at: None,
            end_asked_at: Some(at(30)),
            resumed_at: Some(at(32)),
        };
        CallFacts { masks: [("01".to_owned(), mask)].into(), ..CallFacts::default() }
    }
    fn said(start_ms: i64, end_ms: i64, text: &str) -> Utterance {
        Utterance { speaker: "customer".to_owned(), start_ms, end_ms, text: text.to_owned(), confidence_ppm: 0 }
    }

    #[test]
    fn what_is_said_between_the_wish_for_a_mask_and_the_pause_is_dropped() {
        let heard = scrub(
            &facts(),
            &recording(100_000),
            vec![said(10_500, 11_900, "it is 12 34"), said(13_000, 14_000, "room 204")],
            80_000,
        );
        let texts: Vec<_> = heard.utterances.iter().map(|u| u.text.as_str()).collect();
        assert_eq!((texts, heard.scrubbed), (vec!["room 204"], 1));
        assert!(heard.unmasked.is_empty());
    }

    #[test]
    fn a_pause_that_the_vendor_did_not_keep_is_dropped_by_its_place_in_time() {
        let heard = scrub(
            &facts(),
            &recording(100_000),
            vec![said(15_000, 20_000, "12 34"), said(40_000, 41_000, "bye")],
            100_000,
        );
        let texts: Vec<_> = heard.utterances.iter().map(|u| u.text.as_str()).collect();
        assert_eq!(texts, ["bye"]);
    }
}
