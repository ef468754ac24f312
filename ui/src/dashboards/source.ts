/** Dashboards as the server gives them; see docs/reference/dashboards.md. */
import { getSource, type Source } from '../api/client';
import type { RangeText } from '../time/range';

export type PanelKind = 'line' | 'bar' | 'table' | 'stat';

export interface DashboardSummary {
  name: string;
  title: string;
  description: string | null;
  panels: number;
  /** Null for those that come with the server. */
  file: string | null;
}

/** A file that is no dashboard. */
export interface DashboardProblem {
  name: string;
  file: string;
  line: number | null;
  message: string;
}

export interface DashboardPanel {
  title: string;
  description: string | null;
  kind: PanelKind;
  unit: string | null;
  /** Of 12 columns. */
  width: number;
  /** As in the file, with placeholders. */
  sql: string;
  /** With literals in their place. */
  statement: string;
}

export interface Dashboard {
  name: string;
  title: string;
  description: string | null;
  file: string | null;
  from: string;
  to: string;
  bucket_seconds: number;
  panels: DashboardPanel[];
}

export interface Dashboards {
  dashboards: DashboardSummary[];
  problems: DashboardProblem[];
}

export function dashboardsSource(): Source<Dashboards> {
  return getSource('/api/v1/dashboards');
}

export function dashboardSource(name: string, range: RangeText): Source<Dashboard> {
  return getSource(`/api/v1/dashboards/${encodeURIComponent(name)}`, { from: range.from, to: range.to });
}
