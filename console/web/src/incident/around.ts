// The console's own series around an incident, for when no flight recorder came. Pure.
import { quote, stepFor, type Series, type Window } from "../api/prom";
import type { IncidentDetail } from "../api/types";
import { colorFor, type Line } from "../charts/data";

const BEFORE = 120;
const AFTER = 120;

export function aroundWindow(incident: IncidentDetail, moment: number): Window {
  const start = Math.floor(Math.min(Date.parse(incident.chart.start) / 1000 || Infinity, moment / 1000 - BEFORE));
  const end = Math.ceil(Math.max(Date.parse(incident.chart.end) / 1000 || 0, moment / 1000 + AFTER));
  return { start, end, step: stepFor(end - start) };
}

export function probeQuery(store: string): string {
  return `max by (node) (storeward_probe_took_seconds{store=${quote(store)}})`;
}

/** Series of nodes on an axis of seconds from the moment. */
export function nodeLines(series: readonly Series[], moment: number, nodes: readonly string[]): Line[] {
  return series.map((one) => {
    const node = one.labels.node ?? "";
    return {
      label: node,
      color: colorFor(nodes, node),
      times: one.times.map((time) => time - moment / 1000),
      values: one.values,
    };
  });
}
