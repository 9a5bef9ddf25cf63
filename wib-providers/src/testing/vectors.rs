//! Signed deliveries, genuine and forged.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use wib_core::{
    kit::Timestamp,
    ports::webhook::{Event, Headers, Opened, Refused, WebhookSource},
};

use super::contracts::shared;

/// One signed delivery of the shared vectors.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) value: Value,
    pub(crate) body: Vec<u8>,
}
impl Vector {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }
    pub(crate) fn accepted(&self) -> bool {
        self.text("expect") == "accept"
    }
    /// What the source makes of the delivery.
    pub(crate) fn passes(&self, source: &dyn WebhookSource) -> Result<Vec<Event>, Refused> {
        let headers = self.value["headers"].as_object().unwrap();
        let pairs: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes())).collect();
        let now = Timestamp::from_second(self.value["now"].as_i64().unwrap()).unwrap();
        source.open(&Headers(&pairs), &self.body, now).map(Opened::into_events)
    }
    /// Asserts what the vector expects of the signature; what is optional is reported.
    pub(crate) fn holds(&self, source: &dyn WebhookSource) {
        let outcome = self.passes(source);
        let later = [Refused::InvalidJson, Refused::InvalidStructure];
        let good = match &outcome {
            Ok(_) => true,
            Err(why) => self.text("level") == "signature" && later.contains(why),
        };
        if self.value["optional"] == true {
            println!("optional: {} gave {outcome:?}", self.text("id"));
        } else {
            assert_eq!(good, self.accepted(), "{}: {outcome:?}", self.text("id"));
        }
    }
}

/// The shared vectors of a vendor; none when they are not here.
pub(crate) fn vectors(vendor: &str) -> Vec<Vector> {
    let all = shared(&format!("webhooks/{vendor}.json")).unwrap_or_else(|| json!([]));
    let read = |value: &Value| {
        let body = BASE64_STANDARD.decode(value["body_b64"].as_str().unwrap()).unwrap();
        Vector { value: value.clone(), body }
    };
    all.as_array().unwrap().iter().map(read).collect()
}
