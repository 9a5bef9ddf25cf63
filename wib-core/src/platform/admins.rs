//! Making platform administrators. From outside of the HTTP API alone: whoever may start a program with the database's
//! address is the first one.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::note;
use crate::{
    auth::User,
    kit::{Actor, Error, OrNotFound, Result, text},
    wib::System,
};

/// Makes a platform administrator of an account, and the account when there is none.
#[derive(Clone, Debug, Default)]
pub struct MakePlatformAdmin {
    /// Whose; its case is nothing.
    pub email: String,
    /// Shown name of a new account; the address's local part by default.
    pub name: Option<String>,
    /// 8 to 128 characters, for a new account; one that is there keeps its own.
    pub password: Option<SecretString>,
}

impl System {
    /// Makes a platform administrator; whether the account is new. For operators.
    ///
    /// # Errors
    /// `Invalid` naming the field: an address that is none, a name of more than 100 characters, no password or a bad one for
    /// a new account; `Conflict` when somebody signs up with the address meanwhile.
    pub async fn make_platform_admin(&self, command: MakePlatformAdmin) -> Result<(User, bool)> {
        let email = text::email("email", Some(command.email))?.ok_or_else(|| Error::field("email", "required"))?;
        let name = text::optional("name", command.name, 100)?;
        let known = self.tx().await?.user_by_email(&email).await?;
        if let Some(user) = known {
            return Ok((self.mark(user, true).await?, false));
        }
        let password = command.password.ok_or_else(|| Error::field("password", "required for a new account"))?;
        let password = password.expose_secret().to_owned();
        if !(8..=128).contains(&password.chars().count()) {
            return Err(Error::field("password", "must have 8 to 128 characters"));
        }
        let local = email.split('@').next().unwrap_or_default();
        let user = User {
            id: self.wib.id(),
            name: name.unwrap_or_else(|| local.chars().take(100).collect()),
            password_hash: self.hash_password(password).await?,
            email,
            platform_admin: true,
            created_at: self.wib.now(),
        };
        let mut tx = self.tx().await?;
        tx.insert_user(&user).await?;
        tx.commit().await?;
        note(&self.wib, Actor::System, None, "platform:admin_made", ("user", user.id.uuid()), |line| line).await;
        Ok((user, true))
    }
    /// Makes a platform administrator a plain user again, from their next request on. For operators.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn drop_platform_admin(&self, email: &str) -> Result<User> {
        let user = self.tx().await?.user_by_email(&email.trim().to_lowercase()).await?.or_not_found("user")?;
        self.mark(user, false).await
    }
    async fn mark(&self, user: User, admin: bool) -> Result<User> {
        if user.platform_admin == admin {
            return Ok(user);
        }
        let mut tx = self.tx().await?;
        tx.set_platform_admin(user.id, admin).await?;
        let home = tx.memberships(user.id).await?.first().map(|member| member.organization_id);
        tx.commit().await?;
        let action = if admin { "platform:admin_made" } else { "platform:admin_dropped" };
        let (old, new) = (json!({"platform_admin": user.platform_admin}), json!({"platform_admin": admin}));
        note(&self.wib, Actor::System, home, action, ("user", user.id.uuid()), |line| line.changed(&old, &new)).await;
        Ok(User { platform_admin: admin, ..user })
    }
}
