/** Shortcuts and commands that are there on every page. */
import { fetchOperations, fetchServices } from './api/client';
import { dashboardsSource } from './dashboards/source';
import { hasPage, PRESENT_PAGES } from './pages';
import { commands, type Command } from './state/commands.svelte';
import { keyboard, type Shortcut } from './state/keyboard.svelte';
import { links } from './state/links.svelte';
import { router } from './state/router.svelte';
import { theme } from './state/theme.svelte';
import { pageHref, timeRange } from './state/time.svelte';
import { PRESETS } from './time/range';
import { copyText } from './clipboard';

export function shellShortcuts(): Shortcut[] {
  const anywhere = 'Anywhere';
  const pages = PRESENT_PAGES.filter((page) => page.key !== undefined && page.label !== undefined);
  return [
    { keys: 'Mod+k', label: 'Command palette', group: anywhere, run: () => (commands.isOpen = !commands.isOpen) },
    { keys: '?', label: 'This list', group: anywhere, run: () => (commands.isHelpOpen = true) },
    { keys: '/', label: 'Search of the page, or of ids', group: anywhere, run: () => keyboard.focusSearch() },
    { keys: 'j', label: 'Next row', group: anywhere, run: () => keyboard.moveRow(1) },
    { keys: 'k', label: 'Previous row', group: anywhere, run: () => keyboard.moveRow(-1) },
    { keys: 'r', label: 'Load again', group: anywhere, run: () => timeRange.refresh() },
    ...pages.map((page) => ({
      keys: `g ${page.key}`,
      label: page.label!,
      group: 'Go to',
      run: () => router.go(pageHref(page.paths[0]!)),
    })),
  ];
}

/** Dashboards, those of files too. */
export async function dashboardCommands(signal: AbortSignal): Promise<Command[]> {
  if (!hasPage('/dashboards')) return [];
  const { dashboards } = await dashboardsSource().fetch(signal);
  return dashboards.map(({ name, title }) => ({ title, kind: 'Dashboard', detail: name, href: links.dashboard(name) }));
}

/** Pages, actions, services and operations. */
export async function shellCommands(signal: AbortSignal): Promise<Command[]> {
  const range = timeRange.range;
  const [services, operations] = await Promise.all([fetchServices(range, signal), fetchOperations(range, undefined, signal)]);
  const toService = (name: string, operation?: string) =>
    hasPage('/service/x') ? links.service(name, { operation: operation ?? null }) : links.traces({ service: name });
  return [
    ...services.map(({ service, namespace }) => ({
      title: service,
      kind: 'Service',
      ...(namespace ? { detail: namespace } : {}),
      href: toService(service),
    })),
    ...operations.map(({ service, operation }) => ({
      title: operation,
      kind: 'Operation',
      detail: service,
      href: toService(service, operation),
    })),
  ];
}

/** Those that are there at once. */
export function immediateCommands(): Command[] {
  const pages = PRESENT_PAGES.filter((page) => page.label !== undefined);
  return [
    ...pages.map((page) => ({
      title: page.label!,
      kind: 'Page',
      href: pageHref(page.paths[0]!),
      ...(page.key ? { keys: `g ${page.key}` } : {}),
    })),
    { title: 'Load again', kind: 'Action', keys: 'r', run: () => timeRange.refresh() },
    { title: `Use the ${theme.current === 'dark' ? 'light' : 'dark'} theme`, kind: 'Action', run: () => theme.toggle() },
    { title: 'Copy a link to this view', kind: 'Action', run: () => void copyText(window.location.href) },
    { title: 'Show all shortcuts', kind: 'Action', keys: '?', run: () => (commands.isHelpOpen = true) },
    ...PRESETS.map((preset) => ({
      title: preset.label,
      kind: 'Time range',
      run: () => timeRange.set({ from: preset.from, to: 'now' }),
    })),
  ];
}
