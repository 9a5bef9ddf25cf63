//! Connections: made, kept while they are good, and how far a mail came on one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, CertificateStore, TlsParameters},
    commands::{Data, Mail as MailFrom, Noop, Quit, Rcpt},
    extension::ClientId,
};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use wib_core::{
    kit::time::{Timestamp, after, timeout},
    ports::{Fault, Sent, VendorError},
};

use super::{Limits, Server, Tls, VENDOR, message::Letter};
use crate::http::{Wires, mask};

/// How long a connection is kept without a mail.
const IDLE: Duration = Duration::from_secs(60);

/// The connections to a server.
pub(super) struct Pool {
    pub server: Server,
    hello: ClientId,
    limits: Limits,
    seats: Arc<Semaphore>,
    wires: Wires,
    idle: Mutex<Vec<(Timestamp, AsyncSmtpConnection)>>,
}

/// How far a mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No connection yet, or one that is not logged in.
    Greeting,
    /// A password was shown.
    Login,
    /// Sender and recipients are being said.
    Envelope,
    /// The text goes up; from here on the server may have it.
    Text,
}

impl Pool {
    pub(super) fn new(server: Server, domain: String, limits: Limits, seats: Arc<Semaphore>, wires: Wires) -> Self {
        Self { server, hello: ClientId::Domain(domain), limits, seats, wires, idle: Mutex::default() }
    }
    pub(super) fn now(&self) -> Timestamp {
        self.wires.clock.now()
    }

    /// Carries a mail to the server.
    pub(super) async fn carry(&self, letter: &Letter) -> Result<(), VendorError> {
        let mut stage = Stage::Greeting;
        let carried = timeout(&*self.wires.clock, self.limits.total, Box::pin(self.try_to_carry(letter, &mut stage))).await;
        let outcome = match carried {
            Some(Ok(())) => Ok(()),
            Some(Err(Failed::Late)) | None => Err(late(stage)),
            Some(Err(Failed::Said(error))) => Err(failure(stage, &error)),
        };
        let word = if outcome.is_ok() { "ok" } else { "failed" };
        let labels = [("vendor", VENDOR), ("operation", "send"), ("outcome", word)];
        metrics::counter!("wib_vendor_requests_total", &labels).increment(1);
        tracing::debug!(vendor = VENDOR, operation = "send", ?stage, outcome = word);
        outcome
    }

    /// Connects, logs in, and leaves.
    pub(super) async fn greet(&self) -> Result<(), VendorError> {
        let mut stage = Stage::Greeting;
        match self.connect(&mut stage).await {
            Ok(mut connection) => {
                // Whether the server says goodbye is nobody's concern.
                let _ = timeout(&*self.wires.clock, Duration::from_secs(1), connection.command(Quit)).await;
                Ok(())
            }
            Err(Failed::Late) => Err(late(stage)),
            Err(Failed::Said(error)) => Err(failure(stage, &error)),
        }
    }

    async fn try_to_carry(&self, letter: &Letter, stage: &mut Stage) -> Result<(), Failed> {
        let _seat = self.seats.acquire().await.map_err(|_| Failed::Late)?;
        let mut connection = match self.known().await {
            Some(known) => known,
            None => self.connect(stage).await?,
        };
        *stage = Stage::Envelope;
        connection.command(MailFrom::new(letter.envelope.from().cloned(), vec![])).await?;
        for to in letter.envelope.to() {
            connection.command(Rcpt::new(to.clone(), vec![])).await?;
        }
        connection.command(Data).await?;
        *stage = Stage::Text;
        connection.message(&letter.bytes).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((self.now(), connection));
        Ok(())
    }

    /// A connection that still answers.
    async fn known(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (since, mut connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let answers = after(since, IDLE) > self.now()
                && timeout(&*self.wires.clock, self.limits.connect, connection.command(Noop)).await.is_some_and(|a| a.is_ok());
            if answers {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, stage: &mut Stage) -> Result<AsyncSmtpConnection, Failed> {
        let connected = timeout(&*self.wires.clock, self.limits.connect, Box::pin(self.try_to_connect(stage))).await;
        connected.ok_or(Failed::Late)?.map_err(Failed::Said)
    }

    async fn try_to_connect(&self, stage: &mut Stage) -> Result<AsyncSmtpConnection, Error> {
        let Server { host, port, tls, login } = &self.server;
        let parameters = || TlsParameters::builder(host.clone()).certificate_store(CertificateStore::WebpkiRoots).build();
        let from_the_start = if *tls == Tls::Always { Some(parameters()?) } else { None };
        let place = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, None, &self.hello, from_the_start, None).await?;
        if *tls == Tls::Upgraded {
            connection.starttls(parameters()?, &self.hello).await?;
        }
        if let Some((user, password)) = login {
            *stage = Stage::Login;
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }
}

/// Why a mail was not carried.
enum Failed {
    /// It took too long.
    Late,
    /// By what was said, or by the connection.
    Said(Error),
}
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Said(error)
    }
}

fn late(stage: Stage) -> VendorError {
    let sent = if stage == Stage::Text { Sent::Unknown } else { Sent::No };
    VendorError::new(VENDOR, Fault::Timeout, sent, "no answer in time")
}

/// What a failure at that stage means.
fn failure(stage: Stage, error: &Error) -> VendorError {
    let Some(code) = error.status() else {
        let sent = if stage == Stage::Text { Sent::Unknown } else { Sent::No };
        // What a connection says of itself may name addresses, but never ours or anybody's: still, only the kind is told.
        let (fault, message) = match stage {
            _ if error.is_tls() => (Fault::Down, "no connection that is secure"),
            Stage::Greeting if error.is_client() => (Fault::Credentials, "the server offers no TLS"),
            Stage::Login if error.is_client() => (Fault::Credentials, "the server takes no password of this kind"),
            _ => (Fault::Down, "the connection was lost"),
        };
        return VendorError::new(VENDOR, fault, sent, message);
    };
    let fault = match (stage, u16::from(code)) {
        (_, 400..=499) => Fault::Down,
        (Stage::Greeting | Stage::Login, _) | (_, 530 | 534 | 535 | 538) => Fault::Credentials,
        _ => Fault::Request,
    };
    let said = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    let mut failed = VendorError::new(VENDOR, fault, Sent::Refused, mask(&said, 200));
    failed.code = Some(u16::from(code).to_string());
    failed
}
