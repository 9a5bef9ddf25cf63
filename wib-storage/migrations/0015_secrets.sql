-- What organisations give us to act for them elsewhere, sealed under a key that is not in the database.

CREATE TABLE tenant_secrets (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, name)
);
CREATE INDEX tenant_secrets_by_key ON tenant_secrets (organization_id, key_id, id);
