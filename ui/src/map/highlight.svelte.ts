/** What is pointed at, apart from the nodes, so that pointing does not draw the map anew. */
import type { Point } from './layout';

export class Highlight {
  node = $state<string>();
  edge = $state<string>();
  /** Where the pointer or the focused edge is, in the window. */
  at = $state.raw<Point>();
  /** Nodes near what is pointed at; all others are faint. Undefined: none is. */
  nodes = $state.raw<ReadonlySet<string>>();
  /** Edges near what is pointed at or chosen. */
  edges = $state.raw<ReadonlySet<string>>();
  /** Nodes that were looked for. */
  found = $state.raw<ReadonlySet<string>>(new Set());
  chosen = $state<string>();
  #leaving: ReturnType<typeof setTimeout> | undefined;

  pointAtNode(id: string | undefined): void {
    clearTimeout(this.#leaving);
    this.edge = undefined;
    this.node = id;
  }

  /** Leaving an edge counts a moment later, so that the way from one to the next does not flicker. */
  pointAtEdge(id: string | undefined, at?: Point): void {
    clearTimeout(this.#leaving);
    if (id === undefined) {
      this.#leaving = setTimeout(() => (this.edge = undefined), 80);
      return;
    }
    this.node = undefined;
    this.edge = id;
    this.at = at;
  }

  isFaint(id: string): boolean {
    return this.nodes !== undefined && !this.nodes.has(id);
  }
}
