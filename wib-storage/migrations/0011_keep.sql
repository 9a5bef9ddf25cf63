-- How long things are kept, what was deleted when, and whose data was erased; the seal over the audit log.

-- Place of the link that seals the line.
ALTER TABLE audit_events ADD COLUMN sealed_seq BIGINT;
CREATE INDEX audit_events_unsealed ON audit_events (organization_id, created_at, id) WHERE sealed_seq IS NULL;
CREATE INDEX audit_events_by_seal ON audit_events (organization_id, sealed_seq, created_at, id)
    WHERE sealed_seq IS NOT NULL;

CREATE TABLE retention_policies (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    recording_retention_days BIGINT NOT NULL CHECK (recording_retention_days BETWEEN 1 AND 3650),
    transcript_retention_days BIGINT NOT NULL CHECK (transcript_retention_days BETWEEN 1 AND 3650),
    call_log_retention_days BIGINT NOT NULL CHECK (call_log_retention_days BETWEEN 1 AND 3650),
    auto_delete_enabled BOOLEAN NOT NULL,
    gdpr_mode BOOLEAN NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id)
);

-- What retention found about a thing: to be kept and looked at again, or deleted and what it was.
CREATE TABLE retention_marks (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('recording', 'transcript', 'timeline')),
    subject_id UUID NOT NULL,
    call_id UUID NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('kept', 'purged')),
    next_look_at TIMESTAMPTZ,
    hash TEXT,
    verdict_id UUID,
    seq BIGINT,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, kind, subject_id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);

CREATE TABLE erasures (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('request', 'mistaken_identity', 'relationship_ended', 'legal_duty')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'done')),
    report JSONB NOT NULL,
    requested_by UUID,
    next_look_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, person_id),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id)
);
CREATE INDEX erasures_due ON erasures (organization_id, next_look_at, id) WHERE status = 'pending';
CREATE INDEX transcripts_by_time ON transcripts (organization_id, created_at, id);
CREATE INDEX calls_of_person ON calls (organization_id, person_id, id);
CREATE INDEX verdicts_of_person ON verdicts (organization_id, person_id, id);
