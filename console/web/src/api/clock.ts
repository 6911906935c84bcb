// The console's clock. Ages are told by it, so that a browser whose clock is
// wrong does not call every store stale.

let offsetMillis = 0;
const TOLERANCE = 2_000; // the Date header counts whole seconds

/** Learns from the Date header of an answer. */
export function learnClock(header: string | null, browserNow: number): void {
  if (header === null) return;
  const server = Date.parse(header);
  if (Number.isNaN(server)) return;
  const offset = server - browserNow;
  offsetMillis = Math.abs(offset) > TOLERANCE ? offset : 0;
}

/** Milliseconds since 1970 by the console's clock. */
export function consoleNow(): number {
  return Date.now() + offsetMillis;
}

/** A moment of the browser's clock as the console's clock has it. */
export function fromBrowser(millis: number): number {
  return millis + offsetMillis;
}
