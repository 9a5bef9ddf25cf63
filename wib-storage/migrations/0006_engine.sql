-- What vendors said, what is to be done, and the scheduled jobs.

CREATE TABLE inbox (
    id UUID PRIMARY KEY,
    vendor TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event JSONB NOT NULL,
    body BYTEA NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    UNIQUE (vendor, event_id)
);
CREATE INDEX inbox_by_time ON inbox (received_at);

-- due_at is run_at while a message is ready, and the end of its lease while a worker has it.
CREATE TABLE queue (
    organization_id UUID REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSONB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ready', 'leased', 'done', 'dead')),
    attempts BIGINT NOT NULL,
    started_at TIMESTAMPTZ,
    last_error TEXT,
    run_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX queue_key ON queue (organization_id, topic, key) WHERE organization_id IS NOT NULL;
CREATE UNIQUE INDEX queue_key_of_none ON queue (topic, key) WHERE organization_id IS NULL;
CREATE INDEX queue_due ON queue (due_at, id) WHERE status IN ('ready', 'leased');
CREATE INDEX queue_by_status ON queue (status, run_at, id);

CREATE TABLE job_leases (
    job TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    held_until TIMESTAMPTZ NOT NULL
);

CREATE TABLE job_runs (
    id UUID PRIMARY KEY,
    job TEXT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    processed BIGINT NOT NULL,
    error TEXT
);
CREATE INDEX job_runs_of_job ON job_runs (job, due_at DESC, started_at DESC, id DESC);
