import { expect, it } from 'vitest';

import { contains, zoneTimes } from '../../src/analytics/heat';
import { nameWithin, placeTree, wayTo } from '../../src/places';
import { barAt, labelStep, ticks, warmth } from '../../src/analytics/scale';
import {
  day,
  daysProblem,
  hour,
  hourSpan,
  minutes,
  percent,
} from '../../src/analytics/words';
import type { PlaceNow } from '../../src/api';

it.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [3, [0, 1, 2, 3]],
  [7, [0, 2, 4, 6, 8]],
  [51, [0, 20, 40, 60]],
  [100, [0, 50, 100]],
  [1_234, [0, 500, 1000, 1500]],
])('an axis up to %s has lines at %s', (most, lines) => {
  expect(ticks(most)).toEqual(lines);
});

it('an axis reaches its highest count with few lines, whatever the count', () => {
  for (let most = 0; most < 20_000; most += 7) {
    const lines = ticks(most);
    expect(lines.at(-1)).toBeGreaterThanOrEqual(most);
    expect(lines.length).toBeLessThanOrEqual(5);
    expect(lines.every(Number.isInteger)).toBe(true);
  }
});

it.each([
  [labelStep(24, 1_200, 46), 1],
  [labelStep(24, 300, 46), 4],
  [labelStep(0, 300, 46), 1],
  [labelStep(24, 0, 46), 1],
  [barAt(0, 24, 240), 0],
  [barAt(239, 24, 240), 23],
  [barAt(240, 24, 240), undefined],
  [barAt(-1, 24, 240), undefined],
  [warmth(0, 100), 0],
  [warmth(25, 100), 0.5],
  [warmth(100, 100), 1],
  [warmth(0, 0), 0],
])('%s is %s', (value, expected) => {
  expect(value).toBe(expected);
});

it.each([
  [day('2026-11-08T00:00'), '8 Nov'],
  [hour('2026-11-28T08:00'), '08:00'],
  [hourSpan(23), '23:00–24:00'],
  [minutes(0.3), '18 s'],
  [minutes(0.999), '1.0 min'],
  [minutes(4.2), '4.2 min'],
  [minutes(9.96), '10 min'],
  [minutes(59.6), '1 h'],
  [minutes(65), '1 h 5 min'],
  [percent(0, 9), '0 %'],
  [percent(1, 900), '< 1 %'],
  [percent(51, 60), '85 %'],
  [daysProblem('2026-11-01', '2026-11-01'), ''],
  [daysProblem('2026-09-01', '2026-12-01'), ''],
  [daysProblem('2026-09-01', '2026-12-02'), 'A period has at most 92 days.'],
  [daysProblem('2026-11-02', '2026-11-01'), 'The last day is before the first one.'],
  [daysProblem('', '2026-11-01'), 'Choose the first and the last day.'],
])('%s is %s', (text, expected) => {
  expect(text).toBe(expected);
});

it('places become a tree, with names within their parents', () => {
  const place = (path: string, kind: PlaceNow['kind']): PlaceNow => {
    return { id: path || 'all', path, kind, connected: 1, detected: 0 };
  };
  const places = placeTree([
    place('', 'everywhere'),
    place('North', 'campus'),
    place('North>Main', 'building'),
    place('North>Main>Ground', 'floor'),
    place('North>Main>Ground>Lobby', 'zone'),
    place('South', 'campus'),
  ]);
  const lobby = places.get('North>Main>Ground>Lobby');
  const way = lobby ? wayTo(lobby) : [];
  expect(way.map(({ name }) => name)).toEqual(['Everywhere', 'North', 'Main', 'Ground', 'Lobby']);
  expect(places.get('all')?.children.map(({ name }) => name)).toEqual(['North', 'South']);
  const where = (path: string) => nameWithin('North>Main>Ground>Lobby', place(path, 'zone'));
  expect(['North', 'North>Main>Ground>Lobby', '', 'Nor'].map(where)).toEqual([
    { name: 'Lobby', where: 'Main › Ground' },
    { name: 'Lobby', where: '' },
    { name: 'Lobby', where: 'North › Main › Ground' },
    { name: 'Lobby', where: 'North › Main › Ground' },
  ]);
});

it('cells are added to the zones that their middle is in', () => {
  const square = (x: number, side: number) => [
    { x, y: 0 },
    { x: x + side, y: 0 },
    { x: x + side, y: side },
    { x, y: side },
  ];
  expect(contains(square(0, 2), { x: 1, y: 1 })).toBe(true);
  expect(contains(square(0, 2), { x: 3, y: 1 })).toBe(false);
  const cells = [
    { column: 0, row: 0, seconds: 5 },
    { column: 1, row: 1, seconds: 1 },
    { column: 2, row: 0, seconds: 60 },
  ];
  const zones = [
    { name: 'West', outline: square(0, 2) },
    { name: 'East', outline: square(2, 2) },
    { name: 'Far', outline: square(9, 2) },
  ];
  const heat = { floor: '1', cell: 1, columns: 4, rows: 2, cells };
  expect(zoneTimes(heat, zones)).toEqual([
    { name: 'East', seconds: 60 },
    { name: 'West', seconds: 6 },
  ]);
});
