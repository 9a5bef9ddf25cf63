//! What is made of what was heard: sentences, paragraphs, captions, tones, entities.

use serde_json::{Value, json};

use crate::sandbox::{
    chance::Chance,
    scripts::Side,
    sound::{Line, Sound},
};

/// A word with all that is told of it.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: i64,
    pub(super) end: i64,
    confidence: f64,
    pub(super) speaker: Option<&'static str>,
    pub(super) channel: Option<&'static str>,
    /// The kind of thing it tells of, and which one of the transcript.
    entity: Option<(&'static str, usize)>,
}

impl Word {
    pub(super) fn show(&self) -> Value {
        let mut shown = json!({
            "text": self.text, "start": self.start, "end": self.end, "confidence": self.confidence,
            "speaker": self.speaker,
        });
        if let Some(channel) = self.channel {
            shown["channel"] = json!(channel);
        }
        shown
    }
}

/// What was heard of a sound, line by line.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) lines: Vec<Vec<Word>>,
}

/// How it is to be heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct How<'a> {
    pub(super) multichannel: bool,
    pub(super) labels: bool,
    /// The kinds that are taken out.
    pub(super) redacted: &'a [&'a str],
    /// Written by name instead of as `#`.
    pub(super) named: bool,
}

impl Heard {
    pub(super) fn of(sound: &Sound, how: How<'_>, chance: &mut Chance) -> Self {
        let mut certainty = || f64::from(u32::try_from(chance.between(9_000, 9_990)).unwrap_or(0)) / 10_000.0;
        let mut things = 0;
        let lines = sound.lines.iter().map(|line| {
            // One track holds both sides: labels tell them apart, channels can not.
            let channel = if sound.channels == 2 && line.speaker == Side::Agent { "2" } else { "1" };
            let label = if line.speaker == sound.lines[0].speaker { "A" } else { "B" };
            let speaker = if how.multichannel { Some(channel) } else { how.labels.then_some(label) };
            let kinds = entities(line, &mut things);
            let words = line.words().zip(kinds).map(|((text, start, end), entity)| Word {
                text: match entity {
                    Some((kind, _)) if how.redacted.contains(&kind) => redacted(text, kind, how.named),
                    _ => text.to_owned(),
                },
                start,
                end,
                confidence: certainty(),
                speaker,
                channel: how.multichannel.then_some(channel),
                entity,
            });
            words.collect()
        });
        Self { lines: lines.collect() }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        self.lines.iter().flatten()
    }
    /// The mean of all words.
    pub(super) fn confidence(&self) -> Option<f64> {
        confidence(self.words())
    }
    pub(super) fn text(&self) -> String {
        text(self.words())
    }

    /// A line as the vendor shows passages of any kind.
    pub(super) fn passage(words: &[Word]) -> Value {
        let (first, last) = (words.first(), words.last());
        let mut shown = json!({
            "text": text(words), "start": first.map(|word| word.start), "end": last.map(|word| word.end),
            "confidence": confidence(words), "speaker": first.and_then(|word| word.speaker),
            "words": words.iter().map(Word::show).collect::<Vec<_>>(),
        });
        if let Some(channel) = first.and_then(|word| word.channel) {
            shown["channel"] = json!(channel);
        }
        shown
    }
    pub(super) fn utterances(&self) -> Value {
        self.lines.iter().filter(|line| !line.is_empty()).map(|line| Self::passage(line)).collect()
    }
    pub(super) fn sentences(&self) -> Value {
        self.by_sentence().map(Self::passage).collect()
    }
    pub(super) fn paragraphs(&self) -> Value {
        let bare = |line: &Vec<Word>| {
            let mut shown = Self::passage(line);
            // The vendor tells of nobody here.
            shown.as_object_mut().map(|shown| (shown.remove("speaker"), shown.remove("channel")));
            shown
        };
        self.lines.iter().filter(|line| !line.is_empty()).map(bare).collect()
    }
    fn by_sentence(&self) -> impl Iterator<Item = &[Word]> {
        let ends = |word: &Word| word.text.ends_with(['.', '?', '!']);
        self.lines.iter().flat_map(move |line| line.split_inclusive(ends))
    }

    /// Captions of at most that many characters, where words let it be.
    fn captions(&self, most: usize) -> Vec<&[Word]> {
        let mut captions = Vec::new();
        for line in &self.lines {
            let (mut from, mut length) = (0, 0);
            for (at, word) in line.iter().enumerate() {
                let more = word.text.chars().count() + usize::from(at > from);
                if at > from && length + more > most {
                    captions.push(&line[from..at]);
                    (from, length) = (at, 0);
                }
                length += word.text.chars().count() + usize::from(at > from);
            }
            captions.extend(Some(&line[from..]).filter(|rest| !rest.is_empty()));
        }
        captions
    }
    pub(super) fn subtitles(&self, format: &str, most: usize) -> String {
        let vtt = format == "vtt";
        let time = |ms: i64| {
            let (hours, minutes, seconds, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
            match (vtt, hours) {
                (true, 0) => format!("{minutes:02}:{seconds:02}.{ms:03}"),
                (true, _) => format!("{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"),
                (false, _) => format!("{hours:02}:{minutes:02}:{seconds:02},{ms:03}"),
            }
        };
        let captions = self.captions(most).into_iter().zip(1..).map(|(words, number)| {
            let (from, to) = (time(words[0].start), time(words[words.len() - 1].end));
            let number = if vtt { String::new() } else { format!("{number}\n") };
            format!("{number}{from} --> {to}\n{}\n\n", text(words))
        });
        let captions: String = captions.collect();
        if vtt { format!("WEBVTT\n\n{captions}") } else { captions }
    }

    /// Where words and phrases are said.
    pub(super) fn search(&self, asked: &[String]) -> (usize, Value) {
        let all: Vec<&Word> = self.words().collect();
        let plain: Vec<String> = all.iter().map(|word| bare(&word.text)).collect();
        let mut total = 0;
        let matches = asked.iter().filter_map(|asked| {
            let wanted: Vec<String> = asked.split_whitespace().map(bare).collect();
            if wanted.is_empty() {
                return None;
            }
            let at: Vec<usize> =
                plain.windows(wanted.len()).enumerate().filter(|(_, said)| **said == wanted[..]).map(|(at, _)| at).collect();
            total += at.len();
            let times = at.iter().map(|at| json!([all[*at].start, all[at + wanted.len() - 1].end]));
            let times: Vec<_> = times.collect();
            (!at.is_empty()).then(|| json!({"text": asked, "count": at.len(), "timestamps": times, "indexes": at}))
        });
        let matches = matches.collect();
        (total, matches)
    }

    /// The long words that are said, those said most often first.
    pub(super) fn highlights(&self) -> Value {
        let mut said: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
        for word in self.words().filter(|word| word.entity.is_none() && bare(&word.text).chars().count() >= 7) {
            said.entry(bare(&word.text)).or_default().push(json!({"start": word.start, "end": word.end}));
        }
        let most = said.values().map(Vec::len).max().unwrap_or(1);
        let mut said: Vec<_> = said.into_iter().collect();
        said.sort_by_key(|(_, times)| std::cmp::Reverse(times.len()));
        let share = |count: usize| f64::from(u32::try_from(count * 100 / most).unwrap_or(0)) / 100.0;
        said.iter()
            .take(10)
            .map(|(text, times)| json!({"text": text, "count": times.len(), "rank": share(times.len()), "timestamps": times}))
            .collect()
    }
    pub(super) fn sentiments(&self) -> Value {
        const GOOD: &[&str] = &["thank", "thanks", "good", "great", "glad", "happy", "fine", "gracias"];
        const BAD: &[&str] = &["dispute", "stop", "wrong", "never", "attorney", "sue", "angry", "not", "sorry"];
        let tone = |words: &[Word]| {
            let said = |list: &[&str]| words.iter().any(|word| list.contains(&bare(&word.text).as_str()));
            match (said(GOOD), said(BAD)) {
                (_, true) => "NEGATIVE",
                (true, false) => "POSITIVE",
                _ => "NEUTRAL",
            }
        };
        let shown = self.by_sentence().map(|words| {
            let mut shown = Self::passage(words);
            shown.as_object_mut().map(|shown| shown.remove("words"));
            shown["sentiment"] = json!(tone(words));
            shown
        });
        shown.collect()
    }
    pub(super) fn entities(&self) -> Value {
        let words: Vec<&Word> = self.words().collect();
        let runs = words.chunk_by(|a, b| a.entity.is_some() && a.entity == b.entity);
        let shown = runs.filter_map(|run| {
            let (kind, _) = run[0].entity?;
            let said = text(run.iter().copied());
            let said = said.trim_end_matches(['.', ',', '?', '!']);
            Some(json!({"entity_type": kind, "text": said, "start": run[0].start, "end": run[run.len() - 1].end}))
        });
        shown.collect()
    }
    pub(super) fn safety(&self) -> Value {
        const LABELS: &[(&str, &str)] = &[("attorney", "sensitive_social_issues"), ("damn", "profanity"), ("kill", "crime_violence")];
        let found = self.by_sentence().zip(0..).filter_map(|(words, nth): (_, u32)| {
            let fits = |(word, _): &&(&str, &str)| words.iter().any(|said| bare(&said.text) == *word);
            let (_, label) = LABELS.iter().find(fits)?;
            let times = json!({"start": words[0].start, "end": words[words.len() - 1].end});
            Some(json!({
                "text": text(words), "labels": [{"label": label, "confidence": 0.9, "severity": 0.2}],
                "sentences_idx_start": nth, "sentences_idx_end": nth, "timestamp": times,
            }))
        });
        let results: Vec<Value> = found.collect();
        json!({"status": "success", "results": results, "summary": {}, "severity_score_summary": {}})
    }
}

/// The same sound, silent where one of these kinds of things is told.
pub(super) fn silenced(sound: &Sound, kinds: &[&str]) -> Sound {
    let mut things = 0;
    let lines = sound.lines.iter().flat_map(|line| {
        let kept = line.words().zip(entities(line, &mut things));
        let kept: Vec<_> = kept.map(|(word, entity)| (word, entity.is_none_or(|(kind, _)| !kinds.contains(&kind)))).collect();
        let runs = kept.chunk_by(|(_, a), (_, b)| a == b).filter(|run| run[0].1);
        let spoken = runs.map(|run| Line {
            speaker: line.speaker,
            start_ms: run[0].0.1,
            end_ms: run[run.len() - 1].0.2,
            text: run.iter().map(|((text, ..), _)| *text).collect::<Vec<_>>().join(" "),
        });
        spoken.collect::<Vec<_>>()
    });
    Sound { lines: lines.collect(), ..sound.clone() }
}

fn redacted(text: &str, kind: &str, named: bool) -> String {
    let rest = &text[text.trim_end_matches(['.', ',', '?', '!']).len()..];
    let masked = if named { format!("[{}]", kind.to_uppercase()) } else { "#".repeat((text.len() - rest.len()).max(1)) };
    masked + rest
}

fn text<'w>(words: impl IntoIterator<Item = &'w Word>) -> String {
    words.into_iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn confidence<'w>(words: impl IntoIterator<Item = &'w Word>) -> Option<f64> {
    let (sum, count) = words.into_iter().fold((0.0, 0u32), |(sum, count), word| (sum + word.confidence, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// A word as it is compared.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Which thing each word of a line tells of. Things are numbered through the transcript.
fn entities(line: &Line, things: &mut usize) -> Vec<Option<(&'static str, usize)>> {
    const DIGITS: &[&str] = &["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const DAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "lunes", "viernes"];
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let plain: Vec<String> = words.iter().map(|word| bare(word)).collect();
    let digits = |word: &String| match word {
        _ if DIGITS.contains(&word.as_str()) => 1,
        _ if word.bytes().all(|byte| byte.is_ascii_digit()) => word.len(),
        _ => 0,
    };
    let mut kinds: Vec<Option<(&'static str, usize)>> = vec![None; words.len()];
    let mut at = 0;
    while at < words.len() {
        let run = plain[at..].iter().take_while(|word| digits(word) > 0).count();
        let count: usize = plain[at..at + run].iter().map(digits).sum();
        let named = at > 0 && ["is", "soy", "habla"].contains(&plain[at - 1].as_str());
        let capital = |word: &&str| word.starts_with(char::is_uppercase);
        let (kind, length) = match count {
            _ if words[at].starts_with('$') => ("money_amount", 1),
            13..=19 => ("credit_card_number", run),
            10..=12 => ("phone_number", run),
            4..=9 => ("number_sequence", run),
            _ if DAYS.contains(&plain[at].as_str()) => ("date", 1),
            _ if named && capital(&words[at]) => ("person_name", words[at..].iter().take_while(|word| capital(word)).count().min(2)),
            _ => ("", run.max(1)),
        };
        if !kind.is_empty() {
            *things += 1;
            kinds[at..at + length].fill(Some((kind, *things)));
        }
        at += length;
    }
    kinds
}
