//! Chance as a port: ids, tokens, jitter.

use std::{fmt::Debug, sync::Mutex, time::Duration};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Where every id, token and jitter comes from.
pub trait Random: Send + Sync + Debug {
    /// Fills the buffer with bytes nobody can foresee (or, in tests, that everybody can).
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// A number in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0u8; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
    /// 32 random bytes in hex: a session token, an API key, a signature key's seed.
    pub fn token(&self) -> String {
        let mut bytes = [0u8; 32];
        self.fill(&mut bytes);
        hex::encode(bytes)
    }
    /// The wait before try number `attempt` (1 is the first repeat): doubling from `base` up to `cap`, the upper half random.
    pub fn backoff(&self, attempt: u32, base: Duration, cap: Duration) -> Duration {
        let full = base.saturating_mul(1u32 << attempt.saturating_sub(1).min(20)).min(cap);
        let half = full / 2;
        half + Duration::from_millis(self.below(u64::try_from(half.as_millis()).unwrap_or(0) + 1))
    }
}

/// The operating system's randomness.
#[derive(Debug, Default)]
pub struct OsRandom;
impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// The same bytes for the same seed: demonstrations and tests.
#[derive(Debug)]
pub struct SeededRandom(Mutex<ChaCha8Rng>);
impl SeededRandom {
    /// A stream that depends on the seed alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}
impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(bytes);
    }
}
