//! Telling somebody outside that the schedule runs: silence is then noticed by whoever waits for the next beat.

use async_trait::async_trait;

use super::VendorError;

/// Somebody outside who is told after each tick that went well.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Heartbeat: Send + Sync + std::fmt::Debug {
    /// A tick went well.
    async fn beat(&self) -> Result<(), VendorError>;
}
