//! A vendor that moves no money, in memory.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    kit::{
        Clock, Money,
        time::{Timestamp, after},
    },
    ports::{
        Billing, Fault, Sent, VendorError,
        billing::{
            Balance, BillingEvent, BillingEventKind, CancelNow, Card, Change, ChargeId, CheckoutId, CheckoutMode,
            CheckoutPayment, CheckoutSession, CheckoutStatus, ConfirmPayment, Customer, CustomerChange, CustomerId,
            Decline, Dispute, DisputeId, EditCustomer, EditItem, EditSubscription, EventFilter, FirstPayment, Interval,
            Invoice, InvoiceFilter, InvoiceId, InvoiceLine, InvoiceReason, InvoiceStatus, ItemChange, Labels, Listed,
            Metadata, Meter, NewCheckout, NewCustomer, NewItem, NewMeter, NewPayment, NewPortal, NewPrice, NewProduct,
            NewRefund, NewSetup, NewSubscription, PaymentChange, PaymentFailure, PaymentFilter, PaymentIntent,
            PaymentIntentId, PaymentMethod, PaymentMethodId, PaymentMethodKind, PaymentStatus, Period, PortalSession,
            Price, PriceFilter, PriceId, PriceUsage, Product, ProductId, Proration, Recurring, Refund, RefundFilter,
            RefundId, RefundStatus, SetupIntent, SetupIntentId, SetupStatus, Slice, Subscription, SubscriptionChange,
            SubscriptionFilter, SubscriptionId, SubscriptionItem, SubscriptionItemId, SubscriptionStatus, UnitAmount,
            UsageEvent, UsageFilter, UsageSummary, check_key,
        },
    },
};

const VENDOR: &str = "fake";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A [`Billing`] that moves no money. Payment methods behave as their names say, which are those of Stripe's test cards:
/// `pm_card_visa` pays, `pm_card_chargeDeclined`, `pm_card_chargeDeclinedInsufficientFunds` and
/// `pm_card_chargeCustomerFail` do not, `pm_card_authenticationRequired` waits for the payer.
///
/// Simpler than a vendor: nothing happens as time passes, a month has 30 days, changes in the middle of a period cost
/// nothing, and keys are kept for good.
pub struct FakeBilling {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}
impl fmt::Debug for FakeBilling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeBilling")
    }
}

/// What was asked under a key, and what was answered.
type Kept = (String, Box<dyn Any + Send>);

#[derive(Default)]
struct State {
    made: u64,
    keys: BTreeMap<String, Kept>,
    // Lists in the order in which things were made.
    customers: Vec<Customer>,
    methods: Vec<(PaymentMethod, &'static str)>,
    setups: Vec<SetupIntent>,
    payments: Vec<PaymentIntent>,
    checkouts: Vec<CheckoutSession>,
    subscriptions: Vec<Subscription>,
    products: Vec<Product>,
    prices: Vec<Price>,
    invoices: Vec<Invoice>,
    refunds: Vec<Refund>,
    meters: Vec<Meter>,
    used: Vec<UsageEvent>,
    events: Vec<(String, BillingEvent)>,
    charges: BTreeMap<CustomerId, u64>,
}

type Billed<T> = Result<T, VendorError>;

fn refused(fault: Fault, message: &str) -> VendorError {
    VendorError::new(VENDOR, fault, Sent::Refused, message)
}
fn missing() -> VendorError {
    refused(Fault::Missing, "there is no such thing")
}
fn unfit() -> VendorError {
    refused(Fault::Request, "it does not stand so that this can be done")
}
fn declined(why: &Decline) -> VendorError {
    VendorError { code: Some(why.as_str().to_owned()), ..refused(Fault::Declined, "declined") }
}
fn known(id: &str) -> Billed<()> {
    if id.is_empty() { Err(VendorError::new(VENDOR, Fault::Request, Sent::No, "an id is empty")) } else { Ok(()) }
}
fn labels(metadata: &Metadata) -> Labels {
    let mut labels = Labels::new();
    relabel(&mut labels, metadata);
    labels
}
fn relabel(labels: &mut Labels, metadata: &Metadata) {
    for (name, value) in metadata.iter() {
        if value.is_empty() {
            labels.remove(name);
        } else {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
}
fn change<T: Clone>(field: &mut Option<T>, change: &Change<T>) {
    match change {
        Change::Keep => {}
        Change::Clear => *field = None,
        Change::To(value) => *field = Some(value.clone()),
    }
}
/// A page of what was found, the newest first; the place is how many came before.
fn page<T: Clone>(all: impl DoubleEndedIterator<Item = T>, page: &Slice) -> Billed<Listed<T>> {
    let start = page.after.as_deref().map_or(Ok(0), str::parse::<usize>).map_err(|_| missing())?;
    let limit = usize::from(page.limit.clamp(1, Slice::MOST));
    let mut items: Vec<_> = all.rev().skip(start).take(limit + 1).collect();
    let next = (items.len() > limit).then(|| (start + limit).to_string());
    items.truncate(limit);
    Ok(Listed { items, next })
}
/// What a payment method does to a charge.
fn verdict(method: &str, off_session: bool) -> Result<bool, Decline> {
    match method {
        "pm_card_chargeDeclined" | "pm_card_chargeCustomerFail" => Err(Decline::Generic),
        "pm_card_chargeDeclinedInsufficientFunds" => Err(Decline::InsufficientFunds),
        "pm_card_authenticationRequired" if off_session => Err(Decline::AuthenticationRequired),
        other => Ok(other != "pm_card_authenticationRequired"),
    }
}
const CARDS: [&str; 5] = [
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_chargeCustomerFail",
    "pm_card_authenticationRequired",
];

impl FakeBilling {
    /// An account in which nothing has happened.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
    /// How often this customer was charged.
    #[must_use]
    pub fn charges(&self, customer: &CustomerId) -> u64 {
        self.state().charges.get(customer).copied().unwrap_or(0)
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Looks at what is there.
    fn look<T: Clone>(&self, id: &str, find: impl FnOnce(&State) -> Option<&T>) -> Billed<T> {
        known(id)?;
        find(&self.state()).cloned().ok_or_else(missing)
    }
    /// Does something once under its key; a decline is kept too.
    fn once<T: Clone + Send + 'static>(
        &self,
        key: &str,
        asked: impl fmt::Debug,
        act: impl FnOnce(&mut State, Timestamp) -> Billed<T>,
    ) -> Billed<T> {
        check_key(VENDOR, key)?;
        let (asked, now, mut state) = (format!("{asked:?}"), self.clock.now(), self.state());
        if let Some((before, answer)) = state.keys.get(key) {
            let answer = answer.downcast_ref::<Billed<T>>().filter(|_| *before == asked);
            return answer.cloned().unwrap_or_else(|| Err(refused(Fault::Conflict, "the key is taken")));
        }
        let answer = act(&mut state, now);
        if answer.as_ref().err().is_none_or(|error| error.fault == Fault::Declined) {
            state.keys.insert(key.to_owned(), (asked, Box::new(answer.clone())));
        }
        answer
    }
}

impl State {
    fn id<T: From<String>>(&mut self, prefix: &str) -> T {
        self.made += 1;
        T::from(format!("{prefix}_{}", self.made))
    }
    fn tell(&mut self, name: &str, at: Timestamp, what: BillingEventKind) {
        let id = self.id("evt");
        self.events.push((name.to_owned(), BillingEvent { id, at, live: false, what }));
    }
    fn customer(&mut self, id: &CustomerId) -> Billed<&mut Customer> {
        self.customers.iter_mut().find(|customer| customer.id == *id && !customer.deleted).ok_or_else(missing)
    }
    fn payment(&mut self, id: &PaymentIntentId) -> Billed<&mut PaymentIntent> {
        self.payments.iter_mut().find(|payment| payment.id == *id).ok_or_else(missing)
    }
    fn subscription(&mut self, id: &SubscriptionId) -> Billed<&mut Subscription> {
        let found = self.subscriptions.iter_mut().find(|it| it.id == *id && it.ended_at.is_none());
        found.ok_or_else(missing)
    }
    fn invoice(&mut self, id: &InvoiceId) -> Billed<&mut Invoice> {
        self.invoices.iter_mut().find(|invoice| invoice.id == *id).ok_or_else(missing)
    }
    /// The test card that a payment method is.
    fn card(&self, id: &PaymentMethodId) -> Billed<&'static str> {
        let saved = self.methods.iter().find(|(method, _)| method.id == *id).map(|(_, card)| *card);
        let named = CARDS.into_iter().find(|card| *card == id.as_str());
        saved.or(named).ok_or_else(missing)
    }
    fn attach(&mut self, id: &PaymentMethodId, to: &CustomerId, now: Timestamp) -> Billed<PaymentMethod> {
        self.customer(to)?;
        let card = self.card(id)?;
        match verdict(card, false) {
            Err(why) if card != "pm_card_chargeCustomerFail" => return Err(declined(&why)),
            _ => {}
        }
        let saved = PaymentMethod {
            id: self.id("pm"),
            kind: PaymentMethodKind::Card,
            customer: Some(to.clone()),
            card: Some(Card {
                brand: "visa".to_owned(),
                last4: "4242".to_owned(),
                exp_month: 8,
                exp_year: 2031,
                funding: "credit".to_owned(),
                country: Some("US".to_owned()),
                fingerprint: None,
            }),
            bank: None,
            metadata: Labels::new(),
            created_at: now,
        };
        self.methods.push((saved.clone(), card));
        Ok(saved)
    }
    /// Charges a payment with what it has.
    fn confirm(
        &mut self,
        id: &PaymentIntentId,
        off_session: bool,
        hold: bool,
        now: Timestamp,
    ) -> Billed<PaymentIntent> {
        let method = self.payment(id)?.payment_method.clone().ok_or_else(unfit)?;
        let verdict = verdict(self.card(&method)?, off_session);
        let charge: ChargeId = self.id("ch");
        let payment = self.payment(id)?;
        payment.charge = Some(charge);
        payment.failure = None;
        match &verdict {
            Ok(true) if hold => {
                payment.status = PaymentStatus::RequiresCapture;
                payment.capturable = payment.amount;
            }
            Ok(true) => {
                payment.status = PaymentStatus::Succeeded;
                payment.received = payment.amount;
            }
            Ok(false) => {
                payment.status = PaymentStatus::RequiresAction;
                payment.confirm_at = Some(format!("https://fake.test/confirm/{id}"));
            }
            Err(why) => {
                payment.status = PaymentStatus::RequiresPaymentMethod;
                payment.payment_method = None;
                let (decline, code) = (Some(why.clone()), Some(why.as_str().to_owned()));
                payment.failure = Some(PaymentFailure { decline, code, message: None });
            }
        }
        let payment = payment.clone();
        let told = PaymentIntent { client_secret: None, ..payment.clone() };
        match verdict {
            Ok(true) => {
                let who = payment.customer.clone().unwrap_or_else(|| "guest".into());
                *self.charges.entry(who).or_default() += 1;
                self.tell("payment_intent.succeeded", now, BillingEventKind::Payment(PaymentChange::Succeeded, told));
            }
            Ok(false) => {}
            Err(why) => {
                self.tell("payment_intent.payment_failed", now, BillingEventKind::Payment(PaymentChange::Failed, told));
                return Err(declined(&why));
            }
        }
        Ok(payment)
    }
    fn pay(&mut self, new: &NewPayment, now: Timestamp) -> Billed<PaymentIntent> {
        if let Some(method) = &new.payment_method {
            self.card(method)?;
        }
        let nothing = Money { minor: 0, ..new.amount };
        let id: PaymentIntentId = self.id("pi");
        let payment = PaymentIntent {
            status: PaymentStatus::RequiresPaymentMethod,
            amount: new.amount,
            received: nothing,
            capturable: nothing,
            customer: new.customer.clone(),
            payment_method: new.payment_method.clone(),
            charge: None,
            failure: None,
            confirm_at: None,
            client_secret: Some(format!("{id}_secret").into()),
            metadata: labels(&new.metadata),
            created_at: now,
            id: id.clone(),
        };
        self.payments.push(payment.clone());
        if new.confirm { self.confirm(&id, new.off_session, new.capture_later, now) } else { Ok(payment) }
    }
    fn price(&self, id: &PriceId) -> Billed<Price> {
        self.prices.iter().find(|price| price.id == *id).cloned().ok_or_else(missing)
    }
    fn item(&mut self, new: &NewItem, period: Period) -> Billed<SubscriptionItem> {
        let price = self.price(&new.price)?;
        let metered = price.recurring.as_ref().is_some_and(|recurring| recurring.usage == PriceUsage::Metered);
        let quantity = (!metered).then(|| new.quantity.unwrap_or(1));
        let metadata = labels(&new.metadata);
        Ok(SubscriptionItem { id: self.id("si"), price, quantity, period: Some(period), metadata })
    }
    fn apply(&mut self, items: &mut Vec<SubscriptionItem>, changes: &[ItemChange], period: Period) -> Billed<()> {
        for each in changes {
            match each {
                ItemChange::Add(new) => items.push(self.item(new, period)?),
                ItemChange::Edit(id, edit) => {
                    let price = edit.price.as_ref().map(|price| self.price(price)).transpose()?;
                    let item = items.iter_mut().find(|item| item.id == *id).ok_or_else(missing)?;
                    item.price = price.unwrap_or_else(|| item.price.clone());
                    item.quantity = edit.quantity.or(item.quantity);
                    relabel(&mut item.metadata, &edit.metadata);
                }
                ItemChange::Remove(id) => {
                    let before = items.len();
                    items.retain(|item| item.id != *id);
                    if items.len() == before {
                        return Err(missing());
                    }
                }
            }
        }
        Ok(())
    }
    /// An invoice for a period of a subscription, which nobody keeps yet.
    fn bill(&mut self, of: &Subscription, reason: InvoiceReason, now: Timestamp) -> Invoice {
        let trial = of.status == SubscriptionStatus::Trialing && reason != InvoiceReason::Upcoming;
        let mut lines = Vec::new();
        for item in &of.items {
            let minor = if trial { 0 } else { item.price.amount.map_or(0, |amount| amount.minor) };
            lines.push(InvoiceLine {
                id: self.id("il"),
                amount: Money { minor: minor * item.quantity.unwrap_or(0), currency: of.currency },
                description: None,
                quantity: item.quantity,
                period: item.period,
                price: Some(item.price.id.clone()),
                item: Some(item.id.clone()),
                proration: false,
            });
        }
        let sum = |minor| Money { minor, currency: of.currency };
        let total = sum(lines.iter().map(|line| line.amount.minor).sum());
        Invoice {
            id: self.id("in"),
            number: None,
            status: Some(InvoiceStatus::Open),
            customer: Some(of.customer.clone()),
            subscription: Some(of.id.clone()),
            reason: Some(reason),
            total,
            due: total,
            paid: sum(0),
            remaining: total,
            lines,
            period: of.period().unwrap_or(Period { start: now, end: now }),
            attempts: 0,
            next_attempt_at: None,
            url: None,
            pdf_url: None,
            finalized_at: Some(now),
            paid_at: None,
            voided_at: None,
            metadata: Labels::new(),
            created_at: now,
            live: false,
        }
    }
    /// Charges an open invoice, with what its subscription or customer pays with unless told otherwise.
    fn collect(&mut self, id: &InvoiceId, with: Option<PaymentMethodId>, now: Timestamp) -> Billed<Invoice> {
        let invoice = self.invoice(id)?.clone();
        if invoice.status != Some(InvoiceStatus::Open) {
            return Err(unfit());
        }
        let own = self.subscriptions.iter().find(|it| Some(&it.id) == invoice.subscription.as_ref());
        let own = own.and_then(|it| it.default_payment_method.clone());
        let customer = invoice.customer.clone().ok_or_else(missing)?;
        let with = with.or(own).or(self.customer(&customer)?.default_payment_method.clone());
        self.invoice(id)?.attempts += 1;
        if invoice.due.minor > 0 {
            let payment = NewPayment {
                customer: Some(customer),
                payment_method: Some(with.ok_or_else(unfit)?),
                confirm: true,
                off_session: true,
                ..NewPayment::of(invoice.due)
            };
            self.pay(&payment, now)?;
        }
        let invoice = self.invoice(id)?;
        invoice.status = Some(InvoiceStatus::Paid);
        invoice.paid = invoice.due;
        invoice.remaining.minor = 0;
        invoice.paid_at = Some(now);
        let invoice = invoice.clone();
        if let Some(of) = invoice.subscription.as_ref().and_then(|id| self.subscription(id).ok())
            && of.status == SubscriptionStatus::Incomplete
        {
            of.status = SubscriptionStatus::Active;
        }
        Ok(invoice)
    }
    /// A period of a subscription begins with an invoice that is charged.
    fn begin(&mut self, id: &SubscriptionId, reason: InvoiceReason, now: Timestamp) -> Billed<()> {
        let subscription = self.subscription(id)?.clone();
        let invoice = self.bill(&subscription, reason, now);
        let invoice_id = invoice.id.clone();
        self.invoices.push(invoice);
        self.subscription(id)?.latest_invoice = Some(invoice_id.clone());
        self.collect(&invoice_id, None, now).map(drop)
    }
}

fn period(price: &Price, start: Timestamp) -> Period {
    let days = match price.recurring.as_ref().map(|recurring| &recurring.interval) {
        Some(Interval::Day) => 1,
        Some(Interval::Week) => 7,
        Some(Interval::Year) => 365,
        _ => 30,
    };
    Period { start, end: after(start, DAY * days) }
}

#[async_trait]
impl Billing for FakeBilling {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        false
    }

    async fn create_customer(&self, new: &NewCustomer, key: &str) -> Billed<Customer> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let customer = Customer {
                id: state.id("cus"),
                email: new.email.clone(),
                name: new.name.clone(),
                phone: new.phone.clone(),
                metadata: labels(&new.metadata),
                created_at: Some(now),
                ..Customer::default()
            };
            state.customers.push(customer.clone());
            let what = BillingEventKind::Customer(CustomerChange::Created, customer.clone());
            state.tell("customer.created", now, what);
            Ok(customer)
        })
    }
    async fn customer(&self, id: &CustomerId) -> Billed<Customer> {
        self.look(id.as_str(), |state| state.customers.iter().find(|customer| customer.id == *id))
    }
    async fn update_customer(&self, id: &CustomerId, edit: &EditCustomer, key: &str) -> Billed<Customer> {
        edit.metadata.check(VENDOR)?;
        self.once(key, (id, edit), |state, _| {
            let customer = state.customer(id)?;
            change(&mut customer.email, &edit.email);
            change(&mut customer.name, &edit.name);
            change(&mut customer.phone, &edit.phone);
            relabel(&mut customer.metadata, &edit.metadata);
            Ok(customer.clone())
        })
    }
    async fn delete_customer(&self, id: &CustomerId) -> Billed<()> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Ok(customer) = state.customer(id) {
            *customer = Customer { id: id.clone(), deleted: true, ..Customer::default() };
        }
        for owned in state.subscriptions.iter_mut().filter(|it| it.customer == *id && it.ended_at.is_none()) {
            owned.status = SubscriptionStatus::Canceled;
            owned.ended_at = Some(now);
        }
        Ok(())
    }
    async fn find_customers(&self, name: &str, value: &str, slice: &Slice) -> Billed<Listed<Customer>> {
        let state = self.state();
        let fits = |customer: &&Customer| customer.metadata.get(name).is_some_and(|its| its == value);
        page(state.customers.iter().filter(fits).cloned(), slice)
    }

    async fn payment_methods(&self, of: &CustomerId, slice: &Slice) -> Billed<Listed<PaymentMethod>> {
        let mut state = self.state();
        state.customer(of)?;
        let owned = state.methods.iter().map(|(method, _)| method).filter(|m| m.customer.as_ref() == Some(of));
        page(owned.cloned(), slice)
    }
    async fn attach_payment_method(&self, id: &PaymentMethodId, to: &CustomerId, key: &str) -> Billed<PaymentMethod> {
        self.once(key, (id, to), |state, now| state.attach(id, to, now))
    }
    async fn detach_payment_method(&self, id: &PaymentMethodId, key: &str) -> Billed<PaymentMethod> {
        self.once(key, id, |state, _| {
            let found = state.methods.iter_mut().find(|(method, _)| method.id == *id).ok_or_else(missing)?;
            found.0.customer.take().ok_or_else(unfit)?;
            found.1 = "pm_card_chargeDeclined";
            let method = found.0.clone();
            for customer in &mut state.customers {
                customer.default_payment_method.take_if(|default| *default == *id);
            }
            Ok(method)
        })
    }
    async fn set_default_payment_method(&self, of: &CustomerId, to: &PaymentMethodId, key: &str) -> Billed<Customer> {
        self.once(key, (of, to), |state, _| {
            let owned = |(method, _): &(PaymentMethod, _)| method.id == *to && method.customer.as_ref() == Some(of);
            if !state.methods.iter().any(owned) {
                return Err(missing());
            }
            let customer = state.customer(of)?;
            customer.default_payment_method = Some(to.clone());
            Ok(customer.clone())
        })
    }
    async fn create_setup(&self, new: &NewSetup, key: &str) -> Billed<SetupIntent> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let id: SetupIntentId = state.id("seti");
            let mut setup = SetupIntent {
                status: SetupStatus::RequiresPaymentMethod,
                customer: new.customer.clone(),
                payment_method: new.payment_method.clone(),
                failure: None,
                client_secret: Some(format!("{id}_secret").into()),
                metadata: labels(&new.metadata),
                created_at: now,
                id,
            };
            if let (true, Some(method), Some(customer)) = (new.confirm, &new.payment_method, &new.customer) {
                setup.payment_method = Some(state.attach(method, customer, now)?.id);
                setup.status = SetupStatus::Succeeded;
            }
            state.setups.push(setup.clone());
            Ok(setup)
        })
    }
    async fn setup(&self, id: &SetupIntentId) -> Billed<SetupIntent> {
        self.look(id.as_str(), |state| state.setups.iter().find(|setup| setup.id == *id))
    }

    async fn create_payment(&self, new: &NewPayment, key: &str) -> Billed<PaymentIntent> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| state.pay(new, now))
    }
    async fn payment(&self, id: &PaymentIntentId) -> Billed<PaymentIntent> {
        self.look(id.as_str(), |state| state.payments.iter().find(|payment| payment.id == *id))
    }
    async fn payments(&self, wanted: &PaymentFilter, slice: &Slice) -> Billed<Listed<PaymentIntent>> {
        let state = self.state();
        let fits = |payment: &&PaymentIntent| {
            (wanted.customer.is_none() || payment.customer == wanted.customer)
                && wanted.since.is_none_or(|since| payment.created_at.as_second() >= since.as_second())
        };
        page(state.payments.iter().filter(fits).cloned(), slice)
    }
    async fn confirm_payment(&self, id: &PaymentIntentId, how: &ConfirmPayment, key: &str) -> Billed<PaymentIntent> {
        self.once(key, (id, how), |state, now| {
            let payment = state.payment(id)?;
            if payment.status != PaymentStatus::RequiresPaymentMethod {
                return Err(unfit());
            }
            payment.payment_method = how.payment_method.clone().or(payment.payment_method.take());
            state.confirm(id, how.off_session, false, now)
        })
    }
    async fn capture_payment(&self, id: &PaymentIntentId, minor: Option<i64>, key: &str) -> Billed<PaymentIntent> {
        self.once(key, (id, minor), |state, _| {
            let payment = state.payment(id)?;
            let minor = minor.unwrap_or(payment.capturable.minor);
            if payment.status != PaymentStatus::RequiresCapture || !(1..=payment.capturable.minor).contains(&minor) {
                return Err(unfit());
            }
            payment.status = PaymentStatus::Succeeded;
            payment.received.minor = minor;
            payment.capturable.minor = 0;
            Ok(payment.clone())
        })
    }
    async fn cancel_payment(&self, id: &PaymentIntentId, key: &str) -> Billed<PaymentIntent> {
        self.once(key, id, |state, _| {
            let payment = state.payment(id)?;
            if matches!(payment.status, PaymentStatus::Succeeded | PaymentStatus::Canceled) {
                return Err(unfit());
            }
            payment.status = PaymentStatus::Canceled;
            payment.capturable.minor = 0;
            Ok(payment.clone())
        })
    }

    async fn create_checkout(&self, new: &NewCheckout, key: &str) -> Billed<CheckoutSession> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let id: CheckoutId = state.id("cs");
            let mut total = None::<Money>;
            for line in &new.lines {
                let price = state.price(&line.price)?;
                let minor = price.amount.map_or(0, |amount| amount.minor) * line.quantity.unwrap_or(1);
                let before = total.map_or(0, |total| total.minor);
                total = Some(Money { minor: before + minor, currency: price.currency });
            }
            let free = new.mode == CheckoutMode::Setup;
            let session = CheckoutSession {
                mode: new.mode.clone(),
                status: CheckoutStatus::Open,
                payment: if free { CheckoutPayment::NotRequired } else { CheckoutPayment::Unpaid },
                url: Some(format!("https://fake.test/pay/{id}")),
                customer: new.customer.clone(),
                email: new.email.clone(),
                subscription: None,
                payment_intent: None,
                setup_intent: None,
                invoice: None,
                reference: new.reference.clone(),
                total,
                metadata: labels(&new.metadata),
                expires_at: after(now, DAY),
                created_at: now,
                id,
            };
            state.checkouts.push(session.clone());
            Ok(session)
        })
    }
    async fn checkout(&self, id: &CheckoutId) -> Billed<CheckoutSession> {
        self.look(id.as_str(), |state| state.checkouts.iter().find(|session| session.id == *id))
    }
    async fn expire_checkout(&self, id: &CheckoutId, key: &str) -> Billed<CheckoutSession> {
        self.once(key, id, |state, _| {
            let session = state.checkouts.iter_mut().find(|session| session.id == *id).ok_or_else(missing)?;
            if session.status != CheckoutStatus::Open {
                return Err(unfit());
            }
            session.status = CheckoutStatus::Expired;
            session.url = None;
            Ok(session.clone())
        })
    }
    async fn create_portal(&self, new: &NewPortal, key: &str) -> Billed<PortalSession> {
        self.once(key, new, |state, _| {
            state.customer(&new.customer)?;
            let url = format!("https://fake.test/portal/{}", new.customer);
            Ok(PortalSession { id: state.id("bps"), url, customer: new.customer.clone() })
        })
    }

    async fn create_subscription(&self, new: &NewSubscription, key: &str) -> Billed<Subscription> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            state.customer(&new.customer)?;
            let first = state.price(&new.items.first().ok_or_else(unfit)?.price)?;
            let trial = new.trial_days.map(|days| Period { start: now, end: after(now, DAY * days) });
            let period = trial.unwrap_or_else(|| period(&first, now));
            let items: Billed<Vec<_>> = new.items.iter().map(|item| state.item(item, period)).collect();
            let id: SubscriptionId = state.id("sub");
            let status = if trial.is_some() { SubscriptionStatus::Trialing } else { SubscriptionStatus::Incomplete };
            state.subscriptions.push(Subscription {
                id: id.clone(),
                customer: new.customer.clone(),
                status,
                items: items?,
                currency: first.currency,
                cancel_at_period_end: false,
                cancel_at: None,
                canceled_at: None,
                ended_at: None,
                trial,
                default_payment_method: new.default_payment_method.clone(),
                latest_invoice: None,
                metadata: labels(&new.metadata),
                created_at: now,
                live: false,
            });
            match state.begin(&id, InvoiceReason::SubscriptionCreate, now) {
                Err(error) if new.first_payment == FirstPayment::Demand || error.fault != Fault::Declined => {
                    state.subscriptions.retain(|it| it.id != id);
                    return Err(error);
                }
                _ => {}
            }
            let made = state.subscription(&id)?.clone();
            let what = BillingEventKind::Subscription(SubscriptionChange::Created, made.clone());
            state.tell("customer.subscription.created", now, what);
            Ok(made)
        })
    }
    async fn subscription(&self, id: &SubscriptionId) -> Billed<Subscription> {
        self.look(id.as_str(), |state| state.subscriptions.iter().find(|it| it.id == *id))
    }
    async fn subscriptions(&self, wanted: &SubscriptionFilter, slice: &Slice) -> Billed<Listed<Subscription>> {
        let state = self.state();
        let fits = |it: &&Subscription| {
            wanted.customer.as_ref().is_none_or(|customer| it.customer == *customer)
                && wanted.price.as_ref().is_none_or(|price| it.items.iter().any(|item| item.price.id == *price))
        };
        page(state.subscriptions.iter().filter(fits).cloned(), slice)
    }
    async fn update_subscription(
        &self,
        id: &SubscriptionId,
        edit: &EditSubscription,
        key: &str,
    ) -> Billed<Subscription> {
        edit.metadata.check(VENDOR)?;
        self.once(key, (id, edit), |state, now| {
            let mut items = state.subscription(id)?.items.clone();
            let period_now = state.subscription(id)?.period().unwrap_or(Period { start: now, end: now });
            state.apply(&mut items, &edit.items, period_now)?;
            let subscription = state.subscription(id)?;
            subscription.items = items;
            change(&mut subscription.default_payment_method, &edit.default_payment_method);
            relabel(&mut subscription.metadata, &edit.metadata);
            if let Some(ends) = edit.cancel_at_period_end {
                subscription.cancel_at_period_end = ends;
                subscription.cancel_at = ends.then_some(period_now.end);
                subscription.canceled_at = ends.then_some(now);
            }
            if edit.end_trial && subscription.status == SubscriptionStatus::Trialing {
                subscription.status = SubscriptionStatus::Active;
                for item in &mut subscription.items {
                    item.period = Some(period(&item.price, now));
                }
                state.begin(id, InvoiceReason::SubscriptionCycle, now)?;
            }
            let changed = state.subscription(id)?.clone();
            let what = BillingEventKind::Subscription(SubscriptionChange::Updated, changed.clone());
            state.tell("customer.subscription.updated", now, what);
            Ok(changed)
        })
    }
    async fn cancel_subscription(&self, id: &SubscriptionId, _how: CancelNow) -> Billed<Subscription> {
        let now = self.clock.now();
        let mut state = self.state();
        let found = state.subscriptions.iter_mut().find(|it| it.id == *id).ok_or_else(missing)?;
        if found.ended_at.is_some() {
            return Ok(found.clone());
        }
        found.status = SubscriptionStatus::Canceled;
        found.ended_at = Some(now);
        found.canceled_at = found.canceled_at.or(Some(now));
        let ended = found.clone();
        let what = BillingEventKind::Subscription(SubscriptionChange::Deleted, ended.clone());
        state.tell("customer.subscription.deleted", now, what);
        Ok(ended)
    }
    async fn resume_subscription(&self, id: &SubscriptionId, key: &str) -> Billed<Subscription> {
        self.once(key, id, |state, now| {
            let subscription = state.subscription(id)?;
            if subscription.status != SubscriptionStatus::Paused {
                return Err(unfit());
            }
            subscription.status = SubscriptionStatus::Active;
            state.begin(id, InvoiceReason::SubscriptionCycle, now)?;
            state.subscription(id).cloned()
        })
    }
    async fn subscription_items(&self, of: &SubscriptionId, slice: &Slice) -> Billed<Listed<SubscriptionItem>> {
        let items = self.subscription(of).await?.items;
        page(items.into_iter(), slice)
    }
    async fn add_subscription_item(
        &self,
        to: &SubscriptionId,
        item: &NewItem,
        _proration: Proration,
        key: &str,
    ) -> Billed<SubscriptionItem> {
        item.metadata.check(VENDOR)?;
        self.once(key, (to, item), |state, now| {
            let period = state.subscription(to)?.period().unwrap_or(Period { start: now, end: now });
            let made = state.item(item, period)?;
            state.subscription(to)?.items.push(made.clone());
            Ok(made)
        })
    }
    async fn update_subscription_item(
        &self,
        id: &SubscriptionItemId,
        edit: &EditItem,
        _proration: Proration,
        key: &str,
    ) -> Billed<SubscriptionItem> {
        edit.metadata.check(VENDOR)?;
        self.once(key, (id, edit), |state, now| {
            let has = |it: &&Subscription| it.items.iter().any(|item| item.id == *id);
            let mut owner = state.subscriptions.iter().find(has).cloned().ok_or_else(missing)?;
            let period = owner.period().unwrap_or(Period { start: now, end: now });
            state.apply(&mut owner.items, &[ItemChange::Edit(id.clone(), edit.clone())], period)?;
            let subscription = state.subscription(&owner.id)?;
            subscription.items = owner.items;
            subscription.items.iter().find(|item| item.id == *id).cloned().ok_or_else(missing)
        })
    }
    async fn remove_subscription_item(&self, id: &SubscriptionItemId, _proration: Proration) -> Billed<()> {
        for subscription in &mut self.state().subscriptions {
            subscription.items.retain(|item| item.id != *id);
        }
        Ok(())
    }

    async fn create_product(&self, new: &NewProduct, key: &str) -> Billed<Product> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let product = Product {
                id: state.id("prod"),
                name: new.name.clone(),
                active: true,
                description: new.description.clone(),
                default_price: None,
                metadata: labels(&new.metadata),
                created_at: now,
            };
            state.products.push(product.clone());
            Ok(product)
        })
    }
    async fn product(&self, id: &ProductId) -> Billed<Product> {
        self.look(id.as_str(), |state| state.products.iter().find(|product| product.id == *id))
    }
    async fn products(&self, slice: &Slice) -> Billed<Listed<Product>> {
        page(self.state().products.iter().cloned(), slice)
    }
    async fn create_price(&self, new: &NewPrice, key: &str) -> Billed<Price> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let (minor, decimal) = match &new.amount {
                UnitAmount::Minor(minor) => (Some(*minor), minor.to_string()),
                UnitAmount::Decimal(decimal) => (decimal.parse().ok(), decimal.clone()),
            };
            let recurring = new.recurring.as_ref().map(|recurring| Recurring {
                interval: recurring.interval.clone(),
                count: i64::from(recurring.count),
                usage: if recurring.meter.is_some() { PriceUsage::Metered } else { PriceUsage::Licensed },
                meter: recurring.meter.clone(),
            });
            let price = Price {
                id: state.id("price"),
                product: new.product.clone(),
                active: true,
                currency: new.currency,
                amount: minor.map(|minor| Money { minor, currency: new.currency }),
                decimal: Some(decimal),
                recurring,
                lookup_key: new.lookup_key.clone(),
                nickname: None,
                metadata: labels(&new.metadata),
                created_at: now,
            };
            state.prices.push(price.clone());
            Ok(price)
        })
    }
    async fn price(&self, id: &PriceId) -> Billed<Price> {
        self.look(id.as_str(), |state| state.prices.iter().find(|price| price.id == *id))
    }
    async fn prices(&self, wanted: &PriceFilter, slice: &Slice) -> Billed<Listed<Price>> {
        let state = self.state();
        let keyed = |price: &Price| price.lookup_key.as_ref().is_some_and(|key| wanted.lookup_keys.contains(key));
        let fits = |price: &&Price| {
            wanted.product.as_ref().is_none_or(|product| price.product == *product)
                && (wanted.lookup_keys.is_empty() || keyed(price))
        };
        page(state.prices.iter().filter(fits).cloned(), slice)
    }

    async fn invoice(&self, id: &InvoiceId) -> Billed<Invoice> {
        self.look(id.as_str(), |state| state.invoices.iter().find(|invoice| invoice.id == *id))
    }
    async fn invoices(&self, wanted: &InvoiceFilter, slice: &Slice) -> Billed<Listed<Invoice>> {
        let state = self.state();
        let fits = |invoice: &&Invoice| {
            (wanted.customer.is_none() || invoice.customer == wanted.customer)
                && (wanted.subscription.is_none() || invoice.subscription == wanted.subscription)
                && (wanted.status.is_none() || invoice.status == wanted.status)
        };
        page(state.invoices.iter().filter(fits).cloned(), slice)
    }
    async fn preview_invoice(&self, of: &SubscriptionId, changes: &[ItemChange]) -> Billed<Invoice> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut subscription = state.subscription(of)?.clone();
        let period = subscription.period().unwrap_or(Period { start: now, end: now });
        state.apply(&mut subscription.items, changes, period)?;
        Ok(state.bill(&subscription, InvoiceReason::Upcoming, now))
    }
    async fn finalize_invoice(&self, id: &InvoiceId, key: &str) -> Billed<Invoice> {
        // Nothing here is ever a draft.
        self.once(key, id, |state, _| state.invoice(id).and(Err(unfit())))
    }
    async fn pay_invoice(&self, id: &InvoiceId, with: Option<PaymentMethodId>, key: &str) -> Billed<Invoice> {
        self.once(key, (id, &with), |state, now| state.collect(id, with.clone(), now))
    }
    async fn void_invoice(&self, id: &InvoiceId, key: &str) -> Billed<Invoice> {
        self.once(key, id, |state, now| {
            let invoice = state.invoice(id)?;
            if invoice.status != Some(InvoiceStatus::Open) {
                return Err(unfit());
            }
            invoice.status = Some(InvoiceStatus::Void);
            invoice.voided_at = Some(now);
            Ok(invoice.clone())
        })
    }

    async fn create_refund(&self, new: &NewRefund, key: &str) -> Billed<Refund> {
        new.metadata.check(VENDOR)?;
        self.once(key, new, |state, now| {
            let payment = state.payment(&new.payment)?.clone();
            let given = state.refunds.iter().filter(|refund| refund.payment.as_ref() == Some(&new.payment));
            let left = payment.received.minor - given.map(|refund| refund.amount.minor).sum::<i64>();
            let minor = new.minor.unwrap_or(left);
            if !(1..=left).contains(&minor) {
                return Err(unfit());
            }
            let refund = Refund {
                id: state.id("re"),
                status: Some(RefundStatus::Succeeded),
                amount: Money { minor, ..payment.amount },
                reason: new.reason.clone(),
                charge: payment.charge,
                payment: Some(payment.id),
                failure: None,
                metadata: labels(&new.metadata),
                created_at: now,
            };
            state.refunds.push(refund.clone());
            Ok(refund)
        })
    }
    async fn refund(&self, id: &RefundId) -> Billed<Refund> {
        self.look(id.as_str(), |state| state.refunds.iter().find(|refund| refund.id == *id))
    }
    async fn refunds(&self, wanted: &RefundFilter, slice: &Slice) -> Billed<Listed<Refund>> {
        let state = self.state();
        let fits = |refund: &&Refund| wanted.payment.is_none() || refund.payment == wanted.payment;
        page(state.refunds.iter().filter(fits).cloned(), slice)
    }
    async fn dispute(&self, id: &DisputeId) -> Billed<Dispute> {
        known(id.as_str())?;
        Err(missing())
    }
    async fn disputes(&self, slice: &Slice) -> Billed<Listed<Dispute>> {
        page(std::iter::empty(), slice)
    }

    async fn create_meter(&self, new: &NewMeter, key: &str) -> Billed<Meter> {
        self.once(key, new, |state, _| {
            let meter = Meter {
                id: state.id("mtr"),
                name: new.name.clone(),
                event: new.event.clone(),
                aggregation: new.aggregation.clone(),
                active: true,
            };
            state.meters.push(meter.clone());
            Ok(meter)
        })
    }
    async fn meters(&self, slice: &Slice) -> Billed<Listed<Meter>> {
        page(self.state().meters.iter().cloned(), slice)
    }
    async fn record_usage(&self, usage: &UsageEvent) -> Billed<()> {
        usage.check(VENDOR, self.clock.now())?;
        self.once(&usage.identifier, usage, |state, _| {
            state.customer(&usage.customer)?;
            if !state.meters.iter().any(|meter| meter.event == usage.event) {
                return Err(missing());
            }
            state.used.push(usage.clone());
            Ok(())
        })
    }
    async fn usage(&self, wanted: &UsageFilter, slice: &Slice) -> Billed<Listed<UsageSummary>> {
        let state = self.state();
        let meter = state.meters.iter().find(|meter| meter.id == wanted.meter).ok_or_else(missing)?;
        let fits = |used: &&UsageEvent| {
            used.event == meter.event
                && used.customer == wanted.customer
                && used.at >= wanted.from
                && used.at < wanted.to
        };
        // In millionths, so that parts add up exactly.
        let millionths = |used: &UsageEvent| {
            let (whole, part) = used.value.split_once('.').unwrap_or((&used.value, ""));
            format!("{whole}{:0<6.6}", part).parse::<i128>().unwrap_or(0)
        };
        let all: Vec<_> = state.used.iter().filter(fits).map(millionths).collect();
        let sum: i128 = all.iter().sum();
        let value = format!("{}.{:06}", sum / 1_000_000, (sum % 1_000_000).abs());
        let value = value.trim_end_matches('0').trim_end_matches('.').to_owned();
        let summary = UsageSummary { value, period: Period { start: wanted.from, end: wanted.to } };
        page((!all.is_empty()).then_some(summary).into_iter(), slice)
    }

    async fn events(&self, wanted: &EventFilter, slice: &Slice) -> Billed<Listed<BillingEvent>> {
        let state = self.state();
        let fits = |(name, event): &&(String, BillingEvent)| {
            (wanted.names.is_empty() || wanted.names.contains(name))
                && wanted.since.is_none_or(|since| event.at >= since)
                && wanted.until.is_none_or(|until| event.at < until)
        };
        page(state.events.iter().filter(fits).map(|(_, event)| event.clone()), slice)
    }
    async fn balance(&self) -> Billed<Balance> {
        let mut available = BTreeMap::new();
        for payment in &self.state().payments {
            let sum = available.entry(payment.amount.currency.code()).or_insert(Money { minor: 0, ..payment.amount });
            sum.minor += payment.received.minor;
        }
        Ok(Balance { available: available.into_values().collect(), pending: Vec::new() })
    }
}
