// Flight recorder samples as chart series. Pure.
import type { Snapshot } from "../api/types";
import { humanName, unitOf, type Unit } from "../format/quantity";

type Sample = NonNullable<Snapshot["flight"]>[number];

export interface FlightSeries {
  node: string;
  /** Seconds from the moment; negative: before it. */
  times: number[];
  values: (number | null)[];
}

export interface FlightChart {
  name: string;
  title: string;
  unit: Unit;
  series: FlightSeries[];
}

const FIRST = [
  /^host.cpu_used/,
  /^host.memory_used/,
  /^link.*lateness/,
  /^host.load/,
  /^probe.*took/,
  /^host/,
  /^network/,
  /^filesystem/,
];

function importance(name: string): number {
  const rank = FIRST.findIndex((pattern) => pattern.test(name));
  return rank < 0 ? FIRST.length : rank;
}

/** "link/cable/lateness_seconds" → "Lateness: link cable"; "host/cpu_used_ratio" → "CPU used". */
export function flightTitle(name: string): string {
  const parts = name.split(/[./]/).filter(Boolean);
  const last = parts.pop() ?? name;
  const words = humanName(last);
  if (parts[0] === "host") parts.shift();
  const title = parts.length === 0 ? words : `${words}: ${parts.join(" ")}`;
  return title.charAt(0).toUpperCase() + title.slice(1);
}

function counts(name: string): boolean {
  return name.endsWith("_total");
}

function flightUnit(name: string): Unit {
  if (!counts(name)) return unitOf(name);
  return name.endsWith("_bytes_total") ? "bytesPerSecond" : "perSecond";
}

/** Growth per second of a counter; nothing at its first value and where it began anew. */
export function rates(times: readonly number[], values: readonly (number | null)[]): (number | null)[] {
  return values.map((value, index) => {
    const before = values[index - 1];
    const passed = (times[index] ?? 0) - (times[index - 1] ?? 0);
    if (value === null || before === null || before === undefined || value < before || passed <= 0) return null;
    return (value - before) / passed;
  });
}

/** Seconds without a sample, recorded each second, after which a line breaks: the node was away. */
const GAP_SECONDS = 3;

/** The samples with an empty one in each gap, which breaks the line. */
function broken(samples: readonly Sample[]): Sample[] {
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined || Date.parse(sample.time) - Date.parse(before.time) <= GAP_SECONDS * 1000) return [sample];
    return [{ time: new Date(Date.parse(before.time) + 1).toISOString(), values: {} }, sample];
  });
}

/** One chart per recorded value, both nodes in it, those that tell most first. */
export function flightCharts(snapshots: readonly Snapshot[], moment: number): FlightChart[] {
  const charts = new Map<string, FlightChart>();
  const richest = new Map<string, Snapshot>();
  for (const snapshot of snapshots) {
    const known = richest.get(snapshot.node);
    if ((snapshot.flight?.length ?? 0) > (known?.flight?.length ?? 0)) richest.set(snapshot.node, snapshot);
  }
  for (const snapshot of richest.values()) {
    const samples = broken(snapshot.flight ?? []);
    const names = new Set(samples.flatMap((sample) => Object.keys(sample.values)));
    const times = samples.map((sample) => (Date.parse(sample.time) - moment) / 1000);
    for (const name of names) {
      const chart = charts.get(name) ?? { name, title: flightTitle(name), unit: flightUnit(name), series: [] };
      const values = samples.map((sample) => sample.values[name] ?? null);
      chart.series.push({ node: snapshot.node, times, values: counts(name) ? rates(times, values) : values });
      charts.set(name, chart);
    }
  }
  return [...charts.values()].sort((a, b) => importance(a.name) - importance(b.name) || a.name.localeCompare(b.name));
}

/** True when a chart says something: some value differs from the others. */
export function varies(chart: FlightChart): boolean {
  const values = chart.series.flatMap((series) => series.values.filter((value) => value !== null));
  return values.some((value) => value !== values[0]);
}
