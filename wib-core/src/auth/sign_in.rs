use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Session, User, UserId, password};
use crate::{
    audit::Line,
    kit::{Actor, Error, FieldFault, Kind, Principal, Result, Role, time},
    orgs::Member,
    wib::System,
};

const CSRF: &str = "csrf";
/// How long a CSRF token is good.
pub const CSRF_LIFE: Duration = Duration::from_secs(600);
/// How long a session lasts.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A new account, optionally with an organisation of its own.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignUp {
    /// Address; kept in lower case.
    pub email: String,
    /// 8 to 128 characters.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub password: SecretString,
    /// Shown name; the address's local part by default.
    pub name: Option<String>,
    /// Makes an organisation that the account owns.
    #[serde(rename = "organizationName")]
    pub organization_name: Option<String>,
    /// From [`System::csrf_token`].
    #[serde(alias = "csrfToken")]
    pub csrf_token: Option<String>,
}

/// Signing in.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// Address.
    pub email: String,
    /// Password.
    pub password: SecretString,
    /// From [`System::csrf_token`].
    pub csrf_token: Option<String>,
    /// What the client looks like; a later request that looks otherwise is not signed in.
    pub fingerprint: Option<String>,
}

/// A fresh session. The token is told once.
#[derive(Debug)]
pub struct LoggedIn {
    /// For `Authorization: Bearer` or the cookie.
    pub token: SecretString,
    /// The session.
    pub session: Session,
    /// Who.
    pub user: User,
    /// The chosen organisation, if there is any.
    pub membership: Option<Member>,
}

/// Somebody with a valid session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The right to act for the chosen organisation; `None` without a membership.
    pub principal: Option<Principal>,
}

pub(crate) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// The membership with the highest rank, then the oldest, then the smallest id; the wanted one when it still exists.
fn choose(mut memberships: Vec<Member>, wanted: Option<crate::orgs::OrganizationId>) -> Option<Member> {
    if let Some(at) = memberships.iter().position(|m| Some(m.organization_id) == wanted) {
        return Some(memberships.swap_remove(at));
    }
    memberships.into_iter().min_by_key(|m| (std::cmp::Reverse(m.role.rank()), m.created_at, m.id))
}

impl System {
    /// A one-time token that sign-up and sign-in must bring along, good for ten minutes.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn csrf_token(&self) -> Result<String> {
        let token = self.wib.id::<Session>().to_string();
        let mut tx = self.tx().await?;
        tx.put_token(CSRF, &sha256(&token), time::after(self.wib.now(), CSRF_LIFE)).await?;
        tx.commit().await?;
        Ok(token)
    }

    pub(super) async fn spend_csrf(&self, token: Option<&str>) -> Result<()> {
        let token = token.ok_or_else(|| Error::unauthenticated("CSRF token required"))?;
        let mut tx = self.tx().await?;
        let fresh = tx.take_token(CSRF, &sha256(token), self.wib.now()).await?;
        tx.commit().await?;
        if fresh { Ok(()) } else { Err(Error::forbidden("Invalid or expired CSRF token")) }
    }

    /// Makes an account, and an organisation that it owns when one is named.
    ///
    /// # Errors
    /// `Invalid` naming every wrong field; `Unauthenticated` or `Forbidden` for the CSRF token; `Conflict` when the
    /// address is taken.
    pub async fn sign_up(&self, command: SignUp) -> Result<User> {
        let email = command.email.trim().to_lowercase();
        let password = command.password.expose_secret().to_owned();
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: &str| {
            faults.push(FieldFault { field: field.to_owned(), message: message.to_owned() });
        };
        if !is_email(&email) {
            fault("email", "not a mail address of at most 254 characters");
        }
        if !(8..=128).contains(&password.chars().count()) {
            fault("password", "must have 8 to 128 characters");
        }
        if command.name.as_ref().is_some_and(|n| n.chars().count() > 100) {
            fault("name", "must have at most 100 characters");
        }
        if command.organization_name.as_ref().is_some_and(|n| n.trim().is_empty() || n.chars().count() > 200) {
            fault("organizationName", "must have 1 to 200 characters");
        }
        if !faults.is_empty() {
            return Err(Error::fields_invalid(faults));
        }
        self.spend_csrf(command.csrf_token.as_deref()).await?;
        let local = email.split('@').next().unwrap_or_default();
        let name = command.name.filter(|n| !n.trim().is_empty()).unwrap_or_else(|| local.to_owned());
        let user = User {
            id: self.wib.id(),
            password_hash: self.hash_password(password).await?,
            email,
            name,
            platform_admin: false,
            created_at: self.wib.now(),
        };
        let mut tx = self.tx().await?;
        tx.insert_user(&user).await.map_err(|e| match e.kind() {
            Kind::Conflict => Error::conflict("User already exists").because(e),
            _ => e,
        })?;
        let mut audited = None;
        if let Some(name) = command.organization_name {
            let organization = self.new_organization(&name)?;
            tx.insert_organization(&organization).await?;
            let member = Member {
                id: self.wib.id(),
                organization_id: organization.id,
                user_id: user.id,
                role: Role::Owner,
                created_at: self.wib.now(),
            };
            tx.insert_member(&member).await?;
            audited = Some(organization.id);
        }
        tx.commit().await?;
        if let Some(organization) = audited {
            self.audit_sign_in(organization, user.id, "auth:signup").await;
        }
        Ok(user)
    }

    /// Signs in. Unknown address and wrong password are the same answer, in the same time.
    ///
    /// # Errors
    /// `Unauthenticated` for wrong credentials; as [`sign_up`](Self::sign_up) for the CSRF token.
    pub async fn log_in(&self, command: LogIn) -> Result<LoggedIn> {
        self.spend_csrf(command.csrf_token.as_deref()).await?;
        let email = command.email.trim().to_lowercase();
        let user = self.tx().await?.user_by_email(&email).await?;
        let nobodys = || password::nobodys(self.wib.settings.password_cost);
        let stored = user.as_ref().map_or_else(nobodys, |user| user.password_hash.clone());
        let password = command.password.expose_secret().to_owned();
        let given = password.clone();
        let verified = {
            let _seat = self.wib.hashing.acquire().await;
            time::offload(&**self.wib.clock(), move || password::verify(&given, &stored)).await
        };
        let Some(user) = user.filter(|_| verified.fits) else {
            return Err(Error::unauthenticated("Invalid credentials"));
        };
        let rehashed = if verified.outdated { Some(self.hash_password(password).await?) } else { None };
        let token = self.wib.random().token();
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        if let Some(hash) = rehashed {
            tx.set_password_hash(user.id, &hash).await?;
        }
        let membership = choose(tx.memberships(user.id).await?, None);
        let session = Session {
            id: self.wib.id(),
            token_hash: sha256(&token),
            user_id: user.id,
            organization_id: membership.as_ref().map(|m| m.organization_id),
            fingerprint: command.fingerprint,
            created_at: now,
            expires_at: time::after(now, SESSION_LIFE),
        };
        tx.insert_session(&session).await?;
        tx.commit().await?;
        if let Some(member) = &membership {
            self.audit_sign_in(member.organization_id, user.id, "auth:login").await;
        }
        Ok(LoggedIn { token: token.into(), session, user, membership })
    }

    /// Who holds this token, if it is good and the client still looks the same.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authenticate(&self, token: &str, fingerprint: &str) -> Result<Option<SignedIn>> {
        if token.is_empty() || token.len() > 256 {
            return Ok(None);
        }
        let mut tx = self.tx().await?;
        let Some(session) = tx.session_by_hash(&sha256(token)).await? else { return Ok(None) };
        let other_client = session.fingerprint.as_deref().is_some_and(|known| known != fingerprint);
        if session.expires_at <= self.wib.now() || other_client {
            return Ok(None);
        }
        let Some(user) = tx.user(session.user_id).await? else { return Ok(None) };
        let principal = choose(tx.memberships(user.id).await?, session.organization_id).map(|m| Principal {
            organization_id: m.organization_id,
            actor: Actor::Human(user.id),
            role: m.role,
        });
        Ok(Some(SignedIn { user, session, principal }))
    }

    /// Ends a session. An unknown token is no error.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_out(&self, token: &str) -> Result<()> {
        let mut tx = self.tx().await?;
        let known = tx.session_by_hash(&sha256(token)).await?;
        tx.delete_session(&sha256(token)).await?;
        tx.commit().await?;
        if let Some(Session { organization_id: Some(organization), user_id, .. }) = known {
            self.audit_sign_in(organization, user_id, "auth:logout").await;
        }
        Ok(())
    }

    pub(crate) async fn hash_password(&self, password: String) -> Result<String> {
        let mut salt = [0u8; 16];
        self.wib.random().fill(&mut salt);
        let cost = self.wib.settings.password_cost;
        let _seat = self.wib.hashing.acquire().await;
        time::offload(&**self.wib.clock(), move || password::hash(&password, &salt, cost)).await
    }

    /// Signing in and out goes on when the audit log cannot be written; the failure is logged and counted.
    pub(crate) async fn audit_sign_in(&self, organization: crate::orgs::OrganizationId, user: UserId, action: &str) {
        let line = Line::by(&self.wib, Actor::Human(user), action, ("user", Some(user.uuid())));
        line.write_alone(&self.wib, organization).await;
    }
}

/// A loose test: one `@` with something on both sides, a dot in the domain, nothing odd. Only a delivered mail proves one.
fn is_email(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    text.len() <= 254
        && !text.contains(odd)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.contains('@')
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        })
}
