/** Dashboards as the server gives them; see docs/reference/dashboards.md. */
import { getSource, type Source } from '../api/client';
import type { Dashboard, Dashboards } from '../api/types';
import type { RangeText } from '../time/range';

export function dashboardsSource(): Source<Dashboards> {
  return getSource('/api/v1/dashboards');
}

export function dashboardSource(name: string, range: RangeText): Source<Dashboard> {
  return getSource(`/api/v1/dashboards/${encodeURIComponent(name)}`, { from: range.from, to: range.to });
}
