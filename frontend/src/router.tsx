/** Which page an address shows. Each page comes in a piece of its own, when it is first asked for. */

import { createHashHistory, createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Broken } from "./components/Broken";
import { Loading } from "./components/states";
import { Nowhere } from "./pages/nowhere";
import { auditSearch, jobsSearch, parsed, rangeSearch, schedulesSearch, text, written, type Raw } from "./search";
import { Gate } from "./shell/Gate";

const root = createRootRoute({ component: Gate });
const at = <const Path extends string>(path: Path) => ({ getParentRoute: () => root, path });

const overview = createRoute({
  ...at("/"),
  validateSearch: rangeSearch,
  component: lazyRouteComponent(() => import("./pages/overview"), "OverviewPage"),
});

const jobs = createRoute({
  ...at("/jobs"),
  validateSearch: jobsSearch,
  component: lazyRouteComponent(() => import("./pages/jobs"), "JobsPage"),
});
/** Drawn by the jobs page: beside the list where there is room, and alone where the list was not asked for. */
const job = createRoute({ getParentRoute: () => jobs, path: "$jobId" });

const queues = createRoute({ ...at("/queues"), component: lazyRouteComponent(() => import("./pages/queues"), "QueuesPage") });
const queue = createRoute({
  ...at("/queues/$name"),
  validateSearch: rangeSearch,
  component: lazyRouteComponent(() => import("./pages/queue"), "QueuePage"),
});
const schedules = createRoute({
  ...at("/schedules"),
  validateSearch: schedulesSearch,
  component: lazyRouteComponent(() => import("./pages/schedules"), "SchedulesPage"),
});
/** No name of a schedule begins with a "+", but one may be "new". */
const newSchedule = createRoute({
  ...at("/schedules/+new"),
  component: lazyRouteComponent(() => import("./pages/schedule/edit"), "NewSchedulePage"),
});
const schedule = createRoute({
  ...at("/schedules/$name"),
  component: lazyRouteComponent(() => import("./pages/schedule"), "SchedulePage"),
});
const editSchedule = createRoute({
  ...at("/schedules/$name/edit"),
  component: lazyRouteComponent(() => import("./pages/schedule/edit"), "EditSchedulePage"),
});
const workers = createRoute({ ...at("/workers"), component: lazyRouteComponent(() => import("./pages/workers"), "WorkersPage") });
const submit = createRoute({
  ...at("/submit"),
  validateSearch: (raw: Raw): { readonly job_type?: string } => {
    const job_type = text(raw, "job_type");
    return job_type ? { job_type } : {};
  },
  component: lazyRouteComponent(() => import("./pages/submit"), "SubmitPage"),
});
const keys = createRoute({ ...at("/keys"), component: lazyRouteComponent(() => import("./pages/keys"), "KeysPage") });
const audit = createRoute({
  ...at("/audit"),
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./pages/audit"), "AuditPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    jobs.addChildren([job]),
    queues,
    queue,
    schedules,
    newSchedule,
    schedule,
    editSchedule,
    workers,
    submit,
    keys,
    audit,
  ]),
  history: createHashHistory(),
  parseSearch: parsed,
  stringifySearch: written,
  defaultPreload: "intent",
  defaultPendingComponent: Loading,
  defaultErrorComponent: Broken,
  defaultNotFoundComponent: Nowhere,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    readonly router: typeof router;
  }
}
