/** All hooks that fetch, in one place. Components draw what these give them. */

export { useMay, useMe, useSignIn } from "./account";
export { useJob, useJobLog, useJobs, useJobTypes, useMove, useSubmit, type Jobs } from "./jobqueries";
export { SourcesContext, useConnection, useInterest, useRetryNow, type Sources } from "./sources";
export { useStats, type SystemNow } from "./system";
