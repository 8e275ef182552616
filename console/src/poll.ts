// Repeats a request while someone looks: the next one starts `interval_ms` after the last ended,
// so that a slow engine is never asked twice at once, and a hidden page asks nothing.
import { errorText } from './api';

/**
 * Calls `task` now and then again and again; returns the function that ends it.
 * `failed` hears the text of every failure, and an empty text after every success.
 */
export function poll(
  interval_ms: number,
  task: (signal: AbortSignal) => Promise<void>,
  failed: (message: string) => void = () => {},
): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const attempt = async () => {
    try {
      await task(abort.signal);
      if (!abort.signal.aborted) failed('');
    } catch (error) {
      if (!abort.signal.aborted) failed(errorText(error));
    }
  };
  const run = async () => {
    if (!document.hidden) await attempt();
    if (!abort.signal.aborted) timer = setTimeout(run, interval_ms);
  };
  void run();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
