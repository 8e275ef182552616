// The editor of one floor: what is drawn, what is chosen, and what a tap means now.
// Nothing reaches the engine until it is saved, and then all of it at once.
import * as api from '../../api';
import { errorText, type Drawing, type Floor, type FloorDetails, type Point } from '../../api';
import type { Overlay } from '../overlay';
import type { MapTool } from '../view';
import { distance, snapInto } from './geometry';
import { begin, redo, step, undo, type History } from './history';
import { paintEditor } from './paint';
import * as shapes from './shapes';
import type { Handle, Shape } from './shapes';

export type Tool =
  | 'select'
  | 'ap'
  | 'wall'
  | 'inclusion'
  | 'exclusion'
  | 'rail'
  | 'zone'
  | 'chokepoint'
  | 'switch';

export const LIGHT_WALL_DB = 3;
export const HEAVY_WALL_DB = 13;
/** A radio that hangs from a usual ceiling, as the engine assumes. */
const AP_HEIGHT_M = 2.5;
/** As the simulated campus has them. */
const CHOKEPOINT_RANGE_M = 2;
/** As the engine assumes: half of the longest cable of IEEE 802.3, which is not laid in a line. */
const SWITCH_REACH_M = 45;

/** Editors with unsaved changes, by floor: a look at another floor loses nothing. */
const kept = new Map<string, Editor>();

export class Editor implements MapTool {
  details = $state.raw<FloorDetails | undefined>();
  tool = $state<Tool>('select');
  selected = $state.raw<Shape | undefined>();
  /** Corners of what is being drawn. */
  draft = $state.raw<Point[]>([]);
  /** The access point that the next tap places. */
  waiting = $state.raw<{ mac: string; name: string } | undefined>();
  loss_db = $state(LIGHT_WALL_DB);
  failure = $state('');
  busy = $state(false);
  #history = $state.raw<History<Drawing> | undefined>();
  /** The drawing while something is dragged. */
  #moving = $state.raw<Drawing | undefined>();
  #saved = $state.raw<Drawing | undefined>();
  /** Of all maps, as they were read or saved last. */
  revision = '';
  #held: { handle: Handle; from: Point } | undefined;

  readonly dot = undefined;

  private constructor(readonly id: string) {
    void this.#load();
  }

  /** The editor of a floor: with what was begun there, or anew. */
  static of(id: string): Editor {
    const editor = kept.get(id) ?? new Editor(id);
    kept.set(id, editor);
    return editor;
  }

  /** Forgets an editor that has nothing to lose. */
  leave(): void {
    if (this.changes === 0) kept.delete(this.id);
  }

  get drawing(): Drawing | undefined {
    return this.#moving ?? this.#history?.now;
  }

  get floor(): Floor | undefined {
    const { details, drawing } = this;
    return details && drawing && { ...details.floor, ...drawing };
  }

  get changes(): number {
    const now = this.#history?.now;
    return now && this.#saved ? shapes.countChanges(this.#saved, now) : 0;
  }

  get mayUndo(): boolean {
    return Boolean(this.#history?.past.length);
  }

  get mayRedo(): boolean {
    return Boolean(this.#history?.future.length);
  }

  watch(): void {
    void [this.floor, this.selected, this.draft, this.tool, this.waiting];
  }

  choose(tool: Tool): void {
    this.tool = tool;
    this.draft = [];
    if (tool !== 'select') this.selected = undefined;
    if (tool !== 'ap') this.waiting = undefined;
  }

  change(drawing: Drawing): void {
    if (this.#history) this.#history = step(this.#history, drawing);
    this.failure = '';
  }

  undo(): void {
    this.#leap(undo);
  }

  redo(): void {
    this.#leap(redo);
  }

  remove(shape: Shape): void {
    if (!this.drawing) return;
    this.change(shapes.removed(this.drawing, shape));
    this.selected = undefined;
  }

  /** Takes every unsaved change back, and reads what the engine has now. */
  async discard(): Promise<void> {
    this.selected = undefined;
    this.choose('select');
    await this.#load();
  }

  /** Hands the drawing to the engine; whether it took it. */
  async save(): Promise<boolean> {
    const drawing = this.#history?.now;
    if (!drawing || this.busy) return false;
    this.busy = true;
    this.failure = '';
    this.draft = [];
    try {
      this.revision = await api.saveDrawing(this.id, drawing, this.revision);
      this.#saved = drawing;
      if (this.details) this.details = { ...this.details, floor: { ...this.details.floor, ...drawing } };
      return true;
    } catch (error) {
      this.failure = errorText(error);
      this.selected = shapes.culprit(drawing, this.failure) ?? this.selected;
      return false;
    } finally {
      this.busy = false;
    }
  }

  // The map.

  grab(at: Point, reach_m: number): boolean {
    if (this.tool !== 'select' || !this.drawing) return false;
    const handle = shapes.hit(this.drawing, at, reach_m, this.selected, false);
    if (!handle) return false;
    this.#held = { handle, from: at };
    return true;
  }

  drag(at: Point): void {
    const [held, drawing] = [this.#held, this.#history?.now];
    if (!held || !drawing) return;
    this.selected = { kind: held.handle.kind, index: held.handle.index };
    this.#moving = shapes.dragged(drawing, held.handle, held.from, at);
  }

  drop(): void {
    this.#held = undefined;
    if (this.#moving) this.change(this.#moving);
    this.#moving = undefined;
  }

  tap(at: Point, reach_m: number): void {
    const drawing = this.drawing;
    const floor = this.details?.floor;
    if (!drawing || !floor) return;
    const place = snapInto(at, floor);
    switch (this.tool) {
      case 'select': {
        const found = shapes.hit(drawing, at, reach_m, this.selected, true);
        this.selected = found && { kind: found.kind, index: found.index };
        return;
      }
      case 'ap':
        this.placeAccessPoint(place);
        return;
      case 'chokepoint':
        this.#placeSpot('chokepoints', 'Chokepoint', { at: place, range: CHOKEPOINT_RANGE_M });
        return;
      case 'switch':
        this.#placeSpot('switches', 'Switch', { at: place, reach: SWITCH_REACH_M });
        return;
      case 'wall':
      case 'rail':
        this.#addEnd(place);
        return;
      default:
        this.#addCorner(place, reach_m);
    }
  }

  key(event: KeyboardEvent): boolean {
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      const key = event.key.toLowerCase();
      if (key === 'z') this.#leap(event.shiftKey ? redo : undo);
      else if (key === 'y') this.redo();
      else return false;
      return true;
    }
    switch (event.key) {
      case 'Enter':
        this.finish();
        return true;
      case 'Escape':
        this.cancel();
        return true;
      case 'Backspace':
      case 'Delete':
        if (this.draft.length > 0) this.draft = this.draft.slice(0, -1);
        else if (this.selected) this.remove(this.selected);
        return true;
      default:
        return false;
    }
  }

  paint(overlay: Overlay, pointer: Point | undefined): void {
    const { drawing, details } = this;
    if (drawing && details) {
      const place = pointer && this.tool !== 'select' ? snapInto(pointer, details.floor) : undefined;
      paintEditor(overlay, { drawing, draft: this.draft, selected: this.selected, place });
    }
  }

  // Drawing.

  placeAccessPoint(at: Point): void {
    const { waiting, drawing } = this;
    if (!waiting || !drawing) {
      this.failure = 'Choose the access point first, from the list or by its address.';
      return;
    }
    const known = drawing.access_points.findIndex(({ mac }) => mac === waiting.mac);
    if (known >= 0) {
      this.change(shapes.replaced(drawing, 'access_points', known, { at }));
    } else {
      const access_point = { ...waiting, at, height: AP_HEIGHT_M, radios: [] };
      this.change(shapes.added(drawing, 'access_points', access_point));
    }
    this.waiting = undefined;
    this.tool = 'select';
    const index = known >= 0 ? known : drawing.access_points.length;
    this.selected = { kind: 'access_points', index };
  }

  /** Draws a spot under a name that is free on this floor; people give it the right one. */
  #placeSpot<K extends 'chokepoints' | 'switches'>(
    kind: K,
    word: string,
    spot: Omit<Drawing[K][number], 'name'>,
  ): void {
    const { drawing } = this;
    if (!drawing) return;
    const name = shapes.freeName(drawing[kind].map((it) => it.name), word);
    this.change(shapes.added(drawing, kind, { ...spot, name } as Drawing[K][number]));
    this.tool = 'select';
    this.selected = { kind, index: drawing[kind].length };
  }

  /** Closes the outline that is being drawn, or ends a row of walls or rails. */
  finish(): void {
    const { draft, drawing, tool } = this;
    this.draft = [];
    if (!drawing || draft.length < 3) return;
    if (tool === 'zone') {
      const name = shapes.freeName(drawing.zones.map((zone) => zone.name), 'Zone');
      this.change(shapes.added(drawing, 'zones', { name, outline: draft }));
      this.selected = { kind: 'zones', index: drawing.zones.length };
    } else if (tool === 'inclusion' || tool === 'exclusion') {
      this.change(shapes.added(drawing, 'regions', { kind: tool, outline: draft }));
      this.selected = { kind: 'regions', index: drawing.regions.length };
    }
    this.tool = 'select';
  }

  /** Ends what is going on, the smallest thing first. */
  cancel(): void {
    if (this.draft.length > 0) this.draft = [];
    else if (this.tool !== 'select') this.choose('select');
    else this.selected = undefined;
  }

  #addEnd(to: Point): void {
    const [from] = this.draft;
    this.draft = [to];
    if (!from || !this.drawing || distance(from, to) === 0) return;
    const line = { from, to };
    this.change(
      this.tool === 'wall'
        ? shapes.added(this.drawing, 'walls', { line, loss_db: this.loss_db })
        : shapes.added(this.drawing, 'rails', line),
    );
  }

  #addCorner(at: Point, reach_m: number): void {
    const [first] = this.draft;
    if (first && this.draft.length >= 3 && distance(first, at) <= reach_m) {
      this.finish();
      return;
    }
    const last = this.draft.at(-1);
    if (!last || distance(last, at) > 0) this.draft = [...this.draft, at];
  }

  #leap(to: (history: History<Drawing>) => History<Drawing>): void {
    if (this.#history) this.#history = to(this.#history);
    this.selected = undefined;
    this.draft = [];
  }

  async #load(): Promise<void> {
    this.failure = '';
    try {
      const { value: details, revision } = await api.readFloorToEdit(this.id);
      this.details = details;
      this.revision = revision;
      this.#saved = shapes.drawingOf(details.floor);
      this.#history = begin(this.#saved);
    } catch (error) {
      this.failure = errorText(error);
    }
  }
}
