// What a survey covers, in numbers and colours. Pure.
import type { Point, SurveyPoint } from '../../api';

/** The floor is counted in squares of this side: fine enough beside the reach. */
const SQUARE_M = 1;
/** How far a point speaks, in metres; ours. */
export const REACH_M = 3;

/** The area that lies within a few metres of some point, in square metres, within the floor. */
export function coveredArea(
  points: readonly Point[],
  floor: { width: number; length: number },
): number {
  const squares = new Set<string>();
  const steps = Math.ceil(REACH_M / SQUARE_M);
  for (const { x, y } of points) {
    const [column, row] = [Math.floor(x / SQUARE_M), Math.floor(y / SQUARE_M)];
    for (let dx = -steps; dx <= steps; dx += 1) {
      for (let dy = -steps; dy <= steps; dy += 1) {
        const centre = {
          x: (column + dx + 0.5) * SQUARE_M,
          y: (row + dy + 0.5) * SQUARE_M,
        };
        const isOnFloor =
          centre.x >= 0 && centre.y >= 0 && centre.x <= floor.width && centre.y <= floor.length;
        if (isOnFloor && Math.hypot(centre.x - x, centre.y - y) <= REACH_M) {
          squares.add(`${column + dx}/${row + dy}`);
        }
      }
    }
  }
  return squares.size * SQUARE_M * SQUARE_M;
}

/** How strongly the best access point heard it, and how many did. */
export function heard(point: SurveyPoint): { strongest: number; access_points: number } {
  return {
    strongest: Math.max(...point.readings.map(({ rssi }) => rssi)),
    access_points: new Set(point.readings.map(({ ap }) => ap)).size,
  };
}
