/** In the place of a value that is not there. */
export function None() {
  return <span className="text-faint">–</span>;
}
