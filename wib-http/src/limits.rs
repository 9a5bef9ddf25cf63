//! Who is counted, and what they are told of it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::extract::ConnectInfo;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use wib_core::{limits::Standing, orgs::OrganizationId};

/// How requests are limited.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Whose headers say where a request comes from.
    pub proxies: Proxies,
    /// Test organisations, whose sessions are never refused.
    pub exempt: Vec<OrganizationId>,
}

/// Whom we believe that a request comes from somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxies {
    /// `private`: whoever connects from this machine or a private network, by `x-forwarded-for`, which every proxy adds to.
    /// Others say it of themselves.
    #[default]
    Private,
    /// `any`: everybody, because nobody reaches us but through Cloudflare, by `cf-connecting-ip`, else as `private`. Another
    /// proxy hands on whatever a client writes there.
    Any,
    /// `none`: nobody stands before us.
    None,
}
impl FromStr for Proxies {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "private" => Ok(Self::Private),
            "any" => Ok(Self::Any),
            "none" => Ok(Self::None),
            _ => Err("expected private, any or none"),
        }
    }
}

impl Proxies {
    /// Who asks: an address, of IPv6 the network that one customer has. `unknown` when nobody can tell.
    pub(crate) fn client(self, parts: &Parts) -> Client {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
        let believed = match self {
            // Mounted in another server we see no peer, and that server sees to the headers.
            Self::Private => peer.is_none_or(ours),
            Self::Any => true,
            Self::None => false,
        };
        let named = || (self == Self::Any).then(|| address(&text(&parts.headers, "cf-connecting-ip"))).flatten();
        Client(if believed { named().or_else(|| forwarded(&parts.headers)).or(peer) } else { peer })
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client(Option<IpAddr>);
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("unknown"),
            Some(IpAddr::V4(address)) => write!(f, "{address}"),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                write!(f, "{a:x}:{b:x}:{c:x}:{d:x}::")
            }
        }
    }
}

fn ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_loopback() || a.is_private() || a.is_link_local(),
        IpAddr::V6(a) => a.is_loopback() || a.is_unique_local() || a.is_unicast_link_local(),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    // Proxies add at the end, and what stands before is what the client itself said: the last that is not one of ours.
    let chain: Vec<_> = text(headers, "x-forwarded-for").split(',').map(address).collect();
    let last = chain.iter().rev().find(|address| address.is_none_or(|address| !ours(address)));
    last.copied().flatten().or_else(|| chain.first().copied().flatten())
}

/// Adds what a client is told of its standing.
pub(crate) fn tell(standing: &Standing, headers: &mut HeaderMap) {
    // Rounded up: a client that comes back on the second is not too early.
    let reset = standing.until.as_second() + i64::from(standing.until.subsec_nanosecond() > 0);
    for (name, value) in [
        ("x-ratelimit-limit", HeaderValue::from(standing.most)),
        ("x-ratelimit-remaining", HeaderValue::from(standing.left)),
        ("x-ratelimit-reset", HeaderValue::from(reset)),
    ] {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: Proxies, peer: Option<&str>, headers: &[(&'static str, &str)]) -> String {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 9)));
        }
        proxies.client(&parts).to_string()
    }

    #[test]
    fn headers_are_believed_of_proxies_alone() {
        let (cf, xff) = (("cf-connecting-ip", "198.51.100.1"), ("x-forwarded-for", "198.51.100.2"));
        assert_eq!(client(Proxies::Private, None, &[xff]), "198.51.100.2");
        assert_eq!(client(Proxies::Private, None, &[]), "unknown");
        for proxy in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "::ffff:192.168.1.1"] {
            assert_eq!(client(Proxies::Private, Some(proxy), &[xff]), "198.51.100.2", "{proxy}");
            assert_eq!(
                client(Proxies::Private, Some(proxy), &[xff, cf]),
                "198.51.100.2",
                "{proxy}: nobody checks the other"
            );
            assert_ne!(client(Proxies::None, Some(proxy), &[xff]), "198.51.100.2", "{proxy}");
        }
        assert_eq!(client(Proxies::Private, Some("203.0.113.7"), &[cf, xff]), "203.0.113.7");
        assert_eq!(client(Proxies::Any, Some("203.0.113.7"), &[xff, cf]), "198.51.100.1");
        assert_eq!(client(Proxies::Any, Some("203.0.113.7"), &[xff]), "198.51.100.2");
    }

    #[test]
    fn nobody_chooses_who_they_are_counted_as() {
        for (chain, who) in [
            ("1.2.3.4, 198.51.100.2", "198.51.100.2"),
            ("1.2.3.4, 198.51.100.2, 10.0.0.9", "198.51.100.2"),
            ("198.51.100.2", "198.51.100.2"),
            ("10.0.0.7, 10.0.0.9", "10.0.0.7"),
            ("1.2.3.4, garbage", "1.2.3.4"),
            ("garbage", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(client(Proxies::Private, Some("127.0.0.1"), &[("x-forwarded-for", chain)]), who, "{chain:?}");
        }
        let one = client(Proxies::Private, Some("2001:db8:1:2:3::4"), &[]);
        assert_eq!(
            (one.as_str(), &one),
            ("2001:db8:1:2::", &client(Proxies::Private, Some("2001:db8:1:2:ffff::9"), &[]))
        );
    }
}
