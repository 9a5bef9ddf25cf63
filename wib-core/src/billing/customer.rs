use std::sync::Arc;

use super::{BillingAccount, DunningStep, KnownInvoice};
use crate::{
    kit::{Error, Id, OrNotFound, Result, Role, text},
    orgs::{Organization, OrganizationId},
    ports::{
        Billing,
        billing::{Metadata, NewCustomer},
    },
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

impl Org {
    /// The customer that the organisation is at the billing vendor; made when there is none.
    ///
    /// # Errors
    /// `Invalid` for the address; `Unavailable` when nobody moves money here; `Conflict` when the organisation and the
    /// vendor are not both live or both test; `Forbidden` below admin; when the vendor does not take it.
    pub async fn ensure_customer(&self, email: Option<String>) -> Result<BillingAccount> {
        self.at_least(Role::Admin)?;
        let email = text::email("email", email)?;
        if let Some(known) = self.tx().await?.billing_account().await? {
            return Ok(known);
        }
        let billing = live_as(&self.wib, self.organization())?;
        let new = NewCustomer {
            email: email.clone(),
            name: Some(self.organization().name.clone()),
            phone: None,
            metadata: Metadata::default().with("organization_id", self.id().to_string()),
        };
        // The same organisation is the same customer, whoever asks first.
        let customer = billing.create_customer(&new, &format!("customer:{}", self.id())).await?;
        let mut tx = self.tx().await?;
        let row = link(&self.wib, &mut *tx, billing.vendor(), customer.id.as_str(), email).await?;
        let told = serde_json::json!({"vendor": row.vendor, "customer_id": row.customer_id});
        let about = ("billing_account", Some(row.id.uuid()));
        self.audit("billing:customer_created", about).is(&told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(row)
    }

    /// The customer that the organisation is at the billing vendor, and how its subscription stands.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn billing_account(&self) -> Result<Option<BillingAccount>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.billing_account().await
    }

    /// The steps of the dunning of an invoice, in their order.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn dunning(&self, invoice: Id<KnownInvoice>) -> Result<Vec<DunningStep>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<KnownInvoice>::find(&mut *tx, invoice).await?.or_not_found("invoice")?;
        tx.dunning_of(invoice).await
    }

    /// The organisation's invoices, newest first, as far as the vendor told of them; at most 200.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn known_invoices(&self) -> Result<Vec<KnownInvoice>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.known_invoices(200).await
    }
}

/// Who moves this organisation's money.
///
/// # Errors
/// `Unavailable` when nobody moves money here; `Conflict` when the two are not both live or both test.
pub(super) fn live_as<'w>(wib: &'w Wib, organization: &Organization) -> Result<&'w Arc<dyn Billing>> {
    let billing = wib.billing().ok_or_else(|| Error::unavailable("nobody moves money here"))?;
    if billing.live() != organization.live {
        return Err(Error::conflict("the organization and the billing vendor are not both live or both test"));
    }
    Ok(billing)
}

/// Ties the organisation to a customer, unless it is one already.
pub(super) async fn link(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    vendor: &str,
    customer: &str,
    email: Option<String>,
) -> Result<BillingAccount> {
    if let Some(known) = tx.billing_account().await? {
        return Ok(known);
    }
    let now = wib.now();
    let row = BillingAccount {
        id: one(tx.organization_id()),
        vendor: vendor.to_owned(),
        customer_id: customer.to_owned(),
        email,
        subscription_id: None,
        subscription_status: None,
        plan: None,
        default_method: None,
        default_at: None,
        synced_at: None,
        created_at: now,
        updated_at: now,
    };
    if !tx.note_billing_account(&row).await? {
        // Somebody was faster; or the customer is another organisation's.
        return tx.billing_account().await?.ok_or_else(|| Error::conflict("the customer is another organization's"));
    }
    Ok(row)
}

/// An organisation has one account, and so its id is the organisation's.
fn one(organization: OrganizationId) -> Id<BillingAccount> {
    organization.cast()
}
