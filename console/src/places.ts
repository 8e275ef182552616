// The places of the maps as a tree. Pure.
// The engine lists each place before those that it holds; names are what a path adds to its parent's.
import type { PlaceNow } from './api';

export interface Place extends PlaceNow {
  name: string;
  parent: Place | undefined;
  children: Place[];
}

const DEPTHS: readonly PlaceNow['kind'][] = ['everywhere', 'campus', 'building', 'floor', 'zone'];

/** All places by their id, the one of everywhere first. */
export function placeTree(list: readonly PlaceNow[]): Map<string, Place> {
  const places = new Map<string, Place>();
  const above: Place[] = [];
  for (const now of list) {
    const depth = DEPTHS.indexOf(now.kind);
    const parent = above[depth - 1];
    const place: Place = { ...now, name: nameOf(now, parent), parent, children: [] };
    parent?.children.push(place);
    above[depth] = place;
    places.set(place.id, place);
  }
  return places;
}

/** From everywhere to the place itself. */
export function wayTo(place: Place): Place[] {
  return place.parent ? [...wayTo(place.parent), place] : [place];
}

/** The last name of a path, and where that is inside of `place`: `Main Building › Ground Floor`. */
export function nameWithin(path: string, place: PlaceNow): { name: string; where: string } {
  const inside = path.startsWith(`${place.path}>`) ? path.slice(place.path.length + 1) : path;
  const names = inside.split('>');
  const name = names.pop() ?? '';
  // A zone that is asked about itself needs no where.
  return { name, where: path === place.path ? '' : names.join(' › ') };
}

function nameOf(now: PlaceNow, parent: Place | undefined): string {
  if (!parent) return 'Everywhere';
  return parent.path ? now.path.slice(parent.path.length + 1) : now.path;
}
