import { expect, it } from 'vitest';

import type { Drawing } from '../../src/api';
import { area, contains, distanceTo, snap, snapInto } from '../../src/map/edit/geometry';
import { begin, redo, step, undo } from '../../src/map/edit/history';
import * as shapes from '../../src/map/edit/shapes';
import { coveredArea } from '../../src/map/survey/spread';

const square = (x: number, y: number, side: number) => [
  { x, y },
  { x: x + side, y },
  { x: x + side, y: y + side },
  { x, y: y + side },
];

const DRAWING: Drawing = {
  access_points: [{ mac: '00:00:5e:00:53:01', name: 'AP 1', at: { x: 2, y: 2 }, height: 2.5, radios: [] }],
  walls: [{ line: { from: { x: 0, y: 8 }, to: { x: 10, y: 8 } }, loss_db: 3 }],
  regions: [{ kind: 'exclusion', outline: square(12, 0, 4) }],
  rails: [],
  chokepoints: [{ name: 'Gate', at: { x: 18, y: 8 }, range: 2 }],
  switches: [{ name: 'sw-1', at: { x: 18, y: 2 }, reach: 45, outlets: [{ port: '1/0/7', at: { x: 2, y: 1 } }] }],
  zones: [
    { name: 'Hall', outline: square(0, 0, 10) },
    { name: 'Desk', outline: square(4, 4, 2) },
  ],
};

it('snaps to tenths of a metre without a tail of digits, and into the floor', () => {
  expect(snap({ x: 0.30000001, y: 12.349 })).toEqual({ x: 0.3, y: 12.3 });
  expect(snapInto({ x: -3, y: 99 }, { width: 20, length: 10 })).toEqual({ x: 0, y: 10 });
});

it('knows distances, insides and areas', () => {
  const wall = { from: { x: 0, y: 0 }, to: { x: 4, y: 0 } };
  expect(distanceTo(wall, { x: 2, y: 3 })).toBe(3);
  expect(distanceTo(wall, { x: 7, y: 4 })).toBe(5);
  expect(contains(square(0, 0, 2), { x: 1, y: 1 })).toBe(true);
  expect(contains(square(0, 0, 2), { x: 3, y: 1 })).toBe(false);
  expect(area(square(3, 5, 4))).toBe(16);
});

it('finds what is meant: small things first, then lines, then the smallest area', () => {
  const at = (x: number, y: number, inside = true) =>
    shapes.hit(DRAWING, { x, y }, 0.5, undefined, inside);
  expect(at(2.2, 2.1)).toEqual({ kind: 'access_points', index: 0 });
  expect(at(5, 8.2)).toEqual({ kind: 'walls', index: 0 });
  expect(at(5, 5)).toEqual({ kind: 'zones', index: 1 });
  expect(at(8, 6)).toEqual({ kind: 'zones', index: 0 });
  expect(at(8, 6, false)).toBeUndefined();
  expect(at(12, 2)).toEqual({ kind: 'regions', index: 0 });
  expect(at(18, 18)).toBeUndefined();
  expect(at(18.2, 8.1)).toEqual({ kind: 'chokepoints', index: 0 });
  expect(at(18, 2.4)).toEqual({ kind: 'switches', index: 0 });
});

it('moves a chokepoint and a switch as a whole, and leaves the outlets where they are', () => {
  const gate = { kind: 'chokepoints', index: 0 } as const;
  // A spot has no corners that come first.
  expect(shapes.hit(DRAWING, { x: 18, y: 8 }, 0.5, gate, true)).toEqual(gate);
  const moved = shapes.dragged(DRAWING, gate, { x: 18, y: 8 }, { x: 16.04, y: 7 });
  expect(moved.chokepoints).toEqual([{ name: 'Gate', at: { x: 16, y: 7 }, range: 2 }]);
  const other = shapes.dragged(DRAWING, { kind: 'switches', index: 0 }, { x: 18, y: 2 }, { x: 17, y: 2 });
  expect(other.switches[0]).toEqual({ ...DRAWING.switches[0], at: { x: 17, y: 2 } });
  expect(shapes.countChanges(DRAWING, other)).toBe(1);
});

it('draws what a floor has, and nothing where it has none of a kind', () => {
  const floor = { name: 'F', level: 0, width: 20, length: 10, height: 3, ...DRAWING };
  expect(shapes.drawingOf(floor)).toEqual(DRAWING);
  const { rails, chokepoints, switches, ...bare } = floor;
  expect(shapes.drawingOf(bare)).toEqual({ ...DRAWING, rails: [], chokepoints: [], switches: [] });
});

it('offers the corners of what is selected before anything else', () => {
  const zone = { kind: 'zones', index: 1 } as const;
  const corner = shapes.hit(DRAWING, { x: 6.2, y: 6.1 }, 0.5, zone, true);
  expect(corner).toEqual({ ...zone, corner: 2 });
});

it('drags a corner to the grid and a shape by whole steps, and leaves the old drawing alone', () => {
  const before = structuredClone(DRAWING);
  const zone = { kind: 'zones', index: 1 } as const;
  const corner = shapes.dragged(DRAWING, { ...zone, corner: 2 }, { x: 6, y: 6 }, { x: 7.04, y: 6.51 });
  expect(corner.zones[1]?.outline[2]).toEqual({ x: 7, y: 6.5 });
  const wall = shapes.dragged(DRAWING, { kind: 'walls', index: 0 }, { x: 5, y: 8 }, { x: 5.52, y: 8 });
  expect(wall.walls[0]?.line).toEqual({ from: { x: 0.5, y: 8 }, to: { x: 10.5, y: 8 } });
  expect(DRAWING).toEqual(before);
});

it('counts a changed shape once, and nothing after it was taken back', () => {
  const moved = shapes.replaced(DRAWING, 'access_points', 0, { at: { x: 3, y: 3 } });
  const both = shapes.added(moved, 'rails', { from: { x: 0, y: 0 }, to: { x: 1, y: 0 } });
  expect(shapes.countChanges(DRAWING, both)).toBe(2);
  expect(shapes.countChanges(DRAWING, shapes.removed(DRAWING, { kind: 'zones', index: 0 }))).toBe(1);
  expect(shapes.countChanges(DRAWING, structuredClone(DRAWING))).toBe(0);
});

it('goes back and forth, and forgets what was undone after a new step', () => {
  let history = step(step(begin('a'), 'b'), 'c');
  history = undo(undo(history));
  expect(history.now).toBe('a');
  expect(undo(history).now).toBe('a');
  expect(redo(history).now).toBe('b');
  history = step(history, 'd');
  expect(redo(history).now).toBe('d');
  expect(undo(history).now).toBe('a');
});

it('finds the shape that a refusal names', () => {
  const outline = "Campus>B>F: the outline of zone 'Desk' needs 3 to 256 corners";
  expect(shapes.culprit(DRAWING, outline)).toEqual({ kind: 'zones', index: 1 });
  const twice = 'The access point 00:00:5E:00:53:01 is there twice';
  expect(shapes.culprit(DRAWING, twice)).toEqual({ kind: 'access_points', index: 0 });
  expect(shapes.culprit(DRAWING, 'the chokepoint Gate is there twice')).toEqual({
    kind: 'chokepoints',
    index: 0,
  });
  expect(shapes.culprit(DRAWING, "'SW-1' is no name")).toEqual({ kind: 'switches', index: 0 });
  expect(shapes.culprit(DRAWING, 'the engine failed')).toBeUndefined();
});

it('names new zones apart from those that are there', () => {
  expect(shapes.freeName(['Zone 1', 'Zone 3'], 'Zone')).toBe('Zone 2');
});

it('counts an area once however many points cover it', () => {
  const floor = { width: 40, length: 20 };
  const one = coveredArea([{ x: 20, y: 10 }], floor);
  expect(one).toBeGreaterThan(24);
  expect(one).toBeLessThan(33);
  expect(coveredArea([{ x: 20, y: 10 }, { x: 20, y: 10 }], floor)).toBe(one);
  expect(coveredArea([{ x: 0, y: 0 }], floor)).toBeLessThan(one);
});
