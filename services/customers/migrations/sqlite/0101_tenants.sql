-- What the gateway tells of the tenants.
CREATE TABLE tenants (
    tenant BLOB NOT NULL,
    phone_region TEXT NOT NULL,
    PRIMARY KEY (tenant)
);
