//! The keys that secrets are sealed with.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use super::TenantSecret;
use crate::{
    kit::{Error, ExposeSecret, Random, Result, SecretString},
    orgs::OrganizationId,
};

/// Seals with one key, and opens with it and with older ones.
#[derive(Clone)]
pub struct Vault {
    present: Key,
    older: Vec<Key>,
}
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.present.id)
    }
}

#[derive(Clone)]
struct Key {
    id: String,
    key: LessSafeKey,
}
impl Key {
    fn from_hex(text: &str) -> Result<Self> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| Error::invalid("a key for secrets is 64 hexadecimal digits"))?;
        // Tells keys apart and nothing of them: what it is made of has 256 bits.
        let id = hex::encode(&Sha256::new().chain_update(b"wib secrets key v1").chain_update(bytes).finalize()[..8]);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| Error::internal("not a key of AES-256"))?;
        Ok(Self { id, key: LessSafeKey::new(key) })
    }
}

/// What a sealed value is bound to: each part has its length or is the last.
fn bound(organization: OrganizationId, name: &str, key: &str) -> Aad<Vec<u8>> {
    Aad::from([organization.uuid().as_bytes(), key.as_bytes(), b"|", name.as_bytes()].concat())
}

impl Vault {
    /// The present key and the older ones, each 64 hexadecimal digits.
    ///
    /// # Errors
    /// `Invalid` when one is not; the text is not repeated.
    pub fn from_hex<'a>(present: &str, older: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        Ok(Self {
            present: Key::from_hex(present)?,
            older: older.into_iter().map(Key::from_hex).collect::<Result<_>>()?,
        })
    }
    /// What the present key is called in a row.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.present.id
    }
    /// Seals a value under the present key.
    pub(crate) fn seal(
        &self,
        organization: OrganizationId,
        row: TenantSecret,
        value: &SecretString,
        random: &dyn Random,
    ) -> Result<TenantSecret> {
        let mut nonce = [0u8; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = value.expose_secret().as_bytes().to_vec();
        let to = bound(organization, &row.name, &self.present.id);
        self.present
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), to, &mut sealed)
            .map_err(|_| Error::internal("the secret cannot be sealed"))?;
        Ok(TenantSecret { key_id: self.present.id.clone(), nonce: nonce.to_vec(), sealed, ..row })
    }
    /// Opens a row of an organisation.
    pub(crate) fn open(&self, organization: OrganizationId, row: &TenantSecret) -> Result<SecretString> {
        let mut keys = std::iter::once(&self.present).chain(&self.older);
        let Some(key) = keys.find(|key| key.id == row.key_id) else {
            return Err(Error::internal(format!(
                "the secret {} is sealed with the key {}, which is not given",
                row.name, row.key_id
            )));
        };
        let changed =
            || Error::internal(format!("the secret {} does not open: its row is not as it was sealed", row.name));
        let nonce = Nonce::try_assume_unique_for_key(&row.nonce).map_err(|_| changed())?;
        let mut bytes = row.sealed.clone();
        let to = bound(organization, &row.name, &row.key_id);
        let value = key.key.open_in_place(nonce, to, &mut bytes).map_err(|_| changed())?;
        let text = std::str::from_utf8(value).map_err(|_| changed())?;
        Ok(text.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Id, OsRandom, time::Timestamp};

    fn row(name: &str) -> TenantSecret {
        TenantSecret {
            id: Id::new(Timestamp::UNIX_EPOCH, &OsRandom),
            name: name.to_owned(),
            key_id: String::new(),
            nonce: vec![],
            sealed: vec![],
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
    fn org() -> OrganizationId {
        Id::new(Timestamp::UNIX_EPOCH, &OsRandom)
    }

    #[test]
    fn a_row_opens_as_it_was_sealed_and_in_no_other_way() {
        let (first, second) = ("11".repeat(32), "22".repeat(32));
        let vault = Vault::from_hex(&first, []).unwrap();
        let (ours, theirs) = (org(), org());
        let sealed = vault.seal(ours, row("crm.key"), &"hunter2".into(), &OsRandom).unwrap();
        assert_eq!(vault.open(ours, &sealed).unwrap().expose_secret(), "hunter2");
        assert!(!sealed.sealed.windows(7).any(|part| part == b"hunter2"));
        let again = vault.seal(ours, row("crm.key"), &"hunter2".into(), &OsRandom).unwrap();
        assert_ne!((&again.nonce, &again.sealed), (&sealed.nonce, &sealed.sealed), "the same value looks another way");
        let refused = |vault: &Vault, org, row: &TenantSecret| {
            let error = vault.open(org, row).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"));
            error.message().to_owned()
        };
        let as_sealed = "does not open: its row is not as it was sealed";
        assert!(refused(&vault, theirs, &sealed).contains(as_sealed), "another organisation's");
        assert!(
            refused(&vault, ours, &TenantSecret { name: "bank.key".to_owned(), ..sealed.clone() }).contains(as_sealed)
        );
        for at in 0..sealed.sealed.len() {
            let mut bytes = sealed.sealed.clone();
            bytes[at] ^= 1;
            assert!(
                refused(&vault, ours, &TenantSecret { sealed: bytes, ..sealed.clone() }).contains(as_sealed),
                "bit {at}"
            );
        }
        for nonce in [vec![], vec![0; 12], vec![0; 13]] {
            assert!(refused(&vault, ours, &TenantSecret { nonce, ..sealed.clone() }).contains(as_sealed));
        }
        assert!(refused(&vault, ours, &TenantSecret { sealed: vec![], ..sealed.clone() }).contains(as_sealed));
        let other = Vault::from_hex(&second, []).unwrap();
        assert!(refused(&other, ours, &sealed).contains(&format!("sealed with the key {}", vault.key_id())));
        // Its name alone makes no key of it.
        let forged = TenantSecret { key_id: other.key_id().to_owned(), ..sealed.clone() };
        assert!(refused(&other, ours, &forged).contains(as_sealed));
        let both = Vault::from_hex(&second, [first.as_str()]).unwrap();
        assert_eq!(both.open(ours, &sealed).unwrap().expose_secret(), "hunter2");
        assert!(Vault::from_hex("11", []).is_err() && Vault::from_hex(&first, ["x"]).is_err());
        assert_eq!(format!("{both:?}"), format!("Vault({})", other.key_id()));
    }
}
