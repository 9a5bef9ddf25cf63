-- What is heard of calls while they are spoken. Assistive: the transcript of the recording is the evidence.

-- What is to be done with a call's words as they are spoken; none: nothing is.
ALTER TABLE calls ADD COLUMN listen JSONB;

-- Streams of sound that were ordered. One is open per call.
CREATE TABLE media_streams (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    number BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ordered', 'open', 'ended', 'lost', 'failed')),
    opened_at TIMESTAMPTZ,
    heard_until TIMESTAMPTZ,
    seen_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    why TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id, number)
);

CREATE TABLE live_lines (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    line_index BIGINT NOT NULL,
    speaker TEXT NOT NULL CHECK (speaker IN ('customer', 'agent')),
    text TEXT NOT NULL,
    language TEXT,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL,
    confidence_ppm BIGINT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('live', 'recording')),
    vendor TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id, line_index)
);

-- One per line and language. Confidence 0: it could not be translated, and the text is the line's own.
CREATE TABLE line_translations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    line_id UUID NOT NULL REFERENCES live_lines (id) ON DELETE CASCADE,
    line_index BIGINT NOT NULL,
    speaker TEXT NOT NULL CHECK (speaker IN ('customer', 'agent')),
    original TEXT NOT NULL,
    text TEXT NOT NULL,
    source_language TEXT NOT NULL,
    target_language TEXT NOT NULL
        CHECK (target_language IN ('en', 'es', 'fr', 'de', 'zh', 'ja', 'pt', 'it', 'ko', 'ar')),
    confidence_ppm BIGINT NOT NULL,
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, line_id, target_language)
);
CREATE INDEX line_translations_of_call ON line_translations (organization_id, call_id, line_index);

-- Where nobody heard what was said.
CREATE TABLE live_gaps (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    why TEXT NOT NULL,
    filled_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX live_gaps_of_call ON live_gaps (organization_id, call_id, started_at);
