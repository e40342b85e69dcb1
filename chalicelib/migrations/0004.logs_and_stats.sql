-- What handlers log, and how attempts end and how long they take.

-- Bounded per attempt (chalicelib/joblog.py). In partitions like those of the jobs.
CREATE TABLE job_logs (
    job_id  uuid        NOT NULL,
    attempt integer     NOT NULL,
    line    integer     NOT NULL,
    at      timestamptz NOT NULL,
    level   text        NOT NULL,
    logger  text        NOT NULL,
    message text        NOT NULL,
    PRIMARY KEY (job_id, attempt, line)
) PARTITION BY RANGE (job_id);

CREATE TABLE job_logs_default PARTITION OF job_logs DEFAULT;
