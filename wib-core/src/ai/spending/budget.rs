use serde::{Deserialize, Serialize};

use super::{AiBudget, AiMonth, AiRun, month};
use crate::{
    calls::{Call, CallId},
    kit::{Error, OrNotFound, Page, PageRequest, Result, Role},
    ports::llm::{Completion, Prompt},
    wib::Org,
};

/// Sets what models may cost in a month.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutAiBudget {
    /// Millionths of a US dollar; 0 asks nobody any more.
    pub limit_micros: i64,
}

/// Lists the prompts that were asked, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAiRuns {
    /// From 1.
    pub page: Option<i64>,
    /// At most 200; 50 by default.
    pub limit: Option<i64>,
}

/// What models cost this month, and may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AiSpending {
    /// The month, `YYYY-MM` in UTC.
    pub month: String,
    /// Most that it may be, in millionths of a US dollar; `None`: there is no budget.
    pub limit_micros: Option<i64>,
    /// What is being asked may cost that much.
    pub reserved_micros: i64,
    /// What was asked cost that much. What has no known price is not in it.
    pub spent_micros: i64,
}

impl Org {
    /// Asks the models, within the organisation's budget; what was decided and what it cost is kept. `call` is the one that
    /// it is about.
    ///
    /// # Errors
    /// `QuotaExceeded` when the month's budget does not allow it; the vendor's failure when nobody answered: go on
    /// without; `NotFound` for a call of somebody else; `Forbidden` below agent.
    pub async fn complete(&self, call: Option<CallId>, prompt: &Prompt) -> Result<Completion> {
        self.at_least(Role::Agent)?;
        if let Some(call) = call {
            let _: Call = self.tx().await?.find(call).await?.or_not_found("call")?;
        }
        prompt.check("router")?;
        super::ask(&self.wib, self.id(), call, prompt).await
    }
    /// What models cost this month.
    ///
    /// # Errors
    /// `Forbidden` below manager.
    pub async fn ai_spending(&self) -> Result<AiSpending> {
        self.at_least(Role::Manager)?;
        let month = month(self.wib.now());
        let mut tx = self.tx().await?;
        let limit_micros = tx.ai_budget().await?.map(|budget| budget.limit_micros);
        let AiMonth { reserved_micros, spent_micros } = tx.ai_month(&month).await?;
        Ok(AiSpending { month, limit_micros, reserved_micros, spent_micros })
    }
    /// Sets what models may cost in a month. What is being asked already goes on.
    ///
    /// # Errors
    /// `Invalid` below zero; `Forbidden` below admin.
    pub async fn put_ai_budget(&self, command: PutAiBudget) -> Result<AiBudget> {
        self.at_least(Role::Admin)?;
        if command.limit_micros < 0 {
            return Err(Error::field("limit_micros", "must not be below 0"));
        }
        let mut tx = self.tx().await?;
        let known = tx.ai_budget().await?;
        let id = known.as_ref().map_or_else(|| self.wib.id(), |budget| budget.id);
        let budget = AiBudget { id, limit_micros: command.limit_micros, updated_at: self.wib.now() };
        // Two that set it for the first time at once: one of them is told to try again.
        if known.is_some() {
            tx.update(&budget).await?;
        } else {
            tx.insert(&budget).await?;
        }
        let line = self.audit("ai:budget_set", ("ai_budget", Some(budget.id.uuid())));
        match &known {
            Some(before) => line.changed(before, &budget),
            None => line,
        }
        .write(&mut *tx)
        .await;
        tx.commit().await?;
        Ok(budget)
    }
    /// The prompts that were asked, newest first.
    ///
    /// # Errors
    /// `Forbidden` below manager.
    pub async fn list_ai_runs(&self, query: ListAiRuns) -> Result<Page<AiRun>> {
        self.at_least(Role::Manager)?;
        self.tx().await?.page_of_ai_runs(&PageRequest::numbered(query.page, query.limit, 50)).await
    }
}
