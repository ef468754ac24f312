/** Something fetched: what came last, what went wrong, and whether more is on its way. */
import { ApiError } from '../api/client';
import { activity } from './activity.svelte';

/** A wait is worth mentioning from here on. */
const NOTICEABLE_MS = 1000;

export class Resource<Data> {
  /** The last good answer. It stays while the next one is fetched. */
  data = $state.raw<Data>();
  error = $state.raw<ApiError>();
  isLoading = $state(false);
  /** The reader cancelled the last fetch. */
  isCancelled = $state(false);
  /** The data answers an earlier question than the one being asked. */
  isStale = $state(false);
  loadedAtMs = $state(0);
  /** How long the fetch has taken, in whole seconds; 0 during the first. */
  waitedSeconds = $state(0);
  #running: AbortController | undefined;

  /** Fetches, and drops the answer of any fetch still under way. */
  async load(fetcher: (signal: AbortSignal) => Promise<Data>): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.isLoading = true;
    this.isCancelled = false;
    const endWait = this.#beginWait(controller.signal);
    try {
      const data = await fetcher(controller.signal);
      if (controller.signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.isStale = false;
      this.loadedAtMs = Date.now();
    } catch (cause) {
      if (controller.signal.aborted) return;
      this.error = cause instanceof ApiError ? cause : unexpected(cause);
    } finally {
      endWait();
    }
    this.isLoading = false;
  }

  cancel(): void {
    this.isCancelled = this.isLoading;
    this.#running?.abort();
    this.isLoading = false;
  }

  reset(): void {
    this.cancel();
    this.data = undefined;
    this.error = undefined;
    this.isStale = false;
    this.isCancelled = false;
  }

  #beginWait(signal: AbortSignal): () => void {
    this.waitedSeconds = 0;
    activity.begin();
    const timer = setInterval(() => {
      if (!signal.aborted) this.waitedSeconds += 1;
    }, NOTICEABLE_MS);
    return () => {
      clearInterval(timer);
      activity.end();
    };
  }
}

function unexpected(cause: unknown): ApiError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ApiError(`The answer could not be read: ${message}`, 0, 'unreadable_answer', undefined, undefined);
}
