/** Where an arrow key goes: to the nearest node in that direction. */
import type { Point } from './layout';

export type Direction = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

/** Being off the direction counts as that many times the distance along it. */
const ASIDE = 2.2;

export function nextInDirection(places: ReadonlyMap<string, Point>, from: string, direction: Direction): string | undefined {
  const start = places.get(from);
  if (!start) return undefined;
  const isHorizontal = direction === 'ArrowLeft' || direction === 'ArrowRight';
  const sign = direction === 'ArrowRight' || direction === 'ArrowDown' ? 1 : -1;
  let best: { id: string; cost: number } | undefined;
  for (const [id, place] of places) {
    const [dx, dy] = [place.x - start.x, place.y - start.y];
    const ahead = sign * (isHorizontal ? dx : dy);
    if (id === from || ahead <= 0) continue;
    const cost = ahead + ASIDE * Math.abs(isHorizontal ? dy : dx);
    if (!best || cost < best.cost) best = { id, cost };
  }
  return best?.id;
}

export function isDirection(key: string): key is Direction {
  return ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].includes(key);
}
