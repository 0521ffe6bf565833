-- What the gateway tells of the tenants.
CREATE TABLE tenants (
    tenant UUID NOT NULL,
    phone_region TEXT NOT NULL,
    PRIMARY KEY (tenant)
);
