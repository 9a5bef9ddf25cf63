use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Act, ActKind, Purpose, RulePack, Technology, Verdict,
    gate::{self, Hold},
    gather::Planned,
    judge,
};
use crate::{
    calls::CallId,
    collections::{AccountId, whom},
    kit::{Error, Phone, Result, Role},
    store::Repo,
    wib::Org,
};

/// Asks whether an act would be lawful now, without doing it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CheckContact {
    /// The debt.
    pub account_id: Option<AccountId>,
    /// The number; the person's first one by default.
    pub phone: Option<Phone>,
    /// The address, when the act is electronic mail; the person's by default.
    pub email: Option<String>,
    /// What is planned; a call by default.
    pub act: ActKind,
    /// How; by a person by default.
    pub technology: Option<Technology>,
    /// Why; to collect by default.
    pub purpose: Purpose,
    /// The number to show; the vendor's default by default.
    pub from: Option<Phone>,
    /// The call it is about, when one is up: what was disclosed in it counts as done.
    pub call_id: Option<CallId>,
    /// Whether the audit log gets a line of it.
    pub log: bool,
}

impl Org {
    /// The rules of law in force here.
    ///
    /// # Errors
    /// `Forbidden` below viewer.
    pub fn rules(&self) -> Result<Arc<RulePack>> {
        self.at_least(Role::Viewer)?;
        Ok(self.wib.rules())
    }

    /// Judges an act as [`start_call`](Self::start_call) would, and stores nothing but the line of the audit log that was
    /// asked for. The facts are in the verdict's explanation. It reserves nothing: a call is judged again when it is
    /// asked for.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`; `Forbidden` below viewer. A refusal by the law is an answer.
    pub async fn check(&self, command: CheckContact) -> Result<Verdict> {
        self.at_least(Role::Viewer)?;
        let technology = command.technology.unwrap_or(Technology::Manual);
        let act = Act { kind: command.act, purpose: command.purpose, technology };
        let mut tx = self.tx().await?;
        let from = match command.from.clone() {
            Some(from) => Some(from),
            None => tx
                .next_of_pool(self.wib.voice.vendor())
                .await?
                .map(|n| n.phone)
                .or_else(|| self.wib.voice.default_number()),
        };
        let (account, number, email);
        if command.act == ActKind::Email {
            let id = command.account_id.ok_or_else(|| Error::field("account_id", "is required for an address"))?;
            let (found, person) = crate::collections::account_and_person(&mut *tx, id).await?;
            let given = command.email.clone().map(|e| e.trim().to_lowercase()).or(person.email);
            email = Some(given.ok_or_else(|| Error::field("email", "is required: the person has no address"))?);
            (account, number) = (Some(found), None);
        } else {
            let (found, to) = whom(&mut *tx, command.account_id, command.phone.as_ref(), "phone").await?;
            (account, number, email) = (found, Some(to), None);
        }
        if let Some(call) = command.call_id {
            let call: Option<crate::calls::Call> = Repo::find(&mut *tx, call).await?;
            call.ok_or_else(|| Error::not_found("call"))?;
        }
        let planned = Planned {
            act,
            number: number.as_ref(),
            email: email.as_deref(),
            from: from.as_ref(),
            call: command.call_id,
        };
        let facts = gate::gather(&mut *tx, &self.wib, &planned, account.as_ref(), Hold::Free).await?;
        let verdict = judge(&facts, &self.wib.rules(), self.wib.now());
        if command.log {
            let explanation = verdict.explanation();
            let about = account.map(|a| a.id.uuid());
            let told = json!({
                "severity": if verdict.permits() { "info" } else { "block" },
                "outcome": verdict.outcome(), "blocked_by": explanation.blocked_by, "act": act,
                "number": number.as_ref().map(Phone::masked),
            });
            let word = if verdict.permits() { "compliance:predial_passed" } else { "compliance:predial_blocked" };
            self.audit(word, ("account", about)).with(told).write(&mut *tx).await;
            tx.commit().await?;
        }
        Ok(verdict)
    }
}
