/**
 * A table of any length: only rows in sight are drawn. The window scrolls, the head stays.
 *
 * Keys: j and k (or the arrows, on a row) go along rows, Enter opens one, x chooses it. On a phone each row is a card.
 */

import {
  columnVisibilityFeature,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  useTable,
  type ColumnDef,
  type Header,
} from "@tanstack/react-table";
import "../styles/data.css";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode, type RefObject,
} from "react";
import { afterAll, afterClick } from "../choosing";
import type { Choice } from "../columns";
import { useKeys } from "../keys";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export interface Column<Row> {
  readonly id: string;
  readonly name: string;
  readonly cell: (row: Row) => ReactNode;
  /** As CSS has it; columns without one share what is left. */
  readonly width?: string;
  readonly align?: "end";
  /** By what the head sorts, if it does. Only for lists that are there as a whole. */
  readonly sort?: (row: Row) => string | number | null;
  /** Until the reader wants it. */
  readonly isHidden?: boolean;
  /** It cannot be hidden. */
  readonly isFixed?: boolean;
  /** Its place on a card: at the left or the right of a shared line, on a line with its name or without, in its lower corner, or none. "line" if not given. */
  readonly card?: "start" | "end" | "line" | "plain" | "corner" | "none";
}

interface DataTableProps<Row> {
  /** Read out, and the first part of test ids: "Queues". */
  readonly caption: string;
  /** The same array from one drawing to the next, as must `rows` be while they are the same. */
  readonly columns: readonly Column<Row>[];
  /** undefined: they are being read. */
  readonly rows: readonly Row[] | undefined;
  readonly idOf: (row: Row) => string;
  /** Where a row leads. Its first cell is the link; the rest of the row does the same for the mouse. */
  readonly hrefOf?: (row: Row) => string;
  /** The row that is open beside the table. */
  readonly openId?: string | null;
  readonly choice?: Choice;
  /** Rows that are chosen; with it each row has a box. */
  readonly chosen?: ReadonlySet<string>;
  readonly onChoose?: (chosen: ReadonlySet<string>) => void;
  /** How many rows there are when not all are known here; -1: nobody knows. */
  readonly total?: number;
  /** For tests and for colours: "status" makes `data-status`. */
  readonly dataOf?: (row: Row) => Readonly<Record<string, string>>;
}

const features = tableFeatures({
  columnVisibilityFeature,
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
});
type Features = typeof features;

const ROW_HEIGHT = 37;
const WHOLE = 100; // so many rows are drawn at once: then the browser's own search finds them
const OVERSCAN = 12;
const HEAD = 86; // px above the first row in sight: the page's header and the table's head

export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { caption, columns, rows, idOf, openId, choice = NO_CHOICE, chosen, onChoose, total } = props;
  const definitions = useMemo(() => columns.map(definition), [columns]);
  const visible = useMemo(
    () => Object.fromEntries(columns.map((column) => [column.id, isShown(column, choice)])),
    [columns, choice],
  );
  const table = useTable<Features, Row>({
    features,
    columns: definitions,
    data: rows ?? NO_ROWS,
    getRowId: idOf,
    state: { columnVisibility: visible },
  });
  const sorted = table.getRowModel().rows;
  const shown = useMemo(() => columns.filter((column) => isShown(column, choice)), [columns, choice]);

  const body = useRef<HTMLTableSectionElement>(null);
  const margin = useTop(body);
  const virtualizer = useWindowVirtualizer<HTMLTableRowElement>({
    count: sorted.length,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => sorted[index]?.id ?? index,
    overscan: sorted.length <= WHOLE ? sorted.length : OVERSCAN,
    scrollMargin: margin,
    scrollPaddingStart: HEAD,
    scrollPaddingEnd: ROW_HEIGHT,
  });
  const items = virtualizer.getVirtualItems();
  const before = (items[0]?.start ?? margin) - margin;
  const after = virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin);

  const aim = useRef<string | null>(null); // where the focus is on its way to: keys come faster than rows are drawn

  function move(step: 1 | -1): void {
    const from = aim.current ?? focusedId() ?? openId;
    const at = sorted.findIndex(({ id }) => id === from);
    const next = Math.max(0, Math.min(sorted.length - 1, at + step));
    const id = sorted[next]?.id;
    if (id === undefined) return;
    virtualizer.scrollToIndex(next, { align: "auto" });
    aim.current = id;
    // Once it is drawn: a row far away is not there yet.
    requestAnimationFrame(() => {
      if (aim.current === id) aim.current = null;
      focusRow(body.current, id);
    });
  }

  function chooseFocused(): void {
    const focused = focusedId();
    if (focused) choose(focused, false);
  }

  const anchor = useRef<string | null>(null);
  function choose(id: string, isStretch: boolean): void {
    const ids = sorted.map((row) => row.id);
    if (chosen) onChoose?.(afterClick(ids, chosen, { id, anchor: anchor.current, isStretch }));
    anchor.current = id;
  }
  const latestChoose = useRef(choose);
  useEffect(() => { latestChoose.current = choose; });
  const onToggle = useCallback((id: string, isStretch: boolean) => { latestChoose.current(id, isStretch); }, []);

  useKeys([
    { keys: "j", does: "Next row", group: "Table", run: () => { move(1); } },
    { keys: "k", does: "Previous row", group: "Table", run: () => { move(-1); } },
    ...(chosen ? [{ keys: "x", does: "Choose the row", group: "Table", run: chooseFocused }] : []),
  ]);

  return (
    <table className="data" aria-busy={rows === undefined} aria-rowcount={(total ?? sorted.length) < 0 ? -1 : (total ?? sorted.length) + 1}>
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr aria-rowindex={1}>
          {chosen && (
            <th scope="col" className="cell-choose">
              <AllBox
                isAll={chosen.size > 0 && sorted.every(({ id }) => chosen.has(id))}
                isSome={chosen.size > 0}
                onToggle={() => { onChoose?.(afterAll(sorted.map(({ id }) => id), chosen)); }}
              />
            </th>
          )}
          {table.getHeaderGroups()[0]?.headers.map((header) => (
            <Head key={header.id} header={header} column={shown.find(({ id }) => id === header.id)} />
          ))}
        </tr>
      </thead>
      {/* Arrow keys are a shorter way along links that Tab reaches as well. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <tbody
        ref={body}
        onKeyDown={(event: KeyboardEvent) => {
          const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
          if (step === 0) return;
          event.preventDefault();
          move(step);
        }}
      >
        {rows === undefined && <Skeleton columns={shown} isChosen={chosen !== undefined} />}
        <Gap height={before} />
        {items.map(({ index }) => {
          const row = sorted[index];
          return (
            row && (
              <RowView
                key={row.id}
                id={row.id}
                row={row.original}
                index={index}
                measure={virtualizer.measureElement}
                columns={shown}
                href={props.hrefOf?.(row.original)}
                isOpen={row.id === openId}
                isChosen={chosen?.has(row.id)}
                onToggle={onToggle}
                dataOf={props.dataOf}
              />
            )
          );
        })}
        <Gap height={after} />
      </tbody>
    </table>
  );
}

const NO_ROWS: never[] = [];
const NO_CHOICE: Choice = {};

/** How far below the top of the page it begins: what is above it comes and grows. */
function useTop(element: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => {
      if (element.current) setTop(Math.round(element.current.getBoundingClientRect().top + window.scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => { observer.disconnect(); };
  }, [element]);
  return top;
}

function definition<Row extends object>(column: Column<Row>): ColumnDef<Features, Row> {
  const { id, name, sort } = column;
  return {
    id,
    header: name,
    accessorFn: (row) => sort?.(row) ?? undefined,
    enableSorting: sort !== undefined,
    sortUndefined: "last",
    sortFn: (a, b) => compared(a.getValue(id), b.getValue(id)),
  };
}

function compared(a: unknown, b: unknown): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
}

export function isShown({ id, isHidden = false, isFixed = false }: Column<never>, choice: Choice): boolean {
  return isFixed || (choice[id] ?? !isHidden);
}

function focusedId(): string | null {
  return document.activeElement?.closest("[data-row-id]")?.getAttribute("data-row-id") ?? null;
}

function focusRow(body: HTMLElement | null, id: string): void {
  const row = body?.querySelector(`[data-row-id="${CSS.escape(id)}"]`);
  const target = row?.querySelector<HTMLElement>("[data-row-link]") ?? row?.querySelector<HTMLElement>("input");
  target?.focus({ preventScroll: true });
}

interface HeadProps<Row extends object> {
  readonly header: Header<Features, Row>;
  readonly column: Column<Row> | undefined;
}

function Head<Row extends object>({ header, column }: HeadProps<Row>) {
  const order = header.column.getIsSorted();
  if (!column) return null;
  return (
    <th
      scope="col"
      style={{ width: column.width }}
      data-align={column.align}
      aria-sort={order === "asc" ? "ascending" : order === "desc" ? "descending" : undefined}
    >
      {column.sort ? (
        <button type="button" className="data-sort" onClick={header.column.getToggleSortingHandler()}>
          {column.name}
          {order && <Icon name="down" className={order === "asc" ? "rotate-180" : ""} />}
        </button>
      ) : (
        column.name
      )}
    </th>
  );
}

interface RowViewProps<Row> {
  readonly id: string;
  readonly row: Row;
  readonly index: number;
  readonly measure: (row: HTMLTableRowElement | null) => void;
  readonly columns: readonly Column<Row>[];
  readonly href: string | undefined;
  readonly isOpen: boolean;
  readonly isChosen: boolean | undefined;
  readonly onToggle: (id: string, isStretch: boolean) => void;
  readonly dataOf: ((row: Row) => Readonly<Record<string, string>>) | undefined;
}

/** Drawn again only when its own row has changed. */
const RowView = memo(RowOf, (a, b) => KEPT.every((name) => a[name] === b[name])) as typeof RowOf;

const KEPT = ["id", "row", "index", "columns", "href", "isOpen", "isChosen"] as const;

function RowOf<Row>({ id, row, index, measure, columns, href, isOpen, isChosen, onToggle, dataOf }: RowViewProps<Row>) {
  const about = Object.fromEntries(Object.entries(dataOf?.(row) ?? {}).map(([name, value]) => [`data-${name}`, value]));
  return (
    <tr
      ref={measure}
      className="data-row"
      data-index={index}
      data-row-id={id}
      aria-rowindex={index + 2}
      aria-current={isOpen || undefined}
      data-links={href !== undefined || undefined}
      onClick={(event) => { if (href !== undefined) followUnlessSelecting(event, href); }}
      {...about}
    >
      {isChosen !== undefined && (
        <td className="cell-choose">
          <input type="checkbox" checked={isChosen} aria-label={`Choose ${id}`} onClick={({ shiftKey }) => { onToggle(id, shiftKey); }} onChange={nothing} />
        </td>
      )}
      {columns.map((column, at) => (
        <td key={column.id} data-align={column.align} data-card={column.card ?? "line"} data-name={column.name}>
          {at === 0 && href !== undefined ? (
            <a href={href} data-row-link>
              {column.cell(row)}
            </a>
          ) : (
            column.cell(row)
          )}
        </td>
      ))}
    </tr>
  );
}

/** The click says it, with Shift or without. */
function nothing(): void {
  return undefined;
}

function followUnlessSelecting({ target }: MouseEvent, href: string): void {
  const isControl = target instanceof Element && target.closest("a, button, input, summary, label, [popover]") !== null;
  if (!isControl && window.getSelection()?.isCollapsed !== false) window.location.hash = href;
}

interface AllBoxProps {
  readonly isAll: boolean;
  readonly isSome: boolean;
  readonly onToggle: () => void;
}

function AllBox({ isAll, isSome, onToggle }: AllBoxProps) {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (box.current) box.current.indeterminate = isSome && !isAll;
  });
  return <input ref={box} type="checkbox" checked={isAll} aria-label="Choose all rows" onChange={onToggle} />;
}

/** The room of rows that are out of sight. */
function Gap({ height }: { readonly height: number }) {
  return height > 0 ? <tr aria-hidden="true" className="data-gap" style={{ height }} /> : null;
}

const SKELETONS = 10;

function Skeleton<Row>({ columns, isChosen }: { readonly columns: readonly Column<Row>[]; readonly isChosen: boolean }) {
  return Array.from({ length: SKELETONS }, (_, row) => (
    <tr key={row} className="data-row skeleton" aria-hidden="true">
      {isChosen && <td className="cell-choose" />}
      {columns.map(({ id, card }) => (
        <td key={id} data-card={card ?? "line"}>
          <span />
        </td>
      ))}
    </tr>
  ));
}

interface ColumnMenuProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly choice: Choice;
  readonly onChoose: (choice: Choice) => void;
}

/** For a page's actions: which columns the table shows. */
export function ColumnMenu<Row>({ columns, choice, onChoose }: ColumnMenuProps<Row>) {
  return (
    <Menu label="Columns" icon="columns" testId="columns" staysOpen>
      {columns
        .filter(({ isFixed }) => !isFixed)
        .map((column) => (
          <label key={column.id} className="check">
            <input
              type="checkbox"
              checked={isShown(column, choice)}
              onChange={({ target }) => { onChoose({ ...choice, [column.id]: target.checked }); }}
            />
            {column.name}
          </label>
        ))}
    </Menu>
  );
}
