-- Recordings and what was made of them, and what it cost.

CREATE TABLE recordings (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    vendor_id TEXT NOT NULL,
    blob_key TEXT,
    content_type TEXT NOT NULL,
    channels BIGINT NOT NULL,
    size_bytes BIGINT,
    media_hash TEXT,
    duration_ms BIGINT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed', 'deleted')),
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (call_id, vendor_id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX recordings_by_time ON recordings (organization_id, created_at DESC, id DESC);

CREATE TABLE transcripts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    recording_id UUID NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    language TEXT NOT NULL,
    utterances JSONB NOT NULL,
    transcript_hash TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (recording_id, version),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    FOREIGN KEY (organization_id, recording_id) REFERENCES recordings (organization_id, id)
);
CREATE INDEX transcripts_of_call ON transcripts (organization_id, call_id);

CREATE TABLE transcript_jobs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    recording_id UUID NOT NULL UNIQUE,
    vendor TEXT NOT NULL,
    audio_url TEXT,
    vendor_id TEXT,
    status TEXT NOT NULL CHECK (status IN ('queued', 'pending', 'completed', 'failed', 'failed_permanent')),
    failures BIGINT NOT NULL,
    error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (vendor, vendor_id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    FOREIGN KEY (organization_id, recording_id) REFERENCES recordings (organization_id, id)
);
CREATE INDEX transcript_jobs_of_call ON transcript_jobs (organization_id, call_id, created_at, id);

CREATE TABLE analyses (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    transcript_id UUID NOT NULL UNIQUE,
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    insight JSONB NOT NULL,
    insight_hash TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    FOREIGN KEY (organization_id, transcript_id) REFERENCES transcripts (organization_id, id)
);
CREATE INDEX analyses_of_call ON analyses (organization_id, call_id, created_at, id);

CREATE TABLE usage (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('voice_ms', 'transcript_ms', 'input_tokens', 'output_tokens')),
    quantity BIGINT NOT NULL,
    vendor TEXT NOT NULL,
    cost_micros BIGINT,
    price_book TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    UNIQUE (call_id, source, kind),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX usage_by_time ON usage (organization_id, at, id);
