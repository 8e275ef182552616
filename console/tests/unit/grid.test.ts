import { expect, it } from 'vitest';

import { HitGrid } from '../../src/map/grid';

it('finds what a look at every point finds', () => {
  const grid = new HitGrid<number>(1.5);
  // A fixed sequence that spreads well, on both sides of the origin.
  const points = Array.from({ length: 800 }, (_, index) => ({
    x: ((index * 0.6180339) % 1) * 80 - 5,
    y: ((index * 0.7548776) % 1) * 48 - 5,
  }));
  points.forEach(({ x, y }, index) => grid.insert(x, y, index));
  let hits = 0;
  for (let probe = 0; probe < 200; probe += 1) {
    const at = { x: ((probe * 0.5698402) % 1) * 84 - 7, y: ((probe * 0.3247) % 1) * 52 - 7 };
    const nearest = points
      .map((point, index) => ({ index, distance: Math.hypot(point.x - at.x, point.y - at.y) }))
      .toSorted((a, b) => a.distance - b.distance)[0];
    const expected = nearest && nearest.distance <= 0.9 ? nearest.index : undefined;
    expect(grid.nearest(at.x, at.y, 0.9)).toBe(expected);
    if (expected !== undefined) hits += 1;
  }
  expect(hits).toBeGreaterThan(20);
});
