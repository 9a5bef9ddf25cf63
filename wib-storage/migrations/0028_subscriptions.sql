-- Addresses of organisations that are told what happens, and what came of it; and who asked to be shown the product.

CREATE TABLE webhook_subscriptions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    url TEXT NOT NULL,
    events JSONB NOT NULL,
    description TEXT,
    is_active BOOLEAN NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id)
);
CREATE INDEX webhook_subscriptions_in_order ON webhook_subscriptions (organization_id, created_at, id);

-- A row per try.
CREATE TABLE webhook_deliveries (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    subscription_id UUID NOT NULL,
    event_id UUID NOT NULL,
    event TEXT NOT NULL,
    payload JSONB NOT NULL,
    attempt BIGINT NOT NULL,
    response_status BIGINT,
    response_body TEXT,
    error TEXT,
    success BOOLEAN NOT NULL,
    duration_ms BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, subscription_id) REFERENCES webhook_subscriptions (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_of_one ON webhook_deliveries (organization_id, subscription_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (organization_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- One per event that an address did not take.
CREATE TABLE webhook_failures (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    subscription_id UUID NOT NULL,
    event_id UUID NOT NULL,
    event TEXT NOT NULL,
    payload JSONB NOT NULL,
    endpoint TEXT NOT NULL,
    attempt_count BIGINT NOT NULL,
    last_status BIGINT,
    last_error TEXT,
    status TEXT NOT NULL CHECK (status IN ('failed', 'resolved', 'discarded', 'under_review')),
    resolution_notes TEXT,
    resolved_by UUID,
    resolved_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, subscription_id) REFERENCES webhook_subscriptions (organization_id, id) ON DELETE CASCADE,
    UNIQUE (organization_id, subscription_id, event_id)
);
CREATE INDEX webhook_failures_by_time ON webhook_failures (organization_id, created_at DESC, id DESC);
CREATE INDEX webhook_failures_by_age ON webhook_failures (updated_at);

CREATE TABLE demo_requests (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    company TEXT NOT NULL,
    team_size TEXT,
    use_case TEXT,
    message TEXT,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX demo_requests_by_age ON demo_requests (created_at);
