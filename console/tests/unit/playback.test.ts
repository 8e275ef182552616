import { describe, expect, it } from 'vitest';

import type { PlaybackPoint } from '../../src/api';
import { Ways } from '../../src/map/playback/ways';

const MINUTE = 60_000;

const point = (minute: number, mac: string, x: number): PlaybackPoint => ({
  at: minute * MINUTE,
  category: 'tags',
  mac,
  x,
  y: 2,
});

function ways(): Ways {
  const ways = new Ways('788');
  ways.add([point(1, 'a', 0), point(2, 'a', 10), point(2, 'b', 5)]);
  ways.add([point(20, 'a', 30)]);
  return ways;
}

/** Who is there at a minute, and where. */
const there = (minute: number) =>
  Object.fromEntries(ways().at(minute * MINUTE).map(({ key, x }) => [key, x]));

describe('what was recorded of a floor', () => {
  it('is shown between two places that are known', () => {
    expect(there(0.9)).toEqual({});
    expect(there(1)).toEqual({ 'tags/a': 0 });
    expect(there(1.25)).toEqual({ 'tags/a': 2.5 });
    expect(there(2)).toEqual({ 'tags/a': 10, 'tags/b': 5 });
  });

  it('begins when somebody was there', () => {
    expect(ways().first).toBe(MINUTE);
    expect(new Ways('788').first).toBe(-Infinity);
  });

  it('stays where it was last, and is gone after a longer silence', () => {
    expect(there(6.9)).toEqual({ 'tags/a': 10, 'tags/b': 5 });
    expect(there(7.1)).toEqual({});
    expect(there(20)).toEqual({ 'tags/a': 30 });
  });

  it('leaves a trail of some minutes, up to the moment that is shown', () => {
    const xs = (minute: number) => ways().trail('tags/a', minute * MINUTE).map(({ x }) => x);
    expect(xs(1.5)).toEqual([0]);
    expect(xs(2)).toEqual([0, 10]);
    expect(xs(20)).toEqual([30]);
    expect(ways().trail('tags/nobody', 0)).toEqual([]);
  });
});
