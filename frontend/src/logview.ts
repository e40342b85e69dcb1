/** A log as its reader wants it: from a level up, and with what is looked for. */

import type { LogLine } from "./joblog";

export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;

export type Level = (typeof LEVELS)[number];

const RANKS: Readonly<Record<string, number>> = { DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 4 };

/** Lines from a level up; one whose level nobody knows is always there. */
export function fromLevel(lines: readonly LogLine[], least: Level): readonly LogLine[] {
  if (least === "DEBUG") return lines;
  return lines.filter(({ level }) => (RANKS[level] ?? Infinity) >= (RANKS[least] ?? 0));
}

/** Places of the lines that hold the text, whatever its case. */
export function hitsIn(lines: readonly LogLine[], text: string): readonly number[] {
  if (text === "") return [];
  return lines.flatMap(({ message }, place) => (placesOf(message, text).length > 0 ? [place] : []));
}

export interface Piece {
  readonly text: string;
  readonly isHit: boolean;
}

/** A message cut where the text stands in it. */
export function cut(message: string, text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const at of placesOf(message, text)) {
    pieces.push({ text: message.slice(from, at), isHit: false }, { text: message.slice(at, at + text.length), isHit: true });
    from = at + text.length;
  }
  return [...pieces, { text: message.slice(from), isHit: false }].filter((piece) => piece.text !== "");
}

function placesOf(message: string, text: string): readonly number[] {
  if (text === "") return [];
  const [within, sought] = [message.toLowerCase(), text.toLowerCase()];
  const places: number[] = [];
  for (let at = within.indexOf(sought); at >= 0; at = within.indexOf(sought, at + sought.length)) places.push(at);
  return places;
}

export function asText(lines: readonly LogLine[]): string {
  return lines.map(({ attempt, at, level, logger, message }) => `${at} [${attempt}] ${level} ${logger} ${message}\n`).join("");
}
