/** A row of `spans`, `requests`, `logs` or `breakers` in the groups that a reader looks for. */
import type { Attributes } from '../api/types';

export type StoredRow = Record<string, unknown>;

export interface SpanEvent {
  time: string;
  name: string;
  attributes: Attributes | null;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  attributes: Attributes | null;
}

export interface Fields {
  attributes: Attributes;
  resource: Attributes;
  scope: Attributes;
  /** What the record says of itself: ids, times, flags, what was dropped. */
  record: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
}

const RESOURCE = new Set(['service_name', 'service_namespace', 'service_version', 'service_instance_id', 'deployment_environment_name', 'host_name']);
const SCOPE = new Set(['scope_name', 'scope_version']);
/** Columns that hold what was sent as an attribute. */
const ATTRIBUTE = /^(http|rpc|db|messaging|url|server|error|client|user|upstream|request_bytes|response_|service_peer|peer_service)/;
const LISTS = new Set(['attributes', 'resource_attributes', 'scope_attributes', 'events', 'links', 'attempts']);

export function groupFields(row: StoredRow): Fields {
  const groups = { attributes: {}, resource: {}, scope: {}, record: {} } as Record<'attributes' | 'resource' | 'scope' | 'record', Attributes>;
  for (const [column, value] of Object.entries(row)) {
    if (value === null || value === undefined || value === '' || LISTS.has(column)) continue;
    if (column.startsWith('dropped_') && value === 0) continue;
    const group = RESOURCE.has(column) ? 'resource' : SCOPE.has(column) ? 'scope' : ATTRIBUTE.test(column) ? 'attributes' : 'record';
    groups[group][column] = value;
  }
  Object.assign(groups.attributes, row['attributes']);
  Object.assign(groups.resource, row['resource_attributes']);
  Object.assign(groups.scope, row['scope_attributes']);
  return { ...groups, events: listOf<SpanEvent>(row['events']), links: listOf<SpanLink>(row['links']) };
}

function listOf<Item>(value: unknown): Item[] {
  return Array.isArray(value) ? (value as Item[]) : [];
}
