use std::time::Duration;

use serde_json::json;

use super::Tally;
use crate::{
    audit::Line,
    kit::{Actor, Result, time},
    likelihood,
    orgs::OrganizationId,
    tasks::{Task, TaskKind},
    wib::Wib,
};

/// Organisations of one run.
const ORGANIZATIONS: i64 = 100;
/// Accounts of an organisation that are scored, the largest debts first.
const ACCOUNTS: i64 = 500;
/// Tasks of an organisation that one run makes.
const TASKS: i64 = 50;
/// Only scores of this time count.
const FRESH: Duration = Duration::from_secs(24 * 3600);

/// Scores open accounts, and makes a task for each that is not likely to be paid, the least likely first.
pub(super) async fn run(wib: &Wib) -> Result<Tally> {
    let organizations = wib.store.system().await?.organizations_to_score(ORGANIZATIONS).await?;
    let mut tally = Tally::default();
    for organization in organizations {
        match scan(wib, organization).await {
            Ok(made) => tally.processed += made,
            Err(error) => {
                tracing::error!(%organization, error = error.chain(), "an organization could not be scanned");
                tally.errors += 1;
            }
        }
    }
    Ok(tally)
}

async fn scan(wib: &Wib, organization: OrganizationId) -> Result<i64> {
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    likelihood::score(wib, &mut *tx, None, ACCOUNTS).await?;
    let settings = tx.collection_settings().await?;
    let threshold = settings.map_or(likelihood::THRESHOLD, |settings| settings.prevention_threshold);
    let at_risk = tx.accounts_at_risk(threshold, time::before(now, FRESH), TASKS).await?;
    let today = time::day_of(now);
    let due = today.tomorrow().unwrap_or(today);
    let mut made = 0;
    for (account, score) in at_risk {
        let source = format!("prevention:{account}:{today}");
        let title = "Not likely to be paid: review the account";
        let task = Task::automatic(wib, account, TaskKind::PreventionReview, title, due, source);
        if tx.note_task(&task).await? {
            made += 1;
            let about = ("task", Some(task.id.uuid()));
            let told = json!({"account_id": account, "score": score, "threshold": threshold});
            Line::by(wib, Actor::System, "collections:prevention_task_created", about).is(&told).write(&mut *tx).await;
        }
    }
    tx.commit().await?;
    Ok(made)
}
