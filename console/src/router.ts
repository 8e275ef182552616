// Hash router: `#/map/788/clients/00:11:22:33:44:55` or `#/elements?category=tags`.
// The engine serves one page, so that no path of the console can collide with one of the API.
import { createSubscriber } from 'svelte/reactivity';
import { on } from 'svelte/events';

export interface Route {
  /** First part of the path; `map` when there is none. */
  page: string;
  /** The other parts, decoded. */
  rest: string[];
  query: URLSearchParams;
}

const subscribe = createSubscriber((update) => on(window, 'hashchange', update));

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...rest] = path.split('/').map(decodePart);
  return { page: page || 'map', rest, query: new URLSearchParams(query) };
}

/** The current route; reading it in an effect or a template follows it. */
export function currentRoute(): Route {
  subscribe();
  return parseRoute(location.hash);
}

/** Goes to `hash`; a replacing step leaves no entry for the back button. */
export function navigate(hash: string, replace = false): void {
  if (replace) location.replace(hash);
  else location.hash = hash;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
