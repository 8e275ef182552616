// Starts the product in its demo mode for all tests, and stops it after them.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The first line that `mse demo --json` prints. */
export interface Demo {
  console: string;
  username: string;
  password: string;
}

export const BINARY = process.env['MSE_BIN'] ?? '../target/debug/mse';
const START_MAX_MS = 60_000;
const STOP_MAX_MS = 10_000;

/** Where the demo of this run is; the set-up hands it to the test processes. */
export function demo(): Demo {
  return JSON.parse(process.env['MSE_DEMO'] ?? '{}') as Demo;
}

export default async function start(): Promise<() => Promise<void>> {
  const child = spawn(BINARY, ['demo', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.env['MSE_DEMO'] = await firstLine(child);
  return () => stop(child);
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${BINARY} printed nothing within ${START_MAX_MS} ms`));
    }, START_MAX_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${BINARY} ended at once with code ${code}`)));
    if (!child.stdout) return;
    createInterface(child.stdout).once('line', (line) => {
      clearTimeout(late);
      resolve(line);
    });
  });
}

/** Ends a process that a test started, and waits for its end. */
export async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
  await ended;
  clearTimeout(late);
}
