// Searching the encyclopaedia. Pure.
import type { Article } from '../api-wips';

/** Articles that have every word of `q` in them, in their own order. */
export function articlesFound(articles: readonly Article[], q: string): Article[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return articles.filter(({ kind, name, description, remedy }) => {
    const text = `${kind} ${name} ${description} ${remedy}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
