//! A whole chain as a file of lines, and its verification in one pass with bounded memory.

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    Fault, GENESIS, Link, PartFault, SignedCheckpoint, Verification, WitnessedCheckpoint,
    fault::Faults,
    format::{self, LINE_LIMIT, read_json, shaped},
    merkle::Edge,
    verify::{entry, expected},
    verify_witnessed,
};
use crate::kit::{Error, Result, canonical, time::Timestamp};

/// The format of histories.
pub const HISTORY: &str = "wib-history/1";

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) line: HeaderLine,
    pub(super) format: String,
    pub(super) organization_id: uuid::Uuid,
    pub(super) public_key: String,
    pub(super) entries: i64,
}
/// A link with its manifest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryLine {
    pub(super) line: EntryWord,
    pub(super) link: Link,
    pub(super) manifest: Json,
}
/// A checkpoint, behind the link that it is over. Its key is the header's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointLine {
    pub(super) line: CheckpointWord,
    pub(super) format: String,
    pub(super) size: i64,
    pub(super) head: String,
    pub(super) root: Option<String>,
    pub(super) signed_at: Timestamp,
    pub(super) signature: String,
}
/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) line: EndWord,
    pub(super) entries: i64,
    pub(super) checkpoints: i64,
}

macro_rules! words {
    ($($name:ident = $text:literal),+) => { $(
        #[derive(Clone, Copy, Serialize, Deserialize)]
        pub(super) enum $name {
            #[serde(rename = $text)]
            Word,
        }
    )+ };
}
words! { HeaderLine = "header", EntryWord = "entry", CheckpointWord = "checkpoint", EndWord = "end" }

/// A line's bytes, its line feed included.
pub(super) fn line(of: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = canonical::to_text(of)?;
    text.push('\n');
    Ok(text.into_bytes())
}

/// What the verification of a history found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// Places that do not hold, in the file's order; the first hundred.
    pub faults: Vec<PartFault>,
    /// How many more there are.
    pub more_faults: u64,
    /// Whose it says it is.
    pub organization_id: Option<String>,
    /// The place of the last link read.
    pub entries: i64,
    /// Checkpoints read.
    pub checkpoints: i64,
    /// Hash of the last link.
    pub head: String,
    /// Root of the tree over the links; `None` when some are missing.
    pub root: Option<String>,
    /// `sha256:<hex>` of the key that signed.
    pub signer: Option<String>,
    /// Whether the signer was compared with a key that the verifier was given.
    pub signer_checked: bool,
    /// Checkpoints of witnesses that were compared. Without one, links cut from the end, and a chain rebuilt with the
    /// signer's own key, go unseen.
    pub witnesses_checked: usize,
}
impl HistoryReport {
    /// Whether nothing was changed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Checks a history with nothing but, optionally, the public key (hex) that is expected to have signed, and checkpoints
/// that others have seen.
///
/// # Errors
/// `Invalid` when the expected key is not one; `Unavailable` when the file cannot be read. A history that does not hold
/// is an answer, not an error.
pub fn verify_history(
    reader: impl BufRead,
    expected_key: Option<&str>,
    witnessed: &[WitnessedCheckpoint],
) -> Result<HistoryReport> {
    let mut walk = Walk::new(expected_key, witnessed)?;
    lines(reader, &mut walk)?;
    Ok(walk.end())
}

/// Feeds lines until there are no more, or the walk wants no more.
fn lines(mut reader: impl BufRead, walk: &mut Walk) -> Result<()> {
    let mut text = Vec::new();
    while !walk.over {
        text.clear();
        let most = LINE_LIMIT as u64 + 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut text);
        if read.map_err(|e| Error::unavailable("the file cannot be read").because(e))? == 0 {
            break;
        }
        walk.line(&text)?;
    }
    Ok(())
}

/// A file of either kind, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// A bundle.
    Bundle(Box<Verification>),
    /// A history.
    History(HistoryReport),
}
impl Verified {
    /// Whether nothing was changed.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Self::Bundle(found) => found.holds(),
            Self::History(found) => found.holds(),
        }
    }
}

/// Checks a file of either kind: one of a single line is a bundle, one of more is a history.
///
/// # Errors
/// As [`verify_history`].
pub fn verify_file(
    mut reader: impl BufRead,
    expected_key: Option<&str>,
    witnessed: &[WitnessedCheckpoint],
) -> Result<Verified> {
    let unreadable = |e| Error::unavailable("the file cannot be read").because(e);
    let mut first = Vec::new();
    reader.by_ref().take(LINE_LIMIT as u64 + 1).read_until(b'\n', &mut first).map_err(unreadable)?;
    if reader.fill_buf().map_err(unreadable)?.is_empty() {
        return verify_witnessed(&first, expected_key, witnessed).map(|found| Verified::Bundle(Box::new(found)));
    }
    verify_history(first.chain(reader), expected_key, witnessed).map(Verified::History)
}

/// One pass along a history.
pub(super) struct Walk {
    faults: Faults,
    expected: Option<String>,
    // By size, the smallest last: each is compared when the tree has its size.
    witnessed: Vec<WitnessedCheckpoint>,
    witnesses_checked: usize,
    number: u64,
    header: Option<Header>,
    edge: Edge,
    // Missing links leave no tree to compare with.
    gap: bool,
    // What the next link must name; unknown behind a gap.
    head: Option<String>,
    last: i64,
    last_at: Option<Timestamp>,
    last_signed_at: Option<Timestamp>,
    checkpoints: i64,
    covered: Option<i64>,
    ended: bool,
    pub(super) over: bool,
}

impl Walk {
    pub(super) fn new(expected_key: Option<&str>, witnessed: &[WitnessedCheckpoint]) -> Result<Self> {
        let mut witnessed = witnessed.to_vec();
        witnessed.sort_by_key(|w| std::cmp::Reverse(w.size));
        Ok(Self {
            faults: Faults::default(),
            expected: expected(expected_key)?,
            witnessed,
            witnesses_checked: 0,
            number: 0,
            header: None,
            edge: Edge::default(),
            gap: false,
            head: Some(GENESIS.to_owned()),
            last: 0,
            last_at: None,
            last_signed_at: None,
            checkpoints: 0,
            covered: None,
            ended: false,
            over: false,
        })
    }

    /// Takes a line in, its line feed included.
    pub(super) fn line(&mut self, text: &[u8]) -> Result<()> {
        self.number += 1;
        let place = format!("line {}", self.number);
        if text.len() > LINE_LIMIT {
            return self.stop(place, Fault::TooLarge, &format!("is longer than {LINE_LIMIT} bytes"));
        }
        let Some(text) = text.strip_suffix(b"\n") else {
            return self.stop(place, Fault::Truncated, "does not end with a line feed");
        };
        if self.ended {
            return self.stop(place, Fault::Trailing, "stands behind the end");
        }
        let json = match read_json(text) {
            Ok(json) => json,
            Err((fault, reason)) if self.header.is_none() => return self.stop(place, fault, &reason),
            Err((fault, reason)) => {
                self.faults.add(place, fault, reason);
                return Ok(());
            }
        };
        let read = match (json["line"].as_str(), self.header.is_some()) {
            (Some("header"), false) => return self.begin(&place, &json),
            (_, false) => return self.stop(place, Fault::Unreadable, "is not the header of a history"),
            (Some("entry"), true) => shaped(&json).map(|line| self.entry(&line)),
            (Some("checkpoint"), true) => shaped(&json).map(|line| self.checkpoint(line)),
            (Some("end"), true) => shaped(&json).map(|line| self.finish(&line)),
            _ => Err((Fault::Unreadable, "is no line of a history".to_owned())),
        };
        match read {
            Ok(done) => done,
            Err((fault, reason)) => {
                self.faults.add(place, fault, reason);
                Ok(())
            }
        }
    }

    fn stop(&mut self, place: String, fault: Fault, reason: &str) -> Result<()> {
        self.faults.add(place, fault, reason);
        self.over = true;
        Ok(())
    }

    fn begin(&mut self, place: &str, json: &Json) -> Result<()> {
        if json["format"] != HISTORY {
            let reason = format!("is {:?}", json["format"].as_str());
            return self.stop("header.format".to_owned(), Fault::UnknownFormat, &reason);
        }
        let header: Header = match shaped(json) {
            Ok(header) => header,
            Err((fault, reason)) => return self.stop(place.to_owned(), fault, &reason),
        };
        if format::key(&header.public_key).is_none() {
            self.faults.add("header.public_key", Fault::BadKey, "is not 64 hexadecimal digits");
        } else if self.expected.as_ref().is_some_and(|expected| *expected != header.public_key) {
            self.faults.add("header.public_key", Fault::OtherSigner, "is not the expected signer's");
        }
        self.header = Some(header);
        self.compare();
        Ok(())
    }

    fn organization(&self) -> String {
        self.header.as_ref().map(|h| h.organization_id.to_string()).unwrap_or_default()
    }

    /// Says that the links up to the one before `next` are not there.
    fn missing(&mut self, next: i64) {
        let (from, to) = (self.last.saturating_add(1), next.saturating_sub(1));
        self.faults.add(format!("entry {from}"), Fault::Missing, format!("is not there, nor what follows up to {to}"));
        self.gap = true;
        self.head = None;
        self.last = to;
    }

    fn entry(&mut self, line: &EntryLine) -> Result<()> {
        let link = &line.link;
        let place = format!("entry {}", link.seq);
        if link.seq <= self.last {
            let again = link.seq == self.last && self.last > 0;
            let fault = if again { Fault::Repeated } else { Fault::OutOfOrder };
            self.faults.add(place, fault, format!("stands behind entry {}", self.last));
            return Ok(());
        }
        if link.seq > self.last.saturating_add(1) {
            self.missing(link.seq);
        }
        let hash = entry(link, &line.manifest, &self.organization(), &format!("{place}."), &mut self.faults)?;
        if self.head.as_ref().is_some_and(|head| *head != link.prev_hash) {
            self.faults.add(format!("{place}.link"), Fault::BrokenChain, "does not name the link before");
        }
        if self.last_at.is_some_and(|before| link.at < before) {
            self.faults.add(place, Fault::Backdated, "is dated before the link before");
        }
        self.last_at = self.last_at.max(Some(link.at));
        if let Some(hash) = format::hash(&hash).filter(|_| !self.gap) {
            self.edge.push(&hash);
        }
        self.head = Some(hash);
        self.last = link.seq;
        self.compare();
        Ok(())
    }

    /// Compares the tree, as it is now, with what witnesses have seen of it.
    fn compare(&mut self) {
        while let Some(seen) = self.witnessed.pop_if(|w| w.size <= self.last) {
            self.witnesses_checked += 1;
            let root = format::hash_text(&self.edge.root());
            if !self.gap && (seen.size != self.last || seen.root != root) {
                let reason = format!("{} has seen another chain of {} links", seen.witness, seen.size);
                self.faults.add(format!("entry {}", self.last), Fault::DiffersFromWitnessed, reason);
            }
        }
    }

    fn checkpoint(&mut self, line: CheckpointLine) -> Result<()> {
        self.checkpoints += 1;
        let place = format!("checkpoint {}", line.size);
        let public_key = self.header.as_ref().map(|h| h.public_key.clone()).unwrap_or_default();
        let CheckpointLine { format, size, head, root, signed_at, signature, .. } = line;
        let checkpoint = SignedCheckpoint { format, size, head, root, signed_at, public_key, signature };
        if !checkpoint.known() {
            self.faults.add(place, Fault::UnknownFormat, format!("is {:?}", checkpoint.format));
            return Ok(());
        }
        if size < self.last {
            self.faults.add(place, Fault::OutOfOrder, format!("stands behind entry {}", self.last));
            return Ok(());
        }
        if size > self.last {
            self.missing(size.saturating_add(1));
            self.compare();
        }
        if self.head.as_ref().is_some_and(|head| *head != checkpoint.head) {
            self.faults.add(place.clone(), Fault::WrongHead, "is over another last link");
        }
        let root = format::hash_text(&self.edge.root());
        if !self.gap && checkpoint.root.as_ref().is_some_and(|r| *r != root) {
            self.faults.add(place.clone(), Fault::WrongRoot, "is over another tree");
        }
        if !checkpoint.signed(&self.organization())? {
            self.faults.add(
                format!("{place}.signature"),
                Fault::BadSignature,
                "does not fit the checkpoint and its key",
            );
        }
        if self.last_at.max(self.last_signed_at).is_some_and(|before| signed_at < before) {
            self.faults.add(place, Fault::Backdated, "was signed before what it is over");
        }
        self.last_signed_at = self.last_signed_at.max(Some(signed_at));
        self.covered = Some(size);
        Ok(())
    }

    fn finish(&mut self, line: &EndLine) -> Result<()> {
        self.ended = true;
        let stated = self.header.as_ref().map_or(0, |h| h.entries);
        for (place, is, should) in [
            ("header.entries", stated, self.last),
            ("end.entries", line.entries, self.last),
            ("end.checkpoints", line.checkpoints, self.checkpoints),
        ] {
            if is != should {
                self.faults.add(place, Fault::WrongCount, format!("says {is}, counted {should}"));
            }
        }
        if self.covered != Some(self.last) {
            self.faults.add("end", Fault::NotCovered, "no checkpoint is over the last link");
        }
        Ok(())
    }

    /// What was found.
    pub(super) fn end(mut self) -> HistoryReport {
        if !self.ended && !self.over {
            self.faults.add("end", Fault::Truncated, "is not there");
        }
        if self.ended {
            while let Some(seen) = self.witnessed.pop() {
                self.witnesses_checked += 1;
                let reason = format!("{} has seen {} links, here are {}", seen.witness, seen.size, self.last);
                self.faults.add("end", Fault::ShorterThanWitnessed, reason);
            }
        }
        let key = self.header.as_ref().and_then(|h| format::key(&h.public_key));
        HistoryReport {
            organization_id: self.header.as_ref().map(|h| h.organization_id.to_string()),
            entries: self.last,
            checkpoints: self.checkpoints,
            head: self.head.unwrap_or_default(),
            root: (!self.gap).then(|| format::hash_text(&self.edge.root())),
            signer: key.map(|key| canonical::sha256(&key)),
            signer_checked: key.is_some() && self.expected.is_some(),
            witnesses_checked: self.witnesses_checked,
            faults: self.faults.kept,
            more_faults: self.faults.more,
        }
    }
}
