-- Jobs that belong to somebody, and to a schedule's time; what more operators set of a queue.
-- New columns of jobs are empty at first: adding them rewrites nothing, and the previous release does not see them.

ALTER TABLE jobs
    ADD COLUMN concurrency_key text,        -- whose job it is: keys take turns, and have limits of their own
    ADD COLUMN schedule        text,        -- which schedule submitted it
    ADD COLUMN scheduled_for   timestamptz; -- for which of its times

ALTER TABLE queues
    ADD COLUMN rate_seconds            double precision NOT NULL DEFAULT 1, -- rate_limit is jobs started in so many seconds
    ADD COLUMN rate_burst              integer,                             -- at once after a pause; NULL: those of one second
    ADD COLUMN max_running_per_key     integer,
    ADD COLUMN key_rate_limit          double precision,
    ADD COLUMN key_rate_seconds        double precision NOT NULL DEFAULT 1,
    ADD COLUMN key_rate_burst          integer,
    ADD COLUMN weight                  double precision NOT NULL DEFAULT 1, -- its share where workers have several queues
    ADD COLUMN default_priority        smallint,                            -- of submits that name none
    ADD COLUMN default_max_attempts    integer,
    ADD COLUMN default_timeout_seconds double precision,

    ADD CONSTRAINT rate_in_range CHECK
        (rate_seconds BETWEEN 0.001 AND 2678400 AND rate_burst BETWEEN 1 AND 1000000 AND rate_seconds <= 2678400 * rate_limit),
    ADD CONSTRAINT max_running_per_key_in_range CHECK (max_running_per_key BETWEEN 0 AND 100000),
    ADD CONSTRAINT key_rate_in_range CHECK
        (key_rate_limit > 0 AND key_rate_limit <= 1e6 AND key_rate_seconds BETWEEN 0.001 AND 2678400
         AND key_rate_burst BETWEEN 1 AND 1000000 AND key_rate_seconds <= 2678400 * key_rate_limit),
    ADD CONSTRAINT weight_in_range CHECK (weight BETWEEN 0.001 AND 1000),
    ADD CONSTRAINT defaults_in_range CHECK
        (default_priority BETWEEN -100 AND 100 AND default_max_attempts BETWEEN 1 AND 100
         AND default_timeout_seconds > 0 AND default_timeout_seconds <= 86400);
