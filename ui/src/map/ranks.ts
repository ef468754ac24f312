/** Ranks of nodes: how many calls away from where requests come from. */

export interface Link {
  id: string;
  source: string;
  target: string;
}

/**
 * Each node is one to the right of the rightmost of those that link to it. Of links that close a cycle the last, in the
 * order of the nodes, does not count. `nodes` come with those first where requests enter.
 */
export function ranksOf(nodes: readonly string[], links: readonly Link[]): Map<string, number> {
  const outgoing = new Map<string, string[]>(nodes.map((node) => [node, []]));
  for (const { source, target } of links) {
    if (source !== target && outgoing.has(target)) outgoing.get(source)?.push(target);
  }
  const order = forwardOrder(nodes, outgoing);
  const place = new Map(order.map((node, index) => [node, index]));
  const ranks = new Map(nodes.map((node) => [node, 0]));
  for (const node of order) {
    for (const target of outgoing.get(node)!) {
      if (place.get(target)! < place.get(node)!) continue;
      ranks.set(target, Math.max(ranks.get(target)!, ranks.get(node)! + 1));
    }
  }
  return ranks;
}

/** Depth first, finished last first: without cycles a topological order. */
function forwardOrder(nodes: readonly string[], outgoing: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>();
  const finished: string[] = [];
  for (const start of nodes) {
    if (seen.has(start)) continue;
    seen.add(start);
    const stack = [{ node: start, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const target = outgoing.get(top.node)![top.next];
      top.next += 1;
      if (target === undefined) finished.push(stack.pop()!.node);
      else if (!seen.has(target)) {
        seen.add(target);
        stack.push({ node: target, next: 0 });
      }
    }
  }
  return finished.reverse();
}

/**
 * The links that a layout of many is made from, since its time grows with the length of all links: of each node one from
 * the rank before, then the shortest, those of `links` that come first before others, up to a total length.
 */
export function backbone(links: readonly Link[], ranks: ReadonlyMap<string, number>, totalLength: number): Link[] {
  const lengthOf = (link: Link) => (ranks.get(link.target) ?? 0) - (ranks.get(link.source) ?? 0);
  const chosen = new Set<Link>();
  const reached = new Set<string>();
  for (const link of links) {
    if (lengthOf(link) !== 1 || reached.has(link.target)) continue;
    reached.add(link.target);
    chosen.add(link);
  }
  let length = chosen.size;
  const others = links.filter((link) => lengthOf(link) > 0 && !chosen.has(link));
  for (const link of others.sort((one, other) => lengthOf(one) - lengthOf(other))) {
    length += lengthOf(link);
    if (length > totalLength) break;
    chosen.add(link);
  }
  return links.filter((link) => chosen.has(link));
}
