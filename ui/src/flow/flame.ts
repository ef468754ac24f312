/** A flame graph of paths: where each stands, and how it is drawn and walked. */
import { canvasFont } from '../theme';
import { formatDuration } from '../format';
import type { PathNode } from './aggregate';
import type { Palette } from './palette';

export const LEVEL_HEIGHT = 20;
/** Narrower ones, and what is under them, are not drawn. */
const LEAST_WIDTH = 0.6;
const LEAST_LABEL = 26;

export interface FlameScene {
  nodes: readonly PathNode[];
  /** The node that takes the whole width; those above it do too. */
  focus: number;
  current: number | undefined;
  width: number;
  height: number;
  scrollTop: number;
  palette: Palette;
  slotOf: (service: string) => number;
}

interface Span {
  left: number;
  width: number;
}

/** Left and width as parts of the width when `focus` takes all of it. */
function placeOf(nodes: readonly PathNode[], index: number, focus: number): Span {
  const all = nodes[0]!.weightNs || 1;
  const frame = nodes[focus]!;
  const node = nodes[index]!;
  const scale = frame.weightNs > 0 ? all / frame.weightNs : 1;
  const left = (node.left - frame.left) * scale;
  const width = (node.weightNs / all) * scale;
  const from = Math.max(0, left);
  return { left: from, width: Math.min(1, left + width) - from };
}

export function paintFlame(context: CanvasRenderingContext2D, scene: FlameScene): void {
  const { nodes, focus, width, height, scrollTop } = scene;
  context.clearRect(0, 0, width, height);
  context.font = canvasFont(11.5);
  context.textBaseline = 'middle';
  for (let at = nodes[focus]!.parent; at !== -1; at = nodes[at]!.parent) paintNode(context, scene, at, { left: 0, width });
  const waiting = [focus];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const place = placeOf(nodes, index, focus);
    if (place.width * width < LEAST_WIDTH) continue;
    const top = nodes[index]!.depth * LEVEL_HEIGHT - scrollTop;
    if (top > height) continue;
    if (top > -LEVEL_HEIGHT) paintNode(context, scene, index, { left: place.left * width, width: place.width * width });
    waiting.push(...nodes[index]!.children);
  }
}

function paintNode(context: CanvasRenderingContext2D, scene: FlameScene, index: number, { left, width }: Span): void {
  const { palette } = scene;
  const node = scene.nodes[index]!;
  const top = node.depth * LEVEL_HEIGHT - scene.scrollTop;
  const slot = scene.slotOf(node.service);
  const shown = Math.max(LEAST_WIDTH, width - 1);
  context.fillStyle = index === 0 ? palette.line : palette.faint[slot]!;
  context.fillRect(left, top, shown, LEVEL_HEIGHT - 1);
  context.fillStyle = index === 0 ? palette.ink3 : palette.services[slot]!;
  context.fillRect(left, top, shown, 2);
  if (node.failures > 0) {
    context.fillStyle = palette.badFill;
    context.fillRect(left, top + LEVEL_HEIGHT - 4, shown, 3);
  }
  if (index === scene.current) {
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.strokeRect(left + 1, top + 1, Math.max(1, shown - 2), LEVEL_HEIGHT - 3);
    context.lineWidth = 1;
  }
  if (width >= LEAST_LABEL) paintLabel(context, scene, node, index, { left, width: shown }, top);
}

function paintLabel(context: CanvasRenderingContext2D, scene: FlameScene, node: PathNode, index: number, { left, width }: Span, top: number): void {
  const many = node.count > 1 ? ` ×${node.count}` : '';
  const text = index === 0 ? `All, ${formatDuration(node.weightNs)} of self time` : `${node.failures > 0 ? '✕ ' : ''}${node.service} ${node.name}${many}`;
  context.save();
  context.beginPath();
  context.rect(left, top, width - 2, LEVEL_HEIGHT);
  context.clip();
  context.fillStyle = scene.palette.ink;
  context.fillText(text, left + 4, top + LEVEL_HEIGHT / 2 + 0.5);
  context.restore();
}

/** The node at a level and a part of the width. */
export function nodeAt(nodes: readonly PathNode[], focus: number, level: number, part: number): number | undefined {
  if (level < nodes[focus]!.depth) {
    for (let at = focus; at !== -1; at = nodes[at]!.parent) if (nodes[at]!.depth === level) return at;
    return undefined;
  }
  let at = focus;
  while (nodes[at]!.depth < level) {
    const next = nodes[at]!.children.find((child) => {
      const { left, width } = placeOf(nodes, child, focus);
      return part >= left && part < left + width;
    });
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

/** Where an arrow leads: down to the widest below, sideways among those of one parent. */
export function flameStep(nodes: readonly PathNode[], current: number, key: string): number | undefined {
  const node = nodes[current]!;
  const siblings = node.parent === -1 ? [current] : nodes[node.parent]!.children;
  const place = siblings.indexOf(current);
  switch (key) {
    case 'ArrowUp':
      return Math.max(0, node.parent);
    case 'ArrowDown':
      return node.children[0] ?? current;
    case 'ArrowRight':
      return siblings[place + 1] ?? current;
    case 'ArrowLeft':
      return siblings[place - 1] ?? current;
    case 'Home':
      return 0;
    default:
      return undefined;
  }
}
