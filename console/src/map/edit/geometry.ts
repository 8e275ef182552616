// Plane geometry of the editor, in metres. Pure.
import type { Point, Segment } from '../../api';

/** Whatever is placed by hand is on a grid of this width: finer is no better than the plan. */
export const SNAP_M = 0.1;

/** The nearest place of the grid; whole steps are counted, so that no digits pile up. */
export function snap({ x, y }: Point): Point {
  const steps = 1 / SNAP_M;
  const round = (length: number) => Math.round(length * steps) / steps;
  return { x: round(x), y: round(y) };
}

/** The nearest place of the grid on a floor of this size. */
export function snapInto(point: Point, floor: { width: number; length: number }): Point {
  const { x, y } = snap(point);
  return { x: Math.min(Math.max(x, 0), floor.width), y: Math.min(Math.max(y, 0), floor.length) };
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** How far `point` is from the nearest place of a segment. */
export function distanceTo({ from, to }: Segment, point: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length2 = dx * dx + dy * dy;
  if (length2 === 0) return distance(from, point);
  const along = ((point.x - from.x) * dx + (point.y - from.y) * dy) / length2;
  const kept = Math.min(Math.max(along, 0), 1);
  return distance({ x: from.x + kept * dx, y: from.y + kept * dy }, point);
}

/** The sides of an outline; the last corner joins the first. */
export function sides(outline: readonly Point[]): Segment[] {
  return outline.map((from, corner) => ({
    from,
    to: outline[(corner + 1) % outline.length] ?? from,
  }));
}

/** Whether `point` is inside, by the even-odd rule, as the engine decides it. */
export function contains(outline: readonly Point[], point: Point): boolean {
  let inside = false;
  for (const { from, to } of sides(outline)) {
    const straddles = from.y > point.y !== to.y > point.y;
    const crossing = ((to.x - from.x) * (point.y - from.y)) / (to.y - from.y) + from.x;
    if (straddles && point.x < crossing) inside = !inside;
  }
  return inside;
}

export function area(outline: readonly Point[]): number {
  const twice = sides(outline).reduce(
    (sum, { from, to }) => sum + from.x * to.y - to.x * from.y,
    0,
  );
  return Math.abs(twice) / 2;
}
