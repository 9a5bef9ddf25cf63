//! The account: domains that mails come from, and addresses that none goes to.

use http::Method;
use wib_core::ports::{VendorError, mailer::Address};

use super::{Resend, wire};

/// A domain that mails come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Resend's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether its records were found.
    pub state: DomainState,
    /// Where its mails are sent from, such as `us-east-1`.
    pub region: Option<String>,
    /// The records that its zone must have; none in a list.
    pub records: Vec<DomainRecord>,
}

/// How a domain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainState {
    /// Nobody has looked for its records.
    NotStarted,
    /// They are being looked for.
    Pending,
    /// Mails may come from it.
    Verified,
    /// Some records were found; or were, and some are not any more.
    Partly,
    /// They were not found.
    Failed,
    /// Something else, by the vendor's word.
    Other(String),
}

/// A record that a domain's zone must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRecord {
    /// What it is for: `SPF`, `DKIM`.
    pub purpose: String,
    /// Its name within the zone.
    pub name: String,
    /// Its type: `TXT`, `MX`.
    pub kind: String,
    /// What it says.
    pub value: String,
    /// The vendor's word for whether it was found.
    pub status: String,
    /// Its priority, for `MX`.
    pub priority: Option<i64>,
}

/// An address that Resend sends no mail to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Resend's id of it.
    pub id: String,
    /// The address, as Resend has it.
    pub address: String,
    /// Why: `bounce`, `complaint`, `manual`.
    pub origin: String,
}

/// Most pages that are read of a list, of 100 each.
const PAGES: usize = 100;

impl From<wire::Domain> for Domain {
    fn from(domain: wire::Domain) -> Self {
        let state = match domain.status.as_str() {
            "not_started" => DomainState::NotStarted,
            "pending" => DomainState::Pending,
            "verified" => DomainState::Verified,
            "partially_verified" | "partially_failed" => DomainState::Partly,
            "failed" => DomainState::Failed,
            _ => DomainState::Other(domain.status),
        };
        let record = |record: wire::Record| DomainRecord {
            purpose: record.record,
            name: record.name,
            kind: record.kind,
            value: record.value,
            status: record.status,
            priority: record.priority,
        };
        let records = domain.records.into_iter().map(record).collect();
        Self { id: domain.id, name: domain.name, state, region: domain.region, records }
    }
}

impl Resend {
    /// All domains, without their records.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn domains(&self) -> Result<Vec<Domain>, VendorError> {
        let all = self.list("domains", "/domains", |domain: &wire::Domain| domain.id.clone()).await?;
        Ok(all.into_iter().map(Domain::from).collect())
    }
    /// One domain, with its records.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn domain(&self, id: &str) -> Result<Domain, VendorError> {
        let answer = self.client.ask("domain", Method::GET, "/domains/{}").fill(id).send().await?;
        Ok(answer.json::<wire::Domain>()?.into())
    }
    /// Makes a domain; its records are in the answer. Not repeated: a second one of the name is refused.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn create_domain(&self, name: &str) -> Result<Domain, VendorError> {
        let ask = self.client.ask("create_domain", Method::POST, "/domains");
        Ok(ask.json(&wire::NewDomain { name }).send().await?.json::<wire::Domain>()?.into())
    }
    /// Has a domain's records looked for; [`domain`](Self::domain) tells the outcome.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn verify_domain(&self, id: &str) -> Result<(), VendorError> {
        let ask = self.client.ask("verify_domain", Method::POST, "/domains/{}/verify").fill(id);
        ask.repeatable().send().await.map(drop)
    }
    /// All addresses that no mail goes to.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn suppressions(&self) -> Result<Vec<Suppression>, VendorError> {
        let all = self.list("suppressions", "/suppressions", |one: &wire::Suppression| one.id.clone()).await?;
        let told = |one: wire::Suppression| Suppression { id: one.id, address: one.email, origin: one.origin };
        Ok(all.into_iter().map(told).collect())
    }
    /// Sends no mail to that address any more; again is fine.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn suppress(&self, address: &Address) -> Result<(), VendorError> {
        let ask = self.client.ask("suppress", Method::POST, "/suppressions");
        ask.json(&wire::NewSuppression { email: address.as_str() }).repeatable().send().await.map(drop)
    }
    /// Sends mail to that address again.
    ///
    /// # Errors
    /// `Missing` when it was not suppressed, and what else the vendor said.
    pub async fn unsuppress(&self, address: &Address) -> Result<(), VendorError> {
        let ask = self.client.ask("unsuppress", Method::DELETE, "/suppressions/{}").fill(address.as_str());
        ask.send().await.map(drop)
    }

    /// The whole of a list, page by page.
    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &'static str,
        id: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, VendorError> {
        let mut all: Vec<T> = Vec::new();
        for _ in 0..PAGES {
            let mut ask = self.client.ask(operation, Method::GET, path).query("limit", "100");
            if let Some(last) = all.last() {
                ask = ask.query("after", &id(last));
            }
            let page = ask.send().await?.json::<wire::Listed<T>>()?;
            let more = page.has_more && !page.data.is_empty();
            all.extend(page.data);
            if !more {
                break;
            }
        }
        Ok(all)
    }
}
