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

/// One hash for everybody who does not exist, so that a wrong address takes as long as a wrong password. It is of no
/// password that anybody knows.
pub(super) fn nobodys(PasswordCost { memory_kib, passes }: PasswordCost) -> String {
    let (salt, key) = ("c29tZXNhbHRzb21lc2FsdA", "oTMzx1lGSWlfLNn0Rr3tZ6Qn4Jbc4Vg8hVV8y6Bv4bQ");
    format!("$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${key}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only_and_is_of_today() {
        let stored = hash("correct horse", b"0123456789abcdef", PasswordCost::TEST).unwrap();
        assert_eq!(verify("correct horse", &stored), Verified { fits: true, outdated: false });
        assert!(!verify("correct horsf", &stored).fits);
    }

    #[test]
    fn older_forms_are_read_and_to_be_made_anew() {
        let mut key = [0u8; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(b"secret123", b"salt", 1000, &mut key);
        let stored = format!("pbkdf2:1000:{}:{}", hex::encode("salt"), hex::encode(key));
        assert_eq!(verify("secret123", &stored), Verified { fits: true, outdated: true });
        assert!(!verify("secret124", &stored).fits);
        let legacy = format!("aa:{}", hex::encode(Sha256::digest("aasecret123")));
        assert_eq!(verify("secret123", &legacy), Verified { fits: true, outdated: true });
        for odd in
            ["", ":", "pbkdf2:0:aa:bb", "pbkdf2:x:aa:bb", "pbkdf2:99999999999:aa:bb", "aa:zz", "$argon2id$nonsense"]
        {
            assert!(!verify("", odd).fits, "{odd}");
        }
    }

    #[test]
    fn nobody_is_as_costly_as_somebody_and_has_no_password() {
        for cost in [PasswordCost::TEST, PasswordCost { memory_kib: 64, passes: 3 }] {
            let of = |stored: &str| Params::try_from(&PasswordHash::new(stored).unwrap()).unwrap();
            let (nobodys, somebodys) = (nobodys(cost), hash("x", b"0123456789abcdef", cost).unwrap());
            assert_eq!(of(&nobodys), of(&somebodys));
            assert!(!verify("", &nobodys).fits);
        }
    }
}
