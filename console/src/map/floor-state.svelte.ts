// The floor that is shown: its map, its dots and its live feed.
// Reactive are only the facts that text shows, and which table of dots it is; the dots themselves
// are plain.
import { errorText, readFloor, readSession, type FloorDetails } from '../api';
import { LiveFeed, type LiveState } from '../live';
import { Dots, type Tally } from './dots';

const NOBODY: Tally = { total: 0, categories: {}, zones: {} };

export class FloorState {
  details = $state.raw<FloorDetails | undefined>();
  failure = $state('');
  live = $state<LiveState>('connecting');
  tally = $state.raw<Tally>(NOBODY);
  dots = $state.raw<Dots | undefined>();
  /** Called after each frame of the feed. */
  onframe: () => void = () => {};

  /** Shows the floor `id` until the returned function is called. */
  open(id: string): () => void {
    const abort = new AbortController();
    const dots = new Dots(id);
    this.dots = dots;
    this.details = undefined;
    this.tally = NOBODY;
    this.failure = '';
    readFloor(id, abort.signal).then(
      (details) => (this.details = details),
      (error: unknown) => {
        if (!abort.signal.aborted) this.failure = errorText(error);
      },
    );
    const feed = new LiveFeed(id, {
      frame: (frame, full) => {
        dots.apply(frame, full);
        this.tally = dots.tally();
        this.onframe();
      },
      state: (state) => (this.live = state),
      // A refusal by the session logs out by itself; an engine that is away is waited for.
      refused: () => void readSession().catch(() => {}),
    });
    return () => {
      abort.abort();
      feed.close();
    };
  }
}
