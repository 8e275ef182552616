// The profile of the wIPS service in the hands of two administrators, and before the eyes of a viewer.
import type { Page } from '@playwright/test';

import { expect, logInAsViewer, logInFirst, openPage, openTab, test } from './fixtures';
import { look } from './pictures';
import { Site } from './site';

/** As often as the form looks for changes of others, and some more. */
const NOTICED_MS = 15_000;

const site = new Site();

test.beforeAll(() => site.start());

test.afterAll(async () => {
  await site.stop();
  expect(site.complaints).toEqual([]);
});

const field = (page: Page, name: string) => page.getByRole('textbox', { name, exact: true });

test('an administrator sets the profile, is told what is wrong, and loses nobody’s work', async ({
  page,
}) => {
  test.setTimeout(120_000);
  await logInFirst(page, site.console, site.initialPassword);
  await openPage(page, 'Intrusions');
  await openTab(page, 'Profile');
  await expect(page.getByText('There is no rule:')).toBeVisible();
  await look(page, 'profile-default');

  // What the engine does not take stands at the field, which has the focus then.
  const bssids = field(page, 'Base addresses of radios');
  await field(page, 'Names of networks').fill('CorpNet\nCorp Guests\n');
  await bssids.fill('00:0c:cc:5d:04:00\nroof');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(bssids).toBeFocused();
  await expect(bssids).toHaveAccessibleDescription(/^'roof' is not a MAC address; write it as/);
  await expect(page.getByRole('alert')).toHaveText('Not saved: the engine does not take what is marked.');
  await look(page, 'profile-refused');
  await bssids.fill('00:0c:cc:5d:04:00');

  // A threshold, a severity and a kind that is not looked for.
  const search = page.getByRole('searchbox', { name: 'Search the kinds' });
  await search.fill('deauthentication');
  const frames = page.getByRole('spinbutton', { name: 'Frames of Deauthentication flood' });
  await expect(frames).toHaveValue('10');
  await frames.fill('0');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(frames).toBeFocused();
  await expect(frames).toHaveAccessibleDescription('At least 1');
  await frames.fill('20');
  await search.fill('karma');
  await page.getByRole('combobox', { name: 'Severity of Karma access point' }).selectOption({ label: 'Minor' });
  await search.fill('RTS flood');
  await page.getByRole('checkbox', { name: 'RTS flood' }).uncheck();
  await search.fill('');

  // Two rules; the second one becomes the first.
  for (const [index, ssid] of ['Cafe*', 'Quay*'].entries()) {
    await page.getByRole('button', { name: 'Add a rule' }).click();
    const rule = page.getByRole('group', { name: `rule ${index + 1}`, exact: true });
    await rule.getByLabel('Name', { exact: true }).fill(`those of ${ssid}`);
    await rule.getByLabel('SSID is').fill(ssid);
  }
  const second = page.getByRole('group', { name: 'rule 2', exact: true });
  await second.getByLabel('Class', { exact: true }).selectOption({ label: 'Custom' });
  await second.getByLabel('Name of the class').fill('Boats');
  await second.getByLabel('Wire').selectOption({ label: 'Not seen on ours' });
  await second.getByLabel('Signal, at least').fill('-70');
  await page.getByRole('button', { name: 'Move rule 2 up' }).click();
  await field(page, 'Channels').fill('36\n40');
  await field(page, 'Words that no network may have in its name').fill('free wifi');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();

  const saved = await profile(page);
  expect(saved).toMatchObject({
    managed: { ssids: ['Corp Guests', 'CorpNet'], bssids: ['00:0c:cc:5d:04:00'], stations: [] },
    thresholds: { 'deauthentication-flood': { frames: 20, seconds: 5 } },
    severities: { karma: 'minor' },
    disabled: ['rts-flood'],
    lists: { channels: [36, 40], forbidden_words: ['free wifi'] },
    rules: [
      { name: 'those of Quay*', class: 'custom', custom: 'Boats', on_wire: false, rssi_dbm_min: -70 },
      { name: 'those of Cafe*', class: 'friendly', ssid: 'Cafe*' },
    ],
  });
  await page.reload();
  await expect(page.getByRole('group', { name: 'rule 1', exact: true }).getByLabel('SSID is')).toHaveValue('Quay*');
  await page.getByRole('button', { name: /^Impersonation/ }).click();
  await look(page, 'profile', 1240, page.getByRole('region', { name: 'What is looked for' }));

  // Who has typed nothing sees what somebody else saves.
  await change(page, { name: 'campus' });
  await expect(page.getByLabel('Name', { exact: true }).last()).toHaveValue('campus', {
    timeout: NOTICED_MS,
  });
  await expect(page.getByText('Somebody else changed the profile just now')).toBeVisible();

  // Who has typed something is told, and neither one's work is lost.
  await field(page, 'Names that no network has').fill('Vault 7');
  await change(page, { quiet_s_min: 45, wired: ['00:50:56:9c:34:89'] });
  await page.getByRole('button', { name: 'Save' }).click();
  const told = page.getByRole('alert');
  await expect(told).toHaveText(
    'Somebody else changed the profile meanwhile: The profile itself, What gives intruders away. Yours is not saved.',
  );
  await look(page, 'profile-two');
  await page.getByRole('button', { name: 'Take their changes over' }).click();
  await expect(field(page, 'Addresses that our switches have seen')).toHaveValue('00:50:56:9c:34:89');
  await expect(field(page, 'Names that no network has')).toHaveValue('Vault 7');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();
  expect(await profile(page)).toMatchObject({
    name: 'campus',
    quiet_s_min: 45,
    wired: ['00:50:56:9c:34:89'],
    canary_ssids: ['Vault 7'],
  });

  // Who may only look sees all of it, and changes nothing.
  await logInAsViewer(page, site.console);
  await expect(page.getByText('Your role may look only')).toBeVisible();
  await expect(field(page, 'Names of networks')).toHaveValue('Corp Guests\nCorpNet');
  await expect(field(page, 'Names of networks')).toBeDisabled();
  await expect(page.getByRole('button', { name: /Save|Add a rule|Remove|Move/ })).toHaveCount(0);
  await page.getByRole('button', { name: /^Impersonation/ }).click();
  const severity = page.getByRole('combobox', { name: 'Severity of Karma access point' });
  await expect(severity).toHaveValue('minor');
  await expect(severity).toBeDisabled();
  await search.fill('RTS flood');
  await expect(page.getByRole('checkbox', { name: 'RTS flood' })).not.toBeChecked();
  await search.fill('');
  await look(page, 'profile-viewer');
});

async function profile(page: Page): Promise<object> {
  return (await page.request.get(`${site.console}api/v1/wips/profile`)).json() as Promise<object>;
}

/** Another administrator changes a part of the profile. */
async function change(page: Page, part: object): Promise<void> {
  const answer = await page.request.put(`${site.console}api/v1/wips/profile`, {
    headers: { 'X-MSE-Console': '1' },
    data: { ...(await profile(page)), ...part },
  });
  expect(answer.status()).toBe(200);
}
