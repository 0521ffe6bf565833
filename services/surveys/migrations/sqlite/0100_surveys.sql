-- What customers are asked. `version` is the etag, `sequence` and `last_at` belong to the last event,
-- `versions` counts what was published, `changed` is whether the draft differs from the last of them.
CREATE TABLE surveys (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    title TEXT NOT NULL,
    draft TEXT NOT NULL,
    versions INTEGER NOT NULL,
    changed BOOLEAN NOT NULL,
    archived BOOLEAN NOT NULL,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT surveys_key PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX surveys_state ON surveys (tenant, state, id);

-- What was published. Rows never change.
CREATE TABLE versions (
    tenant BLOB NOT NULL,
    survey BLOB NOT NULL,
    number INTEGER NOT NULL,
    questionnaire TEXT NOT NULL,
    continues BOOLEAN NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    CONSTRAINT versions_key PRIMARY KEY (tenant, survey, number),
    CONSTRAINT versions_of FOREIGN KEY (tenant, survey) REFERENCES surveys (tenant, id)
) WITHOUT ROWID;
