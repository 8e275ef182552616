import { describe, expect, it } from 'vitest';

import { between, fit, kept, toFloor, toScreen, zoomed } from '../../src/map/affine';

const FLOOR = { width: 80, height: 48 };
const VIEW = { width: 1000, height: 700 };

describe('the camera', () => {
  it('fits a floor into the middle of the view', () => {
    const camera = fit(FLOOR, VIEW);
    const corner = toScreen(camera, { x: 0, y: 0 });
    const opposite = toScreen(camera, { x: 80, y: 48 });
    expect(corner.x + opposite.x).toBeCloseTo(VIEW.width);
    expect(corner.y + opposite.y).toBeCloseTo(VIEW.height);
    expect(corner.x).toBeGreaterThan(0);
    expect(corner.y).toBeGreaterThan(0);
  });

  it('maps pixels back to the metres they came from', () => {
    const camera = { scale: 7.3, x: -40, y: 12 };
    const place = toFloor(camera, toScreen(camera, { x: 12.5, y: 3.25 }));
    expect(place.x).toBeCloseTo(12.5);
    expect(place.y).toBeCloseTo(3.25);
  });

  it.each([0.2, 0.8, 1.3, 50])('keeps the place under the pointer when zooming by %d', (factor) => {
    const camera = fit(FLOOR, VIEW);
    const pointer = { x: 321, y: 123 };
    const place = toFloor(camera, pointer);
    const target = zoomed(camera, factor, pointer, FLOOR, VIEW);
    for (const share of [0.3, 1]) {
      const after = toScreen(between(camera, target, share), place);
      expect(after.x).toBeCloseTo(pointer.x);
      expect(after.y).toBeCloseTo(pointer.y);
    }
  });

  it('cannot lose the floor out of sight', () => {
    const lost = { scale: 10, x: 5_000, y: -9_000 };
    const camera = kept(lost, FLOOR, VIEW);
    expect(camera.x).toBeLessThan(VIEW.width);
    expect(camera.y + FLOOR.height * camera.scale).toBeGreaterThan(0);
  });
});
