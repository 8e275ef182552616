// What the editor adds to the floor: outlines that are usually not shown, what is selected with its
// corners, and what is being drawn.
import type { Drawing, Point } from '../../api';
import { toScreen } from '../affine';
import type { Overlay } from '../overlay';
import { haloText, outline } from '../scene';
import { corners, isSpot, type Shape } from './shapes';

/** Half the side of a corner that can be dragged, in CSS pixels. */
const CORNER_PX = 4.5;

export interface EditorPicture {
  drawing: Drawing;
  draft: readonly Point[];
  selected: Shape | undefined;
  /** Where the next corner would be. */
  place: Point | undefined;
}

export function paintEditor(overlay: Overlay, picture: EditorPicture): void {
  const { context } = overlay;
  context.save();
  paintRegions(overlay, picture.drawing);
  if (picture.selected) paintSelected(overlay, picture.drawing, picture.selected);
  paintDraft(overlay, picture.draft, picture.place);
  context.restore();
}

function paintRegions({ context, camera, palette }: Overlay, drawing: Drawing): void {
  for (const region of drawing.regions) {
    context.beginPath();
    outline(context, camera, region.outline);
    context.setLineDash(region.kind === 'inclusion' ? [9, 4] : []);
    context.strokeStyle = region.kind === 'inclusion' ? palette.good : palette.wall;
    context.lineWidth = 1.5;
    context.stroke();
  }
  context.setLineDash([]);
}

function paintSelected(overlay: Overlay, drawing: Drawing, selected: Shape): void {
  const { context, camera, palette } = overlay;
  const points = corners(drawing, selected);
  const [first] = points;
  if (!first) return;
  if (isSpot(selected.kind)) {
    const { x, y } = toScreen(camera, first);
    context.beginPath();
    context.arc(x, y, 13, 0, Math.PI * 2);
    stroke(overlay);
    paintReach(overlay, first, reachOf(drawing, selected));
    return;
  }
  context.beginPath();
  if (selected.kind === 'walls' || selected.kind === 'rails') line(overlay, points);
  else outline(context, camera, points);
  stroke(overlay);
  for (const point of points) {
    const { x, y } = toScreen(camera, point);
    context.beginPath();
    context.rect(x - CORNER_PX, y - CORNER_PX, CORNER_PX * 2, CORNER_PX * 2);
    context.fillStyle = palette.paper;
    context.fill();
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.stroke();
  }
}

/** How far a chokepoint triggers, or a switch has cables. */
function reachOf(drawing: Drawing, { kind, index }: Shape): number {
  if (kind === 'chokepoints') return drawing.chokepoints[index]?.range ?? 0;
  return kind === 'switches' ? (drawing.switches[index]?.reach ?? 0) : 0;
}

function paintReach({ context, camera, palette }: Overlay, at: Point, reach_m: number): void {
  if (!(reach_m > 0)) return;
  const { x, y } = toScreen(camera, at);
  context.beginPath();
  context.arc(x, y, reach_m * camera.scale, 0, Math.PI * 2);
  context.setLineDash([6, 4]);
  context.strokeStyle = palette.accent;
  context.lineWidth = 1.5;
  context.stroke();
  context.setLineDash([]);
}

function paintDraft(overlay: Overlay, draft: readonly Point[], place: Point | undefined): void {
  const { context, camera, palette } = overlay;
  const points = place ? [...draft, place] : draft;
  if (points.length > 1) {
    context.beginPath();
    line(overlay, points);
    context.setLineDash([6, 4]);
    stroke(overlay);
    context.setLineDash([]);
  }
  for (const point of points) {
    const { x, y } = toScreen(camera, point);
    context.beginPath();
    context.arc(x, y, CORNER_PX, 0, Math.PI * 2);
    context.fillStyle = palette.accent;
    context.fill();
  }
  const from = draft.at(-1);
  if (from && place) {
    const { x, y } = toScreen(camera, place);
    const length = Math.hypot(place.x - from.x, place.y - from.y);
    context.font = `500 11px ${palette.font}`;
    context.textBaseline = 'bottom';
    context.lineJoin = 'round';
    haloText(context, `${length.toFixed(1)} m`, x + 9, y - 6, palette.ink, palette.halo);
  }
}

function line({ context, camera }: Overlay, points: readonly Point[]): void {
  points.forEach((point, index) => {
    const { x, y } = toScreen(camera, point);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
}

/** An edge of the paper's colour keeps the line apart from what is under it. */
function stroke({ context, palette }: Overlay): void {
  context.strokeStyle = palette.halo;
  context.lineWidth = 5;
  context.stroke();
  context.strokeStyle = palette.accent;
  context.lineWidth = 2;
  context.stroke();
}
