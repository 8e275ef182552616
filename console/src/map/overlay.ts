// What moves on a floor: dots, the selected element with its circle and trail, and the scale bar.
// Drawn every frame, so dots are copies of a few bitmaps.
import type { Category, Point, TrailPoint } from '../api';
import { toScreen, type Camera, type Size } from './affine';
import type { Dot } from './dots';
import type { Palette } from './palette';
import { haloText } from './scene';
import type { Sprites } from './sprites';

/** Steps of fading along a trail: finer ones cannot be told apart. */
const TRAIL_FADES = 14;
/** Lengths that a scale bar may show, in metres. */
const SCALE_BARS_M = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SCALE_BAR_MAX_PX = 120;
/** Dots this far outside the view, in CSS pixels, are not drawn. */
const OUTSIDE_PX = 12;

export interface Overlay {
  context: CanvasRenderingContext2D;
  camera: Camera;
  view: Size;
  palette: Palette;
}

/** Radius of a dot in CSS pixels, in half steps: small on whole floors, never in the way. */
export function dotRadius(camera: Camera): number {
  return Math.round(Math.min(Math.max(camera.scale * 0.42, 4), 7) * 2) / 2;
}

export function drawDots(
  { context, camera, view }: Overlay,
  dots: Iterable<Dot>,
  hidden: ReadonlySet<Category>,
  sprites: Sprites,
): void {
  const { side } = sprites;
  // Wireless clients are many; everything else is rarer and more worth seeing, so it is on top.
  const later: Dot[] = [];
  const draw = (dot: Dot) => {
    const { category, missing } = dot.element;
    const x = dot.x * camera.scale + camera.x;
    const y = dot.y * camera.scale + camera.y;
    if (outside(x, view.width) || outside(y, view.height)) return;
    const sprite = (missing ? sprites.missing : sprites.present)[category];
    context.drawImage(sprite, x - side / 2, y - side / 2, side, side);
  };
  for (const dot of dots) {
    const { category } = dot.element;
    if (hidden.has(category)) continue;
    if (category === 'wireless_client') draw(dot);
    else later.push(dot);
  }
  later.forEach(draw);
}

/** The circle that holds the truth 95 times in 100, and a ring around the dot itself. */
export function drawSelected({ context, camera, palette }: Overlay, dot: Dot): void {
  const { x, y } = toScreen(camera, dot);
  const colour = palette.category[dot.element.category];
  const confidence_px = (dot.element.position?.confidence ?? 0) * camera.scale;
  context.save();
  context.beginPath();
  context.arc(x, y, Math.max(confidence_px, 1), 0, Math.PI * 2);
  context.globalAlpha = 0.14;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 0.7;
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.stroke();
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x, y, dotRadius(camera) + 6, 0, Math.PI * 2);
  context.strokeStyle = palette.halo;
  context.lineWidth = 4.5;
  context.stroke();
  context.strokeStyle = palette.focus;
  context.lineWidth = 1.8;
  context.stroke();
  context.restore();
}

/** The way of the selected element; what is longer ago is fainter. */
export function drawTrail(
  { context, camera, palette }: Overlay,
  pieces: readonly TrailPoint[][],
  dot: Dot | undefined,
  category: Category,
): void {
  const oldest = pieces[0]?.[0]?.at;
  const newest = pieces.at(-1)?.at(-1)?.at;
  if (oldest === undefined || newest === undefined) return;
  const span = Math.max(newest - oldest, 1);
  const fades: Path[] = Array.from({ length: TRAIL_FADES }, () => []);
  const join = (from: Point, to: Point, at: number) => {
    const fade = Math.min(Math.floor(((at - oldest) / span) * TRAIL_FADES), TRAIL_FADES - 1);
    const [a, b] = [toScreen(camera, from), toScreen(camera, to)];
    fades[fade]?.push(a.x, a.y, b.x, b.y);
  };
  for (const piece of pieces) {
    for (let index = 1; index < piece.length; index += 1) {
      const [from, to] = [piece[index - 1], piece[index]];
      // The newest place is drawn where the dot has glided to, not ahead of it.
      const last = dot && to?.at === newest ? dot : to;
      if (from && last) join(from, last, to?.at ?? newest);
    }
  }
  context.save();
  context.lineCap = 'round';
  context.strokeStyle = palette.category[category];
  fades.forEach((segments, fade) => {
    const freshness = (fade + 1) / TRAIL_FADES;
    context.globalAlpha = 0.05 + 0.65 * freshness ** 2.5;
    context.lineWidth = 1.2 + freshness;
    context.beginPath();
    for (let index = 0; index + 3 < segments.length; index += 4) {
      context.moveTo(segments[index] ?? 0, segments[index + 1] ?? 0);
      context.lineTo(segments[index + 2] ?? 0, segments[index + 3] ?? 0);
    }
    context.stroke();
  });
  context.restore();
}

/** A small plate beside a dot with the best name that is known for it. */
export function drawLabel(overlay: Overlay, dot: Dot): void {
  const text = dot.element.association.username ?? dot.element.mac;
  plate(overlay, text, toScreen(overlay.camera, dot), dotRadius(overlay.camera) + 11);
}

/** A small plate with a text, `shift` CSS pixels beside a place on the canvas, or else above it. */
export function plate(
  { context, view, palette }: Overlay,
  text: string,
  { x, y }: Point,
  shift: number,
): void {
  context.save();
  context.font = `500 12px ${palette.font}`;
  const width = context.measureText(text).width + 14;
  const right = x + shift;
  const before = x - shift - width;
  const isBeside = right + width <= view.width || before >= 0;
  const centred = Math.max(Math.min(x - width / 2, view.width - width - 4), 4);
  const left = !isBeside ? centred : right + width > view.width ? before : right;
  const middle = isBeside ? y : y - shift - 11;
  context.beginPath();
  context.roundRect(left, middle - 11, width, 22, 5);
  context.shadowColor = palette.shadow;
  context.shadowBlur = 6;
  context.fillStyle = palette.label;
  context.fill();
  context.shadowColor = 'transparent';
  context.strokeStyle = palette.edge;
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = palette.ink;
  context.textBaseline = 'middle';
  context.fillText(text, left + 7, middle + 0.5);
  context.restore();
}

/** A bar of a round length, and beside it the place under the pointer. */
export function drawScaleBar(
  { context, camera, view, palette }: Overlay,
  pointer: Point | undefined,
): void {
  const metres =
    SCALE_BARS_M.findLast((length) => length * camera.scale <= SCALE_BAR_MAX_PX) ?? 0.5;
  const width = metres * camera.scale;
  const [left, bottom] = [16.5, view.height - 15.5];
  context.save();
  context.beginPath();
  context.moveTo(left, bottom - 6);
  context.lineTo(left, bottom);
  context.lineTo(left + width, bottom);
  context.lineTo(left + width, bottom - 6);
  context.strokeStyle = palette.halo;
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = palette.ap;
  context.lineWidth = 1.4;
  context.stroke();
  context.font = `500 11px ${palette.font}`;
  context.lineJoin = 'round';
  const place = pointer ? `    x ${pointer.x.toFixed(1)}  y ${pointer.y.toFixed(1)} m` : '';
  haloText(
    context,
    `${metres} m${place}`,
    left + width + 8,
    bottom + 1,
    palette.ap,
    palette.halo,
  );
  context.restore();
}

/** Coordinates one after the other: x, y, x, y; cheaper than objects in the path of a frame. */
type Path = number[];

function outside(coordinate: number, side: number): boolean {
  return coordinate < -OUTSIDE_PX || coordinate > side + OUTSIDE_PX;
}
