//! Webhooks that go out, to addresses that users named.
//!
//! The address is checked again each time, and a name is followed to public addresses alone
//! ([`Outside`](crate::transport::Outside)): what led to the open internet when it was written down may lead elsewhere now.

use async_trait::async_trait;
use http::Method;
use wib_core::ports::{
    Fault, Hooks, Sent, VendorError,
    hooks::{Hook, HookAnswer, SignedHook, check_address},
};

use crate::http::{Client, Policy, Wires, Words};

const VENDOR: &str = "hooks";

/// Posts to addresses that users named. Its transport must lead to public addresses alone: see
/// [`Outside`](crate::transport::Outside).
#[derive(Debug)]
pub struct HttpHooks {
    client: Client,
    wires: Wires,
}

impl HttpHooks {
    /// Over these wires.
    #[must_use]
    pub fn new(wires: Wires) -> Self {
        // The queue tries again, over hours; what is answered is not read.
        let policy = Policy { tries: 1, answer_cap: 16 << 10, ..Policy::default() };
        Self { client: Client::new(VENDOR, "", policy, |_, _| Words::default(), wires.clone()), wires }
    }
}

#[async_trait]
impl Hooks for HttpHooks {
    async fn post(&self, hook: &Hook) -> Result<(), VendorError> {
        check_address(&hook.url).map_err(|why| self.client.fault(Fault::Request, Sent::No, why))?;
        let ask = self.client.post_url("post", &hook.url, Method::POST);
        ask.header("x-wib-delivery", &hook.key).json(&hook.body).send().await.map(drop)
    }
    async fn deliver(&self, hook: &SignedHook) -> Result<HookAnswer, VendorError> {
        check_address(&hook.url).map_err(|why| self.client.fault(Fault::Request, Sent::No, why))?;
        let wait = HookAnswer::PATIENCE;
        let policy = Policy { tries: 1, first_byte: wait, total: wait, ..Policy::default() };
        // A client of its own: what one address says of its limits holds nobody else up.
        let client = Client::new(VENDOR, "", policy, |_, _| Words::default(), self.wires.clone());
        let ask = client.post_url("deliver", &hook.url, Method::POST).any_status();
        let ask = hook.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        let mut flow = ask.bytes(hook.body.clone().into(), "application/json").open().await?;
        let mut body = Vec::new();
        // Its status is the answer; of what follows a little is kept, as far as it comes.
        while body.len() < HookAnswer::KEPT * 4
            && let Ok(Some(piece)) = flow.next().await
        {
            body.extend_from_slice(&piece);
        }
        Ok(HookAnswer::new(flow.status(), &body))
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

    fn signed(url: &str) -> SignedHook {
        SignedHook {
            url: url.to_owned(),
            headers: vec![("webhook-id", "m1".to_owned())],
            body: r#"{"b":1,  "a":2}"#.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_signed_body_leaves_as_the_bytes_it_is_and_any_status_is_an_answer() {
        for status in [200, 302, 410, 500] {
            let script = Script::new([Reply::json(status, json!({"why": "x".repeat(5000)}))]);
            let hooks = HttpHooks::new(script.wires());
            let answer = script.run(hooks.deliver(&signed("https://hooks.example.com/in"))).await.unwrap();
            assert_eq!((answer.status, answer.body.chars().count()), (status, HookAnswer::KEPT));
            assert!(answer.body.starts_with(r#"{"why":"xxx"#) && answer.took() == (status == 200));
            let seen = script.seen();
            assert_eq!((seen.len(), &seen[0].body[..]), (1, &br#"{"b":1,  "a":2}"#[..]));
            assert_eq!(seen[0].headers["webhook-id"], "m1");
            assert_eq!(seen[0].headers["content-type"], "application/json");
        }
    }

    #[tokio::test]
    async fn an_address_inside_is_not_asked() {
        let script = Script::new([]);
        let hooks = HttpHooks::new(script.wires());
        for url in ["https://10.0.0.1/", "http://hooks.example.com/", "https://localhost/"] {
            let error = script.run(hooks.post(&hook(url))).await.unwrap_err();
            assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{url}");
            let error = script.run(hooks.deliver(&signed(url))).await.unwrap_err();
            assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{url}");
        }
        assert!(script.seen().is_empty());
    }
}
