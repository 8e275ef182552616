// The past of one floor: what was recorded is read once, and shown again as fast as somebody likes.
import { errorText, readPlayback, type Element, type FloorDetails } from '../../api';
import { categoryOfPath } from '../../categories';
import { Dots, type Tally } from '../dots';
import { contains } from '../edit/geometry';
import { Trail } from '../trail';
import { Ways } from './ways';

export interface Span {
  minutes: number;
  title: string;
  /** A place of each element every so many seconds: what a screen shows of so long a time. */
  step_s: number;
}

/** What can be played back; the engine answers at most a day. */
export const SPANS: readonly Span[] = [
  { minutes: 15, title: '15 minutes', step_s: 2 },
  { minutes: 60, title: 'hour', step_s: 5 },
  { minutes: 8 * 60, title: '8 hours', step_s: 30 },
  { minutes: 24 * 60, title: '24 hours', step_s: 60 },
];
/** Seconds that pass in one. */
export const SPEEDS = [1, 10, 60, 600] as const;
/** An element that stands still is recorded once a minute, so this long before the span as well. */
const BEFORE_MS = 60_000;
/** Answers that are cut are asked for further; more than these are a busy day, and said to be cut. */
const PARTS_MAX = 20;
/** The clock goes on in steps of this length; dots glide from one to the next. */
const TICK_MS = 100;
/** A step is at most so long, whatever the browser did meanwhile. */
const TICK_MAX_MS = 250;

export class Playback {
  from = $state(0);
  until = $state(0);
  /** The moment that is shown, in milliseconds since 1970. */
  at = $state(0);
  playing = $state(false);
  speed = $state<number>(10);
  loading = $state(false);
  failure = $state('');
  /** How many elements were on the floor at any time of the span. */
  known = $state(0);
  tally = $state.raw<Tally>({ total: 0, categories: {}, zones: {} });
  readonly dots: Dots;
  readonly trail = new Trail();
  /** Called whenever another moment is shown. */
  onmoment: () => void = () => {};

  #ways: Ways;
  #abort: AbortController | undefined;

  /** `live` knows the names of elements that are still there. */
  constructor(
    readonly details: FloorDetails,
    readonly live: Dots | undefined,
    /** The element whose way is drawn. */
    readonly followed: () => string | undefined,
  ) {
    this.dots = new Dots(details.id);
    this.#ways = new Ways(details.id);
  }

  /** Reads what happened in the span that ends now, and plays it from when somebody was there. */
  async open(span: Span, now: number): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.playing = false;
    this.loading = true;
    this.failure = '';
    const ways = new Ways(this.details.id);
    this.until = now;
    this.from = now - span.minutes * 60_000;
    try {
      let from = this.from - BEFORE_MS;
      for (let part = 0; part < PARTS_MAX && from <= now; part += 1) {
        // The engine answers a day at most, both ends included.
        const start = Math.max(from, now - 24 * 3_600_000);
        const answer = await readPlayback(this.details.id, start, now, span.step_s, abort.signal);
        ways.add(answer.points);
        if (answer.until < start) break;
        this.until = answer.until;
        from = answer.until + 1;
      }
      this.#ways = ways;
      this.known = ways.size;
      this.#rewind();
      this.playing = ways.size > 0;
    } catch (error) {
      if (!abort.signal.aborted) this.failure = errorText(error);
    } finally {
      if (!abort.signal.aborted) this.loading = false;
    }
  }

  close(): void {
    this.#abort?.abort();
    this.playing = false;
  }

  /** Plays, from the beginning when it is at its end, or pauses. */
  toggle(): void {
    if (!this.playing && this.at >= this.until) this.#rewind();
    this.playing = !this.playing;
  }

  #rewind(): void {
    this.show(Math.max(this.from, this.#ways.first));
  }

  /** Lets time pass while it plays, until the returned function is called. */
  run(): () => void {
    let last = performance.now();
    let frame = 0;
    const tick = (now: number) => {
      if (now - last >= TICK_MS) {
        const elapsed_ms = Math.min(now - last, TICK_MAX_MS);
        last = now;
        this.show(this.at + elapsed_ms * this.speed);
      }
      if (this.at >= this.until) this.playing = false;
      else frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }

  /** Shows a moment. */
  show(at: number): void {
    this.at = Math.min(Math.max(at, this.from), this.until);
    const elements = this.#ways.at(this.at).map((it) => this.#element(it));
    this.dots.apply({ type: 'elements', elements, removed: [] }, true);
    this.tally = this.dots.tally();
    this.follow();
  }

  /** Draws the way of the element that is followed. */
  follow(): void {
    const key = this.followed();
    this.trail.replace(key ? this.#ways.trail(key, this.at) : []);
    this.onmoment();
  }

  #element({ key, category, mac, x, y }: ReturnType<Ways['at']>[number]): Element {
    const point = { x, y };
    const zones = this.details.floor.zones.filter(({ outline }) => contains(outline, point));
    return {
      category: categoryOfPath(category)?.category ?? 'wireless_client',
      mac,
      first_seen: this.at,
      last_seen: this.at,
      band: null,
      strongest: null,
      position: { floor: this.details.id, point, confidence: 0, at: this.at },
      association: this.live?.byKey.get(key)?.element.association ?? {
        associated: false,
        bytes_sent: 0,
        bytes_received: 0,
      },
      controller: '',
      missing: false,
      zones: zones.map(({ name }) => name),
    };
  }
}
