// A line chart with a fixed height, its legend as a fixed line above it. The
// drawing library is loaded only when a chart is on the page.
import { lazy, Suspense, type ReactNode } from "react";
import type { Unit } from "../format/quantity";
import { Block } from "../ui/states";
import type { Line } from "./data";
import classes from "./TimeChart.module.css";

const Plot = lazy(() => import("./Plot"));

export interface Marker {
  at: number;
  label: string;
  tone: "bad" | "neutral";
}

export interface TimeChartProps {
  title: ReactNode;
  unit: Unit;
  lines: readonly Line[];
  start: number;
  end: number;
  markers?: readonly Marker[];
  /** Charts of one group share their cursor. */
  group?: string;
  height?: number;
  /** Seconds from a moment instead of a time of day. */
  relative?: boolean;
  loading?: boolean;
  error?: unknown;
  retry?: () => void;
}

function Body(props: TimeChartProps & { height: number }) {
  const { loading, error, retry, lines, height } = props;
  if (loading) return <Block height={height} />;
  if (error !== null && error !== undefined && lines.length === 0) {
    return (
      <div className={classes.message} style={{ height }} role="alert">
        <span>{error instanceof Error ? error.message : "The series could not be read."}</span>
        {retry && (
          <button type="button" className={classes.retry} onClick={retry}>
            Try again
          </button>
        )}
      </div>
    );
  }
  if (lines.length === 0) {
    return (
      <div className={classes.message} style={{ height }}>
        No values in this range
      </div>
    );
  }
  return (
    <Suspense fallback={<Block height={height} />}>
      <Plot {...props} />
    </Suspense>
  );
}

export function TimeChart(props: TimeChartProps) {
  const { title, lines, height = 150 } = props;
  return (
    <figure className={classes.chart}>
      <figcaption className={classes.caption}>
        <span className={classes.title}>{title}</span>
        <span className={classes.legend}>
          {lines.map((line) => (
            <span key={line.label} className={classes.key}>
              <span className={classes.swatch} style={{ background: line.color }} />
              {line.label}
            </span>
          ))}
        </span>
      </figcaption>
      <div style={{ minHeight: height }}>
        <Body {...props} height={height} />
      </div>
    </figure>
  );
}
