// Where everything on a floor was, as it was recorded. Pure.
import type { CategoryPath, PlaybackPoint, Point, TrailPoint } from '../../api';
import { elementKey } from '../../categories';
import { GAP_MAX_MS } from '../trail';

/** Between two places that are further apart in time nobody knows the way; ours. */
const JOIN_MAX_MS = 90_000;
/** So much of a way is drawn behind an element. */
const TRAIL_MS = 5 * 60_000;

export interface Recorded extends Point {
  key: string;
  category: CategoryPath;
  mac: string;
}

export class Ways {
  readonly #ways = new Map<string, PlaybackPoint[]>();
  #first = -Infinity;

  constructor(readonly floor: string) {}

  /** Takes places in order of time. */
  add(points: readonly PlaybackPoint[]): void {
    if (this.size === 0 && points[0]) this.#first = points[0].at;
    for (const point of points) {
      const key = elementKey(point.category, point.mac);
      const way = this.#ways.get(key);
      if (way) way.push(point);
      else this.#ways.set(key, [point]);
    }
  }

  /** When the first of them was somewhere; long ago when nobody was. */
  get first(): number {
    return this.#first;
  }

  get size(): number {
    return this.#ways.size;
  }

  /** Who was there at a time, and where; between two places that were recorded, in between. */
  at(time: number): Recorded[] {
    const there: Recorded[] = [];
    for (const [key, way] of this.#ways) {
      const next = firstAfter(way, time);
      const [before, after] = [way[next - 1], way[next]];
      if (!before || time - before.at > GAP_MAX_MS) continue;
      const { category, mac } = before;
      const joins = after && after.at - before.at <= JOIN_MAX_MS;
      const share = joins ? (time - before.at) / (after.at - before.at) : 0;
      const x = before.x + share * ((after?.x ?? before.x) - before.x);
      const y = before.y + share * ((after?.y ?? before.y) - before.y);
      there.push({ key, category, mac, x, y });
    }
    return there;
  }

  /** The last minutes of a way until a time. */
  trail(key: string, time: number): TrailPoint[] {
    const way = this.#ways.get(key) ?? [];
    const points = way.slice(firstAfter(way, time - TRAIL_MS), firstAfter(way, time));
    return points.map(({ at, x, y }) => ({ at, floor: this.floor, x, y, confidence: 0 }));
  }
}

/** The place in a way of the first point after a time. */
function firstAfter(way: readonly PlaybackPoint[], time: number): number {
  let [from, to] = [0, way.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((way[middle]?.at ?? 0) <= time) from = middle + 1;
    else to = middle;
  }
  return from;
}
