use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;

use super::{page, refused};
use crate::{
    kit::{Clock, Phone, Timestamp, time::after},
    ports::{
        Fault, VendorError, VerifiedNumbers,
        pages::{Place, Portion},
        verified_numbers::{AskCode, VerifiedNumber},
    },
};

/// Verified numbers in memory. The code is always [`CODE`](Self::CODE), for ten minutes.
#[derive(Debug)]
pub struct FakeVerifiedNumbers {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}
#[derive(Debug, Default)]
struct State {
    asked: BTreeMap<Phone, Timestamp>,
    verified: BTreeMap<Phone, Timestamp>,
}
impl FakeVerifiedNumbers {
    /// The code of every verification.
    pub const CODE: &str = "12345";
    /// No number is verified.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test fails while it holds this")
    }
}

fn shown((number, at): (&Phone, &Timestamp)) -> VerifiedNumber {
    VerifiedNumber { number: number.into(), verified_at: Some(*at) }
}

#[async_trait]
impl VerifiedNumbers for FakeVerifiedNumbers {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn ask_code(&self, number: &Phone, _ask: &AskCode) -> Result<(), VendorError> {
        self.state().asked.insert(number.clone(), self.clock.now());
        Ok(())
    }
    async fn submit_code(&self, number: &Phone, code: &str) -> Result<VerifiedNumber, VendorError> {
        let mut state = self.state();
        let asked = *state.asked.get(number).ok_or_else(|| refused(Fault::Missing, "no code was asked for"))?;
        let now = self.clock.now();
        if code != Self::CODE || after(asked, Duration::from_secs(600)) <= now {
            return Err(refused(Fault::Request, "the code is wrong, or too old"));
        }
        state.asked.remove(number);
        state.verified.insert(number.clone(), now);
        Ok(shown((number, &now)))
    }
    async fn verified(&self, number: &Phone) -> Result<Option<VerifiedNumber>, VendorError> {
        Ok(self.state().verified.get_key_value(number).map(shown))
    }
    async fn list(&self, place: Option<Place>) -> Result<Portion<VerifiedNumber>, VendorError> {
        page(self.state().verified.iter().map(shown).collect(), place.as_ref())
    }
    async fn forget(&self, number: &Phone) -> Result<(), VendorError> {
        self.state().verified.remove(number);
        Ok(())
    }
}
