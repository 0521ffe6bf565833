-- What every day came to, and up to which of its events each ticket is in it.
CREATE TABLE figures (
    tenant UUID NOT NULL,
    day BIGINT NOT NULL,
    measure TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, measure)
);

CREATE TABLE counted (
    tenant UUID NOT NULL,
    ticket UUID NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (tenant, ticket)
);
