// The survey of one floor: who is carried, where they stand, and the points that were taken.
import * as api from '../../api';
import {
  errorText,
  type Calibration,
  type CategoryPath,
  type Element,
  type FloorDetails,
  type KnownClient,
  type Point,
  type SurveyPoint,
} from '../../api';
import { categoryWords, elementKey } from '../../categories';
import { plural } from '../../format';
import { poll } from '../../poll';
import { toScreen } from '../affine';
import { distance, snapInto } from '../edit/geometry';
import type { Overlay } from '../overlay';
import { haloText } from '../scene';
import type { MapTool } from '../view';
import { REACH_M } from './spread';

/** What the engine has learnt is asked for this often; it takes a second or more to learn. */
const CALIBRATION_INTERVAL_MS = 2_000;

export interface Carried {
  category: CategoryPath;
  mac: string;
}

export class SurveyState implements MapTool {
  points = $state.raw<SurveyPoint[]>([]);
  calibration = $state.raw<Calibration | undefined>();
  /** Clients that stay at a known place. */
  known = $state.raw<KnownClient[]>([]);
  /** The device that is carried, and what is known of it now. */
  carried = $state.raw<Carried | undefined>();
  element = $state.raw<Element | undefined>();
  /** Where the surveyor stands. */
  place = $state.raw<Point | undefined>();
  chosen = $state<number | undefined>();
  failure = $state('');
  result = $state('');
  busy = $state(false);

  readonly floor = undefined;

  constructor(readonly details: FloorDetails) {}

  get dot(): string | undefined {
    return this.carried && elementKey(this.carried.category, this.carried.mac);
  }

  watch(): void {
    void [this.points, this.known, this.calibration, this.dot, this.place, this.chosen];
  }

  /** Reads points and what was learnt from them until the returned function is called. */
  open(): () => void {
    void this.read();
    return poll(CALIBRATION_INTERVAL_MS, async (signal) => {
      this.calibration = await api.readCalibration(this.details.id, signal);
      this.known = await api.readKnownClients(this.details.id, signal);
    });
  }

  /** Follows the device that is carried until the returned function is called. */
  follow(carried: Carried): () => void {
    this.element = undefined;
    return poll(CALIBRATION_INTERVAL_MS, async (signal) => {
      this.element = await api.readElement(carried.category, carried.mac, signal);
    });
  }

  async read(): Promise<void> {
    await this.#try(async () => {
      this.points = await api.readSurvey(this.details.id);
    });
  }

  /** "I am here." */
  async take(): Promise<void> {
    const { carried, place } = this;
    if (!carried || !place) return;
    await this.#try(async () => {
      const point = await api.takeSurveyPoint(this.details.id, place, carried);
      this.points = [...this.points, point];
      this.chosen = point.number;
      this.place = undefined;
      this.result = `Point ${point.number + 1} was taken.`;
    });
  }

  /** "It stays here." */
  async stay(): Promise<void> {
    const { carried, place } = this;
    if (!carried || !place) return;
    await this.#try(async () => {
      await api.putKnownClient(this.details.id, place, carried);
      this.known = await api.readKnownClients(this.details.id);
      this.place = this.carried = undefined;
      this.result = 'Its place is known now. It becomes a point as soon as it is heard.';
    });
  }

  async leave({ category, mac }: KnownClient): Promise<void> {
    await this.#try(async () => {
      const { path } = categoryWords(category);
      await api.removeKnownClient(this.details.id, { category: path, mac });
      this.known = await api.readKnownClients(this.details.id);
      this.result = 'Its place is not used any more.';
    });
  }

  async remove(point: SurveyPoint): Promise<void> {
    await this.#try(async () => {
      await api.removeSurveyPoint(this.details.id, point);
      this.chosen = undefined;
      this.points = await api.readSurvey(this.details.id);
      this.result = `Point ${point.number + 1} was removed.`;
    });
  }

  async bringIn(csv: Blob): Promise<void> {
    await this.#try(async () => {
      const { points, unplaced_access_points: unplaced } = await api.importSurvey(
        this.details.id,
        csv,
      );
      this.chosen = undefined;
      this.points = await api.readSurvey(this.details.id);
      const unknown = unplaced > 0 ? ` ${plural(unplaced, 'access point')} in it on no map.` : '';
      this.result = `The survey has ${plural(points, 'point')} now.${unknown}`;
    });
  }

  /** Puts the place, or chooses the point that is there already. */
  tap(at: Point, reach_m: number): void {
    const near = this.points.find((point) => distance(point.at, at) <= reach_m);
    this.result = '';
    this.chosen = near?.number;
    this.place = near ? undefined : snapInto(at, this.details.floor);
  }

  key(event: KeyboardEvent): boolean {
    if (event.key === 'Enter') void this.take();
    else if (event.key === 'Escape') this.chosen = this.place = undefined;
    else return false;
    return true;
  }

  grab(): boolean {
    return false;
  }

  drag(): void {}

  drop(): void {}

  paint(overlay: Overlay): void {
    const { context, camera, palette } = overlay;
    context.save();
    context.globalAlpha = 0.12;
    context.fillStyle = palette.good;
    for (const { at } of this.points) {
      const { x, y } = toScreen(camera, at);
      context.beginPath();
      context.arc(x, y, REACH_M * camera.scale, 0, Math.PI * 2);
      context.fill();
    }
    context.globalAlpha = 1;
    for (const { at, number } of this.points) {
      const { x, y } = toScreen(camera, at);
      context.beginPath();
      context.arc(x, y, number === this.chosen ? 7 : 5, 0, Math.PI * 2);
      context.fillStyle = number === this.chosen ? palette.accent : palette.good;
      context.strokeStyle = palette.halo;
      context.lineWidth = 3;
      context.stroke();
      context.fill();
    }
    for (const { at, taken } of this.known) {
      const { x, y } = toScreen(camera, at);
      context.beginPath();
      context.rect(x - 5, y - 5, 10, 10);
      context.fillStyle = taken === null ? palette.halo : palette.good;
      context.strokeStyle = taken === null ? palette.good : palette.halo;
      context.lineWidth = 2;
      context.fill();
      context.stroke();
    }
    this.#paintMisplaced(overlay);
    if (this.place) paintCross(overlay, this.place);
    context.restore();
  }

  #paintMisplaced({ context, camera, palette }: Overlay): void {
    context.font = `500 11px ${palette.font}`;
    context.lineJoin = 'round';
    context.textBaseline = 'middle';
    for (const { mac, name, likely } of this.calibration?.misplaced ?? []) {
      const ap = this.details.floor.access_points.find((it) => it.mac === mac);
      const to = toScreen(camera, likely);
      context.strokeStyle = palette.bad;
      context.lineWidth = 1.6;
      if (ap) {
        const from = toScreen(camera, ap.at);
        context.setLineDash([5, 4]);
        context.beginPath();
        context.moveTo(from.x, from.y);
        context.lineTo(to.x, to.y);
        context.stroke();
        context.setLineDash([]);
      }
      context.beginPath();
      context.arc(to.x, to.y, 8, 0, Math.PI * 2);
      context.stroke();
      haloText(context, `${name || mac}?`, to.x + 12, to.y, palette.bad, palette.halo);
    }
  }

  async #try(task: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.failure = this.result = '';
    try {
      await task();
    } catch (error) {
      this.failure = errorText(error);
    } finally {
      this.busy = false;
    }
  }
}

function paintCross({ context, camera, palette }: Overlay, at: Point): void {
  const { x, y } = toScreen(camera, at);
  for (const [width, colour] of [
    [5, palette.halo],
    [2, palette.accent],
  ] as const) {
    context.beginPath();
    context.arc(x, y, 9, 0, Math.PI * 2);
    context.moveTo(x - 15, y);
    context.lineTo(x + 15, y);
    context.moveTo(x, y - 15);
    context.lineTo(x, y + 15);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}
