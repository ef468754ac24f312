/** What a statement reads, to look there when it finds nothing. */

/** The column of time of each table. */
const TIMES: Record<string, string> = {
  spans: 'start_time',
  requests: 'start_time',
  logs: 'time',
  metrics: 'time',
  breakers: 'time',
  rejects: 'time',
  operations: 'time',
  edges: 'time',
  critical_paths: 'time',
  coverage: 'time',
  findings: 'time',
};

/** Functions of a range read these. */
const READ: Record<string, string> = { red: 'spans', service_graph: 'edges', graph_diff: 'edges', critical_path: 'critical_paths', correlations: 'spans' };

export function tablesOf(sql: string): string[] {
  const names = [...sql.matchAll(/\b(?:FROM|JOIN)\s+([a-z_]+)/gi)].map((match) => match[1]!.toLowerCase());
  return [...new Set(names.map((name) => READ[name] ?? name))].filter((name) => name in TIMES);
}

/** Whether a table has anything at all, and from when. */
export function contentSql(table: string): string {
  const time = TIMES[table]!;
  return `SELECT count(*) AS rows, min(${time}) AS oldest, max(${time}) AS newest FROM ${table}`;
}
