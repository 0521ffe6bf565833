-- What every day came to, and up to which of its events each ticket is in it.
CREATE TABLE figures (
    tenant BLOB NOT NULL,
    day BIGINT NOT NULL,
    measure TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, measure)
);

CREATE TABLE counted (
    tenant BLOB NOT NULL,
    ticket BLOB NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (tenant, ticket)
);
