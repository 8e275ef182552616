// What the pages of intrusions say, ask for and draw.
import { describe, expect, it } from 'vitest';

import type { Article, Incident, Rogue, WipsPlace } from '../../src/api-wips';
import { articlesFound } from '../../src/intrusions/articles';
import { askOf, filterOf, isNarrow, PLAIN, queryOf } from '../../src/intrusions/filter';
import { roguesShown } from '../../src/intrusions/rogues';
import { bar, spanOf, tickLabel, ticks } from '../../src/intrusions/timeline';
import {
  channelText,
  evidenceText,
  fidelityWord,
  kindTitle,
  placeText,
  radiusText,
  recommendationText,
  rogueTraits,
  sensorRemedy,
  transmitterText,
  vendorText,
} from '../../src/intrusions/words';
import { mapHref, ofIncident, soughtIn } from '../../src/map/finding';
import { around } from '../../src/map/marks';

const MINUTE_MS = 60_000;
const NOW = new Date('2026-11-28T12:00:00').getTime();
const PLACE: WipsPlace = {
  floor: '7',
  path: ['Quay', 'Boathouse', 'Studio'],
  x: 12,
  y: 8,
  radius_m: 4,
  is_presence: false,
};

describe('the filter', () => {
  it('goes into the address and comes back, and what is plain is left out', () => {
    const check = (change: Partial<typeof PLAIN>, address: string) => {
      const filter = { ...PLAIN, ...change };
      const query = queryOf(filter);
      expect(query.toString()).toBe(address);
      expect(filterOf(query)).toEqual(filter);
    };
    check({}, '');
    check({ standing: 'all', severity: 'major' }, 'standing=all&severity=major');
    check({ what: 'kind:evil-twin', q: 'corp' }, 'what=kind%3Aevil-twin&q=corp');
    check({ span: 'own', from: '2026-11-28T11:00' }, 'span=own&from=2026-11-28T11%3A00');
    check({ before: 12 }, 'before=12');
  });

  it('forgets its own times with the choice of them', () => {
    const filter = { ...PLAIN, span: '1h', from: '2026-11-28T11:00' };
    expect(queryOf(filter).toString()).toBe('span=1h');
  });

  it('takes what an address does not say right as not said', () => {
    const query = new URLSearchParams('standing=x&severity=grave&span=2y&before=-3');
    expect(filterOf(query)).toEqual(PLAIN);
  });

  it('asks for what it says, and for nothing else', () => {
    expect(askOf(PLAIN, NOW, 50)).toEqual({ standing: 'open', limit: 50 });
    expect(askOf({ ...PLAIN, what: 'class:station', severity: 'minor' }, NOW, 50)).toEqual({
      standing: 'open',
      severity: 'minor',
      class: 'station',
      limit: 50,
    });
    expect(askOf({ ...PLAIN, what: 'kind:karma', span: '1h' }, NOW, 50)).toEqual({
      standing: 'open',
      kind: 'karma',
      from: NOW - 60 * MINUTE_MS,
      limit: 50,
    });
    const own = { ...PLAIN, span: 'own', from: '2026-11-28T11:00', to: '' };
    expect(askOf(own, NOW, 50)).toEqual({ standing: 'open', from: NOW - 60 * MINUTE_MS, limit: 50 });
    expect(askOf({ ...PLAIN, what: 'class:nonsense' }, NOW, 50)).toEqual({ standing: 'open', limit: 50 });
  });

  it('is narrow when it leaves out more than a standing', () => {
    expect(isNarrow({ ...PLAIN, standing: 'all' })).toBe(false);
    expect(isNarrow({ ...PLAIN, q: 'x' })).toBe(true);
  });
});

describe('the timeline', () => {
  it('shows what was asked for, and without an end what there is', () => {
    expect(spanOf({ from: 0, to: 100_000 }, [], NOW)).toEqual({ from: 0, to: 100_000 });
    const lives = [{ from: 1_000_000, to: 1_100_000 }];
    const span = spanOf({}, lives, NOW);
    expect([span.from < 1_000_000, span.to > 1_100_000]).toEqual([true, true]);
    expect(span.to - span.from).toBeCloseTo(106_000);
    // Nothing asked for and nothing there is the last hour.
    expect(spanOf({ from: NOW - 60 * MINUTE_MS }, [], NOW).from).toBe(NOW - 60 * MINUTE_MS);
  });

  it('is never so short that nothing can be told apart', () => {
    const span = spanOf({}, [{ from: 5_000, to: 5_000 }], NOW);
    expect(span.to - span.from).toBeGreaterThanOrEqual(30_000);
  });

  it('shows what is ahead of the clock', () => {
    const span = spanOf({ from: NOW - 1000 }, [{ from: NOW, to: NOW + 90_000 }], NOW);
    expect(span.to).toBeGreaterThan(NOW + 90_000);
  });

  it('cuts bars at its ends, and draws none too thin to see', () => {
    const span = { from: 0, to: 1000 };
    expect(bar({ from: 250, to: 750 }, span, 400)).toEqual({ x: 100, width: 200 });
    expect(bar({ from: -500, to: 500 }, span, 400)).toEqual({ x: 0, width: 200 });
    expect(bar({ from: 500, to: 500 }, span, 400)).toEqual({ x: 200, width: 6 });
    expect(bar({ from: 1000, to: 1000 }, span, 400)).toEqual({ x: 394, width: 6 });
  });

  it('has round times with room for their labels', () => {
    const span = { from: NOW - 61 * MINUTE_MS, to: NOW };
    const times = ticks(span, 500, 100);
    expect(times.map((at) => tickLabel(at, span))).toEqual(['11:00', '11:15', '11:30', '11:45', '12:00']);
    expect(ticks(span, 50, 100).length).toBeLessThanOrEqual(2);
    const short = { from: NOW, to: NOW + 40_000 };
    expect(ticks(short, 500, 100).map((at) => tickLabel(at, short))).toEqual([
      '12:00:00',
      '12:00:15',
      '12:00:30',
    ]);
  });
});

describe('words', () => {
  it('say how sure it is as the appliance says it', () => {
    const check = (fidelity: number, word: string) => expect(fidelityWord(fidelity)).toBe(word);
    check(100, 'very high');
    check(89, 'high');
    check(74, 'medium');
    check(49, 'low');
  });

  it('say who sends, and who is not to blame', () => {
    expect(transmitterText({ who: 'own', address: '02:aa' })).toBe('02:aa');
    expect(transmitterText({ who: 'spoofed', address: '02:aa' })).toBe('02:aa (spoofed)');
    expect(transmitterText({ who: 'invented', example: '02:aa' })).toBe('02:aa (invented)');
    expect(transmitterText({ who: 'unnamed' })).toBe('nobody named');
  });

  it('are readable where this console does not know the word', () => {
    expect(evidenceText('downgrade')).toBe('Less protection than others of the name have');
    expect(evidenceText('time-travel')).toBe('Time travel');
    expect(kindTitle('evil-twin')).toBe('Evil twin');
    expect(kindTitle('evil-twin', new Map([['evil-twin', 'Zwilling']]))).toBe('Zwilling');
  });

  it('say where', () => {
    expect(placeText(PLACE)).toBe('Studio, Boathouse');
    expect(radiusText(PLACE)).toBe('within 4.0 m');
    expect(radiusText({ ...PLACE, is_presence: true })).toMatch(/^near a sensor/);
    expect(channelText({ number: 6, band: '2.4GHz' })).toBe('6, 2.4 GHz');
    expect(channelText(null)).toBe('–');
  });

  it('say who made a radio, and what to do about it', () => {
    expect(vendorText('Espressif')).toBe('Espressif');
    expect(vendorText('randomised')).toBe('made-up address');
    expect(vendorText(null)).toBe('vendor not known');
    expect(recommendationText('shut_port')).toContain('port of the switch');
    expect(recommendationText('leave')).toBe('');
    expect(recommendationText(undefined)).toBe('');
  });

  it('say what to do about a sensor, and nothing about one that captures', () => {
    expect(sensorRemedy({ state: 'capturing', text: '' })).toBe('');
    expect(sensorRemedy({ state: 'failed', text: 'wlan1: no such device.' })).toBe(
      'Its controller says: wlan1: no such device.',
    );
    expect(sensorRemedy({ state: 'failed', text: '' })).toContain('log of its controller');
    expect(sensorRemedy({ state: 'silent', text: '' })).toContain('power');
  });
});

const ROGUE: Rogue = {
  bssid: '02:00:00:00:03:00',
  ssid: 'CorpNet',
  class: 'unclassified',
  rule: null,
  set_by: null,
  confidence: 50,
  channel: null,
  rssi_dbm: -60,
  stations: 0,
  sensors: 1,
  is_open: false,
  requires_pmf: false,
  is_on_wire: false,
  is_attacking: false,
  first: 0,
  last: 0,
  vendor: null,
  place: null,
};

describe('rogues', () => {
  it('come with attackers first, then by class and signal', () => {
    const named = (bssid: string, change: Partial<Rogue>) => ({ ...ROGUE, bssid, ...change });
    const all = [
      named('friend', { class: 'friendly', rssi_dbm: -20 }),
      named('weak', { rssi_dbm: null }),
      named('strong', {}),
      named('bad', { class: 'malicious' }),
      named('attacker', { is_attacking: true }),
    ];
    const order = roguesShown(all, '', '').map(({ bssid }) => bssid);
    expect(order).toEqual(['attacker', 'bad', 'strong', 'weak', 'friend']);
    expect(roguesShown(all, '', 'friendly')).toHaveLength(1);
  });

  it('are found by address, name and vendor', () => {
    const all = [{ ...ROGUE, vendor: 'Espressif' }];
    for (const q of ['03:00', 'CORP', 'espress', ' ']) expect(roguesShown(all, q, '')).toHaveLength(1);
    expect(roguesShown(all, 'cisco', '')).toHaveLength(0);
  });

  it('show what is remarkable, the worst first', () => {
    const traits = rogueTraits({ ...ROGUE, is_open: true, is_attacking: true });
    expect(traits.map(({ text }) => text)).toEqual(['attacks', 'open']);
    expect(rogueTraits(ROGUE)).toEqual([]);
  });
});

describe('the encyclopaedia', () => {
  it('finds articles by every word that is typed', () => {
    const article = (kind: string, name: string, remedy: string): Article => ({
      kind,
      name,
      class: 'station',
      severity: 'major',
      description: '',
      remedy,
      default_severity: 'major',
      default_threshold: { frames: 1, seconds: 60 },
    });
    const all = [article('wps-in-use', 'WPS in use', 'Turn WPS off.'), article('karma', 'Karma', '')];
    expect(articlesFound(all, 'off wps').map(({ kind }) => kind)).toEqual(['wps-in-use']);
    expect(articlesFound(all, '')).toHaveLength(2);
    expect(articlesFound(all, 'twin')).toHaveLength(0);
  });
});

describe('what is pointed out on the map', () => {
  it('is named in the address', () => {
    expect(mapHref(PLACE, 'incident', 3)).toBe('#/map/7?incident=3');
    expect(soughtIn(new URLSearchParams('incident=3'))).toBe('incident=3');
    expect(soughtIn(new URLSearchParams('mode=edit'))).toBeUndefined();
  });

  it('is the attacker and the victim, each where it is; a spoofed name is not the attacker', () => {
    const incident = {
      id: 3,
      kind: 'evil-twin',
      transmitter: { who: 'own', address: '02:aa' },
      victim: '02:bb',
      place: PLACE,
      victim_place: { ...PLACE, floor: '8' },
    } as Incident;
    const { title, marks } = ofIncident(incident);
    expect(title).toBe('Evil twin #3');
    expect(marks.map(({ text, floor }) => [text, floor])).toEqual([
      ['Attacker 02:aa', '7'],
      ['Victim 02:bb', '8'],
    ]);
    const spoofed = ofIncident({ ...incident, transmitter: { who: 'spoofed', address: '02:aa' } });
    expect(spoofed.marks[0]?.text).toBe('Attacker');
    expect(ofIncident({ ...incident, place: null, victim_place: null }).marks).toEqual([]);
  });

  it('is shown with some of the floor around', () => {
    const mark = { role: 'attacker', text: '', short: '', floor: '7', x: 50, y: 40 } as const;
    const wide = (radius_m: number) => {
      const [from, to] = around([{ ...mark, radius_m, is_presence: false }], { width: 100, height: 80 });
      return (to?.x ?? 0) - (from?.x ?? 0);
    };
    expect(wide(2)).toBe(26);
    expect(wide(40)).toBe(80);
    expect(wide(90)).toBe(100);
  });
});
