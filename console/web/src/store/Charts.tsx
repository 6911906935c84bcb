import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { stepFor, useRecent, type Series } from "../api/prom";
import type { IncidentRow } from "../api/types";
import { breakGaps, type Line } from "../charts/data";
import { TimeChart, type Marker } from "../charts/TimeChart";
import { Term } from "../glossary/Term";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { StateLanes } from "./StateLanes";
import { chartsFor, RANGES, type ChartSpec } from "./chartSpecs";
import classes from "./Charts.module.css";

interface ChartsProps {
  store: string;
  nodes: readonly string[];
  incidents: readonly IncidentRow[];
}

/** The store's series over a chosen time, with its incidents marked. */
export function Charts({ store, nodes, incidents }: ChartsProps) {
  const [span, setSpan] = useState(900);
  const specs = useMemo(() => chartsFor(store, nodes, stepFor(span)), [store, nodes, span]);
  const markers = useMemo<Marker[]>(
    () =>
      incidents.map((incident) => ({
        at: Date.parse(incident.opened) / 1000,
        label: incident.title,
        tone: incident.kind === "switchover" ? "neutral" : "bad",
      })),
    [incidents],
  );
  return (
    <Panel
      title="Charts"
      note={
        <span className={classes.note}>
          <Icon name="downward" size={12} stroke={3} /> marks an <Term word="incident" />
        </span>
      }
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Time range"
          value={String(span)}
          onChange={(value) => setSpan(Number(value))}
          data={RANGES.map((range) => ({ value: String(range.seconds), label: range.label }))}
        />
      }
    >
      <StateLanes store={store} nodes={nodes} span={span} markers={markers} />
      <div className={classes.grid}>
        {specs.map((spec) => (
          <SpecChart key={spec.title} spec={spec} span={span} markers={markers} />
        ))}
      </div>
    </Panel>
  );
}

function toLines(spec: ChartSpec, series: readonly Series[], step: number): Line[] {
  return series
    .map((one) => ({ ...spec.line(one.labels), ...breakGaps(one.times, one.values, step * 2.5) }))
    .sort((a, b) => a.label.localeCompare(b.label));
}

function SpecChart({ spec, span, markers }: { spec: ChartSpec; span: number; markers: readonly Marker[] }) {
  const range = useRecent(spec.query, span);
  const lines = useMemo(
    () => (range.data === undefined ? [] : toLines(spec, range.data.series, range.data.window.step)),
    [range.data, spec],
  );
  return (
    <TimeChart
      title={spec.word ? <Term word={spec.word}>{spec.title}</Term> : spec.title}
      unit={spec.unit}
      lines={lines}
      start={range.data?.window.start ?? 0}
      end={range.data?.window.end ?? 1}
      markers={markers}
      group="store"
      loading={range.isPending}
      error={range.error}
      retry={() => void range.refetch()}
    />
  );
}
