// The profile beside its form: what differs, what two people make of it, what the engine refuses.
import { describe, expect, it } from 'vitest';

import { ApiError } from '../../src/api';
import type { Article, Profile } from '../../src/api-wips';
import {
  changedParts,
  channelsOf,
  isSet,
  linesOf,
  merged,
  newRule,
  refusedKind,
  set,
  settingsOf,
} from '../../src/intrusions/profile/profile';
import { refusalOf, refusedAt } from '../../src/refusal';

const BARE: Profile = {
  name: 'default',
  managed: { ssids: [], bssids: [], stations: [] },
  approved_bssids: [],
  approved_ssids: [],
  canary_ssids: [],
  wired: [],
  lists: {
    access_point_vendors: [],
    station_vendors: [],
    refuse_made_up: false,
    countries: [],
    channels: [],
    forbidden_words: [],
    isolated_ssids: [],
  },
  rules: [],
  disabled: [],
  thresholds: {},
  severities: {},
  quiet_s_min: 30,
  quiet_s_max: 300,
  radios_max: 16_384,
};

const FLOOD: Article = {
  kind: 'authentication-flood',
  name: 'Authentication flood',
  class: 'access_point',
  severity: 'major',
  description: '',
  remedy: '',
  default_severity: 'major',
  default_threshold: { frames: 30, transmitters: 20, seconds: 10 },
};

const bare = (): Profile => structuredClone(BARE);

describe('the settings of a kind', () => {
  it('are the defaults where the profile says nothing', () => {
    const profile = bare();
    expect(settingsOf(profile, FLOOD)).toEqual({
      isEnabled: true,
      severity: 'major',
      threshold: FLOOD.default_threshold,
    });
    expect(isSet(profile, FLOOD)).toBe(false);
  });

  it('are said where they are not the default, and only then', () => {
    const profile = bare();
    const { severity, threshold } = settingsOf(profile, FLOOD);
    set(profile, FLOOD, { isEnabled: false, severity: 'minor', threshold: { frames: 5, seconds: 10 } });
    expect(profile.disabled).toEqual(['authentication-flood']);
    expect(profile.severities).toEqual({ 'authentication-flood': 'minor' });
    expect(profile.thresholds).toEqual({ 'authentication-flood': { frames: 5, seconds: 10 } });
    expect(settingsOf(profile, FLOOD).threshold.transmitters).toBeUndefined();
    set(profile, FLOOD, { isEnabled: true, severity, threshold: { ...threshold } });
    expect(profile).toEqual(bare());
  });
});

describe('two who change the profile at once', () => {
  it('see which parts differ, and that order is no difference', () => {
    const a = { ...bare(), canary_ssids: ['x', 'y'], quiet_s_min: 20 };
    const b = { ...bare(), canary_ssids: ['y', 'x'], name: 'campus' };
    expect(changedParts(a, b)).toEqual(['The profile itself']);
    const friendly = { ...newRule(), name: 'a' };
    const other = { ...newRule(), name: 'b' };
    const rules = changedParts({ ...a, rules: [friendly, other] }, { ...a, rules: [other, friendly] });
    expect(rules).toEqual(['How access points of others are sorted']);
  });

  it('keep what only one of them changed', () => {
    const mine = { ...bare(), canary_ssids: ['Vault 7'] };
    const theirs = { ...bare(), rules: [{ ...newRule(), name: 'cafe' }] };
    const { profile, both } = merged(BARE, mine, theirs);
    expect(profile).toEqual({ ...bare(), canary_ssids: ['Vault 7'], rules: theirs.rules });
    expect(both).toEqual([]);
  });

  it('are told what both of them changed', () => {
    const mine = { ...bare(), name: 'mine', quiet_s_min: 20 };
    const theirs = { ...bare(), name: 'theirs', quiet_s_min: 20 };
    const { profile, both } = merged(BARE, mine, theirs);
    expect(profile.name).toBe('mine');
    expect(both).toEqual(['The profile itself']);
    // The same change by both is no disagreement.
    expect(merged(BARE, mine, mine).both).toEqual([]);
  });

  it('take over what one of them took away', () => {
    const base = { ...bare(), hours: { from_h: 7, to_h: 19, utc_offset_min: 0, weekends: false } };
    const mine = { ...base, name: 'mine' };
    const { profile } = merged(base, mine, bare());
    expect(profile.hours).toBeUndefined();
    expect(profile.name).toBe('mine');
  });
});

describe('what the engine refuses', () => {
  const refused = (field: string, message: string) =>
    refusalOf(new ApiError(422, 'bad_profile', message, 0, field));

  it('stands at its field, without the name of the field', () => {
    const refusal = refused('rules[0].ssid', 'rules[0].ssid: the name of a network');
    expect(refusal).toEqual({ field: 'rules[0].ssid', reason: 'The name of a network' });
    expect(refusedAt(refusal, 'rules[0].ssid')).toBe('The name of a network');
    expect(refusedAt(refusal, 'rules[1].ssid')).toBe('');
    expect(refusedAt(refusal, 'rules')).toBe('');
  });

  it('stands at the list when it is an entry of it', () => {
    const refusal = refused('managed.bssids[3]', "managed.bssids[3]: 'roof' is not a MAC address");
    expect(refusedAt(refusal, 'managed.bssids')).toBe("'roof' is not a MAC address");
    expect(refusedAt(refusal, 'managed')).toBe('');
    expect(refusedAt(undefined, 'managed.bssids')).toBe('');
  });

  it('tells whose threshold it is', () => {
    expect(refusedKind(refused('thresholds.karma.frames', 'x'))).toBe('karma');
    expect(refusedKind(refused('wired[0]', 'x'))).toBeUndefined();
    expect(refusalOf(new ApiError(503, 'busy', 'later'))).toBeUndefined();
  });
});

describe('lines', () => {
  it('are names with their spaces, without empty ones', () => {
    expect(linesOf('Corp Net\n\n guest\n')).toEqual(['Corp Net', ' guest']);
  });
});

describe('channels', () => {
  it('are numbers, and what is none is left to the engine to refuse', () => {
    expect(channelsOf(['36', ' 149 ', 'all'])).toEqual([36, 149, 0]);
  });
});
