/** Lays graphs out apart from the page, so that it stays responsive. */
import { layOut, type LayoutRequest } from './layout';

self.onmessage = (event: MessageEvent<{ id: number; request: LayoutRequest }>) => {
  const { id, request } = event.data;
  try {
    self.postMessage({ id, layout: layOut(request) });
  } catch (cause) {
    self.postMessage({ id, problem: cause instanceof Error ? cause.message : String(cause) });
  }
};
