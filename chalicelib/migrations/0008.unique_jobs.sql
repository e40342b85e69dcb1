-- Jobs of which there is to be one: who holds a key, or held it last. The previous release neither reads nor writes this.

CREATE TABLE unique_jobs (
    key        bytea       NOT NULL PRIMARY KEY, -- SHA-256 of the caller's key, or of job type, queue and payload
    job_id     uuid        NOT NULL,
    term       text        NOT NULL,             -- how long that job holds it
    expires_at timestamptz,                      -- the end of a term that is a time
    check_at   timestamptz NOT NULL,             -- when pruning looks whether the job can still hold it

    CONSTRAINT term_is_known CHECK (term IN ('queued', 'unfinished', 'time')),
    CONSTRAINT expires_iff_time CHECK ((expires_at IS NOT NULL) = (term = 'time'))
) WITH (fillfactor = 80); -- every submit that finds its key held leaves a version of the row behind

-- What pruning looks at next.
CREATE INDEX unique_jobs_by_check ON unique_jobs (check_at);
