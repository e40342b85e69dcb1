import { useWhileLive } from "../hooks";
import { relative } from "../times";

/** How long ago, as far as the page knows: it stands still while the page does. */
export function Ago({ at }: { readonly at: string }) {
  const words = useWhileLive((now) => relative(Date.parse(at), now));
  return (
    <time dateTime={at} title={at}>
      {words}
    </time>
  );
}
