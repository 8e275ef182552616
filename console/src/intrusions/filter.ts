// Which incidents are shown: the filter in the address of the page, and what it asks the engine for.
// Pure: the time is handed in.
import type { IncidentsQuery, KindClass, Severity } from '../api-wips';
import { CLASSES, SEVERITIES } from './words';

export const STANDING_CHOICES = [
  { standing: 'open', title: 'Open' },
  { standing: 'closed', title: 'Closed' },
  { standing: 'all', title: 'Open and closed' },
] as const;
export type StandingChoice = (typeof STANDING_CHOICES)[number]['standing'];

const HOUR_MS = 3_600_000;
/** The spans that people ask for; `ms` is absent where there is no limit. */
export const SPANS: readonly { span: string; title: string; ms?: number }[] = [
  { span: '1h', title: 'Last hour', ms: HOUR_MS },
  { span: '24h', title: 'Last 24 hours', ms: 24 * HOUR_MS },
  { span: '7d', title: 'Last 7 days', ms: 7 * 24 * HOUR_MS },
  { span: 'any', title: 'Any time' },
  { span: 'own', title: 'Own times' },
];

/** The filter, without gaps, so that each field has something to hold. */
export interface Filter {
  standing: StandingChoice;
  severity: Severity | '';
  /** `kind:evil-twin`, `class:station`, or empty for all. */
  what: string;
  q: string;
  span: string;
  /** Own times, as a field of local date and time has them: `2026-11-28T11:00`. */
  from: string;
  to: string;
  /** Only incidents with smaller numbers, for the pages after the first. */
  before: number | undefined;
}

export const PLAIN: Filter = {
  standing: 'open',
  severity: '',
  what: '',
  q: '',
  span: 'any',
  from: '',
  to: '',
  before: undefined,
};

/** The filter that an address names; what it does not know is as if it were not there. */
export function filterOf(query: URLSearchParams): Filter {
  const standing = STANDING_CHOICES.find((it) => it.standing === query.get('standing'));
  const severity = SEVERITIES.find((it) => it.severity === query.get('severity'));
  const span = SPANS.find((it) => it.span === query.get('span'));
  const before = Number(query.get('before'));
  return {
    standing: standing?.standing ?? PLAIN.standing,
    severity: severity?.severity ?? PLAIN.severity,
    what: query.get('what') ?? PLAIN.what,
    q: query.get('q') ?? PLAIN.q,
    span: span?.span ?? PLAIN.span,
    from: query.get('from') ?? PLAIN.from,
    to: query.get('to') ?? PLAIN.to,
    before: Number.isSafeInteger(before) && before > 0 ? before : PLAIN.before,
  };
}

/** The filter as an address keeps it: only what is not plain, so that addresses stay short. */
export function queryOf(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    const isKept = (name !== 'from' && name !== 'to') || filter.span === 'own';
    if (isKept && value !== PLAIN[name as keyof Filter]) query.set(name, String(value));
  }
  return query;
}

/** Whether anything is left out but closed incidents. */
export function isNarrow(filter: Filter): boolean {
  const { severity, what, q, span } = filter;
  return severity !== '' || what !== '' || q !== '' || span !== 'any';
}

/** From when to when; an open end is absent. */
export function bounds(filter: Filter, now: number): { from?: number; to?: number } {
  if (filter.span === 'own') {
    const time = (text: string) => (text ? new Date(text).getTime() : Number.NaN);
    const [from, to] = [time(filter.from), time(filter.to)];
    return {
      ...(Number.isFinite(from) ? { from } : {}),
      ...(Number.isFinite(to) ? { to } : {}),
    };
  }
  const ms = SPANS.find(({ span }) => span === filter.span)?.ms;
  return ms === undefined ? {} : { from: now - ms };
}

/** What a filter asks the engine for. */
export function askOf(filter: Filter, now: number, limit: number): IncidentsQuery {
  const [type, name = ''] = filter.what.split(':', 2);
  const isClass = type === 'class' && CLASSES.some((it) => it.class === name);
  return {
    standing: filter.standing,
    ...(filter.severity ? { severity: filter.severity } : {}),
    ...(isClass ? { class: name as KindClass } : {}),
    ...(type === 'kind' && name ? { kind: name } : {}),
    ...(filter.q ? { q: filter.q } : {}),
    ...(filter.before === undefined ? {} : { before: filter.before }),
    ...bounds(filter, now),
    limit,
  };
}
