//! The gate: facts are gathered, judged and recorded inside the transaction that acts on them. Every dial passes it.

use super::{
    Facts, Flag, Outcome, StoredVerdict, Verdict,
    gather::{Planned, Records},
    judge,
};
use crate::{
    calls::CallId,
    collections::{Account, AccountId, Person, PersonId},
    kit::{Error, OrNotFound, Result},
    store::{OrgTx, Repo},
    wib::Wib,
};

/// How the person is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Held until the end of the transaction, so that two callers cannot both take the last attempt.
    Held,
    /// Read alone: for an answer that nothing follows from.
    Free,
}

/// Gathers what is known about the act towards the account's person; at most nine questions.
pub(crate) async fn gather(
    tx: &mut dyn OrgTx,
    wib: &Wib,
    planned: &Planned<'_>,
    account: Option<&Account>,
    hold: Hold,
) -> Result<Facts> {
    let person = match (account, hold) {
        (None, _) => None,
        (Some(account), Hold::Held) => tx.lock_person(account.person_id).await?,
        (Some(account), Hold::Free) => Repo::<Person>::find(tx, account.person_id).await?,
    };
    // All of it is read behind the lock: whoever held it may have ceased communication meanwhile.
    let records = Records::read(tx, wib, person.as_ref().map(|p| p.id.into()), planned.number).await?;
    let whom = match (&person, account) {
        (Some(person), Some(account)) => {
            Some((person, records.accounts.iter().find(|a| a.id == account.id).or_not_found("account")?))
        }
        (None, Some(_)) => return Err(Error::not_found("person")),
        _ => None,
    };
    let mut facts = records.facts(wib, planned, whom);
    if let Some(from) = planned.from.filter(|_| !facts.flags.contains_key(&Flag::CallerIdOwned))
        && tx.may_show(from).await?
    {
        facts.flags.insert(Flag::CallerIdOwned, true);
    }
    // Before a call is dialled nothing was said in it.
    if let Some(call) = planned.call.filter(|_| planned.act.kind != super::ActKind::Dial) {
        let said = tx.disclosures(call).await?;
        facts.done.extend(said.iter().filter(|d| d.ended_at.is_some()).map(|d| d.kind));
    }
    Ok(facts)
}

/// Judges, and keeps the verdict whatever it is.
pub(crate) async fn decide(
    tx: &mut dyn OrgTx,
    wib: &Wib,
    facts: &Facts,
    account: Option<&Account>,
    call: Option<CallId>,
) -> Result<(Verdict, StoredVerdict)> {
    let verdict = judge(facts, &wib.rules(), wib.now());
    let about = (account.map(|a| a.person_id), account.map(|a| a.id));
    let stored = keep(tx, wib, &verdict, about, call.filter(|_| verdict.permits())).await?;
    Ok((verdict, stored))
}

/// Keeps a verdict whatever it is.
pub(crate) async fn keep(
    tx: &mut dyn OrgTx,
    wib: &Wib,
    verdict: &Verdict,
    (person_id, account_id): (Option<PersonId>, Option<AccountId>),
    call_id: Option<CallId>,
) -> Result<StoredVerdict> {
    let explanation = verdict.explanation();
    let stored = StoredVerdict {
        id: wib.id(),
        person_id,
        account_id,
        call_id,
        outcome: verdict.outcome().to_string(),
        blocked_by: explanation.blocked_by.as_ref().map(|r| r.as_str().to_owned()),
        explanation_hash: explanation.hash()?,
        explanation: serde_json::to_value(explanation)
            .map_err(|e| Error::internal("an explanation has no JSON form").because(e))?,
        pack: explanation.pack.clone(),
        not_before: explanation.not_before,
        created_at: wib.now(),
    };
    tx.insert(&stored).await?;
    metrics::counter!("wib_verdicts_total", "outcome" => verdict.outcome().as_str()).increment(1);
    Ok(stored)
}

/// The refusal that a caller gets: every rule that did not pass, and the next lawful instant when there is one.
pub(crate) fn refusal(verdict: &Verdict, stored: &StoredVerdict) -> Error {
    let explanation = verdict.explanation();
    let failing = || explanation.findings.iter().filter(|f| f.outcome != Outcome::Permit);
    let reasons: Vec<_> = failing()
        .map(|f| {
            serde_json::json!({
                "rule": f.rule, "outcome": f.outcome, "citation": f.citation, "explanation": f.explanation,
                "not_before": f.not_before, "needed": f.needed,
            })
        })
        .collect();
    let sentence = failing().map(|f| &*f.explanation).collect::<Vec<_>>().join(" ");
    Error::blocked(sentence)
        .with("blocked_by", stored.blocked_by.clone())
        .with("outcome", stored.outcome.clone())
        .with("not_before", stored.not_before.map(|t| t.to_string()))
        .with("verdict_id", stored.id.to_string())
        .with("reasons", reasons)
}
