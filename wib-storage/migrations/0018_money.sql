-- Money: what persons agreed to pay and paid, what members are to do about it, how likely an account is to pay, and what
-- an organisation owes for the service itself.

-- Nothing is charged without one (12 CFR 1005.10(b)).
CREATE TABLE payment_authorizations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    payment_method TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('written', 'electronic', 'recorded')),
    recurring BOOLEAN NOT NULL,
    most_minor BIGINT NOT NULL CHECK (most_minor > 0),
    evidence TEXT NOT NULL,
    call_id UUID,
    given_at TIMESTAMPTZ NOT NULL,
    copy_sent_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX payment_authorizations_of_account
    ON payment_authorizations (organization_id, account_id, created_at, id);

CREATE TABLE payment_plans (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    total_minor BIGINT NOT NULL CHECK (total_minor > 0),
    currency TEXT NOT NULL,
    frequency TEXT NOT NULL CHECK (frequency IN ('weekly', 'biweekly', 'monthly')),
    pay_by TEXT NOT NULL CHECK (pay_by IN ('saved', 'manual')),
    status TEXT NOT NULL CHECK (status IN ('active', 'completed', 'defaulted', 'canceled')),
    installments BIGINT NOT NULL CHECK (installments > 0),
    completed_count BIGINT NOT NULL,
    failed_count BIGINT NOT NULL,
    next_on TIMESTAMPTZ,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
-- A debt is paid by one plan at a time.
CREATE UNIQUE INDEX payment_plans_active ON payment_plans (organization_id, account_id) WHERE status = 'active';
CREATE INDEX payment_plans_by_time ON payment_plans (organization_id, created_at DESC, id DESC);

CREATE TABLE scheduled_payments (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    plan_id UUID,
    number BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    due_on TIMESTAMPTZ NOT NULL,
    pay_by TEXT NOT NULL CHECK (pay_by IN ('saved', 'manual')),
    customer_id TEXT,
    payment_method TEXT,
    status TEXT NOT NULL CHECK (status IN
        ('pending', 'processing', 'completed', 'failed', 'awaiting_manual', 'canceled')),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    max_attempts BIGINT NOT NULL CHECK (max_attempts > 0),
    charge_minor BIGINT,
    claimed_at TIMESTAMPTZ,
    vendor_payment_id TEXT,
    last_error TEXT,
    completed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, plan_id) REFERENCES payment_plans (organization_id, id)
);
CREATE INDEX scheduled_payments_due ON scheduled_payments (due_on, id) WHERE status = 'pending';
CREATE INDEX scheduled_payments_claimed ON scheduled_payments (claimed_at, id) WHERE status = 'processing';
CREATE INDEX scheduled_payments_by_date ON scheduled_payments (organization_id, due_on DESC, id DESC);
CREATE INDEX scheduled_payments_of_plan ON scheduled_payments (organization_id, plan_id, number, id);

-- The ledger of what was paid.
CREATE TABLE collection_payments (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    plan_id UUID,
    scheduled_payment_id UUID,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    pay_by TEXT NOT NULL CHECK (pay_by IN ('saved', 'manual')),
    vendor TEXT,
    vendor_payment_id TEXT,
    reference TEXT,
    live BOOLEAN NOT NULL,
    paid_at TIMESTAMPTZ NOT NULL,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, scheduled_payment_id),
    UNIQUE (organization_id, vendor, vendor_payment_id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, plan_id) REFERENCES payment_plans (organization_id, id),
    FOREIGN KEY (organization_id, scheduled_payment_id) REFERENCES scheduled_payments (organization_id, id)
);
CREATE INDEX collection_payments_of_account ON collection_payments (organization_id, account_id, paid_at DESC, id DESC);
CREATE INDEX collection_payments_by_time ON collection_payments (organization_id, created_at DESC, id DESC);

CREATE TABLE tasks (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
        ('followup', 'promise', 'payment', 'review', 'escalation', 'prevention_review')),
    title TEXT NOT NULL,
    notes TEXT,
    due_at TIMESTAMPTZ,
    status TEXT NOT NULL CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
    assigned_to UUID,
    source TEXT,
    created_by UUID,
    completed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, source),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX tasks_of_account ON tasks (organization_id, account_id, kind, status);
CREATE INDEX tasks_by_time ON tasks (organization_id, created_at DESC, id DESC);

CREATE TABLE likelihood_scores (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    account_id UUID NOT NULL,
    score BIGINT NOT NULL CHECK (score BETWEEN 0 AND 100),
    factors JSONB NOT NULL,
    scored_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, account_id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX likelihood_scores_by_time ON likelihood_scores (organization_id, scored_at);
CREATE INDEX accounts_by_balance ON accounts (organization_id, balance_minor DESC, id);
CREATE INDEX calls_of_account ON calls (organization_id, account_id, created_at DESC, id DESC);

CREATE TABLE collection_settings (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    prevention_threshold BIGINT NOT NULL CHECK (prevention_threshold BETWEEN 1 AND 99),
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

-- A day is kept as its first instant in UTC.
CREATE TABLE usage_stats (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    day TIMESTAMPTZ NOT NULL,
    total_calls BIGINT NOT NULL,
    total_duration_seconds BIGINT NOT NULL,
    total_recordings BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, day)
);
CREATE INDEX calls_by_day ON calls (created_at, organization_id);

-- The organisation as a customer of the vendor that it pays by.
CREATE TABLE billing_accounts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    email TEXT,
    subscription_id TEXT,
    subscription_status TEXT CHECK (subscription_status IN
        ('active', 'trialing', 'past_due', 'unpaid', 'incomplete', 'incomplete_expired', 'paused', 'canceled', 'other')),
    plan TEXT CHECK (plan IN ('free', 'starter', 'pro', 'business', 'enterprise')),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id),
    UNIQUE (vendor, customer_id)
);
CREATE INDEX billing_accounts_past_due ON billing_accounts (organization_id) WHERE subscription_status = 'past_due';

-- What the vendor last said of a subscription, and when: an older word never overwrites a newer one.
CREATE TABLE subscriptions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('active', 'trialing', 'past_due', 'unpaid', 'incomplete', 'incomplete_expired', 'paused', 'canceled', 'other')),
    plan TEXT CHECK (plan IN ('free', 'starter', 'pro', 'business', 'enterprise')),
    plan_at TIMESTAMPTZ,
    price_id TEXT,
    cancel_at_period_end BOOLEAN NOT NULL,
    period_ends TIMESTAMPTZ,
    began_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    seen_rank BIGINT NOT NULL,
    seen_event TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, vendor, vendor_id)
);

CREATE TABLE invoices (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    subscription_id TEXT,
    number TEXT,
    status TEXT NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'uncollectible', 'void', 'other')),
    due_minor BIGINT NOT NULL,
    paid_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    failed_at TIMESTAMPTZ,
    url TEXT,
    seen_at TIMESTAMPTZ NOT NULL,
    seen_rank BIGINT NOT NULL,
    seen_event TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, vendor, vendor_id)
);

CREATE TABLE billing_events (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
        ('checkout_completed', 'subscription_created', 'subscription_updated', 'subscription_canceled',
         'payment_received', 'payment_failed')),
    subject TEXT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, vendor, event_id)
);
CREATE INDEX billing_events_by_kind ON billing_events (organization_id, kind, at);

-- One chain per invoice: each level once.
CREATE TABLE dunning_events (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    invoice_id UUID NOT NULL,
    attempt_number BIGINT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('reminder', 'warning', 'final_notice', 'suspension')),
    action TEXT NOT NULL CHECK (action IN ('mailed', 'cancels_at_period_end')),
    next_action_at TIMESTAMPTZ,
    resolved_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, invoice_id, level),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
