/** All rows of a flow on a small canvas: where the time goes, by service, and where the failures are. */
import type { LaidOut } from './flow.worker';
import type { Palette } from './palette';
import { BREAKER, LOG, PHANTOM } from './records';

/** Rows that fall on one line of pixels are drawn over each other: beyond this many of a line the rest adds nothing. */
const MOST_PER_LINE = 300;

export function paintOverview(context: CanvasRenderingContext2D, flow: LaidOut, palette: Palette, slots: Uint8Array): void {
  const { width, height } = context.canvas;
  const { tree, records } = flow;
  context.clearRect(0, 0, width, height);
  if (tree.lengthOfAllNs <= 0 || tree.count === 0) return;
  const scale = width / tree.lengthOfAllNs;
  const step = Math.max(1, Math.ceil(tree.count / (height * MOST_PER_LINE)));
  const thickness = Math.max(1, Math.min(4, Math.floor(height / tree.count) - 1));
  for (let row = 0; row < tree.count; row += step) {
    const type = tree.type[row]!;
    if (type === PHANTOM || type === LOG || type === BREAKER) continue;
    context.fillStyle = palette.services[slots[records.service.codes[tree.record[row]!]!] ?? 0]!;
    const top = Math.floor((row / tree.count) * (height - thickness));
    context.fillRect(tree.fromNs[row]! * scale, top, Math.max(0.5, tree.lengthNs[row]! * scale), thickness);
  }
  context.fillStyle = palette.badFill;
  for (let row = 0; row < tree.count; row += 1) {
    if (tree.failed[row] !== 1 && tree.type[row] !== BREAKER) continue;
    const top = Math.floor((row / tree.count) * (height - 3));
    context.fillRect(tree.fromNs[row]! * scale - 1, top, 3, 3);
  }
}
