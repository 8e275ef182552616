// What a heat map says in numbers: how long clients were in each zone. Pure.
import type { Floor, Heat, Point } from '../api';

export interface ZoneTime {
  name: string;
  seconds: number;
}

/** Time in each zone, the longest first. A cell belongs to the zones that its middle is in. */
export function zoneTimes(heat: Heat, zones: Floor['zones']): ZoneTime[] {
  const times = zones.map(({ name, outline }) => {
    const inside = heat.cells.filter(({ column, row }) =>
      contains(outline, { x: (column + 0.5) * heat.cell, y: (row + 0.5) * heat.cell }),
    );
    return { name, seconds: inside.reduce((sum, { seconds }) => sum + seconds, 0) };
  });
  return times.filter(({ seconds }) => seconds > 0).sort((a, b) => b.seconds - a.seconds);
}

/** Whether a point is inside an outline, by the number of sides to its right. */
export function contains(outline: readonly Point[], at: Point): boolean {
  let inside = false;
  outline.forEach((a, index) => {
    const b = outline.at(index - 1) ?? a;
    const crosses = a.y > at.y !== b.y > at.y;
    if (crosses && at.x < ((b.x - a.x) * (at.y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  });
  return inside;
}
