// The console as its users meet it, on the live demo.
import type { Locator, Page } from '@playwright/test';

import { demo } from './demo';
import { enterPassword, expect, logIn, openPage, test } from './fixtures';
import { changedShare, look } from './pictures';

const SCREENSHOTS = 'test-results';
/** Dots that walk a metre a second are elsewhere after this time. */
const MOVEMENT_MS = 1_500;
/** The camera has arrived after this time. */
const CAMERA_MS = 700;
/** Dots, however many the demo has, cover less of the canvas than this. */
const DOTS_SHARE_MAX = 0.05;

/** The number at the beginning of a text such as `12 elements on this floor`. */
async function leadingNumber(locator: Locator): Promise<number> {
  const text = (await locator.innerText()).replace(/\s/g, '');
  return Number(/^\d+/.exec(text)?.[0]);
}

function elementsOnFloor(page: Page): Locator {
  return page.getByText(/elements? on this floor$/);
}

async function openLiveMap(page: Page): Promise<Locator> {
  await logIn(page);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await expect.poll(() => leadingNumber(elementsOnFloor(page))).toBeGreaterThan(0);
  return page.getByRole('application', { name: /^Floor plan of / });
}

/** Share of the canvas that changes by itself within a short time. */
async function movement(page: Page, canvas: Locator): Promise<number> {
  const before = await canvas.screenshot();
  await page.waitForTimeout(MOVEMENT_MS);
  return changedShare(page, before, await canvas.screenshot());
}

/** The address of some located element, from the table of elements. */
async function someMac(page: Page): Promise<string> {
  await openPage(page, 'Elements');
  const row = page.getByRole('row').filter({ hasText: 'dBm' }).filter({ hasNotText: 'not located' });
  return row.first().getByRole('link').innerText();
}

test('a wrong password is refused with the words of the engine', async ({ page }) => {
  await page.goto(demo().console);
  await enterPassword(page, 'not the password');
  await expect(page.getByRole('alert')).toContainText(/\w/);
  await expect(page.getByRole('button', { name: 'Log out' })).toBeHidden();
});

test('the map shows dots that move', async ({ page }) => {
  const canvas = await openLiveMap(page);
  await page.screenshot({ path: `${SCREENSHOTS}/map.png`, fullPage: true });
  // Only dots may change, and they are few pixels; a plan that arrives late is many.
  await expect(async () => {
    const share = await movement(page, canvas);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(DOTS_SHARE_MAX);
  }).toPass({ timeout: 20_000 });
});

test('the map says in words what the canvas draws', async ({ page }) => {
  await openLiveMap(page);
  const zones = page.getByRole('region', { name: 'Zones' });
  await expect(zones.getByRole('button').first()).toHaveText(/\w+\s*\d+ elements/);
  await expect(zones.getByText(/^\d+ access points?$/)).toBeVisible();
  expect(await leadingNumber(zones.getByText(/access points?$/))).toBeGreaterThan(0);
  const clients = page.getByRole('button', { name: /^Wireless Clients/ });
  await expect(clients).toHaveAttribute('aria-pressed', 'true');
  await clients.click();
  await expect(clients).toHaveAttribute('aria-pressed', 'false');
});

test('the map fills its window and never scrolls as a whole', async ({ page }) => {
  await openLiveMap(page);
  const main = page.getByRole('main');
  for (const height of [800, 500]) {
    await page.setViewportSize({ width: 1280, height });
    for (const mode of ['Edit', 'Survey', 'Playback']) {
      await page.getByRole('button', { name: mode, exact: true }).click();
      await expect(page.getByRole('button', { name: mode, exact: true })).toHaveAttribute('aria-pressed', 'true');
      const beyond = () => main.evaluate((it) => it.scrollHeight - it.clientHeight);
      await expect.poll(beyond, { message: `${mode} at ${height}` }).toBe(0);
    }
  }
});

test('the keys zoom and move the map', async ({ page }) => {
  const canvas = await openLiveMap(page);
  await expect.poll(() => movement(page, canvas)).toBeLessThan(DOTS_SHARE_MAX);
  await canvas.focus();
  const change = async (from: Buffer) => changedShare(page, from, await canvas.screenshot());
  const fitted = await canvas.screenshot();
  // More changes than dots can make by themselves, and 0 takes them back.
  for (const key of ['+', '+', 'ArrowLeft']) await page.keyboard.press(key);
  await expect.poll(() => change(fitted)).toBeGreaterThan(DOTS_SHARE_MAX);
  await page.keyboard.press('0');
  await expect.poll(() => change(fitted)).toBeLessThan(DOTS_SHARE_MAX);
});

test('a search by address selects the element and shows its details', async ({ page }) => {
  await openLiveMap(page);
  const mac = await someMac(page);
  await openPage(page, 'Map');
  // Any form of an address will do: here without separators, and only its end.
  const search = page.getByRole('combobox', { name: 'Find an element' });
  await search.fill(mac.replaceAll(':', '').slice(-8).toUpperCase());
  await page.getByRole('option', { name: mac }).first().click();
  const details = page.getByRole('complementary', { name: 'Element details' });
  await expect(details.getByRole('heading', { name: mac })).toBeVisible();
  await expect(details).toContainText(/Place\s*x \d+\.\d m, y \d+\.\d m/);
  await expect(details).toContainText(/Strongest\s*\u2212\d+ dBm/);
  await page.screenshot({ path: `${SCREENSHOTS}/details.png`, fullPage: true });
  await details.getByRole('button', { name: 'Close the details' }).click();
  await expect(details).toBeHidden();
});

test('a click on a dot selects it, and Escape ends that', async ({ page }) => {
  const canvas = await openLiveMap(page);
  const mac = await someMac(page);
  await openPage(page, 'Map');
  const details = page.getByRole('complementary', { name: 'Element details' });
  const search = page.getByRole('combobox', { name: 'Find an element' });
  // A search brings the dot into the middle.
  await search.fill(mac);
  await page.getByRole('option', { name: mac }).first().click();
  await expect(details).toBeVisible();
  await page.waitForTimeout(CAMERA_MS);
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the canvas has no place');
  await details.getByRole('button', { name: 'Close the details' }).click();
  await expect(details).toBeHidden();
  // It may have walked on since, so the pointer looks around until it is over a dot.
  await expect(async () => {
    for (let step = 0; step < 60; step += 1) {
      const [angle, radius] = [step * 2.4, 11 * Math.sqrt(step)];
      const x = box.x + box.width / 2 + radius * Math.cos(angle);
      const y = box.y + box.height / 2 + radius * Math.sin(angle);
      await page.mouse.move(x, y);
      const cursor = await canvas.evaluate(
        (element) =>
          new Promise((resolve) =>
            requestAnimationFrame(() =>
              requestAnimationFrame(() => resolve(getComputedStyle(element).cursor)),
            ),
          ),
      );
      if (cursor === 'pointer') {
        await page.mouse.click(x, y);
        break;
      }
    }
    await expect(details).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
  await canvas.press('Escape');
  await expect(details).toBeHidden();
});

test('the past of a floor is played back, and the way of one element with it', async ({ page }) => {
  const canvas = await openLiveMap(page);
  await page.getByRole('button', { name: 'Playback', exact: true }).click();
  const bar = page.getByRole('region', { name: 'Playback' });
  await expect(page.getByText('Recorded', { exact: true })).toBeVisible();
  const time = bar.getByRole('slider', { name: 'Time' });
  await expect(time).toBeEnabled();
  // It begins when somebody was there, long after the span did.
  const span = async () => Number(await time.getAttribute('max')) - Number(await time.getAttribute('min'));
  expect(Number(await time.inputValue())).toBeGreaterThan(Number(await time.getAttribute('min')));
  await time.focus();
  await page.keyboard.press('Home');
  const play = bar.getByRole('button', { name: 'Play' });
  if (await play.isVisible()) await play.click();
  // It goes on by itself, ten times as fast as it happened.
  const before = Number(await time.inputValue());
  await expect.poll(async () => Number(await time.inputValue())).toBeGreaterThan(before + 5_000);
  await bar.getByRole('button', { name: 'Pause' }).click();
  const paused = await time.inputValue();
  await time.focus();
  await page.keyboard.press('End');
  expect(Number(await time.inputValue())).toBeGreaterThan(Number(paused));
  expect(await leadingNumber(elementsOnFloor(page))).toBeGreaterThan(0);
  await look(page, 'playback');
  await expect(canvas).toBeVisible();
  await bar.getByRole('combobox', { name: 'The last' }).selectOption('24 hours');
  await expect.poll(span).toBeGreaterThan(23 * 3_600_000);
  await bar.getByRole('button', { name: 'Back to live' }).click();
  await expect(bar).toBeHidden();
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
});

test('NMSP status shows an active controller whose messages grow', async ({ page }) => {
  await logIn(page);
  await openPage(page, 'NMSP status');
  const controller = page
    .getByRole('article')
    .filter({ hasText: 'MEASUREMENT_NOTIFICATION' })
    .first();
  await expect(controller.getByText('Active', { exact: true }).first()).toBeVisible();
  const count = controller
    .getByRole('row', { name: /MEASUREMENT_NOTIFICATION/ })
    .getByRole('cell')
    .nth(2);
  const before = await leadingNumber(count);
  expect(before).toBeGreaterThan(0);
  await expect.poll(() => leadingNumber(count)).toBeGreaterThan(before);
  await page.screenshot({ path: `${SCREENSHOTS}/nmsp.png`, fullPage: true });
});

test('the elements page counts what is tracked and lists it', async ({ page }) => {
  await openLiveMap(page);
  await openPage(page, 'Elements');
  const clients = page.getByRole('button', { name: /^Wireless Clients/ });
  await expect(clients).toContainText(/[1-9]\d* active/);
  await clients.click();
  await expect(page.getByRole('row').nth(1)).toContainText('Wireless client');
  await page.screenshot({ path: `${SCREENSHOTS}/elements.png`, fullPage: true });
  const link = page.getByRole('row').nth(1).getByRole('link');
  const mac = await link.innerText();
  await link.click();
  await expect(page.getByRole('heading', { name: mac })).toBeVisible();
});

test('tags are listed with their battery, wired clients with their port and address', async ({ page }) => {
  await logIn(page);
  await openPage(page, 'Elements');
  await page.getByRole('combobox', { name: 'Category' }).selectOption('Tags');
  await expect(page.getByRole('row', { name: / \d+ ± 5 % .*°C, moves \d+ %/ }).first()).toBeVisible();
  await page.getByRole('combobox', { name: 'Category' }).selectOption('Wired Clients');
  const port = page.getByRole('row', { name: /sw-main-g1 1\/0\/1 Reception, floor 0, Main, Bilbao/ });
  await expect(port).toBeVisible();
  await look(page, 'elements-wired');
});

test('the dark theme is quiet as well', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await openLiveMap(page);
  await page.screenshot({ path: `${SCREENSHOTS}/map-dark.png`, fullPage: true });
});

test('after logging out the console asks for the password again', async ({ page }) => {
  await logIn(page);
  await page.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
});
