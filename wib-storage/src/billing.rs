//! What an organisation owes for the service.

use async_trait::async_trait;
use wib_core::{
    billing::{BillingAccount, BillingNote, DunningStep, KnownInvoice, KnownSubscription},
    kit::{Id, Result, time::Timestamp},
    orgs::OrganizationId,
    store::Bills,
};

use crate::{
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::{insert_new, table},
};

table!(BillingAccount in "billing_accounts" {
    id, vendor, customer_id, email, subscription_id, subscription_status, plan, default_method, default_at, synced_at,
    created_at, updated_at
} mutable);
table!(KnownSubscription in "subscriptions" {
    id, vendor, vendor_id, status, plan, plan_at, price_id, amount_minor, currency, cancel_at_period_end, period_ends,
    began_at, seen_at, seen_rank, seen_event, created_at
} mutable);
table!(KnownInvoice in "invoices" {
    id, vendor, vendor_id, subscription_id, number, status, due_minor, paid_minor, currency, attempts, next_attempt_at,
    failed_at, url, pdf_url, billed_at, seen_at, seen_rank, seen_event, created_at
} mutable);
table!(BillingNote in "billing_events" {
    id, vendor, event_id, kind, subject, amount_minor, currency, at, created_at
});
table!(DunningStep in "dunning_events" {
    id, invoice_id, attempt_number, level, action, next_action_at, resolved_at, created_at
});

#[async_trait]
impl Bills for SqlOrg {
    async fn billing_account(&mut self) -> Result<Option<BillingAccount>> {
        self.one(org_sql!(billing_account, "SELECT * FROM billing_accounts WHERE organization_id = $1"), []).await
    }
    async fn lock_billing_account(&mut self) -> Result<Option<BillingAccount>> {
        let sql = org_sql!(
            lock_billing_account,
            pg: "SELECT * FROM billing_accounts WHERE organization_id = $1 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM billing_accounts WHERE organization_id = $1"
        );
        self.one(sql, []).await
    }
    async fn note_billing_account(&mut self, account: &BillingAccount) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, account).await
    }
    async fn subscription_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownSubscription>> {
        let sql = org_sql!(
            subscription_of,
            "SELECT * FROM subscriptions WHERE organization_id = $1 AND vendor = $2 AND vendor_id = $3"
        );
        self.one(sql, [vendor.into(), vendor_id.into()]).await
    }
    async fn subscriptions(&mut self, limit: i64) -> Result<Vec<KnownSubscription>> {
        let sql = org_sql!(
            subscriptions,
            "SELECT * FROM subscriptions WHERE organization_id = $1 ORDER BY began_at DESC, id DESC LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn invoice_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownInvoice>> {
        let sql = org_sql!(
            invoice_of,
            "SELECT * FROM invoices WHERE organization_id = $1 AND vendor = $2 AND vendor_id = $3"
        );
        self.one(sql, [vendor.into(), vendor_id.into()]).await
    }
    async fn known_invoices(&mut self, limit: i64) -> Result<Vec<KnownInvoice>> {
        let sql = org_sql!(
            known_invoices,
            "SELECT * FROM invoices WHERE organization_id = $1 ORDER BY seen_at DESC, id DESC LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn overdue_invoices(&mut self, since: Timestamp, limit: i64) -> Result<Vec<KnownInvoice>> {
        let sql = org_sql!(
            overdue_invoices,
            "SELECT * FROM invoices WHERE organization_id = $1 AND failed_at >= $2 AND status NOT IN ('paid', 'void')
            ORDER BY failed_at, id LIMIT $3"
        );
        self.all(sql, [since.into(), limit.into()]).await
    }
    async fn note_billing(&mut self, line: &BillingNote) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, line).await
    }
    async fn dunning_of(&mut self, invoice: Id<KnownInvoice>) -> Result<Vec<DunningStep>> {
        let sql = org_sql!(
            dunning_of,
            "SELECT * FROM dunning_events WHERE organization_id = $1 AND invoice_id = $2 ORDER BY created_at, id"
        );
        self.all(sql, [invoice.into()]).await
    }
    async fn resolve_dunning(&mut self, invoice: Id<KnownInvoice>, now: Timestamp) -> Result<i64> {
        let sql = org_sql!(
            resolve_dunning,
            "UPDATE dunning_events SET resolved_at = $3
            WHERE organization_id = $1 AND invoice_id = $2 AND resolved_at IS NULL"
        );
        Ok(i64::try_from(self.change(sql, [invoice.into(), now.into()]).await?).unwrap_or(i64::MAX))
    }
}

pub(crate) async fn organization_of_customer(
    tx: &mut SqlSystem,
    vendor: &str,
    customer: &str,
) -> Result<Option<OrganizationId>> {
    let sql = system_sql!(
        organization_of_customer,
        "SELECT organization_id FROM billing_accounts WHERE vendor = $1 AND customer_id = $2"
    );
    let row = tx.one(sql, [vendor.into(), customer.into()]).await?;
    row.map(|row| row.get("organization_id")).transpose()
}

pub(crate) async fn follow_plan(tx: &mut SqlSystem, organization: OrganizationId) -> Result<()> {
    // Held first: the account is then read as whoever committed last left it.
    let hold = system_sql!(
        hold_organization,
        pg: "SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE",
        sqlite: "SELECT id FROM organizations WHERE id = $1"
    );
    tx.all(hold, [organization.into()]).await?;
    let sql = system_sql!(
        follow_plan,
        "UPDATE organizations SET plan = (SELECT plan FROM billing_accounts WHERE organization_id = $1)
        WHERE id = $1 AND EXISTS (SELECT 1 FROM billing_accounts WHERE organization_id = $1 AND plan IS NOT NULL)"
    );
    tx.change(sql, [organization.into()]).await.map(drop)
}

pub(crate) async fn owners_addresses(
    tx: &mut SqlSystem,
    organization: OrganizationId,
    limit: i64,
) -> Result<Vec<String>> {
    let sql = system_sql!(
        owners_addresses,
        "SELECT u.email FROM members m JOIN users u ON u.id = m.user_id
        WHERE m.organization_id = $1 AND m.role = 'owner' ORDER BY m.created_at, m.id LIMIT $2"
    );
    tx.all(sql, [organization.into(), limit.into()]).await?.iter().map(|row| row.get("email")).collect()
}

pub(crate) async fn organizations_to_dun(
    tx: &mut SqlSystem,
    since: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<OrganizationId>> {
    let sql = system_sql!(
        organizations_to_dun,
        "SELECT b.organization_id FROM billing_accounts b
        WHERE b.subscription_status = 'past_due' AND EXISTS (
            SELECT 1 FROM invoices i WHERE i.organization_id = b.organization_id AND i.failed_at >= $1
                AND i.status NOT IN ('paid', 'void')
                AND NOT EXISTS (SELECT 1 FROM dunning_events d WHERE d.organization_id = i.organization_id
                    AND d.invoice_id = i.id AND (d.next_action_at > $2 OR d.level = 'suspension')))
        ORDER BY b.organization_id LIMIT $3"
    );
    let rows = tx.all(sql, [since.into(), now.into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("organization_id")).collect()
}
