-- Links of several kinds and in versions, and the Merkle tree over them. The links that are there are calls, in their
-- first version, hashed as they were; the tree over them is grown when the next one is added.

CREATE TABLE evidence_next (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('call', 'audit', 'purge', 'hold', 'erasure', 'pack')),
    subject_id UUID NOT NULL,
    call_id UUID,
    version BIGINT NOT NULL CHECK (version >= 1),
    supersedes TEXT,
    format TEXT NOT NULL CHECK (format IN ('wib-link/1', 'wib-link/2')),
    seq BIGINT NOT NULL CHECK (seq >= 1),
    manifest TEXT NOT NULL,
    manifest_hash TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CHECK ((version = 1) = (supersedes IS NULL)),
    UNIQUE (organization_id, seq),
    UNIQUE (organization_id, kind, subject_id, version),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);

INSERT INTO evidence_next (organization_id, id, kind, subject_id, call_id, version, supersedes, format, seq, manifest,
    manifest_hash, prev_hash, entry_hash, created_at)
SELECT organization_id, id, 'call', call_id, call_id, 1, NULL, 'wib-link/1', seq, manifest,
    manifest_hash, prev_hash, entry_hash, created_at FROM evidence;

DROP TABLE evidence;
ALTER TABLE evidence_next RENAME TO evidence;
CREATE INDEX evidence_by_call ON evidence (organization_id, call_id, seq);

ALTER TABLE checkpoints ADD COLUMN root TEXT;
CREATE INDEX checkpoints_by_time ON checkpoints (organization_id, created_at DESC, id DESC);

CREATE TABLE evidence_nodes (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    level BIGINT NOT NULL CHECK (level BETWEEN 0 AND 62),
    position BIGINT NOT NULL CHECK (position >= 0),
    hash BYTEA NOT NULL,
    PRIMARY KEY (organization_id, level, position)
);
