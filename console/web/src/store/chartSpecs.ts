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

export function chartsFor(store: string, nodes: readonly string[]): ChartSpec[] {
  const of = (name: string) => `${name}{store=${quote(store)}}`;
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
