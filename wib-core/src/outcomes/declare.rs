//! Outcomes, and their revisions.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{call_of, held_call};
use crate::{
    auth::UserId,
    calls::CallId,
    json_column,
    kit::{Error, FieldFault, Id, Kind, Result, Role, time::Timestamp},
    store::Record,
    subscriptions::{self, WebhookEvent},
    text_enum,
    wib::Org,
};

/// Longest item of a list, in characters.
const ITEM: usize = 1000;
/// Most items of a list.
const ITEMS: usize = 100;
/// Longest summary, in characters.
const SUMMARY: usize = 50_000;
/// Most revisions of an outcome.
const REVISIONS: i64 = 1000;
/// Revisions that are told with an outcome.
const TOLD: i64 = 10;

text_enum! {
    /// What came of a call.
    pub enum OutcomeStatus {
        /// The person agreed.
        Agreed = "agreed",
        /// The person declined.
        Declined = "declined",
        /// The person agreed to a part.
        Partial = "partial",
        /// Nothing came of it.
        Inconclusive = "inconclusive",
        /// Somebody has to get in touch again.
        FollowUpRequired = "follow_up_required",
        /// It was called off.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How sure somebody is of an outcome.
    #[derive(Default)]
    pub enum OutcomeConfidence {
        /// Sure.
        #[default]
        High = "high",
        /// Fairly sure.
        Medium = "medium",
        /// Not sure.
        Low = "low",
        /// Nobody can say.
        Uncertain = "uncertain",
    }
}

text_enum! {
    /// Who wrote a summary.
    #[derive(Default)]
    pub enum SummarySource {
        /// A person.
        #[default]
        Human = "human",
        /// A model.
        AiGenerated = "ai_generated",
        /// A model, and a person looked at it.
        AiConfirmed = "ai_confirmed",
    }
}

/// What was agreed and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OutcomeContent {
    /// How sure.
    pub confidence_level: OutcomeConfidence,
    /// What the person agreed to.
    pub agreed_items: Vec<String>,
    /// What the person declined.
    pub declined_items: Vec<String>,
    /// What stayed unclear.
    pub ambiguities: Vec<String>,
    /// What is to be done.
    pub follow_up_actions: Vec<String>,
    /// All of it in words.
    pub summary_text: String,
    /// Who wrote them.
    pub summary_source: SummarySource,
    /// Whether it was read back to the person, who confirmed it.
    pub readback_confirmed: bool,
    /// When that was said of it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub readback_timestamp: Option<Timestamp>,
}
json_column!(OutcomeContent);

/// The outcome of a call; one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// Its id.
    pub id: Id<CallOutcome>,
    /// Of which call.
    pub call_id: CallId,
    /// What came of it.
    pub status: OutcomeStatus,
    /// In particular.
    pub content: OutcomeContent,
    /// From 1.
    pub revision: i64,
    /// Who declared it.
    pub declared_by: Option<UserId>,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it was last revised.
    pub updated_at: Timestamp,
}
impl Record for CallOutcome {
    const NAME: &'static str = "outcome";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// An outcome as it was with one of its revisions. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeRevision {
    /// Its id.
    pub id: Id<OutcomeRevision>,
    /// Of which call.
    pub call_id: CallId,
    /// From 1.
    pub revision: i64,
    /// What came of the call.
    pub status: OutcomeStatus,
    /// In particular.
    pub content: OutcomeContent,
    /// Who said so.
    pub changed_by: Option<UserId>,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub created_at: Timestamp,
}
impl Record for OutcomeRevision {
    const NAME: &'static str = "revision";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// An outcome with its last revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As it is.
    pub outcome: Option<CallOutcome>,
    /// As it was, the newest first, at most ten.
    pub history: Vec<OutcomeRevision>,
}

/// Declares what came of a call.
#[derive(Clone, Debug)]
pub struct DeclareOutcome {
    /// What came of it.
    pub status: OutcomeStatus,
    /// In particular. When it was read back is set here.
    pub content: OutcomeContent,
}

/// Revises an outcome; what is absent stays.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "named after the fields of the content")]
pub struct ReviseOutcome {
    pub status: Option<OutcomeStatus>,
    pub confidence_level: Option<OutcomeConfidence>,
    pub agreed_items: Option<Vec<String>>,
    pub declined_items: Option<Vec<String>>,
    pub ambiguities: Option<Vec<String>>,
    pub follow_up_actions: Option<Vec<String>>,
    pub summary_text: Option<String>,
    pub summary_source: Option<SummarySource>,
    pub readback_confirmed: Option<bool>,
}

impl OutcomeContent {
    /// The content with texts trimmed, when it keeps its bounds.
    fn checked(mut self) -> Result<Self> {
        let mut faults = vec![];
        let lists = [
            ("agreed_items", &mut self.agreed_items),
            ("declined_items", &mut self.declined_items),
            ("ambiguities", &mut self.ambiguities),
            ("follow_up_actions", &mut self.follow_up_actions),
        ];
        for (field, items) in lists {
            for item in items.iter_mut() {
                *item = item.trim().to_owned();
            }
            let wrong = |item: &String| item.is_empty() || item.chars().count() > ITEM;
            if items.len() > ITEMS || items.iter().any(wrong) {
                let message = format!("must have at most {ITEMS} items of 1 to {ITEM} characters");
                faults.push(FieldFault { field: field.to_owned(), message });
            }
        }
        self.summary_text = self.summary_text.trim().to_owned();
        if self.summary_text.chars().count() > SUMMARY {
            let message = format!("must have at most {SUMMARY} characters");
            faults.push(FieldFault { field: "summary_text".to_owned(), message });
        }
        if faults.is_empty() { Ok(self) } else { Err(Error::fields_invalid(faults)) }
    }
    /// Notes when it was read back, or that it was not.
    fn read_back(&mut self, now: Timestamp) {
        self.readback_timestamp = match (self.readback_confirmed, self.readback_timestamp) {
            (true, known) => Some(known.unwrap_or(now)),
            (false, _) => None,
        };
    }
}

impl CallOutcome {
    /// What goes into the history.
    fn revision(&self, id: Id<OutcomeRevision>, by: Option<UserId>) -> OutcomeRevision {
        OutcomeRevision {
            id,
            call_id: self.call_id,
            revision: self.revision,
            status: self.status,
            content: self.content.clone(),
            changed_by: by,
            created_at: self.updated_at,
        }
    }
    /// What the log may hold: no words.
    fn told(&self) -> serde_json::Value {
        let c = &self.content;
        json!({
            "status": self.status, "revision": self.revision, "confidence_level": c.confidence_level,
            "agreed": c.agreed_items.len(), "declined": c.declined_items.len(), "ambiguities": c.ambiguities.len(),
            "follow_up_actions": c.follow_up_actions.len(), "readback_confirmed": c.readback_confirmed,
        })
    }
}

impl Org {
    /// What came of a call, and how that was said before.
    ///
    /// # Errors
    /// `NotFound` with the code `CALL_NOT_FOUND`.
    pub async fn outcome(&self, id: CallId) -> Result<Outcome> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        call_of(&mut *tx, id).await?;
        Ok(Outcome { outcome: tx.outcome_of_call(id).await?, history: tx.outcome_revisions(id, TOLD).await? })
    }

    /// Declares what came of a call, once.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` with the code `CALL_NOT_FOUND`; `Conflict` with the code `OUTCOME_EXISTS`;
    /// `Forbidden` below agent.
    pub async fn declare_outcome(&self, id: CallId, command: DeclareOutcome) -> Result<CallOutcome> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let mut content = command.content.checked()?;
        content.readback_timestamp = None;
        content.read_back(now);
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await?;
        if tx.outcome_of_call(id).await?.is_some() {
            return Err(Error::conflict("the call has an outcome: revise it").code("OUTCOME_EXISTS"));
        }
        let outcome = CallOutcome {
            id: self.wib.id(),
            call_id: id,
            status: command.status,
            content,
            revision: 1,
            declared_by: self.actor().user(),
            created_at: now,
            updated_at: now,
        };
        tx.insert(&outcome).await?;
        tx.insert(&outcome.revision(self.wib.id(), self.actor().user())).await?;
        let line = self.audit("call:outcome_declared", ("call", Some(id.uuid())));
        line.is(&outcome.told()).write(&mut *tx).await;
        let data = json!({ "call_id": id, "outcome_id": outcome.id, "outcome_status": outcome.status });
        subscriptions::tell(&self.wib, &mut *tx, WebhookEvent::OutcomeDeclared, outcome.id.uuid(), data).await?;
        tx.commit().await?;
        self.wib.wake();
        Ok(outcome)
    }

    /// Revises the outcome of a call; what is absent stays.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` with the code `CALL_NOT_FOUND` or `OUTCOME_NOT_FOUND`; `Conflict` at the
    /// thousandth revision; `Forbidden` below agent.
    pub async fn revise_outcome(&self, id: CallId, command: ReviseOutcome) -> Result<CallOutcome> {
        self.at_least(Role::Agent)?;
        let now = self.wib.now();
        let ReviseOutcome { agreed_items, declined_items, ambiguities, follow_up_actions, summary_text, .. } =
            command.clone();
        let said = OutcomeContent {
            agreed_items: agreed_items.unwrap_or_default(),
            declined_items: declined_items.unwrap_or_default(),
            ambiguities: ambiguities.unwrap_or_default(),
            follow_up_actions: follow_up_actions.unwrap_or_default(),
            summary_text: summary_text.unwrap_or_default(),
            ..OutcomeContent::default()
        };
        let said = said.checked()?;
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await?;
        let none = || Error::new(Kind::NotFound, "OUTCOME_NOT_FOUND", "no outcome was declared: declare it first");
        let before = tx.outcome_of_call(id).await?.ok_or_else(none)?;
        if before.revision >= REVISIONS {
            return Err(Error::conflict(format!("an outcome is revised at most {REVISIONS} times")));
        }
        let mut outcome = before.clone();
        outcome.status = command.status.unwrap_or(outcome.status);
        let c = &mut outcome.content;
        c.confidence_level = command.confidence_level.unwrap_or(c.confidence_level);
        c.summary_source = command.summary_source.unwrap_or(c.summary_source);
        c.readback_confirmed = command.readback_confirmed.unwrap_or(c.readback_confirmed);
        let lists = [
            (&mut c.agreed_items, command.agreed_items.map(|_| said.agreed_items)),
            (&mut c.declined_items, command.declined_items.map(|_| said.declined_items)),
            (&mut c.ambiguities, command.ambiguities.map(|_| said.ambiguities)),
            (&mut c.follow_up_actions, command.follow_up_actions.map(|_| said.follow_up_actions)),
        ];
        for (list, new) in lists {
            if let Some(new) = new {
                *list = new;
            }
        }
        if command.summary_text.is_some() {
            c.summary_text = said.summary_text;
        }
        c.read_back(now);
        (outcome.revision, outcome.updated_at) = (outcome.revision + 1, now);
        tx.update(&outcome).await?;
        tx.insert(&outcome.revision(self.wib.id(), self.actor().user())).await?;
        let line = self.audit("call:outcome_updated", ("call", Some(id.uuid())));
        line.changed(&before.told(), &outcome.told()).write(&mut *tx).await;
        tx.commit().await?;
        Ok(outcome)
    }
}
