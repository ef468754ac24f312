/** Colours of the theme as a canvas takes them. */
import { resolveColor } from '../state/theme.svelte';
import { serviceColors, SLOTS } from '../trace/colors';
import type { FlowRecords } from './records';

export interface Palette {
  services: string[];
  /** The same, faint. */
  faint: string[];
  /** Words on a bar. */
  ink: string;
  ink2: string;
  ink3: string;
  line: string;
  bad: string;
  badFill: string;
  warnFill: string;
  surface: string;
  accent: string;
  /** Marks the critical path, on any bar. */
  path: string;
}

export function readPalette(): Palette {
  const slots = Array.from({ length: SLOTS }, (_, slot) => `var(--service-${slot})`);
  return {
    services: slots.map(resolveColor),
    faint: slots.map((color) => resolveColor(`color-mix(in srgb, ${color} 22%, var(--surface))`)),
    ink: resolveColor('var(--ink)'),
    ink2: resolveColor('var(--ink-2)'),
    ink3: resolveColor('var(--ink-3)'),
    line: resolveColor('var(--line)'),
    bad: resolveColor('var(--bad)'),
    badFill: resolveColor('var(--bad-fill)'),
    warnFill: resolveColor('var(--warn-fill)'),
    surface: resolveColor('var(--surface)'),
    accent: resolveColor('var(--accent)'),
    path: resolveColor('var(--ink)'),
  };
}

/** The colour of each code of a service. */
export function serviceSlots(records: FlowRecords): Uint8Array {
  serviceColors.assign(records.service.values);
  return Uint8Array.from(records.service.values, (service) => serviceColors.slot(service));
}
