/** Reads what people paste when they look for a trace. */

export type TraceLookup = { traceId: string; spanId?: string } | { problem: string };

const TRACE_ID = /^[0-9a-f]{32}$/;
const HEX = /^[0-9a-f]+$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Accepts 32 hexadecimal digits (fewer are filled with zeros from 16 on), a UUID, or a `traceparent` header. */
export function parseTraceLookup(text: string): TraceLookup {
  const input = text.trim().replace(/^traceparent\s*[:=]\s*/i, '').replace(/^["']|["']$/g, '').toLowerCase();
  if (input === '') return { problem: 'Type or paste a trace id.' };

  const traceparent = TRACEPARENT.exec(input);
  if (traceparent) return { traceId: traceparent[1]!, spanId: traceparent[2]! };

  const id = UUID.test(input) ? input.replaceAll('-', '') : input;
  if (!HEX.test(id)) return { problem: 'A trace id has only the digits 0–9 and a–f.' };
  if (id.length < 16) return { problem: `A trace id has 32 digits (old ones 16); this has ${id.length}.` };
  if (id.length > 32) return { problem: `A trace id has 32 digits; this has ${id.length}.` };
  const traceId = id.padStart(32, '0');
  if (!TRACE_ID.test(traceId) || /^0+$/.test(traceId)) return { problem: 'An id of zeros names no trace.' };
  return { traceId };
}
