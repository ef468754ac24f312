/** How uPlot draws a chart over time. */
import { canvasFont } from '../theme';
import type uPlot from 'uplot';
import { formatValue, type Unit } from '../format';
import type { Bounds } from '../state/time.svelte';
import { resolveColor } from '../state/theme.svelte';
import type { ChartBand, ChartMarker, DrawnSeries } from './types';

export interface ChartSetup {
  width: number;
  height: number;
  series: readonly DrawnSeries[];
  bands: readonly ChartBand[];
  unit: Unit;
  isStacked: boolean;
  /** Read at every drawing, so that they may change without a new chart. */
  bounds: () => Bounds;
  markers: () => readonly ChartMarker[];
  oncursor: (index: number | undefined) => void;
  onbrush: ((bounds: Bounds) => void) | undefined;
}

const LEAST_BRUSH_PX = 4;

export function chartOptions(library: typeof uPlot, setup: ChartSetup): uPlot.Options {
  const [ink, line] = [resolveColor('var(--ink-3)'), resolveColor('var(--line)')];
  const axis = { stroke: ink, font: canvasFont(11), grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: setup.width,
    height: setup.height,
    ms: 1,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: {
      y: false,
      drag: { x: setup.onbrush !== undefined, y: false, setScale: false },
      sync: { key: 'spandrel', scales: ['x', null] },
      points: { size: 6 },
    },
    scales: {
      x: { time: true, range: () => [setup.bounds().fromMs, setup.bounds().toMs] },
      y: { range: (_chart, low, high) => [Math.min(0, (low ?? 0) * 1.06), (high ?? 0) > 0 ? high * 1.06 : (low ?? 0) < 0 ? 0 : 1] },
    },
    axes: [
      { ...axis, size: 28, gap: 6, space: 70, values: (_chart, splits, _axis, _space, step) => splits.map((ms) => timeLabel(ms, step)) },
      { ...axis, size: 64, gap: 6, space: 28, values: (_chart, splits) => splits.map((value) => tickLabel(value, setup.unit)) },
    ],
    series: [{}, ...setup.series.map((item) => seriesOptions(library, item, setup.isStacked))],
    bands: setup.bands.flatMap((band) => bandOptions(band, setup.series)),
    hooks: {
      setCursor: [(chart) => setup.oncursor(chart.cursor.idx ?? undefined)],
      setSelect: [(chart) => brush(chart, setup.onbrush)],
      draw: [(chart) => drawMarkers(chart, setup.markers())],
    },
  };
}

function seriesOptions(library: typeof uPlot, item: DrawnSeries, isStacked: boolean): uPlot.Series {
  const stroke = resolveColor(item.color);
  const faint = resolveColor(`color-mix(in srgb, ${item.color} 18%, transparent)`);
  const base: uPlot.Series = { label: item.label, stroke, width: 1.5, dash: [...item.dash], points: { size: 4, fill: stroke } };
  switch (item.shape) {
    case 'area':
      return { ...base, fill: faint };
    case 'step':
      return { ...base, paths: library.paths.stepped!({ align: 1 }) };
    case 'bars':
      return {
        ...base,
        width: 0,
        // What stands behind a bar of a stack must not be seen through it.
        fill: resolveColor(isStacked ? item.color : `color-mix(in srgb, ${item.color} 80%, transparent)`),
        paths: library.paths.bars!({ size: [0.86, 60], align: 1 }),
        points: { show: false },
      };
    default:
      return base;
  }
}

function bandOptions(band: ChartBand, series: readonly DrawnSeries[]): uPlot.Band[] {
  const upper = series.findIndex((item) => item.label === band.upper);
  const lower = series.findIndex((item) => item.label === band.lower);
  if (upper === -1 || lower === -1) return [];
  const fill = resolveColor(`color-mix(in srgb, ${series[upper]!.color} 14%, transparent)`);
  return [{ series: [upper + 1, lower + 1], fill }];
}

function brush(chart: uPlot, onbrush: ChartSetup['onbrush']): void {
  const { left, width } = chart.select;
  if (width < LEAST_BRUSH_PX) return;
  const bounds = { fromMs: chart.posToVal(left, 'x'), toMs: chart.posToVal(left + width, 'x') };
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onbrush?.(bounds);
}

function drawMarkers(chart: uPlot, markers: readonly ChartMarker[]): void {
  const { ctx, bbox } = chart;
  const ratio = window.devicePixelRatio;
  ctx.save();
  ctx.font = canvasFont(11 * ratio);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  let freeFrom = 0;
  for (const marker of markers.toSorted((a, b) => a.timeMs - b.timeMs)) {
    const x = chart.valToPos(marker.timeMs, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = resolveColor(marker.color ?? 'var(--ink-3)');
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(marker.label).width;
    const isAtEdge = x + width + 8 * ratio > bbox.left + bbox.width;
    const left = isAtEdge ? x - width - 4 * ratio : x + 4 * ratio;
    // A label that would cover another stands only in the list below the chart.
    if (left < freeFrom) continue;
    ctx.fillText(marker.label, left, bbox.top + 10 * ratio);
    freeFrom = left + width + 6 * ratio;
  }
  ctx.restore();
}

/** Without zeros after the decimal point. */
function tickLabel(value: number, unit: Unit): string {
  if (value === 0) return '0';
  return formatValue(value, unit).replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
}

const DAY_MS = 86_400_000;

function timeLabel(ms: number, stepMs: number): string {
  const date = new Date(ms);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (stepMs >= DAY_MS || isMidnight) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  const parts: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hour12: false };
  if (stepMs < 60_000) parts.second = '2-digit';
  return date.toLocaleTimeString('en-GB', parts);
}
