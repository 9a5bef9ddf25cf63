-- What time-stamp authorities and witnesses outside the house said of checkpoints: rows that are added and read.

CREATE TABLE stamps (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    checkpoint_size BIGINT NOT NULL CHECK (checkpoint_size >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('timestamp', 'witness')),
    name TEXT NOT NULL,
    token TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, checkpoint_size, kind, name)
);
CREATE INDEX stamps_by_name ON stamps (kind, name, created_at);
