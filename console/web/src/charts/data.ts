// Joining series of different times into uPlot's aligned columns. Pure.

export interface Line {
  label: string;
  /** A CSS colour or a custom property's name, such as --sw-series-0. */
  color: string;
  times: readonly number[];
  values: readonly (number | null)[];
  dashed?: boolean;
}

/** null ends a line, undefined lets it run on to its next value. */
export type Columns = [number[], ...(number | null | undefined)[][]];

/** One column of times, one of values for each line. */
export function align(lines: readonly Line[]): Columns {
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
  const row = new Map(times.map((time, index) => [time, index]));
  const columns = lines.map((line) => {
    const column: (number | null | undefined)[] = Array.from({ length: times.length }, () => undefined);
    line.times.forEach((time, index) => {
      const value = line.values[index];
      column[row.get(time) ?? 0] = value === undefined || value === null || Number.isNaN(value) ? null : value;
    });
    return endAtNulls(column);
  });
  return [times, ...columns];
}

/** A line that ended stays so to its next value: uPlot breaks it at the null's own row and draws on through the other lines' rows. */
function endAtNulls(column: (number | null | undefined)[]): (number | null | undefined)[] {
  let ended = false;
  return column.map((value) => {
    if (value !== undefined) ended = value === null;
    return value === undefined && ended ? null : value;
  });
}

/** Puts a null where a line pauses for longer than gap, so that the chart does not draw through a silence. */
export function breakGaps(
  times: readonly number[],
  values: readonly number[],
  gap: number,
): { times: number[]; values: (number | null)[] } {
  const outTimes: number[] = [];
  const outValues: (number | null)[] = [];
  times.forEach((time, index) => {
    const before = times[index - 1];
    if (before !== undefined && time - before > gap) {
      outTimes.push(before + gap / 2);
      outValues.push(null);
    }
    outTimes.push(time);
    outValues.push(values[index] ?? null);
  });
  return { times: outTimes, values: outValues };
}

export interface Stretch {
  start: number;
  end: number;
  value: number;
}

/** Equal neighbouring values as stretches of time; each value lasts for a step, to the next one. */
export function stretches(times: readonly number[], values: readonly number[], step: number): Stretch[] {
  const out: Stretch[] = [];
  times.forEach((time, index) => {
    const value = values[index];
    if (value === undefined || Number.isNaN(value)) return;
    const next = times[index + 1];
    const end = next !== undefined && next - time <= step * 1.5 ? next : time + step;
    const last = out.at(-1);
    if (last !== undefined && last.value === value && time - last.end < 1e-6) last.end = end;
    else out.push({ start: time, end, value });
  });
  return out;
}

const SERIES_COLORS = 6;

/** The same thing keeps its colour in every chart of a page. */
export function colorFor(names: readonly string[], name: string): string {
  const index = Math.max(0, names.indexOf(name));
  return `var(--sw-series-${index % SERIES_COLORS})`;
}
