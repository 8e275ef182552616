// Notifications on the live demo: what the form refuses, keeps and changes, and who may see them.
import type { Page } from '@playwright/test';

import { demo } from './demo';
import { choosePlace, enterPassword, expect, logIn, openPage, test } from './fixtures';
import { look } from './pictures';
import { Receiver } from './receiver';

const SCREENSHOTS = 'test-results';
const KEY = 'the first key';

const receiver = new Receiver();
let url: string;

test.use({ actionTimeout: 15_000 });

test.beforeAll(async () => {
  url = await receiver.start();
});

test.afterAll(() => receiver.stop());

test('a notification is added, refused, tested, switched, changed and removed', async ({ page }) => {
  await logIn(page);
  await openPage(page, 'Notifications');
  await page.getByRole('link', { name: 'New notification' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Pharmacy');
  await page.getByLabel('Group').fill('Guards');
  const part = (name: string) => page.getByRole('group', { name, exact: true });
  await choosePlace(part('condition 1'), ['Harbour Hospital', 'Main Building', 'Ground Floor']);
  await part('condition 1').getByLabel('Boundary').selectOption('Enters');
  await page.getByRole('button', { name: 'Add a condition' }).click();
  await part('condition 2').getByRole('combobox', { name: 'Condition' }).selectOption('Emergency');
  await page.getByLabel('Tags', { exact: true }).check();
  await page.getByRole('textbox', { name: 'MAC addresses' }).fill('00:0c:cc:*\nnot an address');
  await page.getByLabel('URL').fill(url);
  await page.getByRole('button', { name: 'Add a header' }).click();
  await page.getByLabel('Name of header 1').fill('X-Key');
  await page.getByLabel('Value of header 1').fill(KEY);
  await page.getByRole('button', { name: 'Add a receiver' }).click();
  await part('receiver 2').getByRole('combobox', { name: 'Transport' }).selectOption('Syslog');
  await part('receiver 2').getByLabel('Host').fill('127.0.0.1');
  await part('receiver 2').getByLabel('Port', { exact: true }).fill('9');
  await part('receiver 2').getByLabel('Protocol').selectOption('TCP');
  await page.getByLabel('Scramble MAC addresses').check();
  await page.getByLabel('Salt').fill('salt');

  // The engine's own words, where the button is; nothing that was typed is lost.
  const save = page.getByRole('button', { name: 'Save' });
  const alert = page.getByRole('alert');
  await save.click();
  const macs = page.getByRole('textbox', { name: 'MAC addresses' });
  await expect(alert).toHaveText('Not saved: the engine does not take what is marked.');
  await expect(macs).toHaveAccessibleDescription(/^'not' is neither a MAC address nor the beginning of one; write/);
  await macs.fill('');
  await page.getByLabel('Events that may wait').fill('0');
  await save.click();
  await expect(alert).toHaveText('Queue_limit is 0; it can be 1 to 30000');
  await expect(alert).toBeInViewport();
  await page.getByLabel('Events that may wait').fill('50');
  await save.click();

  const pharmacy = page.getByRole('article', { name: 'Pharmacy' });
  await expect(pharmacy).toContainText('it enters Harbour Hospital › Main Building › Ground Floor');
  await expect(pharmacy).toContainText('or it calls for help');
  await expect(pharmacy).toContainText('addresses scrambled');
  await pharmacy.getByRole('button', { name: 'Send a test event' }).click();
  await expect(pharmacy.getByText('Test: the event was taken')).toBeVisible();
  await expect(pharmacy.getByText(/^Test: .*refused/)).toBeVisible();
  expect(receiver.key).toBe(KEY);
  await page.screenshot({ path: `${SCREENSHOTS}/notifications.png` });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-dark.png` });
  await page.emulateMedia({ colorScheme: 'light' });

  const enabled = pharmacy.getByRole('switch', { name: 'Enabled' });
  await enabled.uncheck();
  await expect(pharmacy.getByText('Off', { exact: true }).first()).toBeVisible();
  await page.reload();
  await expect(enabled).not.toBeChecked();
  await enabled.check();
  await expect(pharmacy.getByText('Nothing sent yet').first()).toBeVisible();

  // Secrets are stars, and stay what they are while something else is changed.
  await pharmacy.getByRole('link', { name: 'Edit' }).click();
  await expect(page.getByLabel('Value of header 1')).toHaveValue('***');
  await expect(page.getByLabel('Salt')).toHaveValue('***');
  await page.setViewportSize({ width: 1440, height: 1900 });
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-form.png` });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: `${SCREENSHOTS}/notifications-narrow.png` });
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(await overflow()).toBe(0);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: 'Remove receiver 2' }).click();
  await page.getByLabel('Group').fill('Night guards');
  await save.click();
  await expect(pharmacy).toContainText('Night guards');
  receiver.key = undefined;
  await pharmacy.getByRole('button', { name: 'Send a test event' }).click();
  await expect(pharmacy.getByText('Test: the event was taken')).toBeVisible();
  expect(receiver.key).toBe(KEY);

  // Somebody else is first: nobody's work is lost unseen.
  const group = page.getByLabel('Group');
  const begin = async (others: string) => {
    await pharmacy.getByRole('link', { name: 'Edit' }).click();
    await group.fill('Mine');
    await changeGroup(page, others);
    await save.click();
    await expect(alert).toContainText('Somebody else changed “Pharmacy” since you opened it.');
  };
  await begin('Theirs');
  await look(page, 'notifications-two', 800, alert);
  await page.getByRole('button', { name: 'Show theirs' }).click();
  await expect(group).toHaveValue('Theirs');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await begin('Theirs again');
  await page.getByRole('button', { name: 'Save mine all the same' }).click();
  await expect(pharmacy).toContainText('Mine');

  // Stars are no secret for another place.
  await pharmacy.getByRole('link', { name: 'Edit' }).click();
  await page.getByLabel('URL').fill('http://127.0.0.1:9/elsewhere');
  await save.click();
  await expect(alert).toContainText('send the secret');
  await page.getByRole('button', { name: 'Remove…' }).click();
  await page.getByRole('button', { name: 'Yes, remove' }).click();
  await expect(page.getByRole('heading', { name: 'Nobody is told anything yet' })).toBeVisible();
});

/** Another administrator changes the group. */
async function changeGroup(page: Page, group: string): Promise<void> {
  const path = `${demo().console}api/v1/notifications/Pharmacy`;
  const { definition } = (await (await page.request.get(path)).json()) as { definition: object };
  const headers = { 'X-MSE-Console': '1' };
  const answer = await page.request.put(path, { headers, data: { ...definition, group } });
  expect(answer.status()).toBe(200);
}

test('every condition and transport has its fields', async ({ page }) => {
  await logIn(page);
  await page.goto(`${demo().console}#/notifications?mode=new`);
  const condition = page.getByRole('group', { name: 'condition 1', exact: true });
  const receiverFields = page.getByRole('group', { name: 'receiver 1', exact: true });
  const field = (name: string) =>
    receiverFields
      .getByLabel(name, { exact: true })
      .or(receiverFields.getByRole('combobox', { name, exact: true }));
  for (const [name, label] of [
    ['Movement', 'Distance in metres'],
    ['Absence', 'Minutes'],
    ['Association', 'Direction'],
    ['Battery', 'Level'],
    ['Emergency', 'Reason'],
    ['Chokepoint', 'Name of the chokepoint'],
    ['Incident', 'Severity'],
    ['Rogue access point', 'Malicious'],
    ['Containment', 'Campus'],
  ] as const) {
    await condition.getByRole('combobox', { name: 'Condition' }).selectOption(name);
    await expect(condition.getByLabel(label)).toBeVisible();
  }
  await condition.getByRole('combobox', { name: 'Condition' }).selectOption('Chokepoint');
  const chokepoint = condition.getByLabel('Name of the chokepoint');
  await chokepoint.pressSequentially('Gate 1');
  await expect(chokepoint).toHaveValue('Gate 1');
  for (const name of ['Area change', 'Location update', 'Sensor silent']) {
    await condition.getByRole('combobox', { name: 'Condition' }).selectOption(name);
    await expect(condition.getByRole('combobox')).toHaveCount(1);
  }
  for (const [name, labels] of [
    ['Syslog', ['Host', 'Port', 'Protocol']],
    ['SNMP trap', ['Host', 'Port', 'Community']],
    ['Mail', ['Host', 'Port', 'Security', 'From', 'To', 'Believed certificates', 'Log in there']],
    ['MQTT', ['Host', 'Port', 'Topic', 'TLS protects the connection', 'Log in there']],
    ['HTTP(S)', ['URL']],
  ] as const) {
    await receiverFields.getByRole('combobox', { name: 'Transport' }).selectOption(name);
    for (const label of labels) await expect(field(label)).toBeVisible();
  }
  // Whose certificates are believed matters with TLS alone.
  await expect(receiverFields.getByLabel('Believed certificates')).toBeHidden();
  await receiverFields.getByLabel('URL').fill('https://receiver.example/');
  await receiverFields.getByLabel('Believed certificates').selectOption('One certificate, by its key hash');
  await expect(receiverFields.getByLabel(/^Key hash/)).toBeVisible();
});

test('only admins see notifications', async ({ page }) => {
  await logIn(page);
  const password = 'looks and draws, no more';
  const added = await page.request.post(`${demo().console}api/v1/users`, {
    headers: { 'X-MSE-Console': '1' },
    data: { name: 'olga', password, role: 'operator' },
  });
  expect(added.status()).toBe(201);
  await page.getByRole('button', { name: 'Log out' }).click();
  await enterPassword(page, password, 'olga');
  await expect(page.getByRole('link', { name: 'Analytics' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Notifications' })).toBeHidden();
  await page.goto(`${demo().console}#/notifications`);
  await expect(page.getByText('Only administrators see and change notifications.')).toBeVisible();
});
