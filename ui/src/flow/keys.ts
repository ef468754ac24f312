/** The keys of the page of a flow: Jaeger's. */
import type { Shortcut } from '../state/keyboard.svelte';
import type { FlowView } from './view.svelte';

export interface KeyTargets {
  view: FlowView;
  scrollBy: (screens: number) => void;
  focusSearch: () => void;
  escape: () => void;
}

const PAN = 0.1;
const FAR = 0.5;

export function flowShortcuts({ view, scrollBy, focusSearch, escape }: KeyTargets): Shortcut[] {
  const group = 'Flow';
  const zoom = (factor: number) => () => view.zoomBy(factor);
  const pan = (part: number) => () => view.panBy(part);
  return [
    { keys: 'w', label: 'Scroll up', group, run: () => scrollBy(-0.8) },
    { keys: 's', label: 'Scroll down', group, run: () => scrollBy(0.8) },
    { keys: 'a', label: 'Pan left', group, run: pan(-PAN) },
    { keys: 'd', label: 'Pan right', group, run: pan(PAN) },
    { keys: 'ArrowLeft', label: 'Pan left (in the tree: fold)', group, run: pan(-PAN) },
    { keys: 'ArrowRight', label: 'Pan right (in the tree: open)', group, run: pan(PAN) },
    { keys: 'A', label: 'Pan left by half a window', group, run: pan(-FAR) },
    { keys: 'D', label: 'Pan right by half a window', group, run: pan(FAR) },
    { keys: 'ArrowUp', label: 'Zoom in (in the tree: previous row)', group, run: zoom(0.8) },
    { keys: 'ArrowDown', label: 'Zoom out (in the tree: next row)', group, run: zoom(1.25) },
    { keys: 'f', label: 'Next match', group, run: () => view.nextMatch(1) },
    { keys: 'b', label: 'Previous match', group, run: () => view.nextMatch(-1) },
    { keys: 'e', label: 'Next error', group, run: () => view.nextFailure() },
    { keys: '[', label: 'Expand all', group, run: () => view.foldFrom(undefined) },
    { keys: ']', label: 'Collapse all', group, run: () => view.foldFrom(0) },
    { keys: 'o', label: 'Open one level', group, run: () => view.openOneMore() },
    { keys: 'p', label: 'Fold one level', group, run: () => view.foldOneMore() },
    { keys: 'Mod+b', label: 'Find in the flow', group, run: focusSearch },
    { keys: 'Escape', label: 'Close the details, then the search, then the zoom', group, run: escape },
  ];
}
