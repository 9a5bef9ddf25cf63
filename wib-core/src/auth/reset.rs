//! Passwords that are set anew by a link in a mail.
//!
//! Whoever asks learns nothing: for an address that nobody has, the same rows are written and the same work is queued; the
//! mail alone is not sent.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{UserId, sign_in::sha256};
use crate::{
    audit::lost,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Id, Result, text, time, time::Timestamp},
    ports::mailer::{Mail, Mailbox},
    wib::{System, Wib},
};

/// How long a link is good.
pub const RESET_LIFE: Duration = Duration::from_secs(3600);
/// The least time between two mails to one address.
const PAUSE_SECONDS: i64 = 300;

/// A way to set a password anew. Only the SHA-256 of its token is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// Its id.
    pub id: Id<PasswordReset>,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// Whose password; nobody's when nobody has the address that was asked for.
    pub user_id: Option<UserId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ends, an hour later.
    pub expires_at: Timestamp,
}

/// A mail of the platform's own, in the queue; nothing for an address that nobody has.
#[derive(Serialize, Deserialize)]
pub(crate) struct Queued {
    pub(crate) mail: Option<Mail>,
    /// Whose password it is about.
    pub(crate) user_id: Option<UserId>,
    /// The way to set it anew: its mail is written when it is sent, so that no link lies in the queue.
    #[serde(default)]
    pub(crate) reset_id: Option<Id<PasswordReset>>,
}

/// The token of a way to set a password anew: drawn from the installation's own key, kept nowhere.
fn token(wib: &Wib, id: Id<PasswordReset>) -> String {
    wib.urls.mac(&format!("wib password reset v1\n{id}"))
}

impl System {
    /// Mails a link to set a password anew, when somebody has that address. The answer is the same when nobody does.
    /// An address is mailed once in five minutes.
    ///
    /// # Errors
    /// `Invalid` for what is no address; as [`sign_up`](Self::sign_up) for the CSRF token.
    pub async fn forgot_password(&self, email: &str, csrf_token: Option<&str>) -> Result<()> {
        let wanted = text::email("email", Some(email.to_owned()))?;
        let email = wanted.ok_or_else(|| Error::field("email", "is not a mail address"))?;
        self.spend_csrf(csrf_token).await?;
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        let user = tx.user_by_email(&email).await?;
        let id = self.wib.id();
        let reset = PasswordReset {
            id,
            token_hash: sha256(&token(&self.wib, id)),
            user_id: user.as_ref().map(|user| user.id),
            created_at: now,
            expires_at: time::after(now, RESET_LIFE),
        };
        tx.put_reset(&reset).await?;
        let payload = serde_json::to_value(Queued { mail: None, user_id: reset.user_id, reset_id: Some(id) })
            .map_err(|e| Error::internal("a mail cannot be written").because(e))?;
        // The key tells no address, and is one for the whole pause.
        let key = format!("reset:{}", sha256(&format!("{email} {}", now.as_second().div_euclid(PAUSE_SECONDS))));
        if !tx.enqueue(None, &NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await? {
            // The link that was mailed just now stays the one.
            return Ok(());
        }
        tx.commit().await?;
        self.wib.wake();
        Ok(())
    }

    /// Sets a password by the token of a mailed link, once, and ends all of the user's sessions.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Invalid` for a token that is unknown, used or over.
    pub async fn reset_password(&self, token: &str, password: &SecretString) -> Result<()> {
        if !(1..=256).contains(&token.chars().count()) {
            return Err(Error::field("token", "must have 1 to 256 characters"));
        }
        let password = password.expose_secret();
        if !(8..=128).contains(&password.chars().count()) {
            return Err(Error::field("password", "must have 8 to 128 characters"));
        }
        let (hash, wrong) = (sha256(token), || Error::invalid("Invalid or expired reset token"));
        // Asked before the slow work: strangers may try.
        self.tx().await?.user_of_reset(&hash, self.wib.now()).await?.ok_or_else(wrong)?;
        let stored = self.hash_password(password.to_owned()).await?;
        let mut tx = self.tx().await?;
        let user = tx.take_reset(&hash, self.wib.now()).await?.ok_or_else(wrong)?;
        tx.set_password_hash(user, &stored).await?;
        tx.end_sessions(user, None).await?;
        tx.commit().await?;
        audit(&self.wib, user, "auth:password_reset_completed").await;
        Ok(())
    }
}

/// A line in the log of every organisation of the user; an account without one leaves none. What it tells is done by then,
/// and stays done when the log cannot be written.
async fn audit(wib: &Wib, user: UserId, action: &str) {
    let memberships = async { wib.store.system().await?.memberships(user).await };
    match memberships.await {
        Ok(memberships) => {
            for member in memberships {
                wib.system().audit_sign_in(member.organization_id, user, action).await;
            }
        }
        Err(error) => lost(action, &error),
    }
}

/// The mail with a link to set a password anew; none for somebody who is gone.
async fn link(wib: &Wib, user: UserId, reset: Id<PasswordReset>) -> Result<Option<Mail>> {
    let Some(user) = wib.store.system().await?.user(user).await? else { return Ok(None) };
    let Ok(to) = user.email.parse::<Mailbox>() else { return Ok(None) };
    let link = wib.app_url(&format!("/reset-password?token={}", token(wib, reset)));
    let words = format!(
        "Somebody asked for another password of your account.\n\nSet one within an hour:\n{link}\n\n\
         If it was not you, do nothing: your password stays as it is.\n"
    );
    Ok(Some(Mail::plain(to, "Set another password", words, "")))
}

/// Sends a mail of the platform's own.
pub(crate) async fn mail(wib: &Wib, message: &Message) -> Result<Done> {
    let queued: Queued =
        serde_json::from_value(message.payload.clone()).map_err(|_| Error::internal("a queued mail cannot be read"))?;
    let mail = match (queued.mail, queued.user_id, queued.reset_id) {
        (None, Some(user), Some(reset)) => link(wib, user, reset).await?,
        (mail, ..) => mail,
    };
    let Some(mail) = mail else { return Ok(Done::Ack) };
    wib.mailer.send(&Mail { key: format!("system:{}", message.key), ..mail }).await?;
    if let Some(user) = queued.user_id {
        audit(wib, user, "auth:password_reset_requested").await;
    }
    Ok(Done::Ack)
}
