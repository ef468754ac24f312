import { describe, expect, it } from 'vitest';
import { eventsOf } from '../api/events';
import { attributeText, conditionsOf, isFiltered, parseAttributes, passesRest, readLogFilter, type LogFilter } from './filter';
import { listed, readKey, type LogRecord } from './record';
import { LEVEL_SQL, levelOf } from './severity';
import { contextSql, listSql, recordSql } from './sql';

const record = (more: Partial<LogRecord> = {}): LogRecord => ({
  time: '2026-11-20T21:00:00.000000001Z',
  severity_number: 9,
  severity_text: 'INFO',
  body: "it's",
  service_name: 'cart',
  trace_id: null,
  span_id: null,
  correlation_id: null,
  ...more,
});
const filterOf = (query: string): LogFilter => readLogFilter(new URLSearchParams(query)).filter;

describe('readLogFilter', () => {
  it('reads what the address says', () => {
    expect(filterOf('')).toEqual({ text: '', service: '', severity: '', attributes: [], id: '' });
    expect(isFiltered(filterOf(''))).toBe(false);
    const filter = filterOf('text=no+such&service=cart&severity=warn&attribute=a%3D1&id=ABCDEF0123456789');
    expect(filter).toEqual({ text: 'no such', service: 'cart', severity: 'warn', attributes: [{ key: 'a', value: '1' }], id: 'abcdef0123456789' });
  });
  it('says what it cannot read', () => {
    const problem = (query: string) => readLogFilter(new URLSearchParams(query)).problem;
    expect(problem('severity=loud')).toContain('“loud”');
    expect(problem('id=12')).toContain('8 characters');
    expect(problem('attribute=%3D1')).toContain('key=value');
    expect(problem('severity=error')).toBeUndefined();
  });
});

describe('parseAttributes', () => {
  it('reads several, with quotes', () => {
    expect(parseAttributes('a=1  b="two \\"words\\"" c d=')).toEqual([
      { key: 'a', value: '1' },
      { key: 'b', value: 'two "words"' },
      { key: 'c', value: undefined },
      { key: 'd', value: '' },
    ]);
    expect(parseAttributes('a="open')).toBeUndefined();
  });
  it('reads what it writes', () => {
    for (const condition of [{ key: 'a', value: 'x y\\"z' }, { key: 'b', value: '' }, { key: 'c', value: undefined }]) {
      expect(parseAttributes(attributeText(condition))).toEqual([condition]);
    }
  });
});

describe('SQL of log records', () => {
  it('quotes what it is given', () => {
    expect(conditionsOf(filterOf("text=It's&service=o'neil"))).toEqual(["service_name = 'o''neil'", "contains(lower(body), 'it''s')"]);
    expect(conditionsOf(filterOf('attribute=host.name%3Da&severity=error'))).toEqual(['severity_number >= 17', "host_name = 'a'"]);
    expect(conditionsOf(filterOf('attribute=user'))[0]).toContain("attributes['user'] IS NOT NULL OR");
  });
  it('lists, shows the context, and finds one', () => {
    expect(listSql({ from: 'now-1h', to: 'now' }, filterOf(''), 500)).toMatch(/WHERE time >= now\(\) - INTERVAL '1 hour' AND time < now\(\)\nORDER BY time DESC\nLIMIT 500$/);
    expect(contextSql(record().time, filterOf('service=cart')).match(/service_name = 'cart'/g)).toHaveLength(2);
    expect(recordSql(record())).toContain("service_name = 'cart'\n  AND span_id IS NULL\n  AND body = 'it''s'");
    expect(recordSql({ time: record().time, span_id: 'ab' })).not.toContain('body');
  });
});

describe('records', () => {
  it('have names that differ', () => {
    const keys = listed([record(), record(), record({ span_id: 'ab' })]).map((item) => item.key);
    expect(keys).toEqual([`${record().time}~`, `${record().time}~~1`, `${record().time}~ab`]);
    expect(readKey(keys[2]!)).toEqual({ time: record().time, span_id: 'ab' });
    expect(readKey(keys[1]!)).toEqual({ time: record().time, span_id: null });
    expect([readKey('x~y'), readKey("2026-11-20T21:00:00'~")]).toEqual([undefined, undefined]);
  });
  it('pass by id and attribute', () => {
    const one = record({ trace_id: 'abcdef0123456789', attributes: { a: '1' }, resource_attributes: { r: '' }, host_name: 'h' });
    expect(passesRest(one, filterOf('id=abcdef0123456789&attribute=a%3D1+r+host.name%3Dh'))).toBe(true);
    expect(passesRest(one, filterOf('attribute=a%3D2'))).toBe(false);
    expect(passesRest(one, filterOf('attribute=b'))).toBe(false);
    expect(passesRest(one, filterOf('id=abcdef0123456780'))).toBe(false);
  });
  it('have levels', () => {
    expect([24, 21, 17, 12, 1, 0, null].map((number) => levelOf(number).name)).toEqual(['fatal', 'fatal', 'error', 'info', 'trace', 'none', 'none']);
    expect(LEVEL_SQL).toBe(
      "CASE WHEN severity_number >= 21 THEN 'fatal' WHEN severity_number >= 17 THEN 'error' WHEN severity_number >= 13 THEN 'warn' " +
        "WHEN severity_number >= 9 THEN 'info' WHEN severity_number >= 5 THEN 'debug' WHEN severity_number >= 1 THEN 'trace' ELSE 'none' END",
    );
  });
});

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

describe('eventsOf', () => {
  it('reads events however they are cut', async () => {
    const text = ': hello\n\nevent: log\r\ndata: {"body":"ä"}\r\n\r\nevent: missed\ndata: {"missed":3}\n\ndata:a\ndata: b\n\nevent: open';
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 7, 1000]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size));
      const events = [];
      for await (const event of eventsOf(streamOf(chunks))) events.push(event);
      expect(events).toEqual([
        { type: 'log', data: '{"body":"ä"}' },
        { type: 'missed', data: '{"missed":3}' },
        { type: 'message', data: 'a\nb' },
      ]);
    }
  });
});
