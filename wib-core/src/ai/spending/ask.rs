use std::time::Duration;

use super::{AiRun, AiRunStatus, month};
use crate::{
    ai::{Answer, Decision, Place, Skip},
    calls::CallId,
    kit::{Error, Kind, Result, time},
    orgs::OrganizationId,
    ports::llm::{Completion, Prompt},
    store::OrgTx,
    wib::Wib,
};

/// A prompt that nobody told the end of for this long has no asker any more.
const LOST: Duration = Duration::from_secs(3600);
/// Lost prompts that are settled beside a new one.
const SETTLED_AT_ONCE: i64 = 20;

/// Asks the models for an organisation, within its budget. What was decided, and what it cost, is a row.
///
/// # Errors
/// `QuotaExceeded` when nothing of the budget is left for it; the vendor's failure when nobody answered.
pub(crate) async fn ask(
    wib: &Wib,
    organization: OrganizationId,
    call: Option<CallId>,
    prompt: &Prompt,
) -> Result<Completion> {
    let (mut run, prompt) = reserve(wib, organization, call, prompt).await?;
    let routed = wib.llm.ask(&prompt).await;
    run.status = match routed.answer {
        Answer::Answered(_) => AiRunStatus::Answered,
        Answer::Degraded(_) => AiRunStatus::Degraded,
        Answer::Refused(_) => AiRunStatus::Refused,
    };
    run.cost_micros = routed.decision.cost_micros();
    if let Err(error) = settle(wib, organization, &mut run, &routed.decision).await {
        // The answer is there and paid; its reservation is settled as lost, whole, later.
        tracing::error!(run = %run.id, error = error.chain(), "what a prompt cost could not be written");
    }
    match routed.answer {
        Answer::Answered(completion) => Ok(*completion),
        Answer::Degraded(error) | Answer::Refused(error) => Err(error.into()),
    }
}

/// Keeps free what the prompt can cost, and gives it back bound to that much.
async fn reserve(
    wib: &Wib,
    organization: OrganizationId,
    call: Option<CallId>,
    prompt: &Prompt,
) -> Result<(AiRun, Prompt)> {
    let (now, mut prompt) = (wib.now(), prompt.clone());
    let month = month(now);
    let mut tx = wib.store.org(organization).await?;
    settle_lost(wib, &mut *tx).await?;
    let budget = tx.ai_budget().await?.map(|budget| budget.limit_micros);
    if let Some(limit) = budget {
        let used = tx.lock_ai_month(&month).await?;
        let left = limit - used.reserved_micros - used.spent_micros;
        prompt.route.budget = Some(prompt.route.budget.unwrap_or(i64::MAX).min(left.max(0)));
    }
    let decision = wib.llm.explain(&prompt);
    let reserved_micros = decision.quote_micros().unwrap_or(0);
    if budget.is_some() {
        let too_dear = |place: &Place| matches!(place.skipped, Some(Skip::OverBudget | Skip::NoPrice));
        let nobody = decision.chain.iter().all(|place| place.skipped.is_some());
        if nobody && decision.chain.iter().any(too_dear) {
            metrics::counter!("wib_llm_over_budget_total").increment(1);
            return Err(Error::new(
                Kind::QuotaExceeded,
                "AI_BUDGET_EXCEEDED",
                "the month's budget for AI does not allow this",
            ));
        }
        prompt.route.budget = Some(reserved_micros);
    }
    tx.reserve_ai(&month, reserved_micros).await?;
    let run = AiRun {
        id: wib.id(),
        call_id: call,
        status: AiRunStatus::Asked,
        month,
        reserved_micros,
        cost_micros: None,
        decision: json(&decision)?,
        created_at: now,
        ended_at: None,
    };
    tx.insert(&run).await?;
    tx.commit().await?;
    Ok((run, prompt))
}

async fn settle(wib: &Wib, organization: OrganizationId, run: &mut AiRun, decision: &Decision) -> Result<()> {
    run.ended_at = Some(wib.now());
    run.decision = json(decision)?;
    let mut tx = wib.store.org(organization).await?;
    // Somebody may have taken it for lost meanwhile, and counted it.
    if tx.lock_ai_run(run.id).await?.is_some_and(|kept| kept.status == AiRunStatus::Asked) {
        tx.settle_ai(&run.month, run.reserved_micros, run.cost_micros.unwrap_or(0)).await?;
        tx.update(run).await?;
    }
    tx.commit().await
}

/// Counts what nobody told the end of as spent.
async fn settle_lost(wib: &Wib, tx: &mut dyn OrgTx) -> Result<()> {
    for mut run in tx.lost_ai_runs(time::before(wib.now(), LOST), SETTLED_AT_ONCE).await? {
        tx.settle_ai(&run.month, run.reserved_micros, run.reserved_micros).await?;
        (run.status, run.cost_micros, run.ended_at) = (AiRunStatus::Lost, Some(run.reserved_micros), Some(wib.now()));
        tx.update(&run).await?;
        metrics::counter!("wib_llm_lost_total").increment(1);
    }
    Ok(())
}

fn json(decision: &Decision) -> Result<serde_json::Value> {
    serde_json::to_value(decision).map_err(|e| Error::internal("a decision has no JSON form").because(e))
}
