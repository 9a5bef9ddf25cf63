//! The token: CMS signed data (RFC 5652) around a TSTInfo (RFC 3161, 2.4.2), and its judgement.

use std::time::Duration;

use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    pem::{Error as PemError, PemObject},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use webpki::{
    EndEntityCert, KeyUsage, anchor_from_trusted_cert,
    ring::{
        ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    },
};

use super::{
    SHA256, Stamped, TIMESTAMP_LIMIT, TimestampRefused as Refused, accuracy,
    certificate::{Certificate, TIME_STAMPING},
    der::{BOOLEAN, GENERALIZED_TIME, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, context, dotted, nested, number},
};
use crate::kit::{Error, Result, time::Timestamp};

/// Most certificates in a token, and most roots.
const CERTIFICATES: usize = 32;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
/// `id-ct-TSTInfo`.
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
/// `id-aa-signingCertificate` (RFC 2634), by SHA-1; and version 2 (RFC 5035).
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 12];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 47];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

type Algorithm = &'static dyn SignatureVerificationAlgorithm;
/// The signatures that certificates of a chain may bear.
const CHAIN: &[Algorithm] = &[
    ECDSA_P256_SHA256,
    ECDSA_P256_SHA384,
    ECDSA_P384_SHA256,
    ECDSA_P384_SHA384,
    RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512,
];

/// The roots whose authorities are believed. None: every stamp is judged without its authority.
#[derive(Clone, Debug, Default)]
pub struct TimestampRoots(Vec<TrustAnchor<'static>>);

impl TimestampRoots {
    /// The certificates in a text of PEM.
    ///
    /// # Errors
    /// `Invalid` when there is none, more than 32, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let unreadable = |e: PemError| Error::invalid("the roots are not certificates in PEM").because(e.to_string());
        let found = CertificateDer::pem_slice_iter(pem).take(CERTIFICATES + 1).collect::<Result<Vec<_>, _>>();
        Self::of(&found.map_err(unreadable)?)
    }
    /// Certificates in DER.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        Self::of(&certificates.into_iter().map(CertificateDer::from).collect::<Vec<_>>())
    }
    fn of(certificates: &[CertificateDer<'_>]) -> Result<Self> {
        if certificates.is_empty() || certificates.len() > CERTIFICATES {
            return Err(Error::invalid(format!("expected 1 to {CERTIFICATES} certificates of roots")));
        }
        let anchor = |certificate| anchor_from_trusted_cert(certificate).map(|anchor| anchor.to_owned());
        let anchors = certificates.iter().map(anchor).collect::<Result<_, _>>();
        anchors.map(Self).map_err(|e| Error::invalid("a root's certificate cannot be read").because(e))
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Judges a token (the ContentInfo in an answer) over a SHA-256 digest; with the request's nonce when it answers one.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify_token(
    token: &[u8],
    digest: &[u8; 32],
    nonce: Option<u64>,
    roots: &TimestampRoots,
) -> Result<Stamped, Refused> {
    if token.len() > TIMESTAMP_LIMIT {
        return Err(Refused::TooLarge);
    }
    let signed = Signed::read(token)?;
    let info = Info::read(signed.content)?;
    if info.digest != digest {
        return Err(Refused::Digest);
    }
    if nonce.is_some_and(|nonce| info.nonce != Some(&number(nonce)[2..])) {
        return Err(Refused::Nonce);
    }
    let signer = signed.signer()?;
    signed.attributes(&signer)?;
    signer.for_time_stamps()?;
    if !signer.valid_at(info.at) {
        return Err(Refused::Validity);
    }
    let certificate = CertificateDer::from(signer.whole);
    let entity = EndEntityCert::try_from(&certificate)
        .map_err(|_| Refused::SigningCertificate("not one that is fit for signatures"))?;
    signed.signature(&entity)?;
    if !roots.is_empty() {
        let others: Vec<_> = signed.certificates.iter().map(|c| CertificateDer::from(*c)).collect();
        chain(&entity, &others, info.at, roots)?;
    }
    Ok(Stamped {
        at: info.at,
        authority: signer.name(),
        accuracy: info.accuracy,
        serial: hex::encode(info.serial),
        policy: dotted(info.policy),
        authority_checked: !roots.is_empty(),
    })
}

fn chain(
    entity: &EndEntityCert<'_>,
    others: &[CertificateDer<'_>],
    at: Timestamp,
    roots: &TimestampRoots,
) -> Result<(), Refused> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| Refused::Validity)?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    // The signer's own usage is judged elsewhere and strictly; those who issue rarely have one.
    let usage = KeyUsage::required_if_present(TIME_STAMPING);
    let path = entity.verify_for_usage(CHAIN, &roots.0, others, at, usage, None, None);
    path.map(|_| ()).map_err(|e| Refused::Authority(e.to_string()))
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}
impl Hash {
    fn of(oid: &[u8]) -> Result<Self, Refused> {
        match oid {
            SHA256 => Ok(Self::Sha256),
            SHA384 => Ok(Self::Sha384),
            SHA512 => Ok(Self::Sha512),
            other => Err(Refused::Algorithm(dotted(other))),
        }
    }
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// SignedData with its one signer.
struct Signed<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    /// The signer's issuer and number, or its key's identifier.
    who: Who<'a>,
    hash: Hash,
    attributes: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

enum Who<'a> {
    Number { issuer: &'a [u8], serial: &'a [u8] },
    Key(&'a [u8]),
}

impl<'a> Signed<'a> {
    fn read(token: &'a [u8]) -> Result<Self, Refused> {
        let mut info = Reader::only(token, SEQUENCE)?;
        if info.take(OID)? != SIGNED_DATA {
            return Err(Refused::Content("not signed data"));
        }
        let mut data = Reader::only(info.take(nested(0))?, SEQUENCE)?;
        info.end()?;
        data.small()?;
        data.take(SET)?;
        let mut enclosed = data.inside(SEQUENCE)?;
        if enclosed.take(OID)? != TST_INFO {
            return Err(Refused::Content("signed data of another kind"));
        }
        let mut content = enclosed.inside(nested(0))?;
        enclosed.end()?;
        let body = content.take(OCTETS)?;
        content.end()?;
        let mut certificates = Vec::new();
        if let Some(set) = data.optional(nested(0))? {
            let mut set = Reader::new(set);
            while !set.is_empty() {
                if certificates.len() == CERTIFICATES {
                    return Err(Refused::Content("too many certificates"));
                }
                let item = set.any()?;
                // Other kinds than X.509 have tags of their own.
                if item.tag == SEQUENCE {
                    certificates.push(item.whole);
                }
            }
        }
        data.optional(nested(1))?;
        let mut signers = data.inside(SET)?;
        data.end()?;
        let mut signer = signers.inside(SEQUENCE)?;
        if !signers.is_empty() {
            return Err(Refused::Content("more than one signer"));
        }
        signer.small()?;
        let who = if let Some(key) = signer.optional(context(0))? {
            Who::Key(key)
        } else {
            let mut who = signer.inside(SEQUENCE)?;
            let (issuer, serial) = (who.item(SEQUENCE)?.whole, who.take(INTEGER)?);
            who.end()?;
            Who::Number { issuer, serial }
        };
        let hash = Hash::of(signer.algorithm()?)?;
        let attributes = signer.item(nested(0)).map_err(|_| Refused::Attributes("there are none"))?.whole;
        let (algorithm, signature) = (signer.algorithm()?, signer.take(OCTETS)?);
        signer.optional(nested(1))?;
        signer.end()?;
        Ok(Self { content: body, certificates, who, hash, attributes, algorithm, signature })
    }

    fn signer(&self) -> Result<Certificate<'a>, Refused> {
        let is = |certificate: &Certificate<'_>| match self.who {
            Who::Number { issuer, serial } => certificate.issuer == issuer && certificate.serial == serial,
            Who::Key(key) => certificate.subject_key == Some(key),
        };
        let read = |certificate: &&'a [u8]| Certificate::read(certificate).ok();
        self.certificates.iter().filter_map(read).find(is).ok_or(Refused::SigningCertificate("not in the token"))
    }

    /// The signed attributes: the kind and the digest of the content, and which certificate the signer swore to use, each
    /// once (RFC 5652, 11; RFC 3161, 2.4.2).
    fn attributes(&self, signer: &Certificate<'_>) -> Result<(), Refused> {
        let (mut kind, mut digest, mut sworn) = (false, false, [false; 2]);
        let mut attributes = Reader::only(self.attributes, nested(0))?;
        while !attributes.is_empty() {
            let mut attribute = attributes.inside(SEQUENCE)?;
            let (oid, mut values) = (attribute.take(OID)?, attribute.inside(SET)?);
            attribute.end()?;
            let seen = match oid {
                CONTENT_TYPE => {
                    if values.take(OID)? != TST_INFO {
                        return Err(Refused::Attributes("another kind of content"));
                    }
                    &mut kind
                }
                MESSAGE_DIGEST => {
                    if values.take(OCTETS)? != self.hash.digest(self.content) {
                        return Err(Refused::Attributes("another digest of the content"));
                    }
                    &mut digest
                }
                SIGNING_CERTIFICATE | SIGNING_CERTIFICATE_V2 => {
                    let second = oid == SIGNING_CERTIFICATE_V2;
                    let mut first = values.inside(SEQUENCE)?.inside(SEQUENCE)?.inside(SEQUENCE)?;
                    let hashed = if !second {
                        ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, signer.whole).as_ref().to_vec()
                    } else if first.peek() == Some(SEQUENCE) {
                        Hash::of(first.algorithm()?)?.digest(signer.whole)
                    } else {
                        Hash::Sha256.digest(signer.whole)
                    };
                    if first.take(OCTETS)? != hashed {
                        return Err(Refused::SigningCertificate("not the one that the signer swore to use"));
                    }
                    &mut sworn[usize::from(second)]
                }
                _ => continue,
            };
            if std::mem::replace(seen, true) || !values.is_empty() {
                return Err(Refused::Attributes("one more than once"));
            }
        }
        match (kind, digest, sworn) {
            (false, ..) => Err(Refused::Attributes("no kind of content")),
            (_, false, _) => Err(Refused::Attributes("no digest of the content")),
            (.., [false, false]) => Err(Refused::SigningCertificate("the signer swore to none")),
            _ => Ok(()),
        }
    }

    fn signature(&self, entity: &EndEntityCert<'_>) -> Result<(), Refused> {
        let fits: &[Algorithm] = match (self.algorithm, self.hash) {
            (RSA | RSA_SHA256, Hash::Sha256) => &[RSA_PKCS1_2048_8192_SHA256],
            (RSA | RSA_SHA384, Hash::Sha384) => &[RSA_PKCS1_2048_8192_SHA384],
            (RSA | RSA_SHA512, Hash::Sha512) => &[RSA_PKCS1_2048_8192_SHA512],
            (ECDSA_SHA256, Hash::Sha256) => &[ECDSA_P256_SHA256, ECDSA_P384_SHA256],
            (ECDSA_SHA384, Hash::Sha384) => &[ECDSA_P256_SHA384, ECDSA_P384_SHA384],
            _ => return Err(Refused::Algorithm(dotted(self.algorithm))),
        };
        // Signed as a SET, sent under a context tag (RFC 5652, 5.4).
        let mut message = self.attributes.to_vec();
        message[0] = SET;
        let holds = |algorithm: &Algorithm| entity.verify_signature(*algorithm, &message, self.signature).is_ok();
        if fits.iter().any(holds) { Ok(()) } else { Err(Refused::Signature) }
    }
}

/// TSTInfo.
struct Info<'a> {
    policy: &'a [u8],
    digest: &'a [u8],
    serial: &'a [u8],
    at: Timestamp,
    accuracy: Option<Duration>,
    nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut info = Reader::only(bytes, SEQUENCE)?;
        if info.small()? != 1 {
            return Err(Refused::Content("another version"));
        }
        let policy = info.take(OID)?;
        let mut imprint = info.inside(SEQUENCE)?;
        let hash = imprint.algorithm()?;
        let digest = imprint.take(OCTETS)?;
        imprint.end()?;
        if hash != SHA256 {
            return Err(Refused::Digest);
        }
        let serial = info.integer()?;
        if info.peek() != Some(GENERALIZED_TIME) {
            return Err(Refused::Encoding("another element than is expected"));
        }
        let at = info.time()?;
        let accuracy = info.optional(SEQUENCE)?.map(accuracy).transpose()?;
        info.optional(BOOLEAN)?;
        let nonce = if info.peek() == Some(INTEGER) { Some(info.integer()?) } else { None };
        // The authority's name is a hint: the certificate says who it is.
        info.optional(nested(0))?;
        if let Some(extensions) = info.optional(nested(1))? {
            let mut extensions = Reader::new(extensions);
            while !extensions.is_empty() {
                let mut extension = extensions.inside(SEQUENCE)?;
                extension.take(OID)?;
                if extension.flag()? {
                    return Err(Refused::Content("a critical extension"));
                }
            }
        }
        info.end()?;
        Ok(Self { policy, digest, serial, at, accuracy, nonce })
    }
}
