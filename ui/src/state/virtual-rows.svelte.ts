/** The rows of a long table that are in view. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';

export interface VisibleRow {
  index: number;
  start: number;
}

interface Settings {
  count: number;
  rowHeight: number;
  /** What covers the first rows: a heading that stays. */
  headHeight: number;
}

export class VirtualRows {
  visible = $state.raw<VisibleRow[]>([]);
  totalSize = $state(0);
  #scroller: HTMLElement | undefined;
  #virtualizer: Virtualizer<HTMLElement, HTMLElement> | undefined;
  #settings: Settings = { count: 0, rowHeight: 1, headHeight: 0 };

  /** `{@attach rows.attach}` on what scrolls. */
  attach = (element: HTMLElement): (() => void) => {
    this.#scroller = element;
    this.#virtualizer = new Virtualizer(this.#options());
    const clean = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
    this.#show();
    return () => {
      clean();
      this.#virtualizer = undefined;
    };
  };

  /** To call whenever the rows change. */
  update(settings: Settings): void {
    this.#settings = settings;
    if (!this.#virtualizer) return;
    this.#virtualizer.setOptions(this.#options());
    this.#virtualizer._willUpdate();
    this.#virtualizer.measure();
    this.#show();
  }

  scrollTo(index: number): void {
    this.#virtualizer?.scrollToIndex(index, { align: 'auto' });
    this.#show();
  }

  #options() {
    const { count, rowHeight, headHeight } = this.#settings;
    return {
      count,
      getScrollElement: () => this.#scroller ?? null,
      estimateSize: () => rowHeight,
      overscan: 8,
      scrollPaddingStart: headHeight,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#show(),
    };
  }

  #show(): void {
    if (!this.#virtualizer) return;
    this.visible = this.#virtualizer.getVirtualItems().map(({ index, start }) => ({ index, start }));
    this.totalSize = this.#virtualizer.getTotalSize();
  }
}
