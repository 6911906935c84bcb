// uPlot's options in Storeward's clothes.
import { formatOffset } from "../format/duration";
import uPlot from "uplot";
import { formatClock, formatFull } from "../format/time";
import { formatValue, type Unit } from "../format/quantity";
import type { Line } from "./data";
import type { Marker } from "./TimeChart";

export interface PlotOptions {
  lines: readonly Line[];
  unit: Unit;
  group: string | undefined;
  relative: boolean;
  width: number;
  height: number;
  range: () => [number, number];
  markers: () => readonly Marker[];
  onCursor: (index: number | null, left: number) => void;
}

/** A custom property's value now; canvas knows no var(). */
function resolve(color: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return name === undefined ? color : getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function alpha(color: string, percent: number): string {
  return `color-mix(in srgb, ${color} ${percent}%, transparent)`;
}

const AXIS_FONT = "11px system-ui, sans-serif";

const RELATIVE_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/** "14:05"; with coarse steps the day, as "11-22"; both where a day begins between hours. */
export function timeTick(seconds: number, step: number): string {
  const clock = formatClock(seconds * 1000);
  const day = formatFull(seconds * 1000).slice(5, 10);
  if (step >= 86_400) return day;
  if (step < 60) return clock;
  return clock.startsWith("00:00") ? day : clock.slice(0, 5);
}

function valueTick(value: number, unit: Unit, step: number): string {
  if (unit === "ratio" && step >= 0.01) return `${Math.round(value * 100)} %`;
  return formatValue(value, unit);
}

function axes(unit: Unit, relative: boolean): uPlot.Axis[] {
  const dim = resolve("var(--sw-dim)");
  const line = resolve("var(--sw-line)");
  const common: uPlot.Axis = { stroke: dim, font: AXIS_FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const x: uPlot.Axis = { ...common, size: 24, gap: 6, grid: { show: false }, space: relative ? 60 : 74 };
  if (relative) {
    x.incrs = RELATIVE_STEPS;
    x.values = (_, splits) => splits.map((split) => (split === 0 ? "0" : formatOffset(split)));
  } else {
    x.values = (_, splits, _axis, _space, step) => splits.map((split) => timeTick(split, step));
  }
  return [
    x,
    {
      ...common,
      size: 62,
      gap: 4,
      space: 34,
      values: (_, splits, _axis, _space, step) => splits.map((split) => valueTick(split, unit, step)),
    },
  ];
}

function yRange(unit: Unit): uPlot.Scale.Range {
  return (_, low, high) => {
    const bottom = Math.min(0, low ?? 0);
    const top = high ?? 1;
    if (unit === "ratio" && top <= 1 && top > 0.5) return [bottom, 1];
    const head = top <= bottom ? bottom + 1 : top + (top - bottom) * 0.12;
    return [bottom, head];
  };
}

/** Upright lines at incidents, drawn over the chart. */
function markersPlugin(markers: () => readonly Marker[]): uPlot.Plugin {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        const [from, to] = [plot.scales.x?.min ?? 0, plot.scales.x?.max ?? 0];
        ctx.save();
        for (const marker of markers()) {
          if (marker.at < from || marker.at > to) continue;
          const x = Math.round(plot.valToPos(marker.at, "x", true));
          ctx.strokeStyle = resolve(marker.tone === "bad" ? "var(--sw-bad)" : "var(--sw-dim)");
          ctx.fillStyle = ctx.strokeStyle;
          ctx.lineWidth = devicePixelRatio * 1.5;
          ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          drawFlag(ctx, x, bbox.top);
        }
        ctx.restore();
      },
    },
  };
}

function drawFlag(ctx: CanvasRenderingContext2D, x: number, top: number) {
  const size = 5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x - size, top);
  ctx.lineTo(x + size, top);
  ctx.lineTo(x, top + size * 1.3);
  ctx.fill();
}

export function plotOptions(wanted: PlotOptions): uPlot.Options {
  const { lines, unit, group, relative, width, height } = wanted;
  const areas = lines.length === 1;
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    scales: { x: { time: !relative, range: () => wanted.range() }, y: { range: yRange(unit) } },
    axes: axes(unit, relative),
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      sync: group === undefined ? undefined : { key: group },
    },
    hooks: {
      setCursor: [
        (plot) =>
          wanted.onCursor(
            plot.cursor.idx ?? null,
            plot.cursor.left === undefined ? 0 : plot.cursor.left + plot.bbox.left / devicePixelRatio,
          ),
      ],
    },
    plugins: [markersPlugin(wanted.markers)],
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const stroke = resolve(line.color);
        return {
          label: line.label,
          stroke,
          width: 1.6,
          fill: areas ? alpha(stroke, 10) : undefined,
          dash: line.dashed ? [5, 4] : undefined,
          points: { show: false },
          spanGaps: false,
        };
      }),
    ],
  };
}
