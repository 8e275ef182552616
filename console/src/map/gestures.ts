// Pointer, wheel and keys on the canvas, told as the few things that a map can be asked for.
// One finger or the left button drags, two fingers pinch; coordinates are CSS pixels of the canvas.
import type { Point } from '../api';

export interface MapGestures {
  pan(dx: number, dy: number): void;
  zoom(factor: number, anchor?: Point): void;
  fit(): void;
  tap(at: Point): void;
  hover(at: Point | undefined): void;
  cancel(): void;
  /** Takes hold of what is there; false when a drag shall move the map. */
  grab(at: Point): boolean;
  drag(at: Point): void;
  drop(): void;
  /** Whether a key was taken before the map's own keys are looked at. */
  key(event: KeyboardEvent): boolean;
}

/** A pointer that moved less than this between down and up, in CSS pixels, has tapped. */
const TAP_MAX_PX = 4;
/** Zoom per pixel of the wheel: a usual notch of 100 pixels zooms by a quarter. */
const WHEEL_ZOOM = 0.0022;
/** Pinches on a touchpad come as a wheel with Ctrl and much smaller steps. */
const PINCH_ZOOM = 0.012;
/** Height of a line, for wheels that count lines. */
const LINE_PX = 16;
const KEY_PAN_PX = 80;
const KEY_ZOOM = 1.4;

/** Listens on `canvas` until the returned function is called. */
export function watchGestures(canvas: HTMLCanvasElement, map: MapGestures): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  const pointers = new Map<number, Point>();
  let travelled_px = 0;
  /** Whether the one pointer that is down holds something. */
  let holds = false;

  const letGo = () => {
    if (holds) map.drop();
    holds = false;
  };

  const place = (event: MouseEvent): Point => ({ x: event.offsetX, y: event.offsetY });

  canvas.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      if (pointers.size === 0) {
        travelled_px = 0;
        holds = map.grab(place(event));
      } else letGo();
      pointers.set(event.pointerId, place(event));
    },
    { signal },
  );

  canvas.addEventListener(
    'pointermove',
    (event) => {
      const to = place(event);
      const from = pointers.get(event.pointerId);
      if (!from) {
        map.hover(to);
        return;
      }
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      travelled_px += Math.hypot(to.x - from.x, to.y - from.y);
      if (other) pinch(map, from, to, other);
      else if (holds && travelled_px >= TAP_MAX_PX) map.drag(to);
      else if (travelled_px >= TAP_MAX_PX) map.pan(to.x - from.x, to.y - from.y);
      pointers.set(event.pointerId, to);
    },
    { signal },
  );

  const release = (event: PointerEvent) => {
    const held = pointers.delete(event.pointerId);
    letGo();
    if (held && event.type === 'pointerup' && travelled_px < TAP_MAX_PX) map.tap(place(event));
  };
  canvas.addEventListener('pointerup', release, { signal });
  canvas.addEventListener('pointercancel', release, { signal });
  canvas.addEventListener('pointerleave', () => map.hover(undefined), { signal });
  canvas.addEventListener('dblclick', (event) => map.zoom(2, place(event)), { signal });
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const delta_px = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
      const rate = event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM;
      map.zoom(Math.exp(-delta_px * rate), place(event));
    },
    { signal, passive: false },
  );
  canvas.addEventListener(
    'keydown',
    (event) => {
      if (map.key(event)) {
        event.preventDefault();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const action = keyAction(map, event.key);
      if (!action) return;
      event.preventDefault();
      action();
    },
    { signal },
  );
  return () => abort.abort();
}

function pinch(map: MapGestures, from: Point, to: Point, other: Point): void {
  const before = Math.hypot(from.x - other.x, from.y - other.y);
  const after = Math.hypot(to.x - other.x, to.y - other.y);
  map.pan((to.x - from.x) / 2, (to.y - from.y) / 2);
  if (before > 0) {
    map.zoom(after / before, { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
  }
}

function keyAction(map: MapGestures, key: string): (() => void) | undefined {
  switch (key) {
    case '+':
    case '=':
      return () => map.zoom(KEY_ZOOM);
    case '-':
    case '_':
      return () => map.zoom(1 / KEY_ZOOM);
    case '0':
      return () => map.fit();
    case 'ArrowLeft':
      return () => map.pan(KEY_PAN_PX, 0);
    case 'ArrowRight':
      return () => map.pan(-KEY_PAN_PX, 0);
    case 'ArrowUp':
      return () => map.pan(0, KEY_PAN_PX);
    case 'ArrowDown':
      return () => map.pan(0, -KEY_PAN_PX);
    case 'Escape':
      return () => map.cancel();
    default:
      return undefined;
  }
}
