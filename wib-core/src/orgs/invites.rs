//! Invitations: by mail, for seven days, once.

use std::time::Duration;

use serde_json::json;

use super::{Member, OrganizationId, members::seat};
use crate::{
    audit::Line,
    auth::{UserId, sha256},
    engine::{NewMessage, Topic},
    kit::{Actor, Error, Id, Kind, OrNotFound, Result, Role, text, time, time::Timestamp},
    ports::mailer::{Mail, Mailbox},
    store::{Record, Repo},
    text_enum,
    wib::{Org, Person, System},
};

/// How long an invitation is open.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most invitations that are open at a time, whatever the plan.
const MOST: i64 = 500;

text_enum! {
    /// What somebody is invited as.
    pub enum InvitedRole {
        /// Reads.
        Viewer = "viewer",
        /// Calls and writes notes.
        Agent = "agent",
        /// Runs a team.
        Manager = "manager",
        /// Reviews evidence and violations.
        Compliance = "compliance",
        /// Runs the organisation.
        Admin = "admin",
    }
}
impl From<InvitedRole> for Role {
    fn from(invited: InvitedRole) -> Self {
        match invited {
            InvitedRole::Viewer => Self::Viewer,
            InvitedRole::Agent => Self::Agent,
            InvitedRole::Manager => Self::Manager,
            InvitedRole::Compliance => Self::Compliance,
            InvitedRole::Admin => Self::Admin,
        }
    }
}

text_enum! {
    /// How an invitation stands.
    pub enum InviteStatus {
        /// It may be accepted.
        Pending = "pending",
        /// It was.
        Accepted = "accepted",
        /// It was taken back.
        Cancelled = "cancelled",
        /// Its time is over.
        Expired = "expired",
    }
}

/// An invitation into an organisation. Only the SHA-256 of its token is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: Id<Invite>,
    /// Whom: a lower-case address.
    pub email: String,
    /// As what.
    pub role: InvitedRole,
    /// SHA-256 of the token, hex.
    pub token_hash: String,
    /// How it stands.
    pub status: InviteStatus,
    /// By whom.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends, 7 days later.
    pub expires_at: Timestamp,
}
impl Record for Invite {
    const NAME: &'static str = "invite";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl Invite {
    fn open(&self, now: Timestamp) -> bool {
        self.status == InviteStatus::Pending && self.expires_at > now
    }
}

/// An invitation that was sent.
#[derive(Debug)]
pub struct NewInvite {
    /// Its row.
    pub row: Invite,
    /// Where it is accepted; told once.
    pub url: String,
}

/// An invitation that may be accepted.
#[derive(Clone, Debug)]
pub struct OpenInvite {
    /// Its row.
    pub row: Invite,
    /// Who invited: address and name.
    pub by: Option<super::Author>,
}

/// What somebody with its link sees of an invitation.
#[derive(Clone, Debug)]
pub struct SeenInvite {
    /// Its row.
    pub row: Invite,
    /// Where to.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
}

/// Somebody who accepted.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The membership.
    pub member: Member,
    /// The organisation's name.
    pub organization_name: String,
    /// Whether it is a new one.
    pub new: bool,
}

fn absent() -> Error {
    Error::not_found("invite")
}

impl Org {
    /// Invites somebody by mail. An address has one open invitation at a time.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` for a member and for somebody invited already; `QuotaExceeded` when the plan
    /// has no seat left, those that are invited counted; `Forbidden` below admin.
    pub async fn invite(&self, email: &str, role: InvitedRole) -> Result<NewInvite> {
        self.at_least(Role::Admin)?;
        let now = self.wib.now();
        let fault = || Error::field("email", "is not a mail address");
        let email = text::email("email", Some(email.to_owned()))?.ok_or_else(fault)?;
        let to: Mailbox = email.parse().map_err(|_| fault())?;
        let known = self.wib.store.system().await?.user_by_email(&email).await?;
        let token = self.wib.random().token();
        let mut tx = self.tx().await?;
        tx.lock_owners().await?;
        if let Some(user) = known
            && tx.member_of_user(user.id).await?.is_some()
        {
            return Err(Error::conflict("somebody with this address is a member already"));
        }
        tx.expire_invites(now).await?;
        let open = tx.open_invites(now, MOST).await?;
        if open.iter().any(|invite| invite.email == email) {
            return Err(Error::conflict("somebody with this address is invited already"));
        }
        let waiting = i64::try_from(open.len()).unwrap_or(MOST);
        if waiting >= MOST {
            return Err(Error::conflict(format!("there are {MOST} open invitations already")));
        }
        seat(self.organization().plan, tx.count_members().await? + waiting)?;
        let row = Invite {
            id: self.wib.id(),
            email,
            role,
            token_hash: sha256(&token),
            status: InviteStatus::Pending,
            invited_by: self.actor().user(),
            created_at: now,
            expires_at: time::after(now, LIFE),
        };
        tx.insert(&row).await.map_err(|e| match e.kind() {
            Kind::Conflict => Error::conflict("somebody with this address is invited already").because(e),
            _ => e,
        })?;
        let url = self.wib.app_url(&format!("/invite/{token}"));
        // No name of the organisation's in the subject: it is theirs to choose, and a header.
        let words = format!(
            "You are invited to join {} as {role}.\n\nAccept within seven days:\n{url}\n",
            self.organization().name
        );
        let mail = Mail::plain(to, "You are invited", words, "");
        let payload =
            serde_json::to_value(&mail).map_err(|e| Error::internal("a mail cannot be written").because(e))?;
        let key = format!("invite:{}", row.id);
        tx.enqueue(&NewMessage { topic: Topic::SendMail, key, payload, run_at: now }).await?;
        let told = json!({ "role": role });
        self.audit("team:member_invited", ("invite", Some(row.id.uuid()))).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(NewInvite { row, url })
    }
    /// Invitations that may be accepted, the newest first.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn invites(&self) -> Result<Vec<OpenInvite>> {
        self.at_least(Role::Viewer)?;
        let rows = self.tx().await?.open_invites(self.wib.now(), MOST).await?;
        let authors = self.authors(rows.iter().filter_map(|row| row.invited_by)).await?;
        let by = |row: &Invite| row.invited_by.and_then(|user| authors.get(&user).cloned());
        Ok(rows.into_iter().map(|row| OpenInvite { by: by(&row), row }).collect())
    }
    /// Takes an invitation back. One that is closed stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below admin.
    pub async fn cancel_invite(&self, id: Id<Invite>) -> Result<()> {
        self.at_least(Role::Admin)?;
        let mut tx = self.tx().await?;
        tx.lock_owners().await?;
        let row = Repo::<Invite>::find(&mut *tx, id).await?.or_not_found("invite")?;
        if row.status != InviteStatus::Pending {
            return Ok(());
        }
        tx.update(&Invite { status: InviteStatus::Cancelled, ..row }).await?;
        self.audit("team:member_removed", ("invite", Some(id.uuid()))).write(&mut *tx).await;
        tx.commit().await
    }
}

impl System {
    /// What a link's token invites to.
    ///
    /// # Errors
    /// `NotFound` for a token that is unknown, used or over.
    pub async fn see_invite(&self, token: &str) -> Result<SeenInvite> {
        if token.is_empty() || token.len() > 256 {
            return Err(absent());
        }
        let mut tx = self.tx().await?;
        let (organization_id, row) = tx.invite_by_hash(&sha256(token)).await?.ok_or_else(absent)?;
        if !row.open(self.wib.now()) {
            return Err(absent());
        }
        let organization_name = tx.organization(organization_id).await?.ok_or_else(absent)?.name;
        Ok(SeenInvite { row, organization_id, organization_name })
    }
}

impl Person {
    /// Joins an organisation by an invitation to one's own address. Whoever is a member stays as they are.
    ///
    /// # Errors
    /// `NotFound` for a token that is unknown, used or over; `Forbidden` with `expected_email` for somebody else's;
    /// `QuotaExceeded` when the plan has no seat left.
    pub async fn accept_invite(&self, token: &str) -> Result<Joined> {
        let seen = self.wib.system().see_invite(token).await?;
        let user = self.user();
        if user.email != seen.row.email {
            return Err(
                Error::forbidden("the invitation is for another address").with("expected_email", seen.row.email)
            );
        }
        let now = self.wib.now();
        let mut tx = self.wib.store.org(seen.organization_id).await?;
        tx.lock_owners().await?;
        // Read again: somebody may have taken it back since.
        let row = Repo::<Invite>::find(&mut *tx, seen.row.id).await?.filter(|row| row.open(now)).ok_or_else(absent)?;
        let known = tx.member_of_user(user.id).await?;
        let new = known.is_none();
        let member = match known {
            Some(member) => member,
            None => {
                seat(tx.organization().await?.plan, tx.count_members().await?)?;
                let role = row.role.into();
                let organization_id = seen.organization_id;
                let member = Member { id: self.wib.id(), organization_id, user_id: user.id, role, created_at: now };
                tx.insert(&member).await?;
                member
            }
        };
        tx.update(&Invite { status: InviteStatus::Accepted, ..row.clone() }).await?;
        let about = ("invite", Some(row.id.uuid()));
        let told = json!({ "role": member.role, "joined": new });
        Line::by(&self.wib, Actor::Human(user.id), "team:invite_accepted", about).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(Joined { member, organization_name: seen.organization_name, new })
    }
}
