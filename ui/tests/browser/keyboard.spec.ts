/** The page by keyboard: palette, list of shortcuts, keys to pages, rows, search. */
import { expect, expectAccessible, openWithRows, test } from './fixtures';
import { hasFile } from './paths';

/** As in `pages.ts`. */
const KEYS: [key: string, file: string, path: string][] = [
  ['o', 'Overview', '/'],
  ['m', 'Map', '/map'],
  ['t', 'Traces', '/traces'],
  ['f', 'Findings', '/findings'],
  ['b', 'Breakers', '/breakers'],
  ['l', 'Logs', '/logs'],
  ['s', 'Sql', '/sql'],
  ['d', 'Dashboards', '/dashboards'],
  ['c', 'Coverage', '/coverage'],
];

test('g and a letter go to a page and keep the range', async ({ page, complaints }) => {
  await page.goto('/traces?from=now-15m');
  for (const [key, file, path] of KEYS.filter(([, file]) => hasFile(file))) {
    await page.locator('h1').waitFor({ state: 'attached' });
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await expect(page, file).toHaveURL((url) => url.pathname === path && url.searchParams.get('from') === 'now-15m');
    await expect(page.getByRole('navigation').getByRole('link', { name: /./ }).first()).toBeVisible();
  }
  // A page that is left while it loads is cut off by the browser; that is no error of the page.
  complaints.length = 0;
});

test('? lists the shortcuts of the page and of everywhere', async ({ page }) => {
  await page.goto('/traces?from=now-15m');
  await page.locator('h1').waitFor();
  await page.keyboard.press('?');
  const list = page.getByRole('dialog', { name: 'Shortcuts' });
  await expect(list).toBeVisible();
  await expect(list.getByText('Command palette')).toBeVisible();
  await expect(list.getByText('Go to', { exact: true })).toBeVisible();
  await expectAccessible(page);
  // What is under the dialog does not move.
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await expect(page).toHaveURL(/\/traces/);
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();
});

test('the palette finds pages, services and ids', async ({ page }) => {
  await page.goto('/traces?from=now-15m');
  await page.locator('h1').waitFor();
  await page.keyboard.press('Control+k');
  const field = page.getByRole('combobox', { name: /Pages, services/ });
  await expect(field).toBeFocused();
  const options = page.getByRole('listbox', { name: 'Results' }).getByRole('option');
  await field.fill('checkout');
  await expect(options.first()).toContainText('checkout');
  await expectAccessible(page);
  await field.fill('overview');
  await expect(options.first()).toContainText('Overview');
  await field.press('Enter');
  await expect(page).toHaveURL((url) => url.pathname === '/');
  await page.keyboard.press('Control+k');
  await field.fill('0123456789abcdef0123456789abcdef');
  await expect(options.first()).toContainText('0123456789abcdef0123456789abcdef');
  await field.press('Escape');
  await expect(field).toBeHidden();
});

test('j and k walk the rows, Enter opens one', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  const links = page.getByRole('region', { name: 'Traces' }).locator('tbody tr');
  await page.keyboard.press('j');
  await expect(links.nth(0).locator('a').first()).toBeFocused();
  await page.keyboard.press('j');
  await expect(links.nth(1).locator('a').first()).toBeFocused();
  await page.keyboard.press('k');
  await expect(links.nth(0).locator('a').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/flow\/[0-9a-f]{32}/);
});

test('r loads again; in a field it is a letter', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  const again = page.waitForRequest(/\/api\/v1\/traces\?/);
  await page.keyboard.press('r');
  await again;
  await page.keyboard.press('/');
  await page.keyboard.type('r');
  await expect(page.locator(':focus')).toHaveValue('r');
});

test('the first key leads past the header to the content', async ({ page }) => {
  await page.goto('/traces?from=now-15m');
  await page.locator('h1').waitFor();
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to content' });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
});
