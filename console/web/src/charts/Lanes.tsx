// States over time as lanes: one row for each thing, a coloured stretch for each
// state. Colour is joined by height: what is down hangs low.
import { Tooltip } from "@mantine/core";
import { formatDuration } from "../format/duration";
import { formatFull } from "../format/time";
import type { Stretch } from "./data";
import type { Marker } from "./TimeChart";
import classes from "./Lanes.module.css";

export interface Lane {
  key: string;
  label: string;
  stretches: readonly Stretch[];
  /** How a value looks and is called. */
  state: (value: number) => { tone: "ok" | "warn" | "bad" | "idle"; word: string };
}

interface LanesProps {
  lanes: readonly Lane[];
  start: number;
  end: number;
  markers?: readonly Marker[];
}

export function Lanes({ lanes, start, end, markers = [] }: LanesProps) {
  const percent = (time: number) => `${(Math.min(1, Math.max(0, (time - start) / (end - start))) * 100).toFixed(3)}%`;
  return (
    <ul className={classes.lanes}>
      {lanes.map((lane) => (
        <li key={lane.key} className={classes.lane}>
          <span className={classes.label} title={lane.label}>
            {lane.label}
          </span>
          <div className={classes.track}>
            {lane.stretches.map((stretch) => {
              const { tone, word } = lane.state(stretch.value);
              const width = `calc(${percent(stretch.end)} - ${percent(stretch.start)})`;
              return (
                <Tooltip
                  key={stretch.start}
                  label={`${word}, ${formatDuration(stretch.end - stretch.start)} from ${formatFull(stretch.start * 1000).slice(0, 19)}`}
                >
                  <span className={classes.stretch} data-tone={tone} style={{ left: percent(stretch.start), width }} />
                </Tooltip>
              );
            })}
            {markers
              .filter((marker) => marker.at >= start && marker.at <= end)
              .map((marker) => (
                <span
                  key={marker.at}
                  className={classes.marker}
                  data-tone={marker.tone}
                  style={{ left: percent(marker.at) }}
                />
              ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
