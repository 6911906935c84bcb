// What a store's page draws: queries, units, and how a series becomes a line. Pure.
import { quote } from "../api/prom";
import { colorFor, type Line } from "../charts/data";
import type { Unit } from "../format/quantity";
import type { Word } from "../glossary/glossary";

export const RANGES = [
  { label: "15 min", seconds: 900 },
  { label: "1 h", seconds: 3_600 },
  { label: "6 h", seconds: 21_600 },
  { label: "24 h", seconds: 86_400 },
  { label: "7 d", seconds: 604_800 },
];

export interface ChartSpec {
  title: string;
  word?: Word;
  unit: Unit;
  query: string;
  line: (labels: Record<string, string>) => Pick<Line, "label" | "color" | "dashed">;
}

/** A line per node, in the node's colour. */
function byNode(nodes: readonly string[]) {
  return (labels: Record<string, string>) => ({ label: labels.node ?? "", color: colorFor(nodes, labels.node ?? "") });
}

/** A line per node and thing: the node's colour, every second thing dashed. */
function byNodeAnd(nodes: readonly string[], label: string) {
  const seen: string[] = [];
  return (labels: Record<string, string>) => {
    const thing = labels[label] ?? "";
    if (!seen.includes(thing)) seen.push(thing);
    return {
      label: `${labels.node ?? ""} ${thing}`,
      color: colorFor(nodes, labels.node ?? ""),
      dashed: seen.indexOf(thing) % 2 === 1,
    };
  };
}

/** A line per thing, whichever node reports it. */
function byThing(label: string) {
  const seen: string[] = [];
  return (labels: Record<string, string>) => {
    const thing = labels[label] ?? "";
    if (!seen.includes(thing)) seen.push(thing);
    return { label: thing, color: colorFor(seen, thing) };
  };
}

const COARSE_STEP = 30; // seconds; nodes write their points every 10 s unless told otherwise

const series = (name: string, store: string) => `${name}{store=${quote(store)}}`;

/**
 * A series in which what a node said last counts for two and a half of its own periods,
 * and not for PromQL's five minutes: a dead node would go on being well.
 */
function current(name: string, store: string, step: number): string {
  const all = series(name, store);
  if (step > COARSE_STEP) return all;
  // Counted over five minutes, and over one for a node that runs for less; the shorter counts.
  const every = (seconds: number) =>
    `${seconds} / count_over_time(${series("storeward_node_generation", store)}[${seconds}s])`;
  const period = `(${every(60)} < ${every(300)} or ${every(300)})`;
  return `(${all} and time() - timestamp(${all}) < on (node) group_left () 2.5 * ${period})`;
}

/** A state's series for a lane: steps that hold several points show the worst of them, or an outage would slip through. */
export function laneQuery(name: string, store: string, step: number): string {
  return step > COARSE_STEP ? `min_over_time(${series(name, store)}[${step}s])` : current(name, store, step);
}

/** The charts of a store at a step, in seconds. */
export function chartsFor(store: string, nodes: readonly string[], step: number): ChartSpec[] {
  const of = (name: string) => current(name, store, step);
  return [
    { title: "CPU used", unit: "ratio", query: of("storeward_host_cpu_used_ratio"), line: byNode(nodes) },
    { title: "Memory used", unit: "ratio", query: of("storeward_host_memory_used_ratio"), line: byNode(nodes) },
    {
      title: "Beat lateness",
      word: "lateness",
      unit: "seconds",
      query: of("storeward_link_lateness_seconds"),
      line: byNodeAnd(nodes, "link"),
    },
    {
      title: "Probe times",
      word: "took",
      unit: "seconds",
      query: `max by (probe) (${of("storeward_probe_took_seconds")})`,
      line: byThing("probe"),
    },
    {
      title: "Disk used",
      unit: "ratio",
      query: `max by (node, mount) (${of("storeward_filesystem_used_ratio")})`,
      line: byNodeAnd(nodes, "mount"),
    },
    { title: "Load", word: "load", unit: "count", query: of("storeward_host_load1"), line: byNode(nodes) },
  ];
}
