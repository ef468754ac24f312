/** A log record as the server gives it. */
export interface LogRecord {
  time: string;
  severity_number: number | null;
  severity_text: string | null;
  body: string | null;
  service_name: string | null;
  trace_id: string | null;
  span_id: string | null;
  correlation_id: string | null;
  /** What follows comes with one record, and with those of the tail. */
  attributes?: Record<string, string> | null;
  resource_attributes?: Record<string, string> | null;
  scope_attributes?: Record<string, string> | null;
  [column: string]: unknown;
}

/** In a list, with the name it has in the address. */
export interface ListedRecord {
  key: string;
  record: LogRecord;
}

/** Records have no id: a name is their time, their span, and their number among those that share both. */
export function listed(records: readonly LogRecord[]): ListedRecord[] {
  const seen = new Map<string, number>();
  return records.map((record) => {
    const name = `${record.time}~${record.span_id ?? ''}`;
    const number = seen.get(name) ?? 0;
    seen.set(name, number + 1);
    return { key: number === 0 ? name : `${name}~${number}`, record };
  });
}

/** From the name in the address; undefined when it is none. */
export function readKey(key: string): { time: string; span_id: string | null } | undefined {
  const [time, span] = key.split('~');
  if (time === undefined || span === undefined || !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time)) return undefined;
  return { time, span_id: span === '' ? null : span };
}
