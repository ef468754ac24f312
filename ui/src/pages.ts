/** What stands at which path. A page is there as soon as its file is: `pages/<file>Page.svelte`, loaded on demand. */
import type { Component } from 'svelte';
import { matchPath, type PathValues } from './routes';

export interface Page {
  /** Its file is `pages/<file>Page.svelte`; the values of the path are its properties. */
  file: string;
  paths: readonly string[];
  /** In the header, in the palette and in the list of shortcuts; pages without one are reached by links. */
  label?: string;
  /** `g` and this letter go to it. */
  key?: string;
  /** The item of the header that is current on a page without a label. */
  under?: string;
  /** It scrolls by itself: the page is as high as the window. */
  fitsWindow?: boolean;
  /** Reached by palette and keyboard, but not worth a place in the header. */
  isMinor?: boolean;
}

export interface Place {
  page: Page;
  values: PathValues;
}

export const PAGES: readonly Page[] = [
  { file: 'Overview', paths: ['/', '/services'], label: 'Overview', key: 'o' },
  { file: 'Map', paths: ['/map'], label: 'Map', key: 'm', fitsWindow: true },
  { file: 'Service', paths: ['/service/:name'], under: 'Overview' },
  { file: 'Traces', paths: ['/traces'], label: 'Traces', key: 't' },
  { file: 'Flow', paths: ['/flow/:id', '/trace/:id'], under: 'Traces', fitsWindow: true },
  { file: 'Compare', paths: ['/compare'], under: 'Traces' },
  { file: 'Findings', paths: ['/findings'], label: 'Findings', key: 'f' },
  { file: 'Finding', paths: ['/findings/:id'], under: 'Findings' },
  { file: 'Breakers', paths: ['/breakers'], label: 'Breakers', key: 'b', isMinor: true, under: 'Findings' },
  { file: 'Logs', paths: ['/logs'], label: 'Logs', key: 'l', fitsWindow: true },
  { file: 'Sql', paths: ['/sql'], label: 'SQL', key: 's', fitsWindow: true },
  { file: 'Dashboards', paths: ['/dashboards'], label: 'Dashboards', key: 'd' },
  { file: 'Dashboard', paths: ['/dashboards/:name'], under: 'Dashboards' },
  { file: 'Coverage', paths: ['/coverage'], label: 'Coverage', key: 'c' },
];

type Module = { default: Component<PathValues> };

const FILES = import.meta.glob<Module>(['./pages/*Page.svelte', '!./pages/MissingPage.svelte']);

export const PRESENT_PAGES = PAGES.filter((page) => fileOf(page) in FILES);

export function findPlace(path: string): Place | undefined {
  for (const page of PRESENT_PAGES) {
    for (const pattern of page.paths) {
      const values = matchPath(pattern, path);
      if (values) return { page, values };
    }
  }
  return undefined;
}

export async function loadPage(page: Page): Promise<Component<PathValues>> {
  return (await FILES[fileOf(page)]!()).default;
}

/** Whether a page of this path can be linked to. */
export function hasPage(path: string): boolean {
  return findPlace(path) !== undefined;
}

function fileOf(page: Page): string {
  return `./pages/${page.file}Page.svelte`;
}
