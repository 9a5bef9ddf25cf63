//! Webhooks that go nowhere.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::ports::{
    Fault, Hooks, Sent, VendorError,
    hooks::{Hook, HookAnswer, SignedHook, check_address},
};

/// Keeps what it is given; refuses what an adapter must refuse, and fails as often as it is [told](Self::fail).
#[derive(Debug, Default)]
pub struct FakeHooks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    posted: Vec<Hook>,
    delivered: Vec<SignedHook>,
    answers: VecDeque<HookAnswer>,
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
    /// Has the next that is signed be answered so; without an answer it is taken.
    pub fn answer(&self, status: u16, body: &str) {
        self.state().answers.push_back(HookAnswer::new(status, body.as_bytes()));
    }
    /// What arrived signed, whatever was answered, in order.
    #[must_use]
    pub fn delivered(&self) -> Vec<SignedHook> {
        self.state().delivered.clone()
    }
    fn tried(&self, url: &str) -> Result<MutexGuard<'_, State>, VendorError> {
        check_address(url).map_err(|why| VendorError::new("fake", Fault::Request, Sent::No, why))?;
        let mut state = self.state();
        state.tries += 1;
        if state.failures > 0 {
            state.failures -= 1;
            return Err(VendorError::new("fake", Fault::Down, Sent::Unknown, "down"));
        }
        Ok(state)
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
        self.tried(&hook.url)?.posted.push(hook.clone());
        Ok(())
    }
    async fn deliver(&self, hook: &SignedHook) -> Result<HookAnswer, VendorError> {
        let mut state = self.tried(&hook.url)?;
        state.delivered.push(hook.clone());
        Ok(state.answers.pop_front().unwrap_or_else(|| HookAnswer::new(200, b"")))
    }
}
