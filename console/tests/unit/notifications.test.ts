// What the form of a notification edits, and what the list says.
import { describe, expect, it } from 'vitest';

import type { Condition, Definition, Transport } from '../../src/api';
import { draftOf, macPatterns, newDraft, newReceiver, trustKind, usesTls } from '../../src/notifications/draft';
import { aboutText, conditionText, filterText, paceText, placeText, whenText } from '../../src/notifications/words';

const BARE: Definition = {
  name: 'lobby',
  enabled: true,
  conditions: [{ type: 'area_change' }],
  filter: {},
  receivers: [newReceiver('http')],
  refresh_min: 0,
  retry_count: 1,
  rate_limit_ms: 0,
  queue_limit: 500,
};

describe('a draft', () => {
  it('has something in every field, and is not the definition itself', () => {
    const draft = draftOf(BARE);
    expect(draft.group).toBe('');
    expect(draft.filter).toEqual({ categories: [], macs: [], area: '' });
    draft.filter.macs.push('00:0c:cc:*');
    expect(BARE.filter).toEqual({});
  });

  it('has lists where a condition about the air left them out', () => {
    const { conditions } = draftOf({ ...BARE, conditions: [{ type: 'incident', kinds: ['karma'] }, { type: 'rogue' }] });
    expect(conditions).toEqual([
      { type: 'incident', kinds: ['karma'], classes: [] },
      { type: 'rogue', classes: [] },
    ]);
  });

  it('begins with one condition and one receiver, as the engine asks for', () => {
    const draft = newDraft();
    expect([draft.conditions.length, draft.receivers.length]).toEqual([1, 1]);
  });

  it('takes addresses however they are set apart', () => {
    expect(macPatterns(' 00:0c:cc:*\n02:4d:01:00:00:01, 02:*; ')).toEqual([
      '00:0c:cc:*',
      '02:4d:01:00:00:01',
      '02:*',
    ]);
    expect(macPatterns(' \n')).toEqual([]);
  });
});

describe('certificates', () => {
  it('matter where TLS protects the transport', () => {
    const check = (transport: Transport, expected: boolean) =>
      expect(usesTls(transport), JSON.stringify(transport)).toBe(expected);
    check({ type: 'http', url: 'HTTPS://a/' }, true);
    check({ type: 'http', url: 'http://a/' }, false);
    check({ type: 'syslog', host: 'a', port: 6514, protocol: 'tls' }, true);
    check({ type: 'syslog', host: 'a', port: 514, protocol: 'udp' }, false);
    check({ type: 'snmp', host: 'a', port: 162, community: 'c' }, false);
    check({ type: 'email', host: 'a', port: 25, security: 'none', from: 'a@b', to: 'c@d' }, false);
    // Left out, the engine takes STARTTLS.
    check({ type: 'email', host: 'a', port: 25, from: 'a@b', to: 'c@d' }, true);
    check({ type: 'mqtt', host: 'a', port: 8883, tls: true, topic: 't' }, true);
    check({ type: 'mqtt', host: 'a', port: 1883, topic: 't' }, false);
  });

  it('are those of the machine unless something else is said', () => {
    expect(trustKind(undefined)).toBe('system');
    expect(trustKind({ ca: '' })).toBe('ca');
    expect(trustKind({ pin: '' })).toBe('pin');
  });
});

describe('words', () => {
  it('say when it fires', () => {
    const check = (condition: Condition, text: string) => expect(conditionText(condition)).toBe(text);
    check({ type: 'containment', area: 'Main>Hall' }, 'enters or leaves Main › Hall');
    check({ type: 'containment', area: 'Main', boundary: 'outside' }, 'leaves Main');
    check({ type: 'movement', distance_m: 2.5 }, 'moves 2.5 m');
    check({ type: 'association' }, 'joins the network or leaves it');
    check({ type: 'association', associated: false }, 'leaves the network');
    check({ type: 'absence', minutes: 60 }, 'is not heard for 60 min');
    check({ type: 'emergency', reason: 'panic_button' }, 'calls for help: panic button');
    check({ type: 'emergency' }, 'calls for help');
    check({ type: 'chokepoint', name: 'Gate' }, 'is triggered by chokepoint Gate');
  });

  it('say what is seen on the air', () => {
    const check = (condition: Condition, text: string) => expect(whenText(condition)).toBe(text);
    check({ type: 'area_change' }, 'it goes from one zone or floor to another');
    check({ type: 'incident' }, 'an attack begins or is over');
    check(
      { type: 'incident', phase: 'opened', severity: 'major', kinds: ['evil-twin'], classes: ['medium'] },
      'an attack begins: Major or worse · Against the medium · Evil twin',
    );
    check({ type: 'incident', phase: 'closed', severity: 'informational' }, 'an attack is over');
    check({ type: 'rogue', classes: ['malicious', 'custom'] }, 'an access point of others is malicious or custom');
    check({ type: 'rogue' }, 'an access point of others is heard');
    check({ type: 'sensor_silent' }, 'a sensor falls silent');
    expect(aboutText({ conditions: [{ type: 'incident' }], filter: {} })).toBe('What sensors hear');
    expect(aboutText({ conditions: [{ type: 'incident' }, { type: 'movement', distance_m: 1 }], filter: {} })).toBe(
      'Every element',
    );
    expect(aboutText({ conditions: [{ type: 'incident' }], filter: { macs: ['02:*'] } })).toBe('02:*');
  });

  it('say about whom', () => {
    expect(filterText({})).toBe('Every element');
    expect(filterText({ categories: ['tag'], macs: ['02:*'], area: 'Main>Hall' })).toBe(
      'Tags · 02:* · in Main › Hall',
    );
    expect(filterText({ macs: ['02:*', '04:*', '06:*', '08:*'] })).toBe('4 address patterns');
  });

  it('say how, where that is not the usual way', () => {
    expect(paceText(BARE)).toBe('');
    expect(paceText({ ...BARE, refresh_min: 15, scramble_salt: '***' })).toBe(
      'told again every 15 min while it lasts · addresses scrambled',
    );
  });

  it('say where a receiver is', () => {
    expect(placeText({ type: 'mqtt', host: 'broker', port: 1883, topic: 'a/b' })).toBe(
      'a/b at broker:1883',
    );
    expect(placeText({ type: 'snmp', host: 'trap', port: 162, community: '***' })).toBe('trap:162');
  });
});
