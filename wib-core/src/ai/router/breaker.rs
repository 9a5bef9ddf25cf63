use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::kit::time::{Timestamp, after};

/// When a vendor is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Failures in a row after which it is left alone.
    pub failures: u32,
    /// For how long at first; each probe that fails doubles it.
    pub rest: Duration,
    /// For how long at most.
    pub longest: Duration,
}
impl Default for Patience {
    /// Five failures, then 30 seconds, at most five minutes.
    fn default() -> Self {
        Self { failures: 5, rest: Duration::from_secs(30), longest: Duration::from_secs(300) }
    }
}

/// Leaves a vendor alone that fails again and again, and lets one request probe whether it is back.
#[derive(Debug)]
pub(super) struct Breaker {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp, rest: Duration },
    Probing,
}

/// Leave to ask once. Dropped without a word it says nothing of the vendor.
#[derive(Debug)]
pub(super) struct Leave {
    breaker: Arc<Breaker>,
    // How long the vendor had been left alone, when this is the probe.
    probe: Option<Duration>,
}

impl Breaker {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, state: Mutex::new(State::Closed { failures: 0 }) }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Whether somebody may ask now. Changes nothing.
    pub(super) fn lets(&self, now: Timestamp) -> bool {
        match *self.state() {
            State::Closed { .. } => true,
            State::Open { until, .. } => until <= now,
            State::Probing => false,
        }
    }
    /// Leave to ask, unless the vendor is to be left alone.
    pub(super) fn enter(self: &Arc<Self>, now: Timestamp) -> Option<Leave> {
        let mut state = self.state();
        let probe = match *state {
            State::Closed { .. } => None,
            State::Open { until, rest } if until <= now => {
                *state = State::Probing;
                Some(rest)
            }
            State::Open { .. } | State::Probing => return None,
        };
        drop(state);
        Some(Leave { breaker: self.clone(), probe })
    }
}

impl Leave {
    /// The vendor answered, whatever it said.
    pub(super) fn answered(mut self) {
        self.probe = None;
        *self.breaker.state() = State::Closed { failures: 0 };
    }
    /// It failed; it may have said when to come back.
    pub(super) fn failed(mut self, now: Timestamp, retry_after: Option<Duration>) {
        let (patience, probe) = (self.breaker.patience, self.probe.take());
        let mut state = self.breaker.state();
        let rest = match (probe, *state) {
            (Some(rest), _) => Some(rest.saturating_mul(2).min(patience.longest)),
            (None, State::Closed { failures }) => {
                *state = State::Closed { failures: failures.saturating_add(1) };
                (failures.saturating_add(1) >= patience.failures).then_some(patience.rest)
            }
            // Asked before it was left alone, and late.
            (None, State::Open { .. } | State::Probing) => return,
        };
        let told = retry_after.map(|wait| wait.min(patience.longest));
        if let Some(wait) = rest.max(told) {
            *state = State::Open { until: after(now, wait), rest: rest.unwrap_or(patience.rest) };
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        // A probe that was given up: the next one may.
        if let Some(rest) = self.probe {
            *self.breaker.state() = State::Open { until: Timestamp::MIN, rest };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }
    fn breaker() -> Arc<Breaker> {
        let rest = Duration::from_secs(10);
        Arc::new(Breaker::new(Patience { failures: 2, rest, longest: Duration::from_secs(25) }))
    }
    fn fail(breaker: &Arc<Breaker>, second: i64) {
        breaker.enter(at(second)).expect("leave").failed(at(second), None);
    }

    #[test]
    fn failures_in_a_row_close_the_way_and_one_answer_between_them_does_not() {
        let breaker = breaker();
        fail(&breaker, 0);
        breaker.enter(at(0)).expect("leave").answered();
        fail(&breaker, 0);
        assert!(breaker.lets(at(0)));
        fail(&breaker, 0);
        assert!(!breaker.lets(at(9)) && breaker.enter(at(9)).is_none());
        assert!(breaker.lets(at(10)));
    }

    #[test]
    fn one_probe_at_a_time_is_let_through_and_each_that_fails_doubles_the_rest() {
        let breaker = breaker();
        fail(&breaker, 0);
        fail(&breaker, 0);
        let probe = breaker.enter(at(10)).expect("a probe");
        assert!(breaker.enter(at(10)).is_none());
        probe.failed(at(10), None);
        assert!(!breaker.lets(at(29)) && breaker.lets(at(30)));
        fail(&breaker, 30);
        assert!(!breaker.lets(at(54)) && breaker.lets(at(55)), "at most 25 s");
        breaker.enter(at(55)).expect("a probe").answered();
        fail(&breaker, 56);
        assert!(breaker.lets(at(56)), "it counts anew");
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_the_way_to_the_next() {
        let breaker = breaker();
        fail(&breaker, 0);
        fail(&breaker, 0);
        drop(breaker.enter(at(10)));
        assert!(breaker.enter(at(10)).is_some());
    }

    #[test]
    fn a_vendor_that_says_when_to_come_back_is_left_alone_until_then() {
        let breaker = breaker();
        breaker.enter(at(0)).expect("leave").failed(at(0), Some(Duration::from_secs(7)));
        assert!(!breaker.lets(at(6)) && breaker.lets(at(7)));
    }

    #[test]
    fn a_late_failure_does_not_spoil_the_probe_that_is_under_way() {
        let breaker = breaker();
        let late = breaker.enter(at(0)).expect("leave");
        fail(&breaker, 0);
        fail(&breaker, 0);
        let probe = breaker.enter(at(10)).expect("a probe");
        late.failed(at(11), None);
        probe.answered();
        assert!(breaker.lets(at(11)));
    }
}
