// Analytics on the live demo: its clients are connected, so they are visitors at once.
import type { Page } from '@playwright/test';

import { expect, logIn, openPage, test } from './fixtures';

const SCREENSHOTS = 'test-results';
const NARROW = { width: 390, height: 844 };

async function choose(page: Page, title: string, name: string): Promise<void> {
  await page.getByRole('combobox', { name: title, exact: true }).selectOption({ label: name });
}

test('analytics count who is and was at a place, and draw it', async ({ page }) => {
  await logIn(page);
  await openPage(page, 'Analytics');
  const present = page.getByRole('table', { name: 'People now' });
  await expect(present.getByRole('row', { name: /^Harbour Hospital [1-9]/ })).toBeVisible();
  await expect(present.getByRole('row', { name: /^Tetam/ })).toBeVisible();
  await choose(page, 'Campus', 'Harbour Hospital');
  await expect(present.getByRole('row', { name: /^Main Building [1-9]/ })).toBeVisible();
  await choose(page, 'Building', 'Main Building');
  const figure = (title: string) => page.getByRole('listitem').filter({ hasText: title });
  await expect(figure('People now')).toContainText(/[1-9]\d*\s*[1-9]\d* connected, \d+ detected/);
  // A demo that has just begun has no visit yet; the address keeps the question.
  await expect(async () => {
    await page.reload();
    const visitors = figure('Visitors').first();
    await expect(visitors).toContainText(/[1-9]\d* of them connected/, { timeout: 2_000 });
  }).toPass({ timeout: 30_000 });

  // What the pictures show is also a table, and the keys read it bar by bar.
  const counts = page.getByRole('table', { name: 'Visitors and passers-by' });
  await expect(counts.getByRole('row')).toHaveCount(25);
  await expect(counts.getByRole('cell', { name: /^[1-9]/ }).first()).toBeAttached();
  await expect(page.getByRole('table', { name: 'Dwell' })).toContainText(/< 5 min\s*[1-9]/);
  await expect(page.getByRole('table', { name: 'Repeat visitors' })).toContainText(/First time\s*[1-9]/);
  await page.getByRole('application', { name: 'Visitors and passers-by: chart' }).press('Home');
  await expect(page.getByText('00:00–01:00').first()).toBeVisible();

  await choose(page, 'Floor', 'First Floor');
  await expect(page.getByRole('img', { name: 'Heat map of First Floor over its plan' })).toBeVisible();
  await expect(page.getByRole('table', { name: 'Flows between zones' })).toContainText('Outside');
  await page.screenshot({ path: `${SCREENSHOTS}/analytics.png`, fullPage: true });
  await page.setViewportSize(NARROW);
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(await overflow()).toBe(0);

  // A demo has no yesterday.
  await page.getByRole('radio', { name: 'Yesterday' }).check();
  await expect(page.getByRole('heading', { name: 'Nobody was counted' })).toBeVisible();
  await page.getByRole('radio', { name: 'Own dates' }).check();
  await page.getByLabel('Until').fill('2020-01-01');
  await expect(page.getByRole('alert')).toHaveText('The last day is before the first one.');
});
