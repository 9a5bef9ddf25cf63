//! Questions that cost nothing and tell whether a vendor answers and takes our key.

use async_trait::async_trait;

use super::{Port, VendorError};

/// One such question. Asking it changes nothing at the vendor.
#[async_trait]
pub trait Pulse: Send + Sync + std::fmt::Debug {
    /// Who is asked.
    fn vendor(&self) -> &'static str;
    /// For which port.
    fn port(&self) -> Port;
    /// Asks.
    async fn ask(&self) -> Result<(), VendorError>;
}
