import { formatOffset } from "../format/duration";
import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useHover, useMergedRef } from "@mantine/hooks";
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { formatValue } from "../format/quantity";
import { formatFull } from "../format/time";
import { align } from "./data";
import { plotOptions } from "./options";
import type { TimeChartProps } from "./TimeChart";
import classes from "./TimeChart.module.css";

interface Cursor {
  index: number;
  left: number;
}

/** The drawn chart. The drawing is made anew only when its shape changes; new values are put into it. */
export default function Plot({
  lines,
  unit,
  start,
  end,
  markers,
  group,
  height = 150,
  relative = false,
}: TimeChartProps) {
  const { ref: frame, width } = useElementSize();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { hovered, ref: area } = useHover<HTMLDivElement>();
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const both = useMergedRef(frame, area);
  const scheme = useComputedColorScheme("light");
  const data = useMemo(() => align(lines), [lines]);
  const latest = useRef({ data, start, end, markers });
  latest.current = { data, start, end, markers };
  const shape = JSON.stringify([
    lines.map((line) => [line.label, line.color, line.dashed]),
    unit,
    group,
    height,
    relative,
    scheme,
  ]);

  useEffect(() => {
    if (host.current === null || width === 0) return undefined;
    const options = plotOptions({
      lines,
      unit,
      group,
      relative,
      width,
      height,
      range: () => [latest.current.start, latest.current.end],
      markers: () => latest.current.markers ?? [],
      onCursor: (index, left) => setCursor(index === null ? null : { index, left }),
    });
    const made = new uPlot(options, latest.current.data as uPlot.AlignedData, host.current);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
    // oxlint-disable-next-line react/exhaustive-deps -- shape stands for lines, unit and the rest
  }, [shape, width === 0]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [data, start, end, markers]);

  const time = cursor === null ? undefined : data[0][cursor.index];
  return (
    <div ref={both} className={classes.plot} style={{ height }}>
      <div ref={host} aria-hidden="true" />
      {hovered && cursor !== null && time !== undefined && (
        <div
          className={classes.readout}
          style={cursor.left > width / 2 ? { right: width - cursor.left + 12 } : { left: cursor.left + 12 }}
        >
          <div className={classes.readoutTime}>
            {relative ? formatOffset(time) : formatFull(time * 1000).slice(0, 19)}
          </div>
          {lines.map((line, index) => {
            const value = data[index + 1]?.[cursor.index];
            return (
              <div key={line.label}>
                <span className={classes.key}>
                  <span className={classes.swatch} style={{ background: line.color }} />
                  {line.label}
                </span>
                <b>{value === null || value === undefined ? "–" : formatValue(value, unit)}</b>
              </div>
            );
          })}
        </div>
      )}
    </div>
  );
}
