/** Draws a heatmap on a canvas. */
import { canvasFont } from '../theme';
import { formatTick } from '../format';
import { resolveColor } from '../state/theme.svelte';
import { BANDS_PER_DECADE, STEPS, stepOf, type Cells, type Heat } from './heat';

export interface Plot {
  width: number;
  height: number;
}

/** As in charts over time, so that times stand under each other. */
const LEFT = 64;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 26;
const GAP = 1;
const LEAST_LABEL_PX = 76;

export interface HeatColors {
  steps: string[];
  failed: string;
  ink: string;
  line: string;
  select: string;
}

/** A step is this much of the accent on the surface. */
export function stepColor(step: number): string {
  return `color-mix(in oklab, var(--accent) ${Math.round(20 + (step / (STEPS - 1)) * 80)}%, var(--surface))`;
}

export function heatColors(): HeatColors {
  return {
    steps: Array.from({ length: STEPS }, (_, step) => resolveColor(stepColor(step))),
    failed: resolveColor('var(--bad-fill)'),
    ink: resolveColor('var(--ink-3)'),
    line: resolveColor('var(--line)'),
    select: resolveColor('var(--ink)'),
  };
}

function grid(heat: Heat, plot: Plot) {
  const [innerWidth, innerHeight] = [plot.width - LEFT - RIGHT, plot.height - TOP - BOTTOM];
  return { innerWidth, innerHeight, cellWidth: innerWidth / heat.times.length, cellHeight: innerHeight / heat.bands };
}

/** The cell at a place of the canvas; outside of the grid the nearest. */
export function cellAt(heat: Heat, plot: Plot, x: number, y: number): { column: number; row: number } {
  const { cellWidth, cellHeight, innerHeight } = grid(heat, plot);
  const clamp = (value: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(value)));
  return {
    column: clamp((x - LEFT) / cellWidth, heat.times.length),
    row: clamp((TOP + innerHeight - y) / cellHeight, heat.bands),
  };
}

export function drawHeat(context: CanvasRenderingContext2D, heat: Heat, plot: Plot, colors: HeatColors, marked: Cells | undefined): void {
  const { innerHeight, cellWidth, cellHeight } = grid(heat, plot);
  const ratio = window.devicePixelRatio;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, plot.width, plot.height);
  drawAxes(context, heat, plot, colors);
  for (let column = 0; column < heat.times.length; column += 1) {
    for (let row = 0; row < heat.bands; row += 1) {
      const count = heat.spans[column * heat.bands + row]!;
      const step = stepOf(count, heat.most);
      if (step < 0) continue;
      const [x, y] = [LEFT + column * cellWidth, TOP + innerHeight - (row + 1) * cellHeight];
      const [width, height] = [Math.max(1, cellWidth - GAP), Math.max(1, cellHeight - GAP)];
      context.fillStyle = colors.steps[step]!;
      context.fillRect(x, y, width, height);
      const failures = heat.failures[column * heat.bands + row]!;
      if (failures === 0) continue;
      context.fillStyle = colors.failed;
      context.fillRect(x, y, Math.max(Math.min(3, width), width * (failures / count)), height);
    }
  }
  if (marked) drawSelection(context, marked, { x: LEFT, bottom: TOP + innerHeight, cellWidth, cellHeight }, colors.select);
}

function drawAxes(context: CanvasRenderingContext2D, heat: Heat, plot: Plot, colors: HeatColors): void {
  const { innerWidth, innerHeight, cellWidth, cellHeight } = grid(heat, plot);
  context.font = canvasFont(11);
  context.lineWidth = 1;
  context.strokeStyle = colors.line;
  context.fillStyle = colors.ink;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (let band = Math.ceil(heat.firstBand / BANDS_PER_DECADE) * BANDS_PER_DECADE; band <= heat.firstBand + heat.bands; band += BANDS_PER_DECADE) {
    const y = TOP + innerHeight - (band - heat.firstBand) * cellHeight;
    line(context, LEFT, y, LEFT + innerWidth, y);
    context.fillText(formatTick(10 ** (band / BANDS_PER_DECADE)), LEFT - 8, y);
  }
  context.textBaseline = 'top';
  context.textAlign = 'center';
  const step = labelStep(heat.widthMs * (LEAST_LABEL_PX / cellWidth));
  for (const [column, time] of heat.times.entries()) {
    const x = LEFT + column * cellWidth;
    if (time % step !== 0 || x > LEFT + innerWidth - 16) continue;
    context.fillText(timeLabel(time, step), x, TOP + innerHeight + 8);
  }
}

const LABEL_STEPS_MS = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((seconds) => seconds * 1000);

function labelStep(leastMs: number): number {
  const days = Math.ceil(leastMs / 86_400_000) * 86_400_000;
  return LABEL_STEPS_MS.find((ms) => ms >= leastMs) ?? days;
}

function timeLabel(timeMs: number, stepMs: number): string {
  const date = new Date(timeMs);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (isMidnight || stepMs >= 86_400_000) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  const seconds = stepMs < 60_000 ? ({ second: '2-digit' } as const) : {};
  return date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false, ...seconds });
}

interface Place {
  x: number;
  bottom: number;
  cellWidth: number;
  cellHeight: number;
}

function drawSelection(context: CanvasRenderingContext2D, cells: Cells, place: Place, color: string): void {
  const x = place.x + cells.column * place.cellWidth;
  const width = (cells.lastColumn - cells.column + 1) * place.cellWidth;
  const height = (cells.lastRow - cells.row + 1) * place.cellHeight;
  const y = place.bottom - (cells.lastRow + 1) * place.cellHeight;
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.strokeRect(x - 0.5, y - 0.5, width, height);
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, Math.round(y1) + 0.5);
  context.lineTo(x2, Math.round(y2) + 0.5);
  context.stroke();
}
