//! The account: namespaces, queues, and what pulls from them.

use std::time::Duration;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wib_core::ports::VendorError;

use super::{Cloudflare, kv::whole_seconds, wire, wire::NO_BODY};
use crate::http::Ask;

/// A namespace of Workers KV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// How a queue is pulled from over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Most messages that are pulled at once, unless the pull says otherwise; 100 at most.
    pub batch: u32,
    /// How often a message comes again before it is a dead letter; 100 at most.
    pub retries: u32,
    /// How long a message is held, unless the pull says otherwise.
    pub lease: Duration,
    /// How long a message that is given back waits, unless that says otherwise; whole seconds.
    pub retry_delay: Duration,
    /// The name of the queue that dead letters go to; without it they are gone.
    pub dead_letters: Option<String>,
}
impl Default for Consumer {
    fn default() -> Self {
        let lease = Duration::from_secs(30);
        Self { batch: 10, retries: 3, lease, retry_delay: Duration::ZERO, dead_letters: None }
    }
}

/// Most pages that are read of a list.
const PAGES: u64 = 100;

impl From<wire::Namespace> for Namespace {
    fn from(namespace: wire::Namespace) -> Self {
        Self { id: namespace.id, title: namespace.title }
    }
}
impl From<wire::Queue> for QueueInfo {
    fn from(queue: wire::Queue) -> Self {
        Self { id: queue.queue_id, name: queue.queue_name }
    }
}

impl Cloudflare {
    fn ask(&self, operation: &'static str, method: Method, template: &'static str) -> Ask<'_> {
        self.client.ask(operation, method, template).fill(&self.account)
    }
    async fn told<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, VendorError> {
        wire::result(&ask.send().await?)
    }

    /// All namespaces.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn namespaces(&self) -> Result<Vec<Namespace>, VendorError> {
        let mut all: Vec<Namespace> = Vec::new();
        for number in 1..=PAGES {
            let ask = self.ask("kv_namespaces", Method::GET, "/accounts/{}/storage/kv/namespaces");
            let ask = ask.query("page", &number.to_string()).query("per_page", "100");
            let (page, info) = wire::page::<Option<Vec<wire::Namespace>>>(&ask.send().await?)?;
            let page = page.unwrap_or_default();
            let last = page.is_empty();
            all.extend(page.into_iter().map(Namespace::from));
            if last || info.total_count.is_none_or(|total| all.len() as u64 >= total) {
                break;
            }
        }
        Ok(all)
    }
    /// Makes a namespace. Not repeated: a second one of the title is refused.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn create_namespace(&self, title: &str) -> Result<Namespace, VendorError> {
        let ask = self.ask("kv_create_namespace", Method::POST, "/accounts/{}/storage/kv/namespaces");
        Ok(self.told::<wire::Namespace>(ask.json(&wire::Titled { title })).await?.into())
    }
    /// Gives a namespace another title.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn rename_namespace(&self, id: &str, title: &str) -> Result<(), VendorError> {
        let ask = self.ask("kv_rename_namespace", Method::PUT, "/accounts/{}/storage/kv/namespaces/{}").fill(id);
        self.told::<Value>(ask.json(&wire::Titled { title }).repeatable()).await.map(drop)
    }
    /// Removes a namespace with all its values.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn delete_namespace(&self, id: &str) -> Result<(), VendorError> {
        let ask = self.ask("kv_delete_namespace", Method::DELETE, "/accounts/{}/storage/kv/namespaces/{}").fill(id);
        self.told::<Value>(ask.json(&NO_BODY)).await.map(drop)
    }

    /// All queues.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>, VendorError> {
        let all: Option<Vec<wire::Queue>> =
            self.told(self.ask("queues", Method::GET, "/accounts/{}/queues")).await?;
        Ok(all.unwrap_or_default().into_iter().map(QueueInfo::from).collect())
    }
    /// One queue.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn queue_info(&self, id: &str) -> Result<QueueInfo, VendorError> {
        let ask = self.ask("queue_info", Method::GET, "/accounts/{}/queues/{}").fill(id);
        Ok(self.told::<wire::Queue>(ask).await?.into())
    }
    /// Makes a queue. Not repeated: a second one of the name is refused.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn create_queue(&self, name: &str) -> Result<QueueInfo, VendorError> {
        let ask = self.ask("create_queue", Method::POST, "/accounts/{}/queues");
        Ok(self.told::<wire::Queue>(ask.json(&wire::NewQueue { queue_name: name })).await?.into())
    }
    /// Removes a queue with all its messages.
    ///
    /// # Errors
    /// `Missing`, and what else the vendor said.
    pub async fn delete_queue(&self, id: &str) -> Result<(), VendorError> {
        let ask = self.ask("delete_queue", Method::DELETE, "/accounts/{}/queues/{}").fill(id);
        self.told::<Value>(ask.json(&NO_BODY)).await.map(drop)
    }
    /// Lets a queue be pulled from over HTTP; it can have one consumer. Not repeated: a second one is refused.
    ///
    /// # Errors
    /// What the vendor said.
    pub async fn create_consumer(&self, queue: &str, consumer: &Consumer) -> Result<(), VendorError> {
        let settings = wire::ConsumerSettings {
            batch_size: consumer.batch,
            max_retries: consumer.retries,
            visibility_timeout_ms: u64::try_from(consumer.lease.as_millis()).unwrap_or(u64::MAX),
            retry_delay: whole_seconds(consumer.retry_delay),
        };
        let dead_letter_queue = consumer.dead_letters.as_deref();
        let ask = self.ask("create_consumer", Method::POST, "/accounts/{}/queues/{}/consumers").fill(queue);
        self.told::<Value>(ask.json(&wire::NewConsumer { kind: "http_pull", settings, dead_letter_queue })).await.map(drop)
    }
}
