-- What somebody did against the rules, and how it was looked into; who put a number on the list; what a client says of a
-- consent and of a dispute.

CREATE TABLE violations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID,
    user_id UUID,
    code TEXT NOT NULL CHECK (code IN
        ('QA_NO_CONFIRMATIONS', 'QA_NO_OUTCOMES', 'QA_NO_AGREEMENTS', 'SURVEY_NO_AGREEMENTS', 'AI_NO_NEGOTIATION')),
    kind TEXT NOT NULL CHECK (kind IN ('blocked', 'warned', 'detected', 'prevented')),
    context JSONB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'reviewed', 'dismissed', 'confirmed')),
    notes TEXT,
    resolved_by UUID,
    resolved_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX violations_by_time ON violations (organization_id, created_at DESC, id DESC);
CREATE INDEX violations_by_status ON violations (organization_id, status, created_at DESC, id DESC);

ALTER TABLE suppressions ADD COLUMN reason TEXT;
ALTER TABLE suppressions ADD COLUMN added_by UUID;
CREATE INDEX suppressions_by_time ON suppressions (organization_id, created_at DESC, id DESC);

ALTER TABLE consents ADD COLUMN call_id UUID;
ALTER TABLE consents ADD COLUMN note TEXT;
CREATE INDEX consents_by_time ON consents (organization_id, at DESC, id DESC);

ALTER TABLE disputes ADD COLUMN kind TEXT NOT NULL DEFAULT 'other'
    CHECK (kind IN ('billing', 'identity', 'amount', 'other'));
ALTER TABLE disputes ADD COLUMN call_id UUID;
CREATE INDEX disputes_by_time ON disputes (organization_id, created_at DESC, id DESC);

CREATE INDEX notices_by_time ON notices (organization_id, created_at DESC, id DESC);
