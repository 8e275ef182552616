// Undo and redo over values that do not change in place.

/** Steps back that are kept; ours, an afternoon of drawing. */
const STEPS_MAX = 500;

export interface History<T> {
  past: readonly T[];
  now: T;
  future: readonly T[];
}

export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [] });

/** A step forward; what was undone before is gone. */
export function step<T>(history: History<T>, now: T): History<T> {
  if (now === history.now) return history;
  return { past: [...history.past, history.now].slice(-STEPS_MAX), now, future: [] };
}

export function undo<T>({ past, now, future }: History<T>): History<T> {
  const last = past.at(-1);
  if (last === undefined) return { past, now, future };
  return { past: past.slice(0, -1), now: last, future: [now, ...future] };
}

export function redo<T>({ past, now, future }: History<T>): History<T> {
  const [next, ...rest] = future;
  if (next === undefined) return { past, now, future };
  return { past: [...past, now], now: next, future: rest };
}
