//! A month's budget for AI holds whoever asks, however many at once, and whoever dies in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{FutureExt, future::join_all};
use wib_core::{
    ai::{AiRunStatus, ListAiRuns, PutAiBudget, guard},
    kit::{Kind, VirtualClock},
    ports::{
        Llm, VendorError,
        llm::{Completion, Prompt},
    },
    store::Store,
};
use wib_storage::testing::{memory_store, postgres_store};

use crate::stage::{NOON, Stage, at};

/// What a prompt may cost at most, and what it does cost, in turn.
const QUOTE: i64 = 10;
const COST: i64 = 7;
const BUDGET: i64 = 1000;

/// A model that answers when others had their turn, and counts what it charged.
#[derive(Debug, Default)]
struct Dear {
    asked: AtomicU64,
    charged: AtomicI64,
}

#[async_trait]
impl Llm for Dear {
    fn vendor(&self) -> &'static str {
        "dear"
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, _: &Prompt) -> Result<Completion, VendorError> {
        // The full price now and then.
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let cost = if n.is_multiple_of(3) { QUOTE } else { COST };
        self.charged.fetch_add(cost, Ordering::Relaxed);
        let said =
            Completion { vendor: "dear".into(), model: "d-1".into(), text: "Yes.".into(), ..Completion::default() };
        Ok(Completion { cost_micros: Some(cost), price_book: Some("test".into()), ..said })
    }
    fn quote(&self, _: &Prompt) -> Option<i64> {
        Some(QUOTE)
    }
}

fn prompt() -> Prompt {
    Prompt::new("Answer.", guard("Customer: hello", 100))
}

async fn never_more_than_the_budget(store: Arc<dyn Store>, clock: Arc<VirtualClock>) {
    let model = Arc::new(Dear::default());
    let same = model.clone();
    let stage = Stage::on(store, clock, 1, |builder, _| builder.llm(same)).await;
    stage.org.put_ai_budget(PutAiBudget { limit_micros: BUDGET }).await.unwrap();
    let mut refused = 0;
    for _ in 0..4 {
        let asks = (0..250).map(|n| {
            let (org, prompt) = (stage.org.clone(), prompt());
            async move {
                let mut asking = Box::pin(async move { org.complete(None, &prompt).await });
                if n % 50 == 0 {
                    // Its asker dies somewhere on the way.
                    for _ in 0..n / 25 {
                        if asking.as_mut().now_or_never().is_some() {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    return None;
                }
                Some(asking.await)
            }
        });
        for outcome in join_all(asks).await.into_iter().flatten() {
            match outcome {
                Ok(said) => assert_eq!(said.text, "Yes."),
                Err(error) => {
                    assert_eq!((error.kind(), error.machine_code()), (Kind::QuotaExceeded, "AI_BUDGET_EXCEEDED"));
                    refused += 1;
                }
            }
        }
        let spending = stage.org.ai_spending().await.unwrap();
        assert!(spending.spent_micros + spending.reserved_micros <= BUDGET, "{spending:?}");
        assert!(model.charged.load(Ordering::Relaxed) <= BUDGET);
    }
    assert!(refused > 500, "{refused}: the budget was not what held them");
    // Whose asker died is counted whole, by whoever comes an hour later.
    stage.clock.advance(Duration::from_secs(3601));
    let _ = stage.org.complete(None, &prompt()).await;
    let spending = stage.org.ai_spending().await.unwrap();
    assert_eq!(spending.reserved_micros, 0);
    assert!(
        (BUDGET - QUOTE..=BUDGET).contains(&spending.spent_micros),
        "{spending:?}: what is left is less than a prompt"
    );
    assert!(model.charged.load(Ordering::Relaxed) <= spending.spent_micros);
    // The next month is another one.
    stage.clock.advance_to(at("2026-07-01T00:00:00Z"));
    assert_eq!(stage.org.complete(None, &prompt()).await.unwrap().text, "Yes.");
    let runs = stage.org.list_ai_runs(ListAiRuns::default()).await.unwrap();
    assert_eq!((runs.items[0].month.as_str(), runs.items[0].status), ("2026-07", AiRunStatus::Answered));
    assert_eq!(runs.items[0].decision["attempts"][0]["vendor"], "dear");
}

#[tokio::test]
async fn a_thousand_at_once_never_exceed_the_budget_on_sqlite() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    never_more_than_the_budget(Arc::new(memory_store(clock.clone()).await), clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_never_exceed_the_budget_on_postgres() {
    let clock = Arc::new(VirtualClock::new(at(NOON)));
    let test = "a_thousand_at_once_never_exceed_the_budget_on_postgres";
    let Some(store) = postgres_store(test, clock.clone()).await else { return };
    never_more_than_the_budget(Arc::new(store), clock).await;
}
