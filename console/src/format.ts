// Values as people read them. Pure: the time zone and the language are the browser's.

const NONE = '–';

/** `just now`, `42 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function ago(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return NONE;
  const age_s = Math.max(0, Math.round((now - at) / 1000));
  if (age_s < 2) return 'just now';
  return `${duration(age_s)} ago`;
}

/** `42 s`, `5 min`, `3 h`, `2 d`: one unit, rounded down. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `2026-11-20 16:31:05`, local time. */
export function dateTime(at: number | null | undefined): string {
  if (at === null || at === undefined) return NONE;
  const date = new Date(at);
  return `${calendarDay(date)} ${timeOfDay(date)}`;
}

/** The time alone today, the date as well on other days. */
export function shortTime(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return NONE;
  const date = new Date(at);
  const today = calendarDay(date) === calendarDay(new Date(now));
  return today ? timeOfDay(date) : dateTime(at);
}

/** `0 B`, `999 B`, `1.0 kB`, `3.4 MB`: decimal units, as network people count. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `12 345`, grouped by thin spaces that do not break. */
export function integer(count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** `3.2 m`. */
export function metres(length: number): string {
  return `${length.toFixed(1)} m`;
}

/** `−58 dBm`, with a real minus sign. */
export function dbm(level: number): string {
  return `${level < 0 ? '\u2212' : ''}${Math.abs(level)} dBm`;
}

/** `5 GHz` of the API's `5GHz`; `BLE` stays as it is. */
export function band(name: string | null): string {
  return name === null ? NONE : name.replace(/(\d)GHz$/, '$1 GHz');
}

/** `1 element`, `12 elements`. */
export function plural(count: number, singular: string, many = `${singular}s`): string {
  return `${integer(count)} ${count === 1 ? singular : many}`;
}

function calendarDay(date: Date): string {
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
}

function timeOfDay(date: Date): string {
  return [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join(':');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
