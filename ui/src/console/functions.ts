/** The functions that Spandrel adds to SQL, as in docs/reference/sql.md. */

export interface SqlFunction {
  name: string;
  signature: string;
  does: string;
  isTable: boolean;
}

function table(name: string, parameters: string, does: string): SqlFunction {
  return { name, signature: `${name}(${parameters})`, does, isTable: true };
}

function value(name: string, parameters: string, does: string): SqlFunction {
  return { name, signature: `${name}(${parameters})`, does, isTable: false };
}

export const FUNCTIONS: readonly SqlFunction[] = [
  table('trace', "'id'", 'The spans of a trace in order of start, each once.'),
  table('flow', "'id'", 'All records of one request in the order of their tree, by trace id or any correlation id.'),
  table('red', '$from, $to [, step]', 'Requests, failures and latency by time, service and operation, as servers see them.'),
  table('service_graph', '$from, $to', 'The edges of the service graph with calls, failures, latency and attempts, by view.'),
  table('graph_diff', 'before_from, before_to, $from, $to', 'Nodes and edges that are new, gone, slower or failing in the second range.'),
  table('critical_path', "'id' | $from, $to [, baseline_from, baseline_to]", 'What the requests of a trace waited for; who owns the time of the requests of a range.'),
  table('findings', '$from, $to', 'The findings of a range, evaluated from its spans.'),
  table('finding_history', "'id'", 'Every row of a finding, in order of time.'),
  table('correlations', '$from, $to', 'Correlation ids with their records and traces.'),
  value('operation_name', '...', 'The name an operation is counted under.'),
  value('red_stats', 'duration_ns, weight, outcome', 'Aggregate: what red() shows, as a struct.'),
  value('hdr_sketch', 'duration_ns [, weight]', 'Aggregate: a latency sketch in a binary value, at most 1 % wrong.'),
  value('hdr_merge', 'sketch', 'Aggregate: one sketch of many.'),
  value('hdr_quantile', 'sketch, q', 'Nanoseconds at the quantile q, from 0 to 1.'),
  value('hdr_count_below', 'sketch, limit_ns', 'How many durations are at most limit_ns nanoseconds.'),
];
