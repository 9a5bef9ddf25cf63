//! The conformance suite of [`Webrtc`]: a function per promise.
//!
//! ```text
//! async fn make() -> Subject { .. }
//! wib_core::webrtc_suite!(make);      // one named test per case
//! ```

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::{
    calls::BrowserCredentials,
    kit::{Clock, VirtualClock, time::after},
    ports::{
        Fault, Webrtc,
        pages::whole,
        webrtc::{Credential, CredentialFilter, NewCredential},
    },
};

/// A gateway without a credential, its clock, and a trunk of credentials.
#[derive(Debug)]
pub struct Subject {
    /// The adapter.
    pub webrtc: Arc<dyn Webrtc>,
    /// The clock that its vendor runs on.
    pub clock: Arc<VirtualClock>,
    /// A trunk whose users credentials are for.
    pub trunk_id: String,
}
impl Subject {
    async fn credential(&self, minutes: Option<u64>) -> Credential {
        let expires_at = minutes.map(|minutes| after(self.clock.now(), Duration::from_secs(minutes * 60)));
        let order = NewCredential { trunk_id: self.trunk_id.clone(), name: "suite".to_owned(), expires_at };
        self.webrtc.create_credential(&order).await.expect("a credential")
    }
}

/// Makes one test per case. `make` is an `async fn() -> Subject`.
#[macro_export]
macro_rules! webrtc_suite {
    ($make:path) => {
        $crate::suite_cases! { webrtc_suite, $make:
            a_credential_is_made_found_and_deleted
            a_token_says_itself_when_it_ends
            an_expired_credential_gives_no_token
            pages_of_credentials_join_to_the_whole
            a_session_keeps_its_credential_for_55_minutes
            a_session_that_ended_has_no_credential
            secrets_are_never_shown
        }
    };
}

/// It has a name on the network, is found by its id, and is gone once it was deleted; deleting it twice is a success.
pub async fn a_credential_is_made_found_and_deleted(subject: Subject) {
    let made = subject.credential(None).await;
    assert!(!made.id.is_empty() && !made.sip_username.is_empty() && !made.expired);
    assert_eq!(made.trunk_id.as_ref(), Some(&subject.trunk_id));
    let found = subject.webrtc.credential(&made.id).await.expect("an answer").expect("the credential");
    assert_eq!((&found.id, &found.sip_username, &found.name), (&made.id, &made.sip_username, &"suite".to_owned()));
    for _ in 0..2 {
        subject.webrtc.delete_credential(&made.id).await.expect("deleted");
    }
    assert!(subject.webrtc.credential(&made.id).await.expect("an answer").is_none());
    assert_eq!(subject.webrtc.token(&made.id).await.expect_err("no token").fault, Fault::Missing);
}

/// It has the three parts of a JWT, the second says when it ends, and that is not after its credential does.
pub async fn a_token_says_itself_when_it_ends(subject: Subject) {
    let made = subject.credential(Some(60)).await;
    let token = subject.webrtc.token(&made.id).await.expect("a token");
    let parts: Vec<_> = token.token.expose_secret().split('.').map(|p| BASE64_URL_SAFE_NO_PAD.decode(p)).collect();
    let [Ok(_), Ok(claims), Ok(_)] = &parts[..] else { panic!("three parts in base64") };
    let claims: Value = serde_json::from_slice(claims).expect("claims");
    assert_eq!(claims["exp"].as_i64(), Some(token.expires_at.as_second()));
    assert!(subject.clock.now() < token.expires_at && token.expires_at <= after(subject.clock.now(), HOUR));
}

/// It says that it has expired, too.
pub async fn an_expired_credential_gives_no_token(subject: Subject) {
    let made = subject.credential(Some(60)).await;
    subject.clock.advance(HOUR);
    let found = subject.webrtc.credential(&made.id).await.expect("an answer");
    assert!(found.is_none_or(|one| one.expired));
    assert!(subject.webrtc.token(&made.id).await.is_err());
}

/// Each once, by trunk too; a list that is longer than it may be is an error.
pub async fn pages_of_credentials_join_to_the_whole(subject: Subject) {
    let mut made = Vec::new();
    for _ in 0..257 {
        made.push(subject.credential(None).await.id);
    }
    let of = |trunk: &str| CredentialFilter { trunk_id: Some(trunk.to_owned()), name: None };
    let (ours, others) = (of(&subject.trunk_id), of("9"));
    let read = async |filter: &CredentialFilter, most| {
        whole("suite", most, |place| subject.webrtc.credentials(filter, place)).await
    };
    let listed = read(&ours, 300).await.expect("the list");
    let mut listed: Vec<_> = listed.into_iter().map(|one| one.id).collect();
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
    assert!(read(&others, 300).await.expect("the list").is_empty());
    assert_eq!(read(&ours, 256).await.expect_err("too long").fault, Fault::Nonsense);
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn browsers(subject: &Subject) -> BrowserCredentials {
    BrowserCredentials::new(subject.webrtc.clone(), subject.clock.clone(), &*subject.trunk_id)
}

/// For 54 minutes it is the same, after 55 it is another, and each is good for five minutes more when it is given.
pub async fn a_session_keeps_its_credential_for_55_minutes(subject: Subject) {
    let browsers = browsers(&subject);
    let (first, again) = tokio::join!(browsers.of("ann"), browsers.of("ann"));
    let first = first.expect("a credential");
    assert_eq!(first.credential_id, again.expect("a credential").credential_id);
    assert_ne!(browsers.of("bob").await.expect("a credential").credential_id, first.credential_id);
    subject.clock.advance(MINUTE * 54);
    let kept = browsers.of("ann").await.expect("a credential");
    assert_eq!((&kept.credential_id, kept.token.expose_secret()), (&first.credential_id, first.token.expose_secret()));
    subject.clock.advance(MINUTE);
    let renewed = browsers.of("ann").await.expect("a credential");
    assert_ne!(renewed.credential_id, first.credential_id);
    assert!(renewed.expires_at > after(subject.clock.now(), MINUTE * 55));
    let before = subject.webrtc.credential(&first.credential_id).await.expect("an answer");
    assert!(before.is_some_and(|one| !one.expired), "a call may still go by it");
}

/// It is deleted at the vendor; who comes back gets another.
pub async fn a_session_that_ended_has_no_credential(subject: Subject) {
    let browsers = browsers(&subject);
    let first = browsers.of("ann").await.expect("a credential");
    for _ in 0..2 {
        browsers.end("ann").await.expect("ended");
    }
    assert!(subject.webrtc.credential(&first.credential_id).await.expect("an answer").is_none());
    assert_ne!(browsers.of("ann").await.expect("a credential").credential_id, first.credential_id);
}

/// Neither password nor token is in what `Debug` writes.
pub async fn secrets_are_never_shown(subject: Subject) {
    let made = subject.credential(Some(60)).await;
    let token = subject.webrtc.token(&made.id).await.expect("a token");
    let browsers = browsers(&subject);
    let given = browsers.of("ann").await.expect("a credential");
    let shown = format!("{made:?} {token:?} {given:?} {browsers:?} {:?}", subject.webrtc);
    let password = made.sip_password.as_ref().map(ExposeSecret::expose_secret);
    let secrets = [Some(token.token.expose_secret()), Some(given.token.expose_secret()), password];
    for secret in secrets.into_iter().flatten() {
        assert!(secret.len() > 4 && !shown.contains(secret), "a secret is shown");
    }
}
