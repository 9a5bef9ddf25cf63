-- What is switched on: for everybody, and for one organisation. And how members of an organisation sign in.

CREATE TABLE global_feature_flags (
    id UUID PRIMARY KEY,
    feature TEXT NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE org_feature_flags (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    feature TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    disabled_reason TEXT,
    disabled_at TIMESTAMPTZ,
    disabled_by UUID,
    daily_limit BIGINT CHECK (daily_limit >= 0),
    monthly_limit BIGINT CHECK (monthly_limit >= 0),
    daily_usage BIGINT NOT NULL,
    monthly_usage BIGINT NOT NULL,
    -- The day and the month end apart.
    day_ends_at TIMESTAMPTZ NOT NULL,
    month_ends_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, feature)
);

-- Their secrets are sealed, among the organisation's others.
CREATE TABLE auth_providers (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    provider TEXT NOT NULL CHECK (provider IN ('credentials', 'google', 'github', 'microsoft', 'saml')),
    enabled BOOLEAN NOT NULL,
    client_id TEXT,
    has_secret BOOLEAN NOT NULL,
    config JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, provider)
);
