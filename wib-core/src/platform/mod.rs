//! What belongs to no organisation: who runs the installation, and what it amounts to.
//!
//! A platform administrator is a user with a mark. What they do is told in the log of the organisation that they act from,
//! when they have one, and in the process's own log in any case.

mod admins;
mod totals;

use uuid::Uuid;

pub use admins::MakePlatformAdmin;
pub use totals::Totals;

use crate::{
    audit::Line,
    kit::{Actor, Result},
    orgs::OrganizationId,
    store::SystemTx,
    wib::{Platform, Wib},
};

impl Platform {
    pub(crate) fn wib(&self) -> &Wib {
        &self.person().wib
    }
    pub(crate) async fn tx(&self) -> Result<Box<dyn SystemTx>> {
        self.wib().store.system().await
    }
    /// The organisation that the administrator acts from.
    pub(crate) fn home(&self) -> Option<OrganizationId> {
        self.person().signed_in().principal.map(|principal| principal.organization_id)
    }
    /// Tells what was done.
    pub(crate) async fn note(&self, action: &str, about: (&str, Uuid), more: impl FnOnce(Line) -> Line) {
        note(self.wib(), Actor::Human(self.person().user().id), self.home(), action, about, more).await;
    }
}

/// Tells what was done to the platform: in the process's log, and in an organisation's when there is one. It is done by
/// then, and stays done when the log cannot be written.
async fn note(
    wib: &Wib,
    actor: Actor,
    home: Option<OrganizationId>,
    action: &str,
    (kind, id): (&str, Uuid),
    more: impl FnOnce(Line) -> Line,
) {
    let by = actor.user().map(|user| user.to_string());
    tracing::info!(action, kind, %id, by, "platform work");
    let Some(home) = home else { return };
    more(Line::by(wib, actor, action, (kind, Some(id)))).write_alone(wib, home).await;
}
