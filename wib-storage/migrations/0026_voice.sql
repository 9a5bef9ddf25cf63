-- What came of calls, as people say it: outcomes, notes, dispositions, confirmations, summaries. How an organisation calls,
-- whom it calls often, and audio that it brings itself.

CREATE TABLE call_outcomes (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('agreed', 'declined', 'partial', 'inconclusive', 'follow_up_required', 'cancelled')),
    content JSONB NOT NULL,
    revision BIGINT NOT NULL CHECK (revision >= 1),
    declared_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id)
);

-- An outcome as it was with each revision.
CREATE TABLE call_outcome_history (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    revision BIGINT NOT NULL CHECK (revision >= 1),
    status TEXT NOT NULL
        CHECK (status IN ('agreed', 'declined', 'partial', 'inconclusive', 'follow_up_required', 'cancelled')),
    content JSONB NOT NULL,
    changed_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id, revision)
);

CREATE TABLE call_notes (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    content TEXT NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX call_notes_of_call ON call_notes (organization_id, call_id, created_at, id);

CREATE TABLE call_confirmations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    confirmation_type TEXT NOT NULL,
    details JSONB NOT NULL,
    confirmed_by UUID,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX call_confirmations_of_call ON call_confirmations (organization_id, call_id, created_at, id);

-- What a model made of a call's words when somebody asked it to; a person is to look at it.
CREATE TABLE ai_summaries (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    summary_text TEXT NOT NULL,
    content JSONB NOT NULL,
    sentiment TEXT NOT NULL CHECK (sentiment IN ('positive', 'neutral', 'negative')),
    review_status TEXT NOT NULL CHECK (review_status IN ('pending', 'approved', 'rejected')),
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX ai_summaries_of_call ON ai_summaries (organization_id, call_id, created_at, id);

-- What an organisation says of a call besides: its disposition, whence it came, and whether its person is on hold.
CREATE TABLE call_cards (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    disposition TEXT,
    disposition_notes TEXT,
    campaign_id UUID,
    campaign_call_id UUID,
    target_id UUID,
    is_test BOOLEAN NOT NULL,
    metadata JSONB NOT NULL,
    held BOOLEAN NOT NULL,
    hold_changes BIGINT NOT NULL,
    conference TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id)
);
CREATE INDEX call_cards_by_disposition ON call_cards (organization_id, disposition) WHERE disposition IS NOT NULL;

-- How calls of an organisation begin where nobody says otherwise.
CREATE TABLE voice_configs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    modulations JSONB NOT NULL,
    updated_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

CREATE TABLE voice_targets (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    phone TEXT NOT NULL,
    name TEXT,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, phone)
);

-- Audio that an organisation brought itself; of a call when it said so.
CREATE TABLE audio_files (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID,
    blob_key TEXT NOT NULL,
    original_name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    media_hash TEXT NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, blob_key)
);
CREATE INDEX audio_files_of_call ON audio_files (organization_id, call_id);

CREATE TABLE audio_transcriptions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    audio_file_id UUID NOT NULL REFERENCES audio_files (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('processing', 'completed', 'failed')),
    language TEXT NOT NULL,
    vendor TEXT NOT NULL,
    audio_url TEXT,
    vendor_id TEXT,
    transcript TEXT,
    confidence_ppm BIGINT,
    word_count BIGINT,
    scrubbed BIGINT NOT NULL,
    error TEXT,
    live BOOLEAN NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ
);
CREATE INDEX audio_transcriptions_of_file ON audio_transcriptions (organization_id, audio_file_id, created_at, id);

-- One more way to carry a call: a rule of a column goes with its column.
ALTER TABLE calls ADD COLUMN next_flow_type TEXT NOT NULL DEFAULT 'direct'
    CHECK (next_flow_type IN ('direct', 'bridge', 'inbound', 'webrtc'));
UPDATE calls SET next_flow_type = flow_type;
ALTER TABLE calls DROP COLUMN flow_type;
ALTER TABLE calls RENAME COLUMN next_flow_type TO flow_type;
