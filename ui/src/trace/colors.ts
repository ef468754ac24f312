/** One colour per service: the same on every page for as long as the page is open. */

/** Slots of the palette `--service-0` to `--service-13` in `app.css`. */
export const SLOTS = 14;

/** Hands out palette slots. A service starts at the hash of its name, so that most keep their colour from visit to visit. */
export class ServiceColors {
  readonly #slots = new Map<string, number>();
  readonly #taken = new Set<number>();

  /** Gives each service a slot that no other has; once all slots are taken, slots repeat. */
  assign(services: Iterable<string>): void {
    for (const service of [...new Set(services)].sort()) {
      if (this.#slots.has(service)) continue;
      if (this.#taken.size === SLOTS) this.#taken.clear();
      let slot = hash(service) % SLOTS;
      while (this.#taken.has(slot)) slot = (slot + 1) % SLOTS;
      this.#taken.add(slot);
      this.#slots.set(service, slot);
    }
  }

  slot(service: string): number {
    if (!this.#slots.has(service)) this.assign([service]);
    return this.#slots.get(service) ?? 0;
  }

  /** As a CSS value. */
  color(service: string): string {
    return `var(--service-${this.slot(service)})`;
  }
}

/** The colours of this page. */
export const serviceColors = new ServiceColors();

/** FNV-1a over UTF-16 code units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}
