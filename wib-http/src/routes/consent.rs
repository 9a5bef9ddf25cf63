use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    auth::UserId,
    calls::CallId,
    collections::{Account, AccountId, PersonId},
    compliance::ConsentScope,
    consent::{Consent, ConsentEvent, ConsentStatus, ListConsents, RecordConsent, RevokeConsent, Source, Standing},
    kit::{Id, Phone, Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::{ById, renamed},
    table::{Routes, role, session},
};

/// Writes an event of the consent ledger down.
#[derive(Deserialize, JsonSchema)]
struct Record {
    /// About which debt, and so of whom.
    account_id: AccountId,
    /// What happened.
    event_type: ConsentEvent,
    /// For what.
    consent_type: ConsentScope,
    /// How it reached us.
    source: Source,
    /// In which call.
    call_id: Option<CallId>,
    /// What proves it, at most 500 characters.
    #[schemars(length(max = 500))]
    evidence_reference: Option<String>,
    /// At most 2000 characters.
    #[schemars(length(max = 2000))]
    notes: Option<String>,
    /// When it ends by what the person said.
    expires_at: Option<Timestamp>,
    /// For which number; every number by default.
    phone: Option<Phone>,
    /// For which address; every address by default.
    #[schemars(email, length(max = 254))]
    email: Option<String>,
    /// Whether it was in writing.
    written: Option<bool>,
}

/// Takes consent back.
#[derive(Deserialize, JsonSchema)]
struct Revoke {
    /// About which debt, and so of whom.
    account_id: AccountId,
    /// For what.
    consent_type: ConsentScope,
    /// How it reached us.
    source: Source,
    /// Why, at most 2000 characters.
    #[schemars(length(max = 2000))]
    reason: Option<String>,
    /// In which call.
    call_id: Option<CallId>,
    /// For which number; every number by default.
    phone: Option<Phone>,
}

/// Asks how one consent stands.
#[derive(Deserialize, JsonSchema)]
struct AskConsent {
    id: Id<Account>,
    /// For what; to be called by default.
    #[serde(rename = "type")]
    scope: Option<ConsentScope>,
    /// At which number; at any by default.
    phone: Option<Phone>,
}

/// One event of the consent ledger.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConsentRecord")]
struct Row {
    id: Id<Consent>,
    person_id: PersonId,
    account_id: Option<AccountId>,
    call_id: Option<CallId>,
    phone: Option<Phone>,
    email: Option<String>,
    event_type: ConsentEvent,
    consent_type: ConsentScope,
    source: Source,
    written: bool,
    evidence_reference: Option<String>,
    notes: Option<String>,
    occurred_at: Timestamp,
    expires_at: Option<Timestamp>,
    recorded_by: Option<UserId>,
    created_at: Timestamp,
}
impl From<Consent> for Row {
    fn from(c: Consent) -> Self {
        Self {
            id: c.id,
            person_id: c.person_id,
            account_id: c.account_id,
            call_id: c.call_id,
            phone: c.phone,
            email: c.email,
            event_type: c.event,
            consent_type: c.scope,
            source: c.source,
            written: c.written,
            evidence_reference: c.evidence,
            notes: c.note,
            occurred_at: c.at,
            expires_at: c.expires_at,
            recorded_by: c.recorded_by,
            created_at: c.created_at,
        }
    }
}

/// What is known of consent about an account.
#[derive(Serialize, JsonSchema)]
struct Timeline {
    account_id: AccountId,
    /// Newest first.
    timeline: Vec<Row>,
    /// By what it is for; what nothing was said about is absent.
    current_status: BTreeMap<ConsentScope, Standing>,
}

/// How one consent stands. Whether a call may be placed is told by the pre-dial check alone.
#[derive(Serialize, JsonSchema)]
struct Held {
    has_consent: bool,
    status: ConsentStatus,
    last_event: Option<ConsentEvent>,
    last_date: Option<Timestamp>,
    source: Option<Source>,
    expires_at: Option<Timestamp>,
}

const NAMES: &[(&str, &str)] = &[("evidence", "evidence_reference"), ("note", "notes")];

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("consent", "/api/consent")
        .get("/", session(), |org, query: ListConsents| async move {
            org.list_consents(query).await.map(|list| list.map(Row::from))
        })
        .refuses(&[404])
        .stretch("records")
        .post("/", role(Role::Agent).limit(Limit::Collections), |org, c: Record| async move {
            let command = RecordConsent {
                account_id: Some(c.account_id),
                phone: c.phone,
                email: c.email,
                written: c.written.unwrap_or(false),
                source: c.source,
                evidence: c.evidence_reference,
                call_id: c.call_id,
                note: c.notes,
                expires_at: c.expires_at,
                ..RecordConsent::of(c.consent_type, c.event_type)
            };
            org.record_consent(command).await.map(Row::from).map_err(|e| renamed(e, NAMES))
        })
        .refuses(&[404])
        .created("record")
        .post("/revoke", role(Role::Agent).limit(Limit::Collections), |org, c: Revoke| async move {
            let command = RevokeConsent {
                account_id: Some(c.account_id),
                phone: c.phone,
                scope: Some(c.consent_type),
                written: matches!(c.source, Source::WrittenLetter | Source::WebForm),
                source: c.source,
                call_id: c.call_id,
                note: c.reason,
                ..RevokeConsent::default()
            };
            let revoked = org.revoke_consent(command).await.map_err(|e| renamed(e, &[("note", "reason")]))?;
            Ok(revoked.into_iter().map(Row::from).next())
        })
        .refuses(&[404])
        .created("record")
        .get("/account/{id}", session(), |org, c: ById<Account>| async move {
            let (events, standings) = org.consent_of_account(c.id).await?;
            Ok(Timeline {
                account_id: c.id,
                timeline: events.into_iter().map(Row::from).collect(),
                current_status: standings.into_iter().map(|s| (s.scope, s)).collect(),
            })
        })
        .about("Reads what is known of consent about an account.")
        .flat()
        .get("/check/{id}", session(), |org, c: AskConsent| async move {
            let scope = c.scope.unwrap_or(ConsentScope::Contact);
            let Standing { status, event, at, source, expires_at, .. } =
                org.consent_standing(c.id, scope, c.phone.as_ref()).await?;
            let has_consent = status == ConsentStatus::Granted;
            Ok(Held { has_consent, status, last_event: event, last_date: at, source, expires_at })
        })
        .flat()
}
