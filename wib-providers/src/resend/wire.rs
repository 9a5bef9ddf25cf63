//! Resend's JSON. Only what we read or send; everything else is ignored.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use wib_core::{
    kit::Timestamp,
    ports::{
        Fault,
        mailer::{self, Bounce, Hardness, Mail, MailEventKind, MailState, Mailbox},
    },
};

use crate::http::Words;

#[derive(Serialize)]
pub(super) struct SendRequest<'a> {
    from: String,
    to: Vec<String>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cc: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bcc: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    filename: &'a str,
    content: String,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> SendRequest<'a> {
    /// A mail from that sender. An instant that has passed is left out: the mail goes at once.
    pub(super) fn new(from: &Mailbox, mail: &'a Mail, now: Timestamp) -> Self {
        let written = |them: &[Mailbox]| them.iter().map(Mailbox::to_string).collect();
        let attachment = |file: &'a mailer::Attachment| Attachment {
            filename: &file.name,
            content: BASE64_STANDARD.encode(&file.bytes),
            content_type: &file.content_type,
            content_id: file.content_id.as_deref(),
        };
        Self {
            from: from.to_string(),
            to: written(&mail.to),
            subject: &mail.subject,
            cc: written(&mail.cc),
            bcc: written(&mail.bcc),
            reply_to: written(&mail.reply_to),
            text: mail.text.as_deref(),
            html: mail.html.as_deref(),
            headers: &mail.headers,
            scheduled_at: mail.send_at.filter(|at| *at > now).map(|at| at.to_string()),
            attachments: mail.attachments.iter().map(attachment).collect(),
            tags: mail.tags.iter().map(|(name, value)| Tag { name, value }).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Reschedule {
    pub scheduled_at: String,
}

#[derive(Serialize)]
pub(super) struct NewDomain<'a> {
    pub name: &'a str,
}

#[derive(Serialize)]
pub(super) struct NewSuppression<'a> {
    pub email: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Sent {
    pub id: String,
}

/// `{"data": [..], "has_more"}`; a batch's answer has the same form.
#[derive(Deserialize)]
pub(super) struct Listed<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Deserialize)]
pub(super) struct Email {
    #[serde(default)]
    pub last_event: Option<String>,
}

pub(super) fn state(last_event: &str) -> MailState {
    match last_event {
        "queued" => MailState::Queued,
        "scheduled" => MailState::Scheduled,
        "canceled" => MailState::Canceled,
        "sent" => MailState::Sent,
        "delivered" => MailState::Delivered,
        "delivery_delayed" => MailState::Delayed,
        "bounced" => MailState::Bounced,
        "complained" => MailState::Complained,
        "opened" => MailState::Opened,
        "clicked" => MailState::Clicked,
        "failed" => MailState::Failed,
        "suppressed" => MailState::Suppressed,
        other => MailState::Other(other.to_owned()),
    }
}

#[derive(Deserialize)]
pub(super) struct Domain {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub records: Vec<Record>,
}

#[derive(Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub record: String,
    #[serde(default)]
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub value: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub priority: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Suppression {
    pub id: String,
    pub email: String,
    #[serde(default)]
    pub origin: String,
}

/// `{"type", "created_at", "data"}`.
#[derive(Deserialize)]
pub(super) struct Delivery {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub data: Value,
}

#[derive(Deserialize)]
pub(super) struct EmailData {
    pub email_id: String,
    #[serde(default, deserialize_with = "texts")]
    pub to: Vec<String>,
    #[serde(default)]
    bounce: Option<BounceData>,
    #[serde(default)]
    failed: Option<FailedData>,
}

#[derive(Deserialize)]
struct BounceData {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, rename = "subType")]
    subtype: Option<String>,
}

#[derive(Deserialize)]
struct FailedData {
    #[serde(default)]
    reason: Option<String>,
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(one) => vec![one],
        Value::Array(many) => many.into_iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    })
}

impl EmailData {
    pub(super) fn what(&self, kind: &str) -> MailEventKind {
        match kind {
            "email.scheduled" => MailEventKind::Scheduled,
            "email.sent" => MailEventKind::Sent,
            "email.delivered" => MailEventKind::Delivered,
            "email.delivery_delayed" => MailEventKind::Delayed,
            "email.bounced" => MailEventKind::Bounced(self.bounce()),
            "email.complained" => MailEventKind::Complained,
            "email.opened" => MailEventKind::Opened,
            "email.clicked" => MailEventKind::Clicked,
            "email.failed" => {
                MailEventKind::Failed { reason: self.failed.as_ref().and_then(|failed| failed.reason.clone()) }
            }
            "email.suppressed" => MailEventKind::Suppressed,
            other => MailEventKind::Other(other.to_owned()),
        }
    }
    fn bounce(&self) -> Bounce {
        let kind = self.bounce.as_ref().and_then(|bounce| bounce.kind.clone());
        let hardness = match kind.as_deref() {
            Some("Permanent") => Hardness::Hard,
            Some("Transient") => Hardness::Soft,
            _ => Hardness::Unknown,
        };
        Bounce { hardness, kind, subtype: self.bounce.as_ref().and_then(|bounce| bounce.subtype.clone()) }
    }
}

/// `{"statusCode", "name", "message"}`; the name is the code.
pub(super) fn words(_status: u16, body: &Value) -> Words {
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let code = text("name");
    let fault = match code.as_deref() {
        Some("daily_quota_exceeded" | "monthly_quota_exceeded") => Some(Fault::Payment),
        // The first send under the key is still under way.
        Some("concurrent_idempotent_requests") => Some(Fault::RateLimited),
        _ => None,
    };
    Words { fault, code, message: text("message") }
}
