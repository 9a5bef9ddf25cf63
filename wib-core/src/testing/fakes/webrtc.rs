use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use super::{page, refused};
use crate::{
    kit::{Clock, Timestamp, time::after},
    ports::{
        Fault, VendorError, Webrtc,
        pages::{Place, Portion},
        webrtc::{Credential, CredentialFilter, NewCredential, SessionToken},
    },
};

/// A gateway in memory. Its tokens live a day.
#[derive(Debug)]
pub struct FakeWebrtc {
    clock: Arc<dyn Clock>,
    state: Mutex<(u64, BTreeMap<String, Credential>)>,
}
impl FakeWebrtc {
    /// A gateway without a credential.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
    fn now(&self, credential: &Credential) -> Credential {
        let expired = credential.expires_at.is_some_and(|at| at <= self.clock.now());
        Credential { expired, ..credential.clone() }
    }
}

#[async_trait]
impl Webrtc for FakeWebrtc {
    fn vendor(&self) -> &'static str {
        "fake"
    }
    fn live(&self) -> bool {
        false
    }
    async fn create_credential(&self, order: &NewCredential) -> Result<Credential, VendorError> {
        if order.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(refused(Fault::Request, "it would have ended already"));
        }
        let mut state = self.state.lock().expect("no test fails while it holds this");
        state.0 += 1;
        let made = Credential {
            id: format!("credential-{:05}", state.0),
            name: order.name.clone(),
            trunk_id: Some(order.trunk_id.clone()),
            sip_username: format!("user{}", state.0),
            sip_password: Some(format!("password{}", state.0).into()),
            expires_at: order.expires_at,
            expired: false,
        };
        state.1.insert(made.id.clone(), made.clone());
        Ok(made)
    }
    async fn credential(&self, id: &str) -> Result<Option<Credential>, VendorError> {
        let state = self.state.lock().expect("no test fails while it holds this");
        Ok(state.1.get(id).map(|one| self.now(one)))
    }
    async fn credentials(
        &self,
        filter: &CredentialFilter,
        place: Option<Place>,
    ) -> Result<Portion<Credential>, VendorError> {
        let state = self.state.lock().expect("no test fails while it holds this");
        let fits = |one: &&Credential| {
            filter.trunk_id.as_ref().is_none_or(|id| one.trunk_id.as_ref() == Some(id))
                && filter.name.as_ref().is_none_or(|name| one.name == *name)
        };
        page(state.1.values().filter(fits).map(|one| self.now(one)).collect(), place.as_ref())
    }
    async fn delete_credential(&self, id: &str) -> Result<(), VendorError> {
        self.state.lock().expect("no test fails while it holds this").1.remove(id);
        Ok(())
    }
    async fn token(&self, credential: &str) -> Result<SessionToken, VendorError> {
        let found = self.credential(credential).await?.ok_or_else(|| refused(Fault::Missing, "no such credential"))?;
        if found.expired {
            return Err(refused(Fault::Request, "the credential has expired"));
        }
        let day = after(self.clock.now(), Duration::from_secs(24 * 3600));
        let ends = found.expires_at.map_or(day, |at| at.min(day));
        let expires_at = Timestamp::from_second(ends.as_second()).unwrap_or(ends);
        let mut state = self.state.lock().expect("no test fails while it holds this");
        state.0 += 1;
        let claims = json!({"exp": expires_at.as_second(), "sub": found.sip_username, "jti": state.0});
        let [head, claims] =
            [json!({"alg": "none"}), claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        Ok(SessionToken { token: format!("{head}.{claims}.c2lnbmVk").into(), expires_at })
    }
}
