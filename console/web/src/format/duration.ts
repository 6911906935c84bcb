// Durations as people say them. All functions take seconds.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "0.42 ms", "312 ms", "1.53 s", "2 min 5 s", "3 h 12 min", "4 d 2 h"; "–" for a missing value. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const s = Math.abs(seconds);
  if (s === 0) return "0 ms";
  if (s < 0.001) return `${sign}${trim(s * 1000, 2)} ms`;
  if (s < 0.01) return `${sign}${trim(s * 1000, 1)} ms`;
  if (s < 0.9995) return `${sign}${Math.round(s * 1000)} ms`;
  if (s < 9.995) return `${sign}${trim(s, 2)} s`;
  if (s < MINUTE - 0.05) return `${sign}${trim(s, 1)} s`;
  return sign + twoUnits(Math.round(s));
}

function twoUnits(s: number): string {
  if (s < HOUR) return pair(s, MINUTE, "min", 1, "s");
  if (s < DAY) return pair(s, HOUR, "h", MINUTE, "min");
  return pair(s, DAY, "d", HOUR, "h");
}

function pair(s: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(s / big);
  const rest = Math.floor((s - whole * big) / small);
  return rest === 0 ? `${whole} ${bigName}` : `${whole} ${bigName} ${rest} ${smallName}`;
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, "");
}

/** How long ago, coarse enough not to flicker: "just now", "12 s ago", "3 min ago", "2 h ago", "5 d ago". */
export function formatAge(seconds: number): string {
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 5) return "just now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return `${Math.floor(seconds / DAY)} d ago`;
}

/** How long something has lasted: like an age, without "ago". */
export function formatElapsed(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return "0 s";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  return twoUnits(Math.floor(seconds));
}

/** "+312 ms", "−4.2 s". */
export function formatOffset(seconds: number): string {
  if (Math.abs(seconds) < 0.0005) return "0 ms";
  return `${seconds < 0 ? "−" : "+"}${formatDuration(Math.abs(seconds))}`;
}
