/** Statements to begin with. All of them answer for the range of the page. */

export interface Example {
  title: string;
  sql: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: 'Requests and failures over time',
    sql: `SELECT time, CAST(sum(requests) AS DOUBLE) / $bucket_seconds AS requests_per_second,
       CAST(sum(failures) AS DOUBLE) / $bucket_seconds AS failures_per_second
FROM red($from, $to, $bucket)
GROUP BY time
ORDER BY time`,
  },
  {
    title: 'Operations that fail most',
    sql: `SELECT service_name, operation, requests, failures, round(100.0 * failures / requests, 2) AS failed_percent, p95_ms
FROM red($from, $to)
WHERE failures > 0
ORDER BY failures DESC
LIMIT 50`,
  },
  {
    title: 'p95 latency by service over time',
    sql: `SELECT time, service_name, hdr_quantile(latency, 0.95) / 1e6 AS p95_ms
FROM (
  SELECT date_bin($bucket, start_time) AS time, service_name, hdr_sketch(duration_ns, weight) AS latency
  FROM spans
  WHERE start_time >= $from AND start_time < $to AND kind IN ('SERVER', 'CONSUMER')
  GROUP BY 1, 2
)
ORDER BY time`,
  },
  {
    title: 'Slowest requests, with their flows',
    sql: `SELECT start_time, trace_id, service_name, name, duration_ns / 1e6 AS duration_ms, outcome
FROM spans
WHERE start_time >= $from AND start_time < $to AND parent_span_id IS NULL
ORDER BY duration_ns DESC
LIMIT 100`,
  },
  {
    title: 'Failures by outcome and service',
    sql: `SELECT concat(service_name, ' · ', outcome) AS failure, count(*) AS spans
FROM spans
WHERE start_time >= $from AND start_time < $to
  AND outcome IN ('rejected', 'server_fault', 'timeout', 'unreachable')
GROUP BY 1
ORDER BY spans DESC
LIMIT 30`,
  },
  {
    title: 'Edges with retries',
    sql: `SELECT source, target, "view", requests, attempts, attempts / requests AS attempts_per_request
FROM service_graph($from, $to)
WHERE attempts > requests
ORDER BY attempts_per_request DESC`,
  },
  {
    title: 'What the logs say of errors',
    sql: `SELECT service_name, body, count(*) AS records, max(time) AS latest, max(trace_id) AS example_trace
FROM logs
WHERE time >= $from AND time < $to AND severity_number >= 17
GROUP BY 1, 2
ORDER BY records DESC
LIMIT 100`,
  },
  {
    title: 'What changed since the hour before',
    sql: `SELECT *
FROM graph_diff(now() - INTERVAL '2 hours', now() - INTERVAL '1 hour', now() - INTERVAL '1 hour', now())`,
  },
];
