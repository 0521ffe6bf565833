-- What the gateway tells of the tenants and their staff. The version rises with each change of either,
-- so that a process sees by it what it has to read again.
CREATE TABLE tenants (
    tenant BLOB NOT NULL,
    version BIGINT NOT NULL,
    time_zone TEXT NOT NULL,
    phone_region TEXT NOT NULL,
    PRIMARY KEY (tenant)
);

CREATE TABLE members (
    tenant BLOB NOT NULL,
    member TEXT NOT NULL,
    roles TEXT NOT NULL,
    teams TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, member)
);
