-- Tenants, their members, and whoever signs in.

CREATE TABLE organizations (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    plan TEXT NOT NULL CHECK (plan IN ('free', 'starter', 'pro', 'business', 'enterprise')),
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE users (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    platform_admin BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE members (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN
        ('viewer', 'agent', 'analyst', 'user', 'operator', 'manager', 'compliance', 'admin', 'owner')),
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (user_id, organization_id)
);
CREATE INDEX members_of_organization ON members (organization_id, created_at, id);

-- The chosen organisation is a wish of the session, not its owner: no tenant reads this table.
CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_id UUID NOT NULL REFERENCES users (id),
    chosen_organization_id UUID,
    fingerprint TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE one_time_tokens (
    purpose TEXT NOT NULL,
    hash TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (purpose, hash)
);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
