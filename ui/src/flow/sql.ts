/** Statements of the page of a flow. */
import { quote } from '../sql-text';
import { CRITICAL_COLUMNS } from './critical';
import { FLOW_COLUMNS, textAt, TYPE_NAMES, type FlowRecords } from './records';

/** More traces than these have no critical path shown: a flow of so many is of a session. */
export const MOST_PATHS = 16;
const MOST_LINKS = 200;

/** Parents are positions; the ids that spans name theirs by are needed only where those are not stored. */
const PARENT_ID = 'CASE WHEN gap IS NOT NULL THEN parent_span_id END AS parent_span_id';

export function flowSql(id: string): string {
  const columns = FLOW_COLUMNS.map((name) => (name === 'parent_span_id' ? PARENT_ID : name)).join(', ');
  return `SELECT ${columns}\nFROM flow(${quote(id)})\nORDER BY position`;
}

export function criticalSql(traceIds: readonly string[]): string {
  return traceIds
    .slice(0, MOST_PATHS)
    .map((id) => `SELECT ${CRITICAL_COLUMNS.join(', ')} FROM critical_path(${quote(id)})`)
    .join('\nUNION ALL\n');
}

/** Spans of the flow with their links to others. */
export function linksSql(traceIds: readonly string[]): string {
  const ids = traceIds.slice(0, MOST_PATHS).map(quote).join(', ');
  return `SELECT span_id, service_name, name, links\nFROM spans\nWHERE trace_id IN (${ids}) AND links IS NOT NULL\nLIMIT ${MOST_LINKS}`;
}

/** Columns that hold what was sent as attributes. */
const ATTRIBUTE_COLUMNS =
  'http_request_method, http_route, url_path, CAST(http_response_status_code AS VARCHAR), rpc_method, rpc_status_code,\n    db_namespace, db_collection_name, db_operation_name, db_query_text, messaging_destination_name, service_peer_name,\n    server_address, error_type, status_message';
const MOST_FOUND = 20_000;

/** Spans of the flow with this text in the name or the value of an attribute. */
export function attributesSql(traceIds: readonly string[], wanted: string): string {
  const ids = traceIds.slice(0, MOST_PATHS).map(quote).join(', ');
  const texts = `concat_ws(' ', ${ATTRIBUTE_COLUMNS},\n    array_to_string(map_keys(attributes), ' '), array_to_string(map_values(attributes), ' '))`;
  return `SELECT span_id\nFROM spans\nWHERE trace_id IN (${ids})\n  AND strpos(lower(${texts}), ${quote(wanted.toLowerCase())}) > 0\nLIMIT ${MOST_FOUND}`;
}

const TABLES = ['spans', 'requests', 'logs', 'breakers'] as const;
const TIMES = ['start_time', 'start_time', 'time', 'time'] as const;

/** The row that a record comes from, with all its columns. */
export function recordSql(records: FlowRecords, position: number, time: string): string {
  const type = records.type[position]!;
  const owner = type === 1 ? 'gateway' : 'service_name';
  const conditions = [`${TIMES[type]} = TIMESTAMP ${quote(time)}`];
  const equals = (column: string, value: string | undefined) => value && conditions.push(`${column} = ${quote(value)}`);
  equals('trace_id', textAt(records, 'traceId', position));
  if (type === 0) equals('span_id', records.spanIds[position]);
  else equals(owner, textAt(records, 'service', position));
  if (type === 1) equals('side', textAt(records, 'kind', position));
  if (type === 2) equals('body', textAt(records, 'body', position));
  if (type === 3) equals('event', textAt(records, 'name', position)?.split(' ')[0]);
  return `SELECT *\nFROM ${TABLES[type]}\nWHERE ${conditions.join('\n  AND ')}\nLIMIT 1`;
}

/** What of a kind of record is called in sentences. */
export function typeName(type: number): string {
  return ['span', 'gateway record', 'log line', 'breaker event', 'span that is not stored'][type] ?? TYPE_NAMES[0];
}
