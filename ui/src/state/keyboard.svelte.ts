/** The keys that work on the page as it stands. `?` lists them; none works while the reader types in a field. */
import { untrack } from 'svelte';
import { matchKeys, nameOfKey } from '../keys';

export interface Shortcut {
  /** `j`, `?`, `Mod+k`, or one after the other: `g t`. */
  keys: string;
  label: string;
  /** Heading in the list; by default “This page”. */
  group?: string;
  run: () => void;
}

/** The main list of a page, for `j` and `k`. */
export interface RowList {
  move: (step: 1 | -1) => void;
}

const SEQUENCE_MS = 1200;
const FIELDS = 'input:not([type=checkbox], [type=radio], [type=button]), select, textarea, [contenteditable]:not([contenteditable=false])';

class Keyboard {
  #sets = $state.raw<readonly (readonly Shortcut[])[]>([]);
  #searches: HTMLElement[] = [];
  #lists: RowList[] = [];
  #typed: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  shortcuts = $derived(this.#sets.flat());

  /** `$effect(() => keyboard.add([...]))`: they work until the component goes. */
  add(shortcuts: readonly Shortcut[]): () => void {
    this.#sets = [...untrack(() => this.#sets), shortcuts];
    return () => (this.#sets = this.#sets.filter((set) => set !== shortcuts));
  }

  /** `{@attach keyboard.search}` on the page's search field: `/` goes there instead of to the id search. */
  search = (field: HTMLElement): (() => void) => {
    this.#searches.push(field);
    return () => (this.#searches = this.#searches.filter((other) => other !== field));
  };

  /** `{@attach keyboard.rows}` on what holds the page's main list: `j` and `k` go through its rows. */
  rows = (element: HTMLElement): (() => void) => this.addList({ move: (step) => moveThroughRows(element, step) });

  /** For a list that is not all in the document. */
  addList(list: RowList): () => void {
    this.#lists.push(list);
    return () => (this.#lists = this.#lists.filter((other) => other !== list));
  }

  focusSearch(): void {
    this.#searches.at(-1)?.focus();
  }

  moveRow(step: 1 | -1): void {
    this.#lists.at(-1)?.move(step);
  }

  /** For `<svelte:document onkeydown>` of the shell. */
  handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const key = nameOfKey(event);
    if (key === undefined) return;
    // The editor is in a shadow tree, whose events seem to come from its host.
    const [origin] = event.composedPath();
    const target = origin instanceof Element ? origin : document.body;
    if (!key.startsWith('Mod+') && target.closest(FIELDS)) return;
    // A dialog has its own keys; what is under it must not move.
    if (!key.startsWith('Mod+') && document.querySelector('dialog[open]')) return;
    const shortcut = this.#type(key);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run();
  }

  /** The shortcut that the key completes. Those added last come first. */
  #type(key: string): Shortcut | undefined {
    clearTimeout(this.#timer);
    for (const typed of [[...this.#typed, key], [key]]) {
      const known = this.shortcuts.toReversed();
      const complete = known.find((shortcut) => matchKeys(shortcut.keys, typed) === 'all');
      const isBeginning = !complete && known.some((shortcut) => matchKeys(shortcut.keys, typed) === 'beginning');
      this.#typed = isBeginning ? typed : [];
      if (isBeginning) this.#timer = setTimeout(() => (this.#typed = []), SEQUENCE_MS);
      if (complete || isBeginning) return complete;
    }
    return undefined;
  }
}

/** Rows are `[data-row]`, else those of a table; the keyboard goes to a row's first link or button, else to the row. */
function moveThroughRows(element: HTMLElement, step: 1 | -1): void {
  const marked = element.querySelectorAll<HTMLElement>('[data-row]');
  const rows = [...(marked.length > 0 ? marked : element.querySelectorAll<HTMLElement>('tbody tr'))];
  const current = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[current === -1 ? (step === 1 ? 0 : rows.length - 1) : current + step];
  if (!next) return;
  const inside = next.matches('a, button') ? next : next.querySelector<HTMLElement>('a[href], button');
  if (!inside) next.tabIndex = -1;
  (inside ?? next).focus({ focusVisible: true } as FocusOptions);
  next.scrollIntoView({ block: 'nearest' });
}

export const keyboard = new Keyboard();
