// Scales of the charts. Pure: numbers in, numbers out; no chart is drawn here.

/** About as many lines as an axis has; ours. */
const TICKS = 4;
/** Steps between lines that people count in, each of a power of ten. */
const STEPS = [1, 2, 5, 10];

/** Where an axis of counts has its lines, from 0 to the first that no count exceeds. */
export function ticks(most: number): number[] {
  const rough = Math.max(most, 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max((STEPS.find((step) => step * power >= rough) ?? 10) * power, 1);
  const lines = Math.max(Math.ceil(most / step), 1);
  return Array.from({ length: lines + 1 }, (_, line) => line * step);
}

/** Every how many bars a label fits, when one is `label_px` wide; 1 is every bar. */
export function labelStep(bars: number, width_px: number, label_px: number): number {
  if (bars === 0 || width_px <= 0) return 1;
  return Math.max(Math.ceil((label_px * bars) / width_px), 1);
}

/** The bar under a pointer `x_px` from the left; none outside. */
export function barAt(x_px: number, bars: number, width_px: number): number | undefined {
  const bar = Math.floor((x_px / width_px) * bars);
  return bar >= 0 && bar < bars ? bar : undefined;
}

/** Where on the scale of colours a cell is, 0 to 1: the root, so that seldom used ways are seen. */
export function warmth(seconds: number, most: number): number {
  return most > 0 ? Math.sqrt(Math.min(Math.max(seconds / most, 0), 1)) : 0;
}
