import { describe, expect, it } from 'vitest';

import type { Element, ElementsFrame } from '../../src/api';
import { Dots } from '../../src/map/dots';

const FLOOR = '788';

function element(mac: string, x: number, floor = FLOOR): Element {
  return {
    category: 'tag',
    mac,
    first_seen: 0,
    last_seen: 1,
    band: 'BLE',
    strongest: null,
    position: { floor, point: { x, y: 2 }, confidence: 3, at: 1 },
    association: { associated: false, bytes_sent: 0, bytes_received: 0 },
    controller: '127.0.0.1:16113',
    missing: false,
    zones: ['Lobby'],
  };
}

function frame(elements: Element[], removed: ElementsFrame['removed'] = []): ElementsFrame {
  return { type: 'elements', elements, removed };
}

describe('the dots of a floor', () => {
  it('glide towards a new place and arrive there', () => {
    const dots = new Dots(FLOOR);
    dots.apply(frame([element('a', 1)]), true);
    dots.apply(frame([element('a', 9)]), false);
    const dot = dots.byKey.get('tags/a');
    expect(dots.glide(100)).toBe(true);
    expect(dot?.x).toBeGreaterThan(1);
    expect(dot?.x).toBeLessThan(9);
    for (let step = 0; step < 100; step += 1) dots.glide(100);
    expect(dot?.x).toBe(9);
    expect(dots.glide(100)).toBe(false);
  });

  it('keep what a change does not name, and lose what a full frame does not name', () => {
    const dots = new Dots(FLOOR);
    dots.apply(frame([element('a', 1), element('b', 2)]), true);
    dots.apply(frame([element('b', 3)]), false);
    expect([...dots.byKey.keys()]).toEqual(['tags/a', 'tags/b']);
    dots.apply(frame([element('b', 3)]), true);
    expect([...dots.byKey.keys()]).toEqual(['tags/b']);
  });

  it('disappear when they are removed or go to another floor', () => {
    const dots = new Dots(FLOOR);
    dots.apply(frame([element('a', 1), element('b', 2)]), true);
    dots.apply(frame([element('b', 2, '789')], [{ category: 'tags', mac: 'a' }]), false);
    expect(dots.tally().total).toBe(0);
  });

  it('are counted by category and by zone', () => {
    const dots = new Dots(FLOOR);
    dots.apply(frame([element('a', 1), element('b', 2)]), true);
    expect(dots.tally()).toEqual({ total: 2, categories: { tag: 2 }, zones: { Lobby: 2 } });
  });
});
