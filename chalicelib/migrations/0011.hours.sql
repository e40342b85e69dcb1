-- What ended in each hour that is over: series of days, and totals, then need not read every minute. Only ever computed from the
-- minutes, by hours in UTC. The previous release does not know of it, and need not.
CREATE TABLE job_stats_hours (
    hour         timestamptz      NOT NULL,
    queue        text             NOT NULL,
    job_type     text             NOT NULL,
    completed    bigint           NOT NULL,
    failed       bigint           NOT NULL,
    retried      bigint           NOT NULL,
    cancelled    bigint           NOT NULL,
    wait_seconds double precision NOT NULL,
    run_seconds  double precision NOT NULL,
    wait_counts  bigint[]         NOT NULL,
    run_counts   bigint[]         NOT NULL,
    PRIMARY KEY (hour, queue, job_type)
);

-- The same sum, which several processes may now share.
CREATE OR REPLACE AGGREGATE sum_counts(bigint[])
    (sfunc = add_counts, stype = bigint[], initcond = '{}', combinefunc = add_counts, parallel = safe);
