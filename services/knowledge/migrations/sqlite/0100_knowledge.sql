-- What the company knows. Numbers of kinds and levels are those of the contract. `version` is the
-- etag, `sequence` and `last_at` belong to the last event, `revisions` counts what was written. Instants
-- that nobody gave are the least or the greatest there is, so that what is live is a range. `team_count`
-- is the number of its rows in `labels` of the kind `team`.
CREATE TABLE articles (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    level INTEGER NOT NULL,
    team_count INTEGER NOT NULL,
    teams TEXT NOT NULL,
    products TEXT NOT NULL,
    tags TEXT NOT NULL,
    external_id TEXT,
    valid_from INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    revisions INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT articles_key PRIMARY KEY (tenant, id),
    CONSTRAINT articles_external UNIQUE (tenant, external_id)
) WITHOUT ROWID;
CREATE INDEX articles_kind ON articles (tenant, kind, id);

-- What an article is filed under: `team`, `product` or `tag`.
CREATE TABLE labels (
    tenant BLOB NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    article BLOB NOT NULL,
    CONSTRAINT labels_key PRIMARY KEY (tenant, kind, value, article),
    CONSTRAINT labels_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
) WITHOUT ROWID;
CREATE INDEX labels_article ON labels (tenant, article, kind);

-- What an article says in one language. Rows never change. `base` is the revision that its author saw,
-- 0 for the first in a language.
CREATE TABLE revisions (
    tenant BLOB NOT NULL,
    article BLOB NOT NULL,
    number INTEGER NOT NULL,
    locale TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    questions TEXT NOT NULL,
    base INTEGER NOT NULL,
    note TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT revisions_key PRIMARY KEY (tenant, article, number),
    CONSTRAINT revisions_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
);

-- The languages of an article, each with its latest revision.
CREATE TABLE translations (
    tenant BLOB NOT NULL,
    article BLOB NOT NULL,
    locale TEXT NOT NULL,
    latest INTEGER NOT NULL,
    CONSTRAINT translations_key PRIMARY KEY (tenant, article, locale),
    CONSTRAINT translations_of FOREIGN KEY (tenant, article) REFERENCES articles (tenant, id)
) WITHOUT ROWID;

-- Which revision readers see in which language, from when until when: what is live now, was or will be.
CREATE TABLE publications (
    tenant BLOB NOT NULL,
    article BLOB NOT NULL,
    locale TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    CONSTRAINT publications_key PRIMARY KEY (tenant, article, locale, from_at),
    CONSTRAINT publications_of FOREIGN KEY (tenant, article, revision)
        REFERENCES revisions (tenant, article, number)
) WITHOUT ROWID;

-- What readers think of a revision: of each voter the last word.
CREATE TABLE votes (
    tenant BLOB NOT NULL,
    article BLOB NOT NULL,
    revision INTEGER NOT NULL,
    voter TEXT NOT NULL,
    helpful BOOLEAN NOT NULL,
    comment TEXT NOT NULL,
    search BLOB,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT votes_key PRIMARY KEY (tenant, article, revision, voter),
    CONSTRAINT votes_of FOREIGN KEY (tenant, article, revision)
        REFERENCES revisions (tenant, article, number)
) WITHOUT ROWID;
CREATE INDEX votes_at ON votes (tenant, article, at, revision, voter);

-- What was searched for, and what was shown first.
CREATE TABLE searches (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    query TEXT NOT NULL,
    locale TEXT NOT NULL,
    level INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    total INTEGER NOT NULL,
    shown TEXT NOT NULL,
    CONSTRAINT searches_key PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX searches_empty ON searches (tenant, id) WHERE total = 0;

-- What was chosen of it. No foreign key: the log is written a little later than somebody may choose.
CREATE TABLE choices (
    tenant BLOB NOT NULL,
    search BLOB NOT NULL,
    article BLOB NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT choices_key PRIMARY KEY (tenant, search, article, revision)
) WITHOUT ROWID;
