-- The companies that use the suite. A tenant's rows are its own, so `tenant` is its id. `hosts` and
-- `origins` are lists of texts; a NULL quota is the configuration's. `admins` counts its active members
-- with the role `admin`. `version` is the etag, `sequence` and `last_at` belong to the last event.
CREATE TABLE tenants (
    tenant UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    locale TEXT NOT NULL,
    phone_region TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    hosts JSONB NOT NULL,
    origins JSONB NOT NULL,
    calls_per_second BIGINT,
    burst BIGINT,
    state BIGINT NOT NULL,
    admins BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT tenants_key PRIMARY KEY (tenant)
);

-- What tenants are found by, the only table with one namespace for all of them: slugs (kind `slug`) and
-- the host names of public pages (kind `host`).
CREATE TABLE names (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    tenant UUID NOT NULL,
    CONSTRAINT names_key PRIMARY KEY (kind, name),
    CONSTRAINT names_of FOREIGN KEY (tenant) REFERENCES tenants (tenant)
);
CREATE INDEX names_tenant ON names (tenant, kind);

-- The parts of the staff, under the company's own ids. `aggregate` is the id that events go by.
CREATE TABLE teams (
    tenant UUID NOT NULL,
    id TEXT NOT NULL,
    aggregate UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT teams_key PRIMARY KEY (tenant, id),
    CONSTRAINT teams_of FOREIGN KEY (tenant) REFERENCES tenants (tenant)
);

-- The staff, under the company's own ids. `display_name` and `subject` are sealed for their tenant,
-- table, column and row; `login` is the keyed hash of issuer and subject, NULL where there is none.
CREATE TABLE members (
    tenant UUID NOT NULL,
    id TEXT NOT NULL,
    aggregate UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    display_name BYTEA NOT NULL,
    issuer TEXT NOT NULL,
    subject BYTEA NOT NULL,
    login BYTEA,
    roles JSONB NOT NULL,
    teams JSONB NOT NULL,
    locale TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT members_key PRIMARY KEY (tenant, id),
    CONSTRAINT members_login UNIQUE (tenant, login),
    CONSTRAINT members_of FOREIGN KEY (tenant) REFERENCES tenants (tenant)
);

-- Who is in which team: the same as `members.teams`, by team.
CREATE TABLE team_members (
    tenant UUID NOT NULL,
    team TEXT NOT NULL,
    member TEXT NOT NULL,
    CONSTRAINT team_members_key PRIMARY KEY (tenant, team, member),
    CONSTRAINT team_members_team FOREIGN KEY (tenant, team) REFERENCES teams (tenant, id),
    CONSTRAINT team_members_member FOREIGN KEY (tenant, member) REFERENCES members (tenant, id)
);
CREATE INDEX team_members_of ON team_members (tenant, member);

-- What other systems call with. `secrets` are at most two, newest first, each with its SHA-256 and what
-- tells it from the other; the secrets themselves are nowhere. `last_used_at` is to the minute.
CREATE TABLE api_keys (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    scopes JSONB NOT NULL,
    secrets JSONB NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT api_keys_key PRIMARY KEY (tenant, id),
    CONSTRAINT api_keys_of FOREIGN KEY (tenant) REFERENCES tenants (tenant)
);
CREATE INDEX api_keys_created ON api_keys (tenant, created_at, id);
-- A credential names its key alone: the tenant is what it is looked up for.
CREATE INDEX api_keys_id ON api_keys (id);

-- Who came in, was turned away or saw what is usually masked: one row for what one caller did by one
-- method in one minute, whichever process saw it. No foreign key: operators have no tenant.
CREATE TABLE access_records (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    minute BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    method TEXT NOT NULL,
    credential TEXT NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT access_records_key PRIMARY KEY (tenant, id),
    CONSTRAINT access_records_once UNIQUE
        (tenant, subject, minute, kind, method, actor_kind, credential)
);
CREATE INDEX access_records_at ON access_records (tenant, at, id);
CREATE INDEX access_records_kind ON access_records (tenant, kind, at, id);
CREATE INDEX access_records_subject ON access_records (tenant, subject, at, id);
