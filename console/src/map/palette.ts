// The colours of the canvas, read from the custom properties of theme.css: a canvas cannot use
// them by name, and one file should say what a colour is.
import type { Category } from '../api';
import { CATEGORIES } from '../categories';

export interface Palette {
  dark: boolean;
  font: string;
  ground: string;
  paper: string;
  edge: string;
  shadow: string;
  grid: string;
  wall: string;
  zone: string;
  zone_ink: string;
  exclusion: string;
  ap: string;
  ink: string;
  label: string;
  halo: string;
  focus: string;
  accent: string;
  good: string;
  bad: string;
  category: Record<Category, string>;
}

export function readPalette(canvas: HTMLCanvasElement): Palette {
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    dark: colour('scheme') === 'dark',
    font: style.fontFamily,
    ground: colour('map-ground'),
    paper: colour('map-paper'),
    edge: colour('map-edge'),
    shadow: colour('map-shadow'),
    grid: colour('map-grid'),
    wall: colour('map-wall'),
    zone: colour('map-zone'),
    zone_ink: colour('map-zone-ink'),
    exclusion: colour('map-exclusion'),
    ap: colour('map-ap'),
    ink: colour('ink'),
    label: colour('surface'),
    halo: colour('map-halo'),
    focus: colour('ink'),
    accent: colour('accent'),
    good: colour('good'),
    bad: colour('bad'),
    category: Object.fromEntries(
      CATEGORIES.map(({ category, path }) => [category, colour(`category-${path}`)]),
    ) as Record<Category, string>,
  };
}
