-- What the company knows. Numbers of kinds and levels are those of the contract. `version` is the
-- etag, `sequence` and `last_at` belong to the last event, `revisions` counts what was written. Instants
-- that nobody gave are the least or the greatest there is, so that what is live is a range. `team_count`
-- is the number of its rows in `labels` of the kind `team`.
CREATE TABLE articles (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    level BIGINT NOT NULL,
    team_count BIGINT NOT NULL,
    teams JSONB NOT NULL,
    products JSONB NOT NULL,
    tags JSONB NOT NULL,
    external_id TEXT,
    valid_from BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    archived_at BIGINT NOT NULL,
    revisions BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT articles_key PRIMARY KEY (tenant, id),
    CONSTRAINT articles_external UNIQUE (tenant, external_id)
);
CREATE INDEX articles_kind ON articles (tenant, kind, id);

-- What an article is filed under: `team`, `product` or `tag`.
CREATE TABLE labels (
    tenant UUID NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    article UUID NOT NULL,
    CONSTRAINT labels_key PRIMARY KEY (tenant, kind, value, article),
    CONSTRAINT labels_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
);
CREATE INDEX labels_article ON labels (tenant, article, kind);

-- What an article says in one language. Rows never change. `base` is the revision that its author saw,
-- 0 for the first in a language.
CREATE TABLE revisions (
    tenant UUID NOT NULL,
    article UUID NOT NULL,
    number BIGINT NOT NULL,
    locale TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    questions JSONB NOT NULL,
    base BIGINT NOT NULL,
    note TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT revisions_key PRIMARY KEY (tenant, article, number),
    CONSTRAINT revisions_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
);

-- The languages of an article, each with its latest revision.
CREATE TABLE translations (
    tenant UUID NOT NULL,
    article UUID NOT NULL,
    locale TEXT NOT NULL,
    latest BIGINT NOT NULL,
    CONSTRAINT translations_key PRIMARY KEY (tenant, article, locale),
    CONSTRAINT translations_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
);

-- Which revision readers see in which language, from when until when: what is live now, was or will be.
CREATE TABLE publications (
    tenant UUID NOT NULL,
    article UUID NOT NULL,
    locale TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT publications_key PRIMARY KEY (tenant, article, locale, from_at),
    CONSTRAINT publications_of FOREIGN KEY (tenant, article, revision)
        REFERENCES revisions (tenant, article, number)
);

-- What readers think of a revision: of each voter the last word.
CREATE TABLE votes (
    tenant UUID NOT NULL,
    article UUID NOT NULL,
    revision BIGINT NOT NULL,
    voter TEXT NOT NULL,
    helpful BOOLEAN NOT NULL,
    comment TEXT NOT NULL,
    search UUID,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT votes_key PRIMARY KEY (tenant, article, revision, voter),
    CONSTRAINT votes_of FOREIGN KEY (tenant, article, revision)
        REFERENCES revisions (tenant, article, number)
);
CREATE INDEX votes_at ON votes (tenant, article, at, revision, voter);

-- What was searched for, and what was shown first.
CREATE TABLE searches (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    at BIGINT NOT NULL,
    query TEXT NOT NULL,
    locale TEXT NOT NULL,
    level BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    total BIGINT NOT NULL,
    shown JSONB NOT NULL,
    CONSTRAINT searches_key PRIMARY KEY (tenant, id)
);
CREATE INDEX searches_empty ON searches (tenant, id) WHERE total = 0;

-- What was chosen of it. No foreign key: the log is written a little later than somebody may choose.
CREATE TABLE choices (
    tenant UUID NOT NULL,
    search UUID NOT NULL,
    article UUID NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT choices_key PRIMARY KEY (tenant, search, article, revision)
);
