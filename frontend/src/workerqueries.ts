/** Hooks: who works. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { client, dataOf } from "./api/client";
import type { WorkerView } from "./workers";

const READ_AGAIN_MS = 2_000; // a worker reports every second

export function useWorkers(): UseQueryResult<readonly WorkerView[]> {
  return useQuery({
    queryKey: ["workers"],
    queryFn: ({ signal }) => dataOf(client.GET("/workers", { signal })),
    refetchInterval: READ_AGAIN_MS,
  });
}
