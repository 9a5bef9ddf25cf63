//! Password hashes: argon2id for new ones; the older PBKDF2 and salted SHA-256 forms are still read.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::kit::{Error, Result};

/// How hard a password is to guess: argon2id's memory and passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
}
impl Default for PasswordCost {
    /// 19 MiB, two passes: OWASP's floor for argon2id.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}
impl PasswordCost {
    /// For tests: fast, and not for anything else.
    pub const TEST: Self = Self { memory_kib: 8, passes: 1 };
    fn argon2(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.passes, 1, None)
            .map_err(|e| Error::internal("bad password cost").because(e.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// The PHC text of a new password. Slow on purpose: call it through `offload`.
///
/// # Errors
/// `Internal` when the cost is out of argon2's range.
pub fn hash(password: &str, salt: &[u8], cost: PasswordCost) -> Result<String> {
    let hash = cost
        .argon2()?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|e| Error::internal("password could not be hashed").because(e.to_string()))?;
    Ok(hash.to_string())
}

/// Whether the password fits, and whether its hash should be made anew in today's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// It fits.
    pub fits: bool,
    /// The stored form is an older one.
    pub outdated: bool,
}

/// Compares a password with a stored hash of any known form, in constant time. Slow: call it through `offload`.
#[must_use]
pub fn verify(password: &str, stored: &str) -> Verified {
    if stored.starts_with("$argon2id$") {
        let fits = PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        return Verified { fits, outdated: false };
    }
    Verified { fits: older(password, stored).unwrap_or(false), outdated: true }
}

fn older(password: &str, stored: &str) -> Option<bool> {
    let parts: Vec<&str> = stored.split(':').collect();
    let (ours, theirs) = match parts[..] {
        ["pbkdf2", rounds, salt, hash] => {
            let rounds: u32 = rounds.parse().ok().filter(|r| (1..=10_000_000).contains(r))?;
            let mut key = [0u8; 32];
            pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &hex::decode(salt).ok()?, rounds, &mut key);
            (key.to_vec(), hex::decode(hash).ok()?)
        }
        [salt, hash] => (Sha256::digest(format!("{salt}{password}")).to_vec(), hex::decode(hash).ok()?),
        _ => return None,
    };
    Some(ours.ct_eq(&theirs).into())
}
