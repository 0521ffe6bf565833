-- Facts about this database: its incarnation, its number of partitions, its clock's offset.
CREATE TABLE meta (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT meta_key PRIMARY KEY (key)
);

-- What happened, for good: history and audit. Sequence without gaps per aggregate.
CREATE TABLE events (
    tenant UUID NOT NULL,
    aggregate UUID NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    payload BYTEA NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    trace TEXT NOT NULL,
    CONSTRAINT events_key PRIMARY KEY (tenant, aggregate, sequence)
);

-- Events that have no position yet.
CREATE TABLE outbox (
    partition BIGINT NOT NULL,
    at BIGINT NOT NULL,
    tenant UUID NOT NULL,
    aggregate UUID NOT NULL,
    sequence BIGINT NOT NULL,
    CONSTRAINT outbox_key PRIMARY KEY (partition, at, tenant, aggregate, sequence)
);

-- The order of each partition's events: dense positions from 1, the oldest pruned.
CREATE TABLE feed (
    partition BIGINT NOT NULL,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    tenant UUID NOT NULL,
    aggregate UUID NOT NULL,
    sequence BIGINT NOT NULL,
    CONSTRAINT feed_key PRIMARY KEY (partition, position)
);

-- One row for each partition: its last position, the last one pruned, and who may sequence it.
CREATE TABLE partitions (
    partition BIGINT NOT NULL,
    head BIGINT NOT NULL,
    tail BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    holder TEXT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT partitions_key PRIMARY KEY (partition)
);

-- How far a consumer is in another service's feed; `stopped` says why it stopped, empty while it runs.
CREATE TABLE cursors (
    consumer TEXT NOT NULL,
    source TEXT NOT NULL,
    partition BIGINT NOT NULL,
    incarnation UUID NOT NULL,
    position BIGINT NOT NULL,
    stopped TEXT NOT NULL,
    CONSTRAINT cursors_key PRIMARY KEY (consumer, source, partition)
);

-- Events that a consumer could not take (state `poison`), and later ones of the same aggregate that
-- wait behind them (state `queued`). An aggregate is parked while it has a row here.
CREATE TABLE dead_letters (
    tenant UUID NOT NULL,
    consumer TEXT NOT NULL,
    source TEXT NOT NULL,
    aggregate UUID NOT NULL,
    sequence BIGINT NOT NULL,
    partition BIGINT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    event BYTEA NOT NULL,
    error TEXT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT dead_letters_key PRIMARY KEY (tenant, consumer, source, aggregate, sequence)
);
CREATE INDEX dead_letters_consumer ON dead_letters (consumer, source, partition, at);

-- What a request_id already led to.
CREATE TABLE idempotency (
    tenant UUID NOT NULL,
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    request_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    resource TEXT NOT NULL,
    version BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (tenant, principal, method, request_id)
);
CREATE INDEX idempotency_expires ON idempotency (expires);

-- Who does the work that only one process should do at a time.
CREATE TABLE leases (
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    CONSTRAINT leases_key PRIMARY KEY (name)
);
