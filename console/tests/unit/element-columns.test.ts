import { expect, it } from 'vitest';

import type { CategoryPath, Element } from '../../src/api';
import { columnsOf, emergencyOf } from '../../src/element-columns';

const NOW = 1_000_000;

const plain: Element = {
  category: 'tag',
  mac: 'a',
  first_seen: 0,
  last_seen: 1,
  band: '2.4GHz',
  strongest: null,
  position: null,
  association: { associated: false, bytes_sent: 0, bytes_received: 0 },
  controller: '',
  missing: false,
  zones: [],
};

/** What the table says of an element, by the titles of its columns. */
const said = (category: CategoryPath | undefined, element: Partial<Element>) =>
  Object.fromEntries(
    columnsOf(category).map(({ title, cell }) => {
      const { text, is_urgent } = cell({ ...plain, ...element }, NOW);
      return [title, is_urgent ? `${text}!` : text];
    }),
  );

it('says of a tag what it says of itself', () => {
  const tag = {
    at: NOW,
    battery: { percent: 4, tolerance_percent: 5 },
    emergency: 'panic_button',
    encounter: { chokepoint: 'Main Lift', since: NOW, until: NOW },
    telemetry: { temperature_c: 20.66, motion_percent: 95 },
  };
  expect(said('tags', { tag })).toEqual({
    Emergency: 'Panic button!',
    Battery: '4 ± 5 %!',
    Chokepoint: 'Main Lift',
    Telemetry: '20.7 °C, moves 95 %',
  });
  expect(emergencyOf({ ...plain, tag }, NOW)).toBe('Panic button');
  expect(said('tags', {})).toEqual({ Emergency: '', Battery: '', Chokepoint: '', Telemetry: '' });
});

it('says of a wired client what it is plugged into, and the address of that', () => {
  const civic = { country: 'ES', city: 'Bilbao', building: 'Main', floor: '0', room: 'Reception' };
  const switch_port = { switch: 'sw-1', port: '1/0/1', civic };
  expect(said('wiredclients', { switch_port })).toMatchObject({
    'Switch port': 'sw-1 1/0/1',
    'Civic address': 'Reception, floor 0, Main, Bilbao',
  });
});

it('says of interferers and rogues where in the air they are', () => {
  expect(said('interferers', {})).toEqual({ Band: '2.4 GHz' });
  expect(Object.keys(said('rogueaps', {}))).toEqual(['Band', 'SSID']);
  expect(Object.keys(said(undefined, {}))).toEqual(['User', 'IP address', 'SSID']);
});
