/** Where the navigation leads, and by which key after `g`. */

import type { IconName } from "../components/Icon";
import type { Role } from "../me";

export interface Place {
  readonly to: "/" | "/jobs" | "/queues" | "/schedules" | "/workers" | "/submit" | "/keys" | "/audit";
  readonly name: string;
  readonly icon: IconName;
  readonly key: string;
  /** Shown to those alone who may use it. */
  readonly needs: Role;
}

export const PLACES: readonly Place[] = [
  { to: "/", name: "Overview", icon: "overview", key: "o", needs: "viewer" },
  { to: "/jobs", name: "Jobs", icon: "queue", key: "j", needs: "viewer" },
  { to: "/queues", name: "Queues", icon: "stack", key: "q", needs: "viewer" },
  { to: "/schedules", name: "Schedules", icon: "clock", key: "s", needs: "viewer" },
  { to: "/workers", name: "Workers", icon: "worker", key: "w", needs: "viewer" },
  { to: "/submit", name: "Submit", icon: "plus", key: "n", needs: "operator" },
  { to: "/keys", name: "Keys", icon: "key", key: "k", needs: "admin" },
  { to: "/audit", name: "Audit", icon: "audit", key: "a", needs: "admin" },
];
