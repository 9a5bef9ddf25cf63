-- What is made of a call's words while they are spoken: moods and advice. Assistive, never evidence. And more kinds of
-- what costs.

CREATE TABLE sentiment_configs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    -- Millionths.
    alert_threshold BIGINT NOT NULL CHECK (alert_threshold BETWEEN -1000000 AND 1000000),
    objection_keywords JSONB NOT NULL,
    alert_channels JSONB NOT NULL,
    webhook_url TEXT,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

-- One per line. Without a score: no model answered.
CREATE TABLE sentiment_scores (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    line_id UUID NOT NULL REFERENCES live_lines (id) ON DELETE CASCADE,
    line_index BIGINT NOT NULL,
    score BIGINT CHECK (score BETWEEN -1000000 AND 1000000),
    objections JSONB NOT NULL,
    escalate BOOLEAN NOT NULL,
    vendor TEXT,
    model TEXT,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, line_id)
);
CREATE INDEX sentiment_scores_of_call ON sentiment_scores (organization_id, call_id, line_index);

CREATE TABLE sentiment_summaries (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    segments BIGINT NOT NULL,
    scored BIGINT NOT NULL,
    sum BIGINT NOT NULL,
    min BIGINT,
    max BIGINT,
    objections BIGINT NOT NULL,
    escalated_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id)
);
CREATE INDEX sentiment_summaries_by_time ON sentiment_summaries (organization_id, updated_at DESC, id DESC);

-- Fixed lines that members may say.
CREATE TABLE script_lines (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    label TEXT NOT NULL,
    text TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    position BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX script_lines_in_order ON script_lines (organization_id, position, id);

-- One per line that it was given after.
CREATE TABLE advice (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    line_id UUID NOT NULL REFERENCES live_lines (id) ON DELETE CASCADE,
    line_index BIGINT NOT NULL,
    claims JSONB NOT NULL,
    dropped BIGINT NOT NULL,
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, line_id)
);
CREATE INDEX advice_of_call ON advice (organization_id, call_id, line_index);

-- Whether somebody is being asked for advice on a call, and up to which line it was given. One per call.
CREATE TABLE assist_turns (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    busy_until TIMESTAMPTZ,
    advised_index BIGINT NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    UNIQUE (organization_id, call_id)
);
