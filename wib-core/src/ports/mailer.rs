//! Sending mail: one at once, many at once, later; and what became of it.
//!
//! Addresses are a type, so that no name and no address ever opens a header of its own. What a mailer can do is told by
//! [`MailerCaps`]; a mail that goes beyond it is refused before it leaves ([`Mail::check`]).

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Fault, Sent, VendorError};
use crate::kit::{
    Error,
    time::{Timestamp, after},
};

/// A vendor that sends mail.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// What it can do. What it cannot is refused as [`Fault::Request`], and nothing leaves.
    fn caps(&self) -> MailerCaps;
    /// Sends one mail, or keeps it until [`Mail::send_at`]; the answer is the vendor's id of it. The same key sends once
    /// (Resend: 24 h), or makes mails that are known as one (SMTP: the same `Message-ID`).
    async fn send(&self, mail: &Mail) -> Result<MailId, VendorError>;
    /// Sends several, all or none; the answer is their ids in the same order. The key is the batch's: those of the mails
    /// are not looked at.
    async fn send_batch(&self, key: &str, mails: &[Mail]) -> Result<Vec<MailId>, VendorError>;
    /// Moves a mail that is kept for later to another instant.
    async fn reschedule(&self, id: &MailId, at: Timestamp) -> Result<(), VendorError>;
    /// Takes back a mail that is kept for later.
    async fn cancel(&self, id: &MailId) -> Result<(), VendorError>;
    /// What last became of a mail; [`Fault::Missing`] when the vendor does not know it.
    async fn status(&self, id: &MailId) -> Result<MailState, VendorError>;
}

/// A vendor's id of a mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailId(pub String);
impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mailer can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailerCaps {
    /// Most recipients of one mail, `to`, `cc` and `bcc` together.
    pub recipients: usize,
    /// Most mails in a batch, which hold neither attachments nor an instant; 1 where there are no batches.
    pub batch: usize,
    /// Most bytes of a mail's attachments together; 0 where there are none.
    pub attachment_bytes: usize,
    /// How far ahead a mail may be kept for later; `None` where it goes at once or not at all. Whoever can keep one can
    /// move it and take it back.
    pub ahead: Option<Duration>,
    /// Whether it takes [`Mail::tags`].
    pub tags: bool,
    /// Whether it answers [`Mailer::status`].
    pub status: bool,
}

/// A mail. `to` and the key are needed, and a text of either kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Whom it is for.
    #[serde(deserialize_with = "one_or_many")]
    pub to: Vec<Mailbox>,
    /// Who else is shown it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Mailbox>,
    /// Who is shown it without the others' knowledge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Mailbox>,
    /// Where answers go; the sender by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Mailbox>,
    /// The subject line.
    pub subject: String,
    /// The text, plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The text as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Further headers, such as `List-Unsubscribe`; none of those that the mail is made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What the vendor is to count it under: names and values of letters, digits, `_` and `-`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Files that go along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When it is to go; at once by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
}

/// A file that goes along with a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name, without a folder.
    pub name: String,
    /// Its media type, such as `application/pdf`.
    pub content_type: String,
    /// What is in it.
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    pub bytes: Bytes,
    /// What HTML calls it by (`cid:`); shown inside the text when there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

/// Most characters of a subject.
const SUBJECT: usize = 998;
/// Most bytes of both texts together.
const TEXTS: usize = 4 << 20;
/// Most headers, tags and attachments of a mail, each.
const EXTRAS: usize = 50;
/// Headers that the mail itself is made of.
const RESERVED: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "return-path",
    "received",
    "mime-version",
    "dkim-signature",
];

impl Mail {
    /// A plain text for one person.
    #[must_use]
    pub fn plain(to: Mailbox, subject: impl Into<String>, text: impl Into<String>, key: impl Into<String>) -> Self {
        let (subject, text, key) = (subject.into(), Some(text.into()), key.into());
        Self { to: vec![to], subject, text, key, ..Self::default() }
    }
    /// Everybody it goes to.
    pub fn recipients(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
    /// What is wrong with it for a mailer that can do that much. The words name no address and quote nothing.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, caps: &MailerCaps, now: Timestamp) -> Result<(), String> {
        if self.key.is_empty() {
            return Err("a mail needs a key".to_owned());
        }
        self.check_but_key(caps, now)
    }
    fn check_but_key(&self, caps: &MailerCaps, now: Timestamp) -> Result<(), String> {
        let no = |why: &str| Err(why.to_owned());
        if self.to.is_empty() {
            return no("a mail needs a recipient");
        }
        if self.recipients().count() > caps.recipients || self.reply_to.len() > caps.recipients {
            return Err(format!("a mail goes to {} at most", caps.recipients));
        }
        if self.subject.chars().count() > SUBJECT || self.subject.contains(char::is_control) {
            return no("a subject is one line of 998 characters at most");
        }
        if self.text.is_none() && self.html.is_none() {
            return no("a mail needs a text");
        }
        if self.text.iter().chain(&self.html).map(String::len).sum::<usize>() > TEXTS {
            return no("the texts of a mail have 4 MiB at most");
        }
        if [self.headers.len(), self.tags.len(), self.attachments.len()].into_iter().any(|n| n > EXTRAS) {
            return no("a mail has 50 headers, tags and attachments each at most");
        }
        if !self.headers.iter().all(|(name, value)| is_header(name, value)) {
            return no("a header must be a name of its own and one line");
        }
        if !self.tags.is_empty() && !caps.tags {
            return no("this mailer takes no tags");
        }
        if !self.tags.iter().all(|(name, value)| is_tag(name) && is_tag(value)) {
            return no("a tag is of letters, digits, _ and -, 256 at most");
        }
        self.check_attachments(caps)?;
        match (self.send_at, caps.ahead) {
            (Some(_), None) => no("this mailer cannot keep a mail for later"),
            (Some(at), Some(ahead)) if at > after(now, ahead) => no("that is further ahead than a mail is kept"),
            _ => Ok(()),
        }
    }
    fn check_attachments(&self, caps: &MailerCaps) -> Result<(), String> {
        if !self.attachments.is_empty() && caps.attachment_bytes == 0 {
            return Err("this mailer takes no attachments".to_owned());
        }
        if self.attachments.iter().map(|file| file.bytes.len()).sum::<usize>() > caps.attachment_bytes {
            return Err(format!("attachments have {} bytes together at most", caps.attachment_bytes));
        }
        let fits = |file: &Attachment| {
            let name = (1..=255).contains(&file.name.len())
                && !file.name.contains(|c: char| c.is_control() || "/\\\"".contains(c));
            let id = file.content_id.as_ref().is_none_or(|id| is_token(id, 200, "@"));
            let kind =
                file.content_type.split_once('/').is_some_and(|(a, b)| is_token(a, 60, "") && is_token(b, 100, ""));
            name && id && kind
        };
        if self.attachments.iter().all(fits) {
            Ok(())
        } else {
            Err("an attachment needs a plain name and a media type".to_owned())
        }
    }
    /// What is wrong with these for one batch.
    ///
    /// # Errors
    /// The first fault.
    pub fn check_batch(mails: &[Self], caps: &MailerCaps, now: Timestamp) -> Result<(), String> {
        if mails.is_empty() || mails.len() > caps.batch {
            return Err(format!("a batch has 1 to {} mails", caps.batch));
        }
        if mails.iter().any(|mail| mail.send_at.is_some() || !mail.attachments.is_empty()) {
            return Err("a mail in a batch has neither attachments nor an instant".to_owned());
        }
        mails.iter().try_for_each(|mail| mail.check_but_key(caps, now))
    }
    /// The failure of a mailer that takes no such mail; nothing left.
    #[must_use]
    pub fn refused(vendor: &'static str, why: &str) -> VendorError {
        VendorError::new(vendor, Fault::Request, Sent::No, why)
    }
}

fn is_token(text: &str, most: usize, more: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c) || more.contains(c);
    (1..=most).contains(&text.len()) && text.chars().all(fits)
}
fn is_tag(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
fn is_header(name: &str, value: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let own = !RESERVED.contains(&small.as_str()) && !small.starts_with("content-") && !small.starts_with("resent-");
    own && is_token(name, 76, "") && value.len() <= 2000 && !value.contains(char::is_control)
}

/// A mail address: `local@domain`, both in ASCII (a domain in other letters goes as `xn--…`), 254 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);
impl Address {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// What is before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
    /// What is after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}
impl FromStr for Address {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let atom = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c))
        };
        let label = |part: &str| {
            let inner = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            (1..=63).contains(&part.len()) && inner && !part.starts_with('-') && !part.ends_with('-')
        };
        let fits = text.len() <= 254
            && text.split_once('@').is_some_and(|(local, domain)| {
                local.len() <= 64 && local.split('.').all(atom) && domain.contains('.') && domain.split('.').all(label)
            });
        if fits { Ok(Self(text.to_owned())) } else { Err(Error::invalid("not a mail address")) }
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address with the name that is shown for it. Written `Name <address>`, or the address alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mailbox {
    name: Option<String>,
    address: Address,
}
impl Mailbox {
    /// An address under a name of 1 to 200 characters on one line, without `<`, `>`, `"` and `\`.
    ///
    /// # Errors
    /// `Invalid` for another name.
    pub fn named(name: &str, address: Address) -> Result<Self, Error> {
        let name = name.trim();
        let fits = |c: char| !c.is_control() && !"<>\"\\".contains(c);
        if !(1..=200).contains(&name.chars().count()) || !name.chars().all(fits) {
            return Err(Error::invalid("not a name that can stand before a mail address"));
        }
        Ok(Self { name: Some(name.to_owned()), address })
    }
    /// The name that is shown.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    /// The address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}
impl From<Address> for Mailbox {
    fn from(address: Address) -> Self {
        Self { name: None, address }
    }
}
impl FromStr for Mailbox {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_matches(' ');
        match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            Some((name, address)) => {
                let name = name.trim_matches(' ');
                let bare = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
                if bare.is_empty() {
                    Ok(address.parse::<Address>()?.into())
                } else {
                    Self::named(bare, address.parse()?)
                }
            }
            None => Ok(text.parse::<Address>()?.into()),
        }
    }
}
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.address),
            Some(name) if name.contains(|c: char| c.is_ascii_punctuation() && !"-_'&+!".contains(c)) => {
                write!(f, "\"{name}\" <{}>", self.address)
            }
            Some(name) => write!(f, "{name} <{}>", self.address),
        }
    }
}
impl TryFrom<String> for Mailbox {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.to_string()
    }
}

/// A list, or what it once was: one alone.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Mailbox>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Mailbox),
        Many(Vec<Mailbox>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
fn as_base64<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&BASE64_STANDARD.encode(bytes))
}
fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(from)?;
    BASE64_STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

/// What became of a mail, as its vendor last knew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailState {
    /// It waits to go.
    Queued,
    /// It is kept for later.
    Scheduled,
    /// It was taken back.
    Canceled,
    /// It went to the recipient's server.
    Sent,
    /// That server took it.
    Delivered,
    /// That server does not take it now; the vendor goes on trying.
    Delayed,
    /// That server will not take it.
    Bounced,
    /// The recipient called it spam.
    Complained,
    /// It was opened.
    Opened,
    /// A link in it was followed.
    Clicked,
    /// The vendor could not send it.
    Failed,
    /// The vendor does not send to that address any more.
    Suppressed,
    /// Something else, by the vendor's word.
    Other(String),
}

/// Something a vendor says of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailEvent {
    /// The vendor's id of the mail.
    pub mail: MailId,
    /// When it happened.
    pub at: Timestamp,
    /// The addresses it was for, as the vendor wrote them.
    pub to: Vec<String>,
    /// What happened.
    pub what: MailEventKind,
}

/// What happened to a mail. Which link was followed is left out: a link may hold a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailEventKind {
    /// The vendor keeps it for later.
    Scheduled,
    /// It went to the recipient's server.
    Sent,
    /// That server took it.
    Delivered,
    /// That server does not take it now.
    Delayed,
    /// That server will not take it.
    Bounced(Bounce),
    /// The recipient called it spam.
    Complained,
    /// It was opened.
    Opened,
    /// A link in it was followed.
    Clicked,
    /// The vendor could not send it.
    Failed {
        /// The vendor's word for why.
        reason: Option<String>,
    },
    /// The vendor does not send to that address any more.
    Suppressed,
    /// Something else, by the vendor's word.
    Other(String),
}
impl MailEventKind {
    /// Whether the address must not be written to again: it does not exist, or its owner complained.
    #[must_use]
    pub fn ends_mail(&self) -> bool {
        match self {
            Self::Bounced(bounce) => bounce.hardness == Hardness::Hard,
            Self::Complained | Self::Suppressed => true,
            _ => false,
        }
    }
}

/// Why a mail came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounce {
    /// Whether another mail would come back too.
    pub hardness: Hardness,
    /// The vendor's word for the kind (`Permanent`).
    pub kind: Option<String>,
    /// The vendor's word for what it is more closely (`MailboxFull`).
    pub subtype: Option<String>,
}

crate::text_enum! {
    /// Whether an address that a mail came back from can be written to again.
    pub enum Hardness {
        /// No.
        Hard = "hard",
        /// Later, perhaps.
        Soft = "soft",
        /// The vendor does not say.
        Unknown = "unknown",
    }
}
