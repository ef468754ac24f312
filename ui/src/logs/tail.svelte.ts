/** Log records as they become durable. */
import { ApiError, openTail } from '../api/client';
import { eventsOf } from '../api/events';
import { passesRest, type LogFilter } from './filter';
import type { ListedRecord, LogRecord } from './record';

/** The page holds this many: of those that are shown, and of those that wait. */
export const MOST_HELD = 5000;
/** Records that come together are shown together. */
const SHOW_EVERY_MS = 200;

export class Tail {
  /** The latest first. */
  records = $state.raw<readonly ListedRecord[]>([]);
  /** Came while the list was held. */
  waiting = $state(0);
  /** Left out: because the page was too slow, or because more came while it was held than it keeps. */
  missed = $state(0);
  status = $state<'off' | 'connecting' | 'open' | 'ended'>('off');
  error = $state.raw<ApiError>();
  /** The reader paused. */
  isPaused = $state(false);
  /** The list is scrolled away from its beginning, so that it must not move. */
  isScrolled = $state(false);
  isHeld = $derived(this.isPaused || this.isScrolled);

  #pending: ListedRecord[] = [];
  #number = 0;
  #running: AbortController | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  start(filter: LogFilter): void {
    this.stop();
    this.records = [];
    this.missed = 0;
    this.error = undefined;
    this.isPaused = false;
    this.isScrolled = false;
    const controller = new AbortController();
    this.#running = controller;
    this.status = 'connecting';
    this.#timer = setInterval(() => this.#show(), SHOW_EVERY_MS);
    void this.#read(filter, controller.signal);
  }

  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    clearInterval(this.#timer);
    this.#pending = [];
    this.waiting = 0;
    this.status = 'off';
  }

  togglePause(): void {
    this.isPaused = !this.isPaused;
    this.#show();
  }

  async #read(filter: LogFilter, signal: AbortSignal): Promise<void> {
    try {
      const response = await openTail({ service: filter.service, severity: filter.severity, contains: filter.text }, signal);
      this.status = 'open';
      for await (const event of eventsOf(response.body!)) {
        if (signal.aborted) return;
        this.#take(event.type, event.data, filter);
      }
    } catch (cause) {
      if (signal.aborted) return;
      const message = cause instanceof Error ? cause.message : String(cause);
      this.error = cause instanceof ApiError ? cause : new ApiError(`The tail broke off: ${message}`, 0, 'broken_off', undefined, undefined);
    }
    if (signal.aborted) return;
    this.#show();
    this.status = 'ended';
  }

  #take(type: string, data: string, filter: LogFilter): void {
    if (type === 'missed') this.missed += (JSON.parse(data) as { missed: number }).missed;
    if (type !== 'log') return;
    const record = JSON.parse(data) as LogRecord;
    if (!passesRest(record, filter)) return;
    this.#number += 1;
    this.#pending.push({ key: `${record.time}~${record.span_id ?? ''}~live${this.#number}`, record });
    // Of the oldest first, a tenth at once: to take them one by one is slow.
    if (this.#pending.length > MOST_HELD * 1.1) {
      this.missed += this.#pending.length - MOST_HELD;
      this.#pending = this.#pending.slice(-MOST_HELD);
    }
  }

  #show(): void {
    if (this.isHeld || this.#pending.length === 0) {
      this.waiting = this.#pending.length;
      return;
    }
    // Processes send what they have gathered at one time; what came together is shown by its time.
    const latest = this.#pending.toSorted((one, other) => byTime(other, one));
    this.records = [...latest, ...this.records].slice(0, MOST_HELD);
    this.#pending = [];
    this.waiting = 0;
  }
}

/** RFC 3339 in UTC with nine digits sorts as text. */
function byTime({ record: one }: ListedRecord, { record: other }: ListedRecord): number {
  return one.time < other.time ? -1 : Number(one.time > other.time);
}
