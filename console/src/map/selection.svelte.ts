// The element that the details panel shows, and its trail.
// It is asked for by itself, because it may be on another floor, or on none.
import * as api from '../api';
import type { CategoryPath, Element } from '../api';
import { poll } from '../poll';
import { Trail } from './trail';

const ELEMENT_INTERVAL_MS = 4_000;
const TRAIL_INTERVAL_MS = 10_000;

export class Selection {
  element = $state.raw<Element | undefined>();
  failure = $state('');
  readonly trail = new Trail();
  /** Called when the trail was read anew. */
  ontrail: () => void = () => {};

  /** Follows one element until the returned function is called. */
  open(category: CategoryPath, mac: string): () => void {
    this.element = undefined;
    this.failure = '';
    return poll(
      ELEMENT_INTERVAL_MS,
      async (signal) => this.take(await api.readElement(category, mac, signal)),
      (message) => (this.failure = message),
    );
  }

  /** Reads the way of the last `minutes` again and again. */
  openTrail(category: CategoryPath, mac: string, minutes: number): () => void {
    this.trail.replace([]);
    this.ontrail();
    return poll(TRAIL_INTERVAL_MS, async (signal) => {
      this.trail.replace(await api.readTrail(category, mac, minutes, signal));
      this.ontrail();
    });
  }

  /** Takes newer facts, from the feed or from an answer. */
  take(element: Element): void {
    if (this.element && this.element.last_seen > element.last_seen) return;
    this.element = element;
    if (element.position) this.trail.append(element.position);
  }
}
