-- What customers are asked. `version` is the etag, `sequence` and `last_at` belong to the last event,
-- `versions` counts what was published, `changed` is whether the draft differs from the last of them;
-- `after_resolution` says whom it asks by itself, and is null where it asks nobody.
CREATE TABLE surveys (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    draft JSONB NOT NULL,
    after_resolution JSONB NOT NULL,
    versions BIGINT NOT NULL,
    changed BOOLEAN NOT NULL,
    archived BOOLEAN NOT NULL,
    state BIGINT NOT NULL,
    asks BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT surveys_key PRIMARY KEY (tenant, id)
);
CREATE INDEX surveys_state ON surveys (tenant, state, id);
CREATE INDEX surveys_asking ON surveys (tenant, id) WHERE asks;

-- What was published. Rows never change. `series` is the version that the series of scores began with.
CREATE TABLE versions (
    tenant UUID NOT NULL,
    survey UUID NOT NULL,
    number BIGINT NOT NULL,
    questionnaire JSONB NOT NULL,
    continues BOOLEAN NOT NULL,
    series BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    CONSTRAINT versions_key PRIMARY KEY (tenant, survey, number),
    CONSTRAINT versions_of FOREIGN KEY (tenant, survey) REFERENCES surveys (tenant, id)
);

-- Who is asked. `cause` is why, and each reason asks once; `wake_at` is when time next does something to
-- it; `body` is what is not searched for.
CREATE TABLE invitations (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    survey UUID NOT NULL,
    number BIGINT NOT NULL,
    cause TEXT NOT NULL,
    ticket UUID NOT NULL,
    state BIGINT NOT NULL,
    wake_at BIGINT,
    body JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT invitations_key PRIMARY KEY (tenant, id),
    CONSTRAINT invitations_cause UNIQUE (tenant, survey, cause),
    CONSTRAINT invitations_version FOREIGN KEY (tenant, survey, number)
        REFERENCES versions (tenant, survey, number)
);
CREATE INDEX invitations_survey ON invitations (tenant, survey, id);
CREATE INDEX invitations_state ON invitations (tenant, state, id);
CREATE INDEX invitations_survey_state ON invitations (tenant, survey, state, id);
CREATE INDEX invitations_ticket ON invitations (tenant, ticket, id);
CREATE INDEX invitations_to_wake ON invitations (wake_at, tenant, id) WHERE wake_at IS NOT NULL;

-- What was answered so far to invitations that are not submitted. Words of customers are among it.
CREATE TABLE drafts (
    tenant UUID NOT NULL,
    invitation UUID NOT NULL,
    answers JSONB NOT NULL,
    saved_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT drafts_key PRIMARY KEY (tenant, invitation)
);
CREATE INDEX drafts_by_end ON drafts (expires_at);

-- What was answered. `answers` are the numbers and choices by question, words stand apart; `path` are
-- the questions that were asked; `day` is that of `submitted_at` where the tenant is, in days since
-- 1970; `hash` tells the same answers from others; `exclusion` is why staff excluded it.
CREATE TABLE responses (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    survey UUID NOT NULL,
    number BIGINT NOT NULL,
    series BIGINT NOT NULL,
    invitation UUID,
    ticket UUID,
    customer UUID,
    team TEXT NOT NULL,
    agent TEXT NOT NULL,
    product TEXT NOT NULL,
    channel TEXT NOT NULL,
    locale TEXT NOT NULL,
    evidence BIGINT NOT NULL,
    standing BIGINT NOT NULL,
    exclusion TEXT NOT NULL,
    answers JSONB NOT NULL,
    path JSONB NOT NULL,
    day BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    submitted_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT responses_key PRIMARY KEY (tenant, id),
    CONSTRAINT responses_version FOREIGN KEY (tenant, survey, number)
        REFERENCES versions (tenant, survey, number)
);
CREATE INDEX responses_survey ON responses (tenant, survey, submitted_at, id);
CREATE INDEX responses_standing ON responses (tenant, survey, standing, submitted_at, id);

-- The words of answers.
CREATE TABLE response_texts (
    tenant UUID NOT NULL,
    response UUID NOT NULL,
    question TEXT NOT NULL,
    words TEXT NOT NULL,
    CONSTRAINT response_texts_key PRIMARY KEY (tenant, response, question),
    CONSTRAINT response_texts_of FOREIGN KEY (tenant, response) REFERENCES responses (tenant, id)
);

-- What becomes of bad answers. `cause` is the invitation or the response, and each opens one.
CREATE TABLE loops (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    cause TEXT NOT NULL,
    response UUID NOT NULL,
    survey UUID NOT NULL,
    ticket UUID,
    customer UUID,
    state BIGINT NOT NULL,
    follow_up UUID,
    invitation UUID,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    answered_at BIGINT,
    CONSTRAINT loops_key PRIMARY KEY (tenant, id),
    CONSTRAINT loops_cause UNIQUE (tenant, cause)
);
CREATE INDEX loops_state ON loops (tenant, state, id);

-- How often each number was answered: by series and question of a survey, by day (`grain` 1) or month
-- (2) from `period` on in days since 1970, by dimension (0 none, 1 team, 2 agent, 3 product, 4 channel)
-- and its key. A `value` of -1 are those who left it out, -2 what was excluded, -3 what is suspected.
CREATE TABLE scores (
    tenant UUID NOT NULL,
    survey UUID NOT NULL,
    series BIGINT NOT NULL,
    question TEXT NOT NULL,
    grain BIGINT NOT NULL,
    dimension BIGINT NOT NULL,
    period BIGINT NOT NULL,
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    n BIGINT NOT NULL,
    CONSTRAINT scores_key PRIMARY KEY
        (tenant, survey, series, question, grain, dimension, period, key, value)
);

-- Up to which of its events each response is among the scores, so that none is counted twice.
CREATE TABLE scored (
    tenant UUID NOT NULL,
    response UUID NOT NULL,
    sequence BIGINT NOT NULL,
    CONSTRAINT scored_key PRIMARY KEY (tenant, response)
);

-- What the gateway tells of the tenants.
CREATE TABLE tenants (
    tenant UUID NOT NULL,
    time_zone TEXT NOT NULL,
    CONSTRAINT tenants_key PRIMARY KEY (tenant)
);
