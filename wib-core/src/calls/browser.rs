//! A credential for each browser that may call: made when first asked for, kept, and renewed before it ends.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio::sync::Mutex as Seat;

use crate::{
    kit::{
        Clock,
        time::{Timestamp, after, before},
    },
    ports::{
        VendorError, Webrtc,
        webrtc::{Credential, NewCredential, SessionToken},
    },
};

/// How long a credential lives.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// How long before its end it is given to nobody any more.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// Most sessions with a credential at once; beyond them the one that ends first is forgotten here.
const MOST: usize = 10_000;

/// What a browser needs to call.
#[derive(Clone, Debug)]
pub struct BrowserCredential {
    /// The vendor's id of the credential.
    pub credential_id: String,
    /// Its name on the network.
    pub sip_username: String,
    /// What the page signs in with.
    pub token: SecretString,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Credentials of browsers, one for each session: a credential lives an hour and is given out for 55 minutes of it.
///
/// Those who ask for the same session at once get the same credential. A renewed one does not end the one before, which a
/// call may still go by; that ends with its hour.
pub struct BrowserCredentials {
    webrtc: Arc<dyn Webrtc>,
    clock: Arc<dyn Clock>,
    trunk_id: String,
    seats: Mutex<BTreeMap<String, Arc<Seat<Option<BrowserCredential>>>>>,
}
impl fmt::Debug for BrowserCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserCredentials").field("webrtc", &self.webrtc).finish_non_exhaustive()
    }
}

impl BrowserCredentials {
    /// Credentials of the users of a trunk.
    pub fn new(webrtc: Arc<dyn Webrtc>, clock: Arc<dyn Clock>, trunk_id: impl Into<String>) -> Self {
        Self { webrtc, clock, trunk_id: trunk_id.into(), seats: Mutex::default() }
    }

    /// The credential of a session, good for another five minutes at least.
    ///
    /// # Errors
    /// What the vendor says; nothing is kept then.
    pub async fn of(&self, session: &str) -> Result<BrowserCredential, VendorError> {
        let seat = self.seat(session);
        let mut held = seat.lock().await;
        if let Some(credential) = held.as_ref().filter(|one| self.fresh(one)) {
            return Ok(credential.clone());
        }
        let made = self.make().await?;
        *held = Some(made.clone());
        Ok(made)
    }

    /// Ends the credential of a session, when it has one: at sign-out.
    ///
    /// # Errors
    /// What the vendor says. The credential is given to nobody any more, and ends with its hour.
    pub async fn end(&self, session: &str) -> Result<(), VendorError> {
        let seat = self.seats().remove(session);
        let Some(seat) = seat else { return Ok(()) };
        let held = seat.lock().await.take();
        match held {
            Some(credential) => self.webrtc.delete_credential(&credential.credential_id).await,
            None => Ok(()),
        }
    }

    async fn make(&self) -> Result<BrowserCredential, VendorError> {
        let ends = after(self.clock.now(), LIFE);
        let order =
            NewCredential { trunk_id: self.trunk_id.clone(), name: "browser".to_owned(), expires_at: Some(ends) };
        let Credential { id, sip_username, .. } = self.webrtc.create_credential(&order).await?;
        match self.webrtc.token(&id).await {
            Ok(SessionToken { token, expires_at }) => {
                Ok(BrowserCredential { credential_id: id, sip_username, token, expires_at: expires_at.min(ends) })
            }
            Err(error) => {
                // Without a token nobody can use it; if it cannot be deleted now, it ends with its hour.
                if let Err(kept) = self.webrtc.delete_credential(&id).await {
                    tracing::warn!(error = %kept, "a credential without a token was not deleted");
                }
                Err(error)
            }
        }
    }

    fn fresh(&self, credential: &BrowserCredential) -> bool {
        self.clock.now() < before(credential.expires_at, MARGIN)
    }

    fn seat(&self, session: &str) -> Arc<Seat<Option<BrowserCredential>>> {
        let mut seats = self.seats();
        if let Some(seat) = seats.get(session) {
            return seat.clone();
        }
        if seats.len() >= MOST {
            // A seat that is taken is being filled; one that is empty was left by a failure.
            let ends = |seat: &Seat<Option<BrowserCredential>>| match seat.try_lock() {
                Ok(held) => held.as_ref().map_or(Timestamp::MIN, |one| one.expires_at),
                Err(_) => Timestamp::MAX,
            };
            seats.retain(|_, seat| ends(seat) > self.clock.now());
            let first = seats.iter().min_by_key(|(_, seat)| ends(seat)).map(|(session, _)| session.clone());
            if let Some(first) = first.filter(|_| seats.len() >= MOST) {
                seats.remove(&first);
            }
        }
        seats.entry(session.to_owned()).or_default().clone()
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Seat<Option<BrowserCredential>>>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
