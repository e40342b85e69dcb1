import type { QueueView } from "../src/limits";

/** One that nobody has set anything of. */
export const FREE: QueueView = {
  name: "mail",
  paused: false,
  paused_at: null,
  paused_by: null,
  max_running: null,
  rate_limit: null,
  max_running_per_key: null,
  rate_limit_per_key: null,
  weight: 1,
  default_priority: null,
  default_max_attempts: null,
  default_timeout_seconds: null,
  depth: { QUEUED: 3, RUNNING: 2 },
  oldest_age_seconds: 4,
  in_per_minute: 1,
  out_per_minute: 2,
  keys: { waiting: 0, held_back: 0 },
};
