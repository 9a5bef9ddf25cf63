//! The gate: facts are gathered, judged and recorded inside the transaction that acts on them. Every dial passes it.

use std::time::Duration;

use super::{
    Act, Callee, CircumstanceFact, CircumstanceKind, DebtFacts, Facts, Flag, LedgerFact, ListFact, ListKind, Location,
    LocationSource, Medium, Outcome, PersonFacts, Place, StoredVerdict, Technology, Verdict, judge,
    zones::{location_of_area_code, zones_of_state},
};
use crate::{
    calls::CallId,
    collections::{self, Account, AccountId, PersonId, PersonLocation},
    kit::{Error, OrNotFound, Phone, Result, time},
    store::OrgTx,
    wib::Wib,
};

/// The ledger is read this far back: the longest window of the pack and a day.
const LOOK_BACK: Duration = Duration::from_secs(9 * 24 * 3600);

/// Gathers what is known about calling that number about that account. The person is held until the end of the
/// transaction, so that two callers cannot both take the last attempt. `except` leaves out one call's own ledger rows.
pub(crate) async fn gather(
    tx: &mut dyn OrgTx,
    wib: &Wib,
    account: Option<&Account>,
    number: &Phone,
    except: Option<CallId>,
) -> Result<Facts> {
    let act = Act { technology: Technology::Manual, ..Act::default() };
    let mut facts = Facts { act, callee: Some(Callee::from(number)), ..Facts::default() };
    // Calls are placed from the installation's own numbers.
    facts.flags.insert(Flag::CallerIdOwned, true);
    facts.locations.extend(location_of_area_code(number));
    facts.lists.extend(tx.suppression(number).await?.map(|s| ListFact {
        list: ListKind::Internal,
        listed: true,
        as_of: s.created_at,
        source: s.source,
    }));
    let Some(account) = account else { return Ok(facts) };
    let person = tx.lock_person(account.person_id).await?.or_not_found("person")?;
    // Read again behind the lock: whoever held it may have ceased communication meanwhile.
    let account: Account = tx.find(account.id).await?.or_not_found("account")?;
    facts.locations.extend(tx.locations(person.id).await?.iter().filter_map(place));
    let since = time::before(wib.now(), LOOK_BACK);
    for row in tx.contacts_since(person.id, account.id, since).await? {
        if Some(row.call_id) != except {
            facts.ledger.push(LedgerFact {
                at: row.at,
                kind: row.kind,
                counts: row.counts,
                debt: row.account_id.uuid(),
                direction: row.direction,
                medium: Medium::Call,
                technology: Technology::Manual,
                place: Place::Unknown,
                same_number: true,
            });
        }
    }
    // A conversation that turned out to be none stays in the ledger uncounted.
    facts.ledger.retain(|l| l.counts || l.kind == crate::contacts::ContactKind::Attempt);
    facts.person = Some(PersonFacts { id: person.id.uuid(), do_not_call: person.do_not_call, language: None });
    facts.debt = Some(DebtFacts { id: account.id.uuid(), first_communication_at: None });
    facts.circumstances.extend(account.ceased_at.map(|since| CircumstanceFact {
        kind: CircumstanceKind::Cease,
        since,
        debt: Some(account.id.uuid()),
    }));
    Ok(facts)
}

fn place(row: &PersonLocation) -> Option<Location> {
    let zones = match (&row.zone, &row.state) {
        (Some(zone), _) => vec![zone.clone()],
        (None, Some(state)) => zones_of_state(state).iter().map(|z| (*z).to_owned()).collect(),
        (None, None) => return None,
    };
    let source = match row.source {
        collections::LocationSource::Address => LocationSource::Address,
        collections::LocationSource::Statement => LocationSource::Statement,
    };
    let regions = row.state.iter().map(|state| format!("US-{state}")).collect();
    Some(Location { source, zones, regions, noted_on: Some(row.created_at) })
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
