// The floor on one canvas: the camera, the frame loop, and what is under the pointer.
// Runs outside reactive state: components tell it what to show and hear which dot was chosen.
// It draws while something moves and sleeps otherwise.
import type { Category, Floor, FloorDetails, Point } from '../api';
import * as affine from './affine';
import type { Camera, Size } from './affine';
import type { Dot, Dots } from './dots';
import { watchGestures, type MapGestures } from './gestures';
import { HitGrid } from './grid';
import { drawMarks, type Mark } from './marks';
import {
  dotRadius,
  drawDots,
  drawLabel,
  drawScaleBar,
  drawSelected,
  drawTrail,
  type Overlay,
} from './overlay';
import { readPalette, type Palette } from './palette';
import { loadPlan, planBitmap } from './plan';
import { bounds, drawScene } from './scene';
import { drawSprites, type Sprites } from './sprites';
import type { Trail } from './trail';

/** After this time the camera has gone 63 % of its way. */
const CAMERA_GLIDE_MS = 70;
/** A frame after a pause counts as this long, so that nothing leaps. */
const FRAME_MAX_MS = 100;
/** How far from a dot a tap still means it, in CSS pixels beyond its radius: for fingers. */
const HIT_SLACK_PX = 7;
/** Dots that a pointer can hit are sorted into cells again after this time; none gets far in it. */
const GRID_AGE_MAX_MS = 120;
/** When something is searched for, the floor is shown at least this many times its fitted scale. */
const REVEAL_ZOOM = 1.9;
/** A revealed dot keeps this distance from the edges, in CSS pixels. */
const REVEAL_MARGIN_PX = 60;

/** What pointer, keys and overlay do instead of choosing dots, while something is drawn or surveyed. */
export interface MapTool {
  /** The floor as it is being changed, where it is. */
  readonly floor: Floor | undefined;
  /** The only dot that is shown meanwhile. */
  readonly dot: string | undefined;
  /** Takes hold of what is at a place; otherwise the map is moved. */
  grab(at: Point, reach_m: number): boolean;
  drag(at: Point): void;
  drop(): void;
  tap(at: Point, reach_m: number): void;
  /** Whether a key was meant for the tool. */
  key(event: KeyboardEvent): boolean;
  paint(overlay: Overlay, pointer: Point | undefined): void;
}

export interface MapEvents {
  /** A dot was chosen, or with `undefined` none any more. */
  choose(dot: Dot | undefined): void;
}

export class MapView implements MapGestures {
  #floor: FloorDetails | undefined;
  #plan: HTMLImageElement | undefined;
  #planBitmap: HTMLCanvasElement | undefined;
  #dots: Dots | undefined;
  #trail: Trail | undefined;
  #selected: string | undefined;
  #hidden: ReadonlySet<Category> = new Set();
  #tool: MapTool | undefined;
  #marks: readonly Mark[] = [];

  #view: Size = { width: 1, height: 1 };
  #camera: Camera = { scale: 1, x: 0, y: 0 };
  #target: Camera = this.#camera;
  /** The whole floor fills the view, and goes on doing so when the view changes its size. */
  #fitted = true;
  #toReveal: string | undefined;
  /** The area that was asked for, until somebody moves on; it stays as large as fits. */
  #area: readonly Point[] | undefined;
  #toShow: readonly Point[] | undefined;
  /** The dot that was moved to, until somebody moves on; it stays central when the view changes. */
  #revealed: string | undefined;
  #pointer: Point | undefined;
  #hovered: Dot | undefined;
  #grid: HitGrid<Dot> | undefined;
  #gridAt = 0;

  readonly #context: CanvasRenderingContext2D;
  readonly #scene = document.createElement('canvas');
  #sceneCurrent = false;
  #palette: Palette;
  #sprites: Sprites | undefined;
  #frame = 0;
  #frameAt = 0;
  readonly #stop: (() => void)[] = [];
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly events: MapEvents,
  ) {
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('This browser cannot draw on a canvas.');
    this.#context = context;
    this.#palette = readPalette(canvas);
    this.#stop.push(watchGestures(canvas, this));
    this.#watchSize();
    this.#watchTheme();
  }

  destroy(): void {
    for (const stop of this.#stop) stop();
    cancelAnimationFrame(this.#frame);
  }

  /** Shows another floor, or the same one after its maps changed. */
  showFloor(floor: FloorDetails | undefined, dots: Dots | undefined): void {
    const moved = floor?.id !== this.#floor?.id;
    this.#floor = floor;
    this.#dots = dots;
    this.#plan = this.#planBitmap = undefined;
    this.#hovered = this.#grid = undefined;
    if (moved) {
      this.#fitted = true;
      this.#area = undefined;
      this.#target = this.#camera = this.#fittedCamera();
    }
    const image = floor?.floor.image;
    if (floor && image) {
      loadPlan(floor.id, image).then(
        (plan) => {
          if (this.#floor !== floor) return;
          this.#plan = plan;
          this.#redraw();
        },
        () => {}, // Without its plan a floor is still a map: walls and zones are drawn anyway.
      );
    }
    this.#redraw();
  }

  showOnly(hidden: ReadonlySet<Category>): void {
    this.#hidden = hidden;
    this.#grid = undefined;
    this.wake();
  }

  select(key: string | undefined, trail: Trail | undefined): void {
    this.#selected = key;
    this.#trail = trail;
    if (key !== this.#toReveal) this.#toReveal = undefined;
    this.wake();
  }

  /** Hands the map to a tool, or back; call it again when the tool has changed what it shows. */
  useTool(tool: MapTool | undefined): void {
    this.#tool = tool;
    this.#redraw();
  }

  /** Points out places; those of other floors are not drawn. */
  showMarks(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.wake();
  }

  /** Moves to the dot `key` as soon as it is known. */
  reveal(key: string): void {
    this.#toReveal = key;
    this.wake();
  }

  /** Shows `outline` as large as fits, on the floor that the next frame draws. */
  showArea(outline: readonly Point[]): void {
    this.#toShow = outline;
    this.wake();
  }

  /** Draws the next frame; call it after the dots or the trail changed. */
  wake(): void {
    if (this.#frame !== 0) return;
    this.#frameAt = performance.now();
    this.#frame = requestAnimationFrame(this.#draw);
  }

  // Gestures.

  pan(dx: number, dy: number): void {
    this.#fitted = false;
    this.#revealed = this.#area = undefined;
    const { scale, x, y } = this.#target;
    this.#glideTo({ scale, x: x + dx, y: y + dy });
    // A drag follows the hand without delay.
    this.#camera = { ...this.#camera, x: this.#camera.x + dx, y: this.#camera.y + dy };
    this.#sceneCurrent = false;
  }

  zoom(factor: number, anchor: Point = { x: this.#view.width / 2, y: this.#view.height / 2 }): void {
    this.#fitted = false;
    this.#revealed = this.#area = undefined;
    this.#glideTo(affine.zoomed(this.#target, factor, anchor, this.#floorSize(), this.#view));
  }

  fit(): void {
    this.#fitted = true;
    this.#area = undefined;
    this.#glideTo(this.#fittedCamera());
  }

  grab(at: Point): boolean {
    return this.#tool?.grab(affine.toFloor(this.#camera, at), this.#reach_m()) ?? false;
  }

  drag(at: Point): void {
    this.#pointer = at;
    this.#tool?.drag(affine.toFloor(this.#camera, at));
  }

  drop(): void {
    this.#tool?.drop();
  }

  key(event: KeyboardEvent): boolean {
    return this.#tool?.key(event) ?? false;
  }

  tap(at: Point): void {
    if (this.#tool) {
      this.#tool.tap(affine.toFloor(this.#camera, at), this.#reach_m());
      return;
    }
    this.events.choose(this.#dotAt(at));
  }

  hover(at: Point | undefined): void {
    this.#pointer = at;
    this.wake();
  }

  cancel(): void {
    this.events.choose(undefined);
  }

  // The frame.

  readonly #draw = (now: number): void => {
    this.#frame = 0;
    const elapsed_ms = Math.min(Math.max(now - this.#frameAt, 1), FRAME_MAX_MS);
    this.#frameAt = now;
    const moving = this.#move(elapsed_ms);
    if (this.#floor) this.#paint(this.#floor);
    else this.#clear();
    if (moving) this.#frame = requestAnimationFrame(this.#draw);
  };

  #move(elapsed_ms: number): boolean {
    this.#startShow();
    this.#startReveal();
    if (this.#calm.matches) this.#dots?.settle();
    const dotsMove = this.#dots?.glide(elapsed_ms) ?? false;
    if (affine.same(this.#camera, this.#target)) return dotsMove;
    const share = this.#calm.matches ? 1 : 1 - Math.exp(-elapsed_ms / CAMERA_GLIDE_MS);
    this.#camera = affine.between(this.#camera, this.#target, share);
    if (affine.same(this.#camera, this.#target)) this.#camera = this.#target;
    this.#sceneCurrent = false;
    return true;
  }

  #paint({ floor, id }: FloorDetails): void {
    const ratio = devicePixelRatio;
    if (!this.#sceneCurrent) this.#paintScene(this.#tool?.floor ?? floor, ratio);
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#scene, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const overlay = { context, camera: this.#camera, view: this.#view, palette: this.#palette };
    if (this.#tool) {
      this.#paintTool(this.#tool, overlay);
      return;
    }
    const dots = this.#dots?.byKey;
    const selected = this.#selected ? dots?.get(this.#selected) : undefined;
    if (selected && this.#trail) {
      drawTrail(overlay, this.#trail.pieces(id), selected, selected.element.category);
    }
    if (selected) drawSelected(overlay, selected);
    if (dots) drawDots(overlay, dots.values(), this.#hidden, this.#currentSprites(ratio));
    drawMarks(overlay, this.#marks.filter((mark) => mark.floor === id));
    this.#updateHover();
    if (selected) drawLabel(overlay, selected);
    if (this.#hovered && this.#hovered !== selected) drawLabel(overlay, this.#hovered);
    drawScaleBar(overlay, this.#pointer && affine.toFloor(this.#camera, this.#pointer));
  }

  #paintTool(tool: MapTool, overlay: Overlay): void {
    const pointer = this.#pointer && affine.toFloor(this.#camera, this.#pointer);
    const dot = tool.dot ? this.#dots?.byKey.get(tool.dot) : undefined;
    if (dot) {
      drawSelected(overlay, dot);
      drawDots(overlay, [dot], new Set(), this.#currentSprites(devicePixelRatio));
    }
    tool.paint(overlay, pointer);
    drawScaleBar(overlay, pointer);
    this.canvas.style.cursor = 'crosshair';
  }

  #paintScene(floor: FloorDetails['floor'], ratio: number): void {
    this.#scene.width = this.canvas.width;
    this.#scene.height = this.canvas.height;
    const context = this.#scene.getContext('2d');
    if (!context) return;
    if (this.#plan && floor.image) {
      this.#planBitmap ??= planBitmap(this.#plan, floor.image, this.#palette);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawScene(context, floor, this.#planBitmap, this.#camera, this.#view, this.#palette);
    this.#sceneCurrent = true;
  }

  #currentSprites(ratio: number): Sprites {
    const radius = dotRadius(this.#camera);
    const { palette, radius: drawn, ratio: on } = this.#sprites ?? {};
    if (!this.#sprites || palette !== this.#palette || drawn !== radius || on !== ratio) {
      this.#sprites = drawSprites(radius, ratio, this.#palette);
    }
    return this.#sprites;
  }

  #clear(): void {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.fillStyle = this.#palette.ground;
    this.#context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #redraw(): void {
    this.#sceneCurrent = false;
    this.wake();
  }

  // Camera.

  #floorSize(): Size {
    const floor = this.#floor?.floor;
    return floor ? affine.sizeOf(floor) : { width: 10, height: 10 };
  }

  #fittedCamera(): Camera {
    return affine.fit(this.#floorSize(), this.#view);
  }

  #glideTo(camera: Camera): void {
    this.#target = affine.kept(camera, this.#floorSize(), this.#view);
    this.wake();
  }

  #startShow(): void {
    // A canvas that was just made has no size yet.
    if (!this.#toShow || !this.#floor || this.#view.width <= 1) return;
    const { from, to } = bounds(this.#toShow);
    this.#area = this.#toShow;
    this.#toShow = this.#revealed = undefined;
    this.#fitted = false;
    const area = { width: to.x - from.x, height: to.y - from.y };
    this.#target = affine.kept(affine.fit(area, this.#view, from), this.#floorSize(), this.#view);
  }

  #startReveal(): void {
    const dot = this.#toReveal ? this.#dots?.byKey.get(this.#toReveal) : undefined;
    if (!dot || !this.#floor) return;
    this.#revealed = this.#toReveal;
    this.#toReveal = this.#area = undefined;
    const scale = Math.max(this.#target.scale, this.#fittedCamera().scale * REVEAL_ZOOM);
    this.#fitted = false;
    const place = { x: dot.target_x, y: dot.target_y };
    this.#target = affine.kept(
      affine.centred(place, scale, this.#view),
      this.#floorSize(),
      this.#view,
    );
  }

  /** Keeps the selected dot in sight when the panel about it takes a part of the view. */
  #keepSelectedInView(): void {
    const dot = this.#selected ? this.#dots?.byKey.get(this.#selected) : undefined;
    if (!dot) return;
    const { x, y } = affine.toScreen(this.#target, dot);
    const inwards = (at: number, side: number) =>
      Math.min(Math.max(at, REVEAL_MARGIN_PX), Math.max(side - REVEAL_MARGIN_PX, 0)) - at;
    const [dx, dy] = [inwards(x, this.#view.width), inwards(y, this.#view.height)];
    if (dx === 0 && dy === 0) return;
    this.#fitted = false;
    this.#target = { ...this.#target, x: this.#target.x + dx, y: this.#target.y + dy };
  }

  // Pointer.

  /** How far from a thing a tap still means it, in metres. */
  #reach_m(): number {
    return (dotRadius(this.#camera) + HIT_SLACK_PX) / this.#camera.scale;
  }

  #dotAt(at: Point): Dot | undefined {
    const reach_m = this.#reach_m();
    const place = affine.toFloor(this.#camera, at);
    const now = performance.now();
    if (!this.#grid || now - this.#gridAt > GRID_AGE_MAX_MS) {
      this.#grid = this.#buildGrid(reach_m);
      this.#gridAt = now;
    }
    return this.#grid.nearest(place.x, place.y, reach_m);
  }

  #buildGrid(cell_m: number): HitGrid<Dot> {
    const grid = new HitGrid<Dot>(Math.max(cell_m, 0.5));
    for (const dot of this.#dots?.byKey.values() ?? []) {
      if (!this.#hidden.has(dot.element.category)) grid.insert(dot.x, dot.y, dot);
    }
    return grid;
  }

  #updateHover(): void {
    this.#hovered = this.#pointer && this.#dotAt(this.#pointer);
    this.canvas.style.cursor = this.#hovered ? 'pointer' : '';
  }

  // Surroundings.

  #watchSize(): void {
    const resize = () => {
      this.#view = {
        width: Math.max(this.canvas.clientWidth, 1),
        height: Math.max(this.canvas.clientHeight, 1),
      };
      this.canvas.width = Math.round(this.#view.width * devicePixelRatio);
      this.canvas.height = Math.round(this.#view.height * devicePixelRatio);
      if (this.#fitted) this.#target = this.#camera = this.#fittedCamera();
      else if (this.#area) this.#toShow = this.#area;
      else if (this.#revealed === this.#selected) this.#toReveal = this.#revealed;
      else this.#keepSelectedInView();
      this.#sceneCurrent = false;
      // At once: a canvas that changes its size is blank until it is painted.
      cancelAnimationFrame(this.#frame);
      this.#draw(performance.now());
    };
    const observer = new ResizeObserver(resize);
    observer.observe(this.canvas);
    // Catches a change of the pixel ratio alone: another screen, or the browser's own zoom.
    addEventListener('resize', resize);
    this.#stop.push(
      () => observer.disconnect(),
      () => removeEventListener('resize', resize),
    );
  }

  #watchTheme(): void {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const change = () => {
      this.#palette = readPalette(this.canvas);
      this.#planBitmap = undefined;
      this.#redraw();
    };
    query.addEventListener('change', change);
    this.#stop.push(() => query.removeEventListener('change', change));
  }
}
