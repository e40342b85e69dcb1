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

-- A histogram is an array of counts, as long as its last bucket that is not empty (chalicelib/histograms.py).
-- In plpgsql, because a session keeps its plan: it is called for every batch that is settled.
CREATE FUNCTION add_counts(sum bigint[], counts bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    FOR bucket IN 1 .. coalesce(array_length(counts, 1), 0) LOOP
        sum[bucket] := coalesce(sum[bucket], 0) + counts[bucket];
    END LOOP;
    RETURN sum;
END
$$;

CREATE AGGREGATE sum_counts(bigint[]) (sfunc = add_counts, stype = bigint[], initcond = '{}');

-- Attempts that ended: by minute, for a week; what is older is folded into one row a queue and job type, at 'epoch'.
CREATE TABLE job_stats (
    minute       timestamptz      NOT NULL,
    queue        text             NOT NULL,
    job_type     text             NOT NULL,
    shard        smallint         NOT NULL, -- so that workers do not wait for each other's row
    completed    bigint           NOT NULL DEFAULT 0,
    failed       bigint           NOT NULL DEFAULT 0,
    retried      bigint           NOT NULL DEFAULT 0, -- attempts that failed where another one follows
    cancelled    bigint           NOT NULL DEFAULT 0,
    wait_seconds double precision NOT NULL DEFAULT 0,
    run_seconds  double precision NOT NULL DEFAULT 0,
    wait_counts  bigint[]         NOT NULL DEFAULT '{}',
    run_counts   bigint[]         NOT NULL DEFAULT '{}',
    PRIMARY KEY (minute, queue, job_type, shard)
) WITH (fillfactor = 50); -- the minute's rows are updated with every batch: room for that on their own page

-- What was done before anybody counted.
INSERT INTO job_stats (minute, queue, job_type, shard, completed, failed, cancelled)
SELECT 'epoch', queue, job_type, 0, count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'FAILED'),
       count(*) FILTER (WHERE status = 'CANCELLED')
  FROM jobs
 WHERE finished_at IS NOT NULL
 GROUP BY queue, job_type;
