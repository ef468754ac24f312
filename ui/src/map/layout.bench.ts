import { bench } from 'vitest';
import { layOut } from './layout';
import { madeUpGraph } from './made-up';

for (const [nodes, links] of [[40, 60], [200, 400], [200, 1500], [300, 2500]] as const) {
  const graph = madeUpGraph(nodes, links);
  bench(`${nodes} services, ${links} edges`, () => void layOut(graph), { iterations: 2, warmupIterations: 1, time: 0, warmupTime: 0 });
}
