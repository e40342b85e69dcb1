-- Since when a queue is paused, and who did it. The previous release tells neither: a pause that it makes has none of them, unless
-- this release had paused the queue before.

ALTER TABLE queues
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_by text;
