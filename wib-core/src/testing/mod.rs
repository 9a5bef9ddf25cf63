//! What every adapter of a port must do, as tests that adapters run; stand-ins for vendors; and outsiders of the tests'
//! own.

pub mod authority;
pub mod billing_suite;
pub mod blobs_suite;
pub mod bus_suite;
pub mod cache_suite;
pub mod embedder_suite;
pub mod fakes;
pub mod live_transcriber_suite;
pub mod llm_suite;
pub mod mailer_suite;
pub mod messenger_suite;
pub mod numbers_suite;
pub mod queue_suite;
pub mod speech_suite;
pub mod store_suite;
pub mod transcriber_suite;
pub mod trunks_suite;
pub mod verified_numbers_suite;
pub mod voice_suite;
pub mod webrtc_suite;

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

/// One named test per case of a suite. `make` is an `async fn` that gives what the cases ask for.
#[macro_export]
macro_rules! suite_cases {
    ($suite:ident, $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            $crate::testing::$suite::$case($make().await).await;
        })+
    };
}
