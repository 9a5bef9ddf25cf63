//! Calls from a member's browser: what a page signs in with, and how that stands. Calls themselves are asked for here, and
//! pass the gate; a page cannot dial by itself, for the trunk that it signs in to lets nothing out.

use std::sync::Arc;

use super::{BrowserCredential, BrowserCredentials, Call, StartCall};
use crate::{
    kit::{Actor, Error, Kind, Phone, Result, Role},
    ports::{Fault, VendorError, trunks::TrunkKind},
    wib::{Org, Wib},
};

/// Pages of trunks that are looked through.
const PAGES: usize = 20;

/// How calls from browsers stand here. No key and no whole name is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftphoneCheck {
    /// Whether somebody is wired who has a gateway for browsers.
    pub wired: bool,
    /// The last four characters of the trunk that pages sign in to.
    pub trunk_ends_with: Option<String>,
    /// Trunks of credentials that could be it.
    pub trunks: usize,
    /// Whether there is a number to show.
    pub has_number: bool,
    /// Whether the vendor answers.
    pub reachable: bool,
}

/// What the vendor's failure is to who asked.
fn failed(error: VendorError) -> Error {
    match error.fault {
        Fault::RateLimited => Error::from(error).code("TELNYX_RATE_LIMIT"),
        Fault::Payment => {
            Error::new(Kind::Unavailable, "TELNYX_PAYMENT_REQUIRED", "the voice vendor's account cannot pay")
                .because(error)
        }
        _ => error.into(),
    }
}

/// Active trunks of credentials by which nothing goes out: whoever signs in to another could dial past the gate.
async fn trunks(wib: &Wib) -> std::result::Result<Vec<String>, VendorError> {
    let Some(port) = wib.trunks() else { return Ok(vec![]) };
    let (mut found, mut place) = (vec![], None);
    for _ in 0..PAGES {
        let page = port.trunks(TrunkKind::Credential, place).await?;
        let fit = page.items.iter().filter(|kept| kept.trunk.active && kept.trunk.outbound_profile.is_none());
        found.extend(fit.map(|kept| kept.id.id.clone()));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn credentials(wib: &Wib) -> Result<&Arc<BrowserCredentials>> {
    let nobody = || Error::unavailable("calls from browsers are not set up here").code("WEBRTC_NOT_CONFIGURED");
    let webrtc = wib.webrtc().ok_or_else(nobody)?;
    wib.browsers
        .get_or_try_init(|| async {
            let trunk = trunks(wib).await.map_err(failed)?.into_iter().next().ok_or_else(nobody)?;
            Ok(Arc::new(BrowserCredentials::new(webrtc.clone(), wib.clock().clone(), trunk)))
        })
        .await
}

impl Org {
    /// What the page of whoever acts signs in with, and the number that its calls show: made when first asked for, and the
    /// same until five minutes before its end.
    ///
    /// # Errors
    /// `Unavailable` with the code `WEBRTC_NOT_CONFIGURED` when nobody has a gateway, or there is no trunk to sign in to;
    /// `Conflict` when a test organisation meets a live vendor or the reverse; the vendor's failure.
    pub async fn browser_credential(&self) -> Result<(BrowserCredential, Option<Phone>)> {
        self.at_least(Role::Viewer)?;
        let credentials = credentials(&self.wib).await?;
        let live = self.wib.webrtc().is_some_and(|webrtc| webrtc.live());
        if live != self.organization().live {
            let message = "the organization and the vendor of browsers' calls are not both live";
            return Err(Error::conflict(message).code("LIVE_MISMATCH"));
        }
        let who = match self.actor() {
            Actor::Human(user) => user.to_string(),
            other => other.kind().to_owned(),
        };
        let made = credentials.of(&format!("{}:{who}", self.id())).await.map_err(failed)?;
        Ok((made, self.wib.voice.default_number()))
    }

    /// How calls from browsers stand here.
    ///
    /// # Errors
    /// `Forbidden` below admin.
    pub async fn check_softphone(&self) -> Result<SoftphoneCheck> {
        self.at_least(Role::Admin)?;
        let found = trunks(&self.wib).await;
        let known = found.as_deref().unwrap_or_default();
        let ending = |id: &String| id.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        Ok(SoftphoneCheck {
            wired: self.wib.webrtc().is_some(),
            trunk_ends_with: known.first().map(ending),
            trunks: known.len(),
            has_number: self.wib.voice.default_number().is_some(),
            reachable: found.is_ok(),
        })
    }

    /// Places a call that a member asks for from a browser, when the law permits it now.
    ///
    /// # Errors
    /// As [`start_call`](Org::start_call).
    pub async fn dial_from_browser(&self, to: Phone) -> Result<Call> {
        self.start_call(StartCall { to: Some(to), from_browser: true, ..StartCall::default() }).await
    }
}
