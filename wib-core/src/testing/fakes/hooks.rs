//! Webhooks that go nowhere.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::ports::{
    Fault, Hooks, Sent, VendorError,
    hooks::{Hook, check_address},
};

/// Keeps what it is given; refuses what an adapter must refuse, and fails as often as it is [told](Self::fail).
#[derive(Debug, Default)]
pub struct FakeHooks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    posted: Vec<Hook>,
    tries: usize,
    failures: usize,
}

impl FakeHooks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Has the next so many fail.
    pub fn fail(&self, times: usize) {
        self.state().failures = times;
    }
    /// What arrived, in order.
    #[must_use]
    pub fn posted(&self) -> Vec<Hook> {
        self.state().posted.clone()
    }
    /// How often it was tried.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.state().tries
    }
}

#[async_trait]
impl Hooks for FakeHooks {
    async fn post(&self, hook: &Hook) -> Result<(), VendorError> {
        check_address(&hook.url).map_err(|why| VendorError::new("fake", Fault::Request, Sent::No, why))?;
        let mut state = self.state();
        state.tries += 1;
        if state.failures > 0 {
            state.failures -= 1;
            return Err(VendorError::new("fake", Fault::Down, Sent::Unknown, "down"));
        }
        state.posted.push(hook.clone());
        Ok(())
    }
}
