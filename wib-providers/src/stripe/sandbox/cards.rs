//! Stripe's own test cards (<https://docs.stripe.com/testing>): what becomes of a payment method by its name.

/// How a card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It pays.
    Pays,
    /// It is declined, when it is saved too: the code, and the bank's.
    Declines(&'static str, &'static str),
    /// It can be saved; every charge is declined.
    DeclinesCharges,
    /// The payer must confirm at the bank.
    Authenticates,
    /// It pays, and the payer disputes it.
    Disputes,
}

/// A test card.
pub(super) struct TestCard {
    pub(super) name: &'static str,
    pub(super) brand: &'static str,
    pub(super) last4: &'static str,
    pub(super) behaviour: Behaviour,
}

const fn card(name: &'static str, brand: &'static str, last4: &'static str, behaviour: Behaviour) -> TestCard {
    TestCard { name, brand, last4, behaviour }
}
const fn declined(name: &'static str, last4: &'static str, code: &'static str, bank: &'static str) -> TestCard {
    card(name, "visa", last4, Behaviour::Declines(code, bank))
}

/// The cards that are known.
pub(super) const CARDS: &[TestCard] = &[
    card("pm_card_visa", "visa", "4242", Behaviour::Pays),
    card("pm_card_visa_debit", "visa", "5556", Behaviour::Pays),
    card("pm_card_mastercard", "mastercard", "4444", Behaviour::Pays),
    card("pm_card_amex", "amex", "0005", Behaviour::Pays),
    declined("pm_card_chargeDeclined", "0002", "card_declined", "generic_decline"),
    declined("pm_card_visa_chargeDeclined", "0002", "card_declined", "generic_decline"),
    declined("pm_card_chargeDeclinedInsufficientFunds", "9995", "card_declined", "insufficient_funds"),
    declined("pm_card_visa_chargeDeclinedInsufficientFunds", "9995", "card_declined", "insufficient_funds"),
    declined("pm_card_visa_chargeDeclinedLostCard", "9987", "card_declined", "lost_card"),
    declined("pm_card_visa_chargeDeclinedStolenCard", "9979", "card_declined", "stolen_card"),
    declined("pm_card_visa_chargeDeclinedFraudulent", "0019", "card_declined", "fraudulent"),
    declined("pm_card_chargeDeclinedExpiredCard", "0069", "expired_card", ""),
    declined("pm_card_chargeDeclinedIncorrectCvc", "0127", "incorrect_cvc", ""),
    declined("pm_card_chargeDeclinedProcessingError", "0119", "processing_error", ""),
    card("pm_card_chargeCustomerFail", "visa", "0341", Behaviour::DeclinesCharges),
    card("pm_card_authenticationRequired", "visa", "3184", Behaviour::Authenticates),
    card("pm_card_createDispute", "visa", "0259", Behaviour::Disputes),
];

/// The test card of that name.
pub(super) fn named(name: &str) -> Option<&'static TestCard> {
    CARDS.iter().find(|card| card.name == name)
}
