/**
 * The WebSocket seam: follows every job and knows whether what it heard can be relied on.
 *
 * "live" is said only of an open socket after whose opening everything was read over HTTP again. A socket that has fallen
 * silent is asked for a sign of life, and given up when none comes: a dead network does not close sockets.
 */

import ReconnectingWebSocket from "partysocket/ws";
import type { Job } from "./jobs";
import { UpdateBuffer } from "./updates";

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
const GROWTH = 1.7;
const OPENS_WITHIN_MS = 10_000; // a cold $connect function takes seconds
const READ_AGAIN_AFTER_MS = 2_000;
const LOOK_EVERY_MS = 5_000;
const QUIET_MS = 20_000; // then ping; a hidden page asks less often, and the gateway hangs up after 10 minutes
const QUIET_HIDDEN_MS = 300_000;
const ANSWERS_WITHIN_MS = 10_000;
const OFFLINE_AFTER_ATTEMPTS = 5; // about 15 s of trying

export interface Connection {
  readonly state: "live" | "reconnecting" | "offline";
  /** What is being done about it. */
  readonly phase: "connecting" | "reading" | "following" | "waiting";
  /** When the next attempt is made, while waiting. By this computer's clock, like every time here. */
  readonly retryAt: number | null;
  /** The last sign of life of the last live connection; null before the first one. */
  readonly currentUntil: number | null;
}

export interface LiveOptions {
  /** Asked before every connect: a ticket opens one socket. */
  readonly url: () => Promise<string>;
  readonly onUpdates: (jobs: readonly Job[]) => void;
  /** Reads everything over HTTP again. Rejects when that could not be done. */
  readonly catchUp: () => Promise<void>;
}

type Frame =
  | { readonly type: "JobStatusUpdate"; readonly data: Job }
  | { readonly type: "JobStatusUpdates"; readonly data: readonly Job[] }
  | { readonly type: "Resync" }
  | { readonly type: "Pong" };

const NOT_YET: Connection = { state: "reconnecting", phase: "connecting", retryAt: null, currentUntil: null };

export class LiveJobs {
  private connection = NOT_YET;
  private readonly listeners = new Set<() => void>();
  private readonly buffer: UpdateBuffer;
  private socket: ReconnectingWebSocket | null = null;
  private opening = 0; // counts sockets opened and lost, so that what was begun for one is not finished for another
  private heardAt = 0;
  private watch: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: LiveOptions) {
    this.buffer = new UpdateBuffer(options.onUpdates);
  }

  /** Connects, until the returned function is called. */
  start(): () => void {
    this.watch = setInterval(this.look, LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("online", this.retryNow);
    window.addEventListener("offline", this.look);
    this.connect();
    return () => {
      clearInterval(this.watch);
      document.removeEventListener("visibilitychange", this.look);
      window.removeEventListener("online", this.retryNow);
      window.removeEventListener("offline", this.look);
      this.lose();
      this.disconnect();
      this.show(NOT_YET);
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): Connection => this.connection;

  /** Does not wait for the next attempt's time. */
  readonly retryNow = (): void => {
    if (this.socket?.readyState !== WebSocket.OPEN) this.reconnect();
  };

  private reconnect(): void {
    this.lose();
    this.disconnect();
    this.connect();
  }

  private connect(): void {
    const socket = new ReconnectingWebSocket(this.options.url, [], {
      minReconnectionDelay: FIRST_DELAY_MS,
      maxReconnectionDelay: MAX_DELAY_MS,
      reconnectionDelayGrowFactor: GROWTH,
      connectionTimeout: OPENS_WITHIN_MS,
      maxEnqueuedMessages: 0,
    });
    this.socket = socket;
    this.show({ phase: "connecting", retryAt: null });
    socket.addEventListener("open", () => { this.opened(socket); });
    socket.addEventListener("message", ({ data }) => { this.heard(data as string); });
    socket.addEventListener("close", () => { this.closed(socket); });
    socket.addEventListener("error", () => { this.closed(socket); }); // all that is said when no address could be had
  }

  private disconnect(): void {
    const socket = this.socket;
    this.socket = null; // before it closes: its last words concern nobody
    this.buffer.flush();
    socket?.close();
  }

  private opened(socket: ReconnectingWebSocket): void {
    this.heardAt = Date.now();
    socket.send(JSON.stringify({ action: "subscribe", batch: true }));
    void this.catchUp();
  }

  private closed(socket: ReconnectingWebSocket): void {
    if (socket !== this.socket) return;
    this.lose();
    const attempts = Math.max(1, socket.retryCount);
    const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * GROWTH ** (attempts - 1)); // as the socket reckons it
    const isOffline = !navigator.onLine || attempts >= OFFLINE_AFTER_ATTEMPTS;
    this.show({ state: isOffline ? "offline" : "reconnecting", phase: "waiting", retryAt: Date.now() + delay });
  }

  private lose(): void {
    this.opening += 1;
    if (this.connection.state === "live") this.show({ state: "reconnecting", currentUntil: this.heardAt });
  }

  /** Pushes are applied from the socket's first moment; only after a read that began later is the whole picture current. */
  private async catchUp(): Promise<void> {
    this.lose();
    const opening = this.opening;
    this.show({ state: "reconnecting", phase: "reading", retryAt: null });
    while (opening === this.opening) {
      const isDone = await this.options.catchUp().then(
        () => true,
        () => false,
      );
      if (opening !== this.opening) return;
      if (isDone) {
        this.show({ state: "live", phase: "following" });
        return;
      }
      await pause(READ_AGAIN_AFTER_MS);
    }
  }

  private heard(data: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(data) as Frame;
    switch (frame.type) {
      case "JobStatusUpdate":
        this.buffer.add([frame.data]);
        break;
      case "JobStatusUpdates":
        this.buffer.add(frame.data);
        break;
      case "Resync":
        void this.catchUp();
        break;
      case "Pong":
        break;
    }
  }

  private readonly look = (): void => {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const silence = Date.now() - this.heardAt;
    const quiet = document.hidden ? QUIET_HIDDEN_MS : QUIET_MS;
    if (silence > quiet + ANSWERS_WITHIN_MS) this.reconnect();
    else if (silence > quiet || !navigator.onLine) this.socket.send(JSON.stringify({ action: "ping" }));
  };

  private show(change: Partial<Connection>): void {
    this.connection = { ...this.connection, ...change };
    for (const listener of this.listeners) listener();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
