-- Jobs that wait for other jobs. The previous release submits none, and lets none go: maintenance of this one finds what is
-- ready to go after the other has settled the last job that it waited for. A job that the previous release revives runs at once.

ALTER TABLE jobs
    ADD COLUMN depends_on     uuid[],                         -- the jobs it waits for, or waited for; NULL: none
    ADD COLUMN runs_anyway    boolean NOT NULL DEFAULT false, -- however these end
    ADD COLUMN has_dependents boolean NOT NULL DEFAULT false; -- whether its end is news to others: see job_dependents

-- Which jobs wait for a job, or did. In partitions like those of the jobs, by the job that is waited for.
CREATE TABLE job_dependents (
    job_id       uuid NOT NULL,
    dependent_id uuid NOT NULL,
    PRIMARY KEY (job_id, dependent_id)
) PARTITION BY RANGE (job_id);

CREATE TABLE job_dependents_default PARTITION OF job_dependents DEFAULT;

-- One for each day that jobs have already: a day without would be emptied row by row in the end, and not dropped as a whole.
DO $$
DECLARE
    day record;
BEGIN
    FOR day IN
        SELECT replace(relname, 'jobs_', 'job_dependents_') AS name, pg_get_expr(relpartbound, part.oid) AS bounds
          FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
         WHERE inhparent = 'jobs'::regclass AND relname ~ '^jobs_[0-9]{8}$'
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF job_dependents %s', day.name, day.bounds);
    END LOOP;
END
$$;
