// The scale of the timeline. Pure: times in milliseconds in, shares and ticks out; nothing is drawn.

export interface Span {
  from: number;
  to: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Steps between ticks that people read as times. */
const STEPS_MS = [
  1_000, 5_000, 15_000, 30_000, MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS,
  HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS,
  365 * DAY_MS,
];
/** Nothing is shown finer than this: half a minute is a short attack. */
const SPAN_MIN_MS = 30_000;
/** Free room beside the first and the last incident, as a share of the span. */
const MARGIN = 0.03;
/** A bar that lasts less is still seen, in pixels. */
export const BAR_MIN_PX = 6;

/** The time that is shown: what was asked for, and where that has no end, what there is. */
export function spanOf(
  asked: { from?: number; to?: number },
  lives: readonly Span[],
  now: number,
): Span {
  const first = Math.min(...lives.map(({ from }) => from));
  const last = Math.max(...lives.map(({ to }) => to));
  const isSome = lives.length > 0;
  let to = asked.to ?? (asked.from !== undefined || !isSome ? now : last);
  let from = asked.from ?? (isSome ? Math.min(first, to) : to - HOUR_MS);
  // A recording that is played may be ahead of the clock.
  if (asked.to === undefined && isSome) to = Math.max(to, last);
  const missing = SPAN_MIN_MS - (to - from);
  if (missing > 0) {
    from -= missing / 2;
    to += missing / 2;
  }
  const margin = (to - from) * MARGIN;
  return {
    from: asked.from === undefined ? from - margin : from,
    to: asked.to === undefined ? to + margin : to,
  };
}

/** Where a bar is in `width_px`; what lies outside the span is cut, and nothing is too thin to see. */
export function bar(life: Span, span: Span, width_px: number): { x: number; width: number } {
  const at = (time: number) =>
    (Math.min(Math.max((time - span.from) / (span.to - span.from), 0), 1) * width_px);
  const width = Math.max(at(life.to) - at(life.from), Math.min(BAR_MIN_PX, width_px));
  return { x: Math.min(at(life.from), width_px - width), width };
}

/** Round times of the local clock, as many as have `label_px` of room each. */
export function ticks(span: Span, width_px: number, label_px: number): number[] {
  const most = Math.max(Math.floor(width_px / label_px), 1);
  const step =
    STEPS_MS.find((step) => (span.to - span.from) / step <= most) ?? (STEPS_MS.at(-1) as number);
  // Days and hours begin where the local clock says so.
  const shift = new Date(span.from).getTimezoneOffset() * MINUTE_MS;
  const first = Math.ceil((span.from - shift) / step) * step + shift;
  const times: number[] = [];
  for (let at = first; at <= span.to; at += step) times.push(at);
  return times;
}

/** `14:05`, with seconds or a day where the span asks for them. */
export function tickLabel(at: number, span: Span): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const length = span.to - span.from;
  if (length > 4 * DAY_MS) return day;
  if (length > DAY_MS) return `${day} ${clock}`;
  return length < 10 * MINUTE_MS ? `${clock}:${two(date.getSeconds())}` : clock;
}
