/** Draws the bars of the rows in view. */
import { canvasFont } from '../theme';
import { formatDuration } from '../format';
import type { CriticalPath } from './critical';
import type { LaidOut } from './flow.worker';
import type { Palette } from './palette';
import { BREAKER, LOG, PHANTOM, REQUEST } from './records';

export interface Zoom {
  fromNs: number;
  toNs: number;
}

export interface Scene {
  flow: LaidOut;
  path: CriticalPath | undefined;
  visible: Int32Array;
  /** Positions in `visible`. */
  first: number;
  end: number;
  /** Where the first row begins, in pixels from the top of the canvas. */
  top: number;
  rowHeight: number;
  width: number;
  height: number;
  zoom: Zoom;
  ticksNs: readonly number[];
  palette: Palette;
  /** Colour of each service code. */
  slots: Uint8Array;
}

/** Room for marks at the very start, and for the words beside bars at the right edge. */
export const LEFT_ROOM = 7;
export const RIGHT_ROOM = 64;
const BAR = 11;
const PATH = 3;
const LEAST_WIDTH = 2;
const GAP = 6;

type Context = CanvasRenderingContext2D;

export function paintRows(context: Context, scene: Scene): void {
  context.clearRect(0, 0, scene.width, scene.height);
  context.font = canvasFont(11);
  context.textBaseline = 'middle';
  paintGrid(context, scene);
  for (let at = scene.first; at < scene.end; at += 1) {
    const row = scene.visible[at]!;
    const middle = scene.top + (at - scene.first + 0.5) * scene.rowHeight;
    const type = scene.flow.tree.type[row]!;
    if (type === LOG || type === BREAKER) paintMark(context, scene, row, middle, true);
    else paintBar(context, scene, row, middle);
  }
}

/** Nanoseconds at a place of the canvas. */
export function nanosAt(x: number, { zoom, width }: Pick<Scene, 'zoom' | 'width'>): number {
  const part = (x - LEFT_ROOM) / (width - LEFT_ROOM - RIGHT_ROOM);
  return zoom.fromNs + Math.min(1, Math.max(0, part)) * (zoom.toNs - zoom.fromNs);
}

/** Pixels from the left of the canvas. */
export function xOf(nanos: number, { zoom, width }: Pick<Scene, 'zoom' | 'width'>): number {
  const length = zoom.toNs - zoom.fromNs;
  return length > 0 ? LEFT_ROOM + ((nanos - zoom.fromNs) / length) * (width - LEFT_ROOM - RIGHT_ROOM) : LEFT_ROOM;
}

function paintGrid(context: Context, scene: Scene): void {
  context.fillStyle = scene.palette.line;
  for (const nanos of scene.ticksNs) context.fillRect(Math.round(xOf(nanos, scene)), 0, 1, scene.height);
}

function paintBar(context: Context, scene: Scene, row: number, middle: number): void {
  const { tree } = scene.flow;
  const fromNs = tree.fromNs[row]!;
  const exactLeft = xOf(fromNs, scene);
  const exactRight = xOf(fromNs + tree.lengthNs[row]!, scene);
  const edge = scene.width - RIGHT_ROOM;
  if (exactRight < 0 || exactLeft > edge) {
    paintOutside(context, scene, exactRight < 0, middle);
    return;
  }
  const left = Math.max(0, exactLeft);
  const width = Math.max(LEAST_WIDTH, Math.min(edge, exactRight) - left);
  fillBar(context, scene, row, { left, width, top: Math.round(middle - BAR / 2) });
  paintPath(context, scene, row, Math.round(middle - BAR / 2) + BAR - PATH);
  paintMarks(context, scene, row, middle);
  paintLength(context, scene, row, left, width, middle);
}

interface Box {
  left: number;
  width: number;
  top: number;
}

function fillBar(context: Context, { flow, palette, slots }: Scene, row: number, { left, width, top }: Box): void {
  const position = flow.tree.record[row]!;
  const type = flow.tree.type[row]!;
  if (type === PHANTOM) {
    context.strokeStyle = palette.ink3;
    context.setLineDash([3, 3]);
    context.strokeRect(left + 0.5, top + 0.5, Math.max(1, width - 1), BAR - 1);
    context.setLineDash([]);
    return;
  }
  const slot = slots[flow.records.service.codes[position]!] ?? 0;
  if (type === REQUEST) {
    // What a gateway wrote down, not a span: an outline with stripes.
    context.fillStyle = palette.faint[slot]!;
    context.fillRect(left, top, width, BAR);
    paintStripes(context, palette.services[slot]!, { left, width, top });
    context.strokeStyle = palette.services[slot]!;
    context.strokeRect(left + 0.5, top + 0.5, Math.max(1, width - 1), BAR - 1);
    return;
  }
  context.fillStyle = palette.services[slot]!;
  context.beginPath();
  context.roundRect(left, top, width, BAR, Math.min(2, width / 2));
  context.fill();
}

function paintStripes(context: Context, color: string, { left, width, top }: Box): void {
  const STEP = 6;
  context.save();
  context.beginPath();
  context.rect(left, top, width, BAR);
  context.clip();
  context.strokeStyle = color;
  context.globalAlpha = 0.55;
  context.beginPath();
  for (let x = left - BAR; x < left + width; x += STEP) {
    context.moveTo(x, top + BAR);
    context.lineTo(x + BAR, top);
  }
  context.stroke();
  context.restore();
}

/** Light on dark bars, dark on light ones would be lost among 14 colours: the path has an edge of the other. */
function paintPath(context: Context, scene: Scene, row: number, top: number): void {
  const { path, palette } = scene;
  if (!path) return;
  const edge = scene.width - RIGHT_ROOM;
  for (let at = path.start[row]!; at < path.start[row + 1]!; at += 1) {
    const left = Math.max(0, xOf(path.fromNs[at]!, scene));
    const right = Math.min(edge, xOf(path.fromNs[at]! + path.lengthNs[at]!, scene));
    if (right < 0 || left > edge || right < left) continue;
    const width = Math.max(1, right - left);
    context.fillStyle = palette.surface;
    context.fillRect(left, top - 1, width, 1);
    context.fillStyle = palette.path;
    context.fillRect(left, top, width, PATH + 1);
  }
}

/** Marks of one row closer than this are one. */
const MARK_STEP = 3;

function paintMarks(context: Context, scene: Scene, row: number, middle: number): void {
  const { markStart, marks } = scene.flow.tree;
  let last = Number.NEGATIVE_INFINITY;
  for (let at = markStart[row]!; at < markStart[row + 1]!; at += 1) {
    const x = xOf(scene.flow.tree.fromNs[marks[at]!]!, scene);
    const isBreaker = scene.flow.tree.type[marks[at]!] === BREAKER;
    if (x - last < MARK_STEP && !isBreaker) continue;
    last = x;
    paintMark(context, scene, marks[at]!, middle, false);
  }
}

/** A log line is a tick, a breaker event a lozenge. On its own row it says when. */
function paintMark(context: Context, scene: Scene, row: number, middle: number, isOwnRow: boolean): void {
  const { flow, palette, width } = scene;
  const x = xOf(flow.tree.fromNs[row]!, scene);
  if (x < 0 || x > width - RIGHT_ROOM) {
    if (isOwnRow) paintOutside(context, scene, x < 0, middle);
    return;
  }
  const color = markColor(scene, row);
  context.fillStyle = palette.surface;
  if (flow.tree.type[row] === BREAKER) {
    lozenge(context, x, middle, 6.5);
    context.fillStyle = color;
    lozenge(context, x, middle, 5);
  } else {
    context.fillRect(x - 2, middle - 8, 4, 16);
    context.fillStyle = color;
    context.fillRect(x - 1, middle - 8, 2, 16);
  }
  if (!isOwnRow) return;
  context.fillStyle = palette.ink3;
  context.fillText(`+${formatDuration(flow.tree.fromNs[row]!)}`, x + 9, middle);
}

export type LogLevel = 'bad' | 'warn' | 'plain';

/** How grave a severity is that is written in whatever way. */
export function levelOf(severity: string | undefined): LogLevel {
  if (severity === undefined) return 'plain';
  if (/^(err|fatal|crit|alert|emerg|severe)/i.test(severity)) return 'bad';
  return /^warn/i.test(severity) ? 'warn' : 'plain';
}

function markColor({ flow, palette }: Scene, row: number): string {
  if (flow.tree.type[row] === BREAKER) return palette.badFill;
  const { codes, values } = flow.records.kind;
  const level = levelOf(values[codes[flow.tree.record[row]!]!]);
  return level === 'bad' ? palette.badFill : level === 'warn' ? palette.warnFill : palette.ink3;
}

function lozenge(context: Context, x: number, y: number, radius: number): void {
  context.beginPath();
  context.moveTo(x, y - radius);
  context.lineTo(x + radius, y);
  context.lineTo(x, y + radius);
  context.lineTo(x - radius, y);
  context.fill();
}

/** Beside the bar, where there is room. */
function paintLength(context: Context, scene: Scene, row: number, left: number, width: number, middle: number): void {
  const { tree } = scene.flow;
  const failed = tree.failed[row] === 1;
  const text = `${failed ? '✕ ' : ''}${formatDuration(tree.lengthNs[row]!)}`;
  context.fillStyle = failed ? scene.palette.bad : scene.palette.ink2;
  const room = context.measureText(text).width + GAP;
  if (left + width + room <= scene.width) context.fillText(text, left + width + GAP, middle);
  else if (left - room >= 0) context.fillText(text, left - room, middle);
}

function paintOutside(context: Context, scene: Scene, isEarlier: boolean, middle: number): void {
  context.fillStyle = scene.palette.ink3;
  context.fillText(isEarlier ? '‹' : '›', isEarlier ? 1 : scene.width - RIGHT_ROOM + 2, middle);
}
