/** Outcomes of spans and requests (docs/reference/analysis.md). */
const FAILED = new Set(['rejected', 'server_fault', 'timeout', 'unreachable']);

export function isFailedOutcome(outcome: string | null | undefined): boolean {
  return outcome !== null && outcome !== undefined && FAILED.has(outcome);
}
