import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { quote, useRange } from "../api/prom";
import { list, type IncidentDetail } from "../api/types";
import { colorFor, type Line } from "../charts/data";
import { TimeChart, type Marker } from "../charts/TimeChart";
import { Term } from "../glossary/Term";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { anchor } from "./evidence";
import { flightCharts, varies, type FlightChart } from "./flight";
import { aroundWindow, probeQuery, nodeLines } from "./around";
import classes from "./FlightCharts.module.css";

const FIRST = 6;

const REACHES = [
  { label: "± 15 s", seconds: 15 },
  { label: "± 1 min", seconds: 60 },
  { label: "All", seconds: 3_600 },
];

/** The minutes around the moment from both nodes' flight recorders; the series of the console stand in when there are none. */
export function FlightCharts({
  incident,
  moment,
  nodes,
}: {
  incident: IncidentDetail;
  moment: number;
  nodes: readonly string[];
}) {
  const charts = useMemo(() => flightCharts(list(incident.snapshots), moment), [incident.snapshots, moment]);
  const [all, setAll] = useState(false);
  const [reach, setReach] = useState(60);
  const whole = spanOf(charts);
  const span: [number, number] = [Math.max(whole[0], -reach), Math.min(whole[1], reach)];
  const telling = charts.filter(varies);
  const shown = all ? charts : telling.slice(0, FIRST);
  const hidden = charts.length - Math.min(FIRST, telling.length);
  const markers = useMemo<Marker[]>(() => {
    const failure: Marker = { at: 0, label: "failure", tone: "bad" };
    const apart = incident.recoverySeconds > (2 * reach) / 60; // else both marks would lie on each other
    return apart ? [failure, { at: incident.recoverySeconds, label: "served again", tone: "neutral" }] : [failure];
  }, [incident.recoverySeconds, reach]);
  return (
    <Panel
      title={<Term word="flight recorder">Flight recorder</Term>}
      note="both nodes around the moment of the failure, marked at 0"
      id="flight"
      actions={
        charts.length > 0 ? (
          <>
            {hidden > 0 && (
              <button type="button" className={classes.more} onClick={() => setAll(!all)}>
                {all ? "Show the telling ones" : `Show all ${charts.length} values`}
              </button>
            )}
            <SegmentedControl
              size="xs"
              aria-label="Seconds around the moment"
              value={String(reach)}
              onChange={(value) => setReach(Number(value))}
              data={REACHES.map((one) => ({ value: String(one.seconds), label: one.label }))}
            />
          </>
        ) : undefined
      }
    >
      {charts.length === 0 ? (
        <FromSeries incident={incident} moment={moment} nodes={nodes} markers={markers} />
      ) : (
        <div className={classes.grid}>
          {shown.map((chart) => (
            <One key={chart.name} chart={chart} nodes={nodes} markers={markers} span={span} />
          ))}
        </div>
      )}
    </Panel>
  );
}

function spanOf(charts: readonly FlightChart[]): [number, number] {
  const times = charts.flatMap((chart) =>
    chart.series.flatMap((series) => [series.times[0] ?? 0, series.times.at(-1) ?? 0]),
  );
  const start = Math.min(-1, ...times);
  // Room to the right of the moment, even when nothing was recorded after it.
  return [start, Math.max(-start / 12, ...times)];
}

function One({
  chart,
  nodes,
  markers,
  span,
}: {
  chart: FlightChart;
  nodes: readonly string[];
  markers: readonly Marker[];
  span: [number, number];
}) {
  const lines = useMemo<Line[]>(
    () =>
      chart.series.map((series) => ({
        label: series.node,
        color: colorFor([...nodes].sort(), series.node),
        times: series.times,
        values: series.values,
      })),
    [chart, nodes],
  );
  return (
    <div id={anchor("flight", chart.name.replaceAll(".", "/"))} className={classes.one}>
      <TimeChart
        title={chart.title}
        unit={chart.unit}
        lines={lines}
        start={span[0]}
        end={span[1]}
        markers={markers}
        group="flight"
        relative
      />
    </div>
  );
}

function FromSeries({
  incident,
  moment,
  nodes,
  markers,
}: {
  incident: IncidentDetail;
  moment: number;
  nodes: readonly string[];
  markers: readonly Marker[];
}) {
  const window = useMemo(() => aroundWindow(incident, moment), [incident, moment]);
  const probes = useRange(probeQuery(incident.store), window);
  const cpu = useRange(`storeward_host_cpu_used_ratio{store=${quote(incident.store)}}`, window);
  const names = [...nodes].sort();
  const lines = nodeLines(probes.data?.series ?? [], moment, names);
  const cpuLines = nodeLines(cpu.data?.series ?? [], moment, names);
  if (lines.length === 0 && cpuLines.length === 0 && !probes.isPending && !cpu.isPending) {
    return (
      <Empty icon="clock" title="No samples around this moment">
        A node that was switched off sends its own samples after it has booted.
      </Empty>
    );
  }
  const start = window.start - moment / 1000;
  const end = window.end - moment / 1000;
  return (
    <div className={classes.grid}>
      <TimeChart
        title="CPU used"
        unit="ratio"
        lines={cpuLines}
        start={start}
        end={end}
        markers={markers}
        group="flight"
        relative
        loading={cpu.isPending}
      />
      <TimeChart
        title="Probe times"
        unit="seconds"
        lines={lines}
        start={start}
        end={end}
        markers={markers}
        group="flight"
        relative
        loading={probes.isPending}
      />
    </div>
  );
}
