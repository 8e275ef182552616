// The live feed of one floor: a WebSocket that comes back by itself.
// It tells full frames from changes, and never holds elements itself.
import { liveUrl, type ElementsFrame, type LiveFrame } from './api';

export type LiveState = 'connecting' | 'live' | 'reconnecting';

export interface LiveListener {
  /** `full`: the frame lists every element of the floor, and what it does not list is gone. */
  frame(frame: ElementsFrame, full: boolean): void;
  state(state: LiveState): void;
  /** The feed could not be opened; the session may have ended. */
  refused(): void;
}

/** First pause before a new try, doubled after each failure; ours. */
const BACKOFF_FIRST_MS = 500;
/** Longest pause: an engine that took over is seen again within this time; ours. */
const BACKOFF_MAX_MS = 8_000;
/** The engine sends a heartbeat every 5 s. Silence of three is a dead engine, network or laptop. */
const SILENCE_MAX_MS = 15_000;

export class LiveFeed {
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #full = true;
  #closed = false;

  constructor(
    readonly floor: string,
    readonly listener: LiveListener,
  ) {
    listener.state('connecting');
    addEventListener('online', this.#renew);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    removeEventListener('online', this.#renew);
    this.#drop();
  }

  #open(): void {
    const socket = new WebSocket(liveUrl(this.floor));
    let opened = false;
    this.#socket = socket;
    this.#full = true;
    socket.onopen = () => {
      opened = true;
      this.#failures = 0;
      this.listener.state('live');
      this.#watchSilence();
    };
    socket.onmessage = (event) => {
      this.#watchSilence();
      this.#take(JSON.parse(String(event.data)) as LiveFrame);
    };
    socket.onclose = () => {
      if (!opened) this.listener.refused();
      this.#retryLater();
    };
  }

  #take(frame: LiveFrame): void {
    if (frame.type === 'lagged') {
      this.#full = true;
    } else if (frame.type === 'elements') {
      this.listener.frame(frame, this.#full);
      this.#full = false;
    }
  }

  #retryLater(): void {
    this.#drop();
    if (this.#closed) return;
    this.listener.state('reconnecting');
    const pause_ms = Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_MAX_MS);
    this.#failures += 1;
    // Spread over half the pause, so that many consoles do not return at one instant.
    this.#retry = setTimeout(() => this.#open(), pause_ms * (0.75 + Math.random() / 2));
  }

  /** Opens a new socket at once; the state stays what it is unless that fails. */
  readonly #renew = (): void => {
    this.#drop();
    this.#open();
  };

  #watchSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.listener.state('reconnecting');
      this.#renew();
    }, SILENCE_MAX_MS);
  }

  #drop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    if (!this.#socket) return;
    const socket = this.#socket;
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Browsers complain of a socket that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }
}
