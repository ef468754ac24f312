/** Light or dark: the choice of the system unless the reader made one. `public/theme.js` applies it on load. */

export type Theme = 'light' | 'dark';

const KEY = 'spandrel.theme';

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

/** The font of the page, for a canvas. */
export function canvasFont(px: number): string {
  return `${px}px ${getComputedStyle(document.documentElement).getPropertyValue('--sans') || 'sans-serif'}`;
}
