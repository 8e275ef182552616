// The one affine map between metres on a floor and CSS pixels on the canvas.
// Both have their origin top left with y down, so a scale and a shift are all of it.
import type { Floor, Point } from '../api';

export interface Camera {
  /** CSS pixels per metre. */
  scale: number;
  /** Where the floor's origin is on the canvas, in CSS pixels. */
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** The sides of a floor in metres. */
export function sizeOf({ width, length }: Pick<Floor, 'width' | 'length'>): Size {
  return { width, height: length };
}

/** Free space around a floor that fills the view, in CSS pixels; room for the scale bar and the buttons. */
const FIT_MARGIN_PX = 56;
/** Part of a floor that always stays in view, in CSS pixels, so that nobody gets lost. */
const KEPT_IN_VIEW_PX = 96;
/** Closest view: one metre is this many CSS pixels; finer than any estimate of a place. */
const SCALE_MAX = 160;
/** Farthest view, as a part of the one where the floor fills the view. */
const SCALE_MIN_OF_FIT = 0.5;

export function toScreen(camera: Camera, point: Point): Point {
  return { x: point.x * camera.scale + camera.x, y: point.y * camera.scale + camera.y };
}

export function toFloor(camera: Camera, point: Point): Point {
  return { x: (point.x - camera.x) / camera.scale, y: (point.y - camera.y) / camera.scale };
}

/** The camera that shows the rectangle from `corner` of `area` metres, centred in `view`. */
export function fit(area: Size, view: Size, corner: Point = { x: 0, y: 0 }): Camera {
  const room = (side: number) => Math.max(side - 2 * FIT_MARGIN_PX, side / 2, 1);
  const scale = Math.min(
    room(view.width) / Math.max(area.width, 0.1),
    room(view.height) / Math.max(area.height, 0.1),
    SCALE_MAX,
  );
  return centred({ x: corner.x + area.width / 2, y: corner.y + area.height / 2 }, scale, view);
}

/** The camera that shows the same without free space around, where nothing else is on the canvas. */
export function fill(area: Size, view: Size, corner: Point): Camera {
  const scale = Math.min(view.width / area.width, view.height / area.height, SCALE_MAX);
  return centred({ x: corner.x + area.width / 2, y: corner.y + area.height / 2 }, scale, view);
}

/** The camera of `scale` that has `point` of the floor in the middle of the view. */
export function centred(point: Point, scale: number, view: Size): Camera {
  return {
    scale,
    x: view.width / 2 - point.x * scale,
    y: view.height / 2 - point.y * scale,
  };
}

/** Zooms by `factor` and keeps the place under `anchor`, in CSS pixels, where it is. */
export function zoomed(
  camera: Camera,
  factor: number,
  anchor: Point,
  floor: Size,
  view: Size,
): Camera {
  const scale_min = Math.min(fit(floor, view).scale * SCALE_MIN_OF_FIT, SCALE_MAX);
  const scale = Math.min(Math.max(camera.scale * factor, scale_min), SCALE_MAX);
  const ratio = scale / camera.scale;
  return {
    scale,
    x: anchor.x - (anchor.x - camera.x) * ratio,
    y: anchor.y - (anchor.y - camera.y) * ratio,
  };
}

/** Moves the camera just enough that a part of the floor stays in view. */
export function kept(camera: Camera, floor: Size, view: Size): Camera {
  const clamp = (shift: number, length: number, room: number) => {
    const part = Math.min(KEPT_IN_VIEW_PX, length, room / 2);
    return Math.min(Math.max(shift, part - length), room - part);
  };
  return {
    scale: camera.scale,
    x: clamp(camera.x, floor.width * camera.scale, view.width),
    y: clamp(camera.y, floor.height * camera.scale, view.height),
  };
}

/**
 * A step of `share` (0 to 1) from one camera to another.
 * Scale and shift move by the same share, so the anchor of a zoom stays still on the way.
 */
export function between(from: Camera, to: Camera, share: number): Camera {
  const step = (a: number, b: number) => a + (b - a) * share;
  return {
    scale: step(from.scale, to.scale),
    x: step(from.x, to.x),
    y: step(from.y, to.y),
  };
}

/** Whether two cameras draw the same picture. */
export function same(a: Camera, b: Camera): boolean {
  return (
    Math.abs(a.scale / b.scale - 1) < 1e-4 && Math.abs(a.x - b.x) < 0.1 && Math.abs(a.y - b.y) < 0.1
  );
}
