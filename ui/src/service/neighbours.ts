/** Callers and callees, each in the view of whoever waits. */
import { healthOf, type Health, type Interval } from '../health';
import { intervalOf } from '../services/rows';
import type { EdgeRow } from './sql';

export interface Neighbour {
  direction: 'caller' | 'callee';
  name: string;
  nameKind: string;
  kind: string;
  view: EdgeRow['view'];
  requests: number;
  failures: number;
  errors: Interval | undefined;
  health: Health;
  attempts: number;
  /** Share of calls on the critical path of the caller. */
  blocking: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  /** What the callee itself says, where the numbers are those of the caller. */
  server: { requests: number; failures: number; p95_ms: number | null } | undefined;
}

const VIEWS: readonly EdgeRow['view'][] = ['client', 'server', 'gateway'];

export function toNeighbours(rows: readonly EdgeRow[]): Neighbour[] {
  const edges = new Map<string, EdgeRow[]>();
  for (const row of rows) {
    const key = [row.direction, row.name_kind, row.name, row.kind].join('\n');
    edges.set(key, [...(edges.get(key) ?? []), row]);
  }
  return [...edges.values()].map(toNeighbour).toSorted((a, b) => b.requests - a.requests || a.name.localeCompare(b.name));
}

function toNeighbour(views: readonly EdgeRow[]): Neighbour {
  const row = VIEWS.flatMap((view) => views.find((other) => other.view === view) ?? [])[0]!;
  const server = row.view === 'server' ? undefined : views.find((other) => other.view === 'server');
  const errors = intervalOf(row.requests, row.failures, row.weight_squares);
  return {
    direction: row.direction,
    name: row.name,
    nameKind: row.name_kind,
    kind: row.kind,
    view: row.view,
    requests: row.requests,
    failures: row.failures,
    errors,
    health: healthOf({ requests: row.requests, error_rate_low: errors?.low ?? 0 }),
    attempts: row.attempts,
    blocking: row.requests > 0 ? row.blocking / row.requests : 0,
    p50_ms: row.p50_ms,
    p95_ms: row.p95_ms,
    p99_ms: row.p99_ms,
    server: server && { requests: server.requests, failures: server.failures, p95_ms: server.p95_ms },
  };
}
