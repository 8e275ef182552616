// The way of the selected element on one floor, oldest first, ready to draw.
import type { Position, TrailPoint } from '../api';

/** A line across a longer silence would show a way that nobody saw; ours. */
export const GAP_MAX_MS = 5 * 60_000;

export class Trail {
  #points: TrailPoint[] = [];

  replace(points: TrailPoint[]): void {
    this.#points = points;
  }

  /** Adds a place that is newer than the last one. */
  append(position: Position): void {
    const last = this.#points.at(-1);
    if (last && position.at <= last.at) return;
    const { floor, point, confidence, at } = position;
    this.#points.push({ at, floor, x: point.x, y: point.y, confidence });
  }

  /** The unbroken pieces of the way that lie on `floor`. */
  pieces(floor: string): TrailPoint[][] {
    const pieces: TrailPoint[][] = [];
    let previous: TrailPoint | undefined;
    for (const point of this.#points) {
      const joins =
        previous && previous.floor === floor && point.at - previous.at <= GAP_MAX_MS;
      if (point.floor === floor) {
        if (joins) pieces.at(-1)?.push(point);
        else pieces.push([point]);
      }
      previous = point;
    }
    return pieces;
  }
}
