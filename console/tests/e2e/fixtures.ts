// A page that fails its test when the browser complains about anything.
import { test as base, expect, type Page } from '@playwright/test';

import { demo } from './demo';

/**
 * The one thing a browser reports that is no fault: the engine's contract answers 401 to whoever
 * is not logged in, and browsers print every such answer.
 */
const EXPECTED = { url: /\/api\/v1\/session$/, text: /status of 401/ };

export const test = base.extend({
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      const expected =
        EXPECTED.text.test(message.text()) && EXPECTED.url.test(message.location().url);
      if (!expected) complaints.push(`${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.addInitScript(() => {
      // Violations that a report-only policy would keep from the console count as well.
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await use(page);
    expect(complaints).toEqual([]);
  },
});

export async function enterPassword(page: Page, password: string): Promise<void> {
  await page.getByLabel('User name').fill(demo().username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function logIn(page: Page): Promise<void> {
  await page.goto(demo().console);
  await enterPassword(page, demo().password);
  await expect(page.getByRole('button', { name: 'Log out' })).toBeVisible();
}

/** Opens another page of the console from the header. */
export async function openPage(page: Page, title: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title }).click();
  await expect(page).toHaveTitle(`${title} · OpenMSE`);
}

export { expect };
