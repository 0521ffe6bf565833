-- Who the company serves. Names are sealed for their tenant, table, column and row; numbers of kinds
-- and salutations are those of the contract. `version` is the etag, `sequence` and `last_at` belong to
-- the last event.
CREATE TABLE customers (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    display_name BLOB NOT NULL,
    family_name BLOB NOT NULL,
    given_name BLOB NOT NULL,
    salutation BIGINT NOT NULL,
    language TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    segment TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT customers_key PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX customers_created ON customers (tenant, created_at, id);

-- How customers are reached and recognised. `blind` is the keyed hash of the normalised value: of one
-- kind and one such value there is one customer. `value` is the value as given, sealed; the
-- normalised one is computed from it and `region` again.
CREATE TABLE identifiers (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    customer BLOB NOT NULL,
    position BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    blind BLOB NOT NULL,
    value BLOB NOT NULL,
    region TEXT NOT NULL,
    invalid BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT identifiers_key PRIMARY KEY (tenant, id),
    CONSTRAINT identifiers_blind UNIQUE (tenant, kind, blind),
    CONSTRAINT identifiers_of FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id)
) WITHOUT ROWID;
CREATE INDEX identifiers_customer ON identifiers (tenant, customer, position);

-- What the company sells, under its own ids. `aggregate` is the id that the product's events go by.
CREATE TABLE products (
    tenant BLOB NOT NULL,
    id TEXT NOT NULL,
    aggregate BLOB NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    model TEXT NOT NULL,
    brand TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT products_key PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- What customers bought: one row for each order number. `total` is NULL where nobody said.
CREATE TABLE purchases (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    customer BLOB NOT NULL,
    order_number TEXT NOT NULL,
    version BIGINT NOT NULL,
    items TEXT NOT NULL,
    total BIGINT,
    currency TEXT NOT NULL,
    purchased_at BIGINT NOT NULL,
    state BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT purchases_key PRIMARY KEY (tenant, id),
    CONSTRAINT purchases_order UNIQUE (tenant, order_number),
    CONSTRAINT purchases_of FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id)
) WITHOUT ROWID;
CREATE INDEX purchases_customer ON purchases (tenant, customer, purchased_at, id);

-- What happened to each customer's matters. `customer` is NULL while nobody knows whose it is. No
-- foreign key: tickets name customers that may be gone here.
CREATE TABLE timeline (
    tenant BLOB NOT NULL,
    collection TEXT NOT NULL,
    aggregate BLOB NOT NULL,
    sequence BIGINT NOT NULL,
    customer BLOB,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT timeline_key PRIMARY KEY (tenant, collection, aggregate, sequence)
) WITHOUT ROWID;
CREATE INDEX timeline_customer ON timeline (tenant, customer, at, aggregate, sequence);
