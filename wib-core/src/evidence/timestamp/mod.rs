//! Time stamps of RFC 3161: an outside authority signs that it saw a digest at an instant.
//!
//! Pure: a request is made, an answer is read and judged; who carries them is a port
//! ([`TimestampAuthority`](crate::ports::TimestampAuthority)). Signatures and the authority's chain are `webpki`'s, the
//! reader of DER is our own: of the crates that read CMS the released ones do not fit each other.

mod certificate;
pub(crate) mod der;
mod token;

use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};
pub use token::{TimestampRoots, verify_token};

use self::der::{BITS, BOOLEAN, NULL, OCTETS, OID, Reader, SEQUENCE, UTF8, number, small, wrap};
use crate::kit::{Error, Kind, Random, time::Timestamp};

/// Most bytes of an answer or a token.
pub const TIMESTAMP_LIMIT: usize = 64 << 10;

/// SHA-256, as an object identifier (RFC 5754, 2).
pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// What an authority swore to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// When the authority saw the digest, cut to microseconds.
    pub at: Timestamp,
    /// The subject of the authority's certificate, shortened: organisation and name.
    pub authority: String,
    /// How far off the instant may be, as the authority says.
    pub accuracy: Option<Duration>,
    /// The authority's number of the stamp, hex.
    pub serial: String,
    /// The authority's policy, an object identifier in dots.
    pub policy: String,
    /// Whether the authority's certificate was traced to a root that the verifier was given. Without one the stamp proves
    /// only that somebody made it.
    pub authority_checked: bool,
}

/// Why an answer or a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimestampRefused {
    /// Larger than [`TIMESTAMP_LIMIT`].
    TooLarge,
    /// Not DER, or not of the shape that RFC 3161 and RFC 5652 give.
    Encoding(&'static str),
    /// The authority did not stamp: its status, its reasons, its words (RFC 3161, 2.4.2).
    Rejected {
        /// `rejection`, `waiting`, `revocation_warning`, ...
        status: &'static str,
        /// `bad_alg`, `time_not_available`, ...
        failures: Vec<&'static str>,
        /// The authority's words, shortened.
        text: String,
    },
    /// The authority stamped something else than was asked (`grantedWithMods`); nothing in our request may be changed.
    Modified,
    /// It is not a time stamp, or one with parts that this version does not know.
    Content(&'static str),
    /// It stamps another digest.
    Digest,
    /// It answers another request.
    Nonce,
    /// The signed attributes do not fit what they are about.
    Attributes(&'static str),
    /// The signer's certificate is not there, or is not the one that the signer swore to use (RFC 5035).
    SigningCertificate(&'static str),
    /// An algorithm that is not known or not trusted; its object identifier.
    Algorithm(String),
    /// The signature does not fit.
    Signature,
    /// The certificate is not for time stamps alone (RFC 3161, 2.3).
    KeyUsage(&'static str),
    /// The certificate was not valid at the instant of the stamp.
    Validity,
    /// The certificate does not lead to a root that the verifier was given.
    Authority(String),
}

impl TimestampRefused {
    /// The stable word for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Encoding(_) => "encoding",
            Self::Rejected { .. } => "rejected",
            Self::Modified => "modified",
            Self::Content(_) => "content",
            Self::Digest => "digest",
            Self::Nonce => "nonce",
            Self::Attributes(_) => "attributes",
            Self::SigningCertificate(_) => "signing_certificate",
            Self::Algorithm(_) => "algorithm",
            Self::Signature => "signature",
            Self::KeyUsage(_) => "key_usage",
            Self::Validity => "validity",
            Self::Authority(_) => "authority",
        }
    }
}
impl fmt::Display for TimestampRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "larger than {TIMESTAMP_LIMIT} bytes"),
            Self::Encoding(why) => write!(f, "not the encoding of a time stamp: {why}"),
            Self::Rejected { status, failures, text } => {
                write!(f, "the authority answered {status}")?;
                if !failures.is_empty() {
                    write!(f, " ({})", failures.join(", "))?;
                }
                if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
            }
            Self::Modified => f.write_str("the authority stamped something else than was asked"),
            Self::Content(why) => write!(f, "not a time stamp that is known: {why}"),
            Self::Digest => f.write_str("it stamps another digest"),
            Self::Nonce => f.write_str("it answers another request"),
            Self::Attributes(why) => write!(f, "the signed attributes do not fit: {why}"),
            Self::SigningCertificate(why) => write!(f, "the signer's certificate: {why}"),
            Self::Algorithm(oid) => write!(f, "the algorithm {oid} is not known"),
            Self::Signature => f.write_str("the signature does not fit"),
            Self::KeyUsage(why) => write!(f, "the certificate is not for time stamps alone: {why}"),
            Self::Validity => f.write_str("the certificate was not valid at the instant of the stamp"),
            Self::Authority(why) => write!(f, "the certificate does not lead to a trusted root: {why}"),
        }
    }
}
impl std::error::Error for TimestampRefused {}
impl From<der::NotDer> for TimestampRefused {
    fn from(why: der::NotDer) -> Self {
        Self::Encoding(why)
    }
}
impl From<TimestampRefused> for Error {
    fn from(refused: TimestampRefused) -> Self {
        Self::new(Kind::Vendor, "TIMESTAMP_REFUSED", "the time stamp was not taken").because(refused)
    }
}

/// A question to an authority: a digest, and a number that its answer must repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampRequest {
    /// SHA-256 of what is to be stamped.
    pub digest: [u8; 32],
    /// The number.
    pub nonce: u64,
}

impl TimestampRequest {
    /// Asks for a stamp of the SHA-256 of those bytes.
    #[must_use]
    pub fn of(bytes: &[u8], random: &dyn Random) -> Self {
        let mut nonce = [0; 8];
        random.fill(&mut nonce);
        Self { digest: Sha256::digest(bytes).into(), nonce: u64::from_be_bytes(nonce) }
    }
    /// The TimeStampReq (RFC 3161, 2.4.1), which asks for the authority's certificate too.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let algorithm = wrap(SEQUENCE, &[&wrap(OID, &[SHA256]), &wrap(NULL, &[])]);
        let imprint = wrap(SEQUENCE, &[&algorithm, &wrap(OCTETS, &[&self.digest])]);
        wrap(SEQUENCE, &[&number(1), &imprint, &number(self.nonce), &wrap(BOOLEAN, &[&[0xff]])])
    }
    /// Judges the authority's answer (TimeStampResp): the token's bytes, and what they prove.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn accept<'a>(
        &self,
        answer: &'a [u8],
        roots: &TimestampRoots,
    ) -> Result<(&'a [u8], Stamped), TimestampRefused> {
        let token = token_of(answer)?;
        let stamped = verify_token(token, &self.digest, Some(self.nonce), roots)?;
        Ok((token, stamped))
    }
}

/// The token in an authority's answer.
///
/// # Errors
/// [`Rejected`](TimestampRefused::Rejected) with the authority's reasons, [`Modified`](TimestampRefused::Modified), or
/// what is wrong with the answer.
pub fn token_of(answer: &[u8]) -> Result<&[u8], TimestampRefused> {
    if answer.len() > TIMESTAMP_LIMIT {
        return Err(TimestampRefused::TooLarge);
    }
    let mut answer = Reader::only(answer, SEQUENCE)?;
    let mut info = answer.inside(SEQUENCE)?;
    let status = info.small()?;
    let mut text = String::new();
    if let Some(words) = info.optional(SEQUENCE)? {
        let mut words = Reader::new(words);
        while !words.is_empty() {
            text.push_str(&plain(words.take(UTF8)?));
            text.push(' ');
        }
    }
    let failures = info.optional(BITS)?.map(failures).unwrap_or_default();
    info.end()?;
    match status {
        0 => {
            let token = answer.item(SEQUENCE)?.whole;
            answer.end()?;
            Ok(token)
        }
        1 => Err(TimestampRefused::Modified),
        _ => {
            let status = match status {
                2 => "rejection",
                3 => "waiting",
                4 => "revocation_warning",
                5 => "revocation_notification",
                _ => "an unknown status",
            };
            let text = text.trim_end().chars().take(200).collect();
            Err(TimestampRefused::Rejected { status, failures, text })
        }
    }
}

/// The reasons that PKIFailureInfo has a bit for (RFC 3161, 2.4.2).
fn failures(bits: &[u8]) -> Vec<&'static str> {
    const REASONS: [(usize, &str); 8] = [
        (0, "bad_alg"),
        (2, "bad_request"),
        (5, "bad_data_format"),
        (14, "time_not_available"),
        (15, "unaccepted_policy"),
        (16, "unaccepted_extension"),
        (17, "add_info_not_available"),
        (25, "system_failure"),
    ];
    let set = |bit: usize| bits.get(1 + bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    REASONS.into_iter().filter(|(bit, _)| set(*bit)).map(|(_, reason)| reason).collect()
}

/// Somebody else's text, without what could play with a terminal or a log.
fn plain(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// `TSTInfo.accuracy`: seconds, milliseconds, microseconds, each left out when zero.
fn accuracy(body: &[u8]) -> Result<Duration, der::NotDer> {
    let mut parts = Reader::new(body);
    let seconds = if parts.peek() == Some(der::INTEGER) { parts.small()? } else { 0 };
    let mut thousandths = |n| match parts.optional(der::context(n))?.map(small).transpose()? {
        Some(1000..) => Err("a fraction out of bounds"),
        part => Ok(part.unwrap_or(0)),
    };
    let (millis, micros) = (thousandths(0)?, thousandths(1)?);
    parts.end()?;
    Ok(Duration::from_secs(seconds) + Duration::from_micros(millis * 1000 + micros))
}
