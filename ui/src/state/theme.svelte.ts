/** The theme as reactive state, for what is drawn on a canvas. */
import { chooseTheme, currentTheme, type Theme } from '../theme';

class ThemeState {
  current = $state<Theme>(currentTheme());

  constructor() {
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (this.current = currentTheme()));
  }

  toggle(): void {
    chooseTheme(this.current === 'dark' ? 'light' : 'dark');
    this.current = currentTheme();
  }
}

export const theme = new ThemeState();

/** What a CSS colour (`var(--accent)`, `light-dark(...)`) is in this theme, for a canvas. Read `theme.current` before. */
export function resolveColor(color: string): string {
  const probe = document.createElement('span');
  probe.style.color = color;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
