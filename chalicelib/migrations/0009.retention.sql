-- How long finished jobs are kept, and how far their pruning is. The previous release knows of none of it.

-- A row a status, always.
CREATE TABLE retention (
    status text    NOT NULL PRIMARY KEY,
    days   integer,                    -- since finished_at; NULL: kept for ever
    pruned bigint  NOT NULL DEFAULT 0, -- jobs that went so, ever

    CONSTRAINT status_is_final CHECK (status IN ('COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT days_in_range CHECK (days BETWEEN 1 AND 3650)
);

INSERT INTO retention (status, days) VALUES ('COMPLETED', 30), ('FAILED', 90), ('CANCELLED', 30);

-- What is known of a partition of jobs that has old ones: it is walked through in the order of ids, a page at a time.
CREATE TABLE retention_walks (
    partition   oid         NOT NULL PRIMARY KEY,
    days        integer[]   NOT NULL, -- of COMPLETED, FAILED and CANCELLED, as they were set when the walk began
    place       uuid        NOT NULL, -- the last id that was seen
    empties     boolean     NOT NULL, -- whether what has expired is deleted on the way, or only looked for what has not
    keeps       boolean     NOT NULL, -- whether there is something that has not expired
    keeps_until timestamptz,          -- when the first of that does
    began_at    timestamptz NOT NULL,
    next_at     timestamptz           -- when another walk is worth it; NULL: this one is not over
);

-- Partitions that pruning has taken out of their tables and not dropped yet.
CREATE TABLE detached_partitions (
    partition   oid         NOT NULL PRIMARY KEY,
    parent      text        NOT NULL,
    name        text        NOT NULL,
    page        bigint      NOT NULL DEFAULT 0, -- the first of its pages that nobody has looked through since
    detached_at timestamptz NOT NULL DEFAULT now()
);
