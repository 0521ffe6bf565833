-- What customers said of being contacted: only ever added to. `sequence` is that of the event, so that
-- it tells the order; numbers of purposes, channels and states are those of the contract.
CREATE TABLE consents (
    tenant UUID NOT NULL,
    customer UUID NOT NULL,
    sequence BIGINT NOT NULL,
    purpose BIGINT NOT NULL,
    channel BIGINT NOT NULL,
    state BIGINT NOT NULL,
    policy_version TEXT NOT NULL,
    evidence TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT consents_key PRIMARY KEY (tenant, customer, sequence),
    CONSTRAINT consents_of FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id)
);
CREATE INDEX consents_subject ON consents (tenant, customer, purpose, channel, at, sequence);

-- Every contact that was asked for, granted or denied: one row for each decision on the caller's key,
-- where `attempt` counts the decisions. `at` is the instant that was decided for.
CREATE TABLE contacts (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    customer UUID NOT NULL,
    purpose BIGINT NOT NULL,
    channel BIGINT NOT NULL,
    caller_key TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    state BIGINT NOT NULL,
    blocks JSONB NOT NULL,
    retry_at BIGINT,
    at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    CONSTRAINT contacts_key PRIMARY KEY (tenant, id),
    CONSTRAINT contacts_attempt UNIQUE (tenant, caller_key, attempt),
    CONSTRAINT contacts_of FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id)
);
CREATE INDEX contacts_customer ON contacts (tenant, customer, created_at, id);
CREATE INDEX contacts_counted ON contacts (tenant, customer, purpose, at);

-- What the places of one purpose are taken by: whoever takes or gives back one compares `version` with
-- the one under which the contacts were counted, and sets the next.
CREATE TABLE contact_places (
    tenant UUID NOT NULL,
    customer UUID NOT NULL,
    purpose BIGINT NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT contact_places_key PRIMARY KEY (tenant, customer, purpose),
    CONSTRAINT contact_places_of FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id)
);

-- Where a tenant's working day is, by which quiet hours go for customers without a time zone of their
-- own. What the gateway has told of it before is told again.
ALTER TABLE tenants ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
UPDATE cursors SET position = 0 WHERE consumer = 'customers.tenants';
