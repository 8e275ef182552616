// From a bare plan to a visit that is counted, as somebody does it who sets a site up: access points,
// a wall and a zone are drawn, five points are surveyed, and then a client walks into the zone.
import type { Locator, Page } from '@playwright/test';

import { choosePlace, expect, logInFirst, openMode, openPage, tap, test } from './fixtures';
import { Receiver } from './receiver';
import { ACCESS_POINTS, HOTSPOTS, KITCHEN, Site, WALL } from './site';

const SCREENSHOTS = 'test-results';
/** Somebody walks for a while, rests, and walks on. */
const WALK_MAX_MS = 120_000;
const PLACE = ['Quay', 'Boathouse', 'Studio', KITCHEN.name];

const site = new Site();
const receiver = new Receiver();
let url: string;

test.use({ actionTimeout: 15_000 });

test.beforeAll(async () => {
  url = await receiver.start();
  await site.start();
});

test.afterAll(async () => {
  await site.stop();
  await receiver.stop();
  expect(site.complaints).toEqual([]);
});

/** Puts the corners of what is selected to exact places, which no tap can hit. */
async function putCorners(editor: Locator, corners: readonly (readonly number[])[]): Promise<void> {
  const fields = editor.getByRole('group', { name: 'Corners in metres' }).getByRole('spinbutton');
  for (const [index, value] of corners.flat().entries()) {
    await fields.nth(index).fill(String(value));
    await fields.nth(index).press('Tab');
  }
}

async function draw(page: Page): Promise<void> {
  const canvas = await openMode(page, 'Edit');
  const editor = page.getByRole('complementary', { name: 'Map editor' });
  const tool = (name: string) => editor.getByRole('button', { name, exact: true }).first();
  for (const { name, at } of ACCESS_POINTS) {
    await tool('Access point').click();
    await editor.getByRole('button', { name: new RegExp(`^${name}`) }).click();
    await tap(canvas, 0.5, 0.5);
    await putCorners(editor, [at]);
  }
  await tool('Wall').click();
  await editor.getByRole('button', { name: `Heavy, ${WALL.loss_db} dB` }).click();
  await tap(canvas, 0.55, 0.3);
  await tap(canvas, 0.55, 0.6);
  await canvas.press('Enter');
  await editor.getByRole('button', { name: /^Wall 1/ }).click();
  await putCorners(editor, [WALL.from, WALL.to]);
  await tool('Zone').click();
  const [[left, top], [right, bottom]] = KITCHEN.area;
  for (const [x, y] of [[0.6, 0.4], [0.7, 0.4], [0.7, 0.5], [0.6, 0.5]] as const) {
    await tap(canvas, x, y);
  }
  await canvas.press('Enter');
  await editor.getByLabel('Name').fill(KITCHEN.name);
  await editor.getByLabel('Name').press('Tab');
  await putCorners(editor, [[left, top], [right, top], [right, bottom], [left, bottom]]);
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(editor.getByText('Nothing to save')).toBeVisible();
  await page.screenshot({ path: `${SCREENSHOTS}/walk-drawn.png` });
  await editor.getByRole('button', { name: 'Close' }).click();
}

/** Five phones lie at known places; each is a point. */
async function surveyFivePoints(page: Page): Promise<void> {
  await openMode(page, 'Survey');
  const survey = page.getByRole('complementary', { name: 'Survey' });
  // Their addresses are counted up in the order in which they are written down.
  let macs: string[] = [];
  await expect(async () => {
    const answer = await page.request.get(`${site.console}api/v1/elements?category=rogueaps`);
    const { elements } = (await answer.json()) as { elements: { mac: string }[] };
    macs = elements.map(({ mac }) => mac).toSorted();
    expect(macs).toHaveLength(HOTSPOTS.length);
  }).toPass();
  for (const [index, [x, y]] of HOTSPOTS.entries()) {
    if (index > 0) await survey.getByRole('button', { name: 'Another' }).click();
    await survey.getByRole('combobox', { name: 'Find the device' }).fill(macs[index] ?? '');
    await page.getByRole('option', { name: macs[index] ?? '' }).click();
    await survey.getByLabel('x in metres').fill(String(x));
    await survey.getByLabel('y in metres').fill(String(y));
    await survey.getByLabel('y in metres').press('Tab');
    await survey.getByRole('button', { name: 'I am here' }).click();
    await expect(survey.getByText(`Point ${index + 1} was taken.`)).toBeVisible();
  }
  await expect(survey.getByText('Method')).toBeVisible();
  await page.screenshot({ path: `${SCREENSHOTS}/walk-surveyed.png` });
  await survey.getByRole('button', { name: 'Close' }).click();
}

async function tellTheReceiver(page: Page): Promise<void> {
  await openPage(page, 'Notifications');
  await expect(page.getByRole('heading', { name: 'Nobody is told anything yet' })).toBeVisible();
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-none.png` });
  await page.getByRole('link', { name: 'New notification' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Coffee');
  await choosePlace(page.getByRole('group', { name: 'condition 1', exact: true }), PLACE);
  await page.getByLabel('Wireless Clients').check();
  await page.getByLabel('URL').fill(url);
  await page.setViewportSize({ width: 1440, height: 1640 });
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-new.png` });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: 'Save' }).click();
  const coffee = page.getByRole('article', { name: 'Coffee' });
  await coffee.getByRole('button', { name: 'Send a test event' }).click();
  await expect(coffee.getByText('Test: the event was taken')).toBeVisible();
}

test('a site is drawn and surveyed, and who walks into a zone is told and counted', async ({ page }) => {
  test.setTimeout(4 * WALK_MAX_MS);
  await logInFirst(page, site.console, site.initialPassword);
  await page.locator('input[type=file]').first().setInputFiles(site.bareMaps());
  await expect(page.getByRole('application', { name: 'Floor plan of Studio' })).toBeVisible();
  await draw(page);
  await surveyFivePoints(page);
  await tellTheReceiver(page);

  // What the receiver is told is what the map shows.
  await openPage(page, 'Map');
  await page.getByRole('combobox', { name: 'Find an element' }).fill('anna');
  await page.getByRole('option', { name: 'anna' }).first().click();
  const details = page.getByRole('complementary', { name: 'Element details' });
  const mac = await details.getByRole('heading', { level: 2 }).innerText();
  await page.getByRole('application', { name: 'Floor plan of Studio' }).press('0');
  const known = receiver.events.length;
  const entered = () => receiver.events.slice(known).find(({ boundary }) => boundary === 'INSIDE');
  await expect.poll(entered, { timeout: WALK_MAX_MS }).toMatchObject({
    subscriptionName: 'Coffee',
    notificationType: 'inout',
    deviceId: mac,
    locationMapHierarchy: PLACE.join('>'),
  });
  await expect(details).toContainText(/Zones\s*Kitchen/);
  const zones = page.getByRole('region', { name: 'Zones' });
  // One of the phones lies there, too.
  await expect(zones.getByRole('button', { name: KITCHEN.name })).toContainText('2 elements');
  await page.screenshot({ path: `${SCREENSHOTS}/walk-entered.png` });

  await openPage(page, 'Notifications');
  const coffee = page.getByRole('article', { name: 'Coffee' });
  await expect(coffee.getByText('Up', { exact: true })).toBeVisible();
  await expect(coffee.getByRole('cell').nth(2)).toHaveText(/^[1-9]/);
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-sent.png` });

  await openPage(page, 'Analytics');
  await choosePlace(page, PLACE);
  const visitors = page.getByRole('listitem').filter({ hasText: 'Visitors' }).first();
  await expect(async () => {
    await page.reload();
    await expect(visitors).toContainText('1 of them connected', { timeout: 2_000 });
  }).toPass({ timeout: WALK_MAX_MS });
  await page.screenshot({ path: `${SCREENSHOTS}/walk-counted.png`, fullPage: true });
});
