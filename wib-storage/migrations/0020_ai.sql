-- What language models may cost, what they were asked, and what it came to.

CREATE TABLE ai_budgets (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    limit_micros BIGINT NOT NULL CHECK (limit_micros >= 0),
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

-- Reserved is what those who are being asked may cost; it becomes spent, or free again, when they have answered.
CREATE TABLE ai_months (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    month TEXT NOT NULL,
    reserved_micros BIGINT NOT NULL CHECK (reserved_micros >= 0),
    spent_micros BIGINT NOT NULL CHECK (spent_micros >= 0),
    PRIMARY KEY (organization_id, month)
);

CREATE TABLE ai_runs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID,
    status TEXT NOT NULL CHECK (status IN ('asked', 'answered', 'degraded', 'refused', 'lost')),
    month TEXT NOT NULL,
    reserved_micros BIGINT NOT NULL,
    cost_micros BIGINT,
    decision JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX ai_runs_by_time ON ai_runs (organization_id, created_at DESC, id DESC);
CREATE INDEX ai_runs_asked ON ai_runs (organization_id, created_at, id) WHERE status = 'asked';
