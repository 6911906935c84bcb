import { describe, expect, it } from "vitest";
import { consoleNow, learnClock } from "./clock";
import { queryString } from "./client";
import { parseMatrix, quote, stepFor, windowUntil } from "./prom";
import { insertEvent, statusIntoDetail, statusMatters, summaryIntoDetail, upsertAlarm, upsertIncident } from "./reducers";
import { reconnectPause } from "./stream";
import type { Alarm, IncidentRow, Status, StoreDetail, StoreEvent, StoreSummary } from "./types";

const event = (key: number) => ({ key }) as StoreEvent;
const row = (id: string, opened: string, revision = 1) => ({ id, opened, revision }) as IncidentRow;
const alarm = (id: number, severity: string) => ({ id, severity, raised: "2026-11-22T13:00:00Z" }) as Alarm;

describe("live messages", () => {
  it("puts events in once, newest first, whatever the order of arrival", () => {
    const events = [5, 3, 4, 5].reduce<readonly StoreEvent[]>((all, key) => insertEvent(all, event(key)), []);
    expect(events.map((one) => one.key)).toEqual([5, 4, 3]);
  });

  it("ignores an older revision of an incident", () => {
    const rows = [row("b", "2026-11-22T13:00:02Z", 4)];
    expect(upsertIncident(rows, row("b", "2026-11-22T13:00:02Z", 3))).toBe(rows);
    expect(upsertIncident(rows, row("a", "2026-11-22T13:00:03Z")).map((one) => one.id)).toEqual(["a", "b"]);
    expect(upsertIncident(rows, row("c", "2026-11-22T13:00:01Z")).map((one) => one.id)).toEqual(["b", "c"]);
  });

  it("keeps raised alarms worst first and drops cleared ones", () => {
    const alarms = upsertAlarm(upsertAlarm([], alarm(1, "warning")), alarm(2, "critical"));
    expect(alarms.map((one) => one.id)).toEqual([2, 1]);
    expect(upsertAlarm(alarms, alarm(2, "cleared")).map((one) => one.id)).toEqual([1]);
  });

  it("puts a status into its node, or adds a node not seen before", () => {
    const detail = { nodes: [{ node: "alpha", online: false }] } as unknown as StoreDetail;
    const next = statusIntoDetail(detail, { node: "beta", role: "standby" } as Status, "2026-11-22T13:00:00Z");
    expect(next.nodes.map((node) => [node.node, node.online])).toEqual([
      ["alpha", false],
      ["beta", true],
    ]);
  });

  it("takes whom the peer misses from the console, until the node speaks again", () => {
    const nodes = [{ node: "alpha", online: true, missed: false, inventory: { os: "Debian" } }];
    const summary = { health: "unknown", nodes: [{ node: "alpha", online: true, missed: true }] };
    const missed = summaryIntoDetail({ nodes } as unknown as StoreDetail, summary as unknown as StoreSummary);
    expect(missed.nodes[0]).toMatchObject({ missed: true, inventory: { os: "Debian" } });
    const back = statusIntoDetail(missed, { node: "alpha" } as Status, "2026-11-22T13:00:00Z");
    expect(back.nodes[0]).toMatchObject({ missed: false });
  });

  it("asks again only for a status that changes the picture", () => {
    const status = { role: "active", redundant: true, peerHeard: true, modes: [], generation: 3 } as unknown as Status;
    expect(statusMatters(status, { ...status, outboxPending: 7 })).toBe(false);
    expect(statusMatters(status, { ...status, redundant: false })).toBe(true);
    expect(statusMatters(undefined, status)).toBe(true);
  });

  it("waits longer and longer, but not for ever, to connect again", () => {
    expect([0, 1, 2, 3, 4, 50].map(reconnectPause)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  });
});

describe("queries", () => {
  it("leaves out what is not set", () => {
    expect(queryString({ store: undefined, limit: 5, open: false })).toBe("?limit=5&open=false");
    expect(queryString({})).toBe("");
  });

  it("aligns windows to their step", () => {
    expect(stepFor(900)).toBe(5);
    expect(windowUntil(1001.3, 900)).toEqual({ start: 105, end: 1005, step: 5 });
  });

  it("reads a Prometheus matrix", () => {
    const answer = {
      status: "success",
      data: { result: [{ metric: { node: "alpha" }, values: [[10, "0.5"]] as [number, string][] }] },
    };
    expect(parseMatrix(answer)).toEqual([{ labels: { node: "alpha" }, times: [10], values: [0.5] }]);
    expect(() => parseMatrix({ status: "error", error: "bad query" })).toThrow("bad query");
    expect(quote('a"b\\')).toBe('"a\\"b\\\\"');
  });
});

describe("the console's clock", () => {
  it("is trusted only when the browser is clearly off", () => {
    learnClock(new Date(Date.now() + 3_600_000).toUTCString(), Date.now());
    expect(consoleNow() - Date.now()).toBeGreaterThan(3_500_000);
    learnClock(new Date(Date.now()).toUTCString(), Date.now());
    expect(Math.abs(consoleNow() - Date.now())).toBeLessThan(5);
  });
});
