/** What a panel is bound to: a source that follows the state of the page, and what came of it. */
import { untrack } from 'svelte';
import type { Source } from '../api/client';
import { Resource } from './resource.svelte';
import { timeRange } from './time.svelte';

/**
 * To make while a component is set up: `const rows = new Query(() => sqlSource<Row>(errorsSql(timeRange.range)))`.
 * Loads whenever the source becomes another, and with every refresh; the data that is there stays until then.
 * While the function gives undefined nothing is asked for.
 */
export class Query<Data> extends Resource<Data> {
  source = $state.raw<Source<Data>>();
  #asked = '';
  /** With the refresh that it belongs to. */
  #request = '';

  constructor(source: () => Source<Data> | undefined) {
    super();
    $effect(() => {
      const tick = timeRange.tick;
      const next = source();
      untrack(() => this.#follow(next, tick));
    });
    $effect(() => () => this.cancel());
  }

  reload(): void {
    if (this.source) void this.load(this.source.fetch);
  }

  #follow(next: Source<Data> | undefined, tick: number): void {
    this.source = next;
    const asked = next === undefined ? '' : (next.question ?? `${next.url} ${next.body ?? ''}`);
    const request = next === undefined ? '' : `${tick} ${next.url} ${next.body ?? ''}`;
    // The state may have changed in what this does not ask for.
    if (request === this.#request && (this.isLoading || (this.data !== undefined && !this.error))) return;
    this.#request = request;
    // The answer to another question must not stand under this one.
    if (asked !== this.#asked) this.isStale = this.data !== undefined;
    this.#asked = asked;
    if (next === undefined) this.reset();
    else void this.load(next.fetch);
  }
}
