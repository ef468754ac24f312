/** The statement of the SQL page, and what came of it. */
import { untrack } from 'svelte';
import { ApiError, runStatement } from '../api/client';
import type { SqlResult } from '../api/types';
import { Resource } from '../state/resource.svelte';
import { router } from '../state/router.svelte';
import { timeRange } from '../state/time.svelte';
import { placeOfError } from './error-place';
import { readHistory, remember, writeHistory, type PastStatement } from './history';
import { fillPlaceholders } from './placeholders';
import { runForPage, type Outcome } from './run';

export const VIEWS = ['table', 'chart', 'plan'] as const;
export type View = (typeof VIEWS)[number];

/** To make while the page is set up. */
export class Console {
  /** As in the address: what was asked for last. */
  statement = $derived(router.query.get('q') ?? '');
  view: View = $derived(VIEWS.find((view) => view === router.query.get('view')) ?? 'table');
  /** The plan with what its steps took. */
  isMeasured = $derived(router.query.get('analyze') === 'true');

  /** As in the editor. */
  draft = $state('');
  filled = $derived(fillPlaceholders(this.statement, timeRange.range, timeRange.bounds));

  readonly result = new Resource<Outcome>();
  readonly plan = new Resource<SqlResult>();
  /** Rows that came so far of a result as Arrow. */
  rowsSoFar = $state(0);
  past = $state.raw<PastStatement[]>(readHistory(window.localStorage));
  isPastKept = $state(true);

  /** Where in the editor the error is. */
  wrong = $derived.by(() => {
    const error = this.result.error;
    const place = error && this.draft === this.statement ? placeOfError(error, this.filled.sql) : undefined;
    return place && { from: this.filled.toSource(place.from), to: Math.max(this.filled.toSource(place.to), this.filled.toSource(place.from) + 1) };
  });

  #runs = $state(0);
  #asked = $derived(this.filled.sql);

  constructor() {
    $effect(() => {
      const { statement } = this;
      untrack(() => (this.draft = statement));
    });
    $effect(() => {
      void [timeRange.tick, this.#runs];
      const sql = this.#asked;
      untrack(() => void this.#start(sql));
    });
    $effect(() => {
      void [timeRange.tick, this.#runs];
      const sql = this.view === 'plan' && this.#asked.trim() !== '' ? `EXPLAIN ${this.isMeasured ? 'ANALYZE ' : ''}${this.#asked}` : undefined;
      untrack(() => (sql === undefined ? this.plan.cancel() : void this.plan.load((signal) => runStatement(sql, signal))));
    });
    $effect(() => () => {
      this.result.cancel();
      this.plan.cancel();
    });
  }

  run(sql = this.draft): void {
    this.draft = sql;
    if (sql === this.statement) this.#runs += 1;
    else router.setQuery({ q: sql });
  }

  show(view: View): void {
    router.setQuery({ view: view === 'table' ? null : view }, { replace: true });
  }

  measure(isMeasured: boolean): void {
    router.setQuery({ analyze: isMeasured ? 'true' : null }, { replace: true });
  }

  forget(): void {
    this.#keep([]);
  }

  async #start(sql: string): Promise<void> {
    if (sql.trim() === '') {
      this.result.reset();
      return;
    }
    const { statement } = this;
    const startMs = Date.now();
    this.rowsSoFar = 0;
    this.result.isStale = this.result.data !== undefined && this.result.data.sql !== sql;
    await this.result.load(async (signal) => {
      try {
        const outcome = await runForPage(sql, signal, (count) => (this.rowsSoFar = count));
        this.#keep(remember(this.past, { sql: statement, atMs: startMs, rows: outcome.rows.count, elapsedMs: Math.round(outcome.elapsedMs) }));
        return outcome;
      } catch (cause) {
        if (cause instanceof ApiError) this.#keep(remember(this.past, { sql: statement, atMs: startMs, error: cause.message }));
        throw cause;
      }
    });
  }

  #keep(past: PastStatement[]): void {
    this.past = past;
    this.isPastKept = writeHistory(window.localStorage, past);
  }
}
