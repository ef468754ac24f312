/** Whether the reader is pointing at, or has the keyboard in, a part of the page. */

export class Pointing {
  #hasPointer = $state(false);
  #hasFocus = $state(false);

  get isActive(): boolean {
    return this.#hasPointer || this.#hasFocus;
  }

  /** For `{@attach pointing.watch}`. */
  watch = (element: HTMLElement): (() => void) => {
    // Removing a focused element fires `focusout` in the middle of an update, where state must not change: hence later.
    const later = (change: () => void) => () => queueMicrotask(change);
    const listeners: [string, () => void][] = [
      ['pointerenter', later(() => (this.#hasPointer = true))],
      ['pointerleave', later(() => (this.#hasPointer = false))],
      ['focusin', later(() => (this.#hasFocus = element.querySelector(':focus-visible') !== null))],
      ['focusout', later(() => (this.#hasFocus = false))],
    ];
    for (const [type, listener] of listeners) element.addEventListener(type, listener);
    return () => {
      for (const [type, listener] of listeners) element.removeEventListener(type, listener);
    };
  };
}
