// An evil twin from the first beacon to the rogue that is sorted: four sensors hear it, it becomes an
// incident with a place, a receiver is told, and a person looks after it.
import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

import { evilTwin, TWIN_AFTER_S } from './capture';
import { expect, logInFirst, openPage, test } from './fixtures';
import { Receiver } from './receiver';
import { ACCESS_POINTS, Site } from './site';

const SCREENSHOTS = 'test-results';
const SSID = 'quay';
const TWIN = { bssid: '02:66:66:66:66:66', at: [10, 7] } as const;
/** The access point whose name is taken, and those that listen. */
const REAL = 'STU-01';
const LISTEN = ['STU-01', 'STU-02', 'STU-04', 'STU-05'];
/** The twin begins late, and an engine under test is slow. */
const INCIDENT_MAX_MS = (TWIN_AFTER_S + 60) * 1000;

const site = new Site((macs) =>
  ACCESS_POINTS.filter(({ name }) => LISTEN.includes(name)).map(({ name, at }) => {
    const real = { bssid: macs.get(REAL) ?? '', at: ACCESS_POINTS[0]?.at ?? at };
    return {
      name: `ears ${name}`,
      ap: macs.get(name) ?? '',
      capture: evilTwin(SSID, real, TWIN, at),
    };
  }),
);
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

const tab = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Intrusions' }).getByRole('link', { name, exact: true }).click();

test('an evil twin is seen, placed, recorded, sorted and told', async ({ page }) => {
  test.setTimeout(4 * INCIDENT_MAX_MS);
  await logInFirst(page, site.console, site.initialPassword);
  await page.locator('input[type=file]').first().setInputFiles(site.maps());
  await expect(page.getByText('Live', { exact: true })).toBeVisible();

  await tellTheReceiver(page);

  // Before: everybody listens, and nobody attacks.
  await openPage(page, 'Intrusions');
  await tab(page, 'Sensors');
  await expect(page.getByText('4 sensors, and none is in trouble.')).toBeVisible();
  await expect(page.getByRole('row', { name: /^ears STU-05/ })).toContainText('Studio, Boathouse');

  await look(page, 'sensors');

  await tab(page, 'Incidents');
  const row = page.getByRole('row', { name: /^Evil twin/ });
  await expect(row).toContainText(TWIN.bssid, { timeout: INCIDENT_MAX_MS });
  await expect(row).toContainText('Critical');
  await page.getByLabel('Severity').selectOption({ label: 'Critical' });
  await expect(page.getByRole('row')).toHaveCount(2);
  await look(page, 'intrusions');
  // The lane of the timeline is a link for the keyboard, too.
  const lane = page.getByRole('link', { name: /^#\d+ Evil twin, critical, open/ });
  await lane.focus();
  await page.keyboard.press('Enter');

  // Everything about it.
  await expect(page.getByRole('heading', { level: 1, name: /^Evil twin #\d+$/ })).toBeVisible();
  const part = (name: string) => page.getByRole('region', { name, exact: true });
  await expect(part('What is known')).toContainText(TWIN.bssid);
  await expect(part('What was seen')).toContainText('Less protection than others of the name have');
  await expect(part('What it means, and what to do')).toContainText('What to do:');
  await expect(part('Who hears it').getByRole('row')).toHaveCount(LISTEN.length + 1);
  await expect(part('Where it is')).toContainText(/Studio, Boathouse within \d/, { timeout: 30_000 });
  await expect(part('Where it is').getByRole('img', { name: /Attacker 02:66/ })).toBeVisible();
  const near = await placeOf(page);
  expect(Math.hypot(near.x - TWIN.at[0], near.y - TWIN.at[1])).toBeLessThan(Math.max(near.radius_m, 6));

  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: /^Download incident-\d+\.pcapng$/ }).click({ timeout: 30_000 });
  const file = await download;
  const id = Number(/^incident-(\d+)\.pcapng$/.exec(file.suggestedFilename())?.[1]);
  const bytes = readFileSync(await file.path());
  expect(bytes.readUInt32BE(0)).toBe(0x0a0d0d0a);
  expect(bytes.includes(`incident ${id}`)).toBe(true);
  await look(page, 'intrusion', 1240);

  // Who is to be told was told of this one, and of nothing else.
  await expect.poll(() => receiver.events.length).toBe(1);
  expect(receiver.events[0]).toMatchObject({
    subscriptionName: 'Guards',
    notificationType: 'incident',
    deviceId: TWIN.bssid,
    incidentId: id,
    incidentState: 'OPENED',
    severity: 'CRITICAL',
    attackKinds: ['evil-twin'],
  });

  await page.getByLabel('Note').fill('The guards are on their way.');
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(part('Who looks after it')).toContainText('Acknowledged by admin');
  await expect(part('Who looks after it')).toContainText('The guards are on their way.');

  // The map points at the attacker and at who suffers.
  await page.getByRole('link', { name: 'Show on the map' }).click();
  await expect(page).toHaveTitle('Map · OpenMSE');
  const found = page.getByRole('region', { name: 'Pointed out on the map' });
  await expect(found).toContainText(`Attacker ${TWIN.bssid}`);
  await expect(found).toContainText(/Victim 02:/);
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await look(page, 'intrusion-map');
  await found.getByRole('link', { name: /^Evil twin/ }).click();

  // What a person says of an access point wins over the rules, and can be taken back.
  await tab(page, 'Rogues');
  const twin = page.getByRole('row', { name: new RegExp(TWIN.bssid) });
  await expect(twin).toContainText('attacks');
  const classOf = twin.getByRole('combobox', { name: `Class of ${TWIN.bssid}` });
  await expect(classOf).toHaveValue('malicious');
  await classOf.selectOption({ label: 'Friendly' });
  await expect(twin).toContainText('set by admin');
  await page.reload();
  await expect(classOf).toHaveValue('friendly');
  await classOf.selectOption({ label: 'Back to the rules' });
  await expect(twin).not.toContainText('set by');
  await expect(classOf).toHaveValue('malicious');
  await look(page, 'rogues');

  await tab(page, 'Incidents');
  await page.getByRole('link', { name: 'Evil twin', exact: true }).click();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expect(part('Who looks after it')).toContainText('Cleared by admin');
  await expect(page.getByText('Cleared', { exact: true })).toBeVisible();
});

async function tellTheReceiver(page: Page): Promise<void> {
  await openPage(page, 'Notifications');
  await page.getByRole('link', { name: 'New notification' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Guards');
  const condition = page.getByRole('group', { name: 'condition 1', exact: true });
  await condition.getByRole('combobox', { name: 'Condition' }).selectOption('Incident');
  await condition.getByLabel('Severity').selectOption({ label: 'Critical' });
  await condition.getByRole('combobox', { name: 'Kinds' }).selectOption({ label: 'Evil twin' });
  await page.getByLabel('URL').fill(url);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('article', { name: 'Guards' })).toContainText(
    'an attack begins: Critical · Evil twin',
  );
}

/** A picture of each width and theme; nothing may be wider than its page. */
async function look(page: Page, name: string, height = 800): Promise<void> {
  const before = page.viewportSize() ?? { width: 1440, height: 900 };
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}-${colorScheme}.png` });
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, `${name} at ${width}`).toBe(0);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
}

async function placeOf(page: Page): Promise<{ x: number; y: number; radius_m: number }> {
  const answer = await page.request.get(`${site.console}api/v1/wips/incidents?kind=evil-twin`);
  const { incidents } = (await answer.json()) as {
    incidents: { place: { x: number; y: number; radius_m: number } }[];
  };
  return incidents[0]?.place ?? { x: Number.NaN, y: Number.NaN, radius_m: 0 };
}
