/** Where nodes stand: in columns, requests from left to right. */
import * as dagre from '@dagrejs/dagre';
import { backbone, ranksOf, type Link } from './ranks';

export interface LayoutNode {
  id: string;
  /** The box that it stands in. */
  box?: string;
}

export interface LayoutRequest {
  nodes: readonly LayoutNode[];
  /** The most important first. */
  links: readonly Link[];
}

export interface Point {
  x: number;
  y: number;
}

export interface Rectangle extends Point {
  width: number;
  height: number;
}

export interface Layout {
  /** The top left corner of each node. */
  nodes: Record<string, Point>;
  boxes: Record<string, Rectangle>;
  /** The way of links that pass other columns. */
  ways: Record<string, Point[]>;
}

export const NODE_WIDTH = 178;
export const NODE_HEIGHT = 50;
/** Length of all links up to which each has a say in the layout; beyond it about as much as nodes. */
const ALL_LINKS_LENGTH = 260;
const ROOT = '\u0000root';

export function layOut({ nodes, links }: LayoutRequest): Layout {
  const ids = nodes.map((node) => node.id);
  const ranks = ranksOf(ids, links);
  const graph = new dagre.graphlib.Graph({ multigraph: true, compound: nodes.some((node) => node.box !== undefined) });
  graph.setGraph({ rankdir: 'LR', ranksep: 128, nodesep: graph.isCompound() ? 30 : 16, edgesep: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, box } of nodes) {
    graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
    if (box === undefined) continue;
    if (!graph.hasNode(boxId(box))) graph.setNode(boxId(box), {});
    graph.setParent(id, boxId(box));
  }
  for (const link of chooseLinks(links, ranks, ids.length)) graph.setEdge(link.source, link.target, {}, link.id);
  // Columns are by rank also of what the chosen links leave apart.
  graph.setNode(ROOT, { width: 1, height: 1 });
  for (const id of ids) {
    if (ranks.get(id) === 0) graph.setEdge(ROOT, id, { weight: 0 }, ROOT);
  }
  dagre.layout(graph);
  const places = placesOf(graph, ids);
  return { nodes: places, boxes: boxesOf(nodes, places), ways: waysOf(graph) };
}

function chooseLinks(links: readonly Link[], ranks: ReadonlyMap<string, number>, nodes: number): readonly Link[] {
  const length = links.reduce((sum, link) => sum + Math.abs((ranks.get(link.target) ?? 0) - (ranks.get(link.source) ?? 0)), 0);
  if (length <= ALL_LINKS_LENGTH) return links.filter((link) => link.source !== link.target);
  return backbone(links, ranks, Math.max(ALL_LINKS_LENGTH, nodes));
}

type Graph = InstanceType<typeof dagre.graphlib.Graph>;

function placesOf(graph: Graph, ids: readonly string[]): Record<string, Point> {
  return Object.fromEntries(
    ids.map((id) => {
      const { x, y } = graph.node(id) as Point;
      return [id, { x: Math.round(x - NODE_WIDTH / 2), y: Math.round(y - NODE_HEIGHT / 2) }];
    }),
  );
}

const BOX_HEAD = 26;
const BOX_PADDING = 12;

/** Around the nodes, with room for a heading. */
function boxesOf(nodes: readonly LayoutNode[], places: Readonly<Record<string, Point>>): Record<string, Rectangle> {
  const boxes: Record<string, Rectangle> = {};
  for (const name of new Set(nodes.map((node) => node.box))) {
    if (name === undefined) continue;
    const members = nodes.filter((node) => node.box === name).map((node) => places[node.id]!);
    const [left, top] = [Math.min(...members.map(({ x }) => x)), Math.min(...members.map(({ y }) => y))];
    const width = Math.max(...members.map(({ x }) => x)) - left + NODE_WIDTH + 2 * BOX_PADDING;
    const height = Math.max(...members.map(({ y }) => y)) - top + NODE_HEIGHT + BOX_HEAD + BOX_PADDING;
    boxes[name] = { x: left - BOX_PADDING, y: top - BOX_HEAD, width, height };
  }
  return boxes;
}

function waysOf(graph: Graph): Record<string, Point[]> {
  const ways: Record<string, Point[]> = {};
  for (const edge of graph.edges()) {
    if (edge.v === ROOT || edge.name === undefined) continue;
    const { points } = graph.edge(edge) as { points?: Point[] };
    if (points && points.length > 3) ways[edge.name] = points.map(({ x, y }) => ({ x: Math.round(x), y: Math.round(y) }));
  }
  return ways;
}

function boxId(box: string): string {
  return `box:${box}`;
}
