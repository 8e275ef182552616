// A page that fails its test when the browser complains about anything.
import { test as base, expect, type Page } from '@playwright/test';

import { demo } from './demo';

/**
 * What a browser reports that is no fault: browsers print every answer that is an error, and these
 * are answers that the tests ask for.
 */
const EXPECTED = [
  // Whoever is not logged in is told so.
  { url: /\/api\/v1\/session$/, text: /status of 401/ },
  // A drawing that is none is refused.
  { url: /\/api\/v1\/floors\/\d+$/, text: /status of 400/ },
  // An archive that is none is refused.
  { url: /\/api\/v1\/maps\/archive$/, text: /status of 400/ },
];

export const test = base.extend({
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      const url = message.location().url;
      const expected = EXPECTED.some((it) => it.text.test(message.text()) && it.url.test(url));
      if (!expected) complaints.push(`${message.text()} (${url})`);
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
