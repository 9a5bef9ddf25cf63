-- Calls, what vendors call them, what happened in them, and the ledgers the frequency rules read.

-- No key to the call: a refusal has none, and a permit is written before its call.
CREATE TABLE verdicts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID,
    account_id UUID,
    call_id UUID,
    outcome TEXT NOT NULL CHECK (outcome IN ('permit', 'require', 'defer', 'review', 'deny')),
    blocked_by TEXT,
    explanation JSONB NOT NULL,
    explanation_hash TEXT NOT NULL,
    pack TEXT NOT NULL,
    not_before TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX verdicts_by_time ON verdicts (organization_id, created_at, id);

CREATE TABLE calls (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID,
    account_id UUID,
    direction TEXT NOT NULL CHECK (direction IN ('outbound', 'inbound')),
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    flow_type TEXT NOT NULL CHECK (flow_type IN ('direct', 'inbound')),
    status TEXT NOT NULL CHECK (status IN
        ('pending', 'initiated', 'ringing', 'in_progress', 'bridged', 'completed', 'missed', 'canceled', 'failed')),
    vendor TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    facts JSONB NOT NULL,
    verdict_id UUID,
    record BOOLEAN NOT NULL,
    transcribe BOOLEAN NOT NULL,
    answered_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    answered_by TEXT CHECK (answered_by IN ('human', 'machine', 'fax', 'silence', 'not_sure')),
    hangup_cause TEXT CHECK (hangup_cause IN
        ('normal', 'busy', 'no_answer', 'rejected', 'not_in_service', 'canceled', 'carrier_error', 'time_limit', 'other')),
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX calls_by_time ON calls (organization_id, created_at DESC, id DESC);
CREATE INDEX calls_by_status ON calls (organization_id, status, created_at DESC, id DESC);

CREATE TABLE call_legs (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    vendor TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('callee', 'caller')),
    control_id TEXT,
    leg_id TEXT,
    session_id TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX call_legs_of_call ON call_legs (call_id, created_at, id);
CREATE INDEX call_legs_by_leg ON call_legs (vendor, leg_id);
CREATE INDEX call_legs_by_control ON call_legs (vendor, control_id);
CREATE INDEX call_legs_by_session ON call_legs (vendor, session_id);

CREATE TABLE call_events (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    source TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_data JSONB NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    UNIQUE (call_id, source),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);

CREATE TABLE contacts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID NOT NULL,
    call_id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('attempt', 'conversation')),
    direction TEXT NOT NULL CHECK (direction IN ('outbound', 'inbound')),
    at TIMESTAMPTZ NOT NULL,
    counts BOOLEAN NOT NULL,
    UNIQUE (call_id, account_id, kind),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX contacts_of_debt ON contacts (organization_id, person_id, account_id, at, id);
