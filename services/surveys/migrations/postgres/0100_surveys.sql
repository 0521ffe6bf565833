-- What customers are asked. `version` is the etag, `sequence` and `last_at` belong to the last event,
-- `versions` counts what was published, `changed` is whether the draft differs from the last of them.
CREATE TABLE surveys (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    draft JSONB NOT NULL,
    versions BIGINT NOT NULL,
    changed BOOLEAN NOT NULL,
    archived BOOLEAN NOT NULL,
    state BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT surveys_key PRIMARY KEY (tenant, id)
);
CREATE INDEX surveys_state ON surveys (tenant, state, id);

-- What was published. Rows never change.
CREATE TABLE versions (
    tenant UUID NOT NULL,
    survey UUID NOT NULL,
    number BIGINT NOT NULL,
    questionnaire JSONB NOT NULL,
    continues BOOLEAN NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    CONSTRAINT versions_key PRIMARY KEY (tenant, survey, number),
    CONSTRAINT versions_of FOREIGN KEY (tenant, survey) REFERENCES surveys (tenant, id)
);
