-- Requests that are run once: whoever asks again with the same key is told what was answered. Kept for a day.

CREATE TABLE idempotent_requests (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT,
    body TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, key_hash)
);
CREATE INDEX idempotent_requests_by_end ON idempotent_requests (expires_at);
