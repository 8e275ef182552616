// What the address of the map asks to be pointed out: an incident, a rogue access point or a sensor.
import {
  readIncident,
  readRogues,
  readSensors,
  type Incident,
  type Rogue,
  type WipsPlace,
  type WipsSensor,
} from '../api-wips';
import { kindTitle, placeText, radiusText, transmitterAddress } from '../intrusions/words';
import type { Mark, Role } from './marks';

export interface Finding {
  title: string;
  /** Where everything about it is. */
  href: string;
  marks: Mark[];
  /** Each mark in words, with the floor that it is on. */
  words: { role: Role; name: string; floor: string; place: string; radius: string }[];
}

const TYPES = ['incident', 'rogue', 'sensor'] as const;

/** What a query names, `incident=3`; nothing when it names nothing. */
export function soughtIn(query: URLSearchParams): string | undefined {
  const type = TYPES.find((type) => query.get(type));
  return type && new URLSearchParams({ [type]: query.get(type) ?? '' }).toString();
}

/** The address of the map on the floor of `place` with what is there pointed out. */
export function mapHref(place: WipsPlace, type: (typeof TYPES)[number], id: string | number): string {
  return `#/map/${place.floor}?${type}=${id}`;
}

/** Asks for what is sought; nothing when there is no such thing any more. */
export async function find(sought: string, signal: AbortSignal): Promise<Finding | undefined> {
  const query = new URLSearchParams(sought);
  const [type, id] = [...query][0] ?? [];
  if (type === 'incident') return ofIncident(await readIncident(Number(id), signal));
  if (type === 'rogue') {
    const rogue = (await readRogues(signal)).find(({ bssid }) => bssid === id);
    return rogue && ofRogue(rogue);
  }
  const sensor = (await readSensors(signal)).find((sensor) => String(sensor.id) === id);
  return sensor && ofSensor(sensor);
}

export function ofIncident(incident: Incident): Finding {
  const attacker = transmitterAddress(incident.transmitter);
  return finding(
    `${kindTitle(incident.kind)} #${incident.id}`,
    `#/intrusions/incidents/${incident.id}`,
    [
      ['attacker', incident.transmitter.who === 'own' ? attacker : undefined, incident.place],
      ['victim', incident.victim ?? undefined, incident.victim_place],
    ],
  );
}

export function ofRogue(rogue: Rogue): Finding {
  const name = rogue.ssid || rogue.bssid;
  return finding(name, `#/intrusions/rogues?q=${rogue.bssid}`, [
    ['rogue', rogue.bssid, rogue.place],
  ]);
}

function ofSensor(sensor: WipsSensor): Finding {
  return finding(sensor.name, '#/intrusions/sensors', [['sensor', sensor.name, sensor.place]]);
}

const ROLES: Record<Role, string> = {
  attacker: 'Attacker',
  victim: 'Victim',
  rogue: 'Access point',
  sensor: 'Sensor',
};

function finding(
  title: string,
  href: string,
  all: [Role, string | undefined, WipsPlace | null | undefined][],
): Finding {
  const marks: Mark[] = [];
  const words: Finding['words'] = [];
  for (const [role, name, place] of all) {
    if (!place) continue;
    const text = [ROLES[role], name].filter(Boolean).join(' ');
    const { floor, x, y, radius_m, is_presence } = place;
    marks.push({ role, text, short: ROLES[role], floor, x, y, radius_m, is_presence });
    words.push({ role, name: text, floor, place: placeText(place), radius: radiusText(place) });
  }
  return { title, href, marks, words };
}
