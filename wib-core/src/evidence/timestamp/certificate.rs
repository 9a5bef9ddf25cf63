//! What of a certificate RFC 3161 asks about; signatures, chains and everything else are `webpki`'s.

use super::{
    TimestampRefused,
    der::{BITS, INTEGER, NotDer, OCTETS, OID, Reader, SEQUENCE, SET, context, nested},
    plain,
};
use crate::kit::{canonical, time::Timestamp};

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 14];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
/// `id-kp-timeStamping` (RFC 5280, 4.2.1.12).
pub(super) const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// A certificate (RFC 5280, 4.1), as far as it is read.
pub(super) struct Certificate<'a> {
    pub(super) whole: &'a [u8],
    /// The issuer's name, encoded, with its head.
    pub(super) issuer: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) subject_key: Option<&'a [u8]>,
    subject: &'a [u8],
    from: Timestamp,
    until: Timestamp,
    key_usage: Option<&'a [u8]>,
    extended: Option<(bool, &'a [u8])>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(whole: &'a [u8]) -> Result<Self, NotDer> {
        let mut parts = Reader::only(whole, SEQUENCE)?.inside(SEQUENCE)?;
        parts.optional(nested(0))?;
        let serial = parts.take(INTEGER)?;
        parts.take(SEQUENCE)?;
        let issuer = parts.item(SEQUENCE)?.whole;
        let mut validity = parts.inside(SEQUENCE)?;
        let (from, until) = (validity.time()?, validity.time()?);
        let subject = parts.take(SEQUENCE)?;
        parts.take(SEQUENCE)?;
        parts.optional(context(1))?;
        parts.optional(context(2))?;
        let mut read =
            Self { whole, issuer, serial, subject_key: None, subject, from, until, key_usage: None, extended: None };
        if let Some(extensions) = parts.optional(nested(3))? {
            let mut extensions = Reader::only(extensions, SEQUENCE)?;
            while !extensions.is_empty() {
                let mut extension = extensions.inside(SEQUENCE)?;
                let (oid, critical) = (extension.take(OID)?, extension.flag()?);
                let value = extension.take(OCTETS)?;
                match oid {
                    KEY_USAGE => read.key_usage = Some(Reader::new(value).take(BITS)?),
                    SUBJECT_KEY => read.subject_key = Some(Reader::new(value).take(OCTETS)?),
                    EXTENDED_KEY_USAGE => read.extended = Some((critical, value)),
                    _ => {}
                }
            }
        }
        parts.end()?;
        Ok(read)
    }

    /// RFC 3161, 2.3: the extended key usage is there, critical, and time stamping alone; RFC 5280, 4.2.1.3: a key usage,
    /// where there is one, signs and does nothing else.
    pub(super) fn for_time_stamps(&self) -> Result<(), TimestampRefused> {
        let (critical, usages) = self.extended.ok_or(TimestampRefused::KeyUsage("no extended key usage"))?;
        if !critical {
            return Err(TimestampRefused::KeyUsage("the extended key usage is not critical"));
        }
        let mut usages = Reader::only(usages, SEQUENCE)?;
        if usages.take(OID)? != TIME_STAMPING {
            return Err(TimestampRefused::KeyUsage("another extended key usage"));
        }
        if !usages.is_empty() {
            return Err(TimestampRefused::KeyUsage("more than one extended key usage"));
        }
        // Bits from the left: digitalSignature, nonRepudiation, and others that a signer of stamps has no business with.
        match self.key_usage {
            None | Some([_, 0x40 | 0x80 | 0xc0]) => Ok(()),
            Some(_) => Err(TimestampRefused::KeyUsage("the key is for something else than signatures")),
        }
    }

    /// Valid at that instant; ours are cut to microseconds, the certificate's are whole seconds.
    pub(super) fn valid_at(&self, at: Timestamp) -> bool {
        self.from <= at && at.as_second() <= self.until.as_second()
    }

    /// Whom it names, for people: organisation and common name, else its fingerprint.
    pub(super) fn name(&self) -> String {
        let of = |wanted| self.attribute(wanted).ok().flatten();
        let name: Vec<_> = [ORGANIZATION, COMMON_NAME].into_iter().filter_map(of).collect();
        if name.is_empty() { canonical::sha256(self.whole) } else { name.join(", ") }
    }
    fn attribute(&self, wanted: &[u8]) -> Result<Option<String>, NotDer> {
        let mut names = Reader::new(self.subject);
        while !names.is_empty() {
            let mut set = names.inside(SET)?;
            while !set.is_empty() {
                let mut pair = set.inside(SEQUENCE)?;
                let (oid, value) = (pair.take(OID)?, pair.any()?);
                // UTF8String, PrintableString, IA5String; older kinds of text are not worth their tables.
                if oid == wanted && matches!(value.tag, 0x0c | 0x13 | 0x16) {
                    return Ok(Some(plain(value.body)));
                }
            }
        }
        Ok(None)
    }
}
