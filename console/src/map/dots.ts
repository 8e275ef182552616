// Every element of one floor with the place where it is drawn, which glides to where it is.
// A plain table: frames write it and the canvas reads it, and no reactive state is touched.
import type { Category, Element, ElementsFrame } from '../api';
import { categoryWords, elementKey } from '../categories';

export interface Dot {
  key: string;
  element: Element;
  /** Where it is drawn now, in metres. */
  x: number;
  y: number;
  /** Where it is going. */
  target_x: number;
  target_y: number;
}

/** How many elements a floor holds, by category and by zone. */
export interface Tally {
  total: number;
  categories: Partial<Record<Category, number>>;
  zones: Record<string, number>;
}

/** After this time a dot has gone 63 % of its way; frames come at most every 250 ms. */
const GLIDE_MS = 280;
/** A dot this near to its target, in metres, has arrived. */
const ARRIVED_M = 0.01;

export class Dots {
  readonly byKey = new Map<string, Dot>();

  constructor(readonly floor: string) {}

  /** Takes a frame of the live feed; a full one also drops what it does not list. */
  apply(frame: ElementsFrame, full: boolean): void {
    const stale = full ? new Set(this.byKey.keys()) : new Set<string>();
    for (const element of frame.elements) {
      const key = elementKey(categoryWords(element.category).path, element.mac);
      stale.delete(key);
      this.#place(key, element);
    }
    for (const { category, mac } of frame.removed) this.byKey.delete(elementKey(category, mac));
    for (const key of stale) this.byKey.delete(key);
  }

  /** Moves every dot on its way for `elapsed_ms`; whether any is still under way. */
  glide(elapsed_ms: number): boolean {
    const share = 1 - Math.exp(-elapsed_ms / GLIDE_MS);
    let moving = false;
    for (const dot of this.byKey.values()) {
      const dx = dot.target_x - dot.x;
      const dy = dot.target_y - dot.y;
      if (dx === 0 && dy === 0) continue;
      const arrived = Math.abs(dx) < ARRIVED_M && Math.abs(dy) < ARRIVED_M;
      dot.x = arrived ? dot.target_x : dot.x + dx * share;
      dot.y = arrived ? dot.target_y : dot.y + dy * share;
      moving ||= !arrived;
    }
    return moving;
  }

  /** Puts every dot where it is going, for people who asked for less motion. */
  settle(): void {
    this.glide(Number.POSITIVE_INFINITY);
  }

  tally(): Tally {
    const tally: Tally = { total: this.byKey.size, categories: {}, zones: {} };
    for (const { element } of this.byKey.values()) {
      tally.categories[element.category] = (tally.categories[element.category] ?? 0) + 1;
      for (const zone of element.zones) tally.zones[zone] = (tally.zones[zone] ?? 0) + 1;
    }
    return tally;
  }

  #place(key: string, element: Element): void {
    const position = element.position;
    if (position?.floor !== this.floor) {
      this.byKey.delete(key);
      return;
    }
    const { x, y } = position.point;
    const dot = this.byKey.get(key);
    if (dot) {
      dot.element = element;
      dot.target_x = x;
      dot.target_y = y;
    } else {
      this.byKey.set(key, { key, element, x, y, target_x: x, target_y: y });
    }
  }
}
