// What the form of the profile edits: parts that two people may change at once, thresholds and
// severities beside their defaults. Pure.
import type { Article, Profile, Rule, Severity, Threshold } from '../../api-wips';
import type { Refusal } from '../../refusal';

/** What the profile says of one kind, or would say. */
export interface KindSettings {
  isEnabled: boolean;
  severity: Severity;
  threshold: Threshold;
}

/** The parts of a profile, as the headings of the form call them. */
const PARTS: Record<keyof Profile, string> = {
  name: 'The profile itself',
  quiet_s_min: 'The profile itself',
  quiet_s_max: 'The profile itself',
  radios_max: 'The profile itself',
  managed: 'Whom to protect',
  hours: 'Whom to protect',
  lists: 'What is allowed',
  approved_ssids: 'Known and harmless',
  approved_bssids: 'Known and harmless',
  wired: 'What gives intruders away',
  canary_ssids: 'What gives intruders away',
  rules: 'How access points of others are sorted',
  disabled: 'What is looked for',
  thresholds: 'What is looked for',
  severities: 'What is looked for',
};
const KEYS = Object.keys(PARTS) as (keyof Profile)[];

/** The headings of the parts that differ. */
export function changedParts(a: Profile, b: Profile): string[] {
  return [...new Set(changedKeys(a, b).map((key) => PARTS[key]))];
}

/** `mine`, with what only others changed since `base`; and the headings of what both changed. */
export function merged(
  base: Profile,
  mine: Profile,
  theirs: Profile,
): { profile: Profile; both: string[] } {
  const own = changedKeys(base, mine);
  const profile = structuredClone(mine);
  for (const key of changedKeys(base, theirs).filter((key) => !own.includes(key))) {
    take(profile, theirs, key);
  }
  const both = own.filter((key) => !same(theirs[key], base[key]) && !same(theirs[key], mine[key]));
  return { profile, both: [...new Set(both.map((key) => PARTS[key]))] };
}

function take<K extends keyof Profile>(to: Profile, from: Profile, key: K): void {
  to[key] = structuredClone(from[key]);
}

function changedKeys(a: Profile, b: Profile): (keyof Profile)[] {
  return KEYS.filter((key) => !same(a[key], b[key]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}

/** The order of names, addresses and keys says nothing; that of rules does. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(ordered);
    return items.every((item) => typeof item === 'string') ? items.toSorted() : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.map(([name, item]) => [name, ordered(item)]).toSorted(byName);
}

const byName = ([a]: unknown[], [b]: unknown[]) => (String(a) < String(b) ? -1 : 1);

/** What holds for a kind. */
export function settingsOf(profile: Profile, article: Article): KindSettings {
  const { kind, default_severity, default_threshold } = article;
  return {
    isEnabled: !profile.disabled.includes(kind),
    severity: profile.severities[kind] ?? default_severity,
    threshold: profile.thresholds[kind] ?? default_threshold,
  };
}

/** Whether the profile says anything of a kind. */
export function isSet(profile: Profile, { kind }: Article): boolean {
  return profile.disabled.includes(kind) || kind in profile.severities || kind in profile.thresholds;
}

/** Has the profile say this of a kind; what is the default is not said. */
export function set(profile: Profile, article: Article, settings: KindSettings): void {
  const { kind, default_severity, default_threshold } = article;
  const { isEnabled, severity, threshold } = settings;
  profile.disabled = profile.disabled.filter((it) => it !== kind);
  if (!isEnabled) profile.disabled.push(kind);
  delete profile.severities[kind];
  if (severity !== default_severity) profile.severities[kind] = severity;
  delete profile.thresholds[kind];
  if (!same(threshold, default_threshold)) profile.thresholds[kind] = threshold;
}

export function newRule(): Rule {
  return { name: '', class: 'friendly', confidence: 0 };
}

/** Names or addresses, one a line; names may have spaces, so only lines that are empty are left out. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Lines that are channels; one that is no number is channel 0, which the engine refuses. */
export function channelsOf(lines: string[]): number[] {
  return lines.map((line) => Number.parseInt(line, 10) || 0);
}

/** The kind whose threshold or severity was refused. */
export function refusedKind(refusal: Refusal | undefined): string | undefined {
  return /^(?:thresholds|severities)\.([^.]+)/.exec(refusal?.field ?? '')?.[1];
}
