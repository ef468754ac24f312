/** How edges look: width by rate, colour by what is asked for, a number wherever the colour says something. */
import { formatMillis, formatRate, formatShare } from '../format';
import type { Layout } from './layout';
import { isRetried, type MapEdge } from './model';
import { edgePath, type Path } from './paths';

export const COLORINGS = ['errors', 'latency', 'throughput'] as const;
export type Coloring = (typeof COLORINGS)[number];

/** Classes of edges. Their colours are in `tones.css`. */
export const TONES = ['calm', 'some', 'more', 'most', 'degraded', 'failing', 'unknown'] as const;
export type Tone = (typeof TONES)[number];

export interface LegendEntry {
  tone: Tone;
  label: string;
}

const LATENCY: readonly (readonly [number, Tone])[] = [[1000, 'most'], [100, 'more'], [10, 'some'], [0, 'calm']];
const RATES: readonly (readonly [number, Tone])[] = [[100, 'most'], [10, 'more'], [1, 'some'], [0, 'calm']];

export const LEGENDS: Record<Coloring, readonly LegendEntry[]> = {
  errors: [
    { tone: 'failing', label: '≥ 5 % fail' },
    { tone: 'degraded', label: '≥ 1 % fail' },
    { tone: 'calm', label: 'less' },
    { tone: 'unknown', label: 'no calls' },
  ],
  latency: [
    { tone: 'most', label: 'p95 ≥ 1 s' },
    { tone: 'more', label: '≥ 100 ms' },
    { tone: 'some', label: '≥ 10 ms' },
    { tone: 'calm', label: 'less' },
    { tone: 'unknown', label: 'not known' },
  ],
  throughput: [
    { tone: 'most', label: '≥ 100/s' },
    { tone: 'more', label: '≥ 10/s' },
    { tone: 'some', label: '≥ 1/s' },
    { tone: 'calm', label: 'less' },
  ],
};

export function toneOf({ figures, health }: Pick<MapEdge, 'figures' | 'health'>, coloring: Coloring): Tone {
  if (coloring === 'errors') return health === 'well' ? 'calm' : health;
  const value = coloring === 'latency' ? figures.p95_ms : figures.rate;
  if (value === null || value === undefined || figures.requests === 0) return 'unknown';
  return (coloring === 'latency' ? LATENCY : RATES).find(([from]) => value >= from)![1];
}

export interface DrawnEdge {
  edge: MapEdge;
  path: Path;
  tone: Tone;
  width: number;
}

export function drawEdges(edges: readonly MapEdge[], layout: Layout, coloring: Coloring): DrawnEdge[] {
  return edges.flatMap((edge) => {
    const [source, target] = [layout.nodes[edge.source], layout.nodes[edge.target]];
    if (!source || !target) return [];
    const path = edgePath(source, target, layout.ways[edge.id]);
    return [{ edge, path, tone: toneOf(edge, coloring), width: widthOf(edge.figures.rate) }];
  });
}

/** On a logarithmic scale: 1 a minute 2 px, 1 a second 3.5 px, 1,000 a second 7 px. */
export function widthOf(ratePerSecond: number): number {
  return Math.min(8, 1.2 + 1.15 * Math.log10(1 + Math.max(0, ratePerSecond) * 100));
}

export function isStriking(tone: Tone): boolean {
  return tone === 'failing' || tone === 'degraded' || tone === 'most';
}

/** The number that belongs to the colour. */
export function figureText({ figures }: Pick<MapEdge, 'figures'>, coloring: Coloring): string {
  if (coloring === 'errors') return formatShare(figures.error_rate);
  return coloring === 'latency' ? formatMillis(figures.p95_ms) : `${formatRate(figures.rate)}/s`;
}

/** Of many edges only those are labelled that have something to say. */
const ALL_LABELLED = 70;

export function hasLabel(edge: MapEdge, coloring: Coloring, edges: number): boolean {
  const hasMore = edge.findings.length > 0 || isRetried(edge) || edge.changes.length > 0;
  if (hasMore || isStriking(toneOf(edge, coloring))) return true;
  return coloring !== 'errors' && edges <= ALL_LABELLED && edge.figures.requests > 0;
}
