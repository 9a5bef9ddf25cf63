-- Numbers that an organisation shows and is called at, the lines of its members, translations, and calls of several legs.

CREATE TABLE phone_numbers (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    phone TEXT NOT NULL,
    vendor TEXT NOT NULL,
    vendor_id TEXT,
    purpose TEXT NOT NULL CHECK (purpose IN ('outbound', 'inbound', 'both')),
    active BOOLEAN NOT NULL,
    pool_order BIGINT NOT NULL,
    last_used_at TIMESTAMPTZ,
    caller_name TEXT,
    route JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
-- A number rings at one organisation.
CREATE UNIQUE INDEX phone_numbers_active ON phone_numbers (vendor, phone) WHERE active;
CREATE INDEX phone_numbers_pool ON phone_numbers (organization_id, last_used_at, pool_order, id) WHERE active;
CREATE INDEX phone_numbers_by_order ON phone_numbers (organization_id, pool_order, id);

CREATE TABLE caller_ids (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    phone TEXT NOT NULL,
    label TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'verified')),
    code_hash TEXT,
    attempts BIGINT NOT NULL,
    expires_at TIMESTAMPTZ,
    verified_at TIMESTAMPTZ,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, phone)
);

CREATE TABLE agent_lines (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    phone TEXT NOT NULL,
    queue TEXT,
    active BOOLEAN NOT NULL,
    last_rung_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, user_id)
);

CREATE TABLE translations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    transcript_id UUID NOT NULL,
    transcript_version BIGINT NOT NULL,
    transcript_hash TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    source_language TEXT NOT NULL,
    target_language TEXT NOT NULL CHECK (target_language IN ('en', 'es', 'fr', 'de', 'zh', 'ja', 'pt', 'it', 'ko', 'ar')),
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    utterances JSONB NOT NULL,
    translation_hash TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (transcript_id, target_language, version),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    FOREIGN KEY (organization_id, transcript_id) REFERENCES transcripts (organization_id, id)
);
CREATE INDEX translations_of_call ON translations (organization_id, call_id, created_at, id);

ALTER TABLE calls ADD COLUMN translate_to TEXT
    CHECK (translate_to IN ('en', 'es', 'fr', 'de', 'zh', 'ja', 'pt', 'it', 'ko', 'ar'));
CREATE INDEX person_phones_by_phone ON person_phones (phone, organization_id);

-- More words for a call and its legs: a rule of a column goes with its column.
DROP INDEX calls_by_status;
ALTER TABLE calls ADD COLUMN next_status TEXT NOT NULL DEFAULT 'pending' CHECK (next_status IN
    ('pending', 'initiated', 'ringing', 'in_progress', 'bridged', 'transferring', 'transferred', 'completed', 'missed',
     'canceled', 'failed'));
UPDATE calls SET next_status = status;
ALTER TABLE calls DROP COLUMN status;
ALTER TABLE calls RENAME COLUMN next_status TO status;
CREATE INDEX calls_by_status ON calls (organization_id, status, created_at DESC, id DESC);

ALTER TABLE calls ADD COLUMN next_flow_type TEXT NOT NULL DEFAULT 'direct'
    CHECK (next_flow_type IN ('direct', 'bridge', 'inbound'));
UPDATE calls SET next_flow_type = flow_type;
ALTER TABLE calls DROP COLUMN flow_type;
ALTER TABLE calls RENAME COLUMN next_flow_type TO flow_type;

ALTER TABLE call_legs ADD COLUMN next_role TEXT NOT NULL DEFAULT 'callee'
    CHECK (next_role IN ('callee', 'caller', 'agent', 'target', 'supervisor'));
UPDATE call_legs SET next_role = role;
ALTER TABLE call_legs DROP COLUMN role;
ALTER TABLE call_legs RENAME COLUMN next_role TO role;
