//! What every adapter of a port must do, as tests that adapters run; and outsiders of the tests' own.

pub mod authority;
pub mod fakes;
pub mod messenger_suite;
pub mod numbers_suite;
pub mod store_suite;
pub mod trunks_suite;
pub mod verified_numbers_suite;
pub mod webrtc_suite;

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
