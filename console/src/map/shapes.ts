// One shape per category, so that nobody has to tell them apart by colour alone.
// The canvas and the legend draw the same outlines, on a unit circle.
import type { Category } from '../api';

type Outline = readonly (readonly [number, number])[];

/** Corners of each shape; a category without any is a circle. */
export const OUTLINES: Record<Category, Outline> = {
  wireless_client: [],
  tag: polygon(4, -90, 1.18),
  rogue_ap: polygon(3, -90, 1.28),
  rogue_client: polygon(3, 90, 1.28),
  interferer: star(5, 1.32, 0.62),
  wired_client: polygon(4, -45, 1.2),
};

/** Adds the shape of `category` around (`x`, `y`) to the current path of `context`. */
export function traceShape(
  context: CanvasRenderingContext2D,
  category: Category,
  x: number,
  y: number,
  radius: number,
): void {
  const outline = OUTLINES[category];
  if (outline.length === 0) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, Math.PI * 2);
    return;
  }
  outline.forEach(([dx, dy], corner) => {
    if (corner === 0) context.moveTo(x + dx * radius, y + dy * radius);
    else context.lineTo(x + dx * radius, y + dy * radius);
  });
  context.closePath();
}

function polygon(corners: number, first_degrees: number, radius: number): Outline {
  return Array.from({ length: corners }, (_, corner) =>
    onCircle(first_degrees + (360 / corners) * corner, radius),
  );
}

function star(points: number, outer: number, inner: number): Outline {
  return Array.from({ length: points * 2 }, (_, corner) =>
    onCircle(-90 + (180 / points) * corner, corner % 2 === 0 ? outer : inner),
  );
}

function onCircle(degrees: number, radius: number): readonly [number, number] {
  const angle = (degrees * Math.PI) / 180;
  return [Math.cos(angle) * radius, Math.sin(angle) * radius];
}
