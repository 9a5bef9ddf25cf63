//! Any mail server that takes SMTP submissions (RFC 6409), by the `lettre` library.
//!
//! Its connections are not this crate's [`Transport`](crate::transport::Transport): they are plain sockets of `tokio`, with
//! TLS by `rustls` and the roots of Mozilla. Time is still the wires': every limit is measured on their clock. There is no
//! sandbox of it; the sandbox's mail goes by Resend's.
//!
//! What SMTP cannot do:
//! - A server knows no idempotency key. The `Message-ID` is made from the key, so that a mail that was sent twice can be
//!   known as one; that id is the answer. When the connection breaks after the text went up, nobody can say whether the
//!   server has it ([`Sent::Unknown`](wib_core::ports::Sent)), and nothing is sent again here.
//! - Nothing is kept for later, and nobody can be asked what became of a mail ([`MailerCaps`]). There are no batches: a
//!   server takes one mail, then the next. Nor are there tags.
//! - A mail is for all of its recipients or for none: when the server refuses one, the mail is not sent.
//!
//! Replies of 4xx are passing ([`Fault::Down`](wib_core::ports::Fault)), those of 5xx last: to the password, or to us as a
//! whole, [`Fault::Credentials`](wib_core::ports::Fault), otherwise [`Fault::Request`](wib_core::ports::Fault).

mod connection;
mod message;

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use wib_core::{
    kit::{Error, time::Timestamp},
    ports::{
        Mailer, VendorError,
        mailer::{Mail, MailId, MailState, MailerCaps, Mailbox},
    },
};

use self::connection::Pool;
use crate::{
    http::Wires,
    vendor::{Adapters, Asked, Given, Port, Probe, Setting, Vendor},
};

const VENDOR: &str = "smtp";
const CAPS: MailerCaps =
    MailerCaps { recipients: 100, batch: 1, attachment_bytes: 18 << 20, ahead: None, tags: false, status: false };

/// A mail server, for whoever wires it.
pub static SETUP: Vendor = Vendor {
    name: VENDOR,
    ports: &[(Port::Mailer, plug)],
    settings: &[
        Setting::key("SMTP_URL", "a mail server: `smtps://user:password@host`, or `smtp+starttls://…`")
            .checked(|url| url.parse::<Server>().map(drop).map_err(|e| e.message().to_owned())),
        Setting::needed("SMTP_FROM", "the sender of mails, `Name <address>`")
            .checked(|from| from.parse::<Mailbox>().map(drop).map_err(|_| "expected an address".to_owned())),
    ],
    #[cfg(feature = "sandbox")]
    sandbox: None,
};

fn plug(given: &Given<'_>, adapters: &mut Adapters) -> Result<(), (&'static str, String)> {
    let server = given.text("SMTP_URL").unwrap_or_default().parse::<Server>();
    let server = server.map_err(|e| ("SMTP_URL", e.message().to_owned()))?;
    let from = given.text("SMTP_FROM").unwrap_or_default().parse::<Mailbox>();
    let from = from.map_err(|_| ("SMTP_FROM", "expected an address".to_owned()))?;
    let smtp = Arc::new(Smtp::builder(given.wires.clone(), server, from).build());
    let asked = smtp.clone();
    let ask = move || {
        let smtp = asked.clone();
        Box::pin(async move { smtp.pool.greet().await }) as Asked
    };
    adapters.probes.push(Probe { vendor: VENDOR, port: Port::Mailer, what: "EHLO", ask: Box::new(ask) });
    adapters.mailers.push(smtp);
    Ok(())
}

/// Where a mail server is, and what it knows us by: `smtps://user:password@host:port` (TLS from the start, port 465),
/// `smtp+starttls://…` (TLS before anything is said, port 587) or `smtp://…` (none, port 25: a relay in the house). What is
/// special in a password is percent-encoded. A password goes in the clear to this machine only.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, SecretString)>,
}

/// How a connection is kept from others' eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Always,
    Upgraded,
    Never,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}:{} {:?})", self.host, self.port, self.tls)
    }
}
impl FromStr for Server {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = |why: &str| Error::invalid(why.to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| no("expected smtps:// or smtp+starttls://"))?;
        let (tls, port) = match scheme {
            "smtps" => (Tls::Always, 465),
            "smtp+starttls" => (Tls::Upgraded, 587),
            "smtp" => (Tls::Never, 25),
            _ => return Err(no("expected smtps:// or smtp+starttls://")),
        };
        let (login, place) = rest.trim_end_matches('/').rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let authority: http::uri::Authority =
            place.trim_end_matches('/').parse().map_err(|_| no("expected a host after the scheme"))?;
        if authority.host().is_empty() {
            return Err(no("expected a host after the scheme"));
        }
        let login = match login.map(|login| login.split_once(':')) {
            None => None,
            Some(Some((user, password))) => Some((decode(user), decode(password))),
            Some(None) => return Err(no("expected user:password before the host")),
        };
        let login = match login {
            None => None,
            Some((Some(user), Some(password))) => Some((user, password.into())),
            Some(_) => return Err(no("user and password are not percent-encoded text")),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if tls == Tls::Never && login.is_some() && !here {
            return Err(no("a password does not go in the clear: use smtps:// or smtp+starttls://"));
        }
        Ok(Self { host, port: authority.port_u16().unwrap_or(port), tls, login })
    }
}

/// Percent-decodes; `None` when what comes out is no text, or holds a line break.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (pair, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

/// A mail server, as [`Mailer`].
pub struct Smtp {
    pool: Pool,
    from: Mailbox,
    live: bool,
}
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("server", &self.pool.server).finish_non_exhaustive()
    }
}

impl Smtp {
    /// That server, for mails from that sender.
    #[must_use]
    pub fn builder(wires: Wires, server: Server, from: Mailbox) -> SmtpBuilder {
        let limits = Limits { connect: Duration::from_secs(10), total: Duration::from_secs(60), at_once: 4 };
        SmtpBuilder { wires, server, from, limits, live: true }
    }
}

/// How long, and how many at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest wait for a connection that is greeted, upgraded and logged in.
    pub connect: Duration,
    /// Longest time for a mail, the wait for a seat and a connection included.
    pub total: Duration,
    /// Most connections at once.
    pub at_once: usize,
}

/// Puts a [`Smtp`] together.
#[derive(Debug)]
pub struct SmtpBuilder {
    wires: Wires,
    server: Server,
    from: Mailbox,
    limits: Limits,
    live: bool,
}
impl SmtpBuilder {
    /// Other limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
    /// False for a server that delivers to nobody.
    #[must_use]
    pub fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }
    /// The adapter.
    #[must_use]
    pub fn build(self) -> Smtp {
        let Self { wires, server, from, limits, live } = self;
        let seats = Arc::new(Semaphore::new(limits.at_once));
        let domain = from.address().domain().to_owned();
        Smtp { pool: Pool::new(server, domain, limits, seats, wires), from, live }
    }
}

#[async_trait]
impl Mailer for Smtp {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }
    fn caps(&self) -> MailerCaps {
        CAPS
    }
    async fn send(&self, mail: &Mail) -> Result<MailId, VendorError> {
        let now = self.pool.now();
        mail.check(&CAPS, now).map_err(|why| Mail::refused(VENDOR, &why))?;
        let letter = message::compose(&self.from, mail, now).map_err(|why| Mail::refused(VENDOR, why))?;
        self.pool.carry(&letter).await?;
        Ok(MailId(letter.id))
    }
    async fn send_batch(&self, key: &str, mails: &[Mail]) -> Result<Vec<MailId>, VendorError> {
        Mail::check_batch(mails, &CAPS, self.pool.now()).map_err(|why| Mail::refused(VENDOR, &why))?;
        let mut ids = Vec::with_capacity(mails.len());
        for mail in mails {
            ids.push(self.send(&Mail { key: key.to_owned(), ..mail.clone() }).await?);
        }
        Ok(ids)
    }
    async fn reschedule(&self, _id: &MailId, _at: Timestamp) -> Result<(), VendorError> {
        Err(Mail::refused(VENDOR, "a mail server keeps nothing for later"))
    }
    async fn cancel(&self, _id: &MailId) -> Result<(), VendorError> {
        Err(Mail::refused(VENDOR, "a mail server keeps nothing for later"))
    }
    async fn status(&self, _id: &MailId) -> Result<MailState, VendorError> {
        Err(Mail::refused(VENDOR, "a mail server does not say what became of a mail"))
    }
}
