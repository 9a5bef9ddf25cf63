//! Telling addresses that users named: webhooks that go out.
//!
//! Whoever may name an address could name one inside our own network. So an address is looked at when it is written down
//! ([`check_address`]), and the adapter looks at where its name leads each time it connects ([`is_public`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use serde_json::Value;

use super::VendorError;

/// Longest address, in characters.
const LONGEST: usize = 2000;
/// Names that lead into somebody's own network, whatever a resolver says.
const INSIDE: &[&str] = &[
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "test",
    "invalid",
    "onion",
];

/// Something to be told to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Where to; looked at again before anything is sent.
    pub url: String,
    /// What makes it one: whoever receives it twice knows it by this.
    pub key: String,
    /// What is told.
    pub body: Value,
}

/// A request to an address that a user named, as it leaves: what is signed is the body's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHook {
    /// Where to; looked at again before anything is sent.
    pub url: String,
    /// What proves who sends it, and which one it is.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// What an address answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// The status; a redirect is one like any other, and is not followed.
    pub status: u16,
    /// The beginning of the body, at most [`HookAnswer::KEPT`] characters.
    pub body: String,
}
impl HookAnswer {
    /// How many characters are kept of a body.
    pub const KEPT: usize = 1000;
    /// How long an address may take to answer.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
    /// An answer, with what may be kept of its body.
    #[must_use]
    pub fn new(status: u16, body: &[u8]) -> Self {
        // What is no character of a text cannot be kept in one.
        let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
        Self { status, body: String::from_utf8_lossy(body).chars().take(Self::KEPT).map(plain).collect() }
    }
    /// Whether it was taken: 2xx.
    #[must_use]
    pub fn took(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Who posts to addresses that users named.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Hooks: Send + Sync + std::fmt::Debug {
    /// Posts the body as JSON. Every 2xx is an answer; a redirect is not followed.
    async fn post(&self, hook: &Hook) -> Result<(), VendorError>;
    /// Posts a body that is signed, once, with [`HookAnswer::PATIENCE`]. Every status is an answer; an error is none.
    async fn deliver(&self, hook: &SignedHook) -> Result<HookAnswer, VendorError>;
}

/// What is wrong with an address that a user named: `https`, a host on the open internet, no name and password.
///
/// # Errors
/// The first fault, as words for whoever named it.
pub fn check_address(url: &str) -> Result<(), &'static str> {
    let fits = url.chars().count() <= LONGEST && url.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if !fits {
        return Err("must be an address of at most 2000 plain characters");
    }
    let scheme = url.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let rest = scheme.and_then(|_| url.get(8..)).ok_or("must begin with https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must hold no name and no password");
    }
    let private = "must lead to the open internet";
    if let Some(inner) = authority.strip_prefix('[') {
        let address = inner.split_once(']').and_then(|(address, port)| is_port(port).then_some(address));
        let address: Ipv6Addr = address.and_then(|text| text.parse().ok()).ok_or("names no host")?;
        return if is_public(address.into()) { Ok(()) } else { Err(private) };
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if !is_port(port) || host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
        return Err("names no host");
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return if is_public(address.into()) { Ok(()) } else { Err(private) };
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // `0x7f.1`, `127.1`, `2130706433`: browsers and clients read them as addresses.
    let number = last.starts_with(|c: char| c.is_ascii_digit());
    if !host.contains('.') || number || INSIDE.contains(&last) {
        return Err(private);
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether an address is on the open internet, and nobody's own network (IANA's registries of special-purpose addresses).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        // Multicast, reserved and broadcast.
        || a >= 224;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // 2000::/3 is all that was ever given out; of it, tunnels that carry other addresses and pages of documents.
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && (b < 0x200 || b == 0xdb8)) && a != 0x2002 && a != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_the_open_internet_or_is_refused() {
        for good in [
            "https://hooks.example.com",
            "https://hooks.example.com:8443/a?b=c",
            "HTTPS://8.8.8.8/x",
            "https://[2606:4700::1]/",
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in [
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "https://",
            "https:///x",
            "https://localhost/",
            "https://printer/",
            "https://db.internal:443/",
            "https://a.localhost./",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://a.0x7f/",
            "https://2130706433/",
            "https://10.0.0.8/",
            "https://172.16.3.4/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://[2001::1]/",
            "https://good.example.com@10.0.0.1/",
            "https://a b.example.com/",
            "https://hooks.example.com\\@10.0.0.1/",
            "https://hooks.example.com:99999/",
            "https://hooks.example.com:x/",
            "https://h\u{f6}oks.example.com/",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_nobodys_own_is_public() {
        for public in ["1.1.1.1", "203.0.114.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in
            ["127.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "2001:db8::1"]
        {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
