//! What language models may cost, and what they did.

use super::*;
use crate::kit::text::TextEnum;

fn a_run(t: &Tenant, second: i64) -> AiRun {
    AiRun {
        id: id(),
        call_id: Some(t.call),
        status: AiRunStatus::Asked,
        month: "2026-03".to_owned(),
        reserved_micros: 70,
        cost_micros: None,
        decision: json!({"task": "translation", "chain": []}),
        created_at: at(second),
        ended_at: None,
    }
}

/// A budget and a prompt, one tenant's alone.
pub async fn budgets_and_prompts_come_back_and_change(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let budget = AiBudget { id: id(), limit_micros: 5_000_000, updated_at: at(1) };
    let run = a_run(&t, 1);
    org!(store, t.org, |tx| {
        assert_eq!(tx.ai_budget().await.expect("read"), None);
        tx.insert(&budget).await.expect("added");
        tx.insert(&run).await.expect("added");
    });
    let mut twice = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(twice.insert(&AiBudget { id: id(), ..budget.clone() }).await), Kind::Conflict);
    drop(twice);
    for status in AiRunStatus::ALL {
        let ended = AiRun { status: *status, cost_micros: Some(7), ended_at: Some(at(2)), ..run.clone() };
        org!(store, t.org, |tx| {
            tx.update(&ended).await.expect("changed");
            assert_eq!(tx.lock_ai_run(run.id).await.expect("read"), Some(ended));
            assert_eq!(tx.ai_budget().await.expect("read"), Some(budget.clone()));
        });
    }
    org!(store, other.org, |tx| {
        assert_eq!(tx.ai_budget().await.expect("read"), None);
        assert_eq!(tx.lock_ai_run(run.id).await.expect("read"), None);
        assert_eq!(tx.page_of_ai_runs(&PageRequest::numbered(None, None, 10)).await.expect("read").total, 0);
        assert_eq!(kind_of(tx.update(&run).await), Kind::NotFound);
    });
}

/// Reserved, settled, and what was spent stays.
pub async fn reservations_of_a_month_add_up_and_are_settled(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let month = |reserved_micros, spent_micros| AiMonth { reserved_micros, spent_micros };
    org!(store, t.org, |tx| {
        assert_eq!(tx.ai_month("2026-03").await.expect("read"), month(0, 0));
        tx.reserve_ai("2026-03", 70).await.expect("reserved");
        tx.reserve_ai("2026-03", 30).await.expect("reserved");
        tx.settle_ai("2026-03", 70, 12).await.expect("settled");
        assert_eq!(tx.lock_ai_month("2026-03").await.expect("read"), month(30, 12));
        assert_eq!(tx.lock_ai_month("2026-04").await.expect("read"), month(0, 0));
    });
    org!(store, other.org, |tx| assert_eq!(tx.ai_month("2026-03").await.expect("read"), month(0, 0)));
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert!(tx.settle_ai("2026-03", 31, 0).await.is_err(), "more than was reserved");
}

/// The oldest first, and none that has ended.
pub async fn prompts_that_nobody_told_the_end_of_are_found(store: &dyn Store) {
    let t = tenant(store).await;
    let (old, older, new) = (a_run(&t, 2), a_run(&t, 1), a_run(&t, 9));
    let ended = AiRun { status: AiRunStatus::Answered, ..a_run(&t, 1) };
    org!(store, t.org, |tx| {
        for run in [&old, &older, &new, &ended] {
            tx.insert(run).await.expect("added");
        }
        assert_eq!(tx.lost_ai_runs(at(9), 10).await.expect("read"), [older.clone(), old.clone()]);
        assert_eq!(tx.lost_ai_runs(at(9), 1).await.expect("read"), [older]);
        let page = tx.page_of_ai_runs(&PageRequest::numbered(Some(1), Some(1), 10)).await.expect("read");
        assert_eq!((page.items, page.total), (vec![new], 4));
    });
}
