-- Schedules: what to submit, and when. The job's columns are as in jobs.

CREATE TABLE schedules (
    name            text             NOT NULL PRIMARY KEY,
    cron            text             NOT NULL,
    timezone        text             NOT NULL,
    job_type        text             NOT NULL,
    payload         json             NOT NULL,
    queue           text             NOT NULL,
    priority        smallint         NOT NULL,
    max_attempts    integer          NOT NULL,
    timeout_seconds double precision NOT NULL,
    tags            text[]           NOT NULL,
    backoff         json,
    misfire         text             NOT NULL,
    overlap         text             NOT NULL,
    paused          boolean          NOT NULL,
    next_run_at     timestamptz,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    updated_at      timestamptz      NOT NULL DEFAULT now(),
    version         integer          NOT NULL DEFAULT 1, -- one more whenever somebody changes it; firing does not

    CONSTRAINT misfire_is_known CHECK (misfire IN ('skip', 'run_once', 'run_all')),
    CONSTRAINT overlap_is_known CHECK (overlap IN ('allow', 'skip')),
    CONSTRAINT due_unless_paused CHECK ((next_run_at IS NULL) = paused)
);

-- What is due.
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE next_run_at IS NOT NULL;

-- Which job a schedule submitted for which time: each time once. The latest, and those of some days before it.
CREATE TABLE schedule_runs (
    schedule text        NOT NULL REFERENCES schedules ON DELETE CASCADE,
    run_at   timestamptz NOT NULL,
    job_id   uuid        NOT NULL,
    PRIMARY KEY (schedule, run_at)
);
