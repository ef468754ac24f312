/** Which log records are shown: as in the address, in SQL, and for records that are at hand. */
import { parseFlowLookup } from '../flow-id';
import { quote } from '../sql-text';
import { LEVELS } from './severity';
import type { LogRecord } from './record';

export interface AttributeCondition {
  key: string;
  /** Without one the record just has the attribute. */
  value: string | undefined;
}

export interface LogFilter {
  /** Text of the body, in upper or lower case. */
  text: string;
  service: string;
  /** The name of the least level; empty for all. */
  severity: string;
  attributes: AttributeCondition[];
  /** Of a trace, span or request. */
  id: string;
}

export function readLogFilter(query: URLSearchParams): { filter: LogFilter; problem: string | undefined } {
  const severity = query.get('severity') ?? '';
  const isLevel = severity === '' || LEVELS.some((level) => level.name === severity && level.from > 0);
  const idText = query.get('id')?.trim() ?? '';
  const id = idText === '' ? { id: '' } : parseFlowLookup(idText);
  const attributes = parseAttributes(query.get('attribute') ?? '');
  const problems = [
    isLevel ? undefined : `“${severity}” is not a severity: use trace, debug, info, warn, error or fatal.`,
    'problem' in id ? id.problem : undefined,
    attributes === undefined ? 'An attribute is key=value; values with spaces stand in double quotes.' : undefined,
  ];
  const filter: LogFilter = {
    text: query.get('text') ?? '',
    service: query.get('service') ?? '',
    severity: isLevel ? severity : '',
    attributes: attributes ?? [],
    id: 'id' in id ? id.id : '',
  };
  return { filter, problem: problems.find((problem) => problem !== undefined) };
}

/** `a=1 b="two words" c`; undefined when it cannot be read. */
export function parseAttributes(text: string): AttributeCondition[] | undefined {
  const part = /\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?(?=\s|$)/y;
  const conditions: AttributeCondition[] = [];
  const trimmed = text.trim();
  while (part.lastIndex < trimmed.length) {
    const match = part.exec(trimmed);
    if (!match) return undefined;
    const [, key, quoted, bare] = match;
    conditions.push({ key: key!, value: quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1') });
  }
  return conditions;
}

export function attributeText({ key, value }: AttributeCondition): string {
  if (value === undefined) return key;
  return /^[^\s"\\]+$/.test(value) ? `${key}=${value}` : `${key}="${value.replace(/["\\]/g, '\\$&')}"`;
}

export function isFiltered(filter: LogFilter): boolean {
  return filter.text !== '' || filter.service !== '' || filter.severity !== '' || filter.id !== '' || filter.attributes.length > 0;
}

/** Attributes that have a column of their own are not among the attributes. */
const COLUMNS: Record<string, string> = {
  'event.name': 'event_name',
  'service.name': 'service_name',
  'service.namespace': 'service_namespace',
  'service.version': 'service_version',
  'service.instance.id': 'service_instance_id',
  'deployment.environment.name': 'deployment_environment_name',
  'host.name': 'host_name',
};

export function conditionsOf(filter: LogFilter): string[] {
  const conditions: string[] = [];
  if (filter.service !== '') conditions.push(`service_name = ${quote(filter.service)}`);
  if (filter.severity !== '') conditions.push(`severity_number >= ${leastOf(filter.severity)}`);
  if (filter.id !== '') conditions.push(`(${['trace_id', 'correlation_id', 'span_id'].map((column) => `${column} = ${quote(filter.id)}`).join(' OR ')})`);
  for (const condition of filter.attributes) conditions.push(attributeSql(condition));
  if (filter.text !== '') conditions.push(`contains(lower(body), ${quote(filter.text.toLowerCase())})`);
  return conditions;
}

function attributeSql({ key, value }: AttributeCondition): string {
  const test = value === undefined ? 'IS NOT NULL' : `= ${quote(value)}`;
  const column = COLUMNS[key];
  if (column !== undefined) return `${column} ${test}`;
  return `(${['attributes', 'resource_attributes', 'scope_attributes'].map((map) => `${map}[${quote(key)}] ${test}`).join(' OR ')})`;
}

/** The tail knows service, severity and text; the rest is looked at here. */
export function passesRest(record: LogRecord, filter: LogFilter): boolean {
  if (filter.id !== '' && ![record.trace_id, record.correlation_id, record.span_id].includes(filter.id)) return false;
  return filter.attributes.every(({ key, value }) => {
    const column = COLUMNS[key] as keyof LogRecord | undefined;
    const maps = [record.attributes, record.resource_attributes, record.scope_attributes];
    const found = column ? [record[column]] : maps.map((map) => map?.[key]);
    return found.some((item) => (value === undefined ? item !== null && item !== undefined : item === value));
  });
}

export function leastOf(severity: string): number {
  return LEVELS.find((level) => level.name === severity)?.from ?? 0;
}
