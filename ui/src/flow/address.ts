/** The state of the page of a flow as values of its address, and back. */
import type { QueryValues } from '../routes';
import type { Zoom } from './paint';
import { TYPE_NAMES } from './records';
import type { Shown } from './visible';

export type ViewName = 'waterfall' | 'flame' | 'table';

/** Rows that are folded one by one: no more of them than an address can hold. */
const MOST_TOGGLED = 200;

export function readZoom(text: string | null, lengthNs: number): Zoom {
  const match = /^(\d+)-(\d+)$/.exec(text ?? '');
  const whole = { fromNs: 0, toNs: lengthNs };
  return match ? clampZoom({ fromNs: Number(match[1]), toNs: Number(match[2]) }, lengthNs) : whole;
}

export function writeZoom(zoom: Zoom, lengthNs: number): string | null {
  if (zoom.fromNs <= 0 && zoom.toNs >= lengthNs) return null;
  return `${Math.round(zoom.fromNs)}-${Math.round(zoom.toNs)}`;
}

/** Within the flow, and no shorter than a microsecond (or the flow). */
export function clampZoom({ fromNs, toNs }: Zoom, lengthNs: number): Zoom {
  const least = Math.min(1000, lengthNs);
  const length = Math.min(Math.max(toNs - fromNs, least), lengthNs);
  const from = Math.min(Math.max(0, fromNs), lengthNs - length);
  return { fromNs: from, toNs: from + length };
}

export function readShown(query: URLSearchParams): Shown {
  const names = (query.get('hide') ?? '').split(',');
  const depth = query.get('depth');
  const rows = (query.get('toggled') ?? '').split('.').filter((text) => /^\d+$/.test(text));
  return {
    hidden: new Set(names.map((name) => TYPE_NAMES.findIndex((known) => known === name)).filter((type) => type !== -1)),
    depth: depth !== null && /^\d{1,6}$/.test(depth) ? Number(depth) : undefined,
    toggled: new Set(rows.map(Number)),
  };
}

export function writeShown({ hidden, depth, toggled }: Shown): QueryValues {
  return {
    hide: [...hidden].map((type) => TYPE_NAMES[type]).join(',') || null,
    depth: depth === undefined ? null : String(depth),
    toggled: [...toggled].slice(0, MOST_TOGGLED).join('.') || null,
  };
}

export function readView(text: string | null): ViewName {
  return text === 'flame' || text === 'table' ? text : 'waterfall';
}
