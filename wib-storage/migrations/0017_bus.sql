-- What happens in calls, in order; queues of bytes for whoever embeds; and what waits with a queue outside.

-- The last place that was given out. Its row is the last that a transaction takes, and it is held until the commit: so
-- places become visible in their order, without holes.
CREATE TABLE live_heads (
    organization_id UUID PRIMARY KEY REFERENCES organizations (id),
    seq BIGINT NOT NULL
);

-- No key to the call: these are ids that were told, and they go by age.
CREATE TABLE live_events (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    call_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (organization_id, seq)
);
CREATE INDEX live_events_by_time ON live_events (created_at);

-- Set while a message waits with a queue outside, and until it is settled.
ALTER TABLE queue ADD COLUMN handed_at TIMESTAMPTZ;

-- due_at is the end of a delay while a message is ready, and of its lease while somebody has it.
CREATE TABLE handed (
    id UUID PRIMARY KEY,
    queue TEXT NOT NULL,
    body BYTEA NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ready', 'leased', 'dead')),
    attempts BIGINT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX handed_due ON handed (queue, due_at, id) WHERE status IN ('ready', 'leased');
CREATE INDEX handed_dead ON handed (queue, due_at, id) WHERE status = 'dead';
