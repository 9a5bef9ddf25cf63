//! A person's organisations.

use serde_json::json;

use super::{Member, Organization, OrganizationId};
use crate::{
    audit::Line,
    auth::UserId,
    billing::SubscriptionState,
    kit::{Actor, Error, Kind, OrNotFound, Result, Role, text},
    store::OrgTx,
    wib::{Org, Person},
};

/// An organisation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrganization {
    /// Its row.
    pub organization: Organization,
    /// How its subscription stands; active where nobody bills it.
    pub plan_status: SubscriptionState,
    /// How many members it has.
    pub members: i64,
}

/// An organisation, and what somebody is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The organisation.
    pub own: OwnOrganization,
    /// The membership.
    pub member: Member,
}

async fn standing(tx: &mut dyn OrgTx, organization: Organization) -> Result<OwnOrganization> {
    let account = tx.billing_account().await?;
    let plan_status = account.and_then(|a| a.subscription_status).unwrap_or(SubscriptionState::Active);
    Ok(OwnOrganization { organization, plan_status, members: tx.count_members().await? })
}

impl Org {
    /// How the organisation stands.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn standing(&self) -> Result<OwnOrganization> {
        self.at_least(Role::Viewer)?;
        standing(&mut *self.tx().await?, self.organization().clone()).await
    }
    /// The same by its id.
    ///
    /// # Errors
    /// `NotFound` for any other organisation; `Forbidden` below admin.
    pub async fn standing_of(&self, id: OrganizationId) -> Result<OwnOrganization> {
        self.at_least(Role::Admin)?;
        if id != self.id() {
            return Err(Error::not_found("organization"));
        }
        self.standing().await
    }
}

impl Person {
    /// Makes an organisation, whose owner the person is; for whoever is in none.
    ///
    /// # Errors
    /// `Invalid` naming the field, and for whoever is in one.
    pub async fn create_organization(&self, name: &str) -> Result<Place> {
        let name = text::required("name", name, 200)?;
        let system = self.wib.system();
        let organization = system.new_organization(&name)?;
        let member = Member {
            id: self.wib.id(),
            organization_id: organization.id,
            user_id: self.user().id,
            role: Role::Owner,
            created_at: self.wib.now(),
        };
        let mut tx = self.tx().await?;
        // Two at once make one.
        tx.lock_user(self.user().id).await?;
        if !tx.memberships(self.user().id).await?.is_empty() {
            return Err(Error::new(Kind::Invalid, "ALREADY_MEMBER", "already in an organisation"));
        }
        tx.insert_organization(&organization).await?;
        tx.insert_member(&member).await?;
        tx.choose_organization(self.signed_in().session.id, organization.id).await?;
        tx.commit().await?;
        self.note(organization.id, "org:created").await;
        let own = OwnOrganization { organization, plan_status: SubscriptionState::Active, members: 1 };
        Ok(Place { own, member })
    }
    /// The organisations that the person is in, the oldest membership first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organizations(&self) -> Result<Vec<Place>> {
        let memberships = self.tx().await?.memberships(self.user().id).await?;
        let mut places = vec![];
        for member in memberships {
            places.extend(self.place(member).await?);
        }
        Ok(places)
    }
    /// The person's place in one of their organisations; none when they are not in it.
    async fn place_in(&self, id: OrganizationId) -> Result<Option<Place>> {
        let memberships = self.tx().await?.memberships(self.user().id).await?;
        match memberships.into_iter().find(|member| member.organization_id == id) {
            Some(member) => self.place(member).await,
            None => Ok(None),
        }
    }
    async fn place(&self, member: Member) -> Result<Option<Place>> {
        // A transaction at a time: its end comes before the next one's beginning.
        let organization = self.tx().await?.organization(member.organization_id).await?;
        let Some(organization) = organization else { return Ok(None) };
        let mut tx = self.wib.store.org(organization.id).await?;
        Ok(Some(Place { own: standing(&mut *tx, organization).await?, member }))
    }
    /// The organisation that the session acts for, if there is any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn active_organization(&self) -> Result<Option<Place>> {
        let Some(principal) = self.signed_in().principal else { return Ok(None) };
        self.place_in(principal.organization_id).await
    }
    /// The same, for whoever asks by their own id.
    ///
    /// # Errors
    /// `Forbidden` for somebody else of the organisation; `NotFound` for anybody else, and without an organisation.
    pub async fn organization_of(&self, user: UserId) -> Result<Place> {
        if user != self.user().id {
            let Some(principal) = self.signed_in().principal else { return Err(Error::not_found("user")) };
            let theirs = self.tx().await?.memberships(user).await?;
            let colleague = theirs.iter().any(|member| member.organization_id == principal.organization_id);
            return Err(if colleague { Error::forbidden("only one's own") } else { Error::not_found("user") });
        }
        self.active_organization().await?.or_not_found("organization")
    }
    /// Has the session act for another of the person's organisations from now on.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no member of it.
    pub async fn switch_organization(&self, id: OrganizationId) -> Result<Place> {
        let place = self.place_in(id).await?.ok_or_else(|| Error::forbidden("not a member of this organization"))?;
        let mut tx = self.tx().await?;
        if !tx.choose_organization(self.signed_in().session.id, id).await? {
            return Err(Error::unauthenticated("Invalid or expired session"));
        }
        tx.commit().await?;
        self.note(id, "team:org_switched").await;
        Ok(place)
    }
    async fn note(&self, organization: OrganizationId, action: &str) {
        let about = ("organization", Some(organization.uuid()));
        let line = Line::by(&self.wib, Actor::Human(self.user().id), action, about);
        line.with(json!({ "session": self.signed_in().session.id })).write_alone(&self.wib, organization).await;
    }
}
