//! The tag that a vendor echoes in every event: which call, in which organisation, at which step. Authenticated by us.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::CallId;
use crate::{orgs::OrganizationId, text_enum};

text_enum! {
    /// Which of our commands set the tag.
    pub(crate) enum Step {
        /// The dial.
        Dial = "dial",
        /// The recording notice.
        Notice = "notice",
    }
}

/// What a tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The call.
    pub call_id: CallId,
    /// The command.
    pub step: Step,
}

/// The key that tags are authenticated with.
#[derive(Clone)]
pub(crate) struct TagKey([u8; 32]);
impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey([redacted])")
    }
}
impl TagKey {
    /// A key from secret bytes.
    #[must_use]
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    fn mac(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        hex::encode(&mac.finalize().into_bytes()[..16])
    }
    /// The text to give to the vendor.
    #[must_use]
    pub(crate) fn seal(&self, tag: Tag) -> String {
        let text = format!("wib1.{}.{}.{}", tag.organization_id, tag.call_id, tag.step);
        format!("{text}.{}", self.mac(&text))
    }
    /// What an echoed text says; `None` when it is not ours.
    #[must_use]
    pub(crate) fn open(&self, text: &str) -> Option<Tag> {
        let (body, mac) = text.rsplit_once('.')?;
        if !bool::from(self.mac(body).as_bytes().ct_eq(mac.as_bytes())) {
            return None;
        }
        let mut parts = body.strip_prefix("wib1.")?.split('.');
        let tag = Tag {
            organization_id: parts.next()?.parse().ok()?,
            call_id: parts.next()?.parse().ok()?,
            step: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(tag)
    }
}
