// A page that fails its test when the browser complains about anything.
import { test as base, expect, type Cookie, type Locator, type Page } from '@playwright/test';

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
  // A notification that cannot be used is refused, and one that somebody else changed first.
  { url: /\/api\/v1\/notifications\/[^/]+$/, text: /status of 4(00|04|12|22)/ },
  // A profile that cannot be used is refused, and one that somebody else changed first.
  { url: /\/api\/v1\/wips\/profile$/, text: /status of 4(12|22)/ },
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

export async function enterPassword(
  page: Page,
  password: string,
  username = demo().username,
): Promise<void> {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** The session of the last log-in: an engine limits how often one logs in, and tests are quick. */
let session: Cookie[] = [];

export async function logIn(page: Page): Promise<void> {
  await page.context().addCookies(session);
  await page.goto(demo().console);
  const out = page.getByRole('button', { name: 'Log out' });
  const asked = page.getByLabel('User name');
  await expect(out.or(asked)).toBeVisible();
  // Somebody may have logged out.
  if (!(await asked.isVisible())) return;
  await enterPassword(page, demo().password);
  await expect(out).toBeVisible();
  session = await page.context().cookies();
}

/** The first log-in of an engine: the one-time password is changed before anything else. */
export async function logInFirst(page: Page, console: string, given: string): Promise<void> {
  await page.goto(console);
  await enterPassword(page, given, 'admin');
  await expect(page.getByRole('heading', { name: 'Choose your own password' })).toBeVisible();
  const own = 'a password of my own';
  await page.getByLabel('Current password').fill(given);
  await page.getByLabel('New password', { exact: true }).fill(own);
  await page.getByLabel('New password, once more').fill(own);
  await page.getByRole('button', { name: 'Change password' }).click();
}

/** Makes a user who may only look, and logs in as that one. */
export async function logInAsViewer(page: Page, console: string): Promise<void> {
  const password = 'looks, and no more';
  const added = await page.request.post(`${console}api/v1/users`, {
    headers: { 'X-MSE-Console': '1' },
    data: { name: 'vera', password, role: 'viewer' },
  });
  expect(added.status()).toBe(201);
  await page.getByRole('button', { name: 'Log out' }).click();
  await enterPassword(page, password, 'vera');
}

/** Taps the canvas at shares of its width and height. */
export async function tap(canvas: Locator, x: number, y: number): Promise<void> {
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the canvas has no place');
  await canvas.click({ position: { x: box.width * x, y: box.height * y } });
}

/** Chooses a mode of the map, and returns its canvas. */
export async function openMode(page: Page, name: 'Edit' | 'Survey'): Promise<Locator> {
  await page.getByRole('button', { name, exact: true }).click();
  const canvas = page.getByRole('application', { name: /^Floor plan of / });
  await expect(canvas).toBeVisible();
  return canvas;
}

/** Chooses a place step by step: campus, building, floor, zone. */
export async function choosePlace(within: Page | Locator, names: readonly string[]): Promise<void> {
  for (const [depth, name] of names.entries()) {
    const title = ['Campus', 'Building', 'Floor', 'Zone'][depth] ?? '';
    await within.getByRole('combobox', { name: title, exact: true }).selectOption({ label: name });
  }
}

/** Opens another page of the console from the header. */
export async function openPage(page: Page, title: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title }).click();
  await expect(page).toHaveTitle(`${title} · OpenMSE`);
}

/** Opens one of the pages of intrusions. */
export const openTab = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Intrusions' }).getByRole('link', { name, exact: true }).click();

export { expect };
