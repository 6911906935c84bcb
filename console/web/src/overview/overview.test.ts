import { describe, expect, it } from "vitest";
import { keyAction } from "../app/keys";
import { align, breakGaps, stretches } from "../charts/data";
import type { Alarm, FailoverSummary, IncidentRow, StoreSummary } from "../api/types";
import { countStores, feedsOf, headline, lastBeat, pairLinks, presenceOf, tellerNote, worst } from "../health/health";
import type { NodeDetail } from "../api/types";
import { failoverNote } from "./recovery";
import { filterRows, joinRows, sortRows } from "./rows";

const store = (name: string, health: string, over: Partial<StoreSummary> = {}) =>
  ({
    store: name,
    health,
    reason: "",
    active: "alpha",
    nodes: [],
    alarms: 0,
    worstSeverity: "",
    ...over,
  }) as StoreSummary;
const failover = (name: string, opened: string) => ({ store: name, opened, kind: "failover" }) as IncidentRow;

describe("headline", () => {
  const say = (...words: string[]) => headline(countStores(words.map((word, index) => store(`s${index}`, word)))).text;
  it("answers whether every store is selling", () => {
    expect(say()).toBe("No store has reported yet");
    expect(say("ok")).toBe("The store is selling");
    expect(say("ok", "ok")).toBe("All 2 stores are selling");
    expect(say("ok", "degraded")).toBe("1 of 2 stores is at risk");
    expect(say("degraded", "degraded", "ok")).toBe("2 of 3 stores are at risk");
    expect(say("ok", "down")).toBe("1 of 2 stores is not selling");
    expect(say("ok", "unknown")).toBe("It is not known whether 1 of 2 stores is selling, the other one is");
    expect(say("ok", "ok", "unknown")).toBe("It is not known whether 1 of 3 stores is selling, all others are");
    expect(say("unknown", "degraded")).toBe("It is not known whether 1 of 2 stores is selling, 1 is at risk");
    expect(say("ok", "degraded", "degraded", "unknown", "unknown")).toBe(
      "It is not known whether 2 of 5 stores are selling, 2 are at risk",
    );
    expect(say("degraded")).toBe("The store is at risk");
    expect(say("unknown")).toBe("It is not known whether the store is selling");
  });
});

describe("failovers", () => {
  const summary = (count: number, underWay: number): FailoverSummary => ({
    since: "2026-11-19T00:00:00Z",
    count,
    underWay,
  });
  it("names the window, whatever was found in it", () => {
    expect(failoverNote(undefined)).toBe("in 7 days");
    expect(failoverNote(summary(0, 0))).toBe("no failover in 7 days");
    expect(failoverNote(summary(1, 0))).toBe("of 1 failover in 7 days");
    expect(failoverNote(summary(5, 1))).toBe("of 5 failovers in 7 days, 1 under way");
  });
});

describe("rows", () => {
  const rows = joinRows(
    [store("s10", "ok"), store("s2", "down", { reason: "no node is active" }), store("s1", "ok")],
    [failover("s1", "2026-01-01T00:00:00Z"), failover("s1", "2026-02-01T00:00:00Z")],
  );
  it("sorts by health, then by name as people count", () => {
    expect(sortRows(rows, { key: "health", direction: "asc" }).map((row) => row.store.store)).toEqual([
      "s2",
      "s1",
      "s10",
    ]);
    expect(sortRows(rows, { key: "store", direction: "desc" }).map((row) => row.store.store)).toEqual([
      "s10",
      "s2",
      "s1",
    ]);
  });
  it("knows each store's newest failover", () => {
    expect(rows.find((row) => row.store.store === "s1")?.failover?.opened).toBe("2026-02-01T00:00:00Z");
  });
  it("filters by words and health", () => {
    expect(filterRows(rows, "no ACTIVE", "all").map((row) => row.store.store)).toEqual(["s2"]);
    expect(filterRows(rows, "", "ok")).toHaveLength(2);
  });
});

describe("links", () => {
  it("takes the worse of both ends", () => {
    const node = (name: string, health: string) =>
      ({ node: name, status: { links: [{ name: "cable", health, direct: true }] } }) as unknown as NodeDetail;
    expect(pairLinks([node("alpha", "ok"), node("beta", "down")])).toMatchObject([
      { name: "cable", direct: true, health: "down" },
    ]);
    expect(worst([])).toBe("unknown");
  });
});

describe("presence", () => {
  const now = Date.parse("2026-11-22T13:00:10Z");
  const node = (name: string, status: object, over: object = {}) =>
    ({
      node: name,
      online: true,
      lastSeen: "2026-11-22T13:00:08Z",
      status: { fenceDevices: [], ...status },
      ...over,
    }) as unknown as NodeDetail;
  const last = { time: "2026-11-22T13:00:05Z", role: "active", generation: 1, peerHeard: true };
  const alpha = node("alpha", last, { missed: true });
  const beta = (status: object) =>
    node("beta", { time: "2026-11-22T13:00:07Z", peerHeard: false, generation: 1, ...status });

  it("shows at once that a node was taken over, though its last word is fresh", () => {
    const after = beta({ role: "active", generation: 2 });
    expect(presenceOf(alpha, [alpha, after], now)).toBe("off");
    expect(presenceOf(after, [alpha, after], now)).toBe("present");
    const read = beta({ role: "standby", fenceDevices: [{ power: "off", feeds: ["alpha"], level: 1 }] });
    expect(presenceOf(alpha, [alpha, read], now)).toBe("off");
  });

  it("calls a node off when every supply of one level reads off", () => {
    const device = (level: number, power: string) => ({ power, feeds: ["alpha"], level });
    const half = beta({ role: "standby", fenceDevices: [device(1, "off"), device(1, "on"), device(2, "unknown")] });
    expect(presenceOf(alpha, [alpha, half], now)).toBe("silent");
    const second = beta({ role: "standby", fenceDevices: [device(1, "off"), device(1, "on"), device(2, "off")] });
    expect(presenceOf(alpha, [alpha, second], now)).toBe("off");
  });

  it("does not call a node off because the links are cut", () => {
    const cut = beta({ role: "standby" });
    const alive = node("alpha", { ...last, peerHeard: false });
    expect(presenceOf(alive, [alive, cut], now)).toBe("present");
    expect(presenceOf(alive, [alive, cut], now + 60_000)).toBe("silent");
  });

  it("does not show a node that is heard again as it was before it died", () => {
    const whole = beta({ role: "active", generation: 2, peerHeard: true });
    expect(presenceOf(alpha, [alpha, whole], now)).toBe("silent");
    const back = node("alpha", { role: "standby", generation: 2, peerHeard: true }, { missed: false });
    expect(presenceOf(back, [back, whole], now)).toBe("present");
  });
});

describe("a node that its peer misses", () => {
  const now = Date.parse("2026-11-22T13:00:10Z");
  const node = (name: string, status: object, over: object = {}) =>
    ({ node: name, online: true, lastSeen: "2026-11-22T13:00:08Z", status, ...over }) as unknown as NodeDetail;

  it("is silent though its last word is fresh", () => {
    const alpha = node("alpha", { role: "active", generation: 1 }, { missed: true });
    const beta = node("beta", {
      time: "2026-11-22T13:00:07Z",
      peer: "alpha",
      links: [{ lastHeardSeconds: 2.5 }, { lastHeardSeconds: 1.5 }, { lastHeardSeconds: -1 }],
    });
    expect(presenceOf(alpha, [alpha, beta], now)).toBe("silent");
    expect(lastBeat(beta)).toBe(Date.parse("2026-11-22T13:00:05.5Z"));
    expect(lastBeat(undefined)).toBeNull();
  });

  it("does not tell of the end of its alarms", () => {
    const alarm = { node: "alpha" } as Alarm;
    const nodes = (over: object) => store("s1", "ok", { nodes: [{ node: "alpha", online: true, missed: false, role: "", ...over }] });
    expect(tellerNote(alarm, nodes({}))).toBe("told by alpha");
    expect(tellerNote(alarm, nodes({ missed: true }))).toBe("told by alpha, which is silent now");
    expect(tellerNote(alarm, nodes({ online: false }))).toMatch(/silent/);
    expect(tellerNote(alarm, undefined)).toBe("told by alpha");
  });

  it("is no witness of a device that somebody read later", () => {
    const ups = (read?: string) => ({ fenceDevices: [{ name: "ups", feeds: ["alpha"], read }] });
    const [alpha, beta] = [node("alpha", ups()), node("beta", ups("2026-11-22T13:00:07Z"))];
    expect(feedsOf("alpha", [alpha, beta]).map(({ reader }) => reader.node)).toEqual(["beta"]);
  });
});

describe("chart data", () => {
  it("aligns lines of different times", () => {
    const line = (times: number[], values: number[]) => ({ label: "", color: "", times, values });
    expect(align([line([1, 3], [10, 30]), line([2, 3], [200, 300])])).toEqual([
      [1, 2, 3],
      [10, undefined, 30],
      [undefined, 200, 300],
    ]);
  });
  it("does not draw through a silence, whatever the other lines have there", () => {
    const other = { label: "", color: "", times: [2, 3, 4, 5], values: [9, 9, 9, 9] };
    const broken = { label: "", color: "", times: [1, 3, 5], values: [10, null, 50] };
    expect(align([broken, other])[1]).toEqual([10, undefined, null, null, 50]);
    expect(breakGaps([0, 5, 60], [1, 2, 3], 10)).toEqual({ times: [0, 5, 10, 60], values: [1, 2, null, 3] });
  });
  it("joins equal states and leaves silences open", () => {
    expect(stretches([0, 5, 10, 60], [1, 1, 0, 1], 5)).toEqual([
      { start: 0, end: 10, value: 1 },
      { start: 10, end: 15, value: 0 },
      { start: 60, end: 65, value: 1 },
    ]);
  });
});

describe("keys", () => {
  it("goes somewhere only after g", () => {
    expect(keyAction("s", false)).toEqual({ do: "nothing" });
    expect(keyAction("s", true)).toEqual({ do: "go", to: "/" });
    expect(keyAction("/", false)).toEqual({ do: "search" });
  });
});
