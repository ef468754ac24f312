// Applies a stored choice of theme before the first paint. `src/theme.ts` stores it.
try {
  const theme = localStorage.getItem('spandrel.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the page then follows the system.
}
