// Ranges of series over the console's PromQL endpoint.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { get, queryString } from "./client";
import { consoleNow } from "./clock";

export interface Series {
  labels: Record<string, string>;
  /** Seconds since 1970, rising. */
  times: number[];
  values: number[];
}

interface PromAnswer {
  status: string;
  error?: string;
  data?: { result?: { metric: Record<string, string>; values: [number, string][] }[] };
}

/** Start, end and step of a chart, in seconds. */
export interface Window {
  start: number;
  end: number;
  step: number;
}

const POINTS = 300;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];

/** The step that gives at most POINTS points over a span. */
export function stepFor(spanSeconds: number): number {
  return STEPS.find((step) => spanSeconds / step <= POINTS) ?? 14_400;
}

/** The window that ends now, aligned to its step so that equal questions are equal. */
export function windowUntil(nowSeconds: number, spanSeconds: number): Window {
  const step = stepFor(spanSeconds);
  const end = Math.ceil(nowSeconds / step) * step;
  return { start: end - spanSeconds, end, step };
}

export function parseMatrix(answer: PromAnswer): Series[] {
  if (answer.status !== "success") throw new Error(answer.error ?? "the query failed");
  return (answer.data?.result ?? []).map(({ metric, values }) => ({
    labels: metric,
    times: values.map(([time]) => time),
    values: values.map(([, value]) => Number(value)),
  }));
}

async function queryRange(query: string, window: Window, signal: AbortSignal): Promise<Series[]> {
  const path = `/api/prom/api/v1/query_range${queryString({ query, start: window.start, end: window.end, step: window.step })}`;
  return parseMatrix(await get<PromAnswer>(path, signal));
}

export interface RangeData {
  window: Window;
  series: Series[];
}

/** The last span of a query, kept fresh. */
export function useRecent(query: string, spanSeconds: number) {
  const step = stepFor(spanSeconds);
  return useQuery({
    queryKey: ["recent", query, spanSeconds],
    queryFn: async ({ signal }): Promise<RangeData> => {
      const window = windowUntil(consoleNow() / 1000, spanSeconds);
      return { window, series: await queryRange(query, window, signal) };
    },
    refetchInterval: Math.max(5, step) * 1000,
    placeholderData: keepPreviousData,
  });
}

/** A fixed range of a query. */
export function useRange(query: string, window: Window) {
  return useQuery({
    queryKey: ["range", query, window],
    queryFn: async ({ signal }): Promise<RangeData> => ({ window, series: await queryRange(query, window, signal) }),
    placeholderData: keepPreviousData,
  });
}

/** A label's value as PromQL writes it in a matcher. */
export function quote(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
