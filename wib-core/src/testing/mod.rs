//! What every adapter of a port must do, as tests that adapters run; stand-ins for vendors; and outsiders of the tests'
//! own.

pub mod authority;
pub mod cache_suite;
pub mod fakes;
pub mod mailer_suite;
pub mod queue_suite;
pub mod store_suite;

use std::{future::Future, time::Duration};

use crate::kit::VirtualClock;

/// The future's output, while time passes on that clock: a step of 50 ms whenever nothing else is to do.
pub async fn while_time_passes<F: Future>(clock: &VirtualClock, future: F) -> F::Output {
    let time = async {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(50));
        }
    };
    tokio::select! {
        biased;
        output = future => output,
        () = time => unreachable!("time does not end"),
    }
}
