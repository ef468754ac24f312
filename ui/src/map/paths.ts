/** The lines of edges: out of the right side of one node, into the left side of another. */
import { NODE_HEIGHT, NODE_WIDTH, type Point } from './layout';

export interface Path {
  d: string;
  middle: Point;
}

const LOOP = 56;

/** `source` and `target` are the top left corners of nodes; `way` what the line passes, the ends included. */
export function edgePath(source: Point, target: Point, way?: readonly Point[]): Path {
  const start = { x: source.x + NODE_WIDTH, y: source.y + NODE_HEIGHT / 2 };
  const end = { x: target.x - 3, y: target.y + NODE_HEIGHT / 2 };
  if (source === target) return loopPath(start, end);
  if (end.x <= start.x) return backPath(start, end);
  const inner = way && way.length > 2 ? way.slice(1, -1).filter((point) => point.x > start.x && point.x < end.x) : [];
  const points = [start, ...inner, end];
  const d = points.slice(1).map((point, index) => ` ${bend(points[index]!, point)}`);
  return { d: `M${start.x},${start.y}${d.join('')}`, middle: middleOf(points) };
}

function bend(from: Point, to: Point): string {
  const reach = Math.round((to.x - from.x) / 2);
  return `C${from.x + reach},${from.y} ${to.x - reach},${to.y} ${to.x},${to.y}`;
}

/** By a wide bend, since what closes a cycle goes against the direction of all else. */
function backPath(start: Point, end: Point): Path {
  const reach = Math.min(220, LOOP + (start.x - end.x) / 4);
  const drop = Math.abs(end.y - start.y) < NODE_HEIGHT ? NODE_HEIGHT * 1.4 : 0;
  return {
    d: `M${start.x},${start.y} C${start.x + reach},${start.y + drop} ${end.x - reach},${end.y + drop} ${end.x},${end.y}`,
    middle: { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 + drop * 0.75 },
  };
}

function loopPath(start: Point, end: Point): Path {
  const top = start.y - NODE_HEIGHT * 1.5;
  return {
    d: `M${start.x},${start.y} C${start.x + LOOP},${top} ${end.x - LOOP},${top} ${end.x},${end.y}`,
    middle: { x: (start.x + end.x) / 2, y: start.y - NODE_HEIGHT * 1.1 },
  };
}

function middleOf(points: readonly Point[]): Point {
  const index = Math.floor((points.length - 1) / 2);
  const [before, after] = [points[index]!, points[index + 1]!];
  return points.length % 2 === 1 ? before : { x: (before.x + after.x) / 2, y: (before.y + after.y) / 2 };
}
