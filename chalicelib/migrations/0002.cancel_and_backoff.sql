-- A running job can be asked to end, and a job can bring its own backoff.
-- Both columns are empty at first: adding them rewrites nothing, and the previous release does not see them.

ALTER TABLE jobs
    ADD COLUMN cancel_requested_at timestamptz, -- when somebody asked; read at every claim, renewal and settle
    ADD COLUMN backoff             json;        -- as in chalicelib/backoff.py; NULL: the job type's own
