/** A hook: which jobs a job waits for, and which wait for it. */

import { keepPreviousData, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { client, dataOf } from "./api/client";
import { followed, isAboutOne, type Dependencies } from "./dependencies";
import type { Job } from "./jobs";
import { useInterest, useSources } from "./sources";

const READ_AGAIN_MS = 10_000; // that another job waits for this one, nobody tells who watches this one

export function useDependencies({ id, status, finished_at }: Job): UseQueryResult<Dependencies> {
  const queries = useQueryClient();
  const { feed } = useSources();
  const isOpen = finished_at === null;
  const key = useMemo(() => ["job", id, "dependencies", status], [id, status]);
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => dataOf(client.GET("/jobs/{job_id}/dependencies", { params: { path: { job_id: id } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state: { data } }) => (isOpen || followed(data).length > 0) && READ_AGAIN_MS,
  });
  useInterest(useMemo(() => ({ jobs: followed(query.data) }), [query.data]));
  useEffect(
    () =>
      feed.jobs.listen((jobs) => {
        if (isAboutOne(queries.getQueryData(key), jobs)) void queries.invalidateQueries({ queryKey: key });
      }),
    [feed, queries, key],
  );
  return query;
}
