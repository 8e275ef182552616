// Finds the nearest of many points without looking at all of them: points sit in square cells,
// and a search looks at the cells around the pointer. Units are the caller's.

/** Columns are packed into one number with rows; floors are far below this many cells a side. */
const ROW_STRIDE = 65_536;

export class HitGrid<T> {
  readonly #cells = new Map<number, { x: number; y: number; item: T }[]>();

  constructor(readonly cell: number) {}

  insert(x: number, y: number, item: T): void {
    const key = this.#key(this.#index(x), this.#index(y));
    const cell = this.#cells.get(key);
    if (cell) cell.push({ x, y, item });
    else this.#cells.set(key, [{ x, y, item }]);
  }

  /** The item nearest to (`x`, `y`) within `radius`; among equals the one inserted last. */
  nearest(x: number, y: number, radius: number): T | undefined {
    let best: T | undefined;
    let best_distance = radius * radius;
    for (let row = this.#index(y - radius); row <= this.#index(y + radius); row += 1) {
      for (let column = this.#index(x - radius); column <= this.#index(x + radius); column += 1) {
        for (const entry of this.#cells.get(this.#key(column, row)) ?? []) {
          const distance = (entry.x - x) ** 2 + (entry.y - y) ** 2;
          if (distance <= best_distance) {
            best = entry.item;
            best_distance = distance;
          }
        }
      }
    }
    return best;
  }

  #index(coordinate: number): number {
    return Math.floor(coordinate / this.cell);
  }

  #key(column: number, row: number): number {
    return row * ROW_STRIDE + column;
  }
}
