/** Of which spans a page speaks, as a condition of SQL and in words. */
import { durationMillis } from '../duration-input';
import type { Box } from '../heatmap/box';
import { rfc3339 } from '../heatmap/box';
import { BANDS_PER_DECADE, LEAST_NS } from '../heatmap/heat';
import { IS_FAILED } from '../sql';
import { bucketSql, quote, within } from '../sql-text';
import type { RangeText } from '../time/range';

/** Without a service, the first spans of traces; without an operation, the requests that the service serves. */
export interface Population {
  service?: string | undefined;
  operation?: string | undefined;
  errorsOnly?: boolean | undefined;
  /** With their units: `250ms`. */
  minDuration?: string | undefined;
  maxDuration?: string | undefined;
  /** `key=value` */
  attributes?: readonly string[] | undefined;
}

/** The operation of a span, over the columns of `spans`. */
export const OPERATION =
  'operation_name(name, http_request_method, http_route, url_path, rpc_method, messaging_operation_type, messaging_destination_name)';

/** Attributes that have a column in `spans`, with underscores for the dots of their names. */
const ATTRIBUTE_COLUMNS = new Set(
  ('service_namespace service_version service_instance_id deployment_environment_name host_name http_request_method http_route ' +
    'url_path http_response_status_code rpc_system_name rpc_method rpc_status_code db_system_name db_namespace db_collection_name ' +
    'db_operation_name db_query_text messaging_system messaging_operation_type messaging_destination_name service_peer_name ' +
    'server_address server_port error_type').split(' '),
);

export function populationConditions(population: Population): string[] {
  const { service, operation } = population;
  const conditions: string[] = [];
  if (service) conditions.push(`service_name = ${quote(service)}`);
  if (operation) conditions.push(`(name = ${quote(operation)} OR ${OPERATION} = ${quote(operation)})`);
  else conditions.push(service ? "kind IN ('SERVER', 'CONSUMER')" : 'parent_span_id IS NULL');
  if (population.errorsOnly) conditions.push(IS_FAILED);
  if (population.minDuration) conditions.push(`duration_ns >= ${nanos(population.minDuration)}`);
  if (population.maxDuration) conditions.push(`duration_ns <= ${nanos(population.maxDuration)}`);
  return [...conditions, ...(population.attributes ?? []).map(attributeCondition)];
}

/** A span, or its resource, has the attribute `key=value`. */
export function attributeCondition(attribute: string): string {
  const at = attribute.indexOf('=');
  const [key, value] = [attribute.slice(0, at), quote(attribute.slice(at + 1))];
  const column = key.replaceAll('.', '_');
  const inColumn = ATTRIBUTE_COLUMNS.has(column) ? `CAST(${column} AS VARCHAR) = ${value} OR ` : '';
  return `(${inColumn}attributes[${quote(key)}] = ${value} OR resource_attributes[${quote(key)}] = ${value})`;
}

function boxConditions(box: Box): string[] {
  return [
    within({ from: rfc3339(box.fromMs), to: rfc3339(box.toMs) }),
    `duration_ns BETWEEN ${box.leastNs} AND ${box.mostNs}`,
  ];
}

export interface RequestRow {
  trace_id: string;
  span_id: string;
  start_time: string;
  service: string;
  operation: string;
  duration_ms: number;
  outcome: string;
  error: string | null;
  version: string | null;
}

/** `failing`: only those; `errors`: those first. */
export type RequestOrder = 'slowest' | 'failing' | 'errors' | 'recent';

const ORDERS: Record<RequestOrder, string> = {
  slowest: 'duration_ns DESC, trace_id, span_id',
  failing: 'start_time DESC, trace_id, span_id',
  errors: `(${IS_FAILED}) DESC, start_time DESC, trace_id, span_id`,
  recent: 'start_time DESC, trace_id, span_id',
};

/** Single requests, in an order that does not change while the data does not. */
export function requestsSql(range: RangeText, population: Population, order: RequestOrder, limit: number, box?: Box): string {
  const conditions = [within(range), ...populationConditions(population), ...(box ? boxConditions(box) : [])];
  if (order === 'failing' && !population.errorsOnly) conditions.push(IS_FAILED);
  return [
    `SELECT trace_id, span_id, start_time, service_name AS service, ${OPERATION} AS operation,`,
    '       duration_ns / 1e6 AS duration_ms, outcome,',
    "       coalesce(error_type, nullif(status_message, ''), CAST(http_response_status_code AS VARCHAR)) AS error, service_version AS version",
    'FROM spans',
    `WHERE ${conditions.join('\n  AND ')}`,
    `ORDER BY ${ORDERS[order]}`,
    `LIMIT ${limit}`,
  ].join('\n');
}

export function heatSql(range: RangeText, population: Population, widthMs: number): string {
  return [
    `SELECT ${bucketSql(widthMs, 'start_time')} AS time,`,
    `       CAST(floor(log10(greatest(duration_ns, ${LEAST_NS})) * ${BANDS_PER_DECADE} + 1e-12) AS INT) AS band,`,
    `       count(*) AS spans, count(*) FILTER (WHERE ${IS_FAILED}) AS failures`,
    'FROM spans',
    `WHERE ${[within(range), ...populationConditions(population)].join('\n  AND ')}`,
    'GROUP BY 1, 2',
    'ORDER BY 1, 2',
  ].join('\n');
}

/** `requests of cart` */
export function describePopulation({ service, operation }: Population): string {
  if (operation) return service ? `${operation} of ${service}` : `spans called ${operation}`;
  return service ? `requests that ${service} served` : 'first spans of traces';
}

/** Without the package of an RPC: `CartService/GetCart` of `shop.cart.v1.CartService/GetCart`. */
export function shortOperation(operation: string): string {
  return operation.replace(/^(?:\w+\.)+(\w+\/\w+)$/, '$1');
}

function nanos(duration: string): number {
  return Math.round(durationMillis(duration) * 1e6);
}
