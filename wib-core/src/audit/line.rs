use serde::Serialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    AuditEvent, Noted,
    clean::{clean, difference},
};
use crate::{
    engine::{Done, Message},
    kit::{Actor, Error, Result},
    orgs::OrganizationId,
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// A line that is being made. [`write`](Self::write) is the one way into the log.
#[must_use]
pub(crate) struct Line(AuditEvent);

fn value(of: &impl Serialize) -> Json {
    serde_json::to_value(of).unwrap_or_else(|_| json!("[no JSON form]"))
}

impl Line {
    /// A line by somebody about something.
    pub(crate) fn by(wib: &Wib, actor: Actor, action: &str, resource: (&str, Option<Uuid>)) -> Self {
        Self(AuditEvent {
            id: wib.id(),
            user_id: actor.user(),
            actor_type: actor.kind().to_owned(),
            action: action.to_owned(),
            resource_type: resource.0.to_owned(),
            resource_id: resource.1,
            old_value: None,
            new_value: None,
            metadata: json!({}),
            created_at: wib.now(),
            sealed_seq: None,
        })
    }
    /// How it was: for what is no more.
    pub(crate) fn was(mut self, of: &impl Serialize) -> Self {
        self.0.old_value = Some(clean(value(of)));
        self
    }
    /// How it is: for what is new.
    pub(crate) fn is(mut self, of: &impl Serialize) -> Self {
        self.0.new_value = Some(clean(value(of)));
        self
    }
    /// How it was and is: the fields that differ.
    pub(crate) fn changed(mut self, old: &impl Serialize, new: &impl Serialize) -> Self {
        let (old, new) = difference(value(old), value(new));
        self.0.old_value = Some(clean(old));
        self.0.new_value = Some(clean(new));
        self
    }
    /// What else is to be known.
    pub(crate) fn with(mut self, metadata: Json) -> Self {
        self.0.metadata = clean(metadata);
        self
    }
    /// Writes the line with the transaction; a line that is refused never spoils it.
    pub(crate) async fn write(self, tx: &mut dyn OrgTx) {
        let noted = tx.note_audit(&self.0).await;
        metrics::counter!("wib_audit_events_total", "outcome" => noted.as_str()).increment(1);
        if noted == Noted::Lost {
            metrics::counter!("wib_audit_lost_total").increment(1);
            tracing::error!(action = self.0.action, id = %self.0.id, "a line of the audit log was lost");
        }
    }
    /// Writes the line by itself, of what is done by then and stays done when the log cannot be written.
    pub(crate) async fn write_alone(self, wib: &Wib, organization: OrganizationId) {
        let action = self.0.action.clone();
        let written = async {
            let mut tx = wib.store.org(organization).await?;
            self.write(&mut *tx).await;
            tx.commit().await
        };
        if let Err(error) = written.await {
            lost(&action, &error);
        }
    }
}

/// Tells that a line could not be written.
pub(crate) fn lost(action: &str, error: &Error) {
    metrics::counter!("wib_audit_lost_total").increment(1);
    tracing::error!(error = error.chain(), action, "the audit log could not be written");
}

impl Org {
    /// A line for the audit log, by whoever acts.
    pub(crate) fn audit(&self, action: &str, resource: (&str, Option<Uuid>)) -> Line {
        Line::by(&self.wib, self.actor(), action, resource)
    }
    /// The same, with what was and what is, where there is one.
    pub(crate) fn audit_change(
        &self,
        action: &str,
        resource: (&str, Option<Uuid>),
        old: Option<Json>,
        new: Option<Json>,
    ) -> Line {
        let line = self.audit(action, resource);
        match (old, new) {
            (Some(old), Some(new)) => line.changed(&old, &new),
            (Some(old), None) => line.was(&old),
            (None, Some(new)) => line.is(&new),
            (None, None) => line,
        }
    }
}

/// Writes a queued line. It says when it happened, and is dated when it is written: a line that is dated before the
/// last sealed batch was put there behind its back.
pub(crate) async fn write(wib: &Wib, message: &Message) -> Result<Done> {
    let organization =
        message.organization_id.ok_or_else(|| Error::internal("a line of the audit log has no organization"))?;
    let mut event: AuditEvent = message.payload_field("event")?;
    let mut tx = wib.store.org(organization).await?;
    if Repo::<AuditEvent>::find(&mut *tx, event.id).await?.is_some() {
        return Ok(Done::Ack);
    }
    if let Some(metadata) = event.metadata.as_object_mut() {
        metadata.insert("happened_at".to_owned(), json!(event.created_at));
    }
    event.created_at = wib.now();
    tx.insert(&event).await?;
    tx.commit().await?;
    metrics::counter!("wib_audit_events_total", "outcome" => "retried").increment(1);
    Ok(Done::Ack)
}

/// Writes a line that was given up, with its own date; a seal that lies over that date by now would call it put in behind
/// its back, and so it is dated now and says when it happened.
pub(crate) async fn flush(wib: &Wib, letter: &Message) -> Result<()> {
    let organization =
        letter.organization_id.ok_or_else(|| Error::internal("a line of the audit log has no organization"))?;
    let mut event: AuditEvent = letter.payload_field("event")?;
    let mut tx = wib.store.org(organization).await?;
    // Nothing is sealed meanwhile.
    tx.lock_chain_head().await?;
    if Repo::<AuditEvent>::find(&mut *tx, event.id).await?.is_some() {
        return Ok(());
    }
    if tx.sealed_until().await?.is_some_and(|until| event.created_at <= until) {
        if let Some(metadata) = event.metadata.as_object_mut() {
            metadata.insert("happened_at".to_owned(), json!(event.created_at));
        }
        event.created_at = wib.now();
    }
    tx.insert(&event).await?;
    tx.commit().await?;
    metrics::counter!("wib_audit_events_total", "outcome" => "flushed").increment(1);
    Ok(())
}
