import { expect, it } from 'vitest';

import { Trail } from '../../src/map/trail';

const at = (minute: number, floor: string, x: number) => ({
  at: minute * 60_000,
  floor,
  x,
  y: 1,
  confidence: 2,
});

it('breaks where the element was elsewhere or was not heard', () => {
  const trail = new Trail();
  trail.replace([at(0, 'a', 1), at(1, 'a', 2), at(2, 'b', 9), at(3, 'a', 3), at(30, 'a', 4)]);
  const xs = trail.pieces('a').map((piece) => piece.map((point) => point.x));
  expect(xs).toEqual([[1, 2], [3], [4]]);
});

it('grows by newer places only', () => {
  const trail = new Trail();
  trail.replace([at(1, 'a', 1)]);
  const place = { floor: 'a', point: { x: 5, y: 1 }, confidence: 2 };
  trail.append({ ...place, at: 60_000 });
  trail.append({ ...place, at: 61_000 });
  expect(trail.pieces('a')[0]?.map((point) => point.x)).toEqual([1, 5]);
});
