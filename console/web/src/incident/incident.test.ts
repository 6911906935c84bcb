import { formatOffset } from "../format/duration";
import { describe, expect, it } from "vitest";
import type { IncidentDetail, Phase, Snapshot } from "../api/types";
import { anchor, candidates, evidenceLabel } from "./evidence";
import { flightCharts, rates, flightTitle, varies } from "./flight";
import { countsFrom, incidentState, momentOf, partOf, snapshotSource, whatHappened, whatIsMissing } from "./incident";
import { layoutPhases, niceStep } from "./phases";

const phase = (name: string, offsetSeconds: number, durationSeconds: number): Phase => ({
  name,
  start: "2026-11-22T13:00:00.100Z",
  offsetSeconds,
  durationSeconds,
  ok: true,
  detail: "",
});

describe("waterfall", () => {
  it("ends at the recovery or the last phase, whichever is later", () => {
    expect(layoutPhases([phase("detect", 0, 0.2)], 0.4).end).toBe(0.4);
    expect(layoutPhases([phase("detect", 0, 0.2), phase("announce", 0.3, 0.2)], 0.4).end).toBe(0.5);
  });

  it("places phases in percent of the axis", () => {
    const { bars, ticks } = layoutPhases([phase("detect", 0, 0.2), phase("fence", 0.2, 0.1)], 0.4);
    expect(bars.map((bar) => [bar.left, bar.width].map(Math.round))).toEqual([
      [0, 50],
      [50, 25],
    ]);
    expect(ticks).toEqual([0, 0.1, 0.2, 0.3, 0.4]);
  });

  it("does not break on nothing or on backward clocks", () => {
    expect(layoutPhases([], 0)).toEqual({ bars: [], end: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] });
    expect(layoutPhases([phase("odd", -0.1, -0.2)], 0.1).bars[0]).toMatchObject({ left: 0, width: 0 });
  });

  it("finds round steps", () => {
    expect(niceStep(0.4, 6)).toBeCloseTo(0.1);
    expect(niceStep(7, 6)).toBe(2);
    expect(niceStep(0, 6)).toBe(1);
  });
});

const incident = (over: Partial<IncidentDetail>): IncidentDetail => ({
  id: "i1",
  store: "s1",
  kind: "failover",
  title: "",
  severity: "critical",
  opened: "2026-11-22T13:00:00.000Z",
  failedNode: "alpha",
  survivor: "beta",
  generation: 2,
  recoverySeconds: 0,
  revision: 1,
  updated: "2026-11-22T13:00:00.000Z",
  phases: [],
  timeline: [],
  findings: [],
  snapshots: [],
  events: [],
  scenario: "",
  chart: { start: "2026-11-22T12:55:00Z", end: "2026-11-22T13:05:00Z" },
  ...over,
});

describe("what happened", () => {
  it("says an unfinished failover as unfinished", () => {
    expect(whatHappened(incident({}))).toBe("alpha fell silent; beta has not taken over yet.");
    expect(incidentState(incident({})).word).toBe("Open");
    expect(whatHappened(incident({ closed: "2026-11-22T13:00:45.000Z" }))).toBe("alpha fell silent; beta did not take over.");
    const back = incident({ recoverySeconds: 63, phases: [phase("down", 0, 58)] });
    expect(whatHappened(back)).toMatch(/^alpha was silent as beta started; .* served 1 min 3 s after it last knew a node active\./);
    expect(countsFrom(back)).toMatch(/active node/);
  });

  it("says recovery and redundancy", () => {
    const over = incident({
      recoverySeconds: 0.312,
      redundant: "2026-11-22T13:00:45.000Z",
      closed: "2026-11-22T13:00:45.000Z",
    });
    expect(whatHappened(over)).toBe(
      "alpha fell silent; beta made sure that it was off, took over its work and served again after 312 ms. The pair was whole again after 45 s.",
    );
    expect(incidentState(over).word).toBe("Over");
    expect(incidentState(incident({ recoverySeconds: 0.3 })).word).toBe("Sells, no redundancy");
  });

  it("says of an outage how long, and when that is not known", () => {
    const outage = incident({ kind: "outage", failedNode: "", survivor: "beta" });
    expect(whatHappened(outage)).toBe("No node was active, and beta started the service. The pair is not whole yet.");
    const served = { ...outage, recoverySeconds: 41 };
    expect(whatHappened(served)).toBe(
      "No node was active for 41 s, and beta started the service. The pair is not whole yet.",
    );
    expect(whatHappened({ ...served, phases: [phase("verify", 40, 1)] })).toMatch(/active for 41 s, until beta started/);
    expect(incidentState(served).word).toBe("Sells, no redundancy");
    expect(countsFrom(served)).toMatch(/active node/);
    expect(countsFrom(incident({ kind: "drill" }))).toMatch(/first stop/);
  });

  it("calls what was only recorded not over", () => {
    const side = incident({ kind: "degraded", closed: "2026-11-22T13:00:11.000Z" });
    expect(incidentState(side).word).toBe("Recorded");
    expect(incidentState({ ...side, redundant: "2026-11-22T13:00:11.000Z" }).word).toBe("Over");
  });

  it("takes the first phase for the moment", () => {
    expect(momentOf(incident({ phases: [phase("detect", 0.05, 0.2)] }))).toBe(Date.parse("2026-11-22T13:00:00.050Z"));
    expect(momentOf(incident({}))).toBe(Date.parse("2026-11-22T13:00:00.000Z"));
  });

  it("tells a snapshot's source and age", () => {
    const moment = Date.parse("2026-11-22T13:00:00Z");
    const snapshot = { node: "alpha", taken: "2026-11-22T12:59:59.200Z", source: "peer channel" } as Snapshot;
    const failure = { failedNode: "alpha" } as IncidentDetail;
    expect(snapshotSource(snapshot, moment, failure)).toBe(
      "The last that alpha sent over the peer channel, 800 ms before the failure",
    );
    expect(snapshotSource({ ...snapshot, source: "self", taken: "2026-11-22T13:00:01Z" }, moment, failure)).toBe(
      "Taken by alpha itself, 1 s after the failure",
    );
    const drill = { kind: "drill", failedNode: "" } as IncidentDetail;
    expect(snapshotSource(snapshot, moment, drill)).toMatch(/, 800 ms before it began$/);
    expect(formatOffset(-4.2)).toBe("−4.2 s");
  });
});

describe("the nodes' parts", () => {
  const words = (over: object) =>
    ["alpha", "beta"].map((node) => partOf(node, { recoverySeconds: 0.25, ...over } as IncidentDetail)?.word);
  it("has a survivor only where a node failed", () => {
    expect(words({ kind: "failover", failedNode: "alpha", survivor: "beta" })).toEqual(["Failed", "Survivor"]);
    expect(words({ kind: "drill", failedNode: "", survivor: "beta" })).toEqual(["Handed over", "Took over"]);
    expect(words({ kind: "drill", failedNode: "", survivor: "alpha", recoverySeconds: 0 })).toEqual([undefined, undefined]);
    expect(words({ kind: "service", failedNode: "", survivor: "beta" })).toEqual([undefined, undefined]);
  });
});

describe("what is missing of a snapshot", () => {
  it("leaves the reasons to the parts", () => {
    const missing = ["processes: not in time", "the flight recorder: left out"];
    expect(whatIsMissing({ missing } as Snapshot)).toBe(
      "Not complete. Missing: processes: not in time; the flight recorder: left out.",
    );
    expect(whatIsMissing({} as Snapshot)).toBe("Not complete.");
  });
});

describe("evidence", () => {
  it("falls back from the exact part to the whole", () => {
    expect(candidates("snapshot/alpha/host/memory_available_bytes")).toEqual([
      "snapshot-alpha-host-memory",
      "snapshot-alpha-host",
      "snapshot-alpha",
      "snapshot",
      "snapshots",
    ]);
    expect(candidates("snapshot/beta/status/fence_devices/ups-beta/on_battery")[1]).toBe(
      "snapshot-beta-fence_devices-ups_beta",
    );
    expect(candidates("snapshot/alpha/host/kernel_messages[3]")[0]).toBe("snapshot-alpha-kernel_messages-3");
    expect(candidates("snapshot/alpha/flight")[0]).toBe("flight");
    expect(candidates("flight/beta/host/cpu_used_ratio")[0]).toBe(anchor("flight", "host/cpu_used_ratio"));
    expect(candidates("signs/power=no")[0]).toBe("phases-analyse");
    expect(candidates("timeline/peer.silent")[0]).toBe(anchor("timeline", "peer.silent"));
    expect(anchor("snapshot", "alpha", "host", "filesystems", "/srv/data")).toBe(
      "snapshot-alpha-host-filesystems-srv-data",
    );
  });

  it("reads like words", () => {
    expect(evidenceLabel("snapshot/alpha/host/memory_available_bytes")).toBe("alpha: host memory available bytes");
    expect(evidenceLabel("snapshot/alpha/status/links/cable")).toBe("alpha: links cable");
    expect(evidenceLabel("signs/power=no")).toBe("power: no");
    expect(evidenceLabel("phases/detect")).toBe("phases: detect");
  });
});

describe("flight recorder", () => {
  const sample = (time: string, value: number) => ({ time, values: { "host/cpu_used_ratio": value, "host/load1": 1 } });
  const snapshots = [
    { node: "alpha", source: "peer channel", flight: [sample("2026-11-22T12:59:59Z", 0.2)] },
    {
      node: "alpha",
      source: "self",
      flight: [sample("2026-11-22T12:59:58Z", 0.1), sample("2026-11-22T12:59:59Z", 0.2)],
    },
    { node: "beta", source: "self", flight: [sample("2026-11-22T13:00:01Z", 0.5)] },
  ] as unknown as Snapshot[];

  it("draws one chart per value from each node's richest recording", () => {
    const charts = flightCharts(snapshots, Date.parse("2026-11-22T13:00:00Z"));
    expect(charts.map((chart) => chart.name)).toEqual(["host/cpu_used_ratio", "host/load1"]);
    expect(charts[0]?.series.map((series) => [series.node, series.times])).toEqual([
      ["alpha", [-2, -1]],
      ["beta", [1]],
    ]);
    expect(charts.filter(varies).map((chart) => chart.name)).toEqual(["host/cpu_used_ratio"]);
    expect(flightTitle("link/cable/lateness_seconds")).toBe("Lateness: link cable");
    expect(flightTitle("host/cpu_used_ratio")).toBe("CPU used");
  });

  it("breaks the line where a node was away", () => {
    const flight = ["13:00:00", "13:00:01", "13:00:09"].map((at) => sample(`2026-11-22T${at}Z`, 0.1));
    const [chart] = flightCharts([{ node: "alpha", source: "self", flight }] as unknown as Snapshot[], Date.parse("2026-11-22T13:00:00Z"));
    expect(chart?.series[0]?.times).toEqual([0, 1, 1.001, 9]);
    expect(chart?.series[0]?.values).toEqual([0.1, 0.1, null, 0.1]);
  });

  it("draws counters as growth per second", () => {
    expect(rates([0, 1, 3, 4], [10, 15, 25, 2])).toEqual([null, 5, 5, null]);
  });
});
