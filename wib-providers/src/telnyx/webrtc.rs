//! Calls from a browser: telephony credentials and their tokens.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Method;
use wib_core::{
    kit::time::Timestamp,
    ports::{
        Fault, Sent, VendorError, Webrtc,
        pages::{Place, Portion},
        webrtc::{Credential, CredentialFilter, NewCredential, SessionToken},
    },
};

use super::{Telnyx, VENDOR, wire, wire_lines};

#[async_trait]
impl Webrtc for Telnyx {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn create_credential(&self, order: &NewCredential) -> Result<Credential, VendorError> {
        let request = wire_lines::CredentialRequest {
            connection_id: &order.trunk_id,
            name: &order.name,
            expires_at: order.expires_at.map(|at| at.to_string()),
        };
        let ask = self.client.ask("create_credential", Method::POST, "/telephony_credentials").json(&request);
        let kept: wire::Single<wire_lines::KeptCredential> = ask.send().await?.json()?;
        Ok(kept.data.into_ours())
    }

    async fn credential(&self, id: &str) -> Result<Option<Credential>, VendorError> {
        let ask = self.client.ask("credential", Method::GET, "/telephony_credentials/{}").fill(id);
        Ok(self.found::<wire_lines::KeptCredential>(ask).await?.map(wire_lines::KeptCredential::into_ours))
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
        place: Option<Place>,
    ) -> Result<Portion<Credential>, VendorError> {
        let trunk = filter.trunk_id.as_ref().map(|id| format!("connection:{id}"));
        let filters = [("filter[resource_id]", trunk.as_deref()), ("filter[name]", filter.name.as_deref())];
        let ask = self.client.ask("credentials", Method::GET, "/telephony_credentials");
        Ok(self.portion(ask, &filters, place).await?.map(wire_lines::KeptCredential::into_ours))
    }

    async fn delete_credential(&self, id: &str) -> Result<(), VendorError> {
        self.gone(self.client.ask("delete_credential", Method::DELETE, "/telephony_credentials/{}").fill(id)).await
    }

    async fn token(&self, credential: &str) -> Result<SessionToken, VendorError> {
        // Another token has no effect on the one before.
        let ask = self.client.ask("token", Method::POST, "/telephony_credentials/{}/token").fill(credential);
        let answer = ask.repeatable().send().await?;
        let nonsense = || self.client.fault(Fault::Nonsense, Sent::Unknown, "not a token");
        let token = std::str::from_utf8(&answer.body).map_err(|_| nonsense())?.trim();
        let expires_at = expiry(token).ok_or_else(nonsense)?;
        Ok(SessionToken { token: token.to_owned().into(), expires_at })
    }
}

/// When a JWT ends, as it says itself. Its signature is Telnyx's to check.
fn expiry(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: wire_lines::Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Timestamp::from_second(claims.exp).ok()
}
