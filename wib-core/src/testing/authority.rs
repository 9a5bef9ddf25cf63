//! A time-stamp authority of the tests' own: a root, a certificate for time stamps, and every way to be wrong.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use sha2::{Digest, Sha256};

use crate::{
    evidence::timestamp::{
        SHA256,
        der::{
            BITS, BOOLEAN, GENERALIZED_TIME, INTEGER, NULL, OCTETS, OID, SEQUENCE, SET, UTC_TIME, UTF8, context,
            nested, number, wrap,
        },
    },
    kit::{
        Clock,
        time::{Timestamp, after, before},
    },
    ports::{TimestampAuthority, VendorError},
};

const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const PKCS9: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// How an authority is wrong. Each is a reason to refuse its stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// In nothing.
    #[default]
    Nothing,
    /// The certificate ended before the stamp.
    Expired,
    /// The certificate begins after the stamp.
    NotYet,
    /// The certificate is for code.
    OtherUsage,
    /// The certificate is for time stamps and code.
    TwoUsages,
    /// The certificate's usage is not critical.
    UsageNotCritical,
    /// The certificate has no extended usage.
    NoUsage,
    /// The key may also sign certificates.
    KeySignsCertificates,
    /// It stamps another digest.
    OtherDigest,
    /// It repeats another nonce.
    OtherNonce,
    /// It repeats no nonce.
    NoNonce,
    /// Its content is called plain data.
    OtherContent,
    /// Its signed attributes name another content.
    OtherContentAttribute,
    /// Its signed attributes hold another digest.
    OtherMessageDigest,
    /// It swears to another certificate.
    OtherSworn,
    /// It swears to no certificate.
    NothingSworn,
    /// Its signature is by another key.
    OtherKey,
    /// It leaves its certificate out.
    NoCertificate,
    /// Two signers sign.
    TwoSigners,
    /// An extension that must be understood, and is not.
    CriticalExtension,
    /// Its status is `grantedWithMods`.
    Modified,
    /// Its status is `rejection`, for a bad algorithm and a failed system.
    Rejects,
    /// Its status is `granted`, without a token.
    NoToken,
}

/// An authority that answers with an ECDSA P-256 signature under a root of its own.
#[derive(Debug)]
pub struct TestAuthority {
    clock: Arc<dyn Clock>,
    wrong: Wrong,
    root: Vec<u8>,
    certificate: Vec<u8>,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    serial: AtomicU64,
}

impl TestAuthority {
    /// An authority that is right, on that clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::wrong(clock, Wrong::Nothing)
    }
    /// An authority that is wrong in one thing.
    #[must_use]
    pub fn wrong(clock: Arc<dyn Clock>, wrong: Wrong) -> Self {
        let (root_key, key, other) = (a_key(), a_key(), a_key());
        let now = clock.now();
        let ca = extension(&[0x55, 0x1d, 19], true, &wrap(SEQUENCE, &[&wrap(BOOLEAN, &[&[0xff]])]));
        let signs = extension(&[0x55, 0x1d, 15], true, &wrap(BITS, &[&[1, 0x06]]));
        let years = (before(now, YEAR * 9), after(now, YEAR * 9));
        let root = certificate(1, ("Test Root", &root_key), "Test Root", &root_key, years, &[ca, signs]);
        let of = |oids: &[&[u8]]| wrap(SEQUENCE, &[&oids.iter().flat_map(|oid| wrap(OID, &[oid])).collect::<Vec<_>>()]);
        let usages = match wrong {
            Wrong::OtherUsage => of(&[CODE_SIGNING]),
            Wrong::TwoUsages => of(&[TIME_STAMPING, CODE_SIGNING]),
            _ => of(&[TIME_STAMPING]),
        };
        let bits: [u8; 2] = if wrong == Wrong::KeySignsCertificates { [2, 0x84] } else { [7, 0x80] };
        let mut extensions = vec![extension(&[0x55, 0x1d, 15], true, &wrap(BITS, &[&bits]))];
        if wrong != Wrong::NoUsage {
            extensions.push(extension(&[0x55, 0x1d, 37], wrong != Wrong::UsageNotCritical, &usages));
        }
        let years = match wrong {
            Wrong::Expired => (years.0, before(now, YEAR)),
            Wrong::NotYet => (after(now, YEAR), years.1),
            _ => (before(now, YEAR), after(now, YEAR)),
        };
        let certificate = certificate(2, ("Test Root", &root_key), "Test Authority", &key, years, &extensions);
        Self { clock, wrong, root, certificate, key, other, serial: AtomicU64::new(1) }
    }
    /// The root's certificate in DER.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }
    /// The TimeStampResp to a TimeStampReq, as of the clock.
    ///
    /// # Panics
    /// When the request is none of ours.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        // SEQUENCE { INTEGER 1, SEQUENCE { algorithm, OCTET STRING digest }, INTEGER nonce, BOOLEAN TRUE }
        assert!(request.len() > 56 && request[2..7] == [2, 1, 1, 0x30, 49], "a request with a digest of SHA-256");
        let digest: [u8; 32] = request[24..56].try_into().expect("32 bytes");
        let nonce = &request[56..request.len() - 3];
        assert!(nonce[0] == INTEGER && request[request.len() - 3..] == [1, 1, 0xff], "a nonce, and certReq");
        let status = |status: u64, rest: &[u8]| wrap(SEQUENCE, &[&number(status), rest]);
        match self.wrong {
            Wrong::Rejects => {
                let words = wrap(SEQUENCE, &[&wrap(UTF8, &[b"not\ttoday"])]);
                wrap(SEQUENCE, &[&status(2, &[words, wrap(BITS, &[&[6, 0x80, 0, 0, 0x40]])].concat())])
            }
            Wrong::NoToken => wrap(SEQUENCE, &[&status(0, &[])]),
            Wrong::Modified => wrap(SEQUENCE, &[&status(1, &[]), &self.token(digest, nonce)]),
            _ => wrap(SEQUENCE, &[&status(0, &[]), &self.token(digest, nonce)]),
        }
    }
    fn token(&self, digest: [u8; 32], nonce: &[u8]) -> Vec<u8> {
        let pkcs9 = |rest: &[u8]| wrap(OID, &[PKCS9, rest]);
        let is = |wrong| self.wrong == wrong;
        let digest = if is(Wrong::OtherDigest) { [7; 32] } else { digest };
        let nonce = match self.wrong {
            Wrong::OtherNonce => number(1),
            Wrong::NoNonce => vec![],
            _ => nonce.to_vec(),
        };
        let sha256 = wrap(SEQUENCE, &[&wrap(OID, &[SHA256]), &wrap(NULL, &[])]);
        let imprint = wrap(SEQUENCE, &[&sha256, &wrap(OCTETS, &[&digest])]);
        let at = self.clock.now().strftime("%Y%m%d%H%M%S").to_string();
        let accuracy = wrap(SEQUENCE, &[&number(1), &wrap(context(0), &[&[5]])]);
        let critical = wrap(SEQUENCE, &[&wrap(OID, &[&[0x2a, 3]]), &wrap(BOOLEAN, &[&[0xff]]), &wrap(OCTETS, &[&[]])]);
        let info = wrap(
            SEQUENCE,
            &[
                &number(1),
                &wrap(OID, &[&[0x2a, 3, 4, 1]]),
                &imprint,
                &number(self.serial.fetch_add(1, Ordering::Relaxed)),
                &wrap(GENERALIZED_TIME, &[at.as_bytes(), b"Z"]),
                &accuracy,
                &nonce,
                &if is(Wrong::CriticalExtension) { wrap(nested(1), &[&critical]) } else { vec![] },
            ],
        );
        let attribute = |oid: &[u8], value: &[u8]| wrap(SEQUENCE, &[&pkcs9(oid), &wrap(SET, &[value])]);
        let tst_info = pkcs9(&[16, 1, 4]);
        let data = wrap(OID, &[&SIGNED_DATA[..8], &[1]]);
        let sworn = if is(Wrong::OtherSworn) { &self.root } else { &self.certificate };
        let sworn = wrap(OCTETS, &[&Sha256::digest(sworn)]);
        let sworn = wrap(SEQUENCE, &[&wrap(SEQUENCE, &[&wrap(SEQUENCE, &[&sworn])])]);
        let hashed = Sha256::digest(if is(Wrong::OtherMessageDigest) { b"another" } else { &info[..] });
        let mut attributes = vec![
            attribute(&[3], if is(Wrong::OtherContentAttribute) { &data } else { &tst_info }),
            attribute(&[4], &wrap(OCTETS, &[&hashed])),
        ];
        if !is(Wrong::NothingSworn) {
            attributes.push(attribute(&[16, 2, 47], &sworn));
        }
        // A SET has its members in the order of their bytes.
        attributes.sort();
        let attributes = attributes.concat();
        let key = if is(Wrong::OtherKey) { &self.other } else { &self.key };
        let signer = wrap(
            SEQUENCE,
            &[
                &number(1),
                &wrap(SEQUENCE, &[&name("Test Root"), &number(2)]),
                &sha256,
                &wrap(nested(0), &[&attributes]),
                &wrap(SEQUENCE, &[&wrap(OID, &[ECDSA_SHA256])]),
                &wrap(OCTETS, &[&sign(key, &wrap(SET, &[&attributes]))]),
            ],
        );
        let content = wrap(nested(0), &[&wrap(OCTETS, &[&info])]);
        let signed = wrap(
            SEQUENCE,
            &[
                &number(3),
                &wrap(SET, &[&sha256]),
                &wrap(SEQUENCE, &[if is(Wrong::OtherContent) { &data } else { &tst_info }, &content]),
                &if is(Wrong::NoCertificate) { vec![] } else { wrap(nested(0), &[&self.certificate]) },
                &if is(Wrong::TwoSigners) { wrap(SET, &[&signer, &signer]) } else { wrap(SET, &[&signer]) },
            ],
        );
        wrap(SEQUENCE, &[&wrap(OID, &[SIGNED_DATA]), &wrap(nested(0), &[&signed])])
    }
}

#[async_trait]
impl TimestampAuthority for TestAuthority {
    fn name(&self) -> &str {
        "test authority"
    }
    async fn stamp(&self, request_der: &[u8]) -> Result<Bytes, VendorError> {
        Ok(self.answer(request_der).into())
    }
}

fn a_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key is made");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &random).expect("it is read")
}
fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), message).expect("it signs").as_ref().to_vec()
}
fn name(common: &str) -> Vec<u8> {
    let pair = wrap(SEQUENCE, &[&wrap(OID, &[&[0x55, 4, 3]]), &wrap(UTF8, &[common.as_bytes()])]);
    wrap(SEQUENCE, &[&wrap(SET, &[&pair])])
}
fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { wrap(BOOLEAN, &[&[0xff]]) } else { vec![] };
    wrap(SEQUENCE, &[&wrap(OID, &[oid]), &critical, &wrap(OCTETS, &[value])])
}
fn certificate(
    serial: u64,
    (issuer, issuer_key): (&str, &EcdsaKeyPair),
    subject: &str,
    key: &EcdsaKeyPair,
    (from, until): (Timestamp, Timestamp),
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let time = |at: Timestamp| wrap(UTC_TIME, &[at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()]);
    let algorithm = wrap(SEQUENCE, &[&wrap(OID, &[ECDSA_SHA256])]);
    let kind = wrap(SEQUENCE, &[&wrap(OID, &[EC_KEY]), &wrap(OID, &[P256])]);
    let body = wrap(
        SEQUENCE,
        &[
            &wrap(nested(0), &[&number(2)]),
            &number(serial),
            &algorithm,
            &name(issuer),
            &wrap(SEQUENCE, &[&time(from), &time(until)]),
            &name(subject),
            &wrap(SEQUENCE, &[&kind, &wrap(BITS, &[&[0], key.public_key().as_ref()])]),
            &wrap(nested(3), &[&wrap(SEQUENCE, &[&extensions.concat()])]),
        ],
    );
    let signature = sign(issuer_key, &body);
    wrap(SEQUENCE, &[&body, &algorithm, &wrap(BITS, &[&[0], &signature])])
}
