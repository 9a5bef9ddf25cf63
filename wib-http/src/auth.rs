//! Who asks: tokens, fingerprints, cookies.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use sha2::{Digest, Sha256};
use wib_core::{
    auth::{CSRF_LIFE, SESSION_LIFE, SignedIn},
    kit::{Error, ExposeSecret, Result, SecretString},
};

use crate::{core_api::Core, cors::Cors, table::Access};

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Bearer,
    Cookie,
}

/// The session's token: the bearer's first, else the cookie's.
pub(crate) fn token(headers: &HeaderMap) -> Option<(String, Carrier)> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
        let (scheme, token) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    if let Some(token) = bearer.filter(|t| !t.is_empty()) {
        return Some((token.to_owned(), Carrier::Bearer));
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    cookies
        .filter_map(|c| c.trim().split_once('='))
        .find(|(name, value)| *name == "session-token" && !value.is_empty())
        .map(|(_, value)| (value.to_owned(), Carrier::Cookie))
}

/// SHA-256, in hex, of `User-Agent|Accept-Language|Sec-CH-UA`; `unknown` stands for a missing one.
#[must_use]
pub fn fingerprint(headers: &HeaderMap) -> String {
    let part = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("unknown");
    let text = format!("{}|{}|{}", part("user-agent"), part("accept-language"), part("sec-ch-ua"));
    hex::encode(Sha256::digest(text))
}

pub(crate) fn no_organization() -> Error {
    Error::forbidden("needs an organisation")
}

/// Somebody signed in with the access asked; `None` for rows that ask none.
pub(crate) async fn admit<C: Core>(
    core: &C,
    access: Access,
    parts: &Parts,
    cors: &Cors,
    internal_key: Option<&SecretString>,
) -> Result<Option<SignedIn>> {
    let least = match access {
        Access::Public | Access::Signature => return Ok(None),
        Access::Internal => return internal(parts, internal_key).map(|()| None),
        Access::Session | Access::Platform => None,
        Access::Role(role) => Some(role),
    };
    let stranger = || Error::unauthenticated("Authentication required");
    let (token, carrier) = token(&parts.headers).ok_or_else(stranger)?;
    // A cookie also comes with what other sites send: their origin tells them apart.
    let safe = matches!(parts.method, Method::GET | Method::HEAD);
    if carrier == Carrier::Cookie && !safe && !cors.same_or_allowed(&parts.headers) {
        return Err(Error::forbidden("origin is not allowed"));
    }
    let signed_in = core.authenticate(&token, &fingerprint(&parts.headers)).await?.ok_or_else(stranger)?;
    if access == Access::Platform && !signed_in.user.platform_admin {
        return Err(Error::forbidden("needs a platform administrator"));
    }
    if let Some(least) = least {
        signed_in.principal.ok_or_else(no_organization)?.role.at_least(least)?;
    }
    Ok(Some(signed_in))
}

/// Whether a machine of the installation asks. Hashes are compared, so that the time tells nothing of the key.
fn internal(parts: &Parts, key: Option<&SecretString>) -> Result<()> {
    let key = key.ok_or_else(|| Error::unavailable("no internal key is configured"))?;
    let given = parts.headers.get("x-internal-key").map(HeaderValue::as_bytes).unwrap_or_default();
    if Sha256::digest(given) == Sha256::digest(key.expose_secret()) {
        Ok(())
    } else {
        Err(Error::unauthenticated("Authentication required"))
    }
}

fn cookie(name: &str, value: &str, life: Duration) -> HeaderValue {
    let seconds = life.as_secs();
    let text = format!("{name}={value}; HttpOnly; Secure; SameSite=None; Path=/; Max-Age={seconds}");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
/// The cookie that holds a session's token.
pub(crate) fn session_cookie(token: &str) -> HeaderValue {
    cookie("session-token", token, SESSION_LIFE)
}
/// The cookie that ends a session.
pub(crate) fn no_session_cookie() -> HeaderValue {
    cookie("session-token", "", Duration::ZERO)
}
/// The cookie that holds a CSRF token.
pub(crate) fn csrf_cookie(token: &str) -> HeaderValue {
    cookie("csrf-token", token, CSRF_LIFE)
}
