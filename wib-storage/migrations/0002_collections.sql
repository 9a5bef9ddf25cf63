-- Whom we call about what. A row refers to rows of its own organisation only: every such key names both.

CREATE TABLE persons (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    do_not_call BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id)
);

CREATE TABLE accounts (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    external_id TEXT,
    balance_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'paid', 'partial', 'disputed', 'archived')),
    ceased_at TIMESTAMPTZ,
    notes TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, external_id),
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id)
);
CREATE INDEX accounts_of_person ON accounts (organization_id, person_id, created_at, id);

CREATE TABLE person_phones (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    phone TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id)
);
CREATE INDEX person_phones_of_person ON person_phones (organization_id, person_id, created_at, id);
CREATE INDEX person_phones_by_number ON person_phones (organization_id, phone, person_id);

CREATE TABLE person_locations (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('address', 'statement')),
    state TEXT,
    zone TEXT,
    text TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, person_id) REFERENCES persons (organization_id, id)
);
CREATE INDEX person_locations_of_person ON person_locations (organization_id, person_id, created_at, id);

CREATE TABLE suppressions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    phone TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, phone)
);
