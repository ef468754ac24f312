/** Attribute values as text, and attribute lists of any size as something a page can show. */
import type { Attributes } from '../api/types';

export interface AttributeLine {
  key: string;
  text: string;
  isText: boolean;
}

export function attributeText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : JSON.stringify(value);
}

/** Sorted by name; only those whose name or value contains `wanted`, ignoring case. */
export function attributeLines(attributes: Attributes, wanted: string): AttributeLine[] {
  const needle = wanted.trim().toLowerCase();
  const lines = Object.entries(attributes).map(([key, value]) => {
    return { key, text: attributeText(value), isText: typeof value === 'string' };
  });
  const found = needle === '' ? lines : lines.filter((line) => `${line.key}\n${line.text}`.toLowerCase().includes(needle));
  return found.sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
}
