import { describe, expect, it } from 'vitest';
import { tagFacts, wiredFacts } from '../../src/map/facts';

const NOW = 1_800_000_000_000;

describe('what a tag says', () => {
  it('begins with what is urgent', () => {
    const facts = tagFacts(
      {
        at: NOW - 5_000,
        battery: { percent: 12, tolerance_percent: 5 },
        emergency: 'panic_button',
        encounter: { chokepoint: 'Gate', since: NOW - 90_000, until: NOW - 80_000 },
        telemetry: { temperature_c: -4.04 },
      },
      NOW,
    );
    expect(facts.map(({ title }) => title)).toEqual([
      'Emergency',
      'Battery',
      'Chokepoint',
      'Temperature',
      'Said',
    ]);
    expect(facts[0]).toEqual({ title: 'Emergency', value: 'Panic button', is_urgent: true });
    expect(facts[1]).toEqual({ title: 'Battery', value: '12 ± 5 %', is_urgent: true });
    expect(facts[2]?.value).toMatch(/^Gate, left /);
    expect(facts[3]?.value).toBe('-4 °C');
  });

  it('says only that it said something when it says nothing', () => {
    expect(tagFacts({ at: NOW }, NOW).map(({ title }) => title)).toEqual(['Said']);
  });
});

describe('what a wired client is plugged into', () => {
  it('is a port of a switch with an address in the usual order', () => {
    const port = { switch: 'sw-1', port: '1/0/7', civic: { room: '2.14', city: 'Bilbao' } };
    expect(wiredFacts(port)).toEqual([
      { title: 'Switch', value: 'sw-1' },
      { title: 'Port', value: '1/0/7' },
      { title: 'City', value: 'Bilbao' },
      { title: 'Room', value: '2.14' },
    ]);
  });

  it('may have neither name nor address', () => {
    expect(wiredFacts({ switch: '', port: 'Gi1/0/7' })).toEqual([
      { title: 'Port', value: 'Gi1/0/7' },
    ]);
  });
});
