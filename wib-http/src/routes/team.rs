use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Person, Wib,
    auth::{User, UserId},
    kit::{Error, Id, Kind, Result, Role},
    limits::Limit,
    orgs::{Colleague, GrantedRole, Invite, InviteStatus, InvitedRole, Member, NewInvite, OpenInvite, OrganizationId},
};

use crate::{
    input::{ById, Nothing},
    reply,
    routes::AllDone,
    table::{Asked, Routes, Wire, person, public, role, session},
};

/// A member.
#[derive(Serialize, JsonSchema)]
struct MemberLine {
    id: Id<Member>,
    role: Role,
    created_at: String,
    user_id: UserId,
    email: String,
    name: String,
}
impl From<Colleague> for MemberLine {
    fn from(colleague: Colleague) -> Self {
        let Colleague { member, author } = colleague;
        Self {
            id: member.id,
            role: member.role,
            created_at: member.created_at.to_string(),
            user_id: member.user_id,
            email: author.email,
            name: author.name,
        }
    }
}

/// The members.
#[derive(Serialize, JsonSchema)]
struct MemberLines {
    members: Vec<MemberLine>,
    total: i64,
}

/// Nobody is a member without wanting it: this refuses, and says what to do instead.
#[derive(Deserialize, JsonSchema)]
struct AddMember {
    /// At most 254 characters.
    #[schemars(length(max = 254))]
    email: String,
    #[serde(rename = "role")]
    _role: Option<GrantedRole>,
}

/// Invites somebody by mail.
#[derive(Deserialize, JsonSchema)]
struct MakeInvite {
    /// At most 254 characters.
    #[schemars(email, length(max = 254))]
    email: String,
    /// `viewer` by default.
    role: Option<InvitedRole>,
}

/// An invitation that was sent.
#[derive(Serialize, JsonSchema)]
struct SentInvite {
    email: String,
    role: InvitedRole,
    expires_at: String,
    /// Told once.
    invite_url: String,
    organization_name: String,
}

/// An invitation that may be accepted.
#[derive(Serialize, JsonSchema)]
struct InviteLine {
    id: Id<Invite>,
    email: String,
    role: InvitedRole,
    status: InviteStatus,
    created_at: String,
    expires_at: String,
    invited_by_name: Option<String>,
    invited_by_email: Option<String>,
}
impl From<OpenInvite> for InviteLine {
    fn from(open: OpenInvite) -> Self {
        let (row, by) = (open.row, open.by);
        let (invited_by_name, invited_by_email) = by.map(|who| (who.name, who.email)).unzip();
        Self {
            id: row.id,
            email: row.email,
            role: row.role,
            status: row.status,
            created_at: row.created_at.to_string(),
            expires_at: row.expires_at.to_string(),
            invited_by_name,
            invited_by_email,
        }
    }
}

/// The token of a link.
#[derive(Deserialize, JsonSchema)]
struct ByToken {
    token: String,
}

/// An invitation that is open.
#[derive(Serialize, JsonSchema)]
struct GoodInvite {
    valid: bool,
    invite: InviteSeen,
}

/// What a link invites to.
#[derive(Serialize, JsonSchema)]
struct InviteSeen {
    email: String,
    role: InvitedRole,
    organization_id: OrganizationId,
    organization_name: String,
    expires_at: String,
}

/// An invitation that is unknown, used or over.
#[derive(Serialize, JsonSchema)]
struct NoInvite {
    valid: bool,
    error: &'static str,
    code: &'static str,
}

/// Somebody who joined, or was a member already.
#[derive(Serialize, JsonSchema)]
struct JoinedView {
    organization_id: OrganizationId,
    organization_name: String,
    role: Role,
    /// For whoever was a member already.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

async fn seen(asked: &Asked<Wib>) -> Result<Response> {
    let ByToken { token } = asked.input().await?;
    match asked.core().system().see_invite(&token).await {
        Ok(seen) => {
            let invite = InviteSeen {
                email: seen.row.email,
                role: seen.row.role,
                organization_id: seen.organization_id,
                organization_name: seen.organization_name,
                expires_at: seen.row.expires_at.to_string(),
            };
            reply::view(&GoodInvite { valid: true, invite })
        }
        Err(error) if error.kind() == Kind::NotFound => {
            reply::view_as(404, &NoInvite { valid: false, error: "Invalid or expired invite", code: "NOT_FOUND" })
        }
        Err(error) => Err(error),
    }
}

pub(super) fn routes() -> Routes<Wib> {
    let admin = || role(Role::Admin).limit(Limit::Team);
    Routes::<Wib>::at("team", "/api/team")
        .get("/members", person(), |person: Person, _: Nothing| async move {
            if person.signed_in().principal.is_none() {
                return Ok(MemberLines { members: vec![], total: 0 });
            }
            let (members, total) = person.org().await?.members().await?;
            Ok(MemberLines { members: members.into_iter().map(MemberLine::from).collect(), total })
        })
        .about("Lists the members.")
        .flat()
        .post("/members", person().limit(Limit::Team), |_: Person, form: AddMember| async move {
            if form.email.chars().count() > 254 || !form.email.contains('@') {
                return Err(Error::field("email", "is not a mail address"));
            }
            Err::<(), _>(Error::invalid("members join by invitation").with("action", "POST /api/team/invites"))
        })
        .refusal()
        .delete("/members/{id}", admin(), |org: Org, of: ById<User>| async move {
            org.remove_member(of.id).await.map(|()| AllDone {})
        })
        .about("Takes a member, by their user's id, out of the organisation.")
        .flat()
        .get("/invites", session(), |org: Org, _: Nothing| async move {
            org.invites().await.map(|all| all.into_iter().map(InviteLine::from).collect::<Vec<_>>())
        })
        .about("Lists the invitations that may be accepted.")
        .list("invites")
        .post("/invites", admin(), |org: Org, form: MakeInvite| async move {
            let NewInvite { row, url } = org.invite(&form.email, form.role.unwrap_or(InvitedRole::Viewer)).await?;
            Ok(SentInvite {
                email: row.email,
                role: row.role,
                expires_at: row.expires_at.to_string(),
                invite_url: url,
                organization_name: org.organization().name.clone(),
            })
        })
        .refuses(&[402, 409])
        .item("invite")
        .raw(
            Method::GET,
            "/invites/validate/{token}",
            public().limit(Limit::Login),
            Wire::json::<GoodInvite>().takes::<ByToken>().or::<NoInvite>(404).refuses(&[503]),
            |asked| async move { seen(&asked).await },
        )
        .post("/invites/accept/{token}", person().limit(Limit::Team), |person: Person, of: ByToken| async move {
            let joined = person.accept_invite(&of.token).await?;
            Ok(JoinedView {
                organization_id: joined.member.organization_id,
                organization_name: joined.organization_name,
                role: joined.member.role,
                message: (!joined.new).then_some("Already a member"),
            })
        })
        .about("Joins an organisation by an invitation.")
        .refuses(&[402])
        .flat()
        .delete("/invites/{id}", admin(), |org: Org, of: ById<Invite>| async move {
            org.cancel_invite(of.id).await.map(|()| AllDone {})
        })
        .about("Takes an invitation back.")
        .flat()
}
