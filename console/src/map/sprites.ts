// Every kind of dot drawn once, as a small bitmap: copying thousands of them takes a fraction of
// the time that tracing their outlines takes.
import type { Category } from '../api';
import { CATEGORIES } from '../categories';
import type { Palette } from './palette';
import { traceShape } from './shapes';

/** Space around a shape in CSS pixels: corners reach beyond the radius, and lines beyond corners. */
const MARGIN_PX = 5;

export interface Sprites {
  radius: number;
  ratio: number;
  palette: Palette;
  /** Side of a bitmap in CSS pixels. */
  side: number;
  present: Record<Category, HTMLCanvasElement>;
  missing: Record<Category, HTMLCanvasElement>;
}

/** Bitmaps for dots of `radius` CSS pixels on a screen with `ratio` pixels per CSS pixel. */
export function drawSprites(radius: number, ratio: number, palette: Palette): Sprites {
  // Whole pixels of the screen, so that a copy is not resampled.
  const side = Math.ceil(2 * (radius + MARGIN_PX) * ratio) / ratio;
  const each = (missing: boolean) =>
    Object.fromEntries(
      CATEGORIES.map(({ category }) => [
        category,
        drawSprite(category, missing, radius, side, ratio, palette),
      ]),
    ) as Record<Category, HTMLCanvasElement>;
  return { radius, ratio, palette, side, present: each(false), missing: each(true) };
}

function drawSprite(
  category: Category,
  missing: boolean,
  radius: number,
  side: number,
  ratio: number,
  palette: Palette,
): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = Math.round(side * ratio);
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  context.scale(ratio, ratio);
  context.lineJoin = 'round';
  context.beginPath();
  traceShape(context, category, side / 2, side / 2, radius);
  const colour = palette.category[category];
  if (missing) {
    // Hollow: the paper shows, and only the outline has the colour.
    context.fillStyle = palette.paper;
    context.fill();
    context.strokeStyle = colour;
    context.lineWidth = 1.8;
    context.stroke();
  } else {
    // The fill covers the inner half of the halo, so that only its outer half is seen.
    context.strokeStyle = palette.halo;
    context.lineWidth = 2.8;
    context.stroke();
    context.fillStyle = colour;
    context.fill();
  }
  return canvas;
}
