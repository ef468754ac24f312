/** Links to pages that take the time range along. */
import type { QueryValues } from '../routes';
import { pageHref } from './time.svelte';

export const links = {
  overview: () => pageHref('/'),
  map: (values: QueryValues = {}) => pageHref('/map', values),
  service: (name: string, values: { operation?: string | null; namespace?: string | null } = {}) =>
    pageHref(`/service/${encodeURIComponent(name)}`, values),
  traces: (values: QueryValues = {}) => pageHref('/traces', values),
  /** By trace id or any correlation id. */
  flow: (id: string, values: QueryValues = {}) => pageHref(`/flow/${encodeURIComponent(id)}`, values),
  compare: (a: string, b: string) => pageHref('/compare', { a, b }),
  findings: (values: QueryValues = {}) => pageHref('/findings', values),
  finding: (id: string, values: { opened?: string } = {}) => pageHref(`/findings/${encodeURIComponent(id)}`, values),
  breakers: (values: QueryValues = {}) => pageHref('/breakers', values),
  logs: (values: QueryValues = {}) => pageHref('/logs', values),
  /** The editor with this statement in it. */
  sql: (statement: string) => pageHref('/sql', { q: statement }),
  dashboard: (name: string, values: QueryValues = {}) => pageHref(`/dashboards/${encodeURIComponent(name)}`, values),
  coverage: () => pageHref('/coverage'),
};
