import { useQuery } from "@tanstack/react-query";
import { client, dataOf } from "../../api/client";
import { now } from "../../clock";
import { Nothing } from "../../components/Nothing";
import { madeAt } from "../../jobfilter";
import { relative } from "../../times";

const DAY = 86_400_000;

/** No such job: because there never was one, or because its time was over. Its id tells when it was made. */
export function Gone({ id }: { readonly id: string }) {
  const made = madeAt(id);
  const isPast = made !== null && made < now();
  return (
    <Nothing icon="search" title={isPast ? "This job is not there any more" : "There is no such job"} testId="no-such-job">
      {isPast ? <Retention made={made} /> : <p className="text-muted">No job has this id. The address may be incomplete.</p>}
      <a className="button" href="#/jobs">
        Show all jobs
      </a>
    </Nothing>
  );
}

/** The id may have been made up as well, so nothing is claimed for certain. */
function Retention({ made }: { readonly made: number }) {
  const { data } = useQuery({
    queryKey: ["retention"],
    queryFn: ({ signal }) => dataOf(client.GET("/retention", { signal })),
  });
  const shortest = Math.min(...[data?.COMPLETED, data?.FAILED, data?.CANCELLED].map((days) => days ?? Infinity));
  const isOver = data !== undefined && now() - made > shortest * DAY;
  return (
    <p className="text-muted max-w-prose">
      An id like this was made {relative(made, now())}.{" "}
      {isOver && `Finished jobs are kept for ${kept(data)}, so it has probably been removed with its log.`}
      {data && !isOver && "Finished jobs are kept for longer than that: the address may be wrong, or of another installation."}
    </p>
  );
}

interface Days {
  readonly COMPLETED?: number | null;
  readonly FAILED?: number | null;
  readonly CANCELLED?: number | null;
}

function kept({ COMPLETED, FAILED, CANCELLED }: Days): string {
  return `${days(COMPLETED)} when completed, ${days(FAILED)} when failed, ${days(CANCELLED)} when cancelled`;
}

function days(count: number | null | undefined): string {
  if (count === null || count === undefined) return "ever";
  return count === 1 ? "1 day" : `${count} days`;
}
