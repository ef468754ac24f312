/** The one time range of all pages, and when to load again. Both stand in the address. */
import { href, type QueryValues } from '../routes';
import { parseTimePoint, rangeQuery, readRange, toEpochMs, type RangeText } from '../time/range';
import { Pointing } from './pointing.svelte';
import { router } from './router.svelte';

export interface Bounds {
  fromMs: number;
  toMs: number;
}

class TimeRangeState {
  // As texts, so that another change of the address is none of the range, and nothing loads again.
  #from = $derived(router.query.get('from'));
  #to = $derived(router.query.get('to'));
  #read = $derived(readRange(this.#from, this.#to, Date.now()));

  /** As the API and SQL take it. */
  range: RangeText = $derived(this.#read.range);
  /** Why the range of the address could not be used. */
  problem = $derived(this.#read.problem);
  /** For links: the values of the address that make the range. */
  query: QueryValues = $derived(rangeQuery(this.range));

  /** Counts the refreshes. What depends on it loads again. */
  tick = $state(0);
  isAutomatic = $derived(router.query.get('refresh') === '10s');

  /** The range by the clock of the browser as of the last refresh, for axes. */
  bounds: Bounds = $derived.by(() => {
    void this.tick;
    const nowMs = Date.now();
    const [from, to] = [parseTimePoint(this.range.from), parseTimePoint(this.range.to)];
    return { fromMs: from ? toEpochMs(from, nowMs) : nowMs, toMs: to ? toEpochMs(to, nowMs) : nowMs };
  });

  /** An automatic refresh waits while the reader points at, or has the keyboard in, what this watches. */
  readonly pointing = new Pointing();

  set(range: RangeText): void {
    router.setQuery(rangeQuery(range));
  }

  /** Of a brush: to whole seconds, at least one. */
  setBounds({ fromMs, toMs }: Bounds): void {
    const fromSecond = Math.floor(fromMs / 1000);
    const toSecond = Math.max(Math.ceil(toMs / 1000), fromSecond + 1);
    this.set({ from: rfc3339(fromSecond), to: rfc3339(toSecond) });
  }

  refresh(): void {
    this.tick += 1;
  }
}

export const timeRange = new TimeRangeState();

/** A link that takes the range (and automatic refresh) along. */
export function pageHref(path: string, values: QueryValues = {}): string {
  return href(path, { ...timeRange.query, refresh: router.query.get('refresh'), ...values });
}

function rfc3339(second: number): string {
  return new Date(second * 1000).toISOString().replace('.000Z', 'Z');
}
