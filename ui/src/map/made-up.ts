/** A graph of any size, the same each time, for tests and measurements. */
import type { Link } from './ranks';

export function madeUpGraph(nodes: number, links: number): { nodes: { id: string }[]; links: Link[] } {
  let state = 1;
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
  const layerOf = (node: number) => Math.floor(node / (nodes / 8));
  const made = Array.from({ length: links }, (_, index): Link => {
    const source = Math.floor(random() * nodes * 0.87);
    let target = source;
    while (target === source || (layerOf(target) <= layerOf(source) && random() < 0.95)) target = Math.floor(random() * nodes);
    return { id: `link ${index}`, source: `service ${source}`, target: `service ${target}` };
  });
  return { nodes: Array.from({ length: nodes }, (_, index) => ({ id: `service ${index}` })), links: made };
}
