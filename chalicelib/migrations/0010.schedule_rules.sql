-- Schedules by interval and for one time, with a beginning and an end, declared in code or files; what becomes of their runs.
-- The previous release goes on with the schedules that it knows. It cannot read an expression that is empty, and leaves such
-- schedules due for the next one.

ALTER TABLE schedules
    ADD COLUMN interval_seconds integer,          -- of elapsed time, from starts_at, or else from created_at
    ADD COLUMN at               timestamptz,      -- the one time
    ADD COLUMN starts_at        timestamptz,      -- no time before this
    ADD COLUMN ends_at          timestamptz,      -- nor after that
    ADD COLUMN concurrency_key  text,
    ADD COLUMN catch_up         integer NOT NULL DEFAULT 10, -- how many missed times run_all makes up for
    ADD COLUMN source           text    NOT NULL DEFAULT 'api',
    ADD COLUMN paused_note      text,
    ADD COLUMN paused_by        text,
    ADD COLUMN forgotten_to     timestamptz,      -- runs up to here were pruned: whether these times had jobs, nobody knows

    DROP CONSTRAINT overlap_is_known,
    DROP CONSTRAINT due_unless_paused,
    ADD CONSTRAINT overlap_is_known CHECK (overlap IN ('allow', 'skip', 'queue_one', 'cancel_previous')),
    ADD CONSTRAINT paused_is_not_due CHECK (NOT paused OR next_run_at IS NULL), -- neither: it has ended
    ADD CONSTRAINT one_kind_of_time CHECK
        ((cron <> '')::int + (interval_seconds IS NOT NULL)::int + (at IS NOT NULL)::int = 1),
    ADD CONSTRAINT interval_in_range CHECK (interval_seconds BETWEEN 1 AND 31622400),
    ADD CONSTRAINT ends_after_start CHECK (ends_at > starts_at),
    ADD CONSTRAINT catch_up_in_range CHECK (catch_up BETWEEN 1 AND 100),
    ADD CONSTRAINT source_is_known CHECK (source IN ('api', 'code', 'file'));

-- Runs outlive their schedule: made again under the same name, it does not run again for the same times.
ALTER TABLE schedule_runs
    ADD COLUMN kind text NOT NULL DEFAULT 'time', -- the time came; somebody ran it by hand; somebody filled a hole
    ADD CONSTRAINT kind_is_known CHECK (kind IN ('time', 'hand', 'backfill')),
    DROP CONSTRAINT schedule_runs_schedule_fkey;

-- The previous release pruned runs after seven days and told nobody; it may go on for a while.
UPDATE schedules SET forgotten_to = now() - interval '6 days' WHERE created_at < now() - interval '6 days';
