import { useMemo } from "react";
import { stepFor, useRecent, type Series } from "../api/prom";
import { stretches } from "../charts/data";
import { Lanes, type Lane } from "../charts/Lanes";
import type { Marker } from "../charts/TimeChart";
import { Term } from "../glossary/Term";
import { Block } from "../ui/states";
import { laneQuery } from "./chartSpecs";
import classes from "./StateLanes.module.css";

const ROLE = (value: number) =>
  value >= 1 ? { tone: "ok" as const, word: "active" } : { tone: "idle" as const, word: "not active" };

const UP = (value: number) => {
  if (value >= 1) return { tone: "ok" as const, word: "answers" };
  return value > 0 ? { tone: "warn" as const, word: "degraded" } : { tone: "bad" as const, word: "does not answer" };
};

const WHOLE = (value: number) =>
  value >= 1 ? { tone: "ok" as const, word: "redundant" } : { tone: "warn" as const, word: "no redundancy" };

interface LanesProps {
  store: string;
  nodes: readonly string[];
  span: number;
  markers: readonly Marker[];
}

/** Who was active, whether the pair was whole, and whether the services answered, over time: the worse of what both nodes say. */
export function StateLanes({ store, nodes, span, markers }: LanesProps) {
  const query = (name: string) => laneQuery(name, store, stepFor(span));
  const active = useRecent(query("storeward_node_active"), span);
  const redundant = useRecent(`min(${query("storeward_node_redundant")})`, span);
  const probes = useRecent(`min by (probe) (${query("storeward_probe_up")})`, span);
  const lanes = useMemo<Lane[]>(() => {
    const make = (series: Series, key: string, label: string, state: Lane["state"], step: number): Lane => ({
      key,
      label,
      state,
      stretches: stretches(series.times, series.values, step),
    });
    const step = active.data?.window.step ?? 15;
    const byNode = (active.data?.series ?? []).filter((series) => nodes.includes(series.labels.node ?? ""));
    return [
      ...byNode
        .map((series) => make(series, `node ${series.labels.node}`, series.labels.node ?? "", ROLE, step))
        .sort((a, b) => a.label.localeCompare(b.label)),
      ...(redundant.data?.series ?? []).map((series) => make(series, "redundant", "redundancy", WHOLE, step)),
      ...(probes.data?.series ?? []).map((series) =>
        make(series, `probe ${series.labels.probe}`, `probe ${series.labels.probe ?? ""}`, UP, step),
      ),
    ];
  }, [active.data, redundant.data, probes.data, nodes]);

  const window = active.data?.window;
  if (active.isPending) return <Block height={120} />;
  if (window === undefined || lanes.length === 0)
    return <div className={classes.none}>No states recorded in this range</div>;
  return (
    <div className={classes.box}>
      <div className={classes.title}>
        <Term word="active">Active node</Term>, redundancy and availability of the services through the{" "}
        <Term word="virtual address">virtual addresses</Term>
        <span className={classes.note}>hatched: no node tells</span>
      </div>
      <Lanes lanes={lanes} start={window.start} end={window.end} markers={markers} />
    </div>
  );
}
