import { CopyButton } from "../../components/CopyButton";
import { ALL_JOBS } from "../../jobfilter";
import { hrefTo } from "../../route";

/** The id, and what leads to it. */
export function JobId({ id }: { readonly id: string }) {
  const link = hrefTo({ jobId: id, filter: ALL_JOBS });
  return (
    <p className="job-id">
      <code className="truncate text-muted" title={id}>
        {id}
      </code>
      <CopyButton text={id} what="the id" />
      <CopyButton text={new URL(link, document.baseURI).href} what="the link" icon="link" />
    </p>
  );
}
