//! What the service costs and is used for, what models are asked for by order, and what became of mails.

use async_trait::async_trait;
use jiff::civil::Date;

use super::{Edit, Repo};
use crate::{
    ai::{AiConfig, OrderedText},
    billing::{KnownInvoice, KnownMethod},
    collections::PersonId,
    engine::Owner,
    kit::{List, Result, Stretch, time::Timestamp},
    mail::{MailSuppression, SentMail},
    orgs::OrganizationId,
    usage::{UsageStats, Used},
};

/// Questions about the service itself.
#[async_trait]
pub trait Service:
    Edit<KnownMethod> + Edit<AiConfig> + Edit<OrderedText> + Edit<SentMail> + Repo<MailSuppression>
{
    /// Whoever counts what there is of a kind (a [`Record::NAME`](super::Record::NAME)), to add one more or to refuse it, is
    /// alone with that in the organisation until the end of the transaction.
    async fn lock_count_of(&mut self, kind: &'static str) -> Result<()>;
    /// Bytes of recordings, of what was said aloud and of files that were brought, as long as they are kept.
    async fn stored_bytes(&mut self) -> Result<i64>;
    /// How many calls were made since then.
    async fn count_calls_since(&mut self, since: Timestamp) -> Result<i64>;
    /// What was used from then until before then; storage as it is now.
    async fn used(&mut self, from: Timestamp, until: Timestamp) -> Result<Used>;
    /// Days from then on that the vendor's meters do not know of, the longest ago first, at most `limit`.
    async fn unreported_usage(&mut self, since: Date, limit: i64) -> Result<Vec<UsageStats>>;
    /// Marks that the meters know of a day.
    async fn mark_usage_reported(&mut self, day: Date, now: Timestamp) -> Result<()>;
    /// Something that was paid with, by the vendor's id, taken away or not.
    async fn known_method(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownMethod>>;
    /// What is paid with and was not taken away, the newest first, at most `limit`.
    async fn known_methods(&mut self, limit: i64) -> Result<Vec<KnownMethod>>;
    /// Invoices, the newest first.
    async fn list_invoices(&mut self, of: Stretch) -> Result<List<KnownInvoice>>;
    /// What the organisation wants of models, once it was set.
    async fn ai_config(&mut self) -> Result<Option<AiConfig>>;
    /// A transcript by order, by the vendor's id.
    async fn ordered_text_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<OrderedText>>;
    /// Adds a mail that went, unless the vendor's id is known; whether it was added.
    async fn note_sent_mail(&mut self, mail: &SentMail) -> Result<bool>;
    /// Of these hashes of addresses, those that are not written to any more.
    async fn suppressed_mail(&mut self, hashes: &[String]) -> Result<Vec<String>>;
    /// Has an address not be written to any more; whether that is new.
    async fn suppress_mail(&mut self, row: &MailSuppression) -> Result<bool>;
    /// Persons with that mail address in small letters, by id, at most `limit`.
    async fn persons_by_email(&mut self, email: &str, limit: i64) -> Result<Vec<PersonId>>;
}

/// What leads from a vendor's id to an organisation.
#[async_trait]
pub trait Routing: Send {
    /// The organisation that pays, or paid, with that.
    async fn organization_of_method(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<OrganizationId>>;
    /// The mail that went by that id.
    async fn owner_of_mail(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<Owner>>;
    /// Organisations with an id above `after` that are customers of a vendor, by id, at most `limit`.
    async fn customers_after(
        &mut self,
        vendor: &str,
        after: Option<OrganizationId>,
        limit: i64,
    ) -> Result<Vec<OrganizationId>>;
    /// Forgets mails that went before then; how many.
    async fn purge_mails(&mut self, before: Timestamp) -> Result<i64>;
}
