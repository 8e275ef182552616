/** What a tag says about itself, and what a wired client is plugged into, in words. */
import type { SwitchPort, TagReport } from '../api';
import { ago } from '../format';

export interface Fact {
  title: string;
  value: string;
  /** It calls for somebody to come. */
  is_urgent?: boolean;
}

/** Below it a battery wants to be changed; as `Battery` of the engine has it. */
const LOW_BELOW_PERCENT = 20;

const EMERGENCIES: Record<string, string> = {
  panic_button: 'Panic button',
  tampered: 'Tampered with',
  detached: 'Taken off',
};

const PARTS: Record<string, string> = {
  country: 'Country',
  state: 'State',
  county: 'County',
  city: 'City',
  city_division: 'Borough',
  neighborhood: 'Neighbourhood',
  street_group: 'Street group',
  primary_road: 'Street',
  number: 'Number',
  number_suffix: 'Number suffix',
  postal_code: 'Postal code',
  landmark: 'Landmark',
  name: 'Name',
  building: 'Building',
  unit: 'Unit',
  floor: 'Floor',
  room: 'Room',
  seat: 'Seat',
  type_of_place: 'Kind of place',
  additional_location: 'Directions',
};

export function tagFacts(tag: TagReport, now: number): Fact[] {
  const facts: Fact[] = [];
  const { battery, emergency, encounter, telemetry } = tag;
  if (emergency) {
    facts.push({ title: 'Emergency', value: EMERGENCIES[emergency] ?? emergency, is_urgent: true });
  }
  if (battery) {
    const within = battery.tolerance_percent ? ` ± ${battery.tolerance_percent}` : '';
    facts.push({
      title: 'Battery',
      value: `${battery.percent}${within} %`,
      is_urgent: battery.percent < LOW_BELOW_PERCENT,
    });
  }
  if (encounter) {
    const left = now - encounter.until > 60_000 ? `, left ${ago(encounter.until, now)}` : '';
    facts.push({ title: 'Chokepoint', value: `${encounter.chokepoint}${left}` });
  }
  const measured: [string, number | undefined, string][] = [
    ['Motion', telemetry?.motion_percent, '%'],
    ['Temperature', telemetry?.temperature_c, '°C'],
    ['Humidity', telemetry?.humidity_percent, '%'],
    ['Pressure', telemetry?.pressure_hpa, 'hPa'],
  ];
  for (const [title, value, unit] of measured) {
    if (value !== undefined) {
      facts.push({ title, value: `${Math.round(value * 10) / 10} ${unit}` });
    }
  }
  facts.push({ title: 'Said', value: ago(tag.at, now) });
  return facts;
}

export function wiredFacts({ switch: name, port, civic }: SwitchPort): Fact[] {
  const facts = [{ title: 'Port', value: port }];
  if (name) {
    facts.unshift({ title: 'Switch', value: name });
  }
  // In the order in which people write an address, not in that of the answer.
  for (const [part, title] of Object.entries(PARTS)) {
    const value = civic?.[part];
    if (value) {
      facts.push({ title, value });
    }
  }
  return facts;
}
