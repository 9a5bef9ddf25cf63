-- Who belongs to an organisation and who is to: keys of machines, teams, invitations. And passwords that are set anew.

-- The platform's, as sessions are. A row without a user is there because somebody asked for an address that nobody has:
-- both leave the same.
CREATE TABLE password_resets (
    id UUID PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX password_resets_of_user ON password_resets (user_id);
CREATE INDEX password_resets_by_end ON password_resets (expires_at);

CREATE TABLE api_keys (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    permissions JSONB NOT NULL,
    created_by UUID REFERENCES users (id),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX api_keys_of_organization ON api_keys (organization_id, created_at, id);

CREATE TABLE teams (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    team_type TEXT NOT NULL,
    parent_team_id UUID,
    manager_user_id UUID REFERENCES users (id),
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, parent_team_id) REFERENCES teams (organization_id, id)
);
-- A team that was dissolved frees its name.
CREATE UNIQUE INDEX teams_by_name ON teams (organization_id, name) WHERE is_active;
CREATE INDEX teams_in_order ON teams (organization_id, created_at DESC, id DESC);

CREATE TABLE team_members (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    team_id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    team_role TEXT NOT NULL,
    joined_at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (organization_id, team_id) REFERENCES teams (organization_id, id),
    UNIQUE (organization_id, team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (organization_id, user_id);

CREATE TABLE invites (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'agent', 'manager', 'compliance', 'admin')),
    token_hash TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'cancelled', 'expired')),
    invited_by UUID REFERENCES users (id),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX invites_pending ON invites (organization_id, email) WHERE status = 'pending';
CREATE INDEX invites_in_order ON invites (organization_id, created_at DESC, id DESC);
