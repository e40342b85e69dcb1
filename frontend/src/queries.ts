/** All hooks that fetch, in one place. Components draw what these give them. */

export { useMay, useMe, useSignIn } from "./account";
export { useFailures, useHistory, type Failure } from "./historyqueries";
export { useDependencies } from "./dependencyqueries";
export { useJob, useJobLog, useJobs, useJobTypes, useMove, useSubmit, type Jobs } from "./jobqueries";
export { useChangeQueue, useClear, useCount, useQueue, useQueues, useRates, type Clearance } from "./queuequeries";
export { SourcesContext, useConnection, useInterest, useRetryNow, type Sources } from "./sources";
export { useStats, type SystemNow } from "./system";
export { useWorkers } from "./workerqueries";
