//! Plans, payments, tasks, scores, and what organisations owe for the service.

use super::*;
use crate::kit::{text::TextEnum, time::Date};

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}
pub(super) fn a_plan(account: AccountId) -> PaymentPlan {
    PaymentPlan {
        id: id(),
        account_id: account,
        total_minor: i64::MAX,
        currency: Currency::USD,
        frequency: Frequency::Biweekly,
        pay_by: PayBy::Saved,
        status: PlanStatus::Completed,
        installments: 3,
        completed_count: 2,
        failed_count: 1,
        next_on: Some(day("2026-06-30")),
        created_by: Some(id()),
        created_at: at(5),
        updated_at: at(6),
    }
}
pub(super) fn a_scheduled(account: AccountId, plan: Option<PlanId>) -> ScheduledPayment {
    ScheduledPayment {
        id: id(),
        account_id: account,
        plan_id: plan,
        number: 2,
        amount_minor: 2_500,
        currency: Currency::USD,
        due_on: day("2026-06-30"),
        pay_by: PayBy::Saved,
        customer_id: Some("cus_1".to_owned()),
        payment_method: Some("pm_1".to_owned()),
        status: ScheduledStatus::Pending,
        attempts: 1,
        max_attempts: 3,
        charge_minor: Some(2_400),
        claimed_at: Some(at(7)),
        vendor_payment_id: Some("pi_1".to_owned()),
        last_error: Some("card_declined".to_owned()),
        completed_at: Some(at(8)),
        created_at: at(5),
        updated_at: at(8),
    }
}
fn a_collected(account: AccountId) -> CollectionPayment {
    CollectionPayment {
        id: id(),
        account_id: account,
        plan_id: None,
        scheduled_payment_id: None,
        amount_minor: 2_400,
        currency: Currency::USD,
        pay_by: PayBy::Manual,
        vendor: Some("sandbox".to_owned()),
        vendor_payment_id: Some(fresh::<CollectionPayment>("pi")),
        reference: Some("cheque 7".to_owned()),
        live: false,
        paid_at: at(8),
        recorded_by: Some(id()),
        created_at: at(9),
    }
}
fn an_authorization(account: AccountId) -> PaymentAuthorization {
    PaymentAuthorization {
        id: id(),
        account_id: account,
        payment_method: "pm_1".to_owned(),
        form: AuthorizationForm::Recorded,
        recurring: true,
        most_minor: 5_000,
        evidence: "recording 3".to_owned(),
        call_id: Some(id()),
        given_at: at(1),
        copy_sent_at: Some(at(2)),
        revoked_at: Some(at(3)),
        recorded_by: Some(id()),
        created_at: at(4),
    }
}
fn a_task(account: AccountId) -> Task {
    Task {
        id: id(),
        account_id: account,
        kind: TaskKind::Promise,
        title: "Call \"Joe\"".to_owned(),
        notes: Some("after noon".to_owned()),
        due_at: Some(at(99)),
        status: TaskStatus::InProgress,
        assigned_to: Some(id()),
        source: Some(fresh::<Task>("payment")),
        created_by: Some(id()),
        completed_at: Some(at(98)),
        created_at: at(5),
        updated_at: at(6),
    }
}
fn a_score(account: AccountId, score: i64, seconds: i64) -> LikelihoodScore {
    let factors = Factors { payment_history: Factor { value_bp: 9_000, weight: 30 }, ..Factors::default() };
    LikelihoodScore { id: id(), account_id: account, score, factors, scored_at: at(seconds) }
}
fn a_billing_account() -> BillingAccount {
    BillingAccount {
        id: id(),
        vendor: "sandbox".to_owned(),
        customer_id: fresh::<BillingAccount>("cus"),
        email: Some("money@example.org".to_owned()),
        subscription_id: Some("sub_1".to_owned()),
        subscription_status: Some(SubscriptionState::PastDue),
        plan: Some(Plan::Business),
        default_method: Some("pm_1".to_owned()),
        default_at: Some(at(1)),
        synced_at: Some(at(2)),
        created_at: at(1),
        updated_at: at(2),
    }
}
fn a_subscription() -> KnownSubscription {
    KnownSubscription {
        id: id(),
        vendor: "sandbox".to_owned(),
        vendor_id: fresh::<KnownSubscription>("sub"),
        status: SubscriptionState::Trialing,
        plan: Some(Plan::Pro),
        plan_at: Some(at(1)),
        price_id: Some("price_1".to_owned()),
        amount_minor: Some(4_900),
        currency: Some(Currency::USD),
        cancel_at_period_end: true,
        period_ends: Some(at(99)),
        began_at: at(1),
        seen_at: at(2),
        seen_rank: -1,
        seen_event: "evt_1".to_owned(),
        created_at: at(3),
    }
}
fn an_invoice(failed: Option<i64>) -> KnownInvoice {
    KnownInvoice {
        id: id(),
        vendor: "sandbox".to_owned(),
        vendor_id: fresh::<KnownInvoice>("in"),
        subscription_id: Some("sub_1".to_owned()),
        number: Some("A-1".to_owned()),
        status: InvoiceState::Open,
        due_minor: 4_900,
        paid_minor: 0,
        currency: Currency::USD,
        attempts: 2,
        next_attempt_at: Some(at(50)),
        failed_at: failed.map(at),
        url: Some("https://example.org/i".to_owned()),
        pdf_url: Some("https://example.org/i.pdf".to_owned()),
        billed_at: Some(at(2)),
        seen_at: at(9),
        seen_rank: 3,
        seen_event: "evt_2".to_owned(),
        created_at: at(3),
    }
}
fn a_billing_note(event: &str) -> BillingNote {
    BillingNote {
        id: id(),
        vendor: "sandbox".to_owned(),
        event_id: event.to_owned(),
        kind: BillingNoteKind::PaymentFailed,
        subject: "in_1".to_owned(),
        amount_minor: Some(4_900),
        currency: Some(Currency::USD),
        at: at(9),
        created_at: at(10),
    }
}
fn a_step(invoice: Id<KnownInvoice>, level: DunningLevel, next: Option<i64>) -> DunningStep {
    DunningStep {
        id: id(),
        invoice_id: invoice,
        attempt_number: 2,
        level,
        action: DunningAction::Mailed,
        next_action_at: next.map(at),
        resolved_at: None,
        created_at: at(11),
    }
}
fn a_day(text: &str, calls: i64) -> UsageStats {
    UsageStats {
        id: id(),
        day: day(text),
        total_calls: calls,
        total_duration_seconds: 61,
        total_recordings: 1,
        updated_at: at(12),
    }
}

/// Every field of every record, full and empty.
pub async fn every_record_of_money_comes_back_as_it_went(store: &dyn Store) {
    let t = tenant(store).await;
    let plan = a_plan(t.account);
    let bare = PaymentPlan { next_on: None, created_by: None, ..a_plan(t.account) };
    comes_back(store, t.org, &[plan.clone(), bare]).await;
    let bare = ScheduledPayment {
        customer_id: None,
        payment_method: None,
        charge_minor: None,
        claimed_at: None,
        vendor_payment_id: None,
        last_error: None,
        completed_at: None,
        ..a_scheduled(t.account, None)
    };
    let full = a_scheduled(t.account, Some(plan.id));
    comes_back(store, t.org, &[full.clone(), bare]).await;
    let booked =
        CollectionPayment { plan_id: Some(plan.id), scheduled_payment_id: Some(full.id), ..a_collected(t.account) };
    let bare = CollectionPayment {
        vendor: None,
        vendor_payment_id: None,
        reference: None,
        recorded_by: None,
        ..a_collected(t.account)
    };
    comes_back(store, t.org, &[booked, bare.clone(), CollectionPayment { id: id(), ..bare }]).await;
    let bare = PaymentAuthorization {
        call_id: None,
        copy_sent_at: None,
        revoked_at: None,
        recorded_by: None,
        ..an_authorization(t.account)
    };
    comes_back(store, t.org, &[an_authorization(t.account), bare]).await;
    let bare = Task {
        notes: None,
        due_at: None,
        assigned_to: None,
        source: None,
        created_by: None,
        completed_at: None,
        ..a_task(t.account)
    };
    comes_back(store, t.org, &[a_task(t.account), bare.clone(), Task { id: id(), ..bare }]).await;
    comes_back(store, t.org, &[a_score(t.account, 100, 3)]).await;
    comes_back(store, t.org, &[CollectionSettings { id: id(), prevention_threshold: 99, updated_at: at(1) }]).await;
    comes_back(store, t.org, &[a_billing_account()]).await;
    let other = tenant(store).await;
    let bare = BillingAccount {
        email: None,
        subscription_id: None,
        subscription_status: None,
        plan: None,
        default_method: None,
        default_at: None,
        synced_at: None,
        ..a_billing_account()
    };
    comes_back(store, other.org, &[bare]).await;
    let bare = KnownSubscription {
        plan: None,
        plan_at: None,
        price_id: None,
        amount_minor: None,
        currency: None,
        period_ends: None,
        cancel_at_period_end: false,
        ..a_subscription()
    };
    comes_back(store, t.org, &[a_subscription(), bare]).await;
    let bare = KnownInvoice {
        subscription_id: None,
        number: None,
        next_attempt_at: None,
        url: None,
        pdf_url: None,
        billed_at: None,
        ..an_invoice(None)
    };
    let invoice = an_invoice(Some(8));
    comes_back(store, t.org, &[invoice.clone(), bare]).await;
    let bare = BillingNote { amount_minor: None, currency: None, ..a_billing_note("b") };
    comes_back(store, t.org, &[a_billing_note("a"), bare]).await;
    let resolved = DunningStep {
        resolved_at: Some(at(20)),
        next_action_at: None,
        ..a_step(invoice.id, DunningLevel::Suspension, None)
    };
    comes_back(store, t.org, &[a_step(invoice.id, DunningLevel::Reminder, Some(15)), resolved]).await;
    comes_back(store, t.org, &[a_day("2026-02-28", 7), a_day("1999-12-31", 0)]).await;
}

/// Rules of the database about enums know every member.
pub async fn every_text_of_moneys_enums_can_be_kept(store: &dyn Store) {
    let t = tenant(store).await;
    let invoice = an_invoice(None);
    org!(store, t.org, |tx| {
        for frequency in Frequency::ALL {
            tx.insert(&PaymentPlan { frequency: *frequency, ..a_plan(t.account) }).await.expect("a frequency");
        }
        for status in PlanStatus::ALL {
            tx.insert(&PaymentPlan { status: *status, ..a_plan(t.account) }).await.expect("a status");
        }
        for pay_by in PayBy::ALL {
            tx.insert(&PaymentPlan { pay_by: *pay_by, ..a_plan(t.account) }).await.expect("a way");
            tx.insert(&ScheduledPayment { pay_by: *pay_by, ..a_scheduled(t.account, None) }).await.expect("a way");
            tx.insert(&CollectionPayment { pay_by: *pay_by, ..a_collected(t.account) }).await.expect("a way");
        }
        for status in ScheduledStatus::ALL {
            tx.insert(&ScheduledPayment { status: *status, ..a_scheduled(t.account, None) }).await.expect("a status");
        }
        for form in AuthorizationForm::ALL {
            tx.insert(&PaymentAuthorization { form: *form, ..an_authorization(t.account) }).await.expect("a form");
        }
        for kind in TaskKind::ALL {
            tx.insert(&Task { kind: *kind, ..a_task(t.account) }).await.expect("a kind");
        }
        for status in TaskStatus::ALL {
            tx.insert(&Task { status: *status, ..a_task(t.account) }).await.expect("a status");
        }
        for status in SubscriptionState::ALL {
            tx.insert(&KnownSubscription { status: *status, ..a_subscription() }).await.expect("a status");
        }
        for plan in Plan::ALL {
            tx.insert(&KnownSubscription { plan: Some(*plan), ..a_subscription() }).await.expect("a plan");
        }
        for status in InvoiceState::ALL {
            tx.insert(&KnownInvoice { status: *status, ..an_invoice(None) }).await.expect("a status");
        }
        for kind in BillingNoteKind::ALL {
            tx.insert(&BillingNote { kind: *kind, ..a_billing_note(kind.as_str()) }).await.expect("a kind");
        }
        tx.insert(&invoice).await.expect("added");
        for level in DunningLevel::ALL {
            tx.insert(&a_step(invoice.id, *level, None)).await.expect("a level");
        }
        let account = a_billing_account();
        tx.insert(&account).await.expect("added");
        for state in SubscriptionState::ALL {
            let account = BillingAccount { subscription_status: Some(*state), ..account.clone() };
            tx.update(&account).await.expect("a status");
        }
        for plan in Plan::ALL {
            tx.update(&BillingAccount { plan: Some(*plan), ..account.clone() }).await.expect("a plan");
        }
    });
    for action in DunningAction::ALL {
        let invoice = an_invoice(None);
        org!(store, t.org, |tx| {
            tx.insert(&invoice).await.expect("added");
            let step = DunningStep { action: *action, ..a_step(invoice.id, DunningLevel::Warning, None) };
            tx.insert(&step).await.expect("an action");
        });
    }
    system!(store, |tx| {
        for outcome in RunOutcome::ALL {
            let run = JobRun {
                id: id(),
                job: "sweep".to_owned(),
                node: String::new(),
                due_at: at(0),
                started_at: at(0),
                ended_at: None,
                outcome: *outcome,
                processed: 0,
                errors: 0,
                error: None,
            };
            tx.put_run(&run).await.expect("an outcome");
        }
    });
}

/// Every question, asked by the wrong organisation about the right ids; rows that would reach over.
pub async fn money_is_one_tenants(store: &dyn Store) {
    let (ours, theirs) = (tenant(store).await, tenant(store).await);
    let plan = PaymentPlan { status: PlanStatus::Active, ..a_plan(ours.account) };
    let payment = a_scheduled(ours.account, Some(plan.id));
    let (task, booked, invoice) = (a_task(ours.account), a_collected(ours.account), an_invoice(Some(8)));
    let subscription = a_subscription();
    org!(store, ours.org, |tx| {
        tx.insert(&plan).await.expect("added");
        tx.insert(&payment).await.expect("added");
        tx.insert(&task).await.expect("added");
        tx.insert(&booked).await.expect("added");
        tx.insert(&an_authorization(ours.account)).await.expect("added");
        tx.put_score(&a_score(ours.account, 10, 5)).await.expect("added");
        tx.insert(&CollectionSettings { id: id(), prevention_threshold: 40, updated_at: at(1) }).await.expect("added");
        tx.insert(&a_billing_account()).await.expect("added");
        tx.insert(&subscription).await.expect("added");
        tx.insert(&invoice).await.expect("added");
        tx.insert(&a_step(invoice.id, DunningLevel::Reminder, None)).await.expect("added");
        tx.put_usage_stats(&a_day("2026-06-01", 3)).await.expect("added");
    });
    let all = Stretch { limit: 9, offset: 0 };
    for (org, mine) in [(ours.org, true), (theirs.org, false)] {
        let n = i64::from(mine);
        let many = usize::from(mine);
        org!(store, org, |tx| {
            assert_eq!(tx.lock_plan(plan.id).await.expect("read").is_some(), mine);
            assert_eq!(tx.lock_scheduled(payment.id).await.expect("read").is_some(), mine);
            assert_eq!(tx.active_plan(ours.account).await.expect("read").is_some(), mine);
            assert_eq!(tx.payments_of_plan(plan.id, 9).await.expect("read").len(), many);
            assert_eq!(tx.authorizations(ours.account, 9).await.expect("read").len(), many);
            let vendor_id = booked.vendor_payment_id.as_deref().expect("it has one");
            assert_eq!(tx.collected("sandbox", vendor_id).await.expect("read"), mine);
            assert_eq!(tx.list_plans(None, None, all).await.expect("read").total, n);
            assert_eq!(tx.list_scheduled(ScheduledFilter::default(), all).await.expect("read").total, n);
            assert_eq!(tx.list_collected(None, all).await.expect("read").total, n);
            assert_eq!(tx.lock_task(task.id).await.expect("read").is_some(), mine);
            assert_eq!(tx.list_tasks(None, None, all).await.expect("read").total, n);
            assert_eq!(tx.score_of(ours.account).await.expect("read").is_some(), mine);
            assert_eq!(tx.accounts_at_risk(35, at(0), 9).await.expect("read").len(), many);
            assert_eq!(tx.collection_settings().await.expect("read").is_some(), mine);
            assert_eq!(tx.histories(Some(ours.account), at(0), at(9), 9).await.expect("read").len(), many);
            assert_eq!(tx.histories(None, at(0), at(9), 9).await.expect("read").len(), 1, "each has an account");
            assert_eq!(tx.billing_account().await.expect("read").is_some(), mine);
            assert_eq!(tx.lock_billing_account().await.expect("read").is_some(), mine);
            let found = tx.subscription_of("sandbox", &subscription.vendor_id).await.expect("read");
            assert_eq!(found.is_some(), mine);
            assert_eq!(tx.subscriptions(9).await.expect("read").len(), many);
            assert_eq!(tx.invoice_of("sandbox", &invoice.vendor_id).await.expect("read").is_some(), mine);
            assert_eq!(tx.known_invoices(9).await.expect("read").len(), many);
            assert_eq!(tx.overdue_invoices(at(0), 9).await.expect("read").len(), many);
            assert_eq!(tx.dunning_of(invoice.id).await.expect("read").len(), many);
            assert_eq!(tx.usage_stats(day("2026-06-01"), day("2026-06-01"), 9).await.expect("read").len(), many);
        });
    }
    org!(store, theirs.org, |tx| assert_eq!(tx.resolve_dunning(invoice.id, at(30)).await.expect("read"), 0));
    for row in [a_scheduled(ours.account, None), a_scheduled(theirs.account, Some(plan.id))] {
        let mut tx = store.org(theirs.org).await.expect("a transaction opens");
        assert!(tx.insert(&row).await.is_err(), "a debt or a plan of another organisation");
    }
    let mut tx = store.org(theirs.org).await.expect("a transaction opens");
    assert!(tx.insert(&a_task(ours.account)).await.is_err());
    drop(tx);
    let mut tx = store.org(theirs.org).await.expect("a transaction opens");
    assert!(tx.insert(&a_collected(ours.account)).await.is_err());
}

/// What is unique, each tried twice.
pub async fn unique_rules_of_money_answer_with_a_conflict(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    macro_rules! twice {
        ($first:expr, $second:expr) => {{
            let (first, second) = ($first, $second);
            org!(store, t.org, |tx| tx.insert(&first).await.expect("the first is added"));
            let mut tx = store.org(t.org).await.expect("a transaction opens");
            assert_eq!(kind_of(tx.insert(&second).await), Kind::Conflict, "{second:?}");
        }};
    }
    let active = || PaymentPlan { status: PlanStatus::Active, ..a_plan(t.account) };
    twice!(active(), active());
    let payment = a_scheduled(t.account, None);
    org!(store, t.org, |tx| tx.insert(&payment).await.expect("added"));
    let booked = || CollectionPayment { scheduled_payment_id: Some(payment.id), ..a_collected(t.account) };
    twice!(booked(), booked());
    let once = || CollectionPayment { vendor_payment_id: Some("pi_same".to_owned()), ..a_collected(t.account) };
    twice!(once(), once());
    let task = || Task { source: Some("same".to_owned()), ..a_task(t.account) };
    twice!(task(), task());
    org!(store, t.org, |tx| {
        assert!(!tx.note_task(&task()).await.expect("asked"), "known, and no fault");
        assert!(tx.note_task(&Task { source: Some("else".to_owned()), ..task() }).await.expect("asked"));
    });
    twice!(a_score(t.account, 1, 1), a_score(t.account, 2, 2));
    twice!(a_billing_note("same"), a_billing_note("same"));
    org!(store, t.org, |tx| {
        assert!(!tx.note_billing(&a_billing_note("same")).await.expect("asked"));
        assert!(tx.note_billing(&a_billing_note("new")).await.expect("asked"));
    });
    let invoice = an_invoice(None);
    org!(store, t.org, |tx| tx.insert(&invoice).await.expect("added"));
    twice!(a_step(invoice.id, DunningLevel::Warning, None), a_step(invoice.id, DunningLevel::Warning, None));
    let account = a_billing_account();
    org!(store, t.org, |tx| {
        assert!(tx.note_billing_account(&account).await.expect("added"));
        assert!(!tx.note_billing_account(&a_billing_account()).await.expect("asked"), "an organisation has one");
    });
    org!(store, other.org, |tx| {
        let taken = BillingAccount { id: id(), ..account.clone() };
        assert!(!tx.note_billing_account(&taken).await.expect("asked"), "the customer is another's");
        assert_eq!(tx.billing_account().await.expect("read"), None);
    });
    // What was paid and told is only added.
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert!(tx.insert(&booked()).await.is_err());
}

/// Across organisations.
pub async fn payments_are_due_oldest_first_and_doubtful_when_asked_long_ago(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let on = |t: &Tenant, due: &str| ScheduledPayment { due_on: day(due), ..a_scheduled(t.account, None) };
    let (late, early) = (on(&t, "2026-06-02"), on(&other, "2026-06-01"));
    let tired = ScheduledPayment { attempts: 3, ..on(&t, "2026-05-01") };
    let asked = |seconds| ScheduledPayment {
        status: ScheduledStatus::Processing,
        claimed_at: Some(at(seconds)),
        ..on(&t, "2026-06-01")
    };
    let (long, lately) = (asked(10), asked(50));
    org!(store, other.org, |tx| tx.insert(&early).await.expect("added"));
    org!(store, t.org, |tx| {
        for row in [&late, &tired, &on(&t, "2026-06-03"), &long, &lately] {
            tx.insert(row).await.expect("added");
        }
        let paid = ScheduledPayment { status: ScheduledStatus::Completed, ..on(&t, "2026-06-01") };
        tx.insert(&paid).await.expect("added");
    });
    let owner = |t: &Tenant, row: &ScheduledPayment| Owner { organization_id: t.org, record: row.id.uuid() };
    system!(store, |tx| {
        let due = tx.due_payments(day("2026-06-02"), 9).await.expect("read");
        assert_eq!(due, [owner(&other, &early), owner(&t, &late)]);
        assert_eq!(tx.due_payments(day("2026-06-02"), 1).await.expect("read"), [owner(&other, &early)]);
        assert!(tx.due_payments(day("2026-05-31"), 9).await.expect("read").is_empty());
        assert_eq!(tx.doubtful_payments(at(10), 9).await.expect("read"), [owner(&t, &long)]);
        let both = tx.doubtful_payments(at(99), 9).await.expect("read");
        assert_eq!(both, [owner(&t, &long), owner(&t, &lately)]);
        assert_eq!(tx.doubtful_payments(at(99), 1).await.expect("read").len(), 1);
    });
}

/// Newest first, filtered, with true totals; changed behind a lock.
pub async fn plans_payments_and_tasks_are_listed_and_locked(store: &dyn Store) {
    let t = tenant(store).await;
    let second = an_account(t.person);
    let plan = a_plan(t.account);
    org!(store, t.org, |tx| {
        tx.insert(&second).await.expect("added");
        tx.insert(&plan).await.expect("added");
        for n in 0..5 {
            let created_at = at(100 + n);
            let account = if n < 3 { t.account } else { second.id };
            let status = if n == 0 { PlanStatus::Canceled } else { PlanStatus::Completed };
            tx.insert(&PaymentPlan { created_at, status, ..a_plan(account) }).await.expect("added");
            let (plan_id, due_on) = ((n < 2).then_some(plan.id), day(&format!("2026-06-0{}", n + 1)));
            let status = if n == 4 { ScheduledStatus::Failed } else { ScheduledStatus::Pending };
            let row = ScheduledPayment { number: 9 - n, due_on, status, ..a_scheduled(account, plan_id) };
            tx.insert(&row).await.expect("added");
            tx.insert(&CollectionPayment { created_at, ..a_collected(account) }).await.expect("added");
            let status = if n == 4 { TaskStatus::Pending } else { TaskStatus::Completed };
            tx.insert(&Task { created_at, status, ..a_task(account) }).await.expect("added");
        }
    });
    let (some, all) = (Stretch { limit: 2, offset: 1 }, Stretch { limit: 9, offset: 0 });
    org!(store, t.org, |tx| {
        let page = tx.list_plans(Some(second.id), None, some).await.expect("read");
        assert_eq!((page.items.len(), page.total), (1, 2));
        assert_eq!(tx.list_plans(None, Some(PlanStatus::Canceled), all).await.expect("read").total, 1);
        let page = tx.list_plans(None, None, all).await.expect("read");
        assert!(page.items.is_sorted_by_key(|row| std::cmp::Reverse((row.created_at, row.id))));
        let filter = ScheduledFilter { account: Some(t.account), ..ScheduledFilter::default() };
        let page = tx.list_scheduled(filter, some).await.expect("read");
        assert_eq!(page.items.iter().map(|row| row.due_on).collect::<Vec<_>>(), [day("2026-06-02"), day("2026-06-01")]);
        assert_eq!(page.total, 3);
        for (filter, total) in [
            (ScheduledFilter { plan: Some(plan.id), ..ScheduledFilter::default() }, 2),
            (ScheduledFilter { status: Some(ScheduledStatus::Failed), ..ScheduledFilter::default() }, 1),
            (ScheduledFilter { day: Some(day("2026-06-03")), ..ScheduledFilter::default() }, 1),
            (ScheduledFilter { day: Some(day("2026-07-03")), ..ScheduledFilter::default() }, 0),
        ] {
            assert_eq!(tx.list_scheduled(filter, all).await.expect("read").total, total, "{filter:?}");
        }
        let numbers: Vec<_> = tx.payments_of_plan(plan.id, 9).await.expect("read").iter().map(|p| p.number).collect();
        assert_eq!(numbers, [8, 9]);
        assert_eq!(tx.list_collected(Some(second.id), all).await.expect("read").total, 2);
        assert_eq!(tx.list_tasks(Some(second.id), Some(TaskStatus::Pending), all).await.expect("read").total, 1);
        let task = tx.list_tasks(None, Some(TaskStatus::Pending), all).await.expect("read").items.remove(0);
        let held = tx.lock_task(task.id).await.expect("read").expect("it is there");
        assert_eq!(held, task);
        tx.update(&Task { status: TaskStatus::Cancelled, ..held }).await.expect("changed");
        assert_eq!(tx.list_tasks(None, Some(TaskStatus::Pending), all).await.expect("read").total, 0);
    });
}

/// Calls, payments, moods and promises of one account, and of the largest debts.
pub async fn what_happened_with_accounts_is_read(store: &dyn Store) {
    let t = tenant(store).await;
    let owed = |minor, status| Account { balance_minor: minor, status, ..an_account(t.person) };
    let (large, small) = (owed(900, AccountStatus::Partial), owed(100, AccountStatus::Active));
    let closed = owed(5_000, AccountStatus::Archived);
    let blank = |account: AccountId, made: i64| Call {
        created_at: at(made),
        answered_at: None,
        ended_at: Some(at(made + 30)),
        ..a_call(t.org, Some(t.person), Some(account))
    };
    org!(store, t.org, |tx| {
        for account in [&large, &small, &closed] {
            tx.insert(account).await.expect("added");
        }
        for (minor, paid) in [(200, 10), (300, 20)] {
            let row = CollectionPayment { amount_minor: minor, paid_at: at(paid), ..a_collected(large.id) };
            tx.insert(&row).await.expect("added");
        }
        // Answered after 10 s, talked 20 s and a bit; not answered; inbound; too old.
        let talked = Call { answered_at: Some(at(110)), ended_at: Some(at(130)), ..blank(large.id, 100) };
        for (call, mood) in [
            (talked, Some(Sentiment::Positive)),
            (blank(large.id, 101), Some(Sentiment::Negative)),
            (Call { direction: Direction::Inbound, ..blank(large.id, 102) }, Some(Sentiment::Neutral)),
            (blank(large.id, 50), Some(Sentiment::Negative)),
            (blank(large.id, 103), None),
        ] {
            tx.insert(&call).await.expect("added");
            if let Some(sentiment) = mood {
                let recording = a_recording(call.id);
                let transcript = a_transcript(call.id, recording.id, 1);
                tx.insert(&recording).await.expect("added");
                tx.insert(&transcript).await.expect("added");
                let mut analysis = an_analysis(call.id, transcript.id);
                analysis.insight.sentiment = Some(sentiment);
                tx.insert(&analysis).await.expect("added");
            }
        }
        let promise = |status, due| Task { status, due_at: Some(at(due)), ..a_task(large.id) };
        for task in [
            promise(TaskStatus::Completed, 900),
            promise(TaskStatus::Pending, 190),
            promise(TaskStatus::Pending, 210),
            promise(TaskStatus::Cancelled, 190),
            Task { kind: TaskKind::Followup, ..promise(TaskStatus::Completed, 190) },
        ] {
            tx.insert(&task).await.expect("added");
        }
    });
    let expected = History {
        owed_minor: 900,
        paid_minor: 500,
        payments: 2,
        last_paid_at: Some(at(20)),
        calls: 3,
        answered: 1,
        talk_seconds: 20,
        positive: 1,
        negative: 1,
        kept: 1,
        promises: 2,
    };
    let none = History { owed_minor: 100, ..History::default() };
    org!(store, t.org, |tx| {
        let one = tx.histories(Some(large.id), at(60), at(200), 1).await.expect("read");
        assert_eq!(one, [(large.id, expected.clone())]);
        let two = tx.histories(None, at(60), at(200), 2).await.expect("read");
        assert_eq!(two, [(large.id, expected.clone()), (small.id, none.clone())], "the largest of the open ones");
        let named = tx.histories(Some(closed.id), at(60), at(200), 1).await.expect("read");
        assert_eq!(named.len(), 1, "one that is asked for by name is read whatever its status");
        assert!(tx.histories(Some(id()), at(60), at(200), 1).await.expect("read").is_empty());
    });
}

/// Open, low, fresh, and not looked at by anybody yet.
pub async fn accounts_at_risk_are_found_once(store: &dyn Store) {
    let t = tenant(store).await;
    let accounts: Vec<_> = (0..5).map(|_| an_account(t.person)).collect();
    let paid = Account { status: AccountStatus::Paid, ..an_account(t.person) };
    let review = |account, status| Task { kind: TaskKind::PreventionReview, status, ..a_task(account) };
    org!(store, t.org, |tx| {
        for account in accounts.iter().chain([&paid]) {
            tx.insert(account).await.expect("added");
        }
        for (account, score, seconds) in [
            (accounts[0].id, 34, 50),
            (accounts[1].id, 35, 50),
            (accounts[2].id, 5, 50),
            (accounts[3].id, 5, 40),
            (accounts[4].id, 20, 50),
            (paid.id, 1, 50),
        ] {
            let first = tx.put_score(&a_score(account, 90, 1)).await.expect("added");
            let replaced = tx.put_score(&a_score(account, score, seconds)).await.expect("replaced");
            assert_eq!((replaced.id, replaced.score), (first.id, score));
        }
        tx.insert(&review(accounts[4].id, TaskStatus::InProgress)).await.expect("added");
        tx.insert(&review(accounts[0].id, TaskStatus::Completed)).await.expect("added");
        tx.insert(&Task { kind: TaskKind::Review, ..review(accounts[2].id, TaskStatus::Pending) })
            .await
            .expect("added");
        assert_eq!(tx.score_of(accounts[1].id).await.expect("read").map(|s| s.score), Some(35));
        let found = tx.accounts_at_risk(35, at(45), 9).await.expect("read");
        assert_eq!(found, [(accounts[2].id, 5), (accounts[0].id, 34)]);
        assert_eq!(tx.accounts_at_risk(35, at(45), 1).await.expect("read"), [(accounts[2].id, 5)]);
    });
}

/// Replaced when it is added up again.
pub async fn a_days_usage_is_kept_once(store: &dyn Store) {
    let t = tenant(store).await;
    org!(store, t.org, |tx| {
        for (day, calls) in [("2026-06-02", 5), ("2026-06-01", 1), ("2026-06-01", 2)] {
            tx.put_usage_stats(&a_day(day, calls)).await.expect("kept");
        }
        let read = tx.usage_stats(day("2026-05-31"), day("2026-06-02"), 9).await.expect("read");
        assert_eq!(
            read.iter().map(|s| (s.day, s.total_calls)).collect::<Vec<_>>(),
            [(day("2026-06-01"), 2), (day("2026-06-02"), 5)]
        );
        assert_eq!(tx.usage_stats(day("2026-06-02"), day("2026-06-09"), 9).await.expect("read").len(), 1);
    });
}

/// By organisation, from an instant until before another.
pub async fn calls_of_a_day_are_added_up(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let call = |t: &Tenant, made: i64, ended: Option<i64>| Call {
        created_at: at(made),
        ended_at: ended.map(at),
        ..a_call(t.org, None, None)
    };
    let recorded = call(&t, 1_000, Some(1_061));
    org!(store, t.org, |tx| {
        tx.insert(&recorded).await.expect("added");
        tx.insert(&a_recording(recorded.id)).await.expect("added");
        tx.insert(&a_recording(recorded.id)).await.expect("a second of the same call");
        tx.insert(&call(&t, 1_999, None)).await.expect("added");
        tx.insert(&call(&t, 2_000, Some(2_100))).await.expect("added");
        tx.insert(&call(&t, 999, Some(1_100))).await.expect("added");
    });
    org!(store, other.org, |tx| tx.insert(&call(&other, 1_500, Some(1_510))).await.expect("added"));
    system!(store, |tx| {
        let mut sums = tx.sums_of_calls(at(1_000), at(2_000)).await.expect("read");
        sums.sort();
        let mut expected = vec![
            (t.org, DaySum { calls: 2, seconds: 61, recordings: 1 }),
            (other.org, DaySum { calls: 1, seconds: 10, recordings: 0 }),
        ];
        expected.sort();
        assert_eq!(sums, expected);
        assert!(tx.sums_of_calls(at(50_000), at(60_000)).await.expect("read").is_empty());
    });
}

/// Failed, recorded, lately ended, at rest, and without a message.
pub async fn failed_transcripts_that_nothing_works_on_are_found(store: &dyn Store) {
    let t = tenant(store).await;
    let failed = |call, recording| TranscriptJob {
        status: TranscriptStatus::Failed,
        vendor_id: None,
        ..a_transcript_job(call, recording)
    };
    let mut jobs = vec![];
    for (status, failures, ended, updated) in [
        (TranscriptStatus::Failed, 1, Some(500), 510),
        (TranscriptStatus::FailedPermanent, 1, Some(500), 510),
        (TranscriptStatus::Failed, 4, Some(500), 510),
        (TranscriptStatus::Failed, 1, Some(10), 510),
        (TranscriptStatus::Failed, 1, None, 510),
        (TranscriptStatus::Failed, 1, Some(500), 900),
        (TranscriptStatus::Failed, 3, Some(500), 510),
    ] {
        let ended_at = ended.map(at);
        let call = Call { ended_at, updated_at: at(updated), ..a_call(t.org, None, None) };
        let recording = a_recording(call.id);
        let job = TranscriptJob { status, failures, created_at: at(600), ..failed(call.id, recording.id) };
        org!(store, t.org, |tx| {
            tx.insert(&call).await.expect("added");
            tx.insert(&recording).await.expect("added");
            tx.insert(&job).await.expect("added");
        });
        jobs.push(job);
    }
    let ask = async || {
        system!(store, |tx| {
            let mut found = tx.failed_transcripts(at(100), at(800), 3, 9).await.expect("read");
            found.sort_by_key(|owner| owner.record);
            found.into_iter().map(|owner| owner.record).collect::<Vec<_>>()
        })
    };
    let mut both = vec![jobs[0].id.uuid(), jobs[6].id.uuid()];
    both.sort();
    assert_eq!(ask().await, both);
    let message = |job: &TranscriptJob| NewMessage {
        payload: json!({"job_id": job.id}),
        ..a_message(Topic::SubmitTranscript, &format!("{}:1", job.id), 0)
    };
    org!(store, t.org, |tx| tx.enqueue(&message(&jobs[0])).await.expect("queued"));
    assert_eq!(ask().await, [jobs[6].id.uuid()], "something works on the other");
    system!(store, |tx| {
        let leased = tx.lease(at(1), hour(), 9).await.expect("leased");
        tx.bury(&leased[0], at(790), "no").await.expect("buried");
    });
    assert_eq!(ask().await, both, "a dead letter works on nothing");
    system!(store, |tx| {
        let found = tx.failed_transcripts(at(100), at(800), 3, 1).await.expect("read");
        assert_eq!(found.len(), 1);
        assert!(tx.failed_transcripts(at(100), at(780), 3, 9).await.expect("read").len() == 1, "given up just now");
    });
}

/// By the vendor's name; the plan follows the account when it says one.
pub async fn customers_lead_to_their_organisation_and_its_plan(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let account = a_billing_account();
    org!(store, t.org, |tx| tx.insert(&account).await.expect("added"));
    org!(store, other.org, |tx| {
        tx.insert(&BillingAccount { plan: None, ..a_billing_account() }).await.expect("added");
    });
    system!(store, |tx| {
        let found = tx.organization_of_customer("sandbox", &account.customer_id).await.expect("read");
        assert_eq!(found, Some(t.org));
        assert_eq!(tx.organization_of_customer("other", &account.customer_id).await.expect("read"), None);
        for org in [t.org, other.org, id()] {
            tx.follow_plan(org).await.expect("followed");
        }
        let plan = async |tx: &mut dyn crate::store::SystemTx, org| {
            tx.organization(org).await.expect("read").expect("it is there").plan
        };
        assert_eq!(plan(&mut *tx, t.org).await, Plan::Business);
        assert_eq!(plan(&mut *tx, other.org).await, Plan::Pro, "nobody says one");
        let user = a_user();
        tx.insert_user(&user).await.expect("added");
        for (user_id, role, seconds) in [(t.user, Role::Owner, 9), (user.id, Role::Admin, 1)] {
            let member = Member { id: id(), organization_id: t.org, user_id, role, created_at: at(seconds) };
            tx.insert_member(&member).await.expect("added");
        }
        let owner = tx.user(t.user).await.expect("read").expect("it is there");
        assert_eq!(tx.owners_addresses(t.org, 9).await.expect("read"), [owner.email]);
        assert!(tx.owners_addresses(other.org, 9).await.expect("read").is_empty());
    });
}

/// Past due, declined lately, unpaid, and no step that still waits.
pub async fn overdue_invoices_are_dunned_when_it_is_time(store: &dyn Store) {
    let mut tenants = vec![];
    for (state, failed, status, step) in [
        (SubscriptionState::PastDue, Some(100), InvoiceState::Open, None),
        (SubscriptionState::PastDue, Some(100), InvoiceState::Open, Some((DunningLevel::Reminder, Some(150)))),
        (SubscriptionState::PastDue, Some(100), InvoiceState::Open, Some((DunningLevel::Reminder, Some(151)))),
        (SubscriptionState::PastDue, Some(100), InvoiceState::Open, Some((DunningLevel::Suspension, None))),
        (SubscriptionState::PastDue, Some(49), InvoiceState::Open, None),
        (SubscriptionState::PastDue, None, InvoiceState::Open, None),
        (SubscriptionState::PastDue, Some(100), InvoiceState::Paid, None),
        (SubscriptionState::Active, Some(100), InvoiceState::Open, None),
    ] {
        let t = tenant(store).await;
        let invoice = KnownInvoice { status, ..an_invoice(failed) };
        org!(store, t.org, |tx| {
            tx.insert(&BillingAccount { subscription_status: Some(state), ..a_billing_account() })
                .await
                .expect("added");
            tx.insert(&invoice).await.expect("added");
            if let Some((level, next)) = step {
                tx.insert(&a_step(invoice.id, level, next)).await.expect("added");
            }
        });
        tenants.push((t.org, invoice));
    }
    let mut expected = vec![tenants[0].0, tenants[1].0];
    expected.sort();
    system!(store, |tx| {
        assert_eq!(tx.organizations_to_dun(at(50), at(150), 9).await.expect("read"), expected);
        assert_eq!(tx.organizations_to_dun(at(50), at(150), 1).await.expect("read"), expected[..1]);
    });
    let (org, invoice) = &tenants[1];
    org!(store, *org, |tx| {
        assert_eq!(tx.overdue_invoices(at(50), 9).await.expect("read"), std::slice::from_ref(invoice));
        assert!(tx.overdue_invoices(at(101), 9).await.expect("read").is_empty());
        assert_eq!(tx.resolve_dunning(invoice.id, at(160)).await.expect("resolved"), 1);
        assert_eq!(tx.resolve_dunning(invoice.id, at(170)).await.expect("resolved"), 0);
        let steps = tx.dunning_of(invoice.id).await.expect("read");
        assert_eq!(steps.iter().map(|s| s.resolved_at).collect::<Vec<_>>(), [Some(at(160))]);
    });
}

/// Those that pay for the service, whoever waited longest.
pub async fn organisations_are_scored_in_turn(store: &dyn Store) {
    let (first, second, third) = (tenant(store).await, tenant(store).await, tenant(store).await);
    let free = Organization { plan: Plan::Free, ..an_organization() };
    system!(store, |tx| {
        tx.insert_organization(&free).await.expect("added");
        tx.insert_organization(&an_organization()).await.expect("without an account");
    });
    let person = a_person();
    org!(store, free.id, |tx| {
        tx.insert(&person).await.expect("added");
        tx.insert(&an_account(person.id)).await.expect("added");
    });
    org!(store, first.org, |tx| _ = tx.put_score(&a_score(first.account, 1, 50)).await.expect("kept"));
    org!(store, second.org, |tx| _ = tx.put_score(&a_score(second.account, 1, 20)).await.expect("kept"));
    system!(store, |tx| {
        let turn = tx.organizations_to_score(9).await.expect("read");
        assert_eq!(turn, [third.org, second.org, first.org]);
        assert_eq!(tx.organizations_to_score(1).await.expect("read"), [third.org]);
    });
    org!(store, third.org, |tx| {
        let closed = Account { id: third.account, status: AccountStatus::Paid, ..an_account(third.person) };
        tx.update(&closed).await.expect("closed");
    });
    system!(store, |tx| assert_eq!(tx.organizations_to_score(9).await.expect("read").len(), 2));
}
