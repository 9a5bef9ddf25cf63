//! Plans, scheduled payments, what was paid, and what people authorised.

use async_trait::async_trait;
use wib_core::{
    collections::AccountId,
    engine::Owner,
    kit::{
        List, Result, Stretch,
        time::{Date, Timestamp},
    },
    payments::{
        CollectionPayment, PaymentAuthorization, PaymentPlan, PlanId, PlanStatus, ScheduledPayment, ScheduledPaymentId,
    },
    store::{Column, Payments, ScheduledFilter},
};

use crate::{
    lists::list_sql,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::table,
};

table!(PaymentPlan in "payment_plans" {
    id, account_id, total_minor, currency, frequency, pay_by, status, installments, completed_count, failed_count,
    next_on, created_by, created_at, updated_at
} mutable);
table!(ScheduledPayment in "scheduled_payments" {
    id, account_id, plan_id, number, amount_minor, currency, due_on, pay_by, customer_id, payment_method, status,
    attempts, max_attempts, charge_minor, claimed_at, vendor_payment_id, last_error, completed_at, created_at,
    updated_at
} mutable);
table!(CollectionPayment in "collection_payments" {
    id, account_id, plan_id, scheduled_payment_id, amount_minor, currency, pay_by, vendor, vendor_payment_id, reference,
    live, paid_at, recorded_by, created_at
});
table!(PaymentAuthorization in "payment_authorizations" {
    id, account_id, payment_method, form, recurring, most_minor, evidence, call_id, given_at, copy_sent_at, revoked_at,
    recorded_by, created_at
} mutable);

#[async_trait]
impl Payments for SqlOrg {
    async fn lock_plan(&mut self, id: PlanId) -> Result<Option<PaymentPlan>> {
        let sql = org_sql!(
            lock_plan,
            pg: "SELECT * FROM payment_plans WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM payment_plans WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn lock_scheduled(&mut self, id: ScheduledPaymentId) -> Result<Option<ScheduledPayment>> {
        let sql = org_sql!(
            lock_scheduled,
            pg: "SELECT * FROM scheduled_payments WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM scheduled_payments WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn active_plan(&mut self, account: AccountId) -> Result<Option<PaymentPlan>> {
        let sql = org_sql!(
            active_plan,
            "SELECT * FROM payment_plans WHERE organization_id = $1 AND account_id = $2 AND status = 'active'"
        );
        self.one(sql, [account.into()]).await
    }
    async fn payments_of_plan(&mut self, plan: PlanId, limit: i64) -> Result<Vec<ScheduledPayment>> {
        let sql = org_sql!(
            payments_of_plan,
            "SELECT * FROM scheduled_payments WHERE organization_id = $1 AND plan_id = $2 ORDER BY number, id LIMIT $3"
        );
        self.all(sql, [plan.into(), limit.into()]).await
    }
    async fn authorizations(&mut self, account: AccountId, limit: i64) -> Result<Vec<PaymentAuthorization>> {
        let sql = org_sql!(
            authorizations,
            "SELECT * FROM payment_authorizations WHERE organization_id = $1 AND account_id = $2
            ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [account.into(), limit.into()]).await
    }
    async fn collected(&mut self, vendor: &str, vendor_payment_id: &str) -> Result<bool> {
        let sql = org_sql!(
            collected,
            "SELECT COUNT(*) AS n FROM collection_payments
            WHERE organization_id = $1 AND vendor = $2 AND vendor_payment_id = $3"
        );
        Ok(self.count(sql, [vendor.into(), vendor_payment_id.into()]).await? > 0)
    }
    async fn list_plans(
        &mut self,
        account: Option<AccountId>,
        status: Option<PlanStatus>,
        of: Stretch,
    ) -> Result<List<PaymentPlan>> {
        let (rows, total) = list_sql!(
            list_plans,
            count_plans,
            "payment_plans WHERE organization_id = $1 AND ($2 IS NULL OR account_id = $2)
            AND ($3 IS NULL OR status = $3)",
            "ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        self.list(rows, total, [account.into_value(), status.into_value()], of).await
    }
    async fn list_scheduled(&mut self, filter: ScheduledFilter, of: Stretch) -> Result<List<ScheduledPayment>> {
        let (rows, total) = list_sql!(
            list_scheduled,
            count_scheduled,
            "scheduled_payments WHERE organization_id = $1 AND ($2 IS NULL OR account_id = $2)
            AND ($3 IS NULL OR plan_id = $3) AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR due_on = $5)",
            "ORDER BY due_on DESC, id DESC LIMIT $6 OFFSET $7"
        );
        let args = [
            filter.account.into_value(),
            filter.plan.into_value(),
            filter.status.into_value(),
            filter.day.into_value(),
        ];
        self.list(rows, total, args, of).await
    }
    async fn list_collected(&mut self, account: Option<AccountId>, of: Stretch) -> Result<List<CollectionPayment>> {
        let (rows, total) = list_sql!(
            list_collected,
            count_collected,
            "collection_payments WHERE organization_id = $1 AND ($2 IS NULL OR account_id = $2)",
            "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
        );
        self.list(rows, total, [account.into_value()], of).await
    }
}

pub(crate) async fn due(tx: &mut SqlSystem, today: Date, limit: i64) -> Result<Vec<Owner>> {
    let sql = system_sql!(
        due_payments,
        "SELECT organization_id, id AS record FROM scheduled_payments
        WHERE status = 'pending' AND due_on <= $1 AND attempts < max_attempts ORDER BY due_on, id LIMIT $2"
    );
    tx.owners(sql, [today.into(), limit.into()]).await
}

pub(crate) async fn doubtful(tx: &mut SqlSystem, before: Timestamp, limit: i64) -> Result<Vec<Owner>> {
    let sql = system_sql!(
        doubtful_payments,
        "SELECT organization_id, id AS record FROM scheduled_payments
        WHERE status = 'processing' AND claimed_at <= $1 ORDER BY claimed_at, id LIMIT $2"
    );
    tx.owners(sql, [before.into(), limit.into()]).await
}
