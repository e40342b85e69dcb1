const ROWS = 12;

interface SkeletonRowsProps {
  readonly columns: readonly string[];
}

/** Rows in the making, as wide as the real ones, so that nothing jumps. */
export function SkeletonRows({ columns }: SkeletonRowsProps) {
  return Array.from({ length: ROWS }, (_, row) => (
    <tr key={row} className="job-row skeleton" aria-hidden="true">
      {columns.map((column) => (
        <td key={column} className={`cell-${column}`}>
          <span />
        </td>
      ))}
    </tr>
  ));
}
