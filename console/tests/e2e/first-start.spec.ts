// The first hour of an engine: HTTPS with its own certificate, the one-time password, no maps yet.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { BINARY, stop } from './demo';
import { expect, logInFirst, test } from './fixtures';

/** A port of this run's own, so that two runs on one machine do not meet. */
const PORT = 20_000 + (process.pid % 10_000);
const DEMO = resolve('../demo');

let dir: string;
let engine: ChildProcess;

test.use({ ignoreHTTPSErrors: true });

test.beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'openmse-first-start-'));
  const config = join(dir, 'engine.toml');
  writeFileSync(config, `data = "${dir}/data"\n[https]\nlisten = "127.0.0.1:${PORT}"\n`);
  engine = spawn(BINARY, ['engine', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  await expect.poll(() => existsSync(join(dir, 'data/node/engine.sock'))).toBe(true);
});

test.afterAll(async () => {
  await stop(engine);
  rmSync(dir, { recursive: true });
});

/** An archive of the recording's office, made by the program itself. */
function archive(): string {
  const controller = join(dir, 'controller.toml');
  const mac = '02:00:00:00:00:01';
  writeFileSync(
    controller,
    `data = "${dir}/wlc"\nname = "wlc"\n[[trusted]]\nmac = "${mac}"\nkey_hash = "${'ab'.repeat(32)}"\n` +
      `[source]\nkind = "replay"\npath = "${DEMO}/tetam"\n`,
  );
  const file = join(dir, 'maps.tar.gz');
  const made = spawnSync(BINARY, ['maps', 'from-source', controller, file]);
  expect(made.status, String(made.stderr)).toBe(0);
  return file;
}

test('the one-time password is changed before anything else, then maps are imported', async ({
  page,
}) => {
  const file = join(dir, 'data/initial-password');
  const given = readFileSync(file, 'utf8').trim();
  await logInFirst(page, `https://127.0.0.1:${PORT}/`, given);

  const importer = page.getByRole('button', { name: /^Import maps/ });
  await expect(importer).toBeVisible();
  expect(existsSync(file), 'the one-time password is gone').toBe(false);
  await page.screenshot({ path: 'test-results/no-maps.png', fullPage: true });

  const chooser = page.locator('input[type=file]').first();
  const bad = join(dir, 'bad.tar.gz');
  writeFileSync(bad, 'this is no archive');
  await chooser.setInputFiles(bad);
  await expect(page.getByText(/not a gzip-compressed tar archive/)).toBeVisible();

  await chooser.setInputFiles(archive());
  await expect(page.getByRole('application', { name: /^Floor plan of / })).toBeVisible();
  await page.screenshot({ path: 'test-results/office.png', fullPage: true });

  // With maps there, a refusal is said where the button is, in sight.
  await chooser.setInputFiles(bad);
  await expect(page.getByText(/not a gzip-compressed tar archive/)).toBeInViewport();
});
