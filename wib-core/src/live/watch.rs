use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};

use super::{LiveEvent, Speaking};
use crate::{
    calls::{Call, CallId},
    kit::{Error, OrNotFound, Principal, Result, Role, time, time::Timestamp},
    ports::bus::{Channel, Heard, Hearing, Note},
    wib::Org,
};

/// Rows that are read at once.
const PAGE: i64 = 256;
/// How often the rows are looked at although nothing was told, and whether whoever watches still may: no bus has to be
/// believed.
const LOOK: Duration = Duration::from_secs(15);

/// What to watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchCalls {
    /// One call; all of them without it.
    pub call: Option<CallId>,
    /// The last place that was seen; from now on without it.
    pub after: Option<i64>,
}

/// What somebody who watches is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// Something happened.
    Event(LiveEvent),
    /// What lies between is no longer kept: read anew whatever is shown. The next event comes behind `until`.
    Missed {
        /// The last place that is gone.
        until: i64,
    },
    /// What is being said on a call at this moment. It has no place: the line that follows has.
    Speaking {
        /// Which call.
        call_id: CallId,
        /// Who says what.
        speaking: Speaking,
    },
}

/// Calls being watched: what was stored after a place, then what happens, each once and in order.
///
/// It holds at most a page of rows, and what the bus keeps for a slow reader; who is slower than that is led back to the
/// rows, and loses nothing.
#[derive(Debug)]
pub struct Watch {
    org: Org,
    call: Option<CallId>,
    hearing: Hearing,
    // Everything up to here was given out or stands in `ready`.
    seen: i64,
    ready: VecDeque<Watched>,
    // When it was last asked whether whoever watches still may.
    looked: Timestamp,
    // Rows may lie behind `seen` that nobody will tell of.
    behind: bool,
}

impl Org {
    /// Watches the organisation's calls, from a place on or from now on.
    ///
    /// # Errors
    /// `NotFound` for a call that is not the organisation's; `Invalid` for a place that was never given out; `Unavailable`
    /// when too many watch already.
    pub async fn watch(&self, what: WatchCalls) -> Result<Watch> {
        self.at_least(Role::Viewer)?;
        // Before anything is read: what happens from here on is heard.
        let hearing = self.wib.bus.subscribe(Channel::Organization(self.id()))?;
        let mut tx = self.tx().await?;
        if let Some(id) = what.call {
            let call: Option<Call> = tx.find(id).await?;
            call.or_not_found("call")?;
        }
        let newest = tx.newest_told().await?;
        let seen = what.after.unwrap_or(newest);
        if !(0..=newest).contains(&seen) {
            return Err(Error::field("after", "is not a place that was given out"));
        }
        let behind = seen < newest;
        Ok(Watch {
            org: self.clone(),
            call: what.call,
            hearing,
            seen,
            looked: self.wib.now(),
            ready: VecDeque::new(),
            behind,
        })
    }
}

impl Watch {
    /// The next thing. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// When the rows cannot be read, which may be tried again; `Forbidden` when whoever watches may not any longer.
    pub async fn next(&mut self) -> Result<Watched> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(next);
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            let clock = self.org.wib.clock().clone();
            // However much is told meanwhile.
            let left =
                Duration::try_from(time::after(self.looked, LOOK).duration_since(clock.now())).unwrap_or_default();
            match time::timeout(&*clock, left, self.hearing.next()).await.filter(|_| !left.is_zero()) {
                Some(Heard::Note(Note::Live(event))) if event.seq == self.seen + 1 => self.take(event),
                Some(Heard::Note(Note::Live(event))) => self.behind = event.seq > self.seen,
                Some(Heard::Note(Note::Speaking { call_id, .. })) if self.call.is_none_or(|call| call == call_id) => {
                    let said = self.org.speaking(call_id).await;
                    self.ready.extend(said.into_iter().map(|speaking| Watched::Speaking { call_id, speaking }));
                }
                Some(Heard::Note(Note::Work | Note::Speaking { .. })) => {}
                Some(Heard::Gap) => self.behind = true,
                None => {
                    self.looked = clock.now();
                    let wib = self.org.wib.clone();
                    let (organization_id, actor, role) = (self.org.id(), self.org.actor(), self.org.role());
                    self.org = wib.org(Principal { organization_id, actor, role }).await?;
                    self.org.at_least(Role::Viewer)?;
                    self.behind = true;
                }
            }
        }
    }

    /// What is there already, without waiting: `None` when whoever watches has seen everything. Dropped, it loses nothing.
    ///
    /// # Errors
    /// When the rows cannot be read, which may be tried again.
    pub async fn ready(&mut self) -> Result<Option<Watched>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(Some(next));
            }
            if !self.behind {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    /// The same as a stream. It ends after an error; go on from the last place.
    pub fn stream(self) -> impl Stream<Item = Result<Watched>> + Send {
        stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            let next = watch.next().await;
            let rest = next.is_ok().then_some(watch);
            Some((next, rest))
        })
    }

    fn take(&mut self, event: LiveEvent) {
        self.seen = event.seq;
        if self.call.is_none_or(|call| call == event.call_id) {
            self.ready.push_back(Watched::Event(event));
        }
    }

    async fn read(&mut self) -> Result<()> {
        let mut tx = self.org.tx().await?;
        let rows = tx.told_after(self.seen, PAGE).await?;
        let newest = if rows.is_empty() { tx.newest_told().await? } else { 0 };
        drop(tx);
        // Places have no holes: what is not there was removed for its age.
        let gone = rows.first().map_or(newest, |first| first.seq - 1);
        if gone > self.seen {
            self.seen = gone;
            self.ready.push_back(Watched::Missed { until: gone });
        }
        self.behind = i64::try_from(rows.len()).is_ok_and(|read| read == PAGE);
        rows.into_iter().for_each(|row| self.take(row));
        Ok(())
    }
}
