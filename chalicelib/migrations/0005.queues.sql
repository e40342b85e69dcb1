-- What operators set of a queue. A queue without a row is neither paused nor limited. Redis holds a copy for the workers.

CREATE TABLE queues (
    name        text             NOT NULL PRIMARY KEY,
    paused      boolean          NOT NULL DEFAULT false,
    max_running integer,                                 -- NULL: any number
    rate_limit  double precision,                        -- jobs started a second; NULL: as many as come
    version     integer          NOT NULL DEFAULT 1,     -- one more with every change: an older copy never replaces a newer one
    updated_at  timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT max_running_in_range CHECK (max_running BETWEEN 0 AND 100000),
    CONSTRAINT rate_limit_in_range CHECK (rate_limit > 0 AND rate_limit <= 1e6)
);
