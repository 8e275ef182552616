// An evil twin from the first beacon to the rogue that is sorted: four sensors hear it, it becomes an
// incident with a place, a receiver is told, and a person looks after it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

import { evilTwin, TWIN_AFTER_S } from './capture';
import { BINARY } from './demo';
import { expect, logInAsViewer, logInFirst, openPage, openTab as tab, test } from './fixtures';
import { look } from './pictures';
import { Receiver } from './receiver';
import { ACCESS_POINTS, Site } from './site';

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
  // What was kept is a capture that shows the attack again.
  const replayed = spawnSync(BINARY, ['wips', 'replay', await file.path()], { encoding: 'utf8' });
  expect(replayed.stdout).toContain(`by ${TWIN.bssid}`);
  await look(page, 'intrusion', 1240);

  // Who is to be told was told of this one once, and of who it is; not of other incidents.
  const told = { subscriptionName: 'Guards', deviceId: TWIN.bssid };
  const ofType = (type: string) => receiver.events.filter((it) => it.notificationType === type);
  await expect.poll(() => ofType('rogue')).toMatchObject([{ ...told, rogueClass: 'malicious' }]);
  await expect.poll(() => ofType('incident')).toMatchObject([
    {
      ...told,
      incidentId: id,
      incidentState: 'OPENED',
      severity: 'CRITICAL',
      attackKinds: ['evil-twin'],
    },
  ]);

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

  // Who may only look sees all of it, and changes nothing.
  await logInAsViewer(page, site.console);
  await expect(part('Who looks after it')).toContainText('Your role may look only');
  await tab(page, 'Rogues');
  await expect(twin).toContainText('Malicious');
  await expect(classOf).toBeHidden();
});

async function tellTheReceiver(page: Page): Promise<void> {
  await openPage(page, 'Notifications');
  await page.getByRole('link', { name: 'New notification' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Guards');
  const condition = page.getByRole('group', { name: 'condition 1', exact: true });
  await condition.getByRole('combobox', { name: 'Condition' }).selectOption('Incident');
  await condition.getByLabel('Severity').selectOption({ label: 'Critical' });
  await condition.getByRole('combobox', { name: 'Kinds' }).selectOption({ label: 'Evil twin' });
  for (const [index, name] of ['Rogue access point', 'Sensor silent'].entries()) {
    await page.getByRole('button', { name: 'Add a condition' }).click();
    const added = page.getByRole('group', { name: `condition ${index + 2}`, exact: true });
    await added.getByRole('combobox', { name: 'Condition' }).selectOption(name);
  }
  await page.getByLabel('URL').fill(url);
  await page.getByRole('button', { name: 'Save' }).click();
  const guards = page.getByRole('article', { name: 'Guards' });
  await expect(guards).toContainText('an attack begins: Critical · Evil twin');
  await expect(guards).toContainText('or an access point of others is malicious');
  await expect(guards).toContainText('or a sensor falls silent');
  // What was said comes back into the form, and is taken again as it is.
  await guards.getByRole('link', { name: 'Edit' }).click();
  await expect(page.getByRole('list', { name: 'Chosen kinds' })).toContainText('Evil twin');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(guards).toContainText('or a sensor falls silent');
}

async function placeOf(page: Page): Promise<{ x: number; y: number; radius_m: number }> {
  const answer = await page.request.get(`${site.console}api/v1/wips/incidents?kind=evil-twin`);
  const { incidents } = (await answer.json()) as {
    incidents: { place: { x: number; y: number; radius_m: number } }[];
  };
  return incidents[0]?.place ?? { x: Number.NaN, y: Number.NaN, radius_m: 0 };
}
