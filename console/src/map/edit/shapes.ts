// What is drawn on a floor, as values: nothing here changes in place, so that undo keeps old ones.
import type { Drawing, Floor, Point } from '../../api';
import { area, contains, distance, distanceTo, sides, snap } from './geometry';

export type Kind = keyof Drawing;

export interface Shape {
  kind: Kind;
  index: number;
}

/** A shape, or one corner of it. */
export interface Handle extends Shape {
  corner?: number | undefined;
}

const KINDS: readonly Kind[] = [
  'access_points',
  'chokepoints',
  'switches',
  'walls',
  'rails',
  'regions',
  'zones',
];

/** Whether a shape of this kind is one place, which has no corners to drag. */
export function isSpot(kind: Kind): kind is 'access_points' | 'chokepoints' | 'switches' {
  return kind === 'access_points' || kind === 'chokepoints' || kind === 'switches';
}

/** Whether shapes of this kind have names. */
export function isNamed(kind: Kind): kind is 'access_points' | 'chokepoints' | 'switches' | 'zones' {
  return kind === 'zones' || isSpot(kind);
}

export function drawingOf(floor: Floor): Drawing {
  const { access_points, walls, regions, zones } = floor;
  const { rails = [], chokepoints = [], switches = [] } = floor;
  return { access_points, walls, regions, rails, chokepoints, switches, zones };
}

/** The corners of a shape in order; an access point has one, and so has every other spot. */
export function corners(drawing: Drawing, { kind, index }: Shape): Point[] {
  switch (kind) {
    case 'access_points':
    case 'chokepoints':
    case 'switches':
      return [drawing[kind][index]?.at].filter((at) => at !== undefined);
    case 'walls': {
      const line = drawing.walls[index]?.line;
      return line ? [line.from, line.to] : [];
    }
    case 'rails': {
      const line = drawing.rails[index];
      return line ? [line.from, line.to] : [];
    }
    default:
      return drawing[kind][index]?.outline ?? [];
  }
}

/** The drawing with other corners of one shape. */
export function withCorners(drawing: Drawing, shape: Shape, points: readonly Point[]): Drawing {
  const [from, to] = points;
  if (!from) return drawing;
  const { kind, index } = shape;
  const line = { from, to: to ?? from };
  switch (kind) {
    case 'access_points':
    case 'chokepoints':
    case 'switches':
      return replaced(drawing, kind, index, { at: from });
    case 'walls':
      return replaced(drawing, kind, index, { line });
    case 'rails':
      return replaced(drawing, kind, index, line);
    default:
      return replaced(drawing, kind, index, { outline: [...points] });
  }
}

/** The drawing with other properties of one shape. */
export function replaced<K extends Kind>(
  drawing: Drawing,
  kind: K,
  index: number,
  change: Partial<Drawing[K][number]>,
): Drawing {
  const list = (drawing[kind] as Drawing[K][number][]).map((it, at) =>
    at === index ? { ...it, ...change } : it,
  );
  return { ...drawing, [kind]: list };
}

export function added<K extends Kind>(
  drawing: Drawing,
  kind: K,
  item: Drawing[K][number],
): Drawing {
  return { ...drawing, [kind]: [...drawing[kind], item] };
}

export function removed(drawing: Drawing, { kind, index }: Shape): Drawing {
  return { ...drawing, [kind]: drawing[kind].filter((_, at) => at !== index) };
}

/** The drawing with a corner at `to`, or a whole shape moved by whole steps of the grid. */
export function dragged(drawing: Drawing, handle: Handle, from: Point, to: Point): Drawing {
  const points = corners(drawing, handle);
  const by = snap({ x: to.x - from.x, y: to.y - from.y });
  const moved = points.map((point, corner) => {
    if (handle.corner === undefined) return snap({ x: point.x + by.x, y: point.y + by.y });
    return corner === handle.corner ? snap(to) : point;
  });
  return withCorners(drawing, handle, moved);
}

/** How many shapes differ; a shape that was changed counts once. */
export function countChanges(before: Drawing, after: Drawing): number {
  return KINDS.reduce((sum, kind) => {
    const rest = before[kind].map((it) => JSON.stringify(it));
    let fresh = 0;
    for (const it of after[kind]) {
      const known = rest.indexOf(JSON.stringify(it));
      if (known >= 0) rest.splice(known, 1);
      else fresh += 1;
    }
    return sum + Math.max(fresh, rest.length);
  }, 0);
}

/**
 * What is at a place. Corners of the selected shape come first, then small things, then lines; an
 * area is hit at its border, and inside it when `inside` says so: the smallest one.
 */
export function hit(
  drawing: Drawing,
  at: Point,
  reach_m: number,
  selected: Shape | undefined,
  inside: boolean,
): Handle | undefined {
  if (selected && !isSpot(selected.kind)) {
    const near = corners(drawing, selected).map((point) => distance(point, at));
    const corner = near.indexOf(Math.min(...near));
    if ((near[corner] ?? Infinity) <= reach_m) return { ...selected, corner };
  }
  let best: Handle | undefined;
  let best_distance = reach_m;
  const offer = (shape: Shape, away: number) => {
    if (away > best_distance) return;
    best = shape;
    best_distance = away;
  };
  for (const kind of KINDS) {
    drawing[kind].forEach((_, index) => {
      const points = corners(drawing, { kind, index });
      const lines = kind === 'regions' || kind === 'zones' ? sides(points) : pairs(points);
      const away = lines.map((line) => distanceTo(line, at));
      offer({ kind, index }, Math.min(...away));
    });
    // A spot or a wall near to a border is what is meant.
    if (best) return best;
  }
  const areas = (['zones', 'regions'] as const)
    .flatMap((kind) => drawing[kind].map(({ outline }, index) => ({ kind, index, outline })))
    .filter(({ outline }) => contains(outline, at))
    .toSorted((a, b) => area(a.outline) - area(b.outline));
  const isSelected = (it: Shape) => it.kind === selected?.kind && it.index === selected.index;
  const found = areas.find(isSelected) ?? (inside ? areas[0] : undefined);
  return found && { kind: found.kind, index: found.index };
}

/** `Zone 3`: the first name of this kind that is free. */
export function freeName(names: readonly string[], word: string): string {
  let number = 1;
  while (names.includes(`${word} ${number}`)) number += 1;
  return `${word} ${number}`;
}

/** The shape that a message of the engine names, if it names one. */
export function culprit(drawing: Drawing, message: string): Shape | undefined {
  const text = message.toLowerCase();
  const ap = drawing.access_points.findLastIndex(
    ({ mac, name }) => text.includes(mac.toLowerCase()) || text.includes(`'${name.toLowerCase()}'`),
  );
  if (ap >= 0) return { kind: 'access_points', index: ap };
  for (const [kind, word] of [
    ['chokepoints', 'chokepoint'],
    ['switches', 'switch'],
  ] as const) {
    const index = drawing[kind].findLastIndex(
      ({ name }) =>
        text.includes(`${word} ${name.toLowerCase()} is there`) || text.includes(`'${name.toLowerCase()}'`),
    );
    if (index >= 0) return { kind, index };
  }
  const zone = drawing.zones.findLastIndex(
    ({ name }) =>
      text.includes(`'${name.toLowerCase()}'`) || text.includes(`>${name.toLowerCase()} is there`),
  );
  return zone >= 0 ? { kind: 'zones', index: zone } : undefined;
}

function pairs(points: readonly Point[]): { from: Point; to: Point }[] {
  const [from, to] = points;
  return from ? [{ from, to: to ?? from }] : [];
}
