// The engine's clock as the console knows it, ticking once a second for relative times.
// Ages are computed against the engine, because the clock of a browser may be wrong by minutes.
import { readServer } from './api';

const TICK_MS = 1000;

class Clock {
  #offset_ms = 0;
  /** Milliseconds since 1970 by the engine's clock. */
  now = $state(Date.now());
  version = $state('');
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The engine's time at this moment, without following it. */
  engineNow(): number {
    return Math.round(Date.now() + this.#offset_ms);
  }

  /** Reads the engine's time and starts ticking; call once after log-in. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => (this.now = Date.now() + this.#offset_ms), TICK_MS);
    const asked = Date.now();
    const server = await readServer();
    this.version = server.version;
    this.#offset_ms = server.current_time - (asked + Date.now()) / 2;
    this.now = Date.now() + this.#offset_ms;
  }
}

export const clock = new Clock();
