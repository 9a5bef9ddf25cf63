//! Webhooks that go out, to addresses that users named.
//!
//! The address is checked again each time, and a name is followed to public addresses alone
//! ([`Outside`](crate::transport::Outside)): what led to the open internet when it was written down may lead elsewhere now.

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{
    Fault, Hooks, Sent, VendorError,
    hooks::{Hook, check_address},
};

use crate::http::{Client, Policy, Wires, Words};

const VENDOR: &str = "hooks";

/// Posts to addresses that users named. Its transport must lead to public addresses alone: see
/// [`Outside`](crate::transport::Outside).
#[derive(Debug)]
pub struct HttpHooks {
    client: Client,
}

impl HttpHooks {
    /// Over these wires.
    #[must_use]
    pub fn new(wires: Wires) -> Self {
        // The queue tries again, over hours; what is answered is not read.
        let policy = Policy { tries: 1, answer_cap: 16 << 10, ..Policy::default() };
        Self { client: Client::new(VENDOR, "", policy, |_, _| Words::default(), wires) }
    }
}

#[async_trait]
impl Hooks for HttpHooks {
    async fn post(&self, hook: &Hook) -> Result<(), VendorError> {
        check_address(&hook.url).map_err(|why| self.client.fault(Fault::Request, Sent::No, why))?;
        let ask = self.client.post_url("post", &hook.url, Method::POST);
        ask.header("x-wib-delivery", &hook.key).json(&hook.body).send().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Reply, Script};

    fn hook(url: &str) -> Hook {
        Hook { url: url.to_owned(), key: "k1".to_owned(), body: json!({"event": "x"}) }
    }

    #[tokio::test]
    async fn a_hook_is_posted_whole_to_its_own_address() {
        let script = Script::new([Reply::status(204)]);
        let hooks = HttpHooks::new(script.wires());
        script.run(hooks.post(&hook("https://hooks.example.com/in/?a=b"))).await.unwrap();
        let seen = script.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/in/?a=b"));
        assert_eq!(seen[0].headers["x-wib-delivery"], "k1");
        assert_eq!(seen[0].body, json!({"event": "x"}).to_string());
    }

    #[tokio::test]
    async fn what_is_no_answer_is_a_failure_and_a_redirect_is_none() {
        for status in [301, 404, 503] {
            let script = Script::new([Reply::status(status)]);
            let hooks = HttpHooks::new(script.wires());
            let failed = script.run(hooks.post(&hook("https://hooks.example.com/"))).await;
            assert!(failed.is_err(), "{status}");
            assert_eq!(script.seen().len(), 1, "{status}");
        }
    }

    #[tokio::test]
    async fn an_address_inside_is_not_asked() {
        let script = Script::new([]);
        let hooks = HttpHooks::new(script.wires());
        for url in ["https://10.0.0.1/", "http://hooks.example.com/", "https://localhost/"] {
            let error = script.run(hooks.post(&hook(url))).await.unwrap_err();
            assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{url}");
        }
        assert!(script.seen().is_empty());
    }
}
