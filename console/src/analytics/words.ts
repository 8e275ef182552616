// Times, classes and periods of analytics as people read them. Pure.
// Days and hours are those of the engine's time zone, so they are read from its texts.
import type { Question } from '../api';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_MS = 86_400_000;
/** The engine counts no more days at once. */
export const DAYS_MAX = 92;

/** Classes of the API in the order of a chart, with the words of `docs/guide/analytics.md`. */
export const DWELL_CLASSES: readonly [string, string][] = [
  ['UNDER_FIVE_MINUTES', '< 5 min'],
  ['FIVE_TO_THIRTY_MINUTES', '5–30 min'],
  ['THIRTY_TO_SIXTY_MINUTES', '30–60 min'],
  ['ONE_TO_FIVE_HOURS', '1–5 h'],
  ['FIVE_TO_EIGHT_HOURS', '5–8 h'],
  ['EIGHT_PLUS_HOURS', '> 8 h'],
];
export const REPEAT_CLASSES: readonly [string, string][] = [
  ['FIRST_TIME', 'First time'],
  ['OCCASIONAL', 'Occasional'],
  ['YESTERDAY', 'Yesterday'],
  ['WEEKLY', 'Weekly'],
  ['DAILY', 'Daily'],
];

export const PERIODS: readonly { word: NonNullable<Question['period']>; title: string }[] = [
  { word: 'today', title: 'Today' },
  { word: 'yesterday', title: 'Yesterday' },
  { word: 'lastweek', title: 'Last 7 days' },
  { word: 'lastmonth', title: 'Last 30 days' },
];

/** `28 Nov` of `2026-11-28T08:00`. */
export function day(local: string): string {
  const [, month, day] = local.slice(0, 10).split('-').map(Number);
  return `${day} ${MONTHS[(month ?? 1) - 1]}`;
}

/** `08:00` of `2026-11-28T08:00`. */
export function hour(local: string): string {
  return local.slice(11, 16);
}

/** `08:00` of 8. */
export function clockHour(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`;
}

/** `08:00–09:00` of 8; midnight ends as 24:00. */
export function hourSpan(hour: number): string {
  return `${clockHour(hour)}–${clockHour(hour + 1)}`;
}

/** `18 s`, `4.2 min`, `42 min`, `1 h 5 min`. */
export function minutes(count: number): string {
  const seconds = Math.round(count * 60);
  if (seconds < 60) return `${seconds} s`;
  if (count < 9.95) return `${count.toFixed(1)} min`;
  const whole = Math.round(count);
  if (whole < 60) return `${whole} min`;
  return whole % 60 ? `${Math.floor(whole / 60)} h ${whole % 60} min` : `${whole / 60} h`;
}

/** `2026-11-28`: the day of a time in the zone of the browser, as a first guess. */
export function isoDay(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** Why the engine would not take these days; empty when it does. */
export function daysProblem(from: string, until: string): string {
  if (!from || !until) return 'Choose the first and the last day.';
  const days = (Date.parse(until) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) return 'The last day is before the first one.';
  if (days > DAYS_MAX) return `A period has at most ${DAYS_MAX} days.`;
  return '';
}

/** `12 %`; less than one of many is still not nothing. */
export function percent(part: number, whole: number): string {
  if (part <= 0 || whole <= 0) return '0 %';
  const share = (part / whole) * 100;
  return share < 1 ? '< 1 %' : `${Math.round(share)} %`;
}
