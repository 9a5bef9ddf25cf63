//! Time as a port: now, sleeping, deadlines, and work that would block.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

/// A day of the calendar.
pub use jiff::civil::Date;

/// An instant in UTC. Ours are cut to microseconds, which is what both databases hold.
pub type Timestamp = jiff::Timestamp;

/// Where every "now", sleep, timeout and lease comes from, so that a virtual clock moves them all.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// This instant, cut to microseconds.
    fn now(&self) -> Timestamp;
    /// Returns at that instant, or at once when it has passed.
    async fn sleep_until(&self, at: Timestamp);
    /// Whether blocking work runs on the spot (a virtual clock) or on a thread of its own.
    fn inline(&self) -> bool {
        false
    }
}

/// `at` cut to microseconds.
#[must_use]
pub fn microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// `at + by`, held at the end of time instead of failing.
#[must_use]
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at - by`, held at the beginning of time instead of failing.
#[must_use]
pub fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The day of an instant, in UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The first instant of a day, in UTC.
#[must_use]
pub fn first_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The future's answer, or `None` when it took longer than `limit` on that clock.
pub async fn timeout<F: Future>(clock: &dyn Clock, limit: Duration, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep_until(after(clock.now(), limit)) => None,
    }
}

/// Runs work that would block a worker thread (password hashing, files).
///
/// # Panics
/// When the work itself panics.
pub async fn offload<T: Send + 'static>(clock: &dyn Clock, work: impl FnOnce() -> T + Send + 'static) -> T {
    if clock.inline() {
        return work();
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    let done = tokio::task::spawn_blocking(work).await;
    done.expect("blocking work does not panic")
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    fn now(&self) -> Timestamp {
        microseconds(Timestamp::now())
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    async fn sleep_until(&self, at: Timestamp) {
        let left = at.duration_since(self.now());
        if let Ok(left) = Duration::try_from(left) {
            tokio::time::sleep(left).await;
        }
    }
}

/// The machine's clock, run faster from an instant on: whoever is given the same two shows the same time, so several
/// processes can rehearse a day in minutes. For rehearsals and tests.
#[derive(Clone, Copy, Debug)]
pub struct ScaledClock {
    origin: Timestamp,
    shown: Timestamp,
    speed: u32,
}
impl ScaledClock {
    /// A clock that shows `origin` when the machine's does, and from then on runs `speed` times as fast.
    #[must_use]
    pub fn new(origin: Timestamp, speed: u32) -> Self {
        Self { origin: microseconds(origin), shown: microseconds(origin), speed: speed.max(1) }
    }
    /// A clock that shows that instant now, and from now on runs `speed` times as fast.
    #[must_use]
    pub fn showing(instant: Timestamp, speed: u32) -> Self {
        Self { origin: SystemClock.now(), shown: microseconds(instant), speed: speed.max(1) }
    }
}

#[async_trait]
impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let real = SystemClock.now();
        match Duration::try_from(real.duration_since(self.origin)) {
            Ok(passed) => microseconds(after(self.shown, passed.saturating_mul(self.speed))),
            Err(_) => real,
        }
    }
    async fn sleep_until(&self, at: Timestamp) {
        if let Ok(left) = Duration::try_from(at.duration_since(self.now())) {
            SystemClock.sleep_until(after(SystemClock.now(), left / self.speed)).await;
        }
    }
}

/// A clock that stands still until it is moved: demonstrations and tests run a day in a second.
#[derive(Debug)]
pub struct VirtualClock(Mutex<Virtual>);

#[derive(Debug)]
struct Virtual {
    now: Timestamp,
    // Sleepers by deadline and order of arrival, so that waking is the same every time.
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    arrivals: u64,
}

impl VirtualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(Virtual { now: microseconds(start), sleepers: BTreeMap::new(), arrivals: 0 }))
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, Virtual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Moves to `at` (never back) and wakes everybody whose time has come, in order.
    pub fn advance_to(&self, at: Timestamp) {
        let mut state = self.lock();
        state.now = state.now.max(microseconds(at));
        let edge = (state.now, u64::MAX);
        let later = state.sleepers.split_off(&edge);
        for (_, wake) in std::mem::replace(&mut state.sleepers, later) {
            let _ = wake.send(());
        }
    }
    /// Moves on by `by`.
    pub fn advance(&self, by: Duration) {
        let to = after(self.now(), by);
        self.advance_to(to);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }
    async fn sleep_until(&self, at: Timestamp) {
        let woken = {
            let mut state = self.lock();
            if at <= state.now {
                return;
            }
            let (wake, woken) = oneshot::channel();
            state.arrivals += 1;
            let seat = (at, state.arrivals);
            state.sleepers.insert(seat, wake);
            woken
        };
        let _ = woken.await;
    }
    fn inline(&self) -> bool {
        true
    }
}
