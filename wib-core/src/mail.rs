//! Mail goes out through the queue, so that it is sent once and no request waits for it. What its vendor tells of it later
//! leads back to the organisation by the vendor's id, and an address that mail comes back from, or whose owner complains, is
//! not written to any more.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::Line,
    collections::PersonId,
    compliance::{ConsentScope, Medium, Wish},
    consent::{Consent, ConsentEvent, Preference, Source},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Actor, Error, Id, OrNotFound, Result, canonical, time::Timestamp},
    orgs::OrganizationId,
    ports::mailer::{Mail, MailEvent, MailEventKind, Mailbox},
    store::{OrgTx, Record, Repo},
    text_enum,
    wib::{Org, Wib},
};

// Most bytes of attachments that wait in the queue with their mail.
const QUEUED_BYTES: usize = 1 << 20;

impl Org {
    /// Queues a mail; a worker sends it. The same key is sent once.
    ///
    /// # Errors
    /// `Invalid` for a mail that the mailer would not take, and for attachments of more than a mebibyte; when the
    /// database does not take it.
    pub async fn send_mail(&self, mail: &Mail) -> Result<()> {
        let fault = |why: String| Error::field("mail", why);
        mail.check(&self.wib.mailer.caps(), self.wib.now()).map_err(fault)?;
        if mail.attachments.iter().map(|file| file.bytes.len()).sum::<usize>() > QUEUED_BYTES {
            return Err(fault(format!("attachments of a queued mail have {QUEUED_BYTES} bytes together at most")));
        }
        let payload = serde_json::to_value(Mail { key: String::new(), ..mail.clone() });
        let payload = payload.map_err(|e| Error::internal("a mail cannot be written down").because(e))?;
        let mut tx = self.tx().await?;
        tx.enqueue(&NewMessage { topic: Topic::SendMail, key: mail.key.clone(), payload, run_at: self.wib.now() })
            .await?;
        self.audit("email:queued", ("email", None)).with(json!({"key": mail.key})).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }
}

/// A mail that went. It holds no address and no word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMail {
    /// Its id.
    pub id: Id<SentMail>,
    /// By whom.
    pub vendor: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// To how many.
    pub recipients: i64,
    /// When the vendor took it.
    pub sent_at: Timestamp,
    /// When a recipient's server first took it.
    pub delivered_at: Option<Timestamp>,
    /// When it was first opened.
    pub opened_at: Option<Timestamp>,
    /// When a link in it was first followed.
    pub clicked_at: Option<Timestamp>,
    /// When it first came back for good.
    pub bounced_at: Option<Timestamp>,
    /// When a recipient first called it spam.
    pub complained_at: Option<Timestamp>,
}
impl Record for SentMail {
    const NAME: &'static str = "mail";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

text_enum! {
    /// Why an address is not written to any more.
    pub enum NoMail {
        /// Mail to it comes back.
        Bounced = "bounced",
        /// Its owner called a mail spam.
        Complained = "complained",
        /// The vendor does not send to it.
        Refused = "refused",
    }
}

/// An address that is not written to any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSuppression {
    /// Its id.
    pub id: Id<MailSuppression>,
    /// `sha256:<hex>` of the organisation and the address in small letters: it outlives the person, and names nobody.
    pub address_hash: String,
    /// Why.
    pub reason: NoMail,
    /// Which mail said it.
    pub mail_id: Id<SentMail>,
    /// Since when.
    pub since: Timestamp,
}
impl Record for MailSuppression {
    const NAME: &'static str = "mail suppression";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// More persons than that do not share an address.
const SHARERS: i64 = 100;

/// What an organisation knows an address by.
fn hash(organization: OrganizationId, address: &str) -> String {
    canonical::sha256(format!("mail {organization} {}", address.trim().to_lowercase()).as_bytes())
}

pub(crate) async fn send(wib: &Wib, message: &Message) -> Result<Done> {
    let Some(organization) = message.organization_id else { return crate::auth::mail(wib, message).await };
    // Serde's own words may repeat what it found.
    let mail: Mail =
        serde_json::from_value(message.payload.clone()).map_err(|_| Error::internal("a queued mail cannot be read"))?;
    let mut mail = Mail { key: format!("{organization}:{}", message.key), ..mail };
    let of = |mailbox: &Mailbox| hash(organization, mailbox.address().as_str());
    let hashes: Vec<_> = mail.recipients().map(of).collect();
    let gone = wib.store.org(organization).await?.suppressed_mail(&hashes).await?;
    for list in [&mut mail.to, &mut mail.cc, &mut mail.bcc] {
        list.retain(|mailbox| !gone.contains(&of(mailbox)));
    }
    if !gone.is_empty() {
        metrics::counter!("wib_mails_withheld_total").increment(1);
    }
    if mail.to.is_empty() {
        tracing::warn!(%organization, "a mail was for nobody who may be written to");
        return Ok(Done::Ack);
    }
    let id = wib.mailer.send(&mail).await?;
    let row = SentMail {
        id: wib.id(),
        vendor: wib.mailer.vendor().to_owned(),
        vendor_id: id.0,
        recipients: i64::try_from(mail.recipients().count()).unwrap_or(i64::MAX),
        sent_at: wib.now(),
        delivered_at: None,
        opened_at: None,
        clicked_at: None,
        bounced_at: None,
        complained_at: None,
    };
    let mut tx = wib.store.org(organization).await?;
    tx.note_sent_mail(&row).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Takes what a vendor says of a mail. One of a mail that nobody sent here is counted and left.
pub(crate) async fn heard(wib: &Wib, vendor: &str, event: &MailEvent) -> Result<()> {
    let ends = if event.what.ends_mail() { "yes" } else { "no" };
    metrics::counter!("wib_mail_events_total", "vendor" => vendor.to_owned(), "ends_mail" => ends).increment(1);
    let Some(owner) = wib.store.system().await?.owner_of_mail(vendor, &event.mail.0).await? else {
        metrics::counter!("wib_events_unknown_total", "vendor" => vendor.to_owned()).increment(1);
        return Ok(());
    };
    let mut tx = wib.store.org(owner.organization_id).await?;
    let Some(mut mail) = Repo::<SentMail>::find(&mut *tx, owner.record.into()).await? else { return Ok(()) };
    let why = match &event.what {
        MailEventKind::Complained => Some(NoMail::Complained),
        MailEventKind::Suppressed => Some(NoMail::Refused),
        what if what.ends_mail() => Some(NoMail::Bounced),
        _ => None,
    };
    let place = match (&event.what, why) {
        (_, Some(NoMail::Complained)) => &mut mail.complained_at,
        (_, Some(_)) => &mut mail.bounced_at,
        (MailEventKind::Delivered, _) => &mut mail.delivered_at,
        (MailEventKind::Opened, _) => &mut mail.opened_at,
        (MailEventKind::Clicked, _) => &mut mail.clicked_at,
        _ => return Ok(()),
    };
    // Whatever the order in which they come: the first time it happened.
    *place = Some(place.map_or(event.at, |known| known.min(event.at)));
    tx.update(&mail).await?;
    if let Some(why) = why {
        end_mail(wib, &mut *tx, &mail, event, why).await?;
    }
    tx.commit().await
}

/// Has the address not be written to any more, and honours a complaint as the opt-out that it is.
async fn end_mail(wib: &Wib, tx: &mut dyn OrgTx, mail: &SentMail, event: &MailEvent, why: NoMail) -> Result<()> {
    // Of several recipients the vendor does not say which one it was: nobody is silenced for another.
    let [address] = &event.to[..] else {
        tracing::warn!(mail = %mail.id, "a mail to several came back, and its vendor does not say from whom");
        return Ok(());
    };
    // `Name <address>`, or the address alone.
    let address = address.parse::<Mailbox>().map_or(address.clone(), |mailbox| mailbox.address().as_str().to_owned());
    let address = address.to_lowercase();
    let row = MailSuppression {
        id: wib.id(),
        address_hash: hash(tx.organization_id(), &address),
        reason: why,
        mail_id: mail.id,
        since: event.at,
    };
    let new = tx.suppress_mail(&row).await?;
    let mut persons = vec![];
    if why == NoMail::Complained {
        for person in tx.persons_by_email(&address, SHARERS).await? {
            if opt_out(wib, tx, person, &address, mail).await? {
                persons.push(person);
            }
        }
    }
    if new || !persons.is_empty() {
        let action = if why == NoMail::Complained { "email:complained" } else { "email:bounced" };
        let told = json!({"reason": why, "vendor": mail.vendor, "persons": persons});
        Line::by(wib, Actor::Vendor, action, ("email", Some(mail.id.uuid()))).with(told).write(tx).await;
        metrics::counter!("wib_mail_suppressions_total", "reason" => why.as_str()).increment(1);
    }
    Ok(())
}

/// Takes a person's consent to mail at that address back, and keeps the wish; whether it did not hold already.
async fn opt_out(wib: &Wib, tx: &mut dyn OrgTx, id: PersonId, address: &str, mail: &SentMail) -> Result<bool> {
    let person = tx.lock_person(id).await?.or_not_found("person")?;
    let (now, email) = (wib.now(), Some(address.to_owned()));
    let holds = |p: &Preference| {
        p.ended_at.is_none() && p.wish == Wish::NoMedium && p.medium == Some(Medium::Email) && p.email == email
    };
    if tx.preferences(person.id, 1000).await?.iter().any(holds) {
        return Ok(false);
    }
    let consent = Consent {
        id: wib.id(),
        person_id: person.id,
        account_id: None,
        phone: None,
        email: email.clone(),
        scope: ConsentScope::Email,
        event: ConsentEvent::Revoked,
        written: true,
        source: Source::Api,
        evidence: Some(format!("complaint about mail {}", mail.id)),
        call_id: None,
        note: None,
        at: now,
        expires_at: None,
        recorded_by: None,
        created_at: now,
    };
    tx.insert(&consent).await?;
    let wish = Preference {
        id: wib.id(),
        person_id: person.id,
        phone: None,
        email,
        medium: Some(Medium::Email),
        wish: Wish::NoMedium,
        since: now,
        ended_at: None,
        recorded_by: None,
        created_at: now,
    };
    tx.insert(&wish).await?;
    let line = Line::by(wib, Actor::Vendor, "consent:opted_out", ("person", Some(person.id.uuid())));
    line.with(json!({"source": Source::Api, "medium": Medium::Email})).write(tx).await;
    Ok(true)
}
