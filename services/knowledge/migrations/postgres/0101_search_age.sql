-- By age alone, whatever the tenant: what the retention deletes by.
CREATE INDEX searches_age ON searches (at, tenant, id);
CREATE INDEX choices_age ON choices (at, tenant, search, article, revision);
