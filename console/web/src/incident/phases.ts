// The waterfall's geometry. Pure.
import type { Phase } from "../api/types";

export interface Bar {
  phase: Phase;
  /** Percent of the axis. */
  left: number;
  width: number;
}

export interface Waterfall {
  bars: Bar[];
  /** The axis' end in seconds. */
  end: number;
  /** Seconds. */
  ticks: number[];
}

const NICE = [1, 2, 2.5, 5, 10];

/** A round step that cuts span into at most count parts. */
export function niceStep(span: number, count: number): number {
  if (!(span > 0)) return 1;
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = NICE.find((nice) => nice * power >= raw * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function ticksUntil(end: number, step: number): number[] {
  const ticks: number[] = [];
  for (let n = 0; n * step <= end * (1 + 1e-9); n++) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

/** Places phases on an axis that begins at the incident's first moment and ends with the last phase or the recovery. */
export function layoutPhases(phases: readonly Phase[], recoverySeconds: number): Waterfall {
  const last = Math.max(recoverySeconds, ...phases.map((phase) => phase.offsetSeconds + phase.durationSeconds), 0);
  const end = last > 0 ? last : 1;
  const bars = phases.map((phase) => ({
    phase,
    left: clamp((phase.offsetSeconds / end) * 100),
    width: clamp((Math.max(0, phase.durationSeconds) / end) * 100),
  }));
  return { bars, end, ticks: ticksUntil(end, niceStep(end, 6)) };
}

function clamp(percent: number): number {
  return Math.min(100, Math.max(0, percent));
}
