/**
 * The WebSocket seam: follows what the pages want to know, and knows whether what it heard can be relied on.
 *
 * "live" is said only of an open socket that has told everything since the last one, or after whose subscription everything
 * was read over HTTP again. A subscription that is answered neither way was made with an older release: then all jobs are
 * followed, and everything is read again. A socket that has fallen silent is asked for a sign of life, and given up when none
 * comes: a dead network does not close sockets.
 */

import ReconnectingWebSocket from "partysocket/ws";
import type { Frame, JobLogs, StatsNow } from "./frames";
import { EVERYTHING, subscriptionTo, type Interest, type Subscription } from "./interest";
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
const SUBSCRIBED_WITHIN_MS = 3_000; // else an older release is at the other end
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
  readonly onStats: (stats: StatsNow) => void;
  readonly onLogs: (logs: JobLogs) => void;
  /** A subscription was answered: from now on it is told what it asked for. */
  readonly onSubscribed?: () => void;
  /** Reads everything over HTTP again. Rejects when that could not be done. */
  readonly catchUp: () => Promise<void>;
}

const NOT_YET: Connection = { state: "reconnecting", phase: "connecting", retryAt: null, currentUntil: null };

export class Live {
  private connection = NOT_YET;
  private readonly listeners = new Set<() => void>();
  private readonly buffer: UpdateBuffer;
  private socket: ReconnectingWebSocket | null = null;
  private opening = 0; // counts sockets opened and lost, so that what was begun for one is not finished for another
  private heardAt = 0;
  private watch: ReturnType<typeof setInterval> | undefined;

  private readonly interests = new Set<Interest>();
  private eventId: string | null = null; // of the last change that was told, on this socket or the one before
  private isWhole = false; // everything up to that change is on the page
  private asked = ""; // what this socket was asked for
  private askedAfter: string | null = null;
  private answer: ReturnType<typeof setTimeout> | undefined; // runs out when a subscription is not answered
  private isOlder = false; // the other end does not answer subscriptions

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
      this.eventId = null;
      this.isWhole = false;
      this.show(NOT_YET);
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): Connection => this.connection;

  /** Follows this as well, until the returned function is called. */
  readonly want = (interest: Interest): (() => void) => {
    this.interests.add(interest);
    this.tellSoon();
    return () => {
      this.interests.delete(interest);
      this.tellSoon();
    };
  };

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
    this.answered();
    this.buffer.flush();
    socket?.close();
  }

  private opened(socket: ReconnectingWebSocket): void {
    if (socket !== this.socket) return;
    this.heardAt = Date.now();
    this.asked = "";
    this.isOlder = false;
    this.ask(subscriptionTo(this.interests));
  }

  /** One page goes and another comes in one and the same moment: that is one subscription. */
  private tellSoon(): void {
    queueMicrotask(() => { this.askAgain(); });
  }

  /**
   * One question at a time: asked before the first answer, the next one could not go on after the event which that names, and
   * everything would be read twice.
   */
  private askAgain(): void {
    if (this.socket?.readyState !== WebSocket.OPEN || this.isOlder || this.answer !== undefined) return;
    this.ask(subscriptionTo(this.interests));
  }

  /**
   * After the last change that was told: a read that is begun from now on, and what comes after that change, leave no gap
   * between them.
   */
  private ask(subscription: Subscription): void {
    const asked = JSON.stringify(subscription);
    if (asked === this.asked) return;
    this.asked = asked;
    this.askedAfter = this.eventId;
    const after = this.eventId !== null && { after: this.eventId };
    this.socket?.send(JSON.stringify({ action: "subscribe", ...subscription, ...after }));
    this.answered();
    this.answer = setTimeout(() => { this.followAll(); }, SUBSCRIBED_WITHIN_MS);
  }

  /** What an older release can. It tells nothing of what happened before, so everything is read. */
  private followAll(): void {
    this.answered();
    this.isOlder = true;
    this.asked = "";
    this.eventId = null;
    this.socket?.send(JSON.stringify({ action: "subscribe", ...EVERYTHING }));
    void this.catchUp();
  }

  private subscribed(eventId: string | undefined): void {
    this.answered();
    this.options.onSubscribed?.();
    if (this.isOlder) {
      this.isOlder = false; // it was only slow
      this.askAgain();
      return;
    }
    const isSeamless = eventId !== undefined && eventId === this.askedAfter;
    const isReading = this.connection.phase === "reading";
    if (!isSeamless || !(this.isWhole || isReading)) void this.catchUp();
    else if (!isReading) this.show({ state: "live", phase: "following" });
    this.askAgain();
  }

  private answered(): void {
    clearTimeout(this.answer);
    this.answer = undefined;
  }

  private closed(socket: ReconnectingWebSocket): void {
    if (socket !== this.socket) return;
    this.answered();
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
    this.isWhole = false;
    const opening = this.opening;
    this.show({ state: "reconnecting", phase: "reading", retryAt: null });
    while (opening === this.opening) {
      const isDone = await this.options.catchUp().then(
        () => true,
        () => false,
      );
      if (opening !== this.opening) return;
      if (isDone) {
        this.isWhole = true;
        this.show({ state: "live", phase: "following" });
        return;
      }
      await pause(READ_AGAIN_AFTER_MS);
    }
  }

  private heard(data: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(data) as Frame;
    this.eventId = frame.event_id ?? this.eventId;
    switch (frame.type) {
      case "JobStatusUpdate":
        this.buffer.add([frame.data]);
        break;
      case "JobStatusUpdates":
        this.buffer.add(frame.data);
        break;
      case "Subscribed":
        this.subscribed(frame.event_id);
        break;
      case "Resync":
        this.answered();
        void this.catchUp();
        this.askAgain();
        break;
      case "Stats":
        this.options.onStats(frame.data);
        break;
      case "JobLogs":
        this.options.onLogs(frame);
        break;
      case "Error": // of what we say, only subscriptions can be too new for it
        if (this.answer !== undefined) this.followAll();
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
