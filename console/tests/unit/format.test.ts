import { expect, it } from 'vitest';

import { ago, band, bytes, dateTime, dbm, integer, plural, shortTime } from '../../src/format';

const NOW = new Date(2026, 10, 20, 16, 31, 5).getTime();

it.each([
  [ago(NOW - 500, NOW), 'just now'],
  [ago(NOW - 42_000, NOW), '42 s ago'],
  [ago(NOW - 3 * 3_600_000, NOW), '3 h ago'],
  [ago(NOW + 60_000, NOW), 'just now'],
  [ago(null, NOW), '–'],
  [dateTime(NOW), '2026-11-20 16:31:05'],
  [shortTime(NOW - 1000, NOW), '16:31:04'],
  [shortTime(NOW - 86_400_000, NOW), '2026-11-19 16:31:05'],
  [bytes(0), '0 B'],
  [bytes(999), '999 B'],
  [bytes(1000), '1.0 kB'],
  [bytes(999_960), '1.0 MB'],
  [bytes(3_400_000), '3.4 MB'],
  [integer(12_345_678), '12\u202f345\u202f678'],
  [integer(999), '999'],
  [plural(1, 'element'), '1 element'],
  [plural(0, 'element'), '0 elements'],
  [dbm(-58), '\u221258 dBm'],
  [band('2.4GHz'), '2.4 GHz'],
  [band('BLE'), 'BLE'],
  [band(null), '–'],
])('%s is %s', (text, expected) => {
  expect(text).toBe(expected);
});
