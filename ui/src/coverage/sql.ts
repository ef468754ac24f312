/** SQL of the page of coverage. */
import { within, withinMinutes } from '../sql-text';
import type { RangeText } from '../time/range';

export interface CoverageRow {
  service_name: string;
  service_namespace: string | null;
  spans: number;
  orphans: number;
  duplicates: number;
  cycles: number;
  id_clashes: number;
  paired_clients: number;
  unpaired_clients: number;
  clients_missing: number;
  negative_durations: number;
  alias_conflicts: number;
  skew_suspects: number;
}

/** Of the counts per minute; the first minute counts as a whole. */
export function coverageSql(range: RangeText): string {
  return [
    'SELECT service_name, service_namespace, sum(spans) AS spans, sum(orphans) AS orphans, sum(duplicates) AS duplicates,',
    '       sum(cycles) AS cycles, sum(id_clashes) AS id_clashes, sum(paired_clients) AS paired_clients,',
    '       sum(unpaired_clients) AS unpaired_clients, sum(clients_missing) AS clients_missing,',
    '       sum(negative_durations) AS negative_durations, sum(alias_conflicts) AS alias_conflicts,',
    '       sum(skew_suspects) AS skew_suspects',
    'FROM coverage',
    `WHERE ${withinMinutes(range)}`,
    'GROUP BY service_name, service_namespace',
    'ORDER BY spans DESC',
  ].join('\n');
}

export interface SentRow {
  service_name: string;
  service_namespace: string | null;
  spans: number;
  /** How many spans these stand for. */
  weight: number;
  servers: number;
  clients: number;
  dropped_attributes: number;
  dropped_events: number;
  dropped_links: number;
}

/** Of the stored spans. */
export function sentSql(range: RangeText): string {
  return [
    'SELECT service_name, service_namespace, count(*) AS spans, sum(weight) AS weight,',
    "       count(*) FILTER (WHERE kind IN ('SERVER', 'CONSUMER')) AS servers,",
    "       count(*) FILTER (WHERE kind IN ('CLIENT', 'PRODUCER')) AS clients,",
    '       count(*) FILTER (WHERE dropped_attributes_count > 0) AS dropped_attributes,',
    '       count(*) FILTER (WHERE dropped_events_count > 0) AS dropped_events,',
    '       count(*) FILTER (WHERE dropped_links_count > 0) AS dropped_links',
    'FROM spans',
    `WHERE ${within(range)}`,
    'GROUP BY service_name, service_namespace',
  ].join('\n');
}

export interface RejectRow {
  source: string | null;
  format: string | null;
  reason: string;
  records: number;
  detail: string | null;
  last: string;
}

export function rejectsSql(range: RangeText): string {
  return [
    'SELECT source, format, reason, sum(records) AS records, max(detail) AS detail, max(time) AS last',
    'FROM rejects',
    `WHERE ${within(range, 'time')}`,
    'GROUP BY source, format, reason',
    'ORDER BY records DESC',
  ].join('\n');
}

export interface CounterRow {
  name: string;
  series: string;
  increase: number;
}

const COUNTERS = [
  'spandrel_receiver_rejected_records_total',
  'spandrel_receiver_repairs_total',
  'spandrel_receiver_duplicate_spans_total',
  'spandrel_lines_rejected_total',
  'spandrel_lines_dropped_datagrams_total',
  'spandrel_lines_refused_connections_total',
  'spandrel_lines_lost_total',
  'spandrel_lines_bad_frames_total',
  'spandrel_analysis_missed_rows_total',
  'spandrel_analysis_corrections_total',
  'spandrel_analysis_write_failures_total',
];

/** How far Spandrel's own counters rose; a restart begins them at 0 again. Rows with 0 say that the counter is there. */
export function countersSql(range: RangeText): string {
  return [
    'SELECT name, series, sum(CASE WHEN before IS NULL THEN 0 WHEN value >= before THEN value - before ELSE value END) AS increase',
    'FROM (SELECT name, series, value, lag(value) OVER (PARTITION BY name, series, service_instance_id ORDER BY time) AS before',
    "      FROM (SELECT time, name, value, service_instance_id, array_to_string(map_values(attributes), ' ') AS series",
    '            FROM metrics',
    `            WHERE ${within(range, 'time')}`,
    "              AND service_name = 'spandrel'",
    `              AND name IN (${COUNTERS.map((name) => `'${name}'`).join(', ')})))`,
    'GROUP BY name, series',
    'ORDER BY increase DESC',
  ].join('\n');
}
