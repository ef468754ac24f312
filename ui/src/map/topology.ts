/** Whether a layout that was made for one graph can stay for another. */
import type { LayoutRequest } from './layout';

/** The same for graphs that are laid out the same. */
export function topologyOf({ nodes, links }: LayoutRequest): string {
  return JSON.stringify([nodes.map((node) => [node.id, node.box ?? '']), links.map((link) => link.id)]);
}

/** Below this share of what was laid out the rest would stand in a void. */
const STILL_THERE = 0.7;

/** Whether all of a graph has its place already: nodes and edges that come and go with a range must move nothing. */
export function covers(laidOut: LayoutRequest, wanted: LayoutRequest): boolean {
  if (wanted.nodes.length < laidOut.nodes.length * STILL_THERE) return false;
  const boxes = new Map(laidOut.nodes.map((node) => [node.id, node.box]));
  const links = new Set(laidOut.links.map((link) => link.id));
  return (
    wanted.nodes.every((node) => boxes.has(node.id) && boxes.get(node.id) === node.box) &&
    wanted.links.every((link) => links.has(link.id))
  );
}
