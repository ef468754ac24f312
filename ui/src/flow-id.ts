/** Reads what people paste when they look for a request. */

export type FlowLookup = { id: string; spanId?: string } | { problem: string };

/** The server looks for nothing shorter. */
export const SHORTEST_ID = 8;

const HEX = /^([0-9a-f]{16}|[0-9a-f]{32})$/i;
const TRACE_ID = /^[0-9a-f]{32}$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/i;

export function isTraceId(id: string): boolean {
  return TRACE_ID.test(id);
}

/** Accepts any trace or correlation id, or a `traceparent` header; hexadecimal ids in either case. */
export function parseFlowLookup(text: string): FlowLookup {
  const input = text.trim().replace(/^traceparent\s*[:=]\s*/i, '').replace(/^["']|["']$/g, '');
  if (input === '') return { problem: 'Type or paste an id of a trace, a request or a session.' };

  const traceparent = TRACEPARENT.exec(input);
  if (traceparent) return { id: traceparent[1]!.toLowerCase(), spanId: traceparent[2]!.toLowerCase() };

  if (/\s/.test(input)) return { problem: 'An id has no spaces in it.' };
  if (input.length < SHORTEST_ID) return { problem: `An id has at least ${SHORTEST_ID} characters; this has ${input.length}.` };
  if (/^0+$/.test(input)) return { problem: 'An id of zeros names nothing.' };
  return { id: HEX.test(input) ? input.toLowerCase() : input };
}
