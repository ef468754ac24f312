/** Something fetched: what came last, what went wrong, and whether more is on its way. */
import { ApiError } from '../api/client';

export class Resource<Data> {
  /** The last good answer. It stays while the next one is fetched. */
  data = $state.raw<Data>();
  error = $state.raw<ApiError>();
  isLoading = $state(false);
  loadedAtMs = $state(0);
  #running: AbortController | undefined;

  /** Fetches, and drops the answer of any fetch still under way. */
  async load(fetcher: (signal: AbortSignal) => Promise<Data>): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.isLoading = true;
    try {
      const data = await fetcher(controller.signal);
      if (controller.signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.loadedAtMs = Date.now();
    } catch (cause) {
      if (controller.signal.aborted) return;
      this.error = cause instanceof ApiError ? cause : unexpected(cause);
    }
    this.isLoading = false;
  }

  cancel(): void {
    this.#running?.abort();
    this.isLoading = false;
  }
}

function unexpected(cause: unknown): ApiError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ApiError(`The answer could not be read: ${message}`, 0, 'unreadable_answer', undefined, undefined);
}
