-- The machine that talks with people: how an organisation wants it, how it stands in a call, what it said.

CREATE TABLE ai_agent_configs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    prompt TEXT NOT NULL,
    model TEXT NOT NULL CHECK (model IN ('gpt-4o-mini', 'gpt-4o', 'gpt-4-turbo')),
    temperature_milli BIGINT NOT NULL CHECK (temperature_milli BETWEEN 0 AND 2000),
    enabled BOOLEAN NOT NULL,
    greeting TEXT,
    max_turns BIGINT NOT NULL CHECK (max_turns BETWEEN 1 AND 100),
    silence_seconds BIGINT NOT NULL CHECK (silence_seconds BETWEEN 5 AND 120),
    handoff_to TEXT,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

CREATE TABLE ai_sessions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('idle', 'ai_greeting', 'ai_speaking', 'ai_listening', 'ai_thinking', 'handoff', 'completed')),
    turn BIGINT NOT NULL,
    answers BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    restarts BIGINT NOT NULL,
    silences BIGINT NOT NULL,
    heard_until BIGINT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    handed_at TIMESTAMPTZ,
    activated_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id)
);

-- What it said. The person's words stay among the lines that were heard.
CREATE TABLE ai_turns (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('greeting', 'answer', 'still_there', 'handoff', 'goodbye')),
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    after_line BIGINT NOT NULL,
    vendor TEXT,
    model TEXT,
    live BOOLEAN NOT NULL,
    ordered_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    cut_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id, number)
);
