// Quantities by unit. A value's unit is the suffix of its name, in base units,
// as everywhere in Storeward's series: _seconds, _bytes, _ratio, _total.
import { formatDuration } from "./duration";

export type Unit =
  "seconds" | "bytes" | "bytesPerSecond" | "ratio" | "perSecond" | "percent" | "volts" | "celsius" | "state" | "count";

const STEPS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Decimal prefixes: "1.5 GB". */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes);
  let step = 0;
  while (value >= 999.5 && step < STEPS.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = step === 0 || value >= 99.5 ? 0 : 1;
  return `${bytes < 0 ? "−" : ""}${value.toFixed(digits)} ${STEPS[step]}`;
}

/** 0.314 → "31.4 %", 0.0004 → "0.04 %". */
export function formatRatio(ratio: number): string {
  const percent = ratio * 100;
  const digits = percent !== 0 && Math.abs(percent) < 1 ? 2 : Math.abs(percent) < 99.95 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}

export function formatCount(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-GB").replaceAll(",", " ");
  return value.toPrecision(3).replace(/\.?0+$/, "");
}

export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "–";
  switch (unit) {
    case "seconds":
      return formatDuration(value);
    case "bytes":
      return formatBytes(value);
    case "bytesPerSecond":
      return `${formatBytes(value)}/s`;
    case "ratio":
      return formatRatio(value);
    case "percent":
      return `${formatCount(value)} %`;
    case "volts":
      return `${formatCount(value)} V`;
    case "celsius":
      return `${formatCount(value)} °C`;
    case "perSecond":
      return `${formatCount(Math.round(value * 100) / 100)}/s`;
    case "state":
      return value >= 1 ? "up" : value <= 0 ? "down" : "degraded";
    case "count":
      return formatCount(value);
  }
}

const UNITS: [RegExp, Unit][] = [
  [/_seconds(_|$)/, "seconds"],
  [/_bytes(_total)?$/, "bytes"],
  [/_ratio$/, "ratio"],
  [/_percent$/, "percent"],
  [/_volt(s|age)$/, "volts"],
  [/_celsius$/, "celsius"],
];

/** The unit that a value's name tells: "battery_seconds_remaining" counts seconds. */
export function unitOf(name: string): Unit {
  return UNITS.find(([pattern]) => pattern.test(`_${name}`))?.[1] ?? "count";
}

/** A value's name without its unit, in words: "cpu_used_ratio" → "CPU used". */
export function humanName(name: string): string {
  return name
    .replace(/_(seconds|bytes|ratio|percent|volts|celsius|total)(?=_|$)/g, "")
    .replaceAll("_", " ")
    .replace(/\bload(\d+)\b/, "load over $1 min")
    .replace(/\bcpu\b/, "CPU");
}

/** "1 store", "3 stores". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** Begins with a capital and ends with a full stop. */
export function asSentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return begun === "" || /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
