// A small site of the tests' own: a studio whose controller simulates the radio, and an engine that
// knows its floor as a bare plan. Who stands where is known, because it is written here.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { BINARY, stop } from './demo';
import { expect } from './fixtures';

export interface Spot {
  name: string;
  at: readonly [number, number];
}

export const ACCESS_POINTS: readonly Spot[] = [
  { name: 'STU-01', at: [4, 3] },
  { name: 'STU-02', at: [15, 3] },
  { name: 'STU-03', at: [26, 3] },
  { name: 'STU-04', at: [4, 15] },
  { name: 'STU-05', at: [15, 15] },
  { name: 'STU-06', at: [26, 15] },
];
/** A heavy wall with a door: the plan shows it, the maps do not. */
export const WALL = { from: [16, 0], to: [16, 12], loss_db: 13 } as const;
/** Where people go; the maps do not know it. */
export const KITCHEN = { name: 'Kitchen', area: [[20, 2], [29, 12]] } as const;
/** Phones that share their connection, which controllers take for rogue access points. */
export const HOTSPOTS: readonly (readonly [number, number])[] = [
  [3, 9],
  [9, 5],
  [12, 14],
  [21, 14],
  [25, 7],
];

const CAMPUS = `
seed = 11
[[campus]]
name = "Quay"
[[campus.building]]
name = "Boathouse"
[[campus.building.floor]]
name = "Studio"
level = 0
width = 30
length = 18
walls = [{ from = [16, 0], to = [16, 12], loss_db = 13, doors = [10.5] }]
zones = [
  { name = "Desks", area = [[1, 1], [10, 17]] },
  { name = "${KITCHEN.name}", area = ${JSON.stringify(KITCHEN.area)} },
]
aps = [${ACCESS_POINTS.map(({ name, at }) => `{ name = "${name}", at = [${at}] }`)}]
[[clients]]
count = 1
ssid = "quay"
users = ["anna"]
walks = { building = "Boathouse", speed = 1.4, pause_s = [15, 25] }
${HOTSPOTS.map(
  (at) => `[[rogue_aps]]
building = "Boathouse"
floor = "Studio"
at = [${at}]
every_s = 2
`,
).join('')}`;

/** A sensor beside an access point, and the capture that it plays. */
export interface Sensor {
  name: string;
  ap: string;
  capture: Buffer;
}

/** An engine and a controller that trust each other's keys, in a directory of their own. */
export class Site {
  #dir = '';
  #running: ChildProcess[] = [];
  /** What they warned of, or complained about. */
  readonly complaints: string[] = [];
  console = '';

  /** `sensors` tells those of the controller, by the addresses of the access points. */
  constructor(readonly sensors: (macs: ReadonlyMap<string, string>) => Sensor[] = () => []) {}

  async start(): Promise<void> {
    this.#dir = mkdtempSync(join(tmpdir(), 'openmse-site-'));
    const [https, nmsp] = [await freePort(), await freePort()];
    this.console = `http://127.0.0.1:${https}/`;
    const [engine, controller] = [this.#init('engine'), this.#init('controller')];
    this.#write('campus.toml', CAMPUS);
    const ofController =
      `data = "${this.#dir}/controller"\nname = "wlc-quay"\n[nmsp]\nlisten = "127.0.0.1:${nmsp}"\n` +
      `[[trusted]]\nmac = "${engine.mac_address}"\nkey_hash = "${engine.sha2_key_hash}"\n` +
      `[source]\nkind = "campus"\nfile = "campus.toml"\ninterval_s = 1\n`;
    this.#write('controller.toml', ofController);
    const ofSensors = this.#listen();
    if (ofSensors) this.#write('controller.toml', ofController + ofSensors);
    this.#write(
      'engine.toml',
      `data = "${this.#dir}/engine"\n[https]\nlisten = "127.0.0.1:${https}"\nplain = true\n` +
        `[[controller]]\naddress = "127.0.0.1:${nmsp}"\nkey_hash = "${controller.sha2_key_hash}"\n`,
    );
    for (const role of ['controller', 'engine']) await this.#run(role);
  }

  /** Writes the captures of the sensors, and returns their part of the configuration. */
  #listen(): string {
    const maps = JSON.parse(readFileSync(this.#unpackMaps(), 'utf8')) as object;
    const macs = new Map<string, string>();
    JSON.stringify(maps, (key, value: { name: string; mac: string }[]) => {
      if (key === 'access_points') for (const { name, mac } of value) macs.set(name, mac);
      return value;
    });
    return this.sensors(macs)
      .map(({ name, ap, capture }) => {
        writeFileSync(join(this.#dir, `${name}.pcap`), capture);
        return `[[sensor]]\nname = "${name}"\nap = "${ap}"\nkind = "file"\npath = "${name}.pcap"\n`;
      })
      .join('');
  }

  get initialPassword(): string {
    return readFileSync(join(this.#dir, 'engine/initial-password'), 'utf8').trim();
  }

  /** The floor as its controller knows it. */
  maps(): string {
    this.#unpackMaps();
    return join(this.#dir, 'maps.tar.gz');
  }

  /** The floor with its plan, and nothing on it. */
  bareMaps(): string {
    const full = readFileSync(this.#unpackMaps(), 'utf8');
    const archive = join(this.#dir, 'maps.tar.gz');
    const isDrawn = new Set(['access_points', 'walls', 'regions', 'zones']);
    this.#write(
      'maps.json',
      JSON.stringify(JSON.parse(full, (key, value: unknown) => (isDrawn.has(key) ? [] : value))),
    );
    run('tar', ['czf', archive, '-C', this.#dir, 'maps.json', 'images']);
    return archive;
  }

  async stop(): Promise<void> {
    // The engine first, so that it does not miss its controller.
    for (const child of this.#running.toReversed()) await stop(child);
    rmSync(this.#dir, { recursive: true });
  }

  #unpackMaps(): string {
    const archive = join(this.#dir, 'maps.tar.gz');
    run(BINARY, ['maps', 'from-source', join(this.#dir, 'controller.toml'), archive]);
    run('tar', ['xzf', archive, '-C', this.#dir]);
    return join(this.#dir, 'maps.json');
  }

  /** Starts a role, and waits until it listens. */
  async #run(role: string): Promise<void> {
    const config = join(this.#dir, `${role}.toml`);
    const child = spawn(BINARY, [role, '--config', config, '--log', 'warn'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    createInterface(child.stderr).on('line', (line) => {
      if (!line.includes('the one-time password is in the file')) this.complaints.push(line);
    });
    this.#running.push(child);
    await expect.poll(() => existsSync(join(this.#dir, role, `node/${role}.sock`))).toBe(true);
  }

  /** Makes the keys of a node. */
  #init(node: string): { mac_address: string; sha2_key_hash: string } {
    return JSON.parse(run(BINARY, ['init', '--data', join(this.#dir, node), '--json']));
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#dir, name), text);
  }
}

function run(program: string, parameters: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: 'utf8' });
  expect(status, `${program} ${parameters.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
