-- What machines say: translations spoken on calls, and texts whose sound is kept.

-- Characters that were said are used, too.
CREATE TABLE usage_next (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN (
            'voice_ms', 'recording_ms', 'transcript_ms', 'input_tokens', 'output_tokens', 'speech_characters'
        )),
    quantity BIGINT NOT NULL,
    vendor TEXT NOT NULL,
    cost_micros BIGINT,
    price_book TEXT,
    live BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    UNIQUE (call_id, source, kind),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
INSERT INTO usage_next (organization_id, id, call_id, source, kind, quantity, vendor, cost_micros, price_book, live, at)
    SELECT organization_id, id, call_id, source, kind, quantity, vendor, cost_micros, price_book, live, at FROM usage;
DROP TABLE usage;
ALTER TABLE usage_next RENAME TO usage;
CREATE INDEX usage_by_time ON usage (organization_id, at, id);

-- Translations that are spoken to the other side. One each: whatever was asked for twice is heard once. No words.
CREATE TABLE injections (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    -- The translation may be forgotten; that it was spoken is not.
    translation_id UUID NOT NULL,
    line_index BIGINT NOT NULL,
    speaker TEXT NOT NULL CHECK (speaker IN ('customer', 'agent')),
    language TEXT NOT NULL CHECK (language IN ('en', 'es', 'fr', 'de', 'zh', 'ja', 'pt', 'it', 'ko', 'ar')),
    leg_id UUID,
    status TEXT NOT NULL CHECK (status IN ('queued', 'playing', 'completed', 'failed', 'dropped')),
    why TEXT,
    blob_key TEXT,
    vendor TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    played_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, translation_id)
);
CREATE INDEX injections_of_call ON injections (organization_id, call_id, line_index);

-- Texts that were said aloud, by a hash of all that makes them one.
CREATE TABLE tts_audio (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('making', 'ready')),
    blob_key TEXT,
    content_type TEXT,
    size_bytes BIGINT,
    media_hash TEXT,
    duration_ms BIGINT,
    vendor TEXT,
    model TEXT,
    voice TEXT,
    characters BIGINT,
    cost_micros BIGINT,
    price_book TEXT,
    live BOOLEAN NOT NULL,
    hits BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, key)
);
CREATE INDEX tts_audio_by_use ON tts_audio (organization_id, used_at, id);
