//! What proves to an address that we sent a body.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Told;
use crate::kit::{Error, ExposeSecret, Random, Result, SecretString, time::Timestamp};

/// What secrets of Standard Webhooks begin with; the rest is the key in base64.
const PREFIX: &str = "whsec_";

/// A secret that nobody can guess, as libraries of Standard Webhooks take it.
pub(super) fn fresh(random: &dyn Random) -> SecretString {
    let mut key = [0u8; 32];
    random.fill(&mut key);
    format!("{PREFIX}{}", BASE64_STANDARD.encode(key)).into()
}

/// The key of a secret: what `whsec_` stands before, or the text's own bytes.
fn key(secret: &str) -> Vec<u8> {
    let inner = secret.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
    inner.filter(|key| !key.is_empty()).unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Error::internal("no key of HMAC"))?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The headers of a body that leaves now.
pub(super) fn headers(
    secret: &SecretString,
    told: &Told,
    now: Timestamp,
    body: &str,
) -> Result<Vec<(&'static str, String)>> {
    let (secret, id, seconds) = (secret.expose_secret(), told.event_id.to_string(), now.as_second().to_string());
    let standard = mac(&key(secret), &[id.as_bytes(), b".", seconds.as_bytes(), b".", body.as_bytes()])?;
    let plain = mac(secret.as_bytes(), &[body.as_bytes()])?;
    Ok(vec![
        ("webhook-id", id),
        ("webhook-timestamp", seconds),
        ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(standard))),
        ("x-webhook-event", told.event.to_string()),
        ("x-webhook-timestamp", now.to_string()),
        ("x-webhook-signature", hex::encode(plain)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::OsRandom;

    #[test]
    fn a_known_message_has_its_known_signature() {
        // The vector of the Standard Webhooks reference libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let parts: [&[u8]; 1] = [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}"];
        let signed = mac(&key(secret), &parts).unwrap();
        assert_eq!(BASE64_STANDARD.encode(signed), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_somebodys_own_is_its_own_bytes() {
        assert_eq!(key("correct horse"), b"correct horse");
        assert_eq!(key("whsec_not base64!"), b"whsec_not base64!");
        assert_eq!(key("whsec_"), b"whsec_", "no key is never the key");
        let made = fresh(&OsRandom);
        assert_eq!(key(made.expose_secret()).len(), 32);
    }
}
