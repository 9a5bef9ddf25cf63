-- What the rules ask about a person, a number and a debt: asked for, agreed to, known, sent, disputed, listed, held.

ALTER TABLE organizations ADD COLUMN collector_role TEXT NOT NULL DEFAULT 'agency'
    CHECK (collector_role IN ('agency', 'creditor'));

ALTER TABLE persons ADD COLUMN language TEXT;

ALTER TABLE person_phones ADD COLUMN holder TEXT NOT NULL DEFAULT 'consumer' CHECK (holder IN
    ('consumer', 'spouse', 'parent', 'guardian', 'executor', 'attorney', 'reporting_agency', 'creditor',
     'creditor_attorney', 'collector_attorney', 'employer', 'third_party'));
ALTER TABLE person_phones ADD COLUMN line TEXT NOT NULL DEFAULT 'unknown'
    CHECK (line IN ('unknown', 'mobile', 'residential', 'business'));
ALTER TABLE person_phones ADD COLUMN place TEXT NOT NULL DEFAULT 'unknown'
    CHECK (place IN ('unknown', 'personal', 'work', 'inconvenient'));

ALTER TABLE accounts ADD COLUMN debt_key TEXT;
ALTER TABLE accounts ADD COLUMN first_communication_at TIMESTAMPTZ;
CREATE INDEX accounts_by_debt_key ON accounts (organization_id, debt_key, created_at, id) WHERE debt_key IS NOT NULL;
CREATE INDEX accounts_open ON accounts (organization_id, person_id, id)
    WHERE status IN ('active', 'partial', 'disputed');

ALTER TABLE suppressions ADD COLUMN list TEXT NOT NULL DEFAULT 'internal'
    CHECK (list IN ('internal', 'national', 'state', 'litigator', 'reassigned'));

ALTER TABLE calls ADD COLUMN technology TEXT NOT NULL DEFAULT 'manual'
    CHECK (technology IN ('unknown', 'manual', 'autodialed', 'artificial_voice'));
ALTER TABLE calls ADD COLUMN purpose TEXT NOT NULL DEFAULT 'collection'
    CHECK (purpose IN ('collection', 'solicitation', 'location'));

CREATE TABLE circumstances (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID,
    phone TEXT,
    kind TEXT NOT NULL CHECK (kind IN
        ('cease', 'attorney', 'bankruptcy', 'deceased', 'active_duty', 'employer_forbids', 'minor', 'litigator', 'closed',
         'wrong_number')),
    since TIMESTAMPTZ NOT NULL,
    source TEXT NOT NULL CHECK (source IN
        ('inbound_call', 'outbound_call', 'web_form', 'written_letter', 'agent_entry', 'ivr', 'api', 'import')),
    note TEXT,
    ended_at TIMESTAMPTZ,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX circumstances_of_person ON circumstances (organization_id, person_id, since, id);

-- A cease was a column of the account; its row keeps the account's id.
INSERT INTO circumstances (organization_id, id, person_id, account_id, kind, since, source, created_at)
    SELECT organization_id, id, person_id, id, 'cease', ceased_at, 'agent_entry', ceased_at
    FROM accounts WHERE ceased_at IS NOT NULL;
ALTER TABLE accounts DROP COLUMN ceased_at;

CREATE TABLE consents (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID,
    phone TEXT,
    email TEXT,
    scope TEXT NOT NULL CHECK (scope IN
        ('outbound_contact', 'autodialed', 'artificial_voice', 'sms_contact', 'email_contact', 'call_recording',
         'payment_processing', 'data_sharing')),
    event TEXT NOT NULL CHECK (event IN
        ('granted', 'revoked', 'renewed', 'expired', 'verbal_yes', 'written', 'ivr_confirm', 'dtmf_confirm')),
    written BOOLEAN NOT NULL,
    source TEXT NOT NULL CHECK (source IN
        ('inbound_call', 'outbound_call', 'web_form', 'written_letter', 'agent_entry', 'ivr', 'api', 'import')),
    evidence TEXT,
    at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX consents_of_person ON consents (organization_id, person_id, at, id);

CREATE TABLE preferences (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    phone TEXT,
    email TEXT,
    medium TEXT CHECK (medium IN ('call', 'text', 'email', 'mail')),
    wish JSONB NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id)
);
CREATE INDEX preferences_of_person ON preferences (organization_id, person_id, since, id);

CREATE TABLE notices (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('validation', 'verification')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'delivered', 'returned', 'disputed', 'expired')),
    method TEXT NOT NULL CHECK (method IN ('email', 'mail', 'in_app', 'initial_communication')),
    sent_at TIMESTAMPTZ,
    period_ends TIMESTAMPTZ,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);
CREATE INDEX notices_of_person ON notices (organization_id, person_id, created_at, id);
CREATE UNIQUE INDEX one_live_validation_notice ON notices (account_id)
    WHERE kind = 'validation' AND status IN ('pending', 'sent', 'delivered', 'disputed');

CREATE TABLE legal_holds (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    matter_reference TEXT,
    applies_to_all BOOLEAN NOT NULL,
    account_id UUID,
    call_id UUID,
    status TEXT NOT NULL CHECK (status IN ('active', 'released')),
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    released_at TIMESTAMPTZ,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
CREATE INDEX legal_holds_by_time ON legal_holds (organization_id, created_at DESC, id DESC);
CREATE INDEX legal_holds_active ON legal_holds (organization_id, account_id, call_id) WHERE status = 'active';

CREATE TABLE disputes (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID NOT NULL,
    written BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    answered_at TIMESTAMPTZ,
    hold_id UUID NOT NULL,
    account_status TEXT NOT NULL CHECK (account_status IN ('active', 'paid', 'partial', 'disputed', 'archived')),
    recorded_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, hold_id) REFERENCES legal_holds (organization_id, id)
);
CREATE INDEX disputes_of_person ON disputes (organization_id, person_id, at, id);

CREATE TABLE disclosures (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    call_id UUID NOT NULL,
    account_id UUID,
    person_id UUID,
    kind TEXT NOT NULL CHECK (kind IN
        ('scrub_list', 'identify', 'ai_disclosure', 'recording_notice', 'verify_party', 'mini_miranda',
         'collector_notice', 'time_barred_notice', 'limited_content', 'opt_out', 'call_back_number', 'send_validation',
         'mask_payment', 'read_back', 'send_copy')),
    text_hash TEXT NOT NULL,
    language TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    spoken_by TEXT NOT NULL CHECK (spoken_by IN ('system', 'agent')),
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (call_id, kind, spoken_by),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id)
);

CREATE TABLE licences (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    region TEXT NOT NULL,
    number TEXT NOT NULL,
    from_at TIMESTAMPTZ NOT NULL,
    until_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, region, number, from_at)
);

-- How a list stands: a row per version that was looked through whole (no phone), and per number that it names.
CREATE TABLE list_checks (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    list TEXT NOT NULL CHECK (list IN ('internal', 'national', 'state', 'litigator', 'reassigned')),
    phone TEXT,
    listed BOOLEAN NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    source TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX list_checks_of_number ON list_checks (organization_id, phone, list, source) WHERE phone IS NOT NULL;
CREATE UNIQUE INDEX list_checks_whole ON list_checks (organization_id, list, source) WHERE phone IS NULL;

-- History from another dialler has no call of ours.
CREATE TABLE ledger (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID NOT NULL,
    call_id UUID,
    kind TEXT NOT NULL CHECK (kind IN ('attempt', 'conversation')),
    direction TEXT NOT NULL CHECK (direction IN ('outbound', 'inbound')),
    at TIMESTAMPTZ NOT NULL,
    counts BOOLEAN NOT NULL,
    medium TEXT NOT NULL CHECK (medium IN ('call', 'text', 'email', 'mail')),
    technology TEXT NOT NULL CHECK (technology IN ('unknown', 'manual', 'autodialed', 'artificial_voice')),
    phone TEXT,
    place TEXT NOT NULL CHECK (place IN ('unknown', 'personal', 'work', 'inconvenient')),
    source TEXT NOT NULL CHECK (source IN ('call', 'import')),
    UNIQUE (call_id, account_id, kind),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id),
    FOREIGN KEY (organization_id, call_id) REFERENCES calls (organization_id, id)
);
INSERT INTO ledger (organization_id, id, person_id, account_id, call_id, kind, direction, at, counts, medium, technology,
    phone, place, source)
    SELECT o.organization_id, o.id, o.person_id, o.account_id, o.call_id, o.kind, o.direction, o.at, o.counts, 'call',
    'manual', CASE WHEN o.direction = 'outbound' THEN c.to_number ELSE c.from_number END, 'unknown', 'call'
    FROM contacts o JOIN calls c ON c.id = o.call_id AND c.organization_id = o.organization_id;
DROP TABLE contacts;
ALTER TABLE ledger RENAME TO contacts;
CREATE INDEX contacts_of_person ON contacts (organization_id, person_id, at, id);
CREATE UNIQUE INDEX contacts_imported ON contacts (organization_id, account_id, kind, at, direction, phone)
    WHERE call_id IS NULL;
