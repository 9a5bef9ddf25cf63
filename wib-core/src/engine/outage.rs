use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::kit::time::{Timestamp, after};

/// Trouble that many meet at once and again and again: it is told of at once, then once a minute, and when it is over.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Trouble>>);

#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Timestamp,
    told: Timestamp,
    times: u32,
}

/// How an outage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How often it was met, this time included.
    pub(crate) times: u32,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether it is to be told of now.
    pub(crate) tell: bool,
}

impl Outage {
    const EVERY: Duration = Duration::from_secs(60);

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// It was met.
    pub(crate) fn met(&self, now: Timestamp) -> Standing {
        let mut trouble = self.lock();
        let (tell, now_it_is) = match *trouble {
            None => (true, Trouble { since: now, told: now, times: 1 }),
            Some(was) => {
                let tell = after(was.told, Self::EVERY) <= now;
                let told = if tell { now } else { was.told };
                (tell, Trouble { told, times: was.times.saturating_add(1), ..was })
            }
        };
        *trouble = Some(now_it_is);
        Standing { times: now_it_is.times, since: now_it_is.since, tell }
    }
    /// It was not met; since when it had been, when it had.
    pub(crate) fn over(&self) -> Option<Timestamp> {
        self.lock().take().map(|trouble| trouble.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_of_at_once_then_every_minute_then_when_it_is_over() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        let outage = Outage::default();
        assert_eq!(outage.over(), None);
        assert_eq!(outage.met(at(1)), Standing { times: 1, since: at(1), tell: true });
        assert_eq!(outage.met(at(60)), Standing { times: 2, since: at(1), tell: false });
        assert_eq!(outage.met(at(61)), Standing { times: 3, since: at(1), tell: true });
        assert!(!outage.met(at(120)).tell);
        assert_eq!((outage.over(), outage.over()), (Some(at(1)), None));
        assert!(outage.met(at(121)).tell);
    }
}
