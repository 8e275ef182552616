// What the table of elements shows of each category, beside what all of them have. Pure.
import type { CategoryPath, Element } from './api';
import { band } from './format';
import { tagFacts, wiredFacts } from './map/facts';

export interface Cell {
  text: string;
  mono?: boolean;
  /** It calls for somebody to come. */
  is_urgent?: boolean;
}

export interface Column {
  title: string;
  cell: (element: Element, now: number) => Cell;
}

/** The parts of a civic address that say which desk, from the near to the far. */
const CIVIC_PARTS = ['Seat', 'Room', 'Floor', 'Building', 'City'];

const column = (title: string, text: (element: Element) => string | undefined, mono = false): Column => ({
  title,
  cell: (element) => ({ text: text(element) ?? '', mono }),
});

const USER = column('User', ({ association }) => association.username);
const ADDRESS = column('IP address', ({ association }) => association.ip_addresses?.[0], true);
const SSID = column('SSID', ({ association }) => association.ssid);
const BAND = column('Band', (element) => (element.band ? band(element.band) : ''));

/** Something that a tag says of itself, by the word that its details have for it. */
const ofTag = (title: string): Column => ({
  title,
  cell: ({ tag }, now) => {
    const fact = tag && tagFacts(tag, now).find((it) => it.title === title);
    return { text: fact?.value ?? '', is_urgent: fact?.is_urgent ?? false };
  },
});

const TELEMETRY: Column = {
  title: 'Telemetry',
  cell: ({ tag }, now) => {
    const names = ['Temperature', 'Humidity', 'Pressure', 'Motion'];
    const facts = tag ? tagFacts(tag, now) : [];
    const said = names.flatMap((name) => facts.filter(({ title }) => title === name));
    return { text: said.map(({ title, value }) => (title === 'Motion' ? `moves ${value}` : value)).join(', ') };
  },
};

const PORT = column('Switch port', ({ switch_port }) =>
  switch_port ? `${switch_port.switch} ${switch_port.port}`.trim() : '',
);
const CIVIC = column('Civic address', ({ switch_port }) => {
  const facts = switch_port ? wiredFacts(switch_port) : [];
  const parts = CIVIC_PARTS.flatMap((part) => facts.filter(({ title }) => title === part));
  return parts.map(({ title, value }) => (title === 'Floor' ? `floor ${value}` : value)).join(', ');
});

const COLUMNS: Partial<Record<CategoryPath, readonly Column[]>> = {
  tags: [ofTag('Emergency'), ofTag('Battery'), ofTag('Chokepoint'), TELEMETRY],
  rogueaps: [BAND, SSID],
  rogueclients: [BAND, SSID],
  interferers: [BAND],
  wiredclients: [USER, ADDRESS, PORT, CIVIC],
};

/** The columns of one category, or of all of them. */
export function columnsOf(category: CategoryPath | undefined): readonly Column[] {
  return (category && COLUMNS[category]) ?? [USER, ADDRESS, SSID];
}

/** The emergency that an element calls, in words. */
export function emergencyOf(element: Element, now: number): string {
  return ofTag('Emergency').cell(element, now).text;
}
