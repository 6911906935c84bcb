// Moments: shown in the reader's zone, with UTC at hand for a tooltip.

export type Moment = string | number | Date | null | undefined;

/** Milliseconds since 1970, or null for a missing, unreadable or zero moment (Go's zero time is year 1). */
export function toMillis(moment: Moment): number | null {
  if (moment === null || moment === undefined || moment === "") return null;
  const millis = moment instanceof Date ? moment.getTime() : new Date(moment).getTime();
  if (Number.isNaN(millis) || millis <= 0) return null;
  return millis;
}

const two = (n: number) => String(n).padStart(2, "0");

function clock(d: Date, millis: boolean): string {
  const base = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return millis ? `${base}.${String(d.getMilliseconds()).padStart(3, "0")}` : base;
}

function day(d: Date): string {
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

/** "14:03:05", or with millis "14:03:05.312". */
export function formatClock(moment: Moment, millis = false): string {
  const at = toMillis(moment);
  return at === null ? "–" : clock(new Date(at), millis);
}

/** "14:03:05" today, else "2026-11-22 14:03:05". */
export function formatWhen(moment: Moment, now: number): string {
  const at = toMillis(moment);
  if (at === null) return "–";
  const d = new Date(at);
  const today = day(new Date(now));
  return day(d) === today ? clock(d, false) : `${day(d)} ${clock(d, false)}`;
}

/** "2026-11-22 14:03:05.312". */
export function formatFull(moment: Moment): string {
  const at = toMillis(moment);
  if (at === null) return "–";
  const d = new Date(at);
  return `${day(d)} ${clock(d, true)}`;
}

/** "2026-11-22 13:03:05.312 UTC". */
export function formatUTC(moment: Moment): string {
  const at = toMillis(moment);
  if (at === null) return "–";
  return `${new Date(at).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** Seconds between a moment and now; Infinity when the moment is missing. */
export function ageSeconds(moment: Moment, now: number): number {
  const at = toMillis(moment);
  return at === null ? Infinity : Math.max(0, (now - at) / 1000);
}

/** A sentence of the console with its UTC moments (RFC 3339) put into the reader's zone. */
export function localTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, (moment) =>
    formatFull(moment).slice(0, 19),
  );
}
