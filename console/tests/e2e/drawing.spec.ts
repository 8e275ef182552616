// A floor is drawn and surveyed on the live demo, and all of it is still there after a reload.
import type { Page } from '@playwright/test';

import { demo } from './demo';
import { expect, logIn, openMode, tap, test } from './fixtures';
import { look } from './pictures';

const SCREENSHOTS = 'test-results';

/** A client on the floor that is shown, and not elsewhere: a survey of strangers teaches nothing. */
async function someClient(page: Page): Promise<string> {
  const floor = /#\/map\/(\d+)/.exec(page.url())?.[1];
  const root = demo().console.replace(/\/$/, '');
  let mac: string | undefined;
  await expect(async () => {
    const answer = await page.request.get(`${root}/api/v1/elements?category=clients&floor=${floor}`);
    const { elements } = (await answer.json()) as { elements: { mac: string; missing: boolean }[] };
    mac = elements.find(({ missing }) => !missing)?.mac;
    expect(mac).toBeDefined();
  }).toPass();
  return mac ?? '';
}

test('access points, walls and zones are drawn, undone, saved, and still there', async ({ page }) => {
  await logIn(page);
  const canvas = await openMode(page, 'Edit');
  const editor = page.getByRole('complementary', { name: 'Map editor' });
  const changes = editor.getByText(/not saved$|^Nothing to save$/);
  await expect(changes).toHaveText('Nothing to save');

  for (const [number, x] of [0.42, 0.5, 0.58].entries()) {
    await editor.getByRole('button', { name: 'Access point', exact: true }).first().click();
    await editor.getByLabel('Address of another access point').fill(`00:00:5e:00:53:e${number}`);
    await editor.getByRole('button', { name: 'Place', exact: true }).click();
    await tap(canvas, x, 0.45);
    await editor.getByLabel('Name').fill(`Placed ${number}`);
    await editor.getByLabel('Name').press('Tab');
  }
  await expect(changes).toHaveText('3 changes not saved');

  await editor.getByRole('button', { name: 'Wall', exact: true }).first().click();
  await editor.getByRole('button', { name: 'Heavy, 13 dB' }).click();
  await tap(canvas, 0.4, 0.35);
  await tap(canvas, 0.6, 0.35);
  await canvas.press('Enter');

  await editor.getByRole('button', { name: 'Zone', exact: true }).first().click();
  for (const [x, y] of [[0.4, 0.4], [0.6, 0.4], [0.6, 0.55], [0.4, 0.55]] as const) {
    await tap(canvas, x, y);
  }
  await canvas.press('Enter');
  await editor.getByLabel('Name').fill('Drawn Zone');
  await editor.getByLabel('Name').press('Tab');
  await expect(changes).toHaveText('5 changes not saved');

  await canvas.focus();
  await canvas.press('Delete');
  await expect(changes).toHaveText('4 changes not saved');
  await canvas.press('Control+z');
  await expect(changes).toHaveText('5 changes not saved');
  await editor.getByRole('button', { name: /^Drawn Zone/ }).click();
  await page.screenshot({ path: `${SCREENSHOTS}/editor.png` });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: `${SCREENSHOTS}/editor-dark.png` });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: `${SCREENSHOTS}/editor-narrow.png` });
  await page.setViewportSize({ width: 1440, height: 900 });

  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(changes).toHaveText('Nothing to save');
  await page.reload();
  for (const name of ['Placed 0', 'Placed 1', 'Placed 2', 'Drawn Zone']) {
    await expect(editor.getByRole('button', { name: new RegExp(`^${name}`) })).toBeVisible();
  }
  await expect(editor.getByRole('button', { name: /13 dB/ }).first()).toBeVisible();
  await editor.getByRole('button', { name: 'Close' }).click();
  await expect(page.getByRole('region', { name: 'Zones' })).toContainText('Drawn Zone');
});

test('chokepoints and switches are shown, placed, moved, refused and removed', async ({ page }) => {
  await logIn(page);
  const canvas = await openMode(page, 'Edit');
  const editor = page.getByRole('complementary', { name: 'Map editor' });
  const changes = editor.getByText(/not saved$|^Nothing to save$/);
  const entry = (name: RegExp) => editor.getByRole('button', { name });
  const coordinate = (axis: string) =>
    editor.getByRole('group', { name: 'Corners in metres' }).getByLabel(axis, { exact: true });
  // Those of the archive are there.
  await expect(entry(/Switch$/).nth(1)).toBeVisible();
  await expect(entry(/Chokepoint$/).nth(1)).toBeVisible();

  for (const [tool, name, x] of [
    ['Chokepoint', 'Drawn Gate', 0.45],
    ['Switch', 'sw-drawn', 0.55],
  ] as const) {
    await editor.getByRole('button', { name: tool, exact: true }).first().click();
    await tap(canvas, x, 0.5);
    await editor.getByLabel('Name').fill(name);
    await editor.getByLabel('Name').press('Tab');
  }
  await expect(changes).toHaveText('2 changes not saved');
  await editor.getByLabel('Clients are within metres').fill('20');
  await coordinate('x').fill('12.5');
  await coordinate('x').press('Tab');
  await entry(/^Drawn Gate/).click();
  await editor.getByLabel('Triggers tags within metres').fill('4');
  await editor.getByLabel('Triggers tags within metres').press('Tab');
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(changes).toHaveText('Nothing to save');
  await look(page, 'editor-spots');

  await page.reload();
  await entry(/^sw-drawn/).click();
  await expect(coordinate('x')).toHaveValue('12.5');
  await expect(editor.getByLabel('Clients are within metres')).toHaveValue('20');
  // Names are unique in all maps.
  await editor.getByLabel('Name').fill('sw-main-g1');
  await editor.getByLabel('Name').press('Tab');
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(editor.getByRole('alert')).toContainText('The switch sw-main-g1 is there twice');
  await editor.getByRole('button', { name: 'Discard' }).click();
  for (const name of [/^sw-drawn/, /^Drawn Gate/]) {
    await entry(name).click();
    await editor.getByRole('button', { name: 'Delete' }).click();
  }
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(changes).toHaveText('Nothing to save');
  await editor.getByRole('button', { name: 'Close' }).click();
  await look(page, 'map-spots');
});

test('what the engine refuses is said, and shown at the shape', async ({ page }) => {
  await logIn(page);
  await openMode(page, 'Edit');
  const editor = page.getByRole('complementary', { name: 'Map editor' });
  await editor.getByRole('button', { name: /Zone$/ }).nth(1).click();
  await editor.getByLabel('Name').fill('no > sign');
  await editor.getByLabel('Name').press('Tab');
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(editor.getByRole('alert')).toContainText("'no > sign'");
  await expect(editor.getByRole('button', { name: /^no > sign/ })).toHaveAttribute(
    'aria-pressed',
    'true',
  );
  await editor.getByRole('button', { name: 'Discard' }).click();
  await expect(editor.getByText('Nothing to save')).toBeVisible();
});

test('five points are surveyed with a client, and still there', async ({ page }) => {
  await logIn(page);
  await expect(page).toHaveURL(/#\/map\/\d+/);
  const mac = await someClient(page);
  const canvas = await openMode(page, 'Survey');
  const survey = page.getByRole('complementary', { name: 'Survey' });
  await expect(survey.getByText(/^not enough points \(0 of 5\)$/)).toBeVisible();
  await survey.getByRole('combobox', { name: 'Find the device' }).fill(mac);
  await page.getByRole('option', { name: mac }).first().click();
  for (let number = 0; number < 5; number += 1) {
    await tap(canvas, 0.4 + number * 0.05, 0.4 + (number % 2) * 0.1);
    await survey.getByRole('button', { name: 'I am here' }).click();
    await expect(survey.getByText(`Point ${number + 1} was taken.`)).toBeVisible();
  }
  await expect(survey.getByText(/^5 points, \d+ m² covered/)).toBeVisible();
  // Heard by the access points of this floor, under the names that the maps give them.
  const point = survey.getByRole('region', { name: 'Chosen point' });
  await expect(point.getByRole('row', { name: /MB-0-\d+ .*dBm/ }).first()).toBeVisible();
  await expect(survey.getByText('Method')).toBeVisible();
  await page.screenshot({ path: `${SCREENSHOTS}/survey.png` });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: `${SCREENSHOTS}/survey-dark.png` });
  await page.setViewportSize({ width: 390, height: 844 });
  // On a phone the plan stays in reach beside the panel.
  await tap(canvas, 0.3, 0.5);
  await expect(survey.getByLabel('x in metres')).not.toHaveValue('');
  await expect(survey.getByRole('button', { name: 'I am here' })).toBeEnabled();
  await page.screenshot({ path: `${SCREENSHOTS}/survey-narrow.png` });
  await page.setViewportSize({ width: 1440, height: 900 });

  await page.reload();
  await expect(survey.getByText(/^5 points, \d+ m² covered/)).toBeVisible();
  await expect(survey.getByText('Method')).toBeVisible();
  await survey.getByRole('button', { name: /^5: x / }).click();
  await survey.getByRole('button', { name: 'Delete' }).click();
  await expect(survey.getByText(/^4 points, /)).toBeVisible();
  await expect(survey.getByText('not enough points (4 of 5)')).toBeVisible();
});

test('a client that stays at its place is a point that takes itself', async ({ page }) => {
  await logIn(page);
  await expect(page).toHaveURL(/#\/map\/\d+/);
  const mac = await someClient(page);
  const canvas = await openMode(page, 'Survey');
  const survey = page.getByRole('complementary', { name: 'Survey' });
  const qualities = survey.getByRole('region', { name: 'All floors' });
  await expect(qualities.getByRole('row', { name: /^Ground Floor Main Building/ })).toBeVisible();
  await survey.getByRole('combobox', { name: 'Find the device' }).fill(mac);
  await page.getByRole('option', { name: mac }).first().click();
  await tap(canvas, 0.5, 0.5);
  await survey.getByRole('button', { name: 'It stays here' }).click();
  await expect(survey.getByText('Its place is known now.')).toBeVisible();
  const known = survey.getByRole('region', { name: 'Clients that stay at their place' });
  await expect(known).toContainText(mac);
  await expect(known).toContainText(/taken .*, \d+ AP/);
  await look(page, 'known-client', 800, known);
  await known.getByRole('button', { name: `Forget the place of ${mac}` }).click();
  await expect(known).toBeHidden();
});
