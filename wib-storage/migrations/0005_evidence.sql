-- The chain, its checkpoints, and the audit log: rows that are added and read, nothing else.

CREATE TABLE evidence (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    manifest TEXT NOT NULL,
    manifest_hash TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, seq),
    UNIQUE (organization_id, call_id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);

CREATE TABLE checkpoints (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    size BIGINT NOT NULL,
    head TEXT NOT NULL,
    signer TEXT NOT NULL,
    signature TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX checkpoints_by_size ON checkpoints (organization_id, size, id);

CREATE TABLE audit_events (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    user_id UUID,
    actor_type TEXT NOT NULL CHECK (actor_type IN ('human', 'system', 'vendor', 'automation')),
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id UUID,
    old_value JSONB,
    new_value JSONB,
    metadata JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX audit_events_by_time ON audit_events (organization_id, created_at DESC, id DESC);
