//! The port, request by request.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;
use wib_core::ports::{
    Billing, Fault, Sent, VendorError,
    billing::{
        Balance, BillingEvent, CancelNow, CheckoutId, CheckoutMode, CheckoutSession, ConfirmPayment, Customer,
        CustomerId, Dispute, DisputeId, EditCustomer, EditItem, EditSubscription, EventFilter, FirstPayment, Invoice,
        InvoiceFilter, InvoiceId, ItemChange, Listed, Meter, Metadata, NewCheckout, NewCustomer, NewItem, NewMeter,
        NewPayment, NewPortal, NewPrice, NewProduct, NewRefund, NewSetup, NewSubscription, PaymentFilter, PaymentIntent,
        PaymentIntentId, PaymentMethod, PaymentMethodId, PortalSession, Price, PriceFilter, PriceId, PriceUsage,
        Product, ProductId, Proration, Refund, RefundFilter, RefundId, SetupIntent, SetupIntentId, Slice, Subscription,
        SubscriptionFilter, SubscriptionId, SubscriptionItem, SubscriptionItemId, SubscriptionStatus, UnitAmount,
        UsageEvent, UsageFilter, UsageSummary, check_key,
    },
};

use super::{
    Stripe, VENDOR,
    form::Form,
    read::{FromStripe, minute},
};
use crate::http::{Answer, Ask};

type Billed<T> = Result<T, VendorError>;

impl Stripe {
    /// What an answer holds.
    fn read<T: FromStripe>(&self, answer: &Answer) -> Billed<T> {
        self.take(answer, &answer.json()?)
    }
    fn take<T: FromStripe>(&self, answer: &Answer, json: &Value) -> Billed<T> {
        T::read(json).map_err(|missing| VendorError {
            request_id: answer.request_id.clone(),
            ..self.client.fault(Fault::Nonsense, Sent::Unknown, &format!("not the answer expected, at {}", missing.0))
        })
    }
    async fn get<T: FromStripe>(&self, operation: &'static str, path: &'static str, id: &str) -> Billed<T> {
        let ask = self.client.ask(operation, Method::GET, path).fill(known(id)?);
        self.read(&ask.send().await?)
    }
    /// A POST under its key, which makes it safe to repeat.
    async fn post<T: FromStripe>(&self, ask: Ask<'_>, form: &Form, key: &str) -> Billed<T> {
        check_key(VENDOR, key)?;
        let ask = ask.header("idempotency-key", key).form(form.fields()).repeatable();
        self.read(&ask.send().await?)
    }
    /// A POST to a collection.
    async fn make<T: FromStripe>(&self, operation: &'static str, path: &'static str, form: &Form, key: &str) -> Billed<T> {
        self.post(self.client.ask(operation, Method::POST, path), form, key).await
    }
    /// A POST to one thing.
    async fn change<T: FromStripe>(
        &self,
        operation: &'static str,
        path: &'static str,
        id: &str,
        form: &Form,
        key: &str,
    ) -> Billed<T> {
        self.post(self.client.ask(operation, Method::POST, path).fill(known(id)?), form, key).await
    }
    /// A page of a list. The next one begins after the last object, whatever it is.
    async fn list<T: FromStripe>(&self, ask: Ask<'_>, filter: &Form, page: &Slice) -> Billed<Listed<T>> {
        let filter = filter.fields().fold(ask, |ask, (name, value)| ask.query(name, value));
        let ask = filter.query("limit", &page.limit.clamp(1, Slice::MOST).to_string());
        let ask = page.after.iter().fold(ask, |ask, after| ask.query("starting_after", after));
        let answer = ask.send().await?;
        let json: Value = answer.json()?;
        let last = json["data"].as_array().and_then(|data| data.last()?["id"].as_str());
        let next = last.filter(|_| json["has_more"] == true).map(str::to_owned);
        Ok(Listed { items: self.items(&answer, &json)?, next })
    }
    fn items<T: FromStripe>(&self, answer: &Answer, json: &Value) -> Billed<Vec<T>> {
        let data = json["data"].as_array().ok_or_else(|| {
            let request_id = answer.request_id.clone();
            VendorError { request_id, ..self.client.fault(Fault::Nonsense, Sent::Unknown, "a list without items") }
        })?;
        data.iter().map(|item| self.take(answer, item)).collect()
    }
    fn listing(&self, operation: &'static str, path: &'static str) -> Ask<'_> {
        self.client.ask(operation, Method::GET, path)
    }
}

/// Refuses an id without text: its path would be that of the whole collection.
fn known(id: &str) -> Billed<&str> {
    if id.is_empty() { Err(VendorError::new(VENDOR, Fault::Request, Sent::No, "an id is empty")) } else { Ok(id) }
}

fn prorated(proration: Proration) -> &'static str {
    match proration {
        Proration::NextInvoice => "create_prorations",
        Proration::Now => "always_invoice",
        Proration::None => "none",
    }
}

fn item(form: Form, name: &str, item: &NewItem) -> Billed<Form> {
    item.metadata.check(VENDOR)?;
    let form = form.put(format!("{name}[price]"), &item.price).maybe(format!("{name}[quantity]"), item.quantity);
    Ok(form.metadata(&format!("{name}[metadata]"), &item.metadata))
}

/// The changes as `items` of a subscription, in `name`.
fn changes(mut form: Form, name: &str, changes: &[ItemChange]) -> Billed<Form> {
    for (at, change) in changes.iter().enumerate() {
        let name = format!("{name}[{at}]");
        form = match change {
            ItemChange::Add(new) => item(form, &name, new)?,
            ItemChange::Edit(id, edit) => {
                edit.metadata.check(VENDOR)?;
                form.put(format!("{name}[id]"), id)
                    .maybe(format!("{name}[price]"), edit.price.as_ref())
                    .maybe(format!("{name}[quantity]"), edit.quantity)
                    .metadata(&format!("{name}[metadata]"), &edit.metadata)
            }
            ItemChange::Remove(id) => form.put(format!("{name}[id]"), id).put(format!("{name}[deleted]"), true),
        };
    }
    Ok(form)
}

/// Nothing is asked of the answer.
struct Ignored;
impl FromStripe for Ignored {
    fn read(_: &Value) -> Result<Self, super::read::Missing> {
        Ok(Self)
    }
}

fn written(form: Form, metadata: &Metadata) -> Billed<Form> {
    metadata.check(VENDOR)?;
    Ok(form.metadata("metadata", metadata))
}

#[async_trait]
impl Billing for Stripe {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn create_customer(&self, new: &NewCustomer, key: &str) -> Billed<Customer> {
        let form = Form::default().maybe("email", new.email.as_ref()).maybe("name", new.name.as_ref());
        let form = written(form.maybe("phone", new.phone.as_ref()), &new.metadata)?;
        self.make("create_customer", "/v1/customers", &form, key).await
    }
    async fn customer(&self, id: &CustomerId) -> Billed<Customer> {
        self.get("customer", "/v1/customers/{}", id.as_str()).await
    }
    async fn update_customer(&self, id: &CustomerId, edit: &EditCustomer, key: &str) -> Billed<Customer> {
        let form = Form::default().change("email", &edit.email).change("name", &edit.name);
        let form = written(form.change("phone", &edit.phone), &edit.metadata)?;
        self.change("update_customer", "/v1/customers/{}", id.as_str(), &form, key).await
    }
    async fn delete_customer(&self, id: &CustomerId) -> Billed<()> {
        let ask = self.client.ask("delete_customer", Method::DELETE, "/v1/customers/{}").fill(known(id.as_str())?);
        gone(ask.send().await)
    }
    async fn find_customers(&self, name: &str, value: &str, page: &Slice) -> Billed<Listed<Customer>> {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
        let query = format!("metadata['{}']:'{}'", quoted(name), quoted(value));
        let ask = self.listing("find_customers", "/v1/customers/search").query("query", &query);
        let ask = ask.query("limit", &page.limit.clamp(1, Slice::MOST).to_string());
        let answer = page.after.iter().fold(ask, |ask, after| ask.query("page", after)).send().await?;
        let json: Value = answer.json()?;
        let next = json["next_page"].as_str().filter(|_| json["has_more"] == true).map(str::to_owned);
        Ok(Listed { items: self.items(&answer, &json)?, next })
    }

    async fn payment_methods(&self, of: &CustomerId, page: &Slice) -> Billed<Listed<PaymentMethod>> {
        let ask = self.listing("payment_methods", "/v1/customers/{}/payment_methods").fill(known(of.as_str())?);
        self.list(ask, &Form::default(), page).await
    }
    async fn attach_payment_method(&self, id: &PaymentMethodId, to: &CustomerId, key: &str) -> Billed<PaymentMethod> {
        let form = Form::default().put("customer", to);
        self.change("attach_payment_method", "/v1/payment_methods/{}/attach", id.as_str(), &form, key).await
    }
    async fn detach_payment_method(&self, id: &PaymentMethodId, key: &str) -> Billed<PaymentMethod> {
        let path = "/v1/payment_methods/{}/detach";
        self.change("detach_payment_method", path, id.as_str(), &Form::default(), key).await
    }
    async fn set_default_payment_method(&self, of: &CustomerId, to: &PaymentMethodId, key: &str) -> Billed<Customer> {
        let form = Form::default().put("invoice_settings[default_payment_method]", to);
        self.change("update_customer", "/v1/customers/{}", of.as_str(), &form, key).await
    }
    async fn create_setup(&self, new: &NewSetup, key: &str) -> Billed<SetupIntent> {
        let form = Form::default()
            .maybe("customer", new.customer.as_ref())
            .maybe("payment_method", new.payment_method.as_ref())
            .when(new.confirm, "confirm", true)
            .put("automatic_payment_methods[enabled]", true)
            // Whoever confirms from here has no page for the payer to come back to.
            .when(new.confirm, "automatic_payment_methods[allow_redirects]", "never");
        self.make("create_setup", "/v1/setup_intents", &written(form, &new.metadata)?, key).await
    }
    async fn setup(&self, id: &SetupIntentId) -> Billed<SetupIntent> {
        self.get("setup", "/v1/setup_intents/{}", id.as_str()).await
    }

    async fn create_payment(&self, new: &NewPayment, key: &str) -> Billed<PaymentIntent> {
        let form = Form::default()
            .put("amount", new.amount.minor)
            .put("currency", new.amount.currency.code().to_ascii_lowercase())
            .maybe("customer", new.customer.as_ref())
            .maybe("payment_method", new.payment_method.as_ref())
            .when(new.confirm, "confirm", true)
            .when(new.off_session && new.confirm, "off_session", true)
            .when(new.capture_later, "capture_method", "manual")
            .maybe("description", new.description.as_ref())
            .put("automatic_payment_methods[enabled]", true)
            .when(new.confirm, "automatic_payment_methods[allow_redirects]", "never");
        self.make("create_payment", "/v1/payment_intents", &written(form, &new.metadata)?, key).await
    }
    async fn payment(&self, id: &PaymentIntentId) -> Billed<PaymentIntent> {
        self.get("payment", "/v1/payment_intents/{}", id.as_str()).await
    }
    async fn payments(&self, wanted: &PaymentFilter, page: &Slice) -> Billed<Listed<PaymentIntent>> {
        let filter = Form::default().maybe("customer", wanted.customer.as_ref()).time("created[gte]", wanted.since);
        self.list(self.listing("payments", "/v1/payment_intents"), &filter, page).await
    }
    async fn confirm_payment(&self, id: &PaymentIntentId, how: &ConfirmPayment, key: &str) -> Billed<PaymentIntent> {
        let form = Form::default()
            .maybe("payment_method", how.payment_method.as_ref())
            .maybe("return_url", how.return_url.as_ref())
            .when(how.off_session, "off_session", true);
        self.change("confirm_payment", "/v1/payment_intents/{}/confirm", id.as_str(), &form, key).await
    }
    async fn capture_payment(&self, id: &PaymentIntentId, minor: Option<i64>, key: &str) -> Billed<PaymentIntent> {
        let form = Form::default().maybe("amount_to_capture", minor);
        self.change("capture_payment", "/v1/payment_intents/{}/capture", id.as_str(), &form, key).await
    }
    async fn cancel_payment(&self, id: &PaymentIntentId, key: &str) -> Billed<PaymentIntent> {
        self.change("cancel_payment", "/v1/payment_intents/{}/cancel", id.as_str(), &Form::default(), key).await
    }

    async fn create_checkout(&self, new: &NewCheckout, key: &str) -> Billed<CheckoutSession> {
        let mut form = Form::default().put("mode", &new.mode).put("success_url", &new.success_url);
        for (at, line) in new.lines.iter().enumerate() {
            form = form
                .put(format!("line_items[{at}][price]"), &line.price)
                .maybe(format!("line_items[{at}][quantity]"), line.quantity);
        }
        let made = match new.mode {
            CheckoutMode::Subscription => "subscription_data",
            CheckoutMode::Payment => "payment_intent_data",
            _ => "setup_intent_data",
        };
        let form = form
            .maybe("customer", new.customer.as_ref())
            .maybe("customer_email", new.email.as_ref())
            .maybe("cancel_url", new.cancel_url.as_ref())
            .maybe("client_reference_id", new.reference.as_ref())
            .maybe("subscription_data[trial_period_days]", new.trial_days)
            .when(new.promotion_codes, "allow_promotion_codes", true)
            .maybe("currency", new.currency.map(|currency| currency.code().to_ascii_lowercase()))
            .metadata(&format!("{made}[metadata]"), &new.metadata);
        self.make("create_checkout", "/v1/checkout/sessions", &written(form, &new.metadata)?, key).await
    }
    async fn checkout(&self, id: &CheckoutId) -> Billed<CheckoutSession> {
        self.get("checkout", "/v1/checkout/sessions/{}", id.as_str()).await
    }
    async fn expire_checkout(&self, id: &CheckoutId, key: &str) -> Billed<CheckoutSession> {
        self.change("expire_checkout", "/v1/checkout/sessions/{}/expire", id.as_str(), &Form::default(), key).await
    }
    async fn create_portal(&self, new: &NewPortal, key: &str) -> Billed<PortalSession> {
        let form = Form::default().put("customer", &new.customer).maybe("return_url", new.return_url.as_ref());
        self.make("create_portal", "/v1/billing_portal/sessions", &form, key).await
    }

    async fn create_subscription(&self, new: &NewSubscription, key: &str) -> Billed<Subscription> {
        let mut form = Form::default().put("customer", &new.customer);
        for (at, each) in new.items.iter().enumerate() {
            form = item(form, &format!("items[{at}]"), each)?;
        }
        let behaviour = match new.first_payment {
            FirstPayment::Allow => "allow_incomplete",
            FirstPayment::Later => "default_incomplete",
            FirstPayment::Demand => "error_if_incomplete",
        };
        let form = form
            .maybe("trial_period_days", new.trial_days)
            .when(new.pause_unpayable, "trial_settings[end_behavior][missing_payment_method]", "pause")
            .maybe("default_payment_method", new.default_payment_method.as_ref())
            .put("payment_behavior", behaviour);
        self.make("create_subscription", "/v1/subscriptions", &written(form, &new.metadata)?, key).await
    }
    async fn subscription(&self, id: &SubscriptionId) -> Billed<Subscription> {
        self.get("subscription", "/v1/subscriptions/{}", id.as_str()).await
    }
    async fn subscriptions(&self, wanted: &SubscriptionFilter, page: &Slice) -> Billed<Listed<Subscription>> {
        let filter = Form::default()
            .put("status", "all")
            .maybe("customer", wanted.customer.as_ref())
            .maybe("price", wanted.price.as_ref());
        self.list(self.listing("subscriptions", "/v1/subscriptions"), &filter, page).await
    }
    async fn update_subscription(&self, id: &SubscriptionId, edit: &EditSubscription, key: &str) -> Billed<Subscription> {
        let form = changes(Form::default(), "items", &edit.items)?
            .when(!edit.items.is_empty() || edit.end_trial, "proration_behavior", prorated(edit.proration))
            .maybe("cancel_at_period_end", edit.cancel_at_period_end)
            .when(edit.end_trial, "trial_end", "now")
            .change("default_payment_method", &edit.default_payment_method);
        let form = written(form, &edit.metadata)?;
        self.change("update_subscription", "/v1/subscriptions/{}", id.as_str(), &form, key).await
    }
    async fn cancel_subscription(&self, id: &SubscriptionId, how: CancelNow) -> Billed<Subscription> {
        let ask = self.client.ask("cancel_subscription", Method::DELETE, "/v1/subscriptions/{}").fill(known(id.as_str())?);
        let ask = if how.invoice_now { ask.query("invoice_now", "true") } else { ask };
        let ask = if how.prorate { ask.query("prorate", "true") } else { ask };
        match ask.send().await {
            Ok(answer) => self.read(&answer),
            // One that has ended is refused; so is a repeat whose first answer was lost.
            Err(error) if matches!(error.fault, Fault::Missing | Fault::Request) => match self.subscription(id).await {
                Ok(ended) if ended.status == SubscriptionStatus::Canceled => Ok(ended),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }
    async fn resume_subscription(&self, id: &SubscriptionId, key: &str) -> Billed<Subscription> {
        self.change("resume_subscription", "/v1/subscriptions/{}/resume", id.as_str(), &Form::default(), key).await
    }
    async fn subscription_items(&self, of: &SubscriptionId, page: &Slice) -> Billed<Listed<SubscriptionItem>> {
        let filter = Form::default().put("subscription", of);
        self.list(self.listing("subscription_items", "/v1/subscription_items"), &filter, page).await
    }
    async fn add_subscription_item(
        &self,
        to: &SubscriptionId,
        new: &NewItem,
        proration: Proration,
        key: &str,
    ) -> Billed<SubscriptionItem> {
        let form = Form::default()
            .put("subscription", to)
            .put("price", &new.price)
            .maybe("quantity", new.quantity)
            .put("proration_behavior", prorated(proration));
        self.make("add_subscription_item", "/v1/subscription_items", &written(form, &new.metadata)?, key).await
    }
    async fn update_subscription_item(
        &self,
        id: &SubscriptionItemId,
        edit: &EditItem,
        proration: Proration,
        key: &str,
    ) -> Billed<SubscriptionItem> {
        let form = Form::default()
            .maybe("price", edit.price.as_ref())
            .maybe("quantity", edit.quantity)
            .put("proration_behavior", prorated(proration));
        let form = written(form, &edit.metadata)?;
        self.change("update_subscription_item", "/v1/subscription_items/{}", id.as_str(), &form, key).await
    }
    async fn remove_subscription_item(&self, id: &SubscriptionItemId, proration: Proration) -> Billed<()> {
        let ask = self.client.ask("remove_subscription_item", Method::DELETE, "/v1/subscription_items/{}");
        let ask = ask.fill(known(id.as_str())?).query("proration_behavior", prorated(proration));
        gone(ask.send().await)
    }

    async fn create_product(&self, new: &NewProduct, key: &str) -> Billed<Product> {
        let form = Form::default().put("name", &new.name).maybe("description", new.description.as_ref());
        self.make("create_product", "/v1/products", &written(form, &new.metadata)?, key).await
    }
    async fn product(&self, id: &ProductId) -> Billed<Product> {
        self.get("product", "/v1/products/{}", id.as_str()).await
    }
    async fn products(&self, page: &Slice) -> Billed<Listed<Product>> {
        let filter = Form::default().put("active", true);
        self.list(self.listing("products", "/v1/products"), &filter, page).await
    }
    async fn create_price(&self, new: &NewPrice, key: &str) -> Billed<Price> {
        let form = Form::default().put("product", &new.product).put("currency", new.currency.code().to_ascii_lowercase());
        let mut form = match &new.amount {
            UnitAmount::Minor(minor) => form.put("unit_amount", minor),
            UnitAmount::Decimal(decimal) => form.put("unit_amount_decimal", decimal),
        };
        if let Some(recurring) = &new.recurring {
            let usage = if recurring.meter.is_some() { PriceUsage::Metered } else { PriceUsage::Licensed };
            form = form
                .put("recurring[interval]", &recurring.interval)
                .put("recurring[interval_count]", recurring.count)
                .put("recurring[usage_type]", usage)
                .maybe("recurring[meter]", recurring.meter.as_ref());
        }
        let form = written(form.maybe("lookup_key", new.lookup_key.as_ref()), &new.metadata)?;
        self.make("create_price", "/v1/prices", &form, key).await
    }
    async fn price(&self, id: &PriceId) -> Billed<Price> {
        self.get("price", "/v1/prices/{}", id.as_str()).await
    }
    async fn prices(&self, wanted: &PriceFilter, page: &Slice) -> Billed<Listed<Price>> {
        let filter = Form::default().put("active", true).maybe("product", wanted.product.as_ref());
        let keys = wanted.lookup_keys.iter().enumerate();
        let filter = keys.fold(filter, |form, (at, key)| form.put(format!("lookup_keys[{at}]"), key));
        self.list(self.listing("prices", "/v1/prices"), &filter, page).await
    }

    async fn invoice(&self, id: &InvoiceId) -> Billed<Invoice> {
        self.get("invoice", "/v1/invoices/{}", id.as_str()).await
    }
    async fn invoices(&self, wanted: &InvoiceFilter, page: &Slice) -> Billed<Listed<Invoice>> {
        let filter = Form::default()
            .maybe("customer", wanted.customer.as_ref())
            .maybe("subscription", wanted.subscription.as_ref())
            .maybe("status", wanted.status.as_ref());
        self.list(self.listing("invoices", "/v1/invoices"), &filter, page).await
    }
    async fn preview_invoice(&self, of: &SubscriptionId, after: &[ItemChange]) -> Billed<Invoice> {
        let form = changes(Form::default().put("subscription", of), "subscription_details[items]", after)?;
        // It makes nothing, so it needs no key.
        let ask = self.client.ask("preview_invoice", Method::POST, "/v1/invoices/create_preview");
        self.read(&ask.form(form.fields()).repeatable().send().await?)
    }
    async fn finalize_invoice(&self, id: &InvoiceId, key: &str) -> Billed<Invoice> {
        self.change("finalize_invoice", "/v1/invoices/{}/finalize", id.as_str(), &Form::default(), key).await
    }
    async fn pay_invoice(&self, id: &InvoiceId, with: Option<PaymentMethodId>, key: &str) -> Billed<Invoice> {
        let form = Form::default().maybe("payment_method", with.as_ref());
        self.change("pay_invoice", "/v1/invoices/{}/pay", id.as_str(), &form, key).await
    }
    async fn void_invoice(&self, id: &InvoiceId, key: &str) -> Billed<Invoice> {
        self.change("void_invoice", "/v1/invoices/{}/void", id.as_str(), &Form::default(), key).await
    }

    async fn create_refund(&self, new: &NewRefund, key: &str) -> Billed<Refund> {
        let form = Form::default()
            .put("payment_intent", &new.payment)
            .maybe("amount", new.minor)
            .maybe("reason", new.reason.as_ref());
        self.make("create_refund", "/v1/refunds", &written(form, &new.metadata)?, key).await
    }
    async fn refund(&self, id: &RefundId) -> Billed<Refund> {
        self.get("refund", "/v1/refunds/{}", id.as_str()).await
    }
    async fn refunds(&self, wanted: &RefundFilter, page: &Slice) -> Billed<Listed<Refund>> {
        let filter = Form::default().maybe("payment_intent", wanted.payment.as_ref());
        self.list(self.listing("refunds", "/v1/refunds"), &filter, page).await
    }
    async fn dispute(&self, id: &DisputeId) -> Billed<Dispute> {
        self.get("dispute", "/v1/disputes/{}", id.as_str()).await
    }
    async fn disputes(&self, page: &Slice) -> Billed<Listed<Dispute>> {
        self.list(self.listing("disputes", "/v1/disputes"), &Form::default(), page).await
    }

    async fn create_meter(&self, new: &NewMeter, key: &str) -> Billed<Meter> {
        let form = Form::default()
            .put("display_name", &new.name)
            .put("event_name", &new.event)
            .put("default_aggregation[formula]", &new.aggregation);
        self.make("create_meter", "/v1/billing/meters", &form, key).await
    }
    async fn meters(&self, page: &Slice) -> Billed<Listed<Meter>> {
        let filter = Form::default().put("status", "active");
        self.list(self.listing("meters", "/v1/billing/meters"), &filter, page).await
    }
    async fn record_usage(&self, usage: &UsageEvent) -> Billed<()> {
        usage.check(VENDOR, self.client.now())?;
        let form = Form::default()
            .put("event_name", &usage.event)
            .put("payload[stripe_customer_id]", &usage.customer)
            .put("payload[value]", &usage.value)
            .put("identifier", &usage.identifier)
            .put("timestamp", usage.at.as_second());
        let Ignored = self.make("record_usage", "/v1/billing/meter_events", &form, &usage.identifier).await?;
        Ok(())
    }
    async fn usage(&self, wanted: &UsageFilter, page: &Slice) -> Billed<Listed<UsageSummary>> {
        let filter = Form::default()
            .put("customer", &wanted.customer)
            .put("start_time", minute(wanted.from).as_second())
            .put("end_time", minute(wanted.to).as_second());
        let ask = self.listing("usage", "/v1/billing/meters/{}/event_summaries").fill(known(wanted.meter.as_str())?);
        self.list(ask, &filter, page).await
    }

    async fn events(&self, wanted: &EventFilter, page: &Slice) -> Billed<Listed<BillingEvent>> {
        let filter = Form::default().time("created[gte]", wanted.since).time("created[lt]", wanted.until);
        let names = wanted.names.iter().enumerate();
        let filter = names.fold(filter, |form, (at, name)| form.put(format!("types[{at}]"), name));
        self.list(self.listing("events", "/v1/events"), &filter, page).await
    }
    async fn balance(&self) -> Billed<Balance> {
        self.read(&self.listing("balance", "/v1/balance").send().await?)
    }
}

/// What was to be deleted is gone, whoever did it.
fn gone(outcome: Result<Answer, VendorError>) -> Billed<()> {
    match outcome {
        Err(error) if error.fault == Fault::Missing => Ok(()),
        other => other.map(drop),
    }
}
