-- Values for a while, and counters: of the platform, and nobody misses what is gone.

CREATE TABLE cache (
    kind TEXT NOT NULL CHECK (kind IN ('value', 'counter')),
    key TEXT NOT NULL,
    value BYTEA,
    count BIGINT NOT NULL,
    expires_at TIMESTAMPTZ,
    PRIMARY KEY (kind, key)
);
CREATE INDEX cache_by_end ON cache (expires_at) WHERE expires_at IS NOT NULL;
