-- What the guarded API keeps: who may call, what was done, which submits were seen; and what lists need to find jobs by tag and queue.

CREATE TABLE api_keys (
    id           text        NOT NULL PRIMARY KEY, -- the public half of the key
    secret_hash  bytea       NOT NULL,             -- SHA-256 of the secret half
    name         text        NOT NULL,
    role         text        NOT NULL,
    rate_limit   integer,                          -- requests a minute; NULL: the deployment's default
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text        NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,

    CONSTRAINT role_is_known CHECK (role IN ('viewer', 'operator', 'admin')),
    CONSTRAINT rate_limit_is_positive CHECK (rate_limit > 0)
);

-- Every call that changed something. Appended to, and pruned from the other end.
CREATE TABLE audit (
    id         uuid        NOT NULL PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text        NOT NULL, -- the API key's id, or who acted without one
    actor_name text        NOT NULL,
    action     text        NOT NULL,
    target     text        NOT NULL,
    detail     json        NOT NULL,
    request_id text        NOT NULL
);

CREATE TABLE idempotency_keys (
    key         text        NOT NULL PRIMARY KEY,
    fingerprint bytea       NOT NULL, -- of the body it came with
    job_ids     uuid[]      NOT NULL,
    expires_at  timestamptz NOT NULL
);

-- For the pruning of what has expired.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- Lists by tag, in the order of ids. In partitions like those of the jobs.
CREATE TABLE job_tags (
    tag    text NOT NULL,
    job_id uuid NOT NULL,
    PRIMARY KEY (tag, job_id)
) PARTITION BY RANGE (job_id);

CREATE TABLE job_tags_default PARTITION OF job_tags DEFAULT;

INSERT INTO job_tags (tag, job_id)
SELECT DISTINCT unnest(tags), id FROM jobs WHERE tags <> '{}';

-- Lists of unfinished jobs of any queue. As with its sister on (queue, id), a claim changes no column that it names.
CREATE INDEX jobs_unfinished_by_id ON jobs (id) WHERE finished_at IS NULL;

-- Lists of one queue's finished jobs. NULLS FIRST here and below is an order that no index on the id alone has: where one would do,
-- Postgres may take it and read all other queues' jobs on its way (see store/lists.py).
CREATE INDEX jobs_finished ON jobs (queue, id NULLS FIRST) WHERE finished_at IS NOT NULL;

DROP INDEX jobs_unfinished;
CREATE INDEX jobs_unfinished ON jobs (queue, id NULLS FIRST) WHERE finished_at IS NULL;

DROP INDEX jobs_ended_badly;
CREATE INDEX jobs_ended_badly ON jobs (ended_badly, id NULLS FIRST) WHERE ended_badly IS NOT NULL;

DROP INDEX jobs_by_type;
CREATE INDEX jobs_by_type ON jobs (job_type, id NULLS FIRST);
