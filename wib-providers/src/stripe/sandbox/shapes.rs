//! Stripe's objects, with every field that its document says is always there.

use serde_json::{Value, json};

use super::Refusal;

pub(super) fn customer(id: &str, now: i64) -> Value {
    json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": now, "currency": null,
        "default_source": null, "delinquent": false, "description": null, "email": null,
        "invoice_settings":
            {"custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null},
        "livemode": false, "metadata": {}, "name": null, "phone": null, "preferred_locales": [], "shipping": null,
        "tax_exempt": "none", "test_clock": null,
    })
}

pub(super) fn payment_method(id: &str, now: i64, brand: &str, last4: &str) -> Value {
    json!({
        "id": id, "object": "payment_method", "allow_redisplay": "unspecified",
        "billing_details": {"address": null, "email": null, "name": null, "phone": null, "tax_id": null},
        "card": {
            "brand": brand,
            "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "unchecked"},
            "country": "US", "display_brand": brand, "exp_month": 8, "exp_year": 2031, "fingerprint": format!("fp{last4}"),
            "funding": "credit", "generated_from": null, "last4": last4,
            "networks": {"available": [brand], "preferred": null}, "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": true}, "wallet": null,
        },
        "created": now, "customer": null, "customer_account": null, "livemode": false, "metadata": {}, "type": "card",
    })
}

pub(super) fn setup_intent(id: &str, now: i64) -> Value {
    with_nulls(
        json!({
            "id": id, "object": "setup_intent", "automatic_payment_methods": {"enabled": true},
            "client_secret": format!("{id}_secret_x"), "created": now, "livemode": false, "metadata": {},
            "payment_method_types": ["card"], "status": "requires_payment_method", "usage": "off_session",
        }),
        &[
            "allowed_payment_method_types", "application", "cancellation_reason", "customer",
            "customer_account", "description", "excluded_payment_method_types", "flow_directions",
            "last_setup_error", "latest_attempt", "mandate", "next_action", "on_behalf_of", "payment_method",
            "payment_method_configuration_details", "payment_method_options", "single_use_mandate",
        ],
    )
}

pub(super) fn payment_intent(id: &str, now: i64, amount: i64, currency: &str) -> Value {
    with_nulls(
        json!({
            "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0,
            "amount_received": 0, "capture_method": "automatic_async",
            "client_secret": format!("{id}_secret_x"), "confirmation_method": "automatic", "created": now,
            "currency": currency, "livemode": false, "metadata": {}, "payment_method_types": ["card"],
            "status": "requires_payment_method",
        }),
        &[
            "allowed_payment_method_types", "application", "application_fee_amount",
            "automatic_payment_methods", "canceled_at", "cancellation_reason", "customer", "customer_account",
            "description", "excluded_payment_method_types", "last_payment_error", "latest_charge",
            "managed_payments", "next_action", "on_behalf_of", "payment_method",
            "payment_method_configuration_details", "payment_method_options", "payment_record", "processing",
            "receipt_email", "review", "setup_future_usage", "shipping", "source", "statement_descriptor",
            "statement_descriptor_suffix", "transfer_data", "transfer_group",
        ],
    )
}

/// A charge of a payment.
pub(super) fn charge(id: &str, now: i64, payment: &Value) -> Value {
    with_nulls(
        json!({
            "id": id, "object": "charge", "amount": payment["amount"], "amount_captured": 0,
            "amount_refunded": 0,
            "billing_details": {"address": null, "email": null, "name": null, "phone": null, "tax_id": null},
            "captured": false, "created": now, "currency": payment["currency"],
            "customer": payment["customer"], "description": payment["description"], "disputed": false,
            "livemode": false, "metadata": payment["metadata"], "paid": false, "payment_intent": payment["id"],
            "payment_method": payment["payment_method"], "refunded": false, "status": "failed",
        }),
        &[
            "application", "application_fee", "application_fee_amount", "balance_transaction",
            "calculated_statement_descriptor", "failure_balance_transaction", "failure_code",
            "failure_message", "fraud_details", "on_behalf_of", "outcome", "payment_method_details",
            "receipt_email", "receipt_number", "receipt_url", "review", "shipping", "source",
            "source_transfer", "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
            "transfer_group",
        ],
    )
}

pub(super) fn refund(id: &str, now: i64, amount: i64, charge: &Value) -> Value {
    json!({
        "id": id, "object": "refund", "amount": amount, "balance_transaction": null, "charge": charge["id"],
        "created": now, "currency": charge["currency"], "customer": charge["customer"], "customer_account": null,
        "metadata": {}, "payment_intent": charge["payment_intent"], "payment_method": charge["payment_method"],
        "reason": null, "receipt_number": null, "source_transfer_reversal": null, "status": "succeeded",
        "transfer_reversal": null,
    })
}

pub(super) fn dispute(id: &str, now: i64, due: i64, charge: &Value) -> Value {
    let evidence = [
        "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
        "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
        "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
        "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
        "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
        "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
        "uncategorized_text",
    ];
    let mut evidence: Value = evidence.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
    evidence["enhanced_evidence"] = json!({});
    json!({
        "id": id, "object": "dispute", "amount": charge["amount"], "balance_transactions": [], "charge": charge["id"],
        "created": now, "currency": charge["currency"], "enhanced_eligibility_types": [], "evidence": evidence,
        "evidence_details": {
            "due_by": due, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0, "submission_method": "manual",
        },
        "intended_submission_method": null, "is_charge_refundable": false, "livemode": false, "metadata": {},
        "payment_intent": charge["payment_intent"], "reason": "fraudulent", "status": "needs_response",
    })
}

pub(super) fn product(id: &str, now: i64, name: &str) -> Value {
    json!({
        "id": id, "object": "product", "active": true, "created": now, "default_price": null, "description": null,
        "images": [], "livemode": false, "marketing_features": [], "metadata": {}, "name": name,
        "package_dimensions": null, "shippable": null, "statement_descriptor": null, "tax_code": null,
        "tax_details": null, "type": "service", "unit_label": null, "updated": now, "url": null,
    })
}

/// A price as its form describes it.
pub(super) fn price(id: &str, now: i64, form: &Value) -> Result<Value, Refusal> {
    let integer = |text: &str, param: &str| -> Result<i64, Refusal> {
        text.parse().map_err(|_| Refusal::param(param, "parameter_invalid_integer", &format!("Invalid integer: {text}")))
    };
    let minor = form["unit_amount"].as_str().map(|text| integer(text, "unit_amount")).transpose()?;
    let decimal = form["unit_amount_decimal"].as_str();
    // A decimal that is whole is an amount too.
    let minor = minor.or_else(|| decimal.and_then(|text| text.parse().ok()));
    let decimal = decimal.map(str::to_owned).or_else(|| minor.map(|minor| minor.to_string()));
    let recurring = match form["recurring"]["interval"].as_str() {
        None => Value::Null,
        Some(interval) if !["day", "week", "month", "year"].contains(&interval) => {
            let message = "Invalid recurring[interval]: must be one of day, month, week, or year";
            return Err(Refusal::param("recurring[interval]", "parameter_invalid", message));
        }
        Some(interval) => {
            let count = form["recurring"]["interval_count"].as_str();
            json!({
                "interval": interval,
                "interval_count": count.map_or(Ok(1), |text| integer(text, "recurring[interval_count]"))?,
                "meter": form["recurring"]["meter"], "trial_period_days": null,
                "usage_type": form["recurring"]["usage_type"].as_str().unwrap_or("licensed"),
            })
        }
    };
    Ok(json!({
        "id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "created": now,
        "currency": form["currency"].as_str().unwrap_or("usd"), "custom_unit_amount": null, "livemode": false,
        "lookup_key": null, "metadata": {}, "nickname": null, "product": form["product"], "recurring": recurring,
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
        "type": if recurring.is_null() { "one_time" } else { "recurring" },
        "unit_amount": minor, "unit_amount_decimal": decimal,
    }))
}

pub(super) fn subscription(id: &str, now: i64, customer: &str, currency: &Value) -> Value {
    with_nulls(
        json!({
            "id": id, "object": "subscription",
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": now, "billing_mode": {"flexible": null, "type": "flexible"},
            "billing_schedules": [], "cancel_at_period_end": false,
            "cancellation_details": {"comment": null, "feedback": null, "feedback_option": null, "reason": null},
            "collection_method": "charge_automatically", "created": now, "currency": currency,
            "customer": customer, "default_tax_rates": [], "discounts": [],
            "invoice_settings": {"account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": {"type": "self"}},
            "items": {"object": "list", "data": [], "has_more": false, "url": format!("/v1/subscription_items?subscription={id}")},
            "livemode": false, "metadata": {},
            "payment_settings": {"payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off"},
            "start_date": now, "status": "incomplete",
            "trial_settings": {"end_behavior": {"billing_cycle_anchor": null, "missing_payment_method": "create_invoice"}},
        }),
        &[
            "application", "application_fee_percent", "billing_cycle_anchor_config", "billing_thresholds",
            "cancel_at", "canceled_at", "customer_account", "days_until_due", "default_payment_method",
            "default_source", "description", "ended_at", "latest_invoice", "managed_payments",
            "next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection",
            "pending_invoice_item_interval", "pending_setup_intent", "pending_update", "schedule",
            "test_clock", "transfer_data", "trial_end", "trial_start",
        ],
    )
}

pub(super) fn item(id: &str, now: i64, subscription: &str, price: &Value, quantity: Option<i64>) -> Value {
    let recurring = &price["recurring"];
    let mut item = json!({
        "id": id, "object": "subscription_item", "billing_thresholds": null, "created": now, "current_period_end": now,
        "current_period_start": now, "current_trial": null, "discounts": [], "metadata": {},
        "plan": {
            "id": price["id"], "object": "plan", "active": true, "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "billing_scheme": "per_unit", "created": price["created"],
            "currency": price["currency"], "interval": recurring["interval"],
            "interval_count": recurring["interval_count"], "livemode": false, "metadata": {},
            "meter": recurring["meter"], "nickname": null, "product": price["product"], "tiers_mode": null,
            "transform_usage": null, "trial_period_days": null, "usage_type": recurring["usage_type"],
        },
        "price": price, "subscription": subscription, "tax_rates": [],
    });
    if recurring["usage_type"] != "metered" {
        item["quantity"] = json!(quantity.unwrap_or(1));
    }
    item
}

/// A draft without lines.
pub(super) fn invoice(id: &str, now: i64, customer: &Value, currency: &Value) -> Value {
    let nothing = [
        "amount_due",
        "amount_overpaid",
        "amount_paid",
        "amount_remaining",
        "amount_shipping",
        "attempt_count",
        "post_payment_credit_notes_amount",
        "pre_payment_credit_notes_amount",
        "starting_balance",
        "subtotal",
        "subtotal_excluding_tax",
        "total",
        "total_excluding_tax",
    ];
    let mut invoice = with_nulls(
        json!({
            "id": id, "object": "invoice", "account_country": "US", "account_name": "Sandbox", "attempted": false, "auto_advance": true,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null},
            "billing_reason": "manual", "collection_method": "charge_automatically", "created": now,
            "currency": currency, "customer": customer["id"], "customer_email": customer["email"],
            "customer_name": customer["name"], "customer_tax_exempt": "none", "customer_tax_ids": [],
            "default_tax_rates": [], "discounts": [], "issuer": {"type": "self"},
            "lines": {"object": "list", "data": [], "has_more": false, "url": format!("/v1/invoices/{id}/lines")},
            "livemode": false, "metadata": {},
            "payment_settings": {"default_mandate": null, "payment_method_options": null, "payment_method_types": null},
            "period_end": now, "period_start": now, "status": "draft",
            "status_transitions": {"finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null}, "total_discount_amounts": [], "total_pretax_credit_amounts": [], "total_taxes": [],
        }),
        &[
            "account_tax_ids", "application", "automatically_finalizes_at", "custom_fields",
            "customer_account", "customer_address", "customer_phone", "customer_shipping",
            "default_payment_method", "default_source", "description", "due_date", "effective_at",
            "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
            "last_finalization_error", "latest_revision", "next_payment_attempt", "number", "on_behalf_of",
            "parent", "receipt_number", "rendering", "shipping_cost", "shipping_details",
            "statement_descriptor", "test_clock", "webhooks_delivered_at",
        ],
    );
    for field in nothing {
        invoice[field] = json!(0);
    }
    invoice
}

/// What a line is about: amount and words, period, and the thing in the subscription.
pub(super) struct Line<'a> {
    pub(super) amount: i64,
    pub(super) words: String,
    pub(super) quantity: Option<i64>,
    pub(super) period: (i64, i64),
    pub(super) item: &'a Value,
    pub(super) proration: bool,
}

pub(super) fn line(id: &str, line: &Line<'_>) -> Value {
    let price = &line.item["price"];
    json!({
        "id": id, "object": "line_item", "amount": line.amount, "currency": price["currency"],
        "description": line.words, "discount_amounts": [], "discountable": !line.proration, "discounts": [],
        "invoice": null, "livemode": false, "metadata": line.item["metadata"],
        "parent": {
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null, "proration": line.proration, "proration_details": null,
                "subscription": line.item["subscription"], "subscription_item": line.item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": line.period.0, "end": line.period.1}, "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]}, "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": line.quantity, "quantity_decimal": line.quantity.map(|quantity| quantity.to_string()),
        "subscription": line.item["subscription"], "subtotal": line.amount, "taxes": [],
    })
}

pub(super) fn checkout(id: &str, now: i64, form: &Value) -> Value {
    let session = json!({
        "id": id, "object": "checkout.session", "adaptive_pricing": {"enabled": false},
        "allow_promotion_codes": form["allow_promotion_codes"] == "true",
        "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
        "cancel_url": form["cancel_url"], "client_reference_id": form["client_reference_id"], "created": now,
        "currency": form["currency"], "custom_fields": [],
        "custom_text": {"after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null},
        "customer": form["customer"], "customer_email": form["customer_email"], "discounts": [],
        "expires_at": now + super::DAY, "livemode": false, "metadata": {}, "mode": form["mode"],
        "payment_method_collection": "always", "payment_method_options": {}, "payment_method_types": ["card"],
        "payment_status": "unpaid", "phone_number_collection": {"enabled": false}, "shipping_options": [],
        "status": "open", "success_url": form["success_url"], "ui_mode": "hosted_page",
        "url": format!("https://checkout.stripe.com/c/pay/{id}"),
    });
    with_nulls(session, &[
        "after_expiration", "allowed_payment_method_types", "amount_subtotal", "amount_total",
        "billing_address_collection", "client_secret", "collected_information", "consent", "consent_collection",
        "currency_conversion", "customer_account", "customer_creation", "customer_details", "integration_identifier",
        "invoice", "invoice_creation", "locale", "managed_payments", "origin_context", "payment_intent",
        "payment_link", "payment_method_configuration_details", "permissions", "recovered_from",
        "saved_payment_method_options", "setup_intent", "shipping_address_collection", "shipping_cost", "submit_type",
        "subscription", "total_details", "wallet_options",
    ])
}

/// The object with these fields there, and empty.
fn with_nulls(mut object: Value, fields: &[&str]) -> Value {
    for field in fields {
        object[*field] = Value::Null;
    }
    object
}

pub(super) fn portal(id: &str, now: i64, form: &Value) -> Value {
    json!({
        "id": id, "object": "billing_portal.session", "configuration": "bpc_sandbox", "created": now,
        "customer": form["customer"], "customer_account": null, "flow": null, "livemode": false, "locale": null,
        "on_behalf_of": null, "return_url": form["return_url"],
        "url": format!("https://billing.stripe.com/p/session/{id}"),
    })
}

pub(super) fn meter(id: &str, now: i64, form: &Value) -> Value {
    json!({
        "id": id, "object": "billing.meter", "created": now,
        "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": {"formula": form["default_aggregation"]["formula"]},
        "display_name": form["display_name"], "event_name": form["event_name"], "event_time_window": null,
        "livemode": false, "status": "active", "status_transitions": {"deactivated_at": null}, "updated": now,
        "value_settings": {"event_payload_key": "value"},
    })
}
