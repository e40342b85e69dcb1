/** Hooks: whose key is used, and what it may do. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { readMe } from "./api/session";
import { includes, type Me, type Role } from "./me";
import { session } from "./session";

const READ_AGAIN_MS = 10_000; // after a read that failed

const ME = ["me"] as const;

/** Whose key is used; undefined while that is not known. */
export function useMe(): Me | undefined {
  const { data } = useQuery({
    queryKey: ME,
    queryFn: ({ signal }) => readMe({ signal }),
    staleTime: 300_000, // a key keeps its role for life
    refetchInterval: ({ state: { status } }) => (status === "error" ? READ_AGAIN_MS : false),
  });
  return data;
}

/** Whether the reader's role takes in this one. null while nobody knows: then say neither. */
export function useMay(needed: Role): boolean | null {
  const me = useMe();
  return me === undefined ? null : includes(me.role, needed);
}

/** The key is tried before it is kept. */
export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ key }: { readonly key: string; readonly isRemembered: boolean }) => readMe({ key }),
    onSuccess: (me, { key, isRemembered }) => {
      client.setQueryData(ME, me);
      session.signIn(key, isRemembered);
    },
  });
}
