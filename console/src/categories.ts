// The six kinds of tracked elements: their words, in the order in which the engine counts them.
import type { Category, CategoryPath } from './api';

export interface CategoryWords {
  category: Category;
  path: CategoryPath;
  title: string;
  /** One of them, inside a sentence. */
  singular: string;
}

export const CATEGORIES: readonly CategoryWords[] = [
  words('wireless_client', 'clients', 'Wireless Clients', 'Wireless client'),
  words('tag', 'tags', 'Tags', 'Tag'),
  words('rogue_ap', 'rogueaps', 'Rogue APs', 'Rogue AP'),
  words('rogue_client', 'rogueclients', 'Rogue Clients', 'Rogue client'),
  words('interferer', 'interferers', 'Interferers', 'Interferer'),
  words('wired_client', 'wiredclients', 'Wired Clients', 'Wired client'),
];

const byCategory = new Map(CATEGORIES.map((entry) => [entry.category, entry]));
const byPath = new Map(CATEGORIES.map((entry) => [entry.path as string, entry]));

/** The words of a category that an element carries. */
export function categoryWords(category: Category): CategoryWords {
  return byCategory.get(category) ?? words(category, 'clients', category, category);
}

/** The category that a URL names, if it names one. */
export function categoryOfPath(path: string | undefined): CategoryWords | undefined {
  return path === undefined ? undefined : byPath.get(path);
}

/** What makes an element itself: the same address may be both a client and a rogue client. */
export function elementKey(path: CategoryPath, mac: string): string {
  return `${path}/${mac}`;
}

function words(
  category: Category,
  path: CategoryPath,
  title: string,
  singular: string,
): CategoryWords {
  return { category, path, title, singular };
}
