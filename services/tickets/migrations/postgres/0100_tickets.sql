CREATE TABLE tickets (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    category TEXT NOT NULL,
    queue TEXT NOT NULL,
    team TEXT NOT NULL,
    lane TEXT NOT NULL,
    assignee TEXT NOT NULL,
    customer UUID,
    waiting BOOLEAN NOT NULL,
    due_at BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    wake_at BIGINT,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX tickets_by_number ON tickets (tenant, number);
CREATE INDEX tickets_by_age ON tickets (tenant, created_at, id);
CREATE INDEX tickets_by_category ON tickets (tenant, category, created_at, id);
CREATE INDEX tickets_by_queue ON tickets (tenant, queue, created_at, id);
CREATE INDEX tickets_by_queue_category ON tickets (tenant, queue, category, created_at, id);
CREATE INDEX tickets_by_queue_due ON tickets (tenant, queue, category, due_at, id);
CREATE INDEX tickets_by_assignee ON tickets (tenant, assignee, created_at, id) WHERE assignee <> '';
CREATE INDEX tickets_by_assignee_due ON tickets (tenant, assignee, category, due_at, id) WHERE assignee <> '';
CREATE INDEX tickets_by_customer ON tickets (tenant, customer, created_at, id) WHERE customer IS NOT NULL;
CREATE INDEX tickets_waiting_by_due ON tickets (tenant, lane, due_at, queued_at, id) WHERE waiting;
CREATE INDEX tickets_waiting_by_age ON tickets (tenant, lane, queued_at, id) WHERE waiting;
CREATE INDEX tickets_to_wake ON tickets (wake_at, tenant, id) WHERE wake_at IS NOT NULL;

-- The words of a ticket, apart from what is counted and queued by, so that they can be erased.
CREATE TABLE ticket_texts (
    tenant UUID NOT NULL,
    ticket UUID NOT NULL,
    title TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    expectation TEXT NOT NULL,
    cause TEXT NOT NULL,
    evidence TEXT NOT NULL,
    answer TEXT NOT NULL,
    contact BYTEA,
    PRIMARY KEY (tenant, ticket)
);

CREATE TABLE entries (
    tenant UUID NOT NULL,
    ticket UUID NOT NULL,
    position BIGINT NOT NULL,
    id UUID NOT NULL,
    author_role TEXT NOT NULL,
    visibility TEXT NOT NULL,
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    delivery BYTEA,
    answers JSONB NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, ticket, position)
);
CREATE UNIQUE INDEX entries_by_id ON entries (tenant, ticket, id);
CREATE UNIQUE INDEX entries_by_delivery ON entries (tenant, ticket, delivery) WHERE delivery IS NOT NULL;

-- What agents have room for: reserved by compare-and-set in the assignment's own transaction.
CREATE TABLE agents (
    tenant UUID NOT NULL,
    member TEXT NOT NULL,
    capacity BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (tenant, member)
);

CREATE TABLE lanes (
    tenant UUID NOT NULL,
    queue TEXT NOT NULL,
    lane TEXT NOT NULL,
    PRIMARY KEY (tenant, queue, lane)
);

CREATE TABLE numbers (
    tenant UUID NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (tenant)
);
