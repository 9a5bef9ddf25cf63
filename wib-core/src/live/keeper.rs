//! Keeps what the ears of one stream tell, in order, however long the database takes.

use std::{collections::BTreeMap, collections::VecDeque, time::Duration};

use serde_json::json;
use tokio::sync::mpsc;

use super::{
    HeardLine, HeardWord, LineSource, MediaStream, Speaker, StreamId,
    ears::{Told, Word},
    keep, open,
    partial::Partials,
};
use crate::{
    ai_agent,
    calls::{Call, CallId, note},
    compliance::Technology,
    kit::{Id, Result, time, time::Timestamp},
    live::LiveLine,
    orgs::OrganizationId,
    store::OrgTx,
    wib::Wib,
};

/// Things that wait for the database; when more come, the oldest are given up, and the gap is kept instead.
const WAITING: usize = 2_000;
/// How soon a machine is told again that somebody talks into what it says.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the database may take once the call is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is told of a stream.
pub(super) enum Heard {
    /// Its sound began: where places on the tracks are counted from.
    Began(Timestamp),
    /// An ear tells something.
    Told(Speaker, Told),
}

/// Something to be kept, once.
enum Wanted {
    Began,
    Line(Id<LiveLine>, HeardLine),
    Lost(Speaker, i64, i64),
    Switched(Speaker, &'static str, &'static str, &'static str),
    Overheard(Vec<HeardWord>),
    Sign,
}

/// Keeps what is told of one stream.
pub(super) struct Keeper {
    wib: Wib,
    organization: OrganizationId,
    call: CallId,
    stream: StreamId,
    number: i64,
    origin: Timestamp,
    until: BTreeMap<Speaker, i64>,
    partials: Partials,
    // Whether a machine speaks on the call, and until when it need not be told again that somebody talks into it.
    machine: bool,
    told_until: Timestamp,
    waiting: VecDeque<Wanted>,
    /// From when to when lines were given up that are not in a gap yet.
    lost: Option<(Timestamp, Timestamp)>,
}

impl Keeper {
    pub(super) fn new(wib: Wib, organization: OrganizationId, call: &Call, stream: &MediaStream) -> Self {
        let origin = stream.opened_at.unwrap_or(stream.created_at);
        let partials = Partials::new(&wib, organization, call.id);
        let machine = call.technology == Technology::ArtificialVoice;
        let (call, number, stream) = (call.id, stream.number, stream.id);
        let until = [(Speaker::Customer, 0), (Speaker::Agent, 0)].into();
        let (told_until, waiting) = (origin, VecDeque::new());
        Self {
            wib,
            organization,
            call,
            stream,
            number,
            origin,
            until,
            partials,
            machine,
            told_until,
            waiting,
            lost: None,
        }
    }

    /// Keeps until nobody tells any more.
    pub(super) async fn run(mut self, mut told: mpsc::Receiver<Heard>) {
        let clock = self.wib.clock().clone();
        let mut sign = time::after(clock.now(), open::SIGN);
        let mut failures = 0;
        let mut ended: Option<Timestamp> = None;
        loop {
            if let Some(next) = self.waiting.pop_front() {
                match self.keep(&next).await {
                    Ok(()) => failures = 0,
                    Err(error) if error.retryable() || error.kind() == crate::kit::Kind::Unavailable => {
                        failures += 1;
                        self.waiting.push_front(next);
                        tracing::warn!(error = error.chain(), failures, "what was heard could not be kept");
                        if ended.is_some_and(|ended| clock.now() > time::after(ended, PATIENCE)) {
                            metrics::counter!("wib_live_lines_lost_total").increment(1);
                            return;
                        }
                        let wait =
                            self.wib.random().backoff(failures, Duration::from_millis(100), Duration::from_secs(2));
                        clock.sleep_until(time::after(clock.now(), wait)).await;
                    }
                    Err(error) => {
                        tracing::error!(error = error.chain(), "what was heard was refused");
                        self.give_up(&next);
                    }
                }
                // What came meanwhile is taken, too, so that no ear waits for the database.
                while let Ok(heard) = told.try_recv() {
                    self.take(heard).await;
                }
                continue;
            }
            if ended.is_some() {
                return;
            }
            tokio::select! {
                biased;
                heard = told.recv() => match heard {
                    Some(heard) => self.take(heard).await,
                    None => {
                        ended = Some(clock.now());
                        self.waiting.push_back(Wanted::Sign);
                    }
                },
                () = clock.sleep_until(sign) => {
                    sign = time::after(clock.now(), open::SIGN);
                    self.waiting.push_back(Wanted::Sign);
                }
            }
        }
    }

    fn at(&self, ms: i64) -> Timestamp {
        time::after(self.origin, Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }

    async fn take(&mut self, heard: Heard) {
        let wanted = match heard {
            Heard::Began(origin) => {
                self.origin = origin;
                Wanted::Began
            }
            Heard::Told(speaker, Told::Partial { words }) => {
                let words: Vec<_> = words.iter().map(|word| self.word(word)).collect();
                self.partials.say(speaker, &words).await;
                let now = self.wib.now();
                let tells = self.machine && speaker == Speaker::Customer && now >= self.told_until;
                if !tells || !ai_agent::interrupts(&words) {
                    return;
                }
                self.told_until = time::after(now, AGAIN);
                Wanted::Overheard(words)
            }
            Heard::Told(speaker, Told::Until { ms }) => {
                self.until.insert(speaker, ms);
                return;
            }
            Heard::Told(speaker, Told::Line { words, language, vendor, live }) => {
                let sure: i64 = words.iter().map(|word| word.confidence_ppm).sum();
                let count = i64::try_from(words.len()).unwrap_or(1).max(1);
                Wanted::Line(
                    self.wib.id(),
                    HeardLine {
                        speaker,
                        words: words.iter().map(|word| self.word(word)).collect(),
                        language,
                        confidence_ppm: sure / count,
                        source: LineSource::Live,
                        vendor: vendor.to_owned(),
                        live,
                    },
                )
            }
            Heard::Told(speaker, Told::Lost { from_ms, to_ms }) => Wanted::Lost(speaker, from_ms, to_ms),
            Heard::Told(speaker, Told::Switched { from, to, why }) => Wanted::Switched(speaker, from, to, why),
        };
        self.waiting.push_back(wanted);
        if self.waiting.len() > WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.give_up(&oldest);
        }
    }

    /// What cannot be kept leaves a gap, which the recording fills.
    fn give_up(&mut self, wanted: &Wanted) {
        let Wanted::Line(_, heard) = wanted else { return };
        let (Some(first), Some(last)) = (heard.words.first(), heard.words.last()) else { return };
        metrics::counter!("wib_live_lines_lost_total").increment(1);
        let (from, to) = self.lost.unwrap_or((first.started_at, last.ended_at));
        self.lost = Some((from.min(first.started_at), to.max(last.ended_at)));
    }

    fn word(&self, word: &Word) -> HeardWord {
        HeardWord { text: word.text.clone(), started_at: self.at(word.from_ms), ended_at: self.at(word.to_ms) }
    }

    async fn keep(&mut self, wanted: &Wanted) -> Result<()> {
        let mut tx = self.wib.store.org(self.organization).await?;
        let Some(call) = tx.lock_call(self.call).await? else { return Ok(()) };
        self.machine = call.technology == Technology::ArtificialVoice;
        match wanted {
            Wanted::Began => self.began(&mut *tx).await?,
            Wanted::Line(id, heard) => {
                // The commit of an earlier try may have gone through.
                if tx.find(*id).await?.is_none() {
                    keep::keep(&self.wib, &mut *tx, &call, *id, heard).await?;
                }
            }
            Wanted::Lost(speaker, from, to) => {
                let why = format!("nobody heard the {speaker}");
                open::gap(&self.wib, &mut *tx, self.call, (self.at(*from), Some(self.at(*to))), &why).await?;
            }
            Wanted::Switched(speaker, from, to, why) => {
                let source = format!("live:{}:{speaker}:{}", self.number, self.wib.now().as_millisecond());
                let data = json!({"speaker": speaker, "from": from, "to": to, "reason": why});
                note(&self.wib, &mut *tx, self.call, &source, "call.live.switched", data, self.wib.now()).await?;
            }
            Wanted::Overheard(words) => ai_agent::overheard(&self.wib, &mut *tx, &call, words).await?,
            Wanted::Sign => {}
        }
        if let Some((from, to)) = self.lost {
            open::gap(&self.wib, &mut *tx, self.call, (from, Some(to)), "what was heard could not be kept").await?;
        }
        // What was heard is kept, also when nobody knows the stream any more.
        let stream: Option<MediaStream> = tx.find(self.stream).await?;
        if let Some(mut stream) = stream {
            stream.seen_at = Some(self.wib.now());
            let least = self.until.values().min().copied().unwrap_or(0);
            stream.heard_until = stream.heard_until.max(Some(self.at(least)));
            tx.update(&stream).await?;
        }
        tx.commit().await?;
        self.lost = None;
        // The cache may live in the same database: it is asked when the transaction is over.
        if let Wanted::Line(_, heard) = wanted {
            self.partials.over(heard.speaker).await;
        }
        if !matches!(wanted, Wanted::Sign) {
            self.wib.wake();
        }
        Ok(())
    }

    /// What was said between an earlier stream and this one was heard by nobody.
    async fn began(&self, tx: &mut dyn OrgTx) -> Result<()> {
        let streams = tx.streams_of_call(self.call).await?;
        let mut row = streams.iter().find(|stream| stream.id == self.stream).cloned();
        if let Some(row) = &mut row {
            row.opened_at = Some(self.origin);
            tx.update(row).await?;
        }
        // The last one before it that heard anything.
        let earlier = streams.iter().rev().filter(|stream| stream.number < self.number);
        let Some(before) = earlier.filter_map(|stream| stream.heard_until.or(stream.opened_at)).max() else {
            return Ok(());
        };
        open::gap(&self.wib, tx, self.call, (before, Some(self.origin)), "the stream was lost").await
    }
}
