use std::time::Duration;

use secrecy::SecretString;

use super::{SESSION_LIFE, Session, sign_in::sha256};
use crate::{
    kit::{Error, Result, time},
    wib::Person,
};

/// How long before its end a session is followed by another.
pub const ROTATION: Duration = Duration::from_secs(24 * 3600);

/// What became of a session that asked to go on.
#[derive(Debug)]
pub struct Refreshed {
    /// The session that is good now.
    pub session: Session,
    /// The token of a new one, told once; none when there is time left.
    pub token: Option<SecretString>,
}

impl Person {
    /// Goes on with the session, in its last day with another in its place: the old token is dead from then on.
    ///
    /// # Errors
    /// `Unauthenticated` when somebody else was first with it; when the database does not answer.
    pub async fn refresh(&self) -> Result<Refreshed> {
        let (old, now) = (&self.signed_in().session, self.wib.now());
        if old.expires_at > time::after(now, ROTATION) {
            return Ok(Refreshed { session: old.clone(), token: None });
        }
        let token = self.wib.random().token();
        let session = Session {
            id: self.wib.id(),
            token_hash: sha256(&token),
            created_at: now,
            expires_at: time::after(now, SESSION_LIFE),
            ..old.clone()
        };
        let mut tx = self.tx().await?;
        if !tx.replace_session(&old.token_hash, &session).await? {
            return Err(Error::unauthenticated("Invalid or expired session"));
        }
        tx.commit().await?;
        if let Some(principal) = self.signed_in().principal {
            let system = self.wib.system();
            system.audit_sign_in(principal.organization_id, self.user().id, "auth:session_refreshed").await;
        }
        Ok(Refreshed { session, token: Some(token.into()) })
    }
}
