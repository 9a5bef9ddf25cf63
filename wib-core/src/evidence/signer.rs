use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    blobs::UrlKey,
    calls::tag::TagKey,
    kit::{Error, Result, canonical},
};

/// Who signs checkpoints: an Ed25519 key.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.fingerprint())
    }
}

impl Signer {
    /// The signer of a secret seed of 32 bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }
    /// The signer of a seed in hex (64 digits).
    ///
    /// # Errors
    /// `Invalid` when it is not; the text is not repeated.
    pub fn from_hex(text: &str) -> Result<Self> {
        let mut seed = [0u8; 32];
        hex::decode_to_slice(text.trim(), &mut seed)
            .map_err(|_| Error::invalid("an evidence key is 64 hexadecimal digits"))?;
        Ok(Self::from_seed(seed))
    }
    /// The public key in hex: what a verifier is given.
    #[must_use]
    pub fn public_key_hex(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }
    /// `sha256:<hex>` of the public key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        canonical::sha256(self.0.verifying_key().as_bytes())
    }
    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.0.sign(message).to_bytes())
    }
    /// A key for call tags, drawn from the same secret so that an installation keeps one.
    pub(crate) fn tag_key(&self) -> TagKey {
        TagKey::new(self.drawn(b"wib call tag v1"))
    }
    /// A key for addresses of blobs, drawn the same way.
    pub(crate) fn url_key(&self) -> UrlKey {
        UrlKey::new(self.drawn(b"wib blob url v1"))
    }
    fn drawn(&self, purpose: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }
}
