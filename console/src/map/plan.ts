// The plan of a floor as a bitmap that suits the theme.
// A vector plan is drawn once, fine enough to zoom into; a bright plan is darkened for dark rooms.
import { floorImageUrl, type FloorImage } from '../api';
import type { Palette } from './palette';

/** Longest side of the bitmap in pixels: 64 MB at most, and within the limits of every browser. */
const SIDE_MAX_PX = 4096;
/** A vector plan is drawn at least this large, whatever size it claims. */
const VECTOR_SIDE_PX = 3072;

export async function loadPlan(floor: string, image: FloorImage): Promise<HTMLImageElement> {
  const element = new Image();
  element.src = floorImageUrl(floor, image);
  await element.decode();
  return element;
}

export function planBitmap(
  source: HTMLImageElement,
  image: FloorImage,
  palette: Palette,
): HTMLCanvasElement {
  const side = Math.max(image.width_px, image.height_px, 1);
  const wanted = image.media_type === 'image/svg+xml' ? Math.max(side, VECTOR_SIDE_PX) : side;
  const factor = Math.min(wanted, SIDE_MAX_PX) / side;
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(Math.round(image.width_px * factor), 1);
  canvas.height = Math.max(Math.round(image.height_px * factor), 1);
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const { width, height } = canvas;
  const cover = (operation: GlobalCompositeOperation, colour: string) => {
    context.globalCompositeOperation = operation;
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
  };
  // Transparent plans are meant for white paper.
  cover('source-over', '#ffffff');
  context.drawImage(source, 0, 0, width, height);
  if (palette.dark) {
    // Dark lines on white become bright lines on dark; hues stay as drawn.
    cover('difference', '#ffffff');
    context.globalCompositeOperation = 'hue';
    context.drawImage(source, 0, 0, width, height);
    cover('multiply', '#d4dcda');
    cover('screen', palette.paper);
  }
  return canvas;
}
