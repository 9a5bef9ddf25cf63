//! Who stamps time: an authority outside the house that signs when it saw a digest (RFC 3161).

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use super::VendorError;

/// An authority of RFC 3161. It is only asked: what its answer proves is judged by
/// [`TimestampRequest::accept`](crate::evidence::timestamp::TimestampRequest::accept).
#[async_trait]
pub trait TimestampAuthority: Send + Sync + Debug {
    /// What its stamps are kept under: the same authority, the same name. 1 to 200 characters.
    fn name(&self) -> &str;
    /// Sends a TimeStampReq in DER; the TimeStampResp in DER, whatever it says. A repeat makes one more stamp and does no
    /// harm.
    async fn stamp(&self, request_der: &[u8]) -> Result<Bytes, VendorError>;
}
