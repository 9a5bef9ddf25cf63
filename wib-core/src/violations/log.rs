use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{Violation, ViolationCode, ViolationId, ViolationKind, ViolationStatus};
use crate::{
    calls::{Call, CallId},
    kit::{Error, List, OrNotFound, Result, Role, Stretch, text},
    store::Repo,
    wib::Org,
};

/// Logs a violation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogViolation {
    /// In which call.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// Which rule.
    pub restriction_code: ViolationCode,
    /// What became of it when it happened.
    pub violation_type: ViolationKind,
    /// What was going on, at most 16 KiB.
    #[serde(default)]
    pub context: Option<Map<String, Json>>,
}

/// Says what was found about a violation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveViolation {
    /// Which.
    pub id: ViolationId,
    /// How it stands; `open` takes a resolution back.
    pub resolution_status: ViolationStatus,
    /// What was found, at most 5000 characters; unchanged when absent.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 5000)))]
    pub resolution_notes: Option<String>,
}

/// Lists violations, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListViolations {
    /// Those that stand so.
    pub status: Option<ViolationStatus>,
    /// At most 100; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

/// The most bytes of a context.
const CONTEXT: usize = 16 << 10;

impl Org {
    /// Logs a violation; it stands open.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` for the call; `Forbidden` below agent.
    pub async fn log_violation(&self, command: LogViolation) -> Result<Violation> {
        self.at_least(Role::Agent)?;
        let context = Json::Object(command.context.unwrap_or_default());
        if context.to_string().len() > CONTEXT {
            return Err(Error::field("context", format!("must have at most {CONTEXT} bytes")));
        }
        let mut tx = self.tx().await?;
        if let Some(id) = command.call_id {
            Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        }
        let violation = Violation {
            id: self.wib.id(),
            call_id: command.call_id,
            user_id: self.actor().user(),
            code: command.restriction_code,
            kind: command.violation_type,
            context,
            status: ViolationStatus::Open,
            notes: None,
            resolved_by: None,
            resolved_at: None,
            created_at: self.wib.now(),
        };
        tx.insert(&violation).await?;
        self.audit("compliance:violation_logged", ("violation", Some(violation.id.uuid())))
            .is(&json!({"code": violation.code, "kind": violation.kind, "call_id": violation.call_id}))
            .write(&mut *tx)
            .await;
        tx.commit().await?;
        metrics::counter!("wib_violations_total", "code" => violation.code.as_str()).increment(1);
        Ok(violation)
    }

    /// Says what was found about a violation: who and when is kept.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Forbidden` below compliance.
    pub async fn resolve_violation(&self, command: ResolveViolation) -> Result<Violation> {
        self.at_least(Role::Compliance)?;
        let notes = text::optional("resolution_notes", command.resolution_notes, 5000)?;
        let mut tx = self.tx().await?;
        let mut violation = tx.lock_violation(command.id).await?.or_not_found("violation")?;
        let old = json!({"status": violation.status});
        violation.status = command.resolution_status;
        violation.notes = notes.or(violation.notes);
        (violation.resolved_by, violation.resolved_at) = match violation.status {
            ViolationStatus::Open => (None, None),
            _ => (self.actor().user(), Some(self.wib.now())),
        };
        tx.update(&violation).await?;
        self.audit("compliance:violation_resolved", ("violation", Some(violation.id.uuid())))
            .changed(&old, &json!({"status": violation.status}))
            .write(&mut *tx)
            .await;
        tx.commit().await?;
        Ok(violation)
    }

    /// A violation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn violation(&self, id: ViolationId) -> Result<Violation> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.find(id).await?.or_not_found("violation")
    }

    /// Violations, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_violations(&self, query: ListViolations) -> Result<List<Violation>> {
        self.at_least(Role::Viewer)?;
        let stretch = Stretch::new(query.limit, query.offset, 50, 100);
        self.tx().await?.list_violations(query.status, stretch).await
    }
}
