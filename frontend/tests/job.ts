import type { Job } from "../src/jobs";

/** A job as the wire has it. n: its place in time, from 0. */
export function aJob(n: number, change: Partial<Job> = {}): Job {
  return {
    id: `01a20000-0000-7000-8000-${String(n).padStart(12, "0")}`,
    job_type: "echo",
    payload: { n },
    status: "QUEUED",
    result: null,
    created_at: "2026-11-23T09:30:00.250Z",
    started_at: null,
    finished_at: null,
    worker_id: null,
    queue: "default",
    priority: 0,
    run_at: "2026-11-23T09:30:00.250Z",
    attempt: 0,
    max_attempts: 3,
    version: 1,
    error: null,
    progress: null,
    tags: [],
    timeout_seconds: 30,
    ...change,
  };
}
