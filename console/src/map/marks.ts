// Places that are pointed out on a floor: an attacker, its victim, a rogue access point, a sensor.
// Each is a symbol with its name and the circle that it is within; of presence alone the circle is dashed.
import type { Point } from '../api';
import { toScreen, type Size } from './affine';
import type { Overlay } from './overlay';
import { plate } from './overlay';
import { traceShape } from './shapes';

export type Role = 'attacker' | 'victim' | 'rogue' | 'sensor';

export interface Mark {
  role: Role;
  /** What stands beside it, and where there is little room. */
  text: string;
  short: string;
  floor: string;
  x: number;
  y: number;
  radius_m: number;
  /** Only that it is near is known. */
  is_presence: boolean;
}

/** A floor around a mark is shown at least this wide, so that one knows where one is. */
const AROUND_MIN_M = 26;
const SYMBOL_PX = 9;
/** A canvas that is narrower has room for short names only. */
const NARROW_PX = 520;

export function drawMarks(overlay: Overlay, marks: readonly Mark[]): void {
  // Circles below all symbols, and the attacker, which comes first, on top of everything.
  const drawn = marks.toReversed();
  for (const mark of drawn) drawCircle(overlay, mark);
  for (const mark of drawn) drawSymbol(overlay, mark);
}

/** Corners of what has to be seen: every mark with its circle, and some of the floor of `size` around. */
export function around(marks: readonly Mark[], size: Size): Point[] {
  const sides = (at: (mark: Mark) => number, length: number): [number, number] => {
    // A circle may be larger than its floor, which is all that there is to see.
    const from = Math.max(Math.min(...marks.map((mark) => at(mark) - mark.radius_m)), 0);
    const to = Math.min(Math.max(...marks.map((mark) => at(mark) + mark.radius_m)), length);
    const missing = Math.max(AROUND_MIN_M - (to - from), 0) / 2;
    return [from - missing, to + missing];
  };
  const [left, right] = sides(({ x }) => x, size.width);
  const [top, bottom] = sides(({ y }) => y, size.height);
  return [
    { x: left, y: top },
    { x: right, y: bottom },
  ];
}

function colourOf({ palette }: Overlay, role: Role): string {
  switch (role) {
    case 'attacker':
    case 'rogue':
      return palette.category.rogue_ap;
    case 'victim':
      return palette.category.wireless_client;
    case 'sensor':
      return palette.accent;
  }
}

function drawCircle(overlay: Overlay, mark: Mark): void {
  const { context, camera } = overlay;
  const { x, y } = toScreen(camera, mark);
  context.save();
  context.beginPath();
  context.arc(x, y, Math.max(mark.radius_m * camera.scale, 1), 0, Math.PI * 2);
  context.fillStyle = context.strokeStyle = colourOf(overlay, mark.role);
  context.globalAlpha = mark.is_presence ? 0.07 : 0.13;
  context.fill();
  context.globalAlpha = 0.8;
  context.lineWidth = 1.4;
  if (mark.is_presence) context.setLineDash([6, 5]);
  context.stroke();
  context.restore();
}

function drawSymbol(overlay: Overlay, mark: Mark): void {
  const { context, camera, palette } = overlay;
  const { x, y } = toScreen(camera, mark);
  const shape = mark.role === 'attacker' || mark.role === 'rogue' ? 'rogue_ap' : 'wireless_client';
  context.save();
  context.lineJoin = 'round';
  context.beginPath();
  traceShape(context, shape, x, y, SYMBOL_PX);
  context.strokeStyle = palette.halo;
  context.lineWidth = 5;
  context.stroke();
  context.fillStyle = colourOf(overlay, mark.role);
  context.fill();
  context.restore();
  const text = overlay.view.width < NARROW_PX ? mark.short : mark.text;
  plate(overlay, text, { x, y }, SYMBOL_PX + 8);
}
