/** Every page opens by its address, in both themes and on a phone, without complaints and within WCAG 2.2 AA. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';
import { testedPaths } from './paths';

const LOOKS = [
  { look: 'light', colorScheme: 'light', viewport: { width: 1280, height: 860 } },
  { look: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 860 } },
  { look: 'narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const;

for (const { look, colorScheme, viewport } of LOOKS) {
  test.describe(look, () => {
    test.use({ colorScheme, viewport });
    for (const { name, path, refused } of testedPaths()) {
      test(name, async ({ page, request, complaints }) => {
        const address = typeof path === 'string' ? path : await path(request);
        await page.goto(address);
        await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
        await expect(page).toHaveTitle(/ · Spandrel$/);
        await settle(page);
        const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        expect(luminance(background) > 128).toBe(colorScheme === 'light');
        await expectAccessible(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, 'nothing is cut off sideways').toBe(0);
        const others = complaints.filter((complaint) => !refused || !complaint.includes(`the server responded with a status of ${refused}`));
        expect(others).toEqual([]);
        complaints.length = 0;
      });
    }
  });
}

/** Until nothing that is shown is being loaded. */
async function settle(page: Page): Promise<void> {
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  await expect(page.getByText('Loading the page…')).toHaveCount(0);
}

function luminance(color: string): number {
  const parts = (color.match(/[\d.]+/g) ?? []).map(Number);
  return parts.slice(0, 3).reduce((sum, part) => sum + part, 0) / 3;
}
