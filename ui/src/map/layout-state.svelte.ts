/** The layout of the graph that is shown: made in a worker, kept as long as it fits. */
import { startWorker } from '../worker';
import type { Layout, LayoutRequest } from './layout';
import url from './layout.worker?worker&url';
import { covers, topologyOf } from './topology';

interface Answer {
  id: number;
  layout?: Layout;
  problem?: string;
}

const KEPT = 30;
/** Of all maps since the page was loaded, so that going back finds everything where it was. */
const layouts = new Map<string, Layout>();

export class LayoutState {
  layout = $state.raw<Layout>();
  problem = $state<string>();
  #worker: Worker | undefined;
  #asked = 0;
  #request: LayoutRequest | undefined;
  #view = '';

  /** `view` names what was chosen; another choice is laid out anew. */
  show(view: string, request: LayoutRequest): void {
    if (this.#request && view === this.#view && covers(this.#request, request)) return;
    this.#view = view;
    this.#request = request;
    const topology = topologyOf(request);
    const known = layouts.get(topology);
    this.#asked += 1;
    if (known) this.layout = known;
    else this.#ask(topology, request);
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #ask(topology: string, request: LayoutRequest): void {
    const id = this.#asked;
    this.#worker ??= startWorker(url);
    this.#worker.onmessage = (event: MessageEvent<Answer>) => {
      if (event.data.id !== this.#asked) return;
      this.problem = event.data.problem;
      if (!event.data.layout) return;
      this.layout = event.data.layout;
      if (layouts.size >= KEPT) layouts.delete(layouts.keys().next().value!);
      layouts.set(topology, event.data.layout);
    };
    this.#worker.onerror = (event) => (this.problem = event.message || 'the worker that lays out the map did not start');
    this.#worker.postMessage({ id, request });
  }
}
