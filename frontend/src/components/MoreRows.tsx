interface MoreRowsProps {
  readonly query: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly isFetchNextPageError: boolean;
    readonly fetchNextPage: () => unknown;
  };
  /** "Older entries". */
  readonly name: string;
}

/** Below a list that is read in pages. */
export function MoreRows({ query, name }: MoreRowsProps) {
  if (!query.hasNextPage) return null;
  return (
    <div className="more-rows">
      {query.isFetchNextPageError && <span className="text-bad">They could not be read.</span>}
      <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? "Reading…" : name}
      </button>
    </div>
  );
}
