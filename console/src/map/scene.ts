// What of a floor does not move: paper, plan, regions, zones, walls, access points, chokepoints and
// switches.
// The view keeps the result as a bitmap and draws it again only when the camera moves.
import type { Floor, Point } from '../api';
import { toScreen, type Camera, type Size } from './affine';
import type { Palette } from './palette';

/** From this scale on, in CSS pixels per metre, access points have room for their names. */
const AP_NAMES_SCALE = 9;
/** Thickest wall in metres, for 13 dB and more; lighter walls are thinner in proportion. */
const WALL_THICKNESS_M = 0.28;
const WALL_LOSS_FULL_DB = 13;
/** Lines of the grid under floors without a plan: the first step with room enough between them. */
const GRID_STEPS_M = [1, 5, 10, 50, 100, 500];
const GRID_ROOM_PX = 18;

interface Brush {
  context: CanvasRenderingContext2D;
  camera: Camera;
  palette: Palette;
}

export function drawScene(
  context: CanvasRenderingContext2D,
  floor: Floor,
  plan: CanvasImageSource | undefined,
  camera: Camera,
  view: Size,
  palette: Palette,
): void {
  const brush = { context, camera, palette };
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, view.width, view.height);
  drawPaper(brush, floor, plan);
  context.save();
  context.beginPath();
  context.rect(camera.x, camera.y, floor.width * camera.scale, floor.length * camera.scale);
  context.clip();
  if (!plan) drawGrid(brush, floor);
  drawRegions(brush, floor);
  drawZones(brush, floor);
  context.restore();
  drawRails(brush, floor);
  drawWalls(brush, floor);
  drawZoneNames(brush, floor);
  drawSwitches(brush, floor);
  drawChokepoints(brush, floor);
  drawAccessPoints(brush, floor);
}

function drawPaper(
  { context, camera, palette }: Brush,
  floor: Floor,
  plan: CanvasImageSource | undefined,
): void {
  const width = floor.width * camera.scale;
  const height = floor.length * camera.scale;
  context.save();
  context.shadowColor = palette.shadow;
  context.shadowBlur = 18;
  context.shadowOffsetY = 2;
  context.fillStyle = palette.paper;
  context.fillRect(camera.x, camera.y, width, height);
  context.restore();
  if (plan) {
    context.imageSmoothingQuality = 'high';
    context.drawImage(plan, camera.x, camera.y, width, height);
  }
  context.strokeStyle = palette.edge;
  context.lineWidth = 1;
  context.strokeRect(camera.x, camera.y, width, height);
}

function drawGrid({ context, camera, palette }: Brush, floor: Floor): void {
  const step = GRID_STEPS_M.find((metres) => metres * camera.scale >= GRID_ROOM_PX) ?? 1000;
  context.beginPath();
  for (let x = step; x < floor.width; x += step) {
    const at = Math.round(camera.x + x * camera.scale) + 0.5;
    context.moveTo(at, camera.y);
    context.lineTo(at, camera.y + floor.length * camera.scale);
  }
  for (let y = step; y < floor.length; y += step) {
    const at = Math.round(camera.y + y * camera.scale) + 0.5;
    context.moveTo(camera.x, at);
    context.lineTo(camera.x + floor.width * camera.scale, at);
  }
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.stroke();
}

/** Hatches where elements never are; an inclusion region needs no tint, it is the usual case. */
function drawRegions({ context, camera, palette }: Brush, floor: Floor): void {
  for (const region of floor.regions) {
    if (region.kind !== 'exclusion') continue;
    context.save();
    context.beginPath();
    outline(context, camera, region.outline);
    context.clip();
    const box = bounds(region.outline);
    const from = toScreen(camera, box.from);
    const to = toScreen(camera, box.to);
    const height = to.y - from.y;
    context.beginPath();
    for (let x = from.x - height; x < to.x; x += 7) {
      context.moveTo(x, to.y);
      context.lineTo(x + height, from.y);
    }
    context.strokeStyle = palette.exclusion;
    context.lineWidth = 1;
    context.stroke();
    context.restore();
  }
}

function drawZones({ context, camera, palette }: Brush, floor: Floor): void {
  context.save();
  context.setLineDash([5, 4]);
  context.lineWidth = 1;
  for (const zone of floor.zones) {
    context.beginPath();
    outline(context, camera, zone.outline);
    context.globalAlpha = 0.07;
    context.fillStyle = palette.zone;
    context.fill();
    context.globalAlpha = 0.55;
    context.strokeStyle = palette.zone;
    context.stroke();
  }
  context.restore();
}

/** Names stand in the top left corner of a zone's box, where dots hide them least. */
function drawZoneNames({ context, camera, palette }: Brush, floor: Floor): void {
  context.save();
  context.font = `600 11px ${palette.font}`;
  context.letterSpacing = '0.05em';
  context.textBaseline = 'top';
  context.lineJoin = 'round';
  for (const zone of floor.zones) {
    const box = bounds(zone.outline);
    const name = zone.name.toUpperCase();
    const room = (box.to.x - box.from.x) * camera.scale - 16;
    const width = context.measureText(name).width;
    if (width > room || (box.to.y - box.from.y) * camera.scale < 30) continue;
    const corner = toScreen(camera, box.from);
    haloText(context, name, corner.x + 9, corner.y + 9, palette.zone_ink, palette.halo);
  }
  context.restore();
}

function drawRails({ context, camera, palette }: Brush, floor: Floor): void {
  if (!floor.rails?.length) return;
  context.save();
  context.setLineDash([2, 5]);
  context.lineCap = 'round';
  context.lineWidth = 2;
  context.strokeStyle = palette.zone;
  context.beginPath();
  for (const rail of floor.rails) {
    const from = toScreen(camera, rail.from);
    const to = toScreen(camera, rail.to);
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
  }
  context.stroke();
  context.restore();
}

function drawWalls({ context, camera, palette }: Brush, floor: Floor): void {
  context.save();
  context.strokeStyle = palette.wall;
  context.lineCap = 'round';
  // One path per thickness: floors have hundreds of walls, but only a few kinds of them.
  const kinds = new Map<number, typeof floor.walls>();
  for (const wall of floor.walls) {
    const kind = kinds.get(wall.loss_db);
    if (kind) kind.push(wall);
    else kinds.set(wall.loss_db, [wall]);
  }
  for (const [loss_db, walls] of kinds) {
    const share = Math.min(Math.max(loss_db / WALL_LOSS_FULL_DB, 0.35), 1);
    context.lineWidth = Math.max(WALL_THICKNESS_M * share * camera.scale, 1);
    context.beginPath();
    for (const { line } of walls) {
      const from = toScreen(camera, line.from);
      const to = toScreen(camera, line.to);
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
    }
    context.stroke();
  }
  context.restore();
}

function drawAccessPoints({ context, camera, palette }: Brush, floor: Floor): void {
  const named = camera.scale >= AP_NAMES_SCALE;
  context.save();
  setNames(context, palette);
  for (const ap of floor.access_points) {
    const { x, y } = toScreen(camera, ap.at);
    context.beginPath();
    context.roundRect(x - 6, y - 6, 12, 12, 3.5);
    context.fillStyle = palette.ap;
    context.strokeStyle = palette.halo;
    context.lineWidth = 3;
    context.stroke();
    context.fill();
    drawWaves(context, x, y, palette.paper);
    if (named) haloText(context, ap.name, x, y + 10, palette.ap, palette.halo);
  }
  context.restore();
}

/** How the names of spots are set. */
function setNames(context: CanvasRenderingContext2D, palette: Palette): void {
  context.font = `500 10.5px ${palette.font}`;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.lineJoin = 'round';
}

/** A ring around a point, and as far as it triggers tags. */
function drawChokepoints({ context, camera, palette }: Brush, floor: Floor): void {
  const named = camera.scale >= AP_NAMES_SCALE;
  context.save();
  setNames(context, palette);
  for (const { name, at, range } of floor.chokepoints ?? []) {
    const { x, y } = toScreen(camera, at);
    context.beginPath();
    context.arc(x, y, range * camera.scale, 0, Math.PI * 2);
    context.globalAlpha = 0.08;
    context.fillStyle = palette.ap;
    context.fill();
    context.globalAlpha = 1;
    ring(context, x, y, 6, palette.halo, 5);
    ring(context, x, y, 6, palette.ap, 2);
    context.beginPath();
    context.arc(x, y, 2.2, 0, Math.PI * 2);
    context.fillStyle = palette.ap;
    context.fill();
    if (named) haloText(context, name, x, y + 10, palette.ap, palette.halo);
  }
  context.restore();
}

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  colour: string,
  width: number,
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** A box with its ports, and a small square for each outlet. */
function drawSwitches({ context, camera, palette }: Brush, floor: Floor): void {
  const named = camera.scale >= AP_NAMES_SCALE;
  context.save();
  setNames(context, palette);
  for (const { name, at, outlets = [] } of floor.switches ?? []) {
    context.fillStyle = palette.ap;
    for (const outlet of outlets) {
      const { x, y } = toScreen(camera, outlet.at);
      context.fillRect(x - 2, y - 2, 4, 4);
    }
    const { x, y } = toScreen(camera, at);
    context.beginPath();
    context.roundRect(x - 9, y - 5, 18, 10, 2);
    context.strokeStyle = palette.halo;
    context.lineWidth = 3;
    context.stroke();
    context.fill();
    context.fillStyle = palette.paper;
    for (const port of [-5.5, -1.5, 2.5]) context.fillRect(x + port, y - 1.5, 3, 3);
    if (named) haloText(context, name, x, y + 9, palette.ap, palette.halo);
  }
  context.restore();
}

/** The mark of a radio: a point and one wave on either side. */
function drawWaves(context: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, 1.4, 0, Math.PI * 2);
  context.fill();
  context.beginPath();
  context.arc(x, y, 3.7, -0.8, 0.8);
  context.moveTo(x + 3.7 * Math.cos(Math.PI - 0.8), y + 3.7 * Math.sin(Math.PI - 0.8));
  context.arc(x, y, 3.7, Math.PI - 0.8, Math.PI + 0.8);
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.stroke();
}

/** Text with an edge in the paper's colour, readable over lines. */
export function haloText(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  ink: string,
  halo: string,
): void {
  context.strokeStyle = halo;
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

export function bounds(points: readonly Point[]): { from: Point; to: Point } {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  return {
    from: { x: Math.min(...xs), y: Math.min(...ys) },
    to: { x: Math.max(...xs), y: Math.max(...ys) },
  };
}

export function outline(context: CanvasRenderingContext2D, camera: Camera, points: readonly Point[]): void {
  points.forEach((point, corner) => {
    const { x, y } = toScreen(camera, point);
    if (corner === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.closePath();
}
