import { describe, expect, it } from "vitest";
import { formatAge, formatDuration, formatElapsed } from "./duration";
import { formatBytes, formatCount, formatRatio, formatValue, humanName, plural, unitOf } from "./quantity";
import { ageSeconds, formatUTC, formatWhen, toMillis } from "./time";

describe("durations", () => {
  it.each([
    [0, "0 ms"],
    [0.00042, "0.42 ms"],
    [0.0042, "4.2 ms"],
    [0.312, "312 ms"],
    [0.9994, "999 ms"],
    [0.9996, "1 s"],
    [1.534, "1.53 s"],
    [12.34, "12.3 s"],
    [59.97, "1 min"],
    [125, "2 min 5 s"],
    [11_520, "3 h 12 min"],
    [352_800, "4 d 2 h"],
    [-0.05, "−50 ms"],
  ])("%d s is %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("has a dash for what is missing", () => {
    expect(formatDuration(undefined)).toBe("–");
    expect(formatDuration(Number.NaN)).toBe("–");
  });

  it.each([
    [2, "just now"],
    [12.9, "12 s ago"],
    [119, "1 min ago"],
    [7200, "2 h ago"],
    [Infinity, "never"],
  ])("%d s old is %s", (seconds, text) => expect(formatAge(seconds)).toBe(text));

  it("counts elapsed time without fractions", () => {
    expect(formatElapsed(0.4)).toBe("0 s");
    expect(formatElapsed(61.8)).toBe("1 min 1 s");
  });
});

describe("quantities", () => {
  it("takes the unit from the name", () => {
    expect(unitOf("took_seconds")).toBe("seconds");
    expect(unitOf("received_bytes_total")).toBe("bytes");
    expect(unitOf("cpu_used_ratio")).toBe("ratio");
    expect(unitOf("load1")).toBe("count");
    expect(unitOf("battery_seconds_remaining")).toBe("seconds");
    expect(unitOf("input_volts")).toBe("volts");
    expect(unitOf("seconds")).toBe("seconds");
  });

  it("says values with their unit", () => {
    expect(formatValue(0.5, "ratio")).toBe("50.0 %");
    expect(formatValue(0.0004, "ratio")).toBe("0.04 %");
    expect(formatRatio(1)).toBe("100 %");
    expect(formatBytes(1_536_000_000)).toBe("1.5 GB");
    expect(formatBytes(999_600)).toBe("1.0 MB");
    expect(formatCount(12_345)).toBe("12 345");
    expect(formatCount(0.3333)).toBe("0.333");
  });

  it("puts names into words", () => {
    expect(humanName("cpu_used_ratio")).toBe("CPU used");
    expect(humanName("battery_runtime_seconds")).toBe("battery runtime");
    expect(humanName("battery_seconds_remaining")).toBe("battery remaining");
    expect(humanName("received_bytes_total")).toBe("received");
    expect(plural(1, "store")).toBe("1 store");
    expect(plural(2, "store")).toBe("2 stores");
  });
});

describe("moments", () => {
  it("takes Go's zero time for no time", () => {
    expect(toMillis("0001-01-01T00:00:00Z")).toBeNull();
    expect(ageSeconds(undefined, 0)).toBe(Infinity);
  });

  it("shows UTC to the millisecond", () =>
    expect(formatUTC("2026-11-22T13:03:05.312Z")).toBe("2026-11-22 13:03:05.312 UTC"));

  it("leaves out the day only for today", () => {
    const noon = new Date(2026, 10, 22, 12, 0, 0);
    expect(formatWhen(noon, noon.getTime())).toBe("12:00:00");
    expect(formatWhen(noon, noon.getTime() + 86_400_000)).toBe("2026-11-22 12:00:00");
  });
});
