//! A mail as the server is given it: MIME, by `lettre`, with nothing of chance in it.

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Attachment, Mailbox as Box, MultiPart, MultiPartBuilder, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
        MultiPartKind,
    },
};
use sha2::{Digest, Sha256};
use wib_core::{
    kit::Timestamp,
    ports::mailer::{self, Mail, Mailbox},
};

/// A mail that is ready to go.
pub(super) struct Letter {
    /// Its `Message-ID`, in angle brackets.
    pub id: String,
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

/// The mail as bytes. The same mail at the same instant is the same bytes.
pub(super) fn compose(from: &Mailbox, mail: &Mail, now: Timestamp) -> Result<Letter, &'static str> {
    let unfit = "the mail cannot be written as a message";
    let id = message_id(&mail.key, from.address().domain());
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    let mut builder = Message::builder().from(person(from)?).subject(&mail.subject).date(date).message_id(Some(id.clone()));
    for to in &mail.to {
        builder = builder.to(person(to)?);
    }
    for cc in &mail.cc {
        builder = builder.cc(person(cc)?);
    }
    for answer in &mail.reply_to {
        builder = builder.reply_to(person(answer)?);
    }
    for (name, value) in &mail.headers {
        let name = HeaderName::new_from_ascii(name.clone()).map_err(|_| unfit)?;
        builder = builder.raw_header(HeaderValue::new(name, value.clone()));
    }
    let address = |mailbox: &Mailbox| mailbox.address().as_str().parse::<Address>().map_err(|_| unfit);
    let to = mail.recipients().map(address).collect::<Result<Vec<_>, _>>()?;
    let envelope = Envelope::new(Some(address(from)?), to).map_err(|_| unfit)?;
    let message = body(builder.envelope(envelope.clone()), mail)?;
    Ok(Letter { id, envelope, bytes: message.formatted() })
}

/// Made from the key alone, so that whoever has both knows two mails as one.
fn message_id(key: &str, domain: &str) -> String {
    let hash = hex::encode(Sha256::digest(key));
    format!("<{}@{domain}>", &hash[..32])
}

fn person(mailbox: &Mailbox) -> Result<Box, &'static str> {
    let address = mailbox.address().as_str().parse().map_err(|_| "an address is not one for this server")?;
    Ok(Box::new(mailbox.name().map(str::to_owned), address))
}

fn body(builder: lettre::message::MessageBuilder, mail: &Mail) -> Result<Message, &'static str> {
    let unfit = |_| "the mail cannot be written as a message";
    let texts = match (&mail.text, &mail.html) {
        (Some(text), Some(html)) => Texts::Both(
            part(mail, MultiPartKind::Alternative)
                .singlepart(SinglePart::plain(text.clone()))
                .singlepart(SinglePart::html(html.clone())),
        ),
        (None, Some(html)) => Texts::One(SinglePart::html(html.clone())),
        (text, None) => Texts::One(SinglePart::plain(text.clone().unwrap_or_default())),
    };
    if mail.attachments.is_empty() {
        return match texts {
            Texts::One(one) => builder.singlepart(one),
            Texts::Both(both) => builder.multipart(both),
        }
        .map_err(unfit);
    }
    let mixed = part(mail, MultiPartKind::Mixed);
    let mut mixed = match texts {
        Texts::One(one) => mixed.singlepart(one),
        Texts::Both(both) => mixed.multipart(both),
    };
    for file in &mail.attachments {
        mixed = mixed.singlepart(attachment(file)?);
    }
    builder.multipart(mixed).map_err(unfit)
}

enum Texts {
    One(SinglePart),
    Both(MultiPart),
}

/// A part whose boundary is made from all that the mail says, so that nothing in it can hold the boundary.
fn part(mail: &Mail, kind: MultiPartKind) -> MultiPartBuilder {
    let mut hash = Sha256::new();
    hash.update(if matches!(kind, MultiPartKind::Mixed) { "mixed" } else { "alternative" });
    let texts = [Some(&mail.key), mail.text.as_ref(), mail.html.as_ref()];
    texts.into_iter().flatten().for_each(|text| hash.update(text));
    mail.attachments.iter().for_each(|file| hash.update(&file.bytes));
    let boundary = hex::encode(hash.finalize());
    MultiPart::builder().kind(kind).boundary(boundary)
}

fn attachment(file: &mailer::Attachment) -> Result<SinglePart, &'static str> {
    let kind = ContentType::parse(&file.content_type).map_err(|_| "an attachment has no media type")?;
    let name = file.name.clone();
    let made = match &file.content_id {
        Some(id) => Attachment::new_inline_with_name(id.clone(), name),
        None => Attachment::new(name),
    };
    Ok(made.body(file.bytes.to_vec(), kind))
}
