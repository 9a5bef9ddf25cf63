//! Who speaks, and what may be said to them: the debt is named to nobody before it is known that the consumer listens
//! (12 CFR 1006.6(d)(1)).

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallEvent, CallId,
    carry::follow_up,
    judged::{self, Judged},
    speech,
    tag::Step,
};
use crate::{
    circumstances::RecordCircumstance,
    collections::Person,
    compliance::{ActKind, CircumstanceKind, ConsentScope, DutyKind, Holder, Outcome},
    consent::{Consent, ConsentEvent, Source},
    kit::{Error, OrNotFound, Result, Role, time::Timestamp},
    ports::voice::Direction,
    text_enum,
    wib::Org,
};

text_enum! {
    /// How it was found out who speaks.
    #[derive(Default)]
    pub enum VerifiedBy {
        /// They said so, and nothing else was asked.
        #[default]
        Statement = "statement",
        /// Name and date of birth.
        BirthDate = "birth_date",
        /// Name and address.
        Address = "address",
        /// A number that we had sent them.
        Reference = "reference",
        /// A question that they had chosen.
        Question = "question",
    }
}

/// Who was found to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub holder: Holder,
    /// How.
    pub method: VerifiedBy,
}

/// Says who speaks.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyParty {
    /// Who.
    pub holder: Holder,
    /// How it was found out.
    #[serde(default)]
    pub method: VerifiedBy,
}

/// What may be said now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conversation {
    /// Whether the debt may be named.
    pub may_name_debt: bool,
    /// What has to be done first, in order; nothing when the debt may not be named at all.
    pub owed: Vec<DutyKind>,
    /// The rule that stands in the way.
    pub blocked_by: Option<String>,
}

/// What a statement on this call was made on.
const fn source_of(call: &Call) -> Source {
    match call.direction {
        Direction::Outbound => Source::OutboundCall,
        Direction::Inbound => Source::InboundCall,
    }
}

/// The utterance that does a duty by itself.
const fn step_of(duty: DutyKind) -> Option<Step> {
    match duty {
        DutyKind::MiniMiranda => Some(Step::MiniMiranda),
        DutyKind::CollectorNotice => Some(Step::CollectorNotice),
        DutyKind::TimeBarredNotice => Some(Step::TimeBarredNotice),
        _ => None,
    }
}

impl Org {
    /// Writes down who speaks, and answers what may be said to them. The verdict on talking about the debt is kept; an
    /// attorney is kept as a circumstance of the account, and counts from the next verdict on.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up; `Forbidden` below agent.
    pub async fn verify_party(&self, id: CallId, party: VerifyParty) -> Result<Conversation> {
        if party.holder == Holder::Attorney {
            let call = self.call(id).await?;
            let found = RecordCircumstance {
                account_id: call.account_id,
                source: source_of(&call),
                ..RecordCircumstance::of(CircumstanceKind::Attorney)
            };
            self.record_circumstance(found).await?;
        }
        let mut tx = self.tx().await?;
        let mut call = self.talk(&mut *tx, id).await?;
        let before = call.clone();
        let now = self.wib.now();
        call.facts.absorb_party(Party { at: now, holder: party.holder, method: party.method });
        let event_data = json!({"holder": party.holder, "method": party.method});
        self.told(&mut *tx, id, ("party", "call.party.verified"), event_data).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        let verdict = judged::judge(&self.wib, &mut *tx, &call, ActKind::Converse).await?;
        let stored = judged::keep(&self.wib, &mut *tx, &call, &verdict).await?;
        self.audit("call:party_verified", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(conversation(&call, &verdict, stored.blocked_by))
    }

    /// Whether the debt may be named now, and what is owed first.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up; `Forbidden` below agent.
    pub async fn conversation(&self, id: CallId) -> Result<Conversation> {
        let mut tx = self.tx().await?;
        let call = self.talk(&mut *tx, id).await?;
        let verdict = judged::judge(&self.wib, &mut *tx, &call, ActKind::Converse).await?;
        let blocked_by = verdict.explanation().blocked_by.as_ref().map(|r| r.as_str().to_owned());
        Ok(conversation(&call, &verdict, blocked_by))
    }

    /// Has the fixed text of a disclosure spoken, in the person's language, once per call.
    ///
    /// # Errors
    /// `Invalid` when the duty has no text of its own; `Conflict` when the call is not up, or when nothing of the debt
    /// may be said to who speaks; `NotFound`; `Forbidden` below agent.
    pub async fn speak_disclosure(&self, id: CallId, kind: DutyKind) -> Result<Call> {
        let step = step_of(kind).ok_or_else(|| Error::field("kind", "has no fixed text"))?;
        let mut tx = self.tx().await?;
        let mut call = self.talk(&mut *tx, id).await?;
        let before = call.clone();
        // These texts name the debt themselves.
        if !call.facts.party.is_some_and(|p| p.holder.is_consumer()) {
            return Err(Error::conflict("who speaks was not found to be the consumer").code("PARTY_NOT_VERIFIED"));
        }
        let person: Option<Person> = match call.person_id {
            Some(id) => tx.find(id).await?,
            None => None,
        };
        let utterance = speech::utterance(&self.wib, &call, person.as_ref(), step);
        let utterance = utterance.ok_or_else(|| Error::field("kind", "has no fixed text"))?;
        speech::order(&self.wib, &mut *tx, &mut call, &utterance).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:disclosure_ordered", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }

    /// Writes down that the member who speaks has disclosed something in their own voice.
    ///
    /// # Errors
    /// `Invalid` for what nobody can say; `Conflict` when the call is not up; `NotFound`; `Forbidden` below agent.
    pub async fn disclosed(&self, id: CallId, kind: DutyKind) -> Result<Conversation> {
        use DutyKind as D;
        let sayable = matches!(
            kind,
            D::Identify
                | D::AiDisclosure
                | D::MiniMiranda
                | D::CollectorNotice
                | D::TimeBarredNotice
                | D::CallBackNumber
                | D::ReadBack
        );
        if !sayable {
            return Err(Error::field("kind", "is nothing that a member says"));
        }
        let mut tx = self.tx().await?;
        let mut call = self.talk(&mut *tx, id).await?;
        let before = call.clone();
        call.facts.absorb_given(kind, self.wib.now());
        let source = format!("disclosed:{kind}");
        self.told(&mut *tx, id, (&source, "call.disclosed"), json!({"kind": kind, "spoken_by": "agent"})).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        let verdict = judged::judge(&self.wib, &mut *tx, &call, ActKind::Converse).await?;
        let stored = judged::keep(&self.wib, &mut *tx, &call, &verdict).await?;
        self.audit("call:disclosed", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(conversation(&call, &verdict, stored.blocked_by))
    }

    /// Writes down that the person refused to be recorded: what runs is ended, nothing is recorded on this call again,
    /// and the call goes on. What was recorded between the notice and the refusal rests on the notice.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up; `Forbidden` below agent.
    pub async fn refuse_recording(&self, id: CallId) -> Result<Call> {
        let mut tx = self.tx().await?;
        let mut call = self.talk(&mut *tx, id).await?;
        let before = call.clone();
        if call.facts.recording_refused_at.is_some() {
            return Ok(call);
        }
        let now = self.wib.now();
        call.facts.absorb_recording_refused(now);
        if let Some(person_id) = call.person_id {
            tx.insert(&Consent {
                id: self.wib.id(),
                person_id,
                account_id: call.account_id,
                phone: None,
                email: None,
                scope: ConsentScope::Recording,
                event: ConsentEvent::Revoked,
                written: false,
                source: source_of(&call),
                call_id: Some(id),
                evidence: None,
                note: None,
                at: now,
                expires_at: None,
                recorded_by: self.actor().user(),
                created_at: now,
            })
            .await?;
        }
        self.told(&mut *tx, id, ("refused", "call.recording.refused"), json!({})).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:recording_refused", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }

    /// Writes down that the person agreed to be recorded in words of their own. It adds to the notice and never takes its
    /// place.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up; `Forbidden` below agent.
    pub async fn agree_to_recording(&self, id: CallId) -> Result<Call> {
        let mut tx = self.tx().await?;
        let mut call = self.talk(&mut *tx, id).await?;
        let before = call.clone();
        call.facts.recording_agreed_at.get_or_insert(self.wib.now());
        self.told(&mut *tx, id, ("agreed", "call.recording.agreed"), json!({})).await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("call:recording_agreed", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        Ok(call)
    }

    /// A call that is up, held; for members who talk on it.
    async fn talk(&self, tx: &mut dyn crate::store::OrgTx, id: CallId) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let call = tx.lock_call(id).await?.or_not_found("call")?;
        if call.answered_at.is_none() || call.status.terminal() {
            return Err(Error::conflict("the call is not up"));
        }
        Ok(call)
    }

    async fn told(
        &self,
        tx: &mut dyn crate::store::OrgTx,
        call_id: CallId,
        (source, event_type): (&str, &str),
        event_data: serde_json::Value,
    ) -> Result<()> {
        let now = self.wib.now();
        // The same thing may be found again later: each finding is a line.
        let source = if source == "party" { format!("party:{now}") } else { source.to_owned() };
        let event =
            CallEvent { id: self.wib.id(), call_id, source, event_type: event_type.to_owned(), event_data, at: now };
        tx.note_event(&event).await.map(drop)
    }
}

fn conversation(call: &Call, verdict: &crate::compliance::Verdict, blocked_by: Option<String>) -> Conversation {
    let verified = call.facts.party.is_some_and(|p| p.holder.is_consumer());
    match Judged::of(verdict) {
        Judged::Owed(owed) => {
            let permitted = verdict.outcome() == Outcome::Permit;
            Conversation { may_name_debt: verified && permitted && owed.is_empty(), owed, blocked_by }
        }
        Judged::Refused => Conversation { may_name_debt: false, owed: vec![], blocked_by },
    }
}
