use serde::Serialize;

use crate::text_enum;

text_enum! {
    /// What is wrong with a part of a file. `FORMAT.md` says what each tells.
    pub enum Fault {
        /// No JSON of the shape that belongs there.
        Unreadable = "unreadable",
        /// Readable, but not the one byte form.
        NotCanonical = "not_canonical",
        /// A format that this verifier does not know.
        UnknownFormat = "unknown_format",
        /// Longer than a line may be.
        TooLarge = "too_large",
        /// The file ends before its end.
        Truncated = "truncated",
        /// Something stands behind the end.
        Trailing = "trailing",
        /// Links are not there.
        Missing = "missing",
        /// A link that was there already.
        Repeated = "repeated",
        /// A line that belongs further up.
        OutOfOrder = "out_of_order",
        /// The manifest is not the one that was sealed.
        ChangedManifest = "changed_manifest",
        /// The link is not the one that was sealed.
        ChangedLink = "changed_link",
        /// The link does not name the one before it.
        BrokenChain = "broken_chain",
        /// It is another organisation's.
        WrongTenant = "wrong_tenant",
        /// Link and manifest are about different things.
        WrongSubject = "wrong_subject",
        /// It is dated before what it follows.
        Backdated = "backdated",
        /// The checkpoint is over another last link.
        WrongHead = "wrong_head",
        /// The checkpoint is over another tree.
        WrongRoot = "wrong_root",
        /// No checkpoint is over it.
        NotCovered = "not_covered",
        /// The number of lines is another than the file says.
        WrongCount = "wrong_count",
        /// No public key.
        BadKey = "bad_key",
        /// The signature does not fit.
        BadSignature = "bad_signature",
        /// Somebody else's key than the expected one.
        OtherSigner = "other_signer",
        /// A time-stamp token that does not fit.
        BadTimestamp = "bad_timestamp",
        /// The chain is shorter than a witness has seen it.
        ShorterThanWitnessed = "shorter_than_witnessed",
        /// The chain is not the one that a witness has seen.
        DiffersFromWitnessed = "differs_from_witnessed",
    }
}

/// A part of a file that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartFault {
    /// Which part: `manifest`, `link`, `checkpoint.signature`, `entry 7.manifest`, `line 12`, ...
    pub part: String,
    /// What is wrong with it, as a word.
    pub fault: Fault,
    /// The same for people.
    pub reason: String,
}

impl std::fmt::Display for PartFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.part, self.fault, self.reason)
    }
}

/// Faults as they are found: so many are kept, the rest only counted.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) kept: Vec<PartFault>,
    pub(super) more: u64,
}

impl Faults {
    /// The most that are kept.
    pub(super) const MOST: usize = 100;

    pub(super) fn add(&mut self, part: impl Into<String>, fault: Fault, reason: impl Into<String>) {
        if self.kept.len() < Self::MOST {
            self.kept.push(PartFault { part: part.into(), fault, reason: reason.into() });
        } else {
            self.more += 1;
        }
    }
}
