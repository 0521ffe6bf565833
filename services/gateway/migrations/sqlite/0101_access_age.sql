-- By age alone, whatever the tenant: what the retention deletes by.
CREATE INDEX access_records_age ON access_records (at, tenant, id);
