-- Jobs: one row a job, a partition a day (ids are UUIDv7, so a range of ids is a range of time).

CREATE TABLE jobs (
    id               uuid             NOT NULL PRIMARY KEY,
    job_type         text             NOT NULL,
    queue            text             NOT NULL,
    status           text             NOT NULL,
    priority         smallint         NOT NULL,
    attempt          integer          NOT NULL DEFAULT 0,
    max_attempts     integer          NOT NULL,
    failures         integer          NOT NULL DEFAULT 0,
    crashes          integer          NOT NULL DEFAULT 0,
    version          integer          NOT NULL DEFAULT 1,
    timeout_seconds  double precision NOT NULL,
    run_at           timestamptz      NOT NULL,
    created_at       timestamptz      NOT NULL DEFAULT now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    lease_expires_at timestamptz,
    worker_id        text,
    tags             text[]           NOT NULL DEFAULT '{}',
    progress         jsonb,
    error            text,
    payload          json             NOT NULL, -- json, not jsonb: what was sent comes back as it was, and costs less to keep
    result           json,
    errors           jsonb            NOT NULL DEFAULT '[]',
    -- For the index below. An index on status itself would make every claim a non-HOT update.
    ended_badly      text             GENERATED ALWAYS AS
                                      (CASE WHEN status IN ('FAILED', 'CANCELLED') THEN status END) STORED,

    CONSTRAINT status_is_known CHECK
        (status IN ('BLOCKED', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT leased_iff_running CHECK
        ((lease_expires_at IS NOT NULL) = (status = 'RUNNING')),
    CONSTRAINT finished_iff_final CHECK
        ((finished_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED'))),
    CONSTRAINT attempts_in_range CHECK
        (max_attempts >= 1 AND failures BETWEEN 0 AND max_attempts AND crashes >= 0 AND attempt >= failures + crashes),
    CONSTRAINT priority_in_range CHECK
        (priority BETWEEN -100 AND 100),
    CONSTRAINT timeout_is_positive CHECK
        (timeout_seconds > 0)
) PARTITION BY RANGE (id);

-- Catches ids from days that nobody made a partition for; maintenance keeps it empty by making them ahead.
CREATE TABLE jobs_default PARTITION OF jobs DEFAULT WITH (fillfactor = 80);

-- Lists of one queue's unfinished jobs. finished_at stays NULL through a claim, which so stays HOT.
CREATE INDEX jobs_unfinished ON jobs (queue, id) WHERE finished_at IS NULL;

-- Lists of what failed or was cancelled: few rows among many.
CREATE INDEX jobs_ended_badly ON jobs (ended_badly, id) WHERE ended_badly IS NOT NULL;

-- Lists of one job type.
CREATE INDEX jobs_by_type ON jobs (job_type, id);
